/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lookup on one index with many settings. On random ones golden/forecast compares it with the real
 * modprobe. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "host/lookup.h"

#define K "6.1.0-test"
#define TREE "usr/lib/modules/" K
#define ALIAS "pci:v00008086d00001592sv00000000sd00000000bc02sc00i00"

typedef struct Fixture {
    Scratch s;
    DmvRoots r;
    char *folder;
} Fixture;

static int setup(void **state)
{
    static const char *const names[] = {"aa", "bb", "cc", "dd"};
    Fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    scratch_init(&f->s);
    scratch_link(&f->s, "lib", "usr/lib");
    scratch_mkdir(&f->s, "etc/depmod.d");
    scratch_write(&f->s, TREE "/modules.order", "");
    scratch_write(&f->s, TREE "/modules.builtin", "kernel/built.ko\n");
    scratch_write(&f->s, TREE "/modules.builtin.modinfo", "");
    for (size_t i = 0; i < 4; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), TREE "/kernel/%s.ko", names[i]);
        komod_build(&f->s, path,
                    &(Komod){.name = names[i], .aliases = {i < 2 ? "pci:v00008086d00001592sv*" : NULL}});
    }
    assert_int_equal(dmv_roots_init(&f->r, f->s.path, NULL, NULL), 0);
    scratch_run("depmod", "-b", f->s.path, "-C", scratch_path(&f->s, "etc/depmod.d"), K, NULL);
    assert_true(asprintf(&f->folder, "%s/" TREE, f->s.path) > 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    free(f->folder);
    dmv_roots_deinit(&f->r);
    scratch_deinit(&f->s);
    free(f);
    return 0;
}

/* "aa|bb|install:/bin/true|builtin:x": the actions in their order. */
static void assert_actions(const DmvLookup *l, const char *wanted)
{
    char got[512] = "";
    size_t n = 0;

    assert_non_null(l);
    for (size_t i = 0; i < l->n_actions; i++) {
        const DmvAction *a = &l->actions[i];

        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s%s", i > 0 ? "|" : "",
                              a->install ? "install:"
                              : a->path  ? ""
                                         : "builtin:",
                              a->install ? a->install : a->module);
    }
    assert_string_equal(got, wanted);
}

static void look_up(const Fixture *f, DmvLookups *ret)
{
    char *keys[] = {(char *)ALIAS, (char *)"aa", (char *)"built", (char *)"absent", (char *)"dd", NULL};

    dmv_lookups_deinit(ret);
    assert_int_equal(dmv_lookup(&f->r, f->folder, keys, ret), 0);
    assert_int_equal(ret->n, 5);
}

static void test_plain(void **state)
{
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};
    const DmvLookup *l;

    look_up(*state, &all);
    l = dmv_lookups_find(&all, ALIAS);
    assert_int_equal(l->n_actions, 2);
    assert_true(l->actions[0].direct && l->actions[1].direct);
    assert_actions(dmv_lookups_find(&all, "aa"), "aa");
    assert_string_equal(dmv_lookups_find(&all, "aa")->actions[0].path, "kernel/aa.ko");
    assert_actions(dmv_lookups_find(&all, "built"), "builtin:built");
    assert_actions(dmv_lookups_find(&all, "absent"), "");
    assert_null(dmv_lookups_find(&all, "nobody asked"));
}

static void test_settings(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};
    const DmvLookup *l;

    scratch_write(&f->s, "etc/modprobe.d/x.conf",
                  "softdep aa pre: cc post: dd\nblacklist bb\ninstall dd /bin/true $CMDLINE_OPTS\n");
    look_up(f, &all);
    l = dmv_lookups_find(&all, ALIAS);
    assert_actions(l, "cc|aa|install:/bin/true $CMDLINE_OPTS");
    assert_false(l->actions[0].direct);
    assert_true(l->actions[1].direct);
    assert_int_equal(dmv_strv_length(l->blacklisted), 1);
    assert_string_equal(l->blacklisted[0], "bb");
    assert_string_equal(l->softdeps[0], "aa pre: cc post: dd");
    assert_null(l->problem);
}

/* A blacklist concerns aliases, not names. */
static void test_blacklist_by_name(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};

    scratch_write(&f->s, "run/modprobe.d/x.conf", "blacklist aa\n");
    look_up(f, &all);
    assert_actions(dmv_lookups_find(&all, "aa"), "aa");
    assert_actions(dmv_lookups_find(&all, ALIAS), "bb");
}

/* Every folder counts; a file hides those of the same name further down. */
static void test_folders(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};

    scratch_write(&f->s, "usr/lib/modprobe.d/a.conf", "blacklist aa\nblacklist bb\n");
    look_up(f, &all);
    assert_actions(dmv_lookups_find(&all, ALIAS), "");
    scratch_write(&f->s, "usr/local/lib/modprobe.d/a.conf", "blacklist bb\n");
    look_up(f, &all);
    assert_actions(dmv_lookups_find(&all, ALIAS), "aa");
    scratch_write(&f->s, "etc/modprobe.d/a.conf", "");
    look_up(f, &all);
    assert_int_equal(dmv_lookups_find(&all, ALIAS)->n_actions, 2);
    scratch_write(&f->s, "etc/modprobe.d/not-a-conf", "blacklist aa\nblacklist bb\n");
    look_up(f, &all);
    assert_int_equal(dmv_lookups_find(&all, ALIAS)->n_actions, 2);
}

/* Bad input costs what it is about and nothing else. */
static void test_bad_settings(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};

    scratch_write_bytes(&f->s, "etc/modprobe.d/a.conf",
                        "\0\xff\xfe\n\nblacklist\nsoftdep\ninstall\nalias x\n\\", 38);
    scratch_write(&f->s, "etc/modprobe.d/b.conf",
                  "softdep aa pre: bb\nsoftdep bb pre: cc\nsoftdep cc pre: aa\nalias " ALIAS
                  " no_such_module\n");
    scratch_link(&f->s, "etc/modprobe.d/c.conf", "nowhere");
    scratch_mkdir(&f->s, "etc/modprobe.d/d.conf");
    look_up(f, &all);
    assert_actions(dmv_lookups_find(&all, "dd"), "dd");
    assert_actions(dmv_lookups_find(&all, "built"), "builtin:built");
    assert_string_equal(dmv_lookups_find(&all, ALIAS)->problem, "there is no module no_such_module");
    assert_true(dmv_lookups_find(&all, "aa")->n_actions > 0);
}

static void test_no_index(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};
    char *keys[] = {(char *)"aa", NULL};

    assert_int_equal(dmv_lookup(&f->r, f->s.path, keys, &all), -ENOENT);
    scratch_write(&f->s, TREE "/modules.dep.bin", "this is no index");
    (void)dmv_lookup(&f->r, f->folder, keys, &all);
    for (size_t i = 0; i < all.n; i++)
        assert_int_equal(all.items[i].n_actions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blacklist_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_index, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
