/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "daemon/apply/complete.h"

#define TREE "usr/lib/modules/6.1.0-test/"

typedef struct Fixture {
    Scratch s;
    int tree, before;
} Fixture;

static void start(Fixture *f)
{
    scratch_init(&f->s);
    scratch_write(&f->s, TREE "kernel/a.ko", "");
    scratch_write(&f->s, TREE "kernel/b-c.ko.xz", "");
    scratch_mkdir(&f->s, "before");
    f->tree = openat(f->s.fd, TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->before = openat(f->s.fd, "before", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->tree >= 0 && f->before >= 0);
}

static void stop(Fixture *f)
{
    (void)dmv_close(f->tree);
    (void)dmv_close(f->before);
    scratch_deinit(&f->s);
}

static int find_missing(const Fixture *f, char **ret)
{
    DMV_CLEANUP_INDEX_JUDGED DmvIndexJudged before = {0};
    DMV_CLEANUP_INDEX_JUDGED DmvIndexJudged now = {0};

    assert_int_equal(dmv_index_read_judged(f->before, &before), 0);
    assert_int_equal(dmv_index_read_judged(f->tree, &now), 0);
    return dmv_index_find_missing(f->tree, &before, &now, ret);
}

static void check(Fixture *f, const char *before, const char *now, const char *want)
{
    DMV_CLEANUP_FREE char *missing = NULL;

    scratch_write(&f->s, "before/modules.dep", before);
    scratch_write(&f->s, TREE "modules.dep", now);
    assert_int_equal(find_missing(f, &missing), 0);
    if (!dmv_streq(missing, want))
        fail_msg("%s: missing is %s", now, missing ? missing : "nothing");
}

static void test_find_missing(void **state)
{
    static const char both[] = "kernel/a.ko: kernel/b-c.ko.xz\nkernel/b-c.ko.xz:\n";
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f);
    check(&f, both, both, NULL);
    check(&f, both, "kernel/a.ko: kernel/b-c.ko.xz\n", "kernel/b-c.ko.xz");
    check(&f, both, "", "kernel/a.ko");
    check(&f, "", "", NULL);
    check(&f, both, "updates/b_c.ko:\nextra/a.ko.gz:\n", NULL); /* other files of the same modules */
    check(&f, "kernel/gone.ko:\n", "", NULL);
    scratch_write(&f.s, TREE "dmv/d/v/m.ko", "");
    check(&f, "dmv/d/v/m.ko:\n", "", NULL);
}

static void test_nothing_kept(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_FREE char *missing = NULL;

    (void)state;
    start(&f);
    scratch_write(&f.s, TREE "modules.dep", "");
    assert_int_equal(find_missing(&f, &missing), 0);
    assert_null(missing);
}

static void test_check_folders(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f);
    assert_int_equal(dmv_index_check_folders(f.tree, "kernel/a.ko"), 0);
    assert_int_equal(dmv_index_check_folders(f.tree, "kernel/none/a.ko"), -ENOENT);
    assert_int_equal(dmv_index_check_folders(f.tree, "a.ko"), 0);
}

#define ORDER "kernel/b.ko\nkernel/a.ko\n"

static void test_is_explained(void **state)
{
    static const struct {
        const char *dep, *builtin, *order;
        int want;
    } cases[] = {
        {"kernel/b.ko:\nkernel/a.ko:\nupdates/c.ko:\n", "1", ORDER, 1},
        {"kernel/b.ko.xz:\nkernel/a.ko.zst:\n", "1", ORDER, 1},
        {"kernel/a.ko:\nkernel/b.ko:\n", "1", ORDER, 0},
        {"kernel/b.ko:\nupdates/c.ko:\nkernel/a.ko:\n", "1", ORDER, 0},
        {"kernel/a.ko:\nkernel/b.ko:\n", "1", NULL, 1},
        {"kernel/b.ko:\n", "2", ORDER, 0},
        {"kernel/b.ko:\n", NULL, ORDER, 0},
        {"", "1", ORDER, 1},
    };
    char one[] = "1";
    const DmvIndexJudged before = {.data = {[DMV_INDEX_BUILTIN] = one}, .size = {[DMV_INDEX_BUILTIN] = 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        DMV_CLEANUP_INDEX_JUDGED DmvIndexJudged now = {0};

        assert_int_equal(dmv_set_string(&now.data[DMV_INDEX_MODULES], cases[i].dep), 0);
        assert_int_equal(dmv_set_string(&now.data[DMV_INDEX_BUILTIN], cases[i].builtin), 0);
        now.size[DMV_INDEX_BUILTIN] = cases[i].builtin ? strlen(cases[i].builtin) : 0;
        if (dmv_index_is_explained(&before, &now, cases[i].order) != cases[i].want)
            fail_msg("case %zu", i);
    }
}

static void test_is_same(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_INDEX_JUDGED DmvIndexJudged a = {0};
    DMV_CLEANUP_INDEX_JUDGED DmvIndexJudged b = {0};

    (void)state;
    start(&f);
    scratch_write(&f.s, TREE "modules.dep", "x:\n");
    scratch_write(&f.s, "before/modules.dep", "x:\n");
    scratch_write(&f.s, TREE "modules.builtin.bin", "");
    assert_int_equal(dmv_index_read_judged(f.tree, &a), 0);
    assert_int_equal(dmv_index_read_judged(f.before, &b), 0);
    assert_true(dmv_index_is_same(&a, &a));
    assert_false(dmv_index_is_same(&a, &b)); /* an empty file is not the same as none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_missing),  cmocka_unit_test(test_nothing_kept),
        cmocka_unit_test(test_check_folders), cmocka_unit_test(test_is_explained),
        cmocka_unit_test(test_is_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
