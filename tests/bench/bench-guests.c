/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What 1,000 guests cost: reading their descriptions and their nodes in a XenStore in memory, and making one
 * list of what both channels tell. Times are the best of many rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/benchkit.h"
#include "../support/xenstorekit.h"
#include "base/text.h"
#include "guest/domain.h"

#define N_GUESTS 1000
#define ROUNDS 15

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "bench-guests: %s failed\n", what);
    exit(1);
}

/* As libvirt 9 writes a running one with two disks and two interfaces. */
static char *make_description(int i)
{
    static const char head[] =
        "<domain type='xen' id='%d'><name>guest-%d</name><uuid>%08d-0000-0000-0000-000000000001</uuid>"
        "<memory unit='KiB'>524288</memory><currentMemory unit='KiB'>524288</currentMemory>"
        "<vcpu placement='static'>2</vcpu><os><type arch='x86_64' machine='xenpv'>linux</type>"
        "<kernel>/boot/vmlinuz</kernel></os><clock offset='utc' adjustment='reset'/>"
        "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>restart</"
        "on_crash><devices>";
    static const char disk[] = "<disk type='block' device='disk'><driver name='phy' type='raw'/>"
                               "<source dev='/dev/vg/guest-%d-%d'/><target dev='xvd%c' bus='xen'/></disk>";
    static const char interface[] =
        "<interface type='bridge'><mac address='00:16:3e:%02x:%02x:%02x'/><source bridge='xenbr%d'/>"
        "<script path='vif-bridge'/><target dev='vif%d.%d'/></interface>";
    DmvText t = {0};
    char *xml = NULL;

    dmv_text_appendf(&t, head, i, i, i);
    for (int k = 0; k < 2; k++) {
        dmv_text_appendf(&t, disk, i, k, 'a' + k);
        dmv_text_appendf(&t, interface, i / 256, i % 256, k, k, i, k);
    }
    dmv_text_append(&t, "<console type='pty'><target type='xen' port='0'/></console>"
                        "<memballoon model='xen'/></devices></domain>");
    need(dmv_text_take(&t, &xml, NULL) == 0, "memory");
    return xml;
}

__attribute__((format(printf, 2, 4))) static void add(XenstoreKit *kit, const char *format, const char *value,
                                                      ...)
{
    va_list ap;
    char *path;

    va_start(ap, value);
    path = dmv_vformat(format, ap);
    va_end(ap);
    need(path != NULL, "memory");
    xenstore_add(kit, path, value);
    free(path);
}

/* The same guests, in 42 nodes each. */
static void make_tree(XenstoreKit *kit)
{
    static const char *const vbd[] = {"frontend", "script",      "online",         "bootable",
                                      "mode",     "device-type", "physical-device"};
    static const char *const vif[] = {"frontend", "script", "online", "handle", "hotplug-status"};
    char value[64];

    for (int i = 1; i <= N_GUESTS; i++) {
        (void)snprintf(value, sizeof(value), "/vm/%08d-0000-0000-0000-000000000001", i);
        add(kit, "/local/domain/%d/vm", value, i);
        (void)snprintf(value, sizeof(value), "guest-%d", i);
        add(kit, "/local/domain/%d/name", value, i);
        add(kit, "/local/domain/%d/memory/target", "524288", i);
        add(kit, "/libxl/%d/type", "pv", i);
        for (int k = 0; k < 2; k++) {
            for (size_t n = 0; n < DMV_N_ELEMENTS(vbd); n++)
                add(kit, "/local/domain/0/backend/vbd/%d/%d/%s", "x", i, k, vbd[n]);
            (void)snprintf(value, sizeof(value), "/dev/vg/guest-%d-%d", i, k);
            add(kit, "/local/domain/0/backend/vbd/%d/%d/params", value, i, k);
            add(kit, "/local/domain/0/backend/vbd/%d/%d/type", "phy", i, k);
            add(kit, "/local/domain/0/backend/vbd/%d/%d/state", "4", i, k);
            add(kit, "/local/domain/0/backend/vbd/%d/%d/dev", k ? "xvdb" : "xvda", i, k);
            for (size_t n = 0; n < DMV_N_ELEMENTS(vif); n++)
                add(kit, "/local/domain/0/backend/vif/%d/%d/%s", "x", i, k, vif[n]);
            (void)snprintf(value, sizeof(value), "00:16:3e:%02x:%02x:%02x", (unsigned)i / 256,
                           (unsigned)i % 256, (unsigned)k);
            add(kit, "/local/domain/0/backend/vif/%d/%d/mac", value, i, k);
            add(kit, "/local/domain/0/backend/vif/%d/%d/bridge", k ? "xenbr1" : "xenbr0", i, k);
            add(kit, "/local/domain/0/backend/vif/%d/%d/state", "4", i, k);
        }
    }
}

static void read_descriptions(char *const *xml, DmvGuests *g)
{
    for (size_t i = 0; i < N_GUESTS; i++) {
        DmvGuest *x = DMV_ARRAY_ADD(g->items, g->n);

        need(x && dmv_domain_parse(xml[i], strlen(xml[i]), "xen", NULL, NULL, x, NULL) == 0, "description");
        x->channels = 1u << DMV_CHANNEL_LIBVIRT;
    }
}

static void best(double *least, double began)
{
    double took = bench_now() - began;

    if (*least == 0 || took < *least)
        *least = took;
}

static void run_round(char *const *xml, const DmvXenstoreReader *reader, double least[3])
{
    DmvGuests by_libvirt = {0}, by_xenstore = {0}, all = {0};
    double began = bench_now();

    read_descriptions(xml, &by_libvirt);
    best(&least[0], began);
    began = bench_now();
    need(dmv_xenstore_read_tree(reader, &by_xenstore) == 0, "tree");
    for (size_t i = 0; i < by_xenstore.n; i++)
        by_xenstore.items[i].channels = 1u << DMV_CHANNEL_XENSTORE;
    best(&least[1], began);
    began = bench_now();
    need(dmv_guests_merge(&all, &by_libvirt) == 0 && dmv_guests_merge(&all, &by_xenstore) == 0, "merge");
    best(&least[2], began);
    need(all.n == N_GUESTS && all.items[0].n_devices == 4, "what came of it");
    dmv_guests_deinit(&all);
}

int main(void)
{
    XenstoreKit kit = {0};
    DmvXenstoreReader reader = xenstore_reader(&kit, true);
    char *xml[N_GUESTS];
    double least[3] = {0};

    for (int i = 0; i < N_GUESTS; i++)
        xml[i] = make_description(i + 1);
    make_tree(&kit);
    for (int i = 0; i < ROUNDS; i++)
        run_round(xml, &reader, least);
    (void)printf(
        "guests: %.1f ms for %d descriptions, %.1f ms for their nodes in XenStore (%zu), %.1f ms for one "
        "list of both; %.1f ms together\n",
        least[0] * 1e3, N_GUESTS, least[1] * 1e3, kit.n, least[2] * 1e3,
        (least[0] + least[1] + least[2]) * 1e3);
    for (size_t i = 0; i < N_GUESTS; i++)
        free(xml[i]);
    xenstore_deinit(&kit);
    return 0;
}
