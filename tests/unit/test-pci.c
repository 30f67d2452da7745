/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hardware: pci.c, udev.c and dmi.c on recorded hosts, on odd ones, and on this machine. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/recorded.h"
#include "host/observe.h"
#include "host/sysfs.h"

#define DEVICES "sys/bus/pci/devices/"

/* A host's hardware, by the folder that make-host wrote to <scratch>. */
static void observe(const Scratch *s, DmvWorld *w)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;

    assert_int_equal(dmv_roots_init(&r, s->path, scratch_path(s, "sys"), NULL), 0);
    assert_int_equal(dmv_observe_pci(&r, w), 0);
    assert_int_equal(dmv_observe_pci_names(&r, w), 0);
    assert_int_equal(dmv_observe_udev(&r, w), 0);
    assert_int_equal(dmv_observe_dmi(&r, w), 0);
    dmv_world_sort(w);
}

static const DmvDevice *get(const DmvWorld *w, const char *slot)
{
    const DmvDevice *d = dmv_world_device(w, slot);

    if (!d)
        fail_msg("there is no device %s", slot);
    return d;
}

static void test_dell(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvDevice *d;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "dell-r650", ".");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_devices, 12);
    assert_string_equal(w.dmi_vendor, "Dell Inc.");
    assert_string_equal(w.dmi_product, "PowerEdge R650");

    d = get(&w, "0000:4b:00.1");
    assert_int_equal(d->vendor, 0x8086);
    assert_int_equal(d->device, 0x159b);
    assert_int_equal(d->subvendor, 0x8086);
    assert_int_equal(d->subdevice, 0x0005);
    assert_int_equal(d->class_id, 0x020000);
    assert_string_equal(d->vendor_name, "Intel Corporation");
    assert_non_null(strstr(d->device_name, "E810"));
    assert_string_equal(d->class_name, "Ethernet controller");
    assert_string_equal(d->modalias, "pci:v00008086d0000159Bsv00008086sd00000005bc02sc00i00");
    assert_string_equal(d->driver, "ice");
    assert_string_equal(d->module, "ice");
    assert_int_equal(dmv_strv_length(d->interfaces), 1);
    assert_string_equal(d->interfaces[0], "ens1f1");
    assert_null(d->blocks);
    assert_null(d->physfn);

    d = get(&w, "0000:65:00.0");
    assert_string_equal(d->module, "megaraid_sas");
    assert_int_equal(dmv_strv_length(d->blocks), 1); /* the disk, not its partition */
    assert_string_equal(d->blocks[0], "sda");
    d = get(&w, "0000:98:00.0");
    assert_int_equal(d->class_id, 0x010802);
    assert_string_equal(d->blocks[0], "nvme0n1");
    /* what hangs below a bridge is not the bridge's; its driver is built in */
    d = get(&w, "0000:4a:02.0");
    assert_null(d->interfaces);
    assert_string_equal(d->driver, "pcieport");
    assert_null(d->module);
    assert_int_equal(d->subvendor, 0);
}

/* sysfs names a module for a driver that is built in, too; only what was loaded is one. */
static void test_built_in_driver(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "qemu-q35", ".");
    scratch_write(&s, "sys/module/virtio_pci/parameters/force_legacy", "N\n");
    scratch_link(&s, "sys/bus/pci/drivers/virtio-pci/module", "../../../../module/virtio_pci");
    observe(&s, &w);
    assert_string_equal(get(&w, "0000:00:03.0")->driver, "virtio-pci");
    assert_null(get(&w, "0000:00:03.0")->module);
    assert_string_equal(get(&w, "0000:00:02.0")->module, "e1000e");
}

static void test_virtual_functions(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    size_t n = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "hpe-dl380", ".");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_devices, 11 + 64);
    assert_int_equal(get(&w, "0000:37:00.0")->n_vfs, 64);
    assert_int_equal(get(&w, "0000:37:00.1")->n_vfs, 0);
    assert_int_equal(get(&w, "0000:13:00.0")->n_vfs, 0);
    for (size_t i = 0; i < w.n_devices; i++) {
        if (!w.devices[i].physfn)
            continue;
        assert_string_equal(w.devices[i].physfn, "0000:37:00.0");
        assert_int_equal(w.devices[i].device, 0x1018);
        n++;
    }
    assert_int_equal(n, 64);
    assert_string_equal(get(&w, "0000:37:08.1")->interfaces[0], "ens1f0v63");
    assert_int_equal(dmv_strv_length(get(&w, "0000:5c:00.0")->blocks), 2);
    assert_string_equal(w.dmi_vendor, "HPE");
}

