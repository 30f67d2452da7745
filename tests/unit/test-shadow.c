/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shadow of a kernel's folder, and the real depmod on it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "host/fs.h"
#include "host/shadow.h"

#define K "6.1.0-test"
#define TREE "usr/lib/modules/" K

typedef struct Fixture {
    Scratch s;
    DmvRoots r;
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    scratch_init(&f->s);
    scratch_link(&f->s, "lib", "usr/lib");
    scratch_write(&f->s, TREE "/modules.order", "kernel/a/x.ko\n");
    scratch_write(&f->s, TREE "/modules.builtin", "");
    scratch_write(&f->s, TREE "/modules.builtin.modinfo", "");
    komod_build(&f->s, TREE "/kernel/a/x.ko", &(Komod){.name = "x"});
    komod_build(&f->s, TREE "/dmv/drv/var/y.ko", &(Komod){.name = "y"});
    komod_build(&f->s, "opt/z.ko", &(Komod){.name = "z"});
    scratch_link(&f->s, TREE "/build", "../../../../usr/src");
    scratch_link(&f->s, TREE "/extra/z.ko", "../../../../../opt/z.ko");
    scratch_link(&f->s, TREE "/updates/gone.ko", "../nowhere.ko");
    assert_int_equal(dmv_roots_init(&f->r, f->s.path, NULL, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_roots_deinit(&f->r);
    scratch_deinit(&f->s);
    free(f);
    return 0;
}

/* Paths in the shadow's modules.dep, in its order. */
static char *indexed(const DmvShadow *shadow)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_FCLOSE FILE *file = NULL;
    char *text = calloc(1, 4096);

    assert_non_null(text);
    assert_true(asprintf(&path, "%s/modules.dep", dmv_shadow_folder(shadow)) > 0);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, 4095, file) < 4095);
    return text;
}

static size_t count_scratch(const Fixture *f)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0, found = 0;

    if (dmv_fs_list(f->r.fd, DMV_RUN_DIR, &entries, &n) < 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        found += strncmp(entries[i].name, "shadow-", 7) == 0;
    dmv_fs_entries_free(entries, n);
    return found;
}

static void test_is_the_tree(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *dep = NULL;

    assert_int_equal(dmv_shadow_new(&f->r, NULL, K, 0, &shadow), 0);
    assert_string_equal(dmv_shadow_dangling(shadow), "updates/gone.ko");
    assert_int_equal(dmv_shadow_index(shadow, &e), 0);
    dep = indexed(shadow);
    assert_non_null(strstr(dep, "kernel/a/x.ko:\n"));
    assert_non_null(strstr(dep, "dmv/drv/var/y.ko:\n"));
    assert_non_null(strstr(dep, "extra/z.ko:\n"));
    assert_null(strstr(dep, "gone"));
    assert_int_equal(count_scratch(f), 1);
    shadow = dmv_shadow_free(shadow);
    assert_int_equal(count_scratch(f), 0);
    assert_int_equal(access(scratch_path(&f->s, TREE "/modules.dep"), F_OK), -1);
}

static void test_without_variants(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_FREE char *dep = NULL;

    assert_int_equal(dmv_shadow_new(&f->r, "var/scratch", K, DMV_SHADOW_NO_VARIANTS, &shadow), 0);
    assert_int_equal(dmv_shadow_index(shadow, NULL), 0);
    dep = indexed(shadow);
    assert_null(strstr(dep, "y.ko"));
    assert_int_equal(count_scratch(f), 0);
}

