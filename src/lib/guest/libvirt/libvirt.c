/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's client library. It prints what goes wrong unless somebody else takes the words, and it starts
 * nothing here: the daemon of a URI that ends in "system" is the service manager's.
 */
#include "guest/libvirt.h"

#include <ctype.h>
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "guest/domain.h"

DMV_DEFINE_CLEANUP(virDomainPtr, cleanup_domain, virDomainFree);
DMV_DEFINE_CLEANUP(virNetworkPtr, cleanup_network, virNetworkFree);

/* What a network is made of, asked for once. */
typedef struct Network {
    char *name, *bridge; /* NULL: it has none, or is not known */
} Network;

struct DmvLibvirt {
    virConnectPtr connection;
    char type[16]; /* of its domains, as their descriptions say it: "xen" */
    Network *networks;
    size_t n_networks;
};

/* Of this process' last call; libvirt's words, printable. */
static int failed(int code, DmvError *reterr, const char *doing)
{
    DMV_CLEANUP_FREE char *words = dmv_sanitize(virGetLastErrorMessage());

    return words ? dmv_error_set(reterr, code, NULL, NULL, "%s: %s", doing, words) : -ENOMEM;
}

static void ignore_words(void *userdata, virErrorPtr e)
{
    (void)userdata;
    (void)e;
}

/* ---- the connection ---- */

/* No socket, or a libvirt without the driver. A socket that nobody listens at is a failure. */
static bool is_absent(void)
{
    const virError *e = virGetLastError();

    if (!e)
        return false;
    return e->code == VIR_ERR_NO_CONNECT || e->code == VIR_ERR_CONFIG_UNSUPPORTED ||
           e->code == VIR_ERR_NO_SUPPORT || (e->code == VIR_ERR_SYSTEM_ERROR && e->int1 == ENOENT);
}

