/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of /etc/xen are configurations of guests, and that one that is not hides no other. */
#include <errno.h>
#include <fcntl.h>
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

#include "../support/scratch.h"
#include "base/text.h"
#include "guest/config.h"

static void test_names(void **state)
{
    static const char *const good[] = {"web", "web.cfg", "web-2_x", "db.old.cfg", "xl", "auto"};
    /* what Debian, EL and editors leave there */
    static const char *const bad[] = {"xl.conf",
                                      "oxenstored.conf",
                                      "xlexample.hvm",
                                      "xlexample.pvlinux",
                                      "xend-config.sxp",
                                      "xend-pci-permissive.sxp",
                                      "README",
                                      "README.incompatibilities",
                                      "cpupool",
                                      "web~",
                                      "web.cfg~",
                                      ".web.swp",
                                      "#web#",
                                      "web.cfg.dpkg-old",
                                      "web.bak",
                                      ".",
                                      "..",
                                      ".cfg"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++)
        if (!dmv_guest_config_is_one(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        if (dmv_guest_config_is_one(bad[i]))
            fail_msg("%s", bad[i]);
}

static const char *text_of(const DmvGuestConfigs *c, const char *path)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->items[i].path, path) == 0)
            return c->items[i].text;
    fail_msg("%s was not read", path);
    return "";
}

static void assert_problem(const DmvProblems *p, const char *object, int code, const char *why)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->items[i].object, object) == 0) {
            assert_int_equal(p->items[i].code, code);
            if (!strstr(p->items[i].why, why))
                fail_msg("%s: %s", object, p->items[i].why);
            return;
        }
    fail_msg("%s is no problem", object);
}

static void read_scratch(const Scratch *s, DmvGuestConfigs *ret)
{
    DMV_CLEANUP_CLOSE int root = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    assert_true(root >= 0);
    assert_int_equal(dmv_guest_configs_read(root, ret), 0);
}

static void test_folder(void **state)
{
    DMV_CLEANUP_GUEST_CONFIGS DmvGuestConfigs c = {0};
    SCRATCH s;
    char *big;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "etc/xen/auto");
    scratch_mkdir(&s, "etc/xen/scripts");
    scratch_mkdir(&s, "srv");
    scratch_write(&s, "etc/xen/web.cfg", "name = 'web'\n");
    scratch_write(&s, "etc/xen/xl.conf", "autoballoon=\"off\"\n");
    scratch_write(&s, "etc/xen/scripts/block", "#!/bin/sh\n");
    scratch_write(&s, "etc/xen/auto/own.cfg", "name = 'own'\n");
    scratch_write(&s, "srv/db", "name = 'db'\n");
    scratch_write(&s, "etc/xen/empty", "");
    scratch_link(&s, "etc/xen/auto/web.cfg", "../web.cfg");
    scratch_link(&s, "etc/xen/auto/web", "/etc/xen/web.cfg");
    scratch_link(&s, "etc/xen/db", "/srv/db");
    scratch_link(&s, "etc/xen/gone", "/srv/gone");
    scratch_link(&s, "etc/xen/circle", "circle");
    scratch_link(&s, "etc/xen/folder", "scripts");
    assert_int_equal(mkfifo(scratch_path(&s, "etc/xen/fifo"), 0600), 0);
    scratch_link(&s, "etc/xen/tty\a", "/dev/zero");
    scratch_write_bytes(&s, "etc/xen/nul", "a\0b", 3);
    big = calloc(1, DMV_GUEST_CONFIG_MAX_BYTES + 2);
    assert_non_null(big);
    memset(big, '#', DMV_GUEST_CONFIG_MAX_BYTES + 1);
    scratch_write(&s, "etc/xen/big", big);
    big[DMV_GUEST_CONFIG_MAX_BYTES] = '\0';
    scratch_write(&s, "etc/xen/just", big);
    free(big);
    read_scratch(&s, &c);
    assert_int_equal(c.n, 4);
    assert_string_equal(text_of(&c, "etc/xen/web.cfg"), "name = 'web'\n");
    assert_string_equal(text_of(&c, "etc/xen/db"), "name = 'db'\n");
    assert_string_equal(text_of(&c, "etc/xen/auto/own.cfg"), "name = 'own'\n");
    assert_int_equal(strlen(text_of(&c, "etc/xen/just")), DMV_GUEST_CONFIG_MAX_BYTES);
    assert_int_equal(c.problems.n, 8);
    assert_problem(&c.problems, "etc/xen/empty", DMV_EMPTY, "empty");
    assert_problem(&c.problems, "etc/xen/gone", -ENOENT, "No such file");
    assert_problem(&c.problems, "etc/xen/circle", -ELOOP, "symbolic links");
    assert_problem(&c.problems, "etc/xen/folder", -EINVAL, "no file");
    assert_problem(&c.problems, "etc/xen/fifo", -EINVAL, "no file");
    assert_problem(&c.problems, "etc/xen/tty?", -ENOENT, "No such file");
    assert_problem(&c.problems, "etc/xen/big", DMV_TOO_LARGE, "too large");
    assert_problem(&c.problems, "etc/xen/nul", DMV_MALFORMED, "NUL");
}