static void test_changes(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_FREE char *dep = NULL;

    komod_build(&f->s, "usr/lib/dmv/store/x.ko", &(Komod){.name = "x"});
    assert_int_equal(dmv_shadow_new(&f->r, NULL, K, DMV_SHADOW_NO_VARIANTS, &shadow), 0);
    assert_int_equal(dmv_shadow_link(shadow, "override/x.ko", "usr/lib/dmv/store/x.ko"), 0);
    assert_int_equal(dmv_shadow_link(shadow, "override/x.ko", "usr/lib/dmv/store/x.ko"), 0);
    assert_int_equal(dmv_shadow_unlink(shadow, "extra/z.ko"), 0);
    assert_int_equal(dmv_shadow_unlink(shadow, "extra/z.ko"), 0);
    assert_int_equal(dmv_shadow_unlink(shadow, "nowhere/z.ko"), 0);
    assert_int_equal(dmv_shadow_unlink(shadow, "updates/gone.ko"), 0);
    assert_null(dmv_shadow_dangling(shadow));
    assert_int_equal(dmv_shadow_link(shadow, "../x.ko", "usr/lib/dmv/store/x.ko"), -EINVAL);
    assert_int_equal(dmv_shadow_link(shadow, "x.ko", "usr/lib/dmv/store/x.ko"), -EINVAL);
    assert_int_equal(dmv_shadow_link(shadow, "extra/x.ko", "../etc/passwd"), -EINVAL);
    assert_int_equal(dmv_shadow_set_conf(shadow, "override x " K " override\n"), 0);
    assert_int_equal(dmv_shadow_index(shadow, NULL), 0);
    dep = indexed(shadow);
    assert_string_equal(dep, "override/x.ko:\n");
    assert_int_equal(access(scratch_path(&f->s, TREE "/override"), F_OK), -1);
    assert_int_equal(access(scratch_path(&f->s, TREE "/extra/z.ko"), F_OK), 0);
}

/* The root's settings hold: other files in etc/depmod.d, and its 00-dmv.conf until it is replaced. */
static void test_settings(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_FREE char *ours = NULL, *theirs = NULL;

    komod_build(&f->s, TREE "/override/x.ko", &(Komod){.name = "x"});
    scratch_write(&f->s, "etc/depmod.d/00-dmv.conf", "override x " K " override\n");
    scratch_write(&f->s, "etc/depmod.d/dist.conf", "search built-in override\n");
    assert_int_equal(dmv_shadow_new(&f->r, NULL, K, DMV_SHADOW_NO_VARIANTS, &shadow), 0);
    assert_int_equal(dmv_shadow_index(shadow, NULL), 0);
    ours = indexed(shadow);
    assert_non_null(strstr(ours, "override/x.ko:"));
    assert_int_equal(dmv_shadow_set_conf(shadow, NULL), 0);
    assert_int_equal(dmv_shadow_index(shadow, NULL), 0);
    theirs = indexed(shadow);
    assert_non_null(strstr(theirs, "kernel/a/x.ko:"));
}

static void test_failures_leave_nothing(void **state)
{
    Fixture *f = *state;
    DmvShadow *shadow = NULL;

    assert_int_equal(dmv_shadow_new(&f->r, NULL, "6.1.0-absent", 0, &shadow), -ENOENT);
    assert_int_equal(dmv_shadow_new(&f->r, NULL, "../x", 0, &shadow), -EINVAL);
    scratch_write(&f->s, "occupied", "");
    assert_true(dmv_shadow_new(&f->r, "occupied", K, 0, &shadow) < 0);
    assert_null(shadow);
    assert_int_equal(count_scratch(f), 0);
}

/* What a dead process left goes, what a living one works in stays. */
static void test_leftovers(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_CLOSE int lock = -1;

    scratch_write(&f->s, DMV_RUN_DIR "/shadow-1-0/usr/lib/x", "");
    scratch_write(&f->s, DMV_RUN_DIR "/shadow-1-1/usr/lib/x", "");
    lock = dmv_fs_open(f->r.fd, DMV_RUN_DIR "/shadow-1-1", 0, 0);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    assert_true(dmv_shadow_is_left(&f->r, NULL));
    assert_int_equal(dmv_shadow_new(&f->r, NULL, K, 0, &shadow), 0);
    assert_false(dmv_shadow_is_left(&f->r, NULL));
    assert_int_equal(access(scratch_path(&f->s, DMV_RUN_DIR "/shadow-1-0"), F_OK), -1);
    assert_int_equal(access(scratch_path(&f->s, DMV_RUN_DIR "/shadow-1-1/usr/lib/x"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_is_the_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_variants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
