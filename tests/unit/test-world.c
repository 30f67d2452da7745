/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/world.h"

static char *copy_of(const char *s)
{
    char *copy = strdup(s);

    assert_non_null(copy);
    return copy;
}

static void test_tree_of_path(void **state)
{
    static const struct {
        const char *path;
        DmvTree tree;
    } cases[] = {
        {"updates/ice.ko", DMV_TREE_UPDATES},
        {"override/ice.ko", DMV_TREE_OVERRIDE},
        {"extra/a/b/ice.ko", DMV_TREE_EXTRA},
        {"weak-updates/ice.ko.xz", DMV_TREE_WEAK},
        {"kernel/net/ice.ko", DMV_TREE_KERNEL},
        {"misc/ice.ko", DMV_TREE_OTHER},
        {"updates-old/ice.ko", DMV_TREE_OTHER},
        {"updates", DMV_TREE_OTHER},
        {"ice.ko", DMV_TREE_OTHER},
        {"", DMV_TREE_OTHER},
        {"/updates/ice.ko", DMV_TREE_OTHER},
        {"kern/ice.ko", DMV_TREE_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        assert_int_equal(dmv_tree_of_path(cases[i].path), cases[i].tree);
    for (DmvTree t = 0; t < DMV_TREE_MAX; t++)
        assert_non_null(dmv_tree_to_string(t));
    assert_string_equal(dmv_tree_to_string(DMV_TREE_WEAK), "weak-updates");
    assert_string_equal(dmv_tree_to_string(DMV_TREE_OTHER), "");
    assert_string_equal(dmv_tree_to_string(DMV_TREE_INVALID), "");
}

static void test_origins(void **state)
{
    (void)state;
    assert_string_equal(dmv_origin_to_string(DMV_ORIGIN_STORE), "store");
    assert_string_equal(dmv_origin_to_string(DMV_ORIGIN_DMV), "dmv");
    assert_string_equal(dmv_origin_to_string(DMV_ORIGIN_XENSERVER), "xenserver");
    assert_string_equal(dmv_origin_to_string(DMV_ORIGIN_MAX), "");
}

static void test_problems(void **state)
{
    DmvProblems p = {0};

    (void)state;
    assert_int_equal(dmv_problem_add(&p, "a", DMV_MALFORMED, "line %d", 3), DMV_MALFORMED);
    assert_int_equal(dmv_problem_add(&p, NULL, -EIO, "%s", "gone"), -EIO);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.items[0].object, "a");
    assert_string_equal(p.items[0].why, "line 3");
    assert_int_equal(p.items[1].code, -EIO);
    assert_null(p.items[1].object);
    dmv_problems_deinit(&p);
    assert_int_equal(p.n, 0);
    assert_null(p.items);
}

static void add_device(DmvWorld *w, const char *slot)
{
    DmvDevice *d = DMV_ARRAY_ADD(w->devices, w->n_devices);

    assert_non_null(d);
    d->slot = copy_of(slot);
}

static void add_loaded(DmvWorld *w, const char *name)
{
    DmvLoaded *l = DMV_ARRAY_ADD(w->loaded, w->n_loaded);

    assert_non_null(l);
    l->name = copy_of(name);
}

static void add_installed(DmvWorld *w, const char *variant, const char *version, const char *kernel,
                          DmvOrigin origin)
{
    DmvInstalled *i = DMV_ARRAY_ADD(w->installed, w->n_installed);

    assert_non_null(i);
    i->driver = copy_of("intel-ice");
    i->variant = copy_of(variant);
    i->version = copy_of(version);
    i->kernel = copy_of(kernel);
    i->origin = origin;
    i->folder = copy_of("somewhere");
}

static DmvKernel *add_kernel(DmvWorld *w, const char *release)
{
    DmvKernel *k = DMV_ARRAY_ADD(w->kernels, w->n_kernels);

    assert_non_null(k);
    k->release = copy_of(release);
    return k;
}

static void add_file(DmvKernel *k, const char *name, const char *path)
{
    DmvModuleFile *f = DMV_ARRAY_ADD(k->files, k->n_files);

    assert_non_null(f);
    f->name = copy_of(name);
    f->path = copy_of(path);
}

static void add_index(DmvKernel *k, const char *module, const char *path)
{
    DmvIndexEntry *e = DMV_ARRAY_ADD(k->index, k->n_index);

    assert_non_null(e);
    e->module = copy_of(module);
    e->path = path ? copy_of(path) : NULL;
}

static void test_lifelines_sorted(void **state)
{
    static const struct {
        DmvLifelineKind kind;
        const char *what;
    } items[] = {{DMV_LIFELINE_MANAGEMENT, "eth0"},
                 {DMV_LIFELINE_BOOT, "/boot/efi"},
                 {DMV_LIFELINE_ROOT, "/"},
                 {DMV_LIFELINE_BOOT, "/boot"}};
    static const char *const want[] = {"/", "/boot", "/boot/efi", "eth0"};
    DMV_CLEANUP_WORLD DmvWorld w = {0};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(items); i++) {
        DmvLifeline *l = DMV_ARRAY_ADD(w.lifelines, w.n_lifelines);

        assert_non_null(l);
        l->kind = items[i].kind;
        l->what = copy_of(items[i].what);
    }
    dmv_world_sort(&w);
    for (size_t i = 0; i < DMV_N_ELEMENTS(want); i++)
        assert_string_equal(w.lifelines[i].what, want[i]);
}