static void test_no_folder(void **state)
{
    DMV_CLEANUP_GUEST_CONFIGS DmvGuestConfigs c = {0};
    DMV_CLEANUP_CLOSE int root = -1;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    root = open(s.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dmv_guest_configs_read(root, &c), -ENOENT);
    scratch_mkdir(&s, "etc/xen");
    assert_int_equal(dmv_guest_configs_read(root, &c), 0);
    assert_int_equal(c.n, 0);
    assert_int_equal(c.problems.n, 0);
}

/* In place of libvirt: the text is the name. */
static int convert(const char *text, DmvGuest *ret, void *userdata, DmvError *reterr)
{
    int *code = userdata;

    if (strcmp(text, "bad") == 0)
        return dmv_error_set(reterr, DMV_MALFORMED, NULL, NULL, "it is bad");
    if (*code != 0)
        return *code;
    ret->id = -1;
    ret->state = DMV_GUEST_DEFINED;
    return dmv_set_string(&ret->name, text);
}

static void test_convert(void **state)
{
    DMV_CLEANUP_GUEST_CONFIGS DmvGuestConfigs c = {0};
    DMV_CLEANUP_GUESTS DmvGuests g = {0}, none = {0}, failed = {0};
    SCRATCH s;
    int code = 0;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "etc/xen");
    scratch_write(&s, "etc/xen/a.cfg", "a");
    scratch_write(&s, "etc/xen/b.cfg", "bad");
    scratch_write(&s, "etc/xen/c.cfg", "c");
    scratch_write(&s, "etc/xen/d.cfg", "");
    read_scratch(&s, &c);
    assert_int_equal(dmv_guest_configs_convert(&c, convert, &code, &g), 0);
    assert_int_equal(g.n, 2);
    assert_string_equal(g.items[0].name, "a");
    assert_int_equal(g.items[0].channels, 1u << DMV_CHANNEL_CONFIG);
    assert_string_equal(g.items[1].name, "c");
    assert_int_equal(g.problems.n, 2);
    assert_problem(&g.problems, "etc/xen/b.cfg", DMV_MALFORMED, "it is bad");
    assert_problem(&g.problems, "etc/xen/d.cfg", DMV_EMPTY, "empty");
    assert_string_equal(g.channels[DMV_CHANNEL_CONFIG].gave, "2 of 4 files in /etc/xen");

    code = DMV_NO_SUCH_OBJECT;
    assert_int_equal(dmv_guest_configs_convert(&c, convert, &code, &none), 0);
    assert_int_equal(none.n, 0);
    assert_problem(&none.problems, "etc/xen/a.cfg", DMV_NO_SUCH_OBJECT, "no-such-object");
    code = -ENOMEM;
    assert_int_equal(dmv_guest_configs_convert(&c, convert, &code, &failed), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_convert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
