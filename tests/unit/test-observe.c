/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All the edges together: a recorded server on a root with real modules, an index by the real depmod, and a
 * store. */
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
#include "../support/recorded.h"
#include "host/depmod.h"
#include "host/observe.h"

#define K "6.1.0-50-amd64"
#define TREE "root/usr/lib/modules/" K "/"
#define STORE "root/usr/lib/dmv/store/" K "/intel-ice/dell/1.15.5/"

static void make_host(const Scratch *s, DmvRoots *r)
{
    recorded_host(s, "dell-r650", "host");
    scratch_link(s, "root/lib", "usr/lib");
    scratch_write(s, TREE "modules.order", "");
    scratch_write(s, TREE "modules.builtin", "");
    scratch_write(s, TREE "modules.builtin.modinfo", "");
    komod_build(s, TREE "kernel/ice.ko",
                &(Komod){.name = "ice", .aliases = {"pci:v00008086d0000159Bsv*sd*bc*sc*i*"}});
    komod_build(s, TREE "kernel/nvme.ko",
                &(Komod){.name = "nvme", .build_id = 0x5a, .aliases = {"pci:v*d*sv*sd*bc01sc08i02*"}});
    komod_build(s, TREE "extra/foreign.ko", &(Komod){.name = "foreign"});
    komod_build(s, TREE "kernel/bystander.ko", &(Komod){.name = "bystander"});
    komod_build(
        s, STORE "ice.ko",
        &(Komod){.name = "ice", .version = "1.15.5", .aliases = {"pci:v00008086d0000159Bsv*sd*bc*sc*i*"}});
    scratch_write(s, STORE "info.json",
                  "{\"name\":\"intel-ice\",\"variant\":\"dell\",\"version\":\"1.15.5\"}");
    scratch_link(s, TREE "updates/ice.ko", "../../../dmv/store/" K "/intel-ice/dell/1.15.5/ice.ko");
    scratch_write(s, "root/etc/depmod.d/00-dmv.conf", "search updates extra built-in\n");
    assert_int_equal(
        dmv_roots_init(r, scratch_path(s, "root"), scratch_path(s, "host/sys"), scratch_path(s, "host/proc")),
        0);
    assert_int_equal(plain_depmod(r, K, NULL), 0);
}

static void test_everything(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    char *more[] = {(char *)"bystander", NULL};
    const DmvKernel *k;
    bool excludes = false;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_host(&s, &r);
    assert_int_equal(dmv_observe(&r, more, &w), 0);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_devices, 12);
    assert_string_equal(w.dmi_vendor, "Dell Inc.");
    assert_string_equal(w.running_kernel, K);
    assert_int_equal(w.n_loaded, 6);
    assert_int_equal(w.n_installed, 1);
    assert_int_equal(w.n_lifelines, 5);
    assert_string_equal(w.lifelines[4].what, "xenbr0");
    assert_string_equal(w.depmod_conf, "search updates extra built-in\n");
    assert_int_equal(dmv_depmod_has_exclude(&excludes), 0);
    assert_int_equal(w.depmod_excludes, excludes);
    k = dmv_world_kernel(&w, K);
    assert_true(k->running && k->has_index);
    assert_int_equal(k->n_files, 5);
    assert_string_equal(dmv_kernel_index(k, "ice")->path, "updates/ice.ko");
    assert_string_equal(dmv_kernel_index(k, "foreign")->path, "extra/foreign.ko"); /* lies in a tree */
    assert_string_equal(dmv_kernel_index(k, "nvme")->path, "kernel/nvme.ko");      /* a device would get it */
    assert_string_equal(dmv_kernel_index(k, "bystander")->path, "kernel/bystander.ko");
    for (size_t i = 0; i < k->n_bindings; i++)
        if (strcmp(k->bindings[i].slot, "0000:4b:00.0") == 0)
            assert_string_equal(k->bindings[i].modules[0], "ice");
    assert_int_equal(k->n_bindings, 12);
}

/* A package went, its scriptlet did not run: the index gives a file that is not there. Nothing but the index
 * knows of the module, and still it is found. */
static void test_gone_files(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvKernel *k;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_host(&s, &r);
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    k = dmv_world_kernel(&w, K);
    for (size_t i = 0; i < k->n_index; i++)
        assert_false(k->index[i].gone);
    dmv_world_deinit(&w);
    assert_int_equal(unlink(scratch_path(&s, TREE "extra/foreign.ko")), 0);
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    k = dmv_world_kernel(&w, K);
    assert_string_equal(dmv_kernel_index(k, "foreign")->path, "extra/foreign.ko");
    assert_true(dmv_kernel_index(k, "foreign")->gone);
    assert_false(dmv_kernel_index(k, "ice")->gone);
    dmv_world_deinit(&w);
    /* a link that leads nowhere is no file either */
    assert_int_equal(symlink("nowhere.ko", scratch_path(&s, TREE "extra/foreign.ko")), 0);
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    assert_true(dmv_kernel_index(dmv_world_kernel(&w, K), "foreign")->gone);
}

