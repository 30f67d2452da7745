/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "host/observe.h"

#define MODULES "usr/lib/modules"
#define K "6.1.0-50-amd64"
#define TREE MODULES "/" K "/"
#define STORE "usr/lib/dmv/store/" K "/intel-ice/dell/1.15.5/"

static void observe(const Scratch *s, DmvWorld *w)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;

    assert_int_equal(dmv_roots_init(&r, s->path, NULL, NULL), 0);
    assert_int_equal(dmv_observe_kernels(&r, w), 0);
    dmv_world_sort(w);
}

static const DmvModuleFile *find(const DmvWorld *w, const char *path)
{
    for (size_t i = 0; i < w->n_kernels; i++)
        for (size_t k = 0; k < w->kernels[i].n_files; k++)
            if (strcmp(w->kernels[i].files[k].path, path) == 0)
                return &w->kernels[i].files[k];
    return NULL;
}

static const DmvModuleFile *get(const DmvWorld *w, const char *path)
{
    const DmvModuleFile *f = find(w, path);

    if (!f)
        fail_msg("there is no %s", path);
    return f;
}

static void test_files(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, TREE "modules.dep.bin", "");
    scratch_write(&s, TREE "kernel/net/ice.ko", "");
    scratch_write(&s, TREE "kernel/net/snd-hda.ko.zst", "");
    scratch_write(&s, TREE "kernel/net/readme.txt", "");
    scratch_write(&s, TREE "extra/vendor/hba.ko.xz", "");
    scratch_write(&s, TREE "weak-updates/old.ko.gz", "");
    scratch_write(&s, TREE "misc/other.ko", "");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_kernels, 1);
    assert_string_equal(w.kernels[0].release, K);
    assert_true(w.kernels[0].has_index);
    assert_int_equal(w.kernels[0].n_files, 5);
    assert_int_equal(get(&w, "kernel/net/ice.ko")->tree, DMV_TREE_KERNEL);
    assert_string_equal(get(&w, "kernel/net/snd-hda.ko.zst")->name, "snd_hda");
    assert_int_equal(get(&w, "extra/vendor/hba.ko.xz")->tree, DMV_TREE_EXTRA);
    assert_int_equal(get(&w, "weak-updates/old.ko.gz")->tree, DMV_TREE_WEAK);
    assert_int_equal(get(&w, "misc/other.ko")->tree, DMV_TREE_OTHER);
    assert_null(get(&w, "misc/other.ko")->target);
    assert_false(get(&w, "misc/other.ko")->ours);
}

static void test_links(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvModuleFile *f;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_link(&s, "lib", "usr/lib");
    scratch_write(&s, TREE "kernel/ice.ko", "");
    scratch_write(&s, STORE "ice.ko", "");
    scratch_write(&s, TREE "dmv/d/v/adopted.ko", "");
    scratch_write(&s, TREE "xenserver/d/v/older.ko", "");
    scratch_write(&s, "opt/foreign.ko", "");
    scratch_link(&s, TREE "updates/ice.ko", "../../../dmv/store/" K "/intel-ice/dell/1.15.5/ice.ko");
    scratch_link(&s, TREE "updates/absolute.ko", "/lib/dmv/store/" K "/intel-ice/dell/1.15.5/ice.ko");
    scratch_link(&s, TREE "updates/adopted.ko", "../dmv/d/v/adopted.ko");
    scratch_link(&s, TREE "updates/older.ko", "/lib/modules/" K "/xenserver/d/v/older.ko");
    scratch_link(&s, TREE "updates/gone.ko", "../dmv/d/v/gone.ko");
    scratch_link(&s, TREE "updates/foreign.ko", "/opt/foreign.ko");
    scratch_link(&s, TREE "updates/nowhere.ko", "/opt/nowhere.ko");
    scratch_link(&s, TREE "updates/chain.ko", "ice.ko");
    scratch_link(&s, TREE "updates/out.ko", "../../../../../../../../../../etc/passwd");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);

    f = get(&w, "updates/ice.ko");
    assert_true(f->ours && !f->dangling);
    assert_string_equal(f->target, "../../../dmv/store/" K "/intel-ice/dell/1.15.5/ice.ko");
    assert_true(get(&w, "updates/absolute.ko")->ours && !get(&w, "updates/absolute.ko")->dangling);
    assert_true(get(&w, "updates/adopted.ko")->ours);
    assert_true(get(&w, "updates/older.ko")->ours && !get(&w, "updates/older.ko")->dangling);
    assert_true(get(&w, "updates/chain.ko")->ours);
    f = get(&w, "updates/gone.ko"); /* the package was erased: still a link of a variant */
    assert_true(f->ours && f->dangling);
    f = get(&w, "updates/foreign.ko");
    assert_true(!f->ours && !f->dangling);
    f = get(&w, "updates/nowhere.ko");
    assert_true(!f->ours && f->dangling);
    f = get(&w, "updates/out.ko"); /* ".." stops at the root */
    assert_true(!f->ours && f->dangling);
    /* releases themselves are no files of a tree */
    assert_null(find(&w, "dmv/d/v/adopted.ko"));
    assert_null(find(&w, "xenserver/d/v/older.ko"));
}

