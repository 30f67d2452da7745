/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lookups in the real index that the real depmod wrote. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "../support/plain-depmod.h"
#include "host/observe.h"

#define K "6.1.0-test"
#define TREE "usr/lib/modules/" K "/"
#define NIC "pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00"
#define DISK "pci:v0000144Dd0000A824sv00001028sd00002041bc01sc08i02"

typedef struct Host {
    Scratch s;
    DmvRoots r;
} Host;

static void make_host(Host *h)
{
    scratch_init(&h->s);
    scratch_link(&h->s, "lib", "usr/lib");
    scratch_write(&h->s, TREE "modules.order", "");
    scratch_write(&h->s, TREE "modules.builtin", "kernel/drivers/ata/ahci.ko\n");
    scratch_write_bytes(&h->s, TREE "modules.builtin.modinfo", "ahci.license=GPL", 17);
    komod_build(&h->s, TREE "kernel/net/nic-test.ko",
                &(Komod){.name = "nic_test", .aliases = {"pci:v00008086d000010D3sv*sd*bc*sc*i*"}});
    komod_build(
        &h->s, TREE "override/nic-test.ko",
        &(Komod){.name = "nic_test", .aliases = {"pci:v00008086d000010D3sv*sd*bc*sc*i*"}, .version = "2"});
    komod_build(&h->s, TREE "kernel/disk.ko",
                &(Komod){.name = "disk", .aliases = {"pci:v*d*sv*sd*bc01sc08i02*"}});
    komod_build(&h->s, TREE "kernel/other.ko",
                &(Komod){.name = "other", .aliases = {"pci:v*d*sv*sd*bc01sc08i02*", "nic_test"}});
    scratch_write(&h->s, "etc/depmod.d/00-dmv.conf", "override nic-test " K " override\n");
    scratch_write(&h->s, "etc/modprobe.d/trap.conf", "alias nic_test other\nblacklist nic_test\n");
    assert_int_equal(dmv_roots_init(&h->r, h->s.path, NULL, NULL), 0);
    assert_int_equal(plain_depmod(&h->r, K, NULL), 0);
}

static void host_deinit(Host *h)
{
    dmv_roots_deinit(&h->r);
    scratch_deinit(&h->s);
}
#define HOST DMV_CLEANUP(host_deinit) Host

static void assert_lookup(const DmvRoots *r, const char *what, const char *name, const char *path)
{
    DMV_CLEANUP_FREE char *got_name = NULL, *got_path = NULL;

    assert_int_equal(dmv_module_lookup(r, K, what, &got_name, &got_path), 0);
    assert_string_equal(got_name, name);
    if (path)
        assert_string_equal(got_path, path);
    else
        assert_null(got_path);
}

static void test_lookup(void **state)
{
    char *name = NULL, *path = NULL;
    HOST h;

    (void)state;
    make_host(&h);
    assert_lookup(&h.r, "nic_test", "nic_test", "override/nic-test.ko");
    assert_lookup(&h.r, "nic-test", "nic_test", "override/nic-test.ko");
    assert_lookup(&h.r, NIC, "nic_test", "override/nic-test.ko");
    assert_lookup(&h.r, "ahci", "ahci", NULL);
    assert_int_equal(dmv_module_lookup(&h.r, K, "nothing", &name, &path), DMV_NO_SUCH_OBJECT);
    assert_int_equal(dmv_module_lookup(&h.r, K, "pci:v00001234d00001111sv0sd0bc03sc00i00", &name, &path),
                     DMV_NO_SUCH_OBJECT);
    assert_int_equal(dmv_module_lookup(&h.r, "6.9.9", "ahci", &name, &path), -ENOENT);
    assert_int_equal(dmv_module_lookup(&h.r, "../x", "ahci", &name, &path), -EINVAL);
    assert_null(name);
    /* the index counts, not the tree */
    assert_int_equal(unlink(scratch_path(&h.s, TREE "override/nic-test.ko")), 0);
    assert_lookup(&h.r, "nic_test", "nic_test", "override/nic-test.ko");
}

static void add_device(DmvWorld *w, const char *slot, const char *modalias, const char *physfn)
{
    DmvDevice *d = DMV_ARRAY_ADD(w->devices, w->n_devices);

    assert_non_null(d);
    assert_int_equal(dmv_set_string(&d->slot, slot), 0);
    assert_int_equal(dmv_set_string(&d->modalias, modalias), 0);
    assert_int_equal(dmv_set_string(&d->physfn, physfn), 0);
}

static void test_indexes(void **state)
{
    char *names[] = {(char *)"nic-test", (char *)"ahci", (char *)"nothing", (char *)"nic_test", NULL};
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvKernel *k;
    HOST h;

    (void)state;
    make_host(&h);
    scratch_write(&h.s, "usr/lib/modules/6.2-without-index/modules.order", "");
    add_device(&w, "0000:00:02.0", NIC, NULL);
    add_device(&w, "0000:00:03.0", DISK, NULL);
    add_device(&w, "0000:00:02.1", NIC, "0000:00:02.0");
    add_device(&w, "0000:00:04.0", NULL, NULL);
    assert_int_equal(dmv_observe_kernels(&h.r, &w), 0);
    for (int again = 0; again < 2; again++) { /* a second look replaces the first */
        assert_int_equal(dmv_observe_indexes(&h.r, &w, names), 0);
        dmv_world_sort(&w);
        assert_int_equal(w.problems.n, 0);
        k = dmv_world_kernel(&w, K);
        assert_non_null(k);
        assert_int_equal(k->n_bindings, 3);
        assert_string_equal(k->bindings[0].slot, "0000:00:02.0");
        assert_int_equal(dmv_strv_length(k->bindings[0].modules), 1);
        assert_string_equal(k->bindings[0].modules[0], "nic_test");
        assert_int_equal(dmv_strv_length(k->bindings[1].modules), 2);
        assert_true(dmv_strv_contains(k->bindings[1].modules, "disk"));
        assert_null(k->bindings[2].modules);
        /* the names that were asked for, and those that a device would get */
        assert_int_equal(k->n_index, 4);
        assert_string_equal(dmv_kernel_index(k, "nic_test")->path, "override/nic-test.ko");
        assert_null(dmv_kernel_index(k, "ahci")->path);
        assert_string_equal(dmv_kernel_index(k, "disk")->path, "kernel/disk.ko");
        assert_null(dmv_kernel_index(k, "nothing"));
        assert_int_equal(dmv_world_kernel(&w, "6.2-without-index")->n_index, 0);
    }
}

static void test_broken_index(void **state)
{
    char *names[] = {(char *)"nic_test", NULL};
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    HOST h;

    (void)state;
    make_host(&h);
    scratch_write(&h.s, TREE "modules.dep.bin", "this is no index, and longer than its head");
    assert_int_equal(dmv_observe_kernels(&h.r, &w), 0);
    assert_int_equal(dmv_observe_indexes(&h.r, &w, names), 0);
    assert_int_equal(w.problems.n, 1);
    assert_string_equal(w.problems.items[0].object, TREE "modules.dep.bin");
    assert_int_equal(w.kernels[0].n_index, 0);
    assert_true(w.kernels[0].n_files > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_broken_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