/* What tells one foreign file from the next, and where a foreign link ends. */
static void test_foreign_files(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvKernel *k;
    bool link = false, file = false;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_host(&s, &r);
    scratch_write(&s, TREE "weak-updates/.keep", "");
    assert_int_equal(symlink("../extra/foreign.ko", scratch_path(&s, TREE "weak-updates/foreign.ko")), 0);
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    k = dmv_world_kernel(&w, K);
    for (size_t i = 0; i < k->n_files; i++) {
        const DmvModuleFile *f = &k->files[i];

        if (!dmv_module_file_is_foreign(f)) {
            assert_true(f->inode == 0 && !f->leads_to);
            continue;
        }
        assert_true(f->inode != 0 && f->changed != 0 && !f->owner_known);
        link = link || (f->leads_to && dmv_ends_with(f->leads_to, "/extra/foreign.ko"));
        file = file || (!f->leads_to && strcmp(f->path, "extra/foreign.ko") == 0);
    }
    assert_true(link && file);
}

static void test_hardware_anew(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvKernel *k;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_host(&s, &r);
    scratch_write(&s, TREE "updates/odd name.ko", "");
    scratch_write(&s, "host/sys/bus/pci/devices/0000:00:00.0/class", "odd\n");
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    assert_int_equal(w.n_devices, 11);
    assert_int_equal(w.problems.n, 2);
    /* the NVMe disk is pulled, the odd device speaks again, ice is unloaded */
    assert_int_equal(unlink(scratch_path(&s, "host/sys/bus/pci/devices/0000:98:00.0")), 0);
    scratch_write(&s, "host/sys/bus/pci/devices/0000:00:00.0/class", "0x088000\n");
    scratch_run("rm", "-r", scratch_path(&s, "host/sys/module/ice"), NULL);
    /* and the bond loses a card */
    assert_int_equal(w.n_lifelines, 5);
    assert_int_equal(unlink(scratch_path(&s, "host/sys/devices/virtual/net/bond0/lower_eno12409np1")), 0);
    assert_int_equal(dmv_observe_hardware(&r, &w), 0);
    assert_int_equal(w.n_devices, 11);
    assert_null(dmv_world_device(&w, "0000:98:00.0"));
    assert_non_null(dmv_world_device(&w, "0000:00:00.0"));
    assert_null(dmv_world_loaded(&w, "ice"));
    assert_non_null(dmv_world_loaded(&w, "ahci"));
    assert_int_equal(w.n_lifelines, 5);
    assert_int_equal(dmv_strv_length(w.lifelines[4].slots), 1);
    assert_int_equal(w.problems.n, 1); /* what is not about hardware stays */
    assert_int_equal(w.problems.items[0].code, DMV_INVALID_NAME);
    k = dmv_world_kernel(&w, K);
    assert_int_equal(k->n_bindings, 11);
    assert_string_equal(dmv_kernel_index(k, "ice")->path, "updates/ice.ko");
    assert_string_equal(dmv_kernel_index(k, "foreign")->path, "extra/foreign.ko");
    assert_int_equal(w.n_installed, 1);
}

static const char *own_build_id(const DmvWorld *w, const char *path)
{
    const DmvKernel *k = dmv_world_kernel(w, K);

    for (size_t i = 0; i < k->n_files; i++)
        if (strcmp(k->files[i].path, path) == 0)
            return k->files[i].build_id;
    fail_msg("%s is not there", path);
    return NULL;
}

/* The kernel counts; a World without a count, as of a recorded host without one, is never behind. What was
 * loaded since is proven by the kernel's own file as well. */
static void test_behind(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_host(&s, &r);
    scratch_run("mv", scratch_path(&s, "host/sys/module/nvme"), scratch_path(&s, "nvme"), NULL);
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    assert_int_equal(w.uevents, 0);
    assert_false(dmv_observe_is_behind(&r, &w));
    assert_null(own_build_id(&w, "kernel/nvme.ko"));
    scratch_write(&s, "host/sys/kernel/uevent_seqnum", "4711\n");
    assert_true(dmv_observe_is_behind(&r, &w));
    scratch_run("mv", scratch_path(&s, "nvme"), scratch_path(&s, "host/sys/module/nvme"), NULL);
    assert_int_equal(dmv_observe_hardware(&r, &w), 0);
    assert_int_equal(w.uevents, 4711);
    assert_false(dmv_observe_is_behind(&r, &w));
    assert_non_null(own_build_id(&w, "kernel/nvme.ko"));
    scratch_write(&s, "host/sys/kernel/uevent_seqnum", "many\n");
    assert_true(dmv_observe_is_behind(&r, &w));
    assert_int_equal(dmv_observe_hardware(&r, &w), 0);
    assert_int_equal(w.uevents, 0);
}

static void test_empty_root(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_devices + w.n_kernels + w.n_loaded + w.n_installed, 0);
    assert_null(w.running_kernel);
    assert_null(w.depmod_conf);
}

/* This machine, whatever it is: the edges that are there answer, and nothing ends the program. */
static void test_this_machine(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};

    (void)state;
    assert_int_equal(dmv_roots_init(&r, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_observe(&r, NULL, &w), 0);
    assert_non_null(w.running_kernel);
    assert_non_null(w.machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),    cmocka_unit_test(test_gone_files),
        cmocka_unit_test(test_foreign_files), cmocka_unit_test(test_hardware_anew),
        cmocka_unit_test(test_behind),        cmocka_unit_test(test_empty_root),
        cmocka_unit_test(test_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
