/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owners of files: real packages, real databases, and what is not a database. The hostile ones are asked by
 * the real dmv-fetch, since librpm may end the process that it lives in.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/shell.h"
#include "base/json.h"
#include "base/text.h"
#include "host/fs.h"
#include "host/rpmdb.h"
#include "trust/package/owners.h"
#include "varlink/varlink.h"

#define MODULES "lib/modules/6.1.0-test"

/* What is installed: a module below /lib, one below /usr/lib, one file that two packages share. */
static const char make_root[] =
    "set -e; . \"$DMV_SOURCE/tests/support/module-rpms.sh\"; cd '%s'; umask 022; mkdir -p root/var/lib/rpm "
    "rpms; "
    "echo one > a; echo shared > s; "
    "dmv_module_rpm rpms/1 intel-ice-alt 1.15.5 \"$PWD/a=" MODULES "/override/ice.ko\"; "
    "dmv_module_rpm rpms/2 kmod-zfs 2.1 \"$PWD/a=usr/" MODULES "/extra/zfs/zfs.ko\"; "
    "dmv_module_rpm rpms/3 one-module 1 \"$PWD/s=" MODULES "/updates/one.ko\"; "
    "dmv_module_rpm rpms/4 other-module 1 \"$PWD/s=" MODULES "/updates/one.ko\"; "
    "dmv_rpm \"$PWD/root\" -i --nodeps rpms/1 rpms/2 rpms/3 rpms/4";

typedef struct Fixture {
    char *dir;
} Fixture;

static int setup(void **state)
{
    char template[] = "/tmp/dmv-test-owners.XXXXXX";
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_non_null(mkdtemp(template));
    f->dir = strdup(template);
    *state = f;
    assert_int_equal(shell(make_root, f->dir), 0);
    /* the worker's user comes in here; the folder above the root stays closed to it */
    assert_int_equal(shell("mkdir -m 1777 '%s/tmp' && chmod 755 '%s'", f->dir, f->dir), 0);
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    assert_int_equal(shell("rm -rf '%s'", f->dir), 0);
    free(f->dir);
    free(f);
    return 0;
}

/* ---- in this process ---- */