/* Behind multipath the disk has no PCI ancestor; its hidden path names it. */
static void test_nvme_multipath(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "supermicro-x11", ".");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    assert_string_equal(get(&w, "0000:5e:00.0")->blocks[0], "nvme0n1");
    assert_int_equal(dmv_strv_length(get(&w, "0000:18:00.0")->blocks), 3);
    assert_null(get(&w, "0000:3b:00.2")->driver);
}

static void test_virtio(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "qemu-q35", ".");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    assert_string_equal(get(&w, "0000:00:03.0")->blocks[0], "vda");
    assert_string_equal(get(&w, "0000:00:02.0")->interfaces[0], "enp0s2");
    assert_null(get(&w, "0000:00:01.0")->vendor_name); /* 1234 is nobody's */
}

/* power/ is the kernel's own in every folder, and a name like any other for an interface. */
static void test_power(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvDevice *d;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "qemu-q35", ".");
    scratch_mkdir(&s, DEVICES "0000:00:02.0/net/power");
    scratch_mkdir(&s, DEVICES "0000:00:02.0/power/net/none");
    scratch_write(&s, DEVICES "0000:00:02.0/power/modalias", "virtio:d00000001v00001AF4");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    d = get(&w, "0000:00:02.0");
    assert_int_equal(dmv_strv_length(d->interfaces), 2);
    assert_string_equal(d->interfaces[1], "power");
    assert_int_equal(dmv_strv_length(d->child_modaliases), 0);
}

/* One odd device after the other: each is a problem of its own, the others stay as they are. */
static void test_odd_devices(void **state)
{
    static const struct {
        const char *object;
        int code;
    } expected[] = {
        {"bus/pci/devices/0000:00:00.0/vendor", -EINVAL},  {"bus/pci/devices/0000:00:01.0/device", -ENOENT},
        {"bus/pci/devices/0000:00:1f.0/class", -ERANGE},   {"bus/pci/devices/0000:00:1f.3/vendor", -EISDIR},
        {"bus/pci/devices/0000:00:1e.0", -ENOENT},         {"bus/pci/devices/notes.txt", -EINVAL},
        {"bus/pci/devices/0000:00:02.0/modalias", -EFBIG},
    };
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    char big[8192];
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "qemu-q35", ".");
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    scratch_write(&s, DEVICES "0000:00:00.0/vendor", "Intel\n");
    assert_int_equal(unlink(scratch_path(&s, DEVICES "0000:00:01.0/device")), 0);
    scratch_write(&s, DEVICES "0000:00:1f.0/class", "0x06010000\n");
    assert_int_equal(unlink(scratch_path(&s, DEVICES "0000:00:1f.3/vendor")), 0);
    scratch_mkdir(&s, DEVICES "0000:00:1f.3/vendor");
    scratch_link(&s, DEVICES "0000:00:1e.0", "../../../devices/pci0000:00/0000:00:1e.0");
    scratch_write(&s, DEVICES "notes.txt", "somebody's notes");
    scratch_write(&s, DEVICES "0000:00:02.0/modalias", big);
    observe(&s, &w);
    assert_int_equal(w.n_devices, 3);
    assert_string_equal(get(&w, "0000:00:03.0")->blocks[0], "vda");
    assert_string_equal(get(&w, "0000:00:1f.2")->driver, "ahci");
    assert_null(get(&w, "0000:00:02.0")->modalias);
    assert_string_equal(get(&w, "0000:00:02.0")->interfaces[0], "enp0s2");
    assert_int_equal(w.problems.n, DMV_N_ELEMENTS(expected));
    for (size_t i = 0; i < DMV_N_ELEMENTS(expected); i++) {
        const DmvProblem *found = NULL;

        for (size_t k = 0; k < w.problems.n; k++)
            if (strcmp(w.problems.items[k].object, expected[i].object) == 0)
                found = &w.problems.items[k];
        if (!found)
            fail_msg("no problem names %s", expected[i].object);
        assert_int_equal(found->code, expected[i].code);
        assert_non_null(found->why);
    }
}