static int find_type(DmvLibvirt *l, DmvError *reterr)
{
    const char *type = virConnectGetType(l->connection);

    if (!type)
        return failed(DMV_FAILED, reterr, "libvirt does not say what it is");
    (void)snprintf(l->type, sizeof(l->type), "%s", type);
    for (char *p = l->type; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return 0;
}

int dmv_libvirt_open(const char *uri, bool writable, DmvLibvirt **ret, DmvError *reterr)
{
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return -ENOMEM;
    virSetErrorFunc(NULL, ignore_words);
    if (virInitialize() < 0)
        return failed(DMV_FAILED, reterr, "libvirt does not start");
    l->connection = writable ? virConnectOpen(uri) : virConnectOpenReadOnly(uri);
    if (!l->connection)
        return is_absent() ? failed(DMV_NO_SUCH_OBJECT, reterr, "this host has no libvirt for Xen")
                           : failed(DMV_FAILED, reterr, "libvirt cannot be reached");
    r = find_type(l, reterr);
    if (r == 0)
        *ret = DMV_TAKE_PTR(l);
    return r;
}

DmvLibvirt *dmv_libvirt_free(DmvLibvirt *l)
{
    if (!l)
        return NULL;
    if (l->connection)
        (void)virConnectClose(l->connection);
    for (size_t i = 0; i < l->n_networks; i++) {
        free(l->networks[i].name);
        free(l->networks[i].bridge);
    }
    free(l->networks);
    free(l);
    return NULL;
}

/* ---- reading ---- */

/* One that is not known, or has no bridge, stays a name. */
static Network *ask_network(DmvLibvirt *l, const char *name)
{
    DMV_CLEANUP(cleanup_network) virNetworkPtr network = virNetworkLookupByName(l->connection, name);
    Network *n = DMV_ARRAY_ADD(l->networks, l->n_networks);

    if (!n || dmv_set_string(&n->name, name) < 0)
        return NULL;
    n->bridge = network ? virNetworkGetBridgeName(network) : NULL;
    return n;
}

static char *bridge_of(const char *network, void *userdata)
{
    DmvLibvirt *l = userdata;
    const Network *n = NULL;

    for (size_t i = 0; !n && i < l->n_networks; i++)
        if (dmv_streq(l->networks[i].name, network))
            n = &l->networks[i];
    if (!n)
        n = ask_network(l, network);
    return n && n->bridge ? strdup(n->bridge) : NULL;
}

static int describe(DmvLibvirt *l, virDomainPtr domain, DmvGuest *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *xml = virDomainGetXMLDesc(domain, 0);

    if (!xml)
        return failed(virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? DMV_NO_SUCH_OBJECT : DMV_FAILED, reterr,
                      "libvirt does not describe it");
    return dmv_domain_parse(xml, strlen(xml), l->type, bridge_of, l, ret, reterr);
}

static int add_domain(DmvLibvirt *l, virDomainPtr domain, DmvGuests *g)
{
    DMV_CLEANUP_GUEST DmvGuest x = {.id = -1};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *name = NULL;
    DmvGuest *place;
    int r;

    if (virDomainGetID(domain) == 0)
        return 0;
    r = describe(l, domain, &x, &e);
    if (r < 0 || r == DMV_NO_SUCH_OBJECT)
        return r < 0 ? r : 0;
    if (r > 0) {
        name = dmv_sanitize(virDomainGetName(domain));
        (void)dmv_problem_add(&g->problems, name, r, "%s", dmv_error_words(&e, r));
        return 0;
    }
    place = DMV_ARRAY_ADD(g->items, g->n);
    if (!place)
        return -ENOMEM;
    x.channels = 1u << DMV_CHANNEL_LIBVIRT;
    *place = x;
    x = (DmvGuest){0};
    return 0;
}

/* "libvirt 9.0.0, Xen 4.17.5" */
static int say_versions(DmvLibvirt *l, DmvChannel *c)
{
    unsigned long library = 0, hypervisor = 0;
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_append(&t, "libvirt");
    if (virConnectGetLibVersion(l->connection, &library) == 0)
        dmv_text_appendf(&t, " %lu.%lu.%lu", library / 1000000, library / 1000 % 1000, library % 1000);
    if (virConnectGetVersion(l->connection, &hypervisor) == 0 && hypervisor > 0)
        dmv_text_appendf(&t, ", %s %lu.%lu.%lu", virConnectGetType(l->connection), hypervisor / 1000000,
                         hypervisor / 1000 % 1000, hypervisor % 1000);
    free(c->gave);
    c->gave = NULL;
    return dmv_text_take(&t, &c->gave, NULL);
}

int dmv_libvirt_read(DmvLibvirt *l, DmvGuests *ret, DmvError *reterr)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(l->connection, &domains, 0), r;

    if (n < 0)
        return failed(DMV_FAILED, reterr, "libvirt does not list its domains");
    r = say_versions(l, &ret->channels[DMV_CHANNEL_LIBVIRT]);
    if (r == 0 && n > DMV_GUESTS_MAX)
        (void)dmv_problem_add(&ret->problems, "libvirt", DMV_TOO_LARGE, "it has more than %d domains",
                              DMV_GUESTS_MAX);
    for (int i = 0; i < n; i++) {
        if (r == 0 && i < DMV_GUESTS_MAX)
            r = add_domain(l, domains[i], ret);
        (void)virDomainFree(domains[i]);
    }
    free(domains);
    return r;
}

/* ---- files ---- */

/* xl's syntax is xm's, with more to it. The S-expressions of xend are asked for only where a file has them.
 */
static const char *const formats[] = {"xen-xl", "xen-xm", "xen-sxpr"};

static int convert(DmvLibvirt *l, const char *text, char **ret, DmvError *reterr)
{
    size_t first = text[strspn(text, " \t\r\n")] == '(' ? 2 : 0, end = first == 2 ? 3 : 2;
    int r = DMV_MALFORMED;

    for (size_t i = first; i < end; i++) {
        *ret = virConnectDomainXMLFromNative(l->connection, formats[i], text, 0);
        if (*ret)
            return 0;
        if (i == first)
            r = failed(DMV_MALFORMED, reterr, "libvirt does not understand it");
    }
    return r;
}

static int convert_once(DmvLibvirt *l, const char *text, DmvGuest *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *xml = NULL;
    int r = convert(l, text, &xml, reterr);

    return r == 0 ? dmv_domain_parse(xml, strlen(xml), l->type, bridge_of, l, ret, reterr) : r;
}