static void test_sorted_and_found(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvInstalled *i;
    DmvKernel *k;

    (void)state;
    add_device(&w, "0000:5e:00.0");
    add_device(&w, "0000:03:00.1");
    add_device(&w, "0000:03:00.0");
    add_loaded(&w, "nvme_core");
    add_loaded(&w, "ice");
    add_installed(&w, "generic", "2", "6.6", DMV_ORIGIN_XENSERVER);
    add_installed(&w, "generic", "2", "6.6", DMV_ORIGIN_STORE);
    add_installed(&w, "dell", "1", "6.7", DMV_ORIGIN_STORE);
    add_installed(&w, "dell", "1", "6.6", DMV_ORIGIN_DMV);
    k = add_kernel(&w, "6.7");
    add_file(k, "snd_hda", "kernel/snd-hda.ko");
    add_file(k, "ice", "updates/ice.ko");
    add_file(k, "ice", "kernel/ice.ko");
    add_index(k, "snd-hda", "kernel/snd-hda.ko");
    add_index(k, "ahci", NULL);
    (void)add_kernel(&w, "6.6");
    dmv_world_sort(&w);

    assert_string_equal(w.devices[0].slot, "0000:03:00.0");
    assert_ptr_equal(dmv_world_device(&w, "0000:5e:00.0"), &w.devices[2]);
    assert_null(dmv_world_device(&w, "0000:5e:00.1"));
    assert_string_equal(w.kernels[0].release, "6.6");
    k = (DmvKernel *)dmv_world_kernel(&w, "6.7");
    assert_ptr_equal(k, &w.kernels[1]);
    assert_null(dmv_world_kernel(&w, "6"));
    assert_string_equal(k->files[0].path, "kernel/ice.ko");
    assert_string_equal(k->files[1].path, "updates/ice.ko");
    assert_string_equal(dmv_kernel_index(k, "snd_hda")->path, "kernel/snd-hda.ko");
    assert_null(dmv_kernel_index(k, "ahci")->path);
    assert_null(dmv_kernel_index(k, "ice"));
    assert_ptr_equal(dmv_world_loaded(&w, "nvme-core"), &w.loaded[1]);
    assert_null(dmv_world_loaded(&w, "nvme"));
    i = dmv_world_installed(&w, "intel-ice", "generic", "2", "6.6");
    assert_non_null(i);
    assert_int_equal(i->origin, DMV_ORIGIN_STORE);
    assert_int_equal(dmv_world_installed(&w, "intel-ice", "dell", "1", "6.6")->origin, DMV_ORIGIN_DMV);
    assert_null(dmv_world_installed(&w, "intel-ice", "dell", "1", "6.8"));
}

static void test_empty_world(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvKernel k = {0};

    (void)state;
    dmv_world_sort(&w);
    assert_null(dmv_world_device(&w, "0000:00:00.0"));
    assert_null(dmv_world_kernel(&w, "6.6"));
    assert_null(dmv_world_loaded(&w, "ice"));
    assert_null(dmv_world_installed(&w, "a", "b", "c", "d"));
    assert_null(dmv_kernel_index(&k, "ice"));
}

static void test_unseen(void **state)
{
    static const struct {
        const char *object;
        int code, want;
    } cases[] = {
        {"usr/lib/modules/6.1/kernel", -EIO, -EIO},
        {"usr/lib/dmv/store/6.1/d", -EMFILE, -EMFILE},
        {"depmod", -ENOMEM, -ENOMEM},
        {"depmod", -EACCES, -EACCES},
        {"depmod", -ENOENT, 0},
        {"etc/depmod.d/00-dmv.conf", -EINTR, -EINTR},
        {"usr/lib/modules/6.1/kernel", -ELOOP, 0},
        {"usr/lib/modules/6.1/x.ko", DMV_INVALID_NAME, 0},
        {"devices/pci0000:00/0000:00:02.0/vpd", -EIO, 0},
        {NULL, -EIO, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        DMV_CLEANUP_WORLD DmvWorld w = {0};
        const char *object = NULL;

        (void)dmv_problem_add(&w.problems, cases[i].object, cases[i].code, "why");
        assert_int_equal(dmv_world_find_unseen(&w, "usr/lib/modules", &object), cases[i].want);
        if (cases[i].want != 0)
            assert_string_equal(object, cases[i].object);
    }
}

static void test_unseen_release(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const char *object = NULL;

    (void)state;
    w.installed = calloc(2, sizeof(*w.installed));
    w.n_installed = 2;
    w.installed[1].folder = copy_of("usr/lib/dmv/store/6.1/d/v/1");
    assert_int_equal(dmv_world_find_unseen(&w, "usr/lib/modules", &object), 0);
    w.installed[1].unseen = -EIO;
    assert_int_equal(dmv_world_find_unseen(&w, "usr/lib/modules", &object), -EIO);
    assert_string_equal(object, "usr/lib/dmv/store/6.1/d/v/1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_of_path),     cmocka_unit_test(test_origins),
        cmocka_unit_test(test_problems),         cmocka_unit_test(test_sorted_and_found),
        cmocka_unit_test(test_lifelines_sorted), cmocka_unit_test(test_empty_world),
        cmocka_unit_test(test_unseen),           cmocka_unit_test(test_unseen_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