static void test_text_is_cleaned(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "qemu-q35", ".");
    scratch_write(&s, "sys/class/dmi/id/sys_vendor", "Evil\033[2J \n\n");
    scratch_write(&s, "sys/class/dmi/id/product_name", "\n");
    observe(&s, &w);
    assert_string_equal(w.dmi_vendor, "Evil?[2J");
    assert_null(w.dmi_product);
}

static void test_no_pci(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0}, unknown = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "sys");
    observe(&s, &w);
    assert_int_equal(w.n_devices, 0);
    assert_int_equal(w.problems.n, 0);
    /* a root whose sysfs nobody named has no hardware */
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(dmv_observe_pci(&r, &unknown), 0);
    assert_int_equal(dmv_observe_udev(&r, &unknown), 0);
    assert_int_equal(dmv_observe_dmi(&r, &unknown), 0);
    assert_int_equal(unknown.n_devices, 0);
}

/* The running system's sysfs, by libudev: as many devices as the kernel lists, and the same answer as the
 * search gives that recorded folders get. */
static void test_this_machine(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots live, as_recorded;
    DMV_CLEANUP_WORLD DmvWorld w = {0}, again = {0};
    DIR *d = opendir("/sys/bus/pci/devices");
    size_t n = 0;

    (void)state;
    while (d && readdir(d))
        n++;
    if (d)
        assert_int_equal(closedir(d), 0);
    assert_int_equal(dmv_roots_init(&live, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_roots_init(&as_recorded, NULL, NULL, NULL), 0);
    assert_true(live.live_sysfs);
    as_recorded.live_sysfs = false;
    assert_int_equal(dmv_observe_pci(&live, &w), 0);
    assert_int_equal(dmv_observe_udev(&live, &w), 0);
    assert_int_equal(dmv_observe_dmi(&live, &w), 0);
    assert_int_equal(dmv_observe_pci(&as_recorded, &again), 0);
    assert_int_equal(dmv_observe_udev(&as_recorded, &again), 0);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_devices, n > 2 ? n - 2 : 0); /* without "." and ".." */
    assert_int_equal(again.n_devices, w.n_devices);
    for (size_t i = 0; i < w.n_devices; i++) {
        const DmvDevice *a = &w.devices[i], *b = &again.devices[i];

        assert_string_equal(a->slot, b->slot);
        assert_non_null(a->modalias);
        assert_int_equal(dmv_strv_length(a->interfaces), dmv_strv_length(b->interfaces));
        assert_int_equal(dmv_strv_length(a->blocks), dmv_strv_length(b->blocks));
        for (size_t k = 0; k < dmv_strv_length(a->interfaces); k++)
            assert_string_equal(a->interfaces[k], b->interfaces[k]);
        for (size_t k = 0; k < dmv_strv_length(a->blocks); k++)
            assert_string_equal(a->blocks[k], b->blocks[k]);
    }
}

static void test_slots(void **state)
{
    static const char *const good[] = {"0000:03:00.0", "10000:ff:1f.7", "0000:00:1f.3"};
    static const char *const bad[] = {"",
                                      "0000:03:00",
                                      "0000:03:00.8",
                                      "0000:03:00.0x",
                                      "000:03:00.0",
                                      "0000:3:00.0",
                                      "0000:03:0g.0",
                                      "0000-03-00.0",
                                      "0000:03:00.00",
                                      "ABCD:03:00.0"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++)
        assert_true(dmv_slot_is_valid(good[i]));
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        assert_false(dmv_slot_is_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dell),
        cmocka_unit_test(test_virtual_functions),
        cmocka_unit_test(test_built_in_driver),
        cmocka_unit_test(test_nvme_multipath),
        cmocka_unit_test(test_virtio),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_odd_devices),
        cmocka_unit_test(test_text_is_cleaned),
        cmocka_unit_test(test_no_pci),
        cmocka_unit_test(test_this_machine),
        cmocka_unit_test(test_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
