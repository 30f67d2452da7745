/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the devices of guests stand on, on recorded hosts: every kind of backing, and what cannot be followed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/lists.h"
#include "../support/recorded.h"
#include "host/footing.h"

#define SR "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
#define VDI "11112222-3333-4444-5555-666677778888"

/* A host with two controllers, two cards of two ports, a card whose virtual functions are guests', and a card
 * that is a guest's as a whole. */
static const char hardware[] =
    "kernel 6.1.0-50-amd64\n"
    "module megaraid_sas\nmodule mpt3sas\nmodule e1000e\nmodule bnxt_en\nmodule mlx5_core\nmodule nvme\n"
    "module nvme_core\nmodule xen_pciback\nmodule xen_netback\nmodule scsi_transport_sas\n"
    "needs nvme_core nvme\nneeds scsi_transport_sas mpt3sas\n"
    "device 0000:01:00.0 id=1000:10e2 class=010400 driver=megaraid_sas disk=sda,sdb\n"
    "device 0000:02:00.0 id=8086:10d3 class=020000 driver=e1000e net=eth0\n"
    "device 0000:02:00.1 id=8086:10d3 class=020000 driver=e1000e net=eth1\n"
    "device 0000:03:00.0 id=14e4:16d7 class=020000 driver=bnxt_en net=eth2\n"
    "device 0000:04:00.0 id=8086:1592 class=020000 driver=pciback module=xen_pciback\n"
    "device 0000:06:00.0 id=1000:0097 class=010700 driver=mpt3sas disk=sdm,sdn\n"
    "device 0000:07:00.0 id=15b3:1017 class=020000 driver=mlx5_core net=pf0\n"
    "functions 0000:07:00.0 count=1 first=0000:07:00.2 id=15b3:1018 class=020000 driver=pciback\n"
    "device 0000:08:00.0 id=144d:a80a class=010802 driver=nvme nvme=nvme0n1\n"
    /* networks: a bridge on a VLAN on a bond, one with a guest's interface only, one of Open vSwitch */
    "vif vif1.0 device=vif-1-0 module=xen_netback\n"
    "interface bond0 on=eth0,eth1\n"
    "interface bond0.7 on=bond0\n"
    "interface xenbr0 on=bond0.7,vif1.0 is=bridge\n"
    "interface internal on=vif1.0 is=bridge\n"
    "interface ovs-system on=eth2\n"
    "interface ovsbr0\n"
    /* disks: a multipath with volumes on it, a filesystem with images, one inside of an image, a repository
     */
    "stack dm-0 on=sda,sdm name=mpatha\n"
    "stack dm-1 on=dm-0 name=guests-web--1\n"
    "stack dm-2 on=nvme0n1 "
    "name=VG_XenStorage--0f1e2d3c--4b5a--6978--8796--a5b4c3d2e1f0-VHD--11112222--3333--4444--"
    "5555--666677778888\n"
    "part sdb sdb1\n"
    "mount / ext4 sdb1\n"
    "mount /srv ext4 nvme0n1\n"
    "mount /run/sr-mount/aaaaaaaa-0000-0000-0000-000000000001 ext4 sdn\n"
    "loop loop0 file=/srv/inner.img\n"
    "mount /inner ext4 loop0\n"
    "mount /pool zfs - source=pool/images\n";

typedef struct Host {
    Scratch s;
    DmvRoots roots;
    DmvGuests guests;
    DmvProblems problems;
    DmvFootings footings;
} Host;

static int setup(void **state)
{
    Host *h = calloc(1, sizeof(*h));

    if (!h)
        return -1;
    scratch_init(&h->s);
    recorded_text(&h->s, hardware, "host");
    scratch_mkdir(&h->s, "root");
    assert_int_equal(dmv_roots_init(&h->roots, scratch_path(&h->s, "root"), scratch_path(&h->s, "host/sys"),
                                    scratch_path(&h->s, "host/proc")),
                     0);
    *state = h;
    return 0;
}

static void forget(Host *h)
{
    dmv_footings_deinit(&h->footings);
    dmv_problems_deinit(&h->problems);
    dmv_guests_deinit(&h->guests);
}

static int teardown(void **state)
{
    Host *h = *state;

    forget(h);
    dmv_roots_deinit(&h->roots);
    scratch_deinit(&h->s);
    free(h);
    return 0;
}