static void test_left_out(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, TREE "kernel/ice.ko", "");
    scratch_write(&s, TREE "build/drivers/x.ko", "");
    scratch_write(&s, TREE "source/drivers/x.ko", "");
    scratch_write(&s, TREE "kernel/build/y.ko", ""); /* only at the top */
    scratch_write(&s, "usr/src/z.ko", "");
    scratch_link(&s, TREE "updates/folder", "../../../../src");
    observe(&s, &w);
    assert_int_equal(w.kernels[0].n_files, 2);
    assert_non_null(find(&w, "kernel/build/y.ko"));
    assert_false(w.kernels[0].has_index);
}

/* What a headers package or a removed kernel leaves behind is no kernel. */
static void test_no_kernels(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0}, empty = {0};
    SCRATCH s, bare;

    (void)state;
    scratch_init(&s);
    scratch_init(&bare);
    scratch_link(&s, TREE "build", "/usr/src/linux-headers");
    scratch_mkdir(&s, MODULES "/6.1.0-49-amd64/updates");
    scratch_write(&s, MODULES "/README", "");
    scratch_write(&s, MODULES "/6.1 odd/modules.dep", "");
    observe(&s, &w);
    assert_int_equal(w.n_kernels, 0);
    assert_int_equal(w.problems.n, 1);
    assert_int_equal(w.problems.items[0].code, DMV_INVALID_NAME);
    assert_string_equal(w.problems.items[0].object, MODULES "/6.1 odd");
    observe(&bare, &empty);
    assert_int_equal(empty.n_kernels, 0);
    assert_int_equal(empty.problems.n, 0);
}

static void test_odd_files(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, TREE "kernel/ice.ko", "");
    scratch_write(&s, TREE "updates/two words.ko", "");
    assert_int_equal(mkfifo(scratch_path(&s, TREE "updates/fifo.ko"), 0600), 0);
    scratch_link(&s, TREE "updates/loop.ko", "loop.ko");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 3);
    assert_string_equal(w.problems.items[0].object, TREE "updates/fifo.ko");
    assert_int_equal(w.problems.items[0].code, DMV_INVALID_NAME);
    assert_string_equal(w.problems.items[1].object, TREE "updates/loop.ko");
    assert_int_equal(w.problems.items[1].code, -ELOOP);
    assert_string_equal(w.problems.items[2].object, TREE "updates/two words.ko");
    assert_true(get(&w, "updates/loop.ko")->dangling);
    assert_non_null(find(&w, "kernel/ice.ko"));
}

static void test_too_deep(void **state)
{
    char path[256] = TREE "kernel";
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, TREE "kernel/ice.ko", "");
    for (int i = 0; i < 40; i++)
        strcat(path, "/d");
    scratch_mkdir(&s, path);
    observe(&s, &w);
    assert_int_equal(w.problems.n, 1);
    assert_int_equal(w.problems.items[0].code, -ELOOP);
    assert_non_null(find(&w, "kernel/ice.ko"));
}

static void test_running(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots live, recorded;
    DMV_CLEANUP_WORLD DmvWorld here = {0}, there = {0}, odd = {0};
    struct utsname uts;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(uname(&uts), 0);
    assert_int_equal(dmv_roots_init(&live, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_observe_kernels(&live, &here), 0);
    assert_string_equal(here.running_kernel, uts.release);
    assert_string_equal(here.machine, uts.machine);

    scratch_write(&s, "root/" TREE "modules.order", "");
    scratch_write(&s, "root/" MODULES "/6.1.0-51-amd64/modules.order", "");
    scratch_write(&s, "proc/sys/kernel/osrelease", K "\n");
    assert_int_equal(dmv_roots_init(&recorded, scratch_path(&s, "root"), NULL, scratch_path(&s, "proc")), 0);
    assert_int_equal(dmv_observe_kernels(&recorded, &there), 0);
    dmv_world_sort(&there);
    assert_string_equal(there.running_kernel, K);
    assert_true(there.kernels[0].running);
    assert_false(there.kernels[1].running);
    scratch_write(&s, "proc/sys/kernel/osrelease", "../..\n");
    assert_int_equal(dmv_observe_kernels(&recorded, &odd), 0);
    assert_null(odd.running_kernel);
    assert_int_equal(odd.problems.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),      cmocka_unit_test(test_links),     cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_no_kernels), cmocka_unit_test(test_odd_files), cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_running),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