/* Asks the database in a folder below the fixture's. */
static int ask(const Fixture *f, const char *folder, char *const *paths, DmvOwners *ret, DmvError *e)
{
    DMV_CLEANUP_FREE char *from_path = shell_text("%s/%s", f->dir, folder);
    DMV_CLEANUP_FREE char *copy = shell_text("%s/copy", f->dir);
    DMV_CLEANUP_CLOSE int from = open(from_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = -1;
    const char *backend = NULL;
    int r;

    assert_int_equal(shell("rm -rf '%s' && mkdir '%s'", copy, copy), 0);
    to = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(from >= 0 && to >= 0);
    r = dmv_rpmdb_copy(from, to, &backend, e);
    return r == 0 ? dmv_owners_find(copy, backend, paths, ret, e) : r;
}

/* "name name", of the packages that own path @i. */
static const char *owners_of(const DmvOwners *o, size_t i, char *text)
{
    text[0] = '\0';
    for (size_t k = 0; k < o->n_pairs; k++)
        if (o->pairs[k].path == i) {
            strcat(text, text[0] ? " " : "");
            strcat(text, o->packages[o->pairs[k].package].name);
        }
    return text;
}

static void test_owners(void **state)
{
    const Fixture *f = *state;
    static const char *const wanted[] = {"usr/" MODULES "/override/ice.ko",
                                         MODULES "/override/ice.ko",
                                         MODULES "/extra/zfs/zfs.ko",
                                         "usr/" MODULES "/updates/one.ko",
                                         MODULES "/updates/nobody.ko",
                                         MODULES "/updates/ice.ko",
                                         "opt/ice.ko"};
    DMV_CLEANUP_STRV char **paths = NULL;
    __attribute__((cleanup(dmv_owners_deinit))) DmvOwners o = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    char text[256];

    for (size_t i = 0; i < DMV_N_ELEMENTS(wanted); i++)
        assert_int_equal(dmv_strv_push(&paths, wanted[i]), 0);
    assert_int_equal(ask(f, "root/var/lib/rpm", paths, &o, &e), 0);
    assert_null(o.problem);
    assert_string_equal(owners_of(&o, 0, text), "intel-ice-alt");
    assert_string_equal(owners_of(&o, 1, text), "intel-ice-alt");
    assert_string_equal(owners_of(&o, 2, text), "kmod-zfs");
    assert_string_equal(owners_of(&o, 3, text), "one-module other-module");
    for (size_t i = 4; paths[i]; i++)
        assert_string_equal(owners_of(&o, i, text), "");
    assert_int_equal(o.n_packages, 4);
    assert_string_equal(o.packages[0].nevra, "intel-ice-alt-1.15.5-1.noarch");
    assert_true(o.packages[0].verified);
}

static void test_nothing_asked(void **state)
{
    const Fixture *f = *state;
    __attribute__((cleanup(dmv_owners_deinit))) DmvOwners o = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    assert_int_equal(ask(f, "root/var/lib/rpm", NULL, &o, &e), 0);
    assert_int_equal(o.n_packages + o.n_pairs, 0);
}

static void test_too_many_paths(void **state)
{
    DMV_CLEANUP_STRV char **many = calloc(DMV_OWNERS_PATHS_MAX + 2, sizeof(*many));
    DmvOwners o = {0};

    (void)state;
    assert_non_null(many);
    for (size_t i = 0; i <= DMV_OWNERS_PATHS_MAX; i++)
        assert_non_null(many[i] = strdup("x"));
    assert_int_equal(dmv_owners_find("/nonexistent", "sqlite", many, &o, NULL), -E2BIG);
}

/* The database is found in each of its places, and its identity follows it. */
static void test_find(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *root = shell_text("%s/places", f->dir);
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvRoots r = {0};
    DmvRpmdb one = DMV_RPMDB_NULL, two = DMV_RPMDB_NULL;

    assert_int_equal(shell("mkdir -p '%s/var/lib/rpm' '%s/usr/lib/modules'", root, root), 0);
    assert_int_equal(dmv_roots_init(&r, root, NULL, NULL), 0);
    assert_int_equal(dmv_rpmdb_find(&r, &one, &e), DMV_OWNERS_UNKNOWN);
    assert_string_equal(dmv_outcome_reason(e.code), "owners-unknown");
    assert_string_equal(e.why, "there is no RPM database");
    /* what stands in the way of one place does not hide the next, and is only said where there is none */
    assert_int_equal(
        shell("mkdir -p '%s/usr/lib/sysimage' && echo x > '%s/usr/lib/sysimage/rpm'", root, root), 0);
    assert_int_equal(dmv_rpmdb_find(&r, &one, &e), DMV_OWNERS_UNKNOWN);
    assert_string_equal(e.why, "usr/lib/sysimage/rpm cannot be read: Not a directory");
    assert_int_equal(shell("echo x > '%s/var/lib/rpm/Packages'", root), 0);
    assert_int_equal(dmv_rpmdb_find(&r, &one, &e), 0);
    assert_string_equal(one.path, "var/lib/rpm");
    assert_int_equal(dmv_rpmdb_find(&r, &two, &e), 0);
    assert_string_equal(one.identity, two.identity);
    dmv_rpmdb_deinit(&two);
    assert_int_equal(shell("echo more >> '%s/var/lib/rpm/Packages'", root), 0);
    assert_int_equal(dmv_rpmdb_find(&r, &two, &e), 0);
    assert_string_not_equal(one.identity, two.identity);
    dmv_rpmdb_deinit(&two);
    assert_int_equal(
        shell("cd '%s/usr/lib/sysimage' && rm rpm && mkdir rpm && echo x > rpm/rpmdb.sqlite", root), 0);
    assert_int_equal(dmv_rpmdb_find(&r, &two, &e), 0);
    assert_string_equal(two.path, "usr/lib/sysimage/rpm");
    dmv_rpmdb_deinit(&one);
    dmv_rpmdb_deinit(&two);
    dmv_roots_deinit(&r);
}

/* ---- the worker ---- */

typedef struct Answer {
    bool done;
    char *error; /* NULL: a reply; "": the worker went away */
    json_object *params;
} Answer;

static void on_reply(VlPeer *p, const char *error, json_object *params, int *fds, unsigned n_fds,
                     bool continues, void *userdata)
{
    Answer *a = userdata;

    (void)p;
    (void)fds;
    (void)n_fds;
    if (continues)
        return;
    a->done = true;
    a->error = error ? strdup(error) : NULL;
    a->params = params ? json_object_get(params) : NULL;
}

static void become_worker(const Fixture *f, int fd)
{
    DMV_CLEANUP_FREE char *pid = shell_text("%d", (int)getpid());
    DMV_CLEANUP_FREE char *tmp = shell_text("%s/tmp", f->dir);
    DMV_CLEANUP_FREE char *binary = shell_text("%s/bin/dmv-fetch", getenv("DMV_BUILD"));

    if (dup2(fd, 3) < 0 || (fd == 3 && fcntl(3, F_SETFD, 0) < 0))
        _exit(126);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    setenv("TMPDIR", tmp, 1);
    execl(binary, "dmv-fetch", NULL);
    _exit(127);
}

/* Asks a worker of its own for @file by the database in the folder @fd, -1: without one. It ends by itself.
 */
static void call_worker(const Fixture *f, int fd, const char *file, Answer *a)
{
    json_object *params = json_object_new_object(), *paths = json_object_new_array();
    sd_event *event = NULL;
    VlPeer *peer = NULL;
    int pair[2], status = -1;
    pid_t pid;

    json_object_array_add(paths, json_object_new_string(file));
    json_object_object_add(params, "paths", paths);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become_worker(f, pair[1]);
    close(pair[1]);
    *a = (Answer){0};
    assert_true(sd_event_new(&event) >= 0);
    assert_int_equal(vl_peer_new(event, pair[0], 1 << 20, &peer), 0);
    assert_int_equal(vl_peer_call(peer, "io.dmv.Fetch.FindOwners", params, &fd, fd >= 0, false, on_reply, a),
                     0);
    while (!a->done)
        assert_true(sd_event_run(event, 60 * 1000000) >= 0);
    vl_peer_free(peer);
    sd_event_unref(event);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* For ice.ko, by the database in a folder below the fixture's. */
static void ask_worker(const Fixture *f, const char *folder, Answer *a)
{
    DMV_CLEANUP_FREE char *path = shell_text("%s/%s", f->dir, folder);
    DMV_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    call_worker(f, fd, "usr/" MODULES "/override/ice.ko", a);
}

static void answer_deinit(Answer *a)
{
    free(a->error);
    json_object_put(a->params);
}

static const char *text_of(const Answer *a, const char *member)
{
    const char *s = json_object_get_string(json_object_object_get(a->params, member));

    return s ? s : "";
}

/* The worker reads as a user that nobody is, writes nothing beside the database, and leaves nothing behind.
 */
static void test_worker(void **state)
{
    const Fixture *f = *state;
    Answer a;

    assert_int_equal(
        shell("cd '%s/root/var/lib/rpm' && rm -f *-shm && ls -l --full-time . > '%s/before'", f->dir, f->dir),
        0);
    ask_worker(f, "root/var/lib/rpm", &a);
    assert_null(a.error);
    assert_string_equal(text_of(&a, "problem"), "");
    assert_non_null(strstr(text_of(&a, "packages"), "intel-ice-alt-1.15.5-1.noarch"));
    answer_deinit(&a);
    assert_int_equal(
        shell("cd '%s/root/var/lib/rpm' && ls -l --full-time . | cmp - '%s/before'", f->dir, f->dir), 0);
    assert_int_equal(shell("sleep 0.2; test -z \"$(ls '%s/tmp')\"", f->dir), 0);
}

static void test_calls_that_are_none(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_CLOSE int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Answer a;

    call_worker(f, -1, "usr/x.ko", &a);
    assert_string_equal(text_of(&a, "reason"), "invalid-request");
    answer_deinit(&a);
    call_worker(f, fd, "../x.ko", &a);
    assert_string_equal(text_of(&a, "reason"), "invalid-request");
    answer_deinit(&a);
}

typedef struct Hostile {
    const char *name, *make; /* in an empty folder; %s is the good database's folder */
} Hostile;

static const Hostile hostile[] = {
    {"nothing", "true"},
    {"garbage", "head -c 300000 /dev/urandom > rpmdb.sqlite"},
    {"garbage-bdb", "head -c 300000 /dev/urandom > Packages"},
    {"zeros", "head -c 100000 /dev/zero > rpmdb.sqlite"},
    {"truncated", "head -c 5000 \"$G/rpmdb.sqlite\" > rpmdb.sqlite"},
    {"half", "head -c $(($(stat -c %s \"$G/rpmdb.sqlite\") / 2)) \"$G/rpmdb.sqlite\" > rpmdb.sqlite"},
    {"folder", "mkdir rpmdb.sqlite"},
    {"link", "ln -s /etc/shadow rpmdb.sqlite"},
    {"fifo", "mkfifo rpmdb.sqlite"},
    {"closed", "cp \"$G/rpmdb.sqlite\" . && chmod 0000 rpmdb.sqlite"},
    {"closed-folder", "cp \"$G/rpmdb.sqlite\" . && chmod 0700 ."},
    {"other-kind", "head -c 4096 /dev/zero > Packages.db"},
    {"no-tables",
     "python3 -c 'import sqlite3; c = sqlite3.connect(\"rpmdb.sqlite\"); c.execute(\"create table x (y)\"); "
     "c.commit()'"},
    {"huge", "truncate -s 2G rpmdb.sqlite"},
};

/* Each of them is refused in words or said to be incomplete; none of them hangs, and none gives an owner. */
static void test_hostile(void **state)
{
    const Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(hostile); i++) {
        DMV_CLEANUP_FREE char *folder = shell_text("hostile-%s", hostile[i].name);
        Answer a;

        assert_int_equal(shell("mkdir '%s/%s'", f->dir, folder), 0);
        assert_int_equal(
            shell("G='%s/root/var/lib/rpm'; cd '%s/%s' && %s", f->dir, f->dir, folder, hostile[i].make), 0);
        ask_worker(f, folder, &a);
        if (a.error && a.error[0])
            assert_string_equal(a.error, "io.dmv.Fetch.Refused");
        if (a.error && a.error[0])
            assert_string_equal(text_of(&a, "reason"), "owners-unknown");
        if (!a.error && !text_of(&a, "problem")[0])
            fail_msg("%s: taken for a database without packages", hostile[i].name);
        if (!a.error)
            assert_string_equal(text_of(&a, "owners"), "[ ]");
        answer_deinit(&a);
    }
}

/* A record that was changed on the disk has no right digest: it is not believed, and that is said. */
static void test_changed_record(void **state)
{
    const Fixture *f = *state;
    Answer a;

    assert_int_equal(shell("mkdir '%s/changed' && cd '%s/changed' && cp '%s'/root/var/lib/rpm/rpmdb.sqlite* "
                           ". && python3 -c '"
                           "import sqlite3; c = sqlite3.connect(\"rpmdb.sqlite\"); "
                           "rows = c.execute(\"select hnum, blob from Packages\").fetchall(); "
                           "[c.execute(\"update Packages set blob = ? where hnum = ?\", "
                           "(b.replace(b\"1.15.5\", b\"9.99.9\"), n)) for n, b in rows]; c.commit()'",
                           f->dir, f->dir, f->dir),
                     0);
    ask_worker(f, "changed", &a);
    assert_null(a.error);
    assert_non_null(strstr(text_of(&a, "problem"), "digest"));
    assert_string_equal(text_of(&a, "owners"), "[ ]");
    answer_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners),         cmocka_unit_test(test_nothing_asked),
        cmocka_unit_test(test_too_many_paths), cmocka_unit_test(test_find),
        cmocka_unit_test(test_worker),         cmocka_unit_test(test_calls_that_are_none),
        cmocka_unit_test(test_hostile),        cmocka_unit_test(test_changed_record),
    };

    return cmocka_run_group_tests_name("owners", tests, setup, teardown);
}