static void add(Host *h, const char *name, DmvBackingKind kind, const char *what)
{
    DmvGuest *g = h->guests.n > 0 ? &h->guests.items[h->guests.n - 1] : NULL;

    if (!g || strcmp(g->name, name) != 0) {
        g = DMV_ARRAY_ADD(h->guests.items, h->guests.n);
        assert_non_null(g);
        assert_int_equal(dmv_set_string(&g->name, name), 0);
    }
    assert_int_equal(dmv_guest_add_device(g, kind, what, NULL), 0);
}

static void look(Host *h)
{
    assert_int_equal(dmv_observe_footings(&h->roots, &h->guests, &h->problems, &h->footings), 0);
}

static const DmvFooting *get(const Host *h, DmvBackingKind kind, const char *what)
{
    const DmvGuestDevice d = {.kind = kind, .what = (char *)what};
    const DmvFooting *f = dmv_footings_find(&h->footings, &d);

    if (!f)
        fail_msg("%s has no footing", what);
    return f;
}

static void assert_footing(const Host *h, DmvBackingKind kind, const char *what, const char *chain,
                           const char *slots, const char *modules)
{
    const DmvFooting *f = get(h, kind, what);

    assert_string_equal(f->chain, chain);
    assert_list(f->slots, slots);
    assert_list(f->modules, modules);
    if (f->unknown)
        fail_msg("%s: %s", what, f->unknown);
}

static void assert_unknown(const Host *h, DmvBackingKind kind, const char *what, const char *why)
{
    assert_non_null(get(h, kind, what)->unknown);
    assert_string_equal(get(h, kind, what)->unknown, why);
}

static void test_interfaces(void **state)
{
    Host *h = *state;

    add(h, "a", DMV_BACKING_INTERFACE, "xenbr0");
    add(h, "b", DMV_BACKING_INTERFACE, "xenbr0");
    add(h, "b", DMV_BACKING_INTERFACE, "ovsbr0");
    add(h, "c", DMV_BACKING_INTERFACE, "internal");
    add(h, "c", DMV_BACKING_INTERFACE, "gone0");
    add(h, "d", DMV_BACKING_OTHER, "network default");
    look(h);
    assert_int_equal(h->footings.n, 4);
    assert_footing(h, DMV_BACKING_INTERFACE, "xenbr0",
                   "xenbr0 on bond0.7 on bond0 on eth0 on 0000:02:00.0 and eth1 on 0000:02:00.1",
                   "0000:02:00.0 0000:02:00.1", "e1000e");
    assert_footing(h, DMV_BACKING_INTERFACE, "ovsbr0", "ovsbr0 on ovs-system on eth2 on 0000:03:00.0",
                   "0000:03:00.0", "bnxt_en");
    assert_unknown(h, DMV_BACKING_INTERFACE, "internal",
                   "nothing under interface internal leads to a device");
    assert_unknown(h, DMV_BACKING_INTERFACE, "gone0", "there is no interface gone0");
    assert_int_equal(h->problems.n, 0);
    forget(h);
}