static void keep_same(char **a, const char *b)
{
    if (!dmv_streq(*a, b)) {
        free(*a);
        *a = NULL;
    }
}

int dmv_libvirt_convert(DmvLibvirt *l, const char *text, DmvGuest *ret, DmvError *reterr)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0}, again = {0};
    int r = convert_once(l, text, &g, reterr);

    if (r == 0)
        r = convert_once(l, text, &again, reterr);
    if (r != 0)
        return r;
    keep_same(&g.uuid, again.uuid);
    for (size_t i = 0; i < g.n_devices; i++)
        keep_same(&g.devices[i].target, i < again.n_devices ? again.devices[i].target : NULL);
    *ret = g;
    g = (DmvGuest){0};
    return 0;
}

/* ---- stopping and bringing back ---- */

static int find(DmvLibvirt *l, const char *guest, virDomainPtr *ret, DmvError *reterr)
{
    char uuid[DMV_UUID_SIZE];

    if (dmv_uuid_normalize(guest, uuid))
        *ret = virDomainLookupByUUIDString(l->connection, uuid);
    if (!*ret)
        *ret = virDomainLookupByName(l->connection, guest);
    if (*ret)
        return 0;
    return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN
               ? failed(DMV_NO_SUCH_OBJECT, reterr, "libvirt does not know it")
               : failed(DMV_FAILED, reterr, "libvirt does not find it");
}

static int is_active(virDomainPtr domain, bool *ret, DmvError *reterr)
{
    int n = virDomainIsActive(domain);

    if (n < 0)
        return failed(DMV_FAILED, reterr, "libvirt does not say whether it runs");
    *ret = n > 0;
    return 0;
}

/* The domain, and whether it runs. */
static int find_state(DmvLibvirt *l, const char *guest, virDomainPtr *ret, bool *ret_runs, DmvError *reterr)
{
    int r = find(l, guest, ret, reterr);

    return r == 0 ? is_active(*ret, ret_runs, reterr) : r;
}

int dmv_libvirt_shutdown(DmvLibvirt *l, const char *guest, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_domain) virDomainPtr domain = NULL;
    bool runs = false;
    int r = find_state(l, guest, &domain, &runs, reterr);

    if (r != 0 || !runs)
        return r;
    return virDomainShutdownFlags(domain, 0) < 0 ? failed(DMV_FAILED, reterr, "it cannot be shut down") : 0;
}

int dmv_libvirt_is_running(DmvLibvirt *l, const char *guest, bool *ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_domain) virDomainPtr domain = NULL;
    int r = find_state(l, guest, &domain, ret, reterr);

    if (r != DMV_NO_SUCH_OBJECT)
        return r;
    dmv_error_clear(reterr);
    *ret = false;
    return 0;
}

int dmv_libvirt_save(DmvLibvirt *l, const char *guest, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_domain) virDomainPtr domain = NULL;
    bool runs = false;
    int r = find_state(l, guest, &domain, &runs, reterr);

    if (r != 0 || !runs)
        return r;
    return virDomainManagedSave(domain, 0) < 0 ? failed(DMV_FAILED, reterr, "it cannot be saved") : 0;
}

static int get_id(virDomainPtr domain, int64_t *ret, DmvError *reterr)
{
    unsigned id = virDomainGetID(domain);

    if (id == (unsigned)-1)
        return failed(DMV_FAILED, reterr, "it has ended again");
    *ret = (int64_t)id;
    return 0;
}

int dmv_libvirt_restore(DmvLibvirt *l, const char *guest, int64_t *ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_domain) virDomainPtr domain = NULL;
    bool runs = false;
    int saved, r = find_state(l, guest, &domain, &runs, reterr);

    if (r != 0 || runs)
        return r == 0 ? get_id(domain, ret, reterr) : r;
    saved = virDomainHasManagedSaveImage(domain, 0);
    if (saved < 0)
        return failed(DMV_FAILED, reterr, "libvirt does not say whether it was saved");
    if (saved == 0)
        return dmv_error_set(reterr, DMV_NOTHING_SAVED, NULL, NULL, "nothing of it was saved");
    if (virDomainCreate(domain) < 0)
        return failed(DMV_FAILED, reterr, "it cannot be brought back");
    return get_id(domain, ret, reterr);
}
