/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "../support/shell.h"
#include "../support/snapshot.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "host/twin.h"

static int open_at(const Scratch *s, const char *path)
{
    int fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void make_tree(const Scratch *s)
{
    scratch_write(s, "from/a", "a");
    scratch_write(s, "from/sub/deep/b", "b");
    scratch_write(s, "from/out", "left out");
    scratch_write(s, "from/sub/out", "not left out");
    scratch_link(s, "from/sub/link", "nowhere");
    scratch_mkdir(s, "to");
}

static void test_fill(void **state)
{
    char *out[] = {(char[]){"out"}, NULL};
    SCRATCH s = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    struct stat a, b;

    (void)state;
    scratch_init(&s);
    make_tree(&s);
    {
        DMV_CLEANUP_CLOSE int from = open_at(&s, "from"), to = open_at(&s, "to");

        assert_int_equal(dmv_twin_fill(from, to, out), 0);
        assert_int_equal(dmv_twin_sync(to), 0);
        assert_int_equal(dmv_twin_fill(from, to, out), -EEXIST);
    }
    assert_int_equal(fstatat(s.fd, "from/sub/deep/b", &a, 0), 0);
    assert_int_equal(fstatat(s.fd, "to/sub/deep/b", &b, 0), 0);
    assert_true(a.st_ino == b.st_ino);
    assert_int_equal(unlinkat(s.fd, "from/out", 0), 0);
    before = snapshot(&s, "from");
    snapshot_assert_same(&s, "to", before);
    /* folders are independent */
    assert_int_equal(unlinkat(s.fd, "to/sub/out", 0), 0);
    snapshot_assert_same(&s, "from", before);
}

static void print_tree(const Scratch *s, char ret[DMV_SHA256_HEX])
{
    DMV_CLEANUP_CLOSE int fd = open_at(s, "from");

    assert_int_equal(dmv_twin_print(fd, ret), 0);
}

/* Each of these shows, in the time that one step of the kernel's clock takes, too. */
static void test_print_changes(void **state)
{
    static const char *const changes[] = {
        "touch new",
        "touch sub/deep/new",
        "rm a",
        "rm sub/deep/b",
        "mv a c",
        "ln -sf elsewhere sub/link",
        "rmdir sub/empty",
        "mkdir sub/deep/another",
        "chmod 700 sub/deep",
        "chmod 700 .",
        "cp a t && mv t a",
        "cp a sub/t && mv sub/t sub/deep/b",
        "mv sub/deep sub/as",
        "ln a sub/second",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(changes); i++) {
        SCRATCH s = {0};
        char before[DMV_SHA256_HEX], after[DMV_SHA256_HEX];

        scratch_init(&s);
        make_tree(&s);
        scratch_mkdir(&s, "from/sub/empty");
        print_tree(&s, before);
        print_tree(&s, after);
        assert_string_equal(before, after);
        assert_int_equal(shell("cd %s && %s", scratch_path(&s, "from"), changes[i]), 0);
        print_tree(&s, after);
        if (dmv_streq(before, after))
            fail_msg("not noticed: %s", changes[i]);
    }
}

static void test_print_of_a_renamed_folder(void **state)
{
    SCRATCH s = {0};
    char before[DMV_SHA256_HEX], after[DMV_SHA256_HEX];

    (void)state;
    scratch_init(&s);
    make_tree(&s);
    print_tree(&s, before);
    assert_int_equal(shell("cd %s && mkdir sub && mv from sub/x && sleep 0.02 && mv sub/x from", s.path), 0);
    print_tree(&s, after);
    assert_string_equal(before, after);
}

static void test_too_deep(void **state)
{
    SCRATCH s = {0};
    char path[256] = "from", print[DMV_SHA256_HEX];

    (void)state;
    scratch_init(&s);
    for (int i = 0; i < 40; i++) {
        size_t n = strlen(path);

        (void)snprintf(path + n, sizeof(path) - n, "/d");
    }
    scratch_mkdir(&s, path);
    scratch_mkdir(&s, "to");
    {
        DMV_CLEANUP_CLOSE int from = open_at(&s, "from"), to = open_at(&s, "to");

        assert_int_equal(dmv_twin_fill(from, to, NULL), -ELOOP);
        assert_int_equal(dmv_twin_print(from, print), -ELOOP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_print_changes),
        cmocka_unit_test(test_print_of_a_renamed_folder),
        cmocka_unit_test(test_too_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