static void test_disks(void **state)
{
    Host *h = *state;

    scratch_write(&h->s, "root/run/udev/data/b8:3",
                  "I:1\nE:ID_SERIAL=x\nS:disk/by-id/scsi-36\nS:disk/by-path/y\n");
    scratch_write(&h->s, "root/run/udev/data/c1:3", "S:disk/by-id/scsi-37\n");
    scratch_write(&h->s, "root/run/udev/data/b77:0", "S:disk/by-id/scsi-37\nS:disk/by-id/scsi-36x\n");
    add(h, "a", DMV_BACKING_BLOCK, "/dev/guests/web-1");
    add(h, "a", DMV_BACKING_BLOCK, "/dev/mapper/guests-web--1");
    add(h, "a", DMV_BACKING_BLOCK, "/dev/dm-1");
    add(h, "a", DMV_BACKING_BLOCK, "/dev/sdb1");
    add(h, "b", DMV_BACKING_BLOCK, "/dev/disk/by-id/scsi-36");
    add(h, "b", DMV_BACKING_BLOCK, "/dev/disk/by-id/scsi-37");
    add(h, "c", DMV_BACKING_BLOCK, "/dev/sm/backend/" SR "/" VDI);
    add(h, "c", DMV_BACKING_BLOCK, "/dev/sm/backend/aaaaaaaa-0000-0000-0000-000000000001/" VDI);
    add(h, "c", DMV_BACKING_BLOCK, "/dev/sm/backend/aaaaaaaa-0000-0000-0000-000000000002/" VDI);
    add(h, "c", DMV_BACKING_BLOCK, "/dev/sm/backend/odd");
    add(h, "d", DMV_BACKING_BLOCK, "/dev/guests/gone");
    look(h);
    assert_footing(h, DMV_BACKING_BLOCK, "/dev/guests/web-1",
                   "dm-1 (guests-web--1) on dm-0 (mpatha) on sda on 0000:01:00.0 and sdm on 0000:06:00.0",
                   "0000:01:00.0 0000:06:00.0", "megaraid_sas mpt3sas scsi_transport_sas");
    assert_string_equal(get(h, DMV_BACKING_BLOCK, "/dev/mapper/guests-web--1")->chain,
                        get(h, DMV_BACKING_BLOCK, "/dev/guests/web-1")->chain);
    assert_string_equal(get(h, DMV_BACKING_BLOCK, "/dev/dm-1")->chain,
                        get(h, DMV_BACKING_BLOCK, "/dev/guests/web-1")->chain);
    assert_footing(h, DMV_BACKING_BLOCK, "/dev/sdb1", "sdb1 on sdb on 0000:01:00.0", "0000:01:00.0",
                   "megaraid_sas");
    assert_footing(h, DMV_BACKING_BLOCK, "/dev/disk/by-id/scsi-36", "sdn on 0000:06:00.0", "0000:06:00.0",
                   "mpt3sas scsi_transport_sas");
    assert_unknown(h, DMV_BACKING_BLOCK, "/dev/disk/by-id/scsi-37",
                   "sysfs has no block device disk!by-id!scsi-37");
    assert_footing(
        h, DMV_BACKING_BLOCK, "/dev/sm/backend/" SR "/" VDI,
        "sm/backend/" SR "/" VDI
        " on dm-2 (VG_XenStorage--0f1e2d3c--4b5a--6978--8796--a5b4c3d2e1f0-VHD--11112222--3333--4444--5555--"
        "666677778888) on nvme0n1 on 0000:08:00.0",
        "0000:08:00.0", "nvme nvme_core");
    assert_footing(h, DMV_BACKING_BLOCK, "/dev/sm/backend/aaaaaaaa-0000-0000-0000-000000000001/" VDI,
                   "sm/backend/aaaaaaaa-0000-0000-0000-000000000001/" VDI " on sdn on 0000:06:00.0",
                   "0000:06:00.0", "mpt3sas scsi_transport_sas");
    assert_unknown(h, DMV_BACKING_BLOCK, "/dev/sm/backend/aaaaaaaa-0000-0000-0000-000000000002/" VDI,
                   "storage repository aaaaaaaa-0000-0000-0000-000000000002 is not there");
    assert_unknown(h, DMV_BACKING_BLOCK, "/dev/sm/backend/odd",
                   "sm/backend/odd is no disk of the storage manager");
    assert_unknown(h, DMV_BACKING_BLOCK, "/dev/guests/gone", "sysfs has no block device guests!gone");
    forget(h);
}

static void test_files(void **state)
{
    Host *h = *state;

    scratch_write(&h->s, "root/srv/a.img", "");
    scratch_write(&h->s, "root/var/lib/own.img", "");
    scratch_link(&h->s, "root/var/lib/images", "/srv");
    add(h, "a", DMV_BACKING_FILE, "/srv/a.img");
    add(h, "a", DMV_BACKING_FILE, "/srv/not-yet.img");
    add(h, "b", DMV_BACKING_FILE, "/var/lib/images/a.img");
    add(h, "b", DMV_BACKING_FILE, "/var/lib/own.img");
    add(h, "c", DMV_BACKING_FILE, "/inner/deep.img");
    add(h, "c", DMV_BACKING_FILE, "/pool/x.img");
    look(h);
    assert_footing(h, DMV_BACKING_FILE, "/srv/a.img", "/srv/a.img on nvme0n1 on 0000:08:00.0", "0000:08:00.0",
                   "nvme nvme_core");
    assert_footing(h, DMV_BACKING_FILE, "/srv/not-yet.img", "/srv/not-yet.img on nvme0n1 on 0000:08:00.0",
                   "0000:08:00.0", "nvme nvme_core");
    assert_footing(h, DMV_BACKING_FILE, "/var/lib/images/a.img",
                   "/var/lib/images/a.img on nvme0n1 on 0000:08:00.0", "0000:08:00.0", "nvme nvme_core");
    assert_footing(h, DMV_BACKING_FILE, "/var/lib/own.img", "/var/lib/own.img on sdb1 on sdb on 0000:01:00.0",
                   "0000:01:00.0", "megaraid_sas");
    assert_footing(h, DMV_BACKING_FILE, "/inner/deep.img",
                   "/inner/deep.img on loop0 on /srv/inner.img on nvme0n1 on 0000:08:00.0", "0000:08:00.0",
                   "nvme nvme_core");
    assert_unknown(h, DMV_BACKING_FILE, "/pool/x.img",
                   "nothing says what is under a filesystem of the type zfs");
    assert_string_equal(get(h, DMV_BACKING_FILE, "/pool/x.img")->chain, "/pool/x.img on zfs");
    forget(h);
}

/* A function that was given away stands on nothing here; a virtual one on its physical function. */
static void test_functions(void **state)
{
    Host *h = *state;

    add(h, "a", DMV_BACKING_PCI, "0000:04:00.0");
    add(h, "a", DMV_BACKING_PCI, "0000:07:00.2");
    add(h, "b", DMV_BACKING_PCI, "0000:02:00.1"); /* the host still uses it */
    add(h, "b", DMV_BACKING_PCI, "0000:99:00.0");
    look(h);
    assert_footing(h, DMV_BACKING_PCI, "0000:04:00.0", "0000:04:00.0", "", "");
    assert_footing(h, DMV_BACKING_PCI, "0000:07:00.2", "0000:07:00.2 (a virtual function of 0000:07:00.0)",
                   "0000:07:00.0", "mlx5_core");
    assert_footing(h, DMV_BACKING_PCI, "0000:02:00.1", "0000:02:00.1", "", "");
    assert_unknown(h, DMV_BACKING_PCI, "0000:99:00.0", "there is no PCI function 0000:99:00.0");
    forget(h);
}

static void test_no_hardware(void **state)
{
    Host *h = *state;
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots bare = {.fd = -1};

    assert_int_equal(dmv_roots_init(&bare, scratch_path(&h->s, "root"), NULL, NULL), 0);
    add(h, "a", DMV_BACKING_INTERFACE, "xenbr0");
    add(h, "a", DMV_BACKING_FILE, "/srv/a.img");
    assert_int_equal(dmv_observe_footings(&bare, &h->guests, &h->problems, &h->footings), 0);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* no descriptor was closed that was not opened */
    assert_unknown(h, DMV_BACKING_INTERFACE, "xenbr0", "nothing is known of the hardware under this root");
    assert_unknown(h, DMV_BACKING_FILE, "/srv/a.img", "nothing is known of the hardware under this root");
    forget(h);
    look(h);
    assert_int_equal(h->footings.n, 0);
}

/* A thousand guests with a disk each on the same filesystem, and the same bridge. */
static void test_thousand(void **state)
{
    Host *h = *state;
    struct timespec before, after;

    for (int i = 0; i < 1000; i++) {
        DMV_CLEANUP_FREE char *name = NULL, *image = NULL;

        assert_true(asprintf(&name, "guest%04d", i) > 0);
        assert_true(asprintf(&image, "/srv/%s.img", name) > 0);
        add(h, name, DMV_BACKING_FILE, image);
        add(h, name, DMV_BACKING_INTERFACE, "xenbr0");
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    look(h);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_int_equal(h->footings.n, 1001);
    assert_string_equal(get(h, DMV_BACKING_FILE, "/srv/guest0999.img")->chain,
                        "/srv/guest0999.img on nvme0n1 on 0000:08:00.0");
    print_message("a thousand guests: %lld us of processor time\n",
                  ((long long)after.tv_sec - before.tv_sec) * 1000000 +
                      (after.tv_nsec - before.tv_nsec) / 1000);
    forget(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interfaces),  cmocka_unit_test(test_disks),
        cmocka_unit_test(test_files),       cmocka_unit_test(test_functions),
        cmocka_unit_test(test_no_hardware), cmocka_unit_test(test_thousand),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
