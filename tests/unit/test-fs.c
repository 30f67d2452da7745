/* SPDX-License-Identifier: LGPL-2.1-or-later */
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
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/race.h"
#include "../support/scratch.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"

static bool exists(const Scratch *s, const char *path)
{
    struct stat st;

    return fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static size_t count(const Scratch *s, const char *path)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;

    assert_int_equal(dmv_fs_list(s->fd, path, &entries, &n), 0);
    dmv_fs_entries_free(entries, n);
    return n;
}

static void assert_content(const Scratch *s, const char *path, const char *text)
{
    DMV_CLEANUP_FREE char *data = scratch_read(s, path, NULL);

    assert_string_equal(data, text);
}

/* ---- opening ---- */

static void check_open(const Scratch *s)
{
    int fd = dmv_fs_open(s->fd, "in/a//b/./file", O_RDONLY, 0);

    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(close(fd), 0);
    fd = dmv_fs_open(s->fd, "in/link/file", O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(dmv_fs_open_nolinks(s->fd, "in/link/file", O_RDONLY, 0), -ELOOP);
    assert_int_equal(dmv_fs_open(s->fd, "in/link", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
    assert_int_equal(dmv_fs_open(s->fd, "in/missing", O_RDONLY, 0), -ENOENT);
    assert_int_equal(dmv_fs_open(s->fd, "in/a/b/file/x", O_RDONLY, 0), -ENOTDIR);
    assert_int_equal(dmv_fs_open(s->fd, "", O_RDONLY, 0), -ENOENT);
    assert_int_equal(dmv_fs_open(s->fd, "../out", O_RDONLY, 0), -EXDEV);
    assert_int_equal(dmv_fs_open(s->fd, "/etc/passwd", O_RDONLY, 0), -EXDEV);
    assert_int_equal(dmv_fs_open(s->fd, "in/absolute", O_RDONLY, 0), -EXDEV);
    assert_int_equal(dmv_fs_open(s->fd, "in/absolute", O_PATH, 0), -EXDEV);
    assert_int_equal(dmv_fs_open(s->fd, "in/up", O_RDONLY, 0), -EXDEV);
    assert_int_equal(dmv_fs_open(s->fd, "in/loop", O_RDONLY, 0), -ELOOP);
}

static void make_tree(const Scratch *s)
{
    scratch_write(s, "in/a/b/file", "text");
    scratch_link(s, "in/link", "a/b");
    scratch_link(s, "in/absolute", "/etc/passwd");
    scratch_link(s, "in/up", "../../../../../../../etc/passwd");
    scratch_link(s, "in/a/back", "../link/../b/");
    scratch_link(s, "in/a/self", ".");
    scratch_link(s, "in/a/nowhere", "b/missing");
    scratch_link(s, "in/a/b/name", "../self/back/file");
    scratch_link(s, "in/loop", "a/loop");
    scratch_link(s, "in/a/loop", "../loop");
}

/* What opening a path gives: a negative errno, or the inode. */
static int64_t outcome_of(const Scratch *s, const char *path, int flags)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(s->fd, path, flags, 0);
    struct stat st;

    if (fd < 0)
        return fd;
    assert_int_equal(fstat(fd, &st), 0);
    return (int64_t)st.st_ino;
}

#define N_PATHS 4000

/* The same random paths over the tree's names each time. */
static void open_many(const Scratch *s, int64_t *results)
{
    static const char *const names[] = {"in",   "a",    "b",       "file", "link",   "absolute",
                                        "up",   "back", "self",    ".",    "..",     "name",
                                        "loop", "",     "missing", "out",  "nowhere"};
    static const int flags[] = {O_RDONLY, O_PATH, O_PATH | O_NOFOLLOW, O_RDONLY | O_DIRECTORY,
                                O_RDONLY | O_NOFOLLOW};
    uint32_t random = 1;

    for (size_t i = 0; i < N_PATHS; i++) {
        char path[128] = "in";

        for (size_t n = 0, parts = 1 + i % 7; n < parts; n++) {
            random = random * 1664525 + 1013904223;
            (void)strcat(strcat(path, "/"), names[(random >> 16) % DMV_N_ELEMENTS(names)]);
        }
        results[i] = outcome_of(s, path, flags[i % DMV_N_ELEMENTS(flags)]);
    }
}

static void test_open(void **state)
{
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_tree(&s);
    check_open(&s);
}

/* A kernel without openat2(2), made by a real filter of system calls in a child: it gives for every path what
 * the call gives. */
static void test_open_without_openat2(void **state)
{
    SCRATCH s;
    DMV_CLEANUP_FREE int64_t *with = calloc(N_PATHS, sizeof(*with));
    int64_t *without =
        mmap(NULL, N_PATHS * sizeof(*without), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;

    (void)state;
    assert_true(with && without != MAP_FAILED);
    scratch_init(&s);
    make_tree(&s);
    open_many(&s, with);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (race_without_openat2() < 0)
            _exit(1);
        check_open(&s);
        open_many(&s, without);
        assert_int_equal(dmv_fs_mkdirs(s.fd, "in/new/folder", 0700), 0);
        assert_int_equal(dmv_fs_replace_file(s.fd, "in/new/folder/f", "x", 1, 0600), 0);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_content(&s, "in/new/folder/f", "x");
    for (size_t i = 0; i < N_PATHS; i++)
        assert_int_equal(with[i], without[i]);
    assert_int_equal(munmap(without, N_PATHS * sizeof(*without)), 0);
}

/* ---- names that change meanwhile ---- */

#define ROUNDS_LEAST 2000
#define ROUNDS_MOST 1000000

/* One round along jail/in/a, which is a folder now and a link to outside then. Return: 0 if the folder was
 * met, 1 if that was refused, -1 if something outside was. */
static int walk_along(int jail)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(jail, "in/a/file", O_RDONLY, 0);
    char c = 'i';

    (void)dmv_fs_mkdirs(jail, "in/a/new/folder", 0700);
    (void)dmv_fs_replace_file(jail, "in/a/written", "x", 1, 0600);
    (void)dmv_fs_replace_link(jail, "in/a/linked", "x");
    (void)dmv_fs_append_file(jail, "in/a/file", "i", 1, 0600);
    (void)dmv_fs_remove(jail, "in/a/victim");
    (void)dmv_fs_remove_tree(jail, "in/a/tree");
    if (fd >= 0 && (read(fd, &c, 1) != 1 || c != 'i'))
        return -1;
    return fd < 0;
}

/* Return: 0 if the folder and the refusal were both met, and nothing else. */
static int walk_much(int jail)
{
    size_t met[2] = {0};

    for (size_t n = 0; n < ROUNDS_MOST && (n < ROUNDS_LEAST || !met[0] || !met[1]); n++) {
        int r = walk_along(jail);

        if (r < 0)
            return 3;
        met[r]++;
    }
    return met[0] && met[1] ? 0 : 4;
}

/* Once by openat2(2), once by the walk along the components. */
static void check_race(bool with_openat2)
{
    DMV_CLEANUP_CLOSE int jail = -1;
    pid_t swapping, walking;
    SCRATCH s;
    int status;

    scratch_init(&s);
    scratch_write(&s, "jail/in/a/file", "inside");
    scratch_write(&s, "outside/file", "outside");
    scratch_write(&s, "outside/victim", "");
    scratch_write(&s, "outside/tree/leaf", "");
    scratch_link(&s, "jail/in/b", "../../outside");
    jail = openat(s.fd, "jail", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(jail >= 0);
    swapping = race_start(jail, "in/a", "in/b");
    walking = fork();
    assert_true(walking >= 0);
    if (walking == 0)
        _exit(!with_openat2 && race_without_openat2() < 0 ? 5 : walk_much(jail));
    assert_int_equal(waitpid(walking, &status, 0), walking);
    race_stop(swapping);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(count(&s, "outside"), 3);
    assert_content(&s, "outside/file", "outside");
    assert_true(exists(&s, "outside/victim") && exists(&s, "outside/tree/leaf"));
}

static void test_race(void **state)
{
    (void)state;
    check_race(true);
    check_race(false);
}

/* ---- reading ---- */

static int read_private(const Scratch *s, const char *path)
{
    DMV_CLEANUP_FREE char *data = NULL;

    return dmv_fs_read_private(s->fd, path, 100, &data, NULL);
}

/* What somebody else can have written is not believed, nor is what a link leads to. */
static void test_read_private(void **state)
{
    static const mode_t bad[] = {0620, 0602, 0666};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "in/file", "text");
    assert_int_equal(fchmodat(s.fd, "in/file", 0644, 0), 0);
    assert_int_equal(read_private(&s, "in/file"), 0);
    assert_int_equal(read_private(&s, "in/missing"), -ENOENT);
    assert_int_equal(read_private(&s, "in"), -EISDIR);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        assert_int_equal(fchmodat(s.fd, "in/file", bad[i], 0), 0);
        assert_int_equal(read_private(&s, "in/file"), -EPERM);
    }
    assert_int_equal(fchmodat(s.fd, "in/file", 0600, 0), 0);
    assert_int_equal(fchownat(s.fd, "in/file", 12345, 0, 0), 0);
    assert_int_equal(read_private(&s, "in/file"), -EPERM);
    assert_int_equal(fchownat(s.fd, "in/file", 0, 0, 0), 0);
    /* its folder lets others put something else there */
    assert_int_equal(fchmodat(s.fd, "in", 0770, 0), 0);
    assert_int_equal(read_private(&s, "in/file"), -EPERM);
    assert_int_equal(fchmodat(s.fd, "in", 0700, 0), 0);
    assert_int_equal(fchownat(s.fd, "in", 12345, 0, 0), 0);
    assert_int_equal(read_private(&s, "in/file"), -EPERM);
    assert_int_equal(fchownat(s.fd, "in", 0, 0, 0), 0);
    assert_int_equal(read_private(&s, "in/file"), 0);
    scratch_link(&s, "in/link", "file");
    assert_int_equal(read_private(&s, "in/link"), -ELOOP);
    assert_int_equal(mkfifo(scratch_path(&s, "in/fifo"), 0600), 0);
    assert_int_equal(read_private(&s, "in/fifo"), -EINVAL);
    assert_string_equal(dmv_fs_private_words(-EINVAL), "it is no regular file");
}

/* Below a root of his own the caller's files count, and so do root's. */
static void test_read_private_of_a_user(void **state)
{
    int status;
    SCRATCH s;
    pid_t pid;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "own", "text");
    scratch_write(&s, "root", "text");
    scratch_write(&s, "other", "text");
    assert_int_equal(fchmodat(s.fd, "root", 0644, 0), 0);
    assert_int_equal(fchmodat(s.fd, "other", 0644, 0), 0);
    assert_int_equal(fchownat(s.fd, "own", 12345, 12345, 0), 0);
    assert_int_equal(fchownat(s.fd, "other", 12346, 12346, 0), 0);
    assert_int_equal(fchownat(s.fd, "", 12345, 12345, AT_EMPTY_PATH), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setresgid(12345, 12345, 12345) < 0 || setresuid(12345, 12345, 12345) < 0)
            _exit(99);
        _exit((read_private(&s, "own") != 0) + 2 * (read_private(&s, "root") != 0) +
              4 * (read_private(&s, "other") != -EPERM));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_read(void **state)
{
    DMV_CLEANUP_FREE char *data = NULL;
    char *untouched = NULL;
    int ends[2];
    size_t size = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "file", "0123456789");
    scratch_write(&s, "empty", "");
    scratch_mkdir(&s, "folder");
    assert_int_equal(mkfifo(scratch_path(&s, "fifo"), 0600), 0);
    assert_int_equal(dmv_fs_read_file(s.fd, "file", 10, &data, &size), 0);
    assert_int_equal(size, 10);
    assert_string_equal(data, "0123456789");
    assert_int_equal(dmv_fs_read_file(s.fd, "file", 9, &untouched, NULL), -EFBIG);
    assert_int_equal(dmv_fs_read_file(s.fd, "folder", 10, &untouched, NULL), -EISDIR);
    assert_int_equal(dmv_fs_read_file(s.fd, "fifo", 10, &untouched, NULL), -EINVAL);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dmv_fs_read_fd(ends[0], 10, &untouched, NULL),
                     -EINVAL); /* and does not wait for its end */
    (void)dmv_close(ends[0]);
    (void)dmv_close(ends[1]);
    assert_int_equal(dmv_fs_read_file(s.fd, "missing", 10, &untouched, NULL), -ENOENT);
    assert_null(untouched);
    assert_int_equal(dmv_fs_read_file(s.fd, "empty", 0, &untouched, &size), 0);
    assert_int_equal(size, 0);
    assert_string_equal(untouched, "");
    free(untouched);
}

/* procfs says 0 for the size of everything. */
static void test_read_without_size(void **state)
{
    DMV_CLEANUP_CLOSE int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    char *untouched = NULL;

    (void)state;
    assert_int_equal(dmv_fs_read_file(proc, "kallsyms", 64 * 1024 * 1024, &data, &size), 0);
    assert_true(size > 8192);
    assert_int_equal(dmv_fs_read_file(proc, "kallsyms", 8192, &untouched, NULL), -EFBIG);
    assert_null(untouched);
}

static void test_read_link(void **state)
{
    DMV_CLEANUP_FREE char *target = NULL, *long_one = NULL, *near = NULL;
    char far[1200], *untouched = NULL;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    memset(far, 'x', sizeof(far));
    far[sizeof(far) - 1] = '\0';
    scratch_link(&s, "a/link", "somewhere else");
    scratch_link(&s, "a/long", far);
    scratch_link(&s, "link", "close by");
    scratch_write(&s, "a/file", "");
    assert_int_equal(dmv_fs_read_link(s.fd, "a/link", &target), 0);
    assert_string_equal(target, "somewhere else");
    assert_int_equal(dmv_fs_read_link(s.fd, "link", &near), 0);
    assert_string_equal(near, "close by");
    assert_int_equal(dmv_fs_read_link(s.fd, "a/long", &long_one), 0);
    assert_string_equal(long_one, far);
    assert_int_equal(dmv_fs_read_link(s.fd, "a/file", &untouched), -EINVAL);
    assert_int_equal(dmv_fs_read_link(s.fd, "a/none", &untouched), -ENOENT);
    assert_int_equal(dmv_fs_read_link(s.fd, "none/none", &untouched), -ENOENT);
    assert_int_equal(dmv_fs_read_link(s.fd, "..", &untouched), -EINVAL);
    assert_int_equal(dmv_fs_read_link(s.fd, "none", &untouched), -ENOENT);
    assert_null(untouched);
}

static void test_resolve(void **state)
{
    static const struct {
        const char *path, *result;
        bool exists;
    } cases[] = {
        {"usr/lib/store/x.ko", "usr/lib/store/x.ko", true},
        {"lib/store/x.ko", "usr/lib/store/x.ko", true},
        {"mod/relative.ko", "usr/lib/store/x.ko", true},
        {"mod/absolute.ko", "usr/lib/store/x.ko", true},
        {"mod/chain.ko", "usr/lib/store/x.ko", true},
        {"mod/dangling.ko", "usr/lib/store/gone/y.ko", false},
        {"mod/../../../lib/./store", "usr/lib/store", true},
        {"mod/through.ko", "usr/lib/store/x.ko/deeper", false},
    };
    char *untouched = NULL;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "usr/lib/store/x.ko", "");
    scratch_link(&s, "lib", "usr/lib");
    scratch_link(&s, "mod/relative.ko", "../lib/store/x.ko");
    scratch_link(&s, "mod/absolute.ko", "/lib/store/x.ko");
    scratch_link(&s, "mod/chain.ko", "absolute.ko");
    scratch_link(&s, "mod/dangling.ko", "../lib/store/gone/y.ko");
    scratch_link(&s, "mod/through.ko", "relative.ko/deeper");
    scratch_link(&s, "mod/loop", "loop");
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *result = NULL;
        bool there = !cases[i].exists;

        assert_int_equal(dmv_fs_resolve(s.fd, cases[i].path, &result, &there), 0);
        assert_string_equal(result, cases[i].result);
        assert_int_equal(there, cases[i].exists);
    }
    assert_int_equal(dmv_fs_resolve(s.fd, "mod/loop", &untouched, &(bool){false}), -ELOOP);
    assert_null(untouched);
}

/* ---- replacing ---- */

static void test_replace_file(void **state)
{
    mode_t old = umask(077);
    struct stat st;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "d/target", "old");
    scratch_link(&s, "d/link", "target");
    assert_int_equal(dmv_fs_replace_file(s.fd, "d/new", "abc", 3, 0644), 0);
    assert_int_equal(fstatat(s.fd, "d/new", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(dmv_fs_replace_file(s.fd, "d/link", "fresh", 5, 0600), 0);
    assert_content(&s, "d/link", "fresh");
    assert_content(&s, "d/target", "old"); /* the link was replaced, not written through */
    assert_int_equal(dmv_fs_replace_file(s.fd, "missing/f", "x", 1, 0600), -ENOENT);
    assert_int_equal(dmv_fs_replace_file(s.fd, "d/..", "x", 1, 0600), -EINVAL);
    assert_int_equal(dmv_fs_replace_file(s.fd, "../f", "x", 1, 0600), -EXDEV);
    scratch_mkdir(&s, "d/folder");
    assert_int_equal(dmv_fs_replace_file(s.fd, "d/folder", "x", 1, 0600), -EISDIR);
    assert_int_equal(count(&s, "d"), 4); /* no temporary is left */
    (void)umask(old);
}

/* A write that fails half way: the old file stays, the temporary goes. */
static void test_replace_file_too_large(void **state)
{
    struct rlimit old, low;
    char big[8192];
    int r;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    memset(big, 'x', sizeof(big));
    scratch_write(&s, "d/f", "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    r = dmv_fs_replace_file(s.fd, "d/f", big, sizeof(big), 0600);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(r, -EFBIG);
    assert_content(&s, "d/f", "old");
    assert_int_equal(count(&s, "d"), 1);
}

/* What a process that died has left goes; what somebody writes, or calls almost the same, stays. */
static void test_sweep(void **state)
{
    static const char left[] = "d/.dmv-0123456789abcdef.tmp", open_one[] = "d/.dmv-00000000000000ff.tmp";
    DMV_CLEANUP_CLOSE int fd = -1;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_fs_sweep(s.fd, "d"), 0);
    scratch_write(&s, left, "half");
    scratch_write(&s, open_one, "half");
    scratch_write(&s, "d/.dmv-0123456789abcdeg.tmp", "somebody's");
    scratch_write(&s, "d/.dmv-0123456789abcdef.tmp2", "somebody's");
    scratch_mkdir(&s, "d/.dmv-0123456789abcde0.tmp");
    fd = openat(s.fd, open_one, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(dmv_fs_sweep(s.fd, "d"), 1);
    assert_int_equal(count(&s, "d"), 4);
    assert_content(&s, open_one, "half");
    fd = dmv_close(fd);
    assert_int_equal(dmv_fs_sweep(s.fd, "d"), 1);
    assert_int_equal(dmv_fs_sweep(s.fd, "d"), 0);
    assert_int_equal(count(&s, "d"), 3);
}

static void test_replace_link(void **state)
{
    DMV_CLEANUP_FREE char *target = NULL;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_link(&s, "d/l", "old");
    scratch_mkdir(&s, "d/folder");
    assert_int_equal(dmv_fs_replace_link(s.fd, "d/l", "new"), 0);
    assert_int_equal(dmv_fs_read_link(s.fd, "d/l", &target), 0);
    assert_string_equal(target, "new");
    assert_int_equal(dmv_fs_replace_link(s.fd, "d/folder", "new"), -EISDIR);
    assert_int_equal(dmv_fs_replace_link(s.fd, "none/l", "new"), -ENOENT);
    assert_int_equal(dmv_fs_replace_link(s.fd, "d/e", ""), -ENOENT);
    assert_int_equal(count(&s, "d"), 2);
}

static void test_append(void **state)
{
    struct rlimit old, low;
    struct stat st;
    char big[8192];
    int r;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    memset(big, 'x', sizeof(big));
    assert_int_equal(dmv_fs_append_file(s.fd, "log", "one\n", 4, 0600), 0);
    assert_int_equal(dmv_fs_append_file(s.fd, "log", "two\n", 4, 0600), 0);
    assert_content(&s, "log", "one\ntwo\n");
    assert_int_equal(fstatat(s.fd, "log", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(dmv_fs_append_file(s.fd, "none/log", "x", 1, 0600), -ENOENT);
    scratch_link(&s, "link", "log");
    assert_int_equal(dmv_fs_append_file(s.fd, "link", "x", 1, 0600), -ELOOP);
    scratch_mkdir(&s, "folder");
    assert_int_equal(dmv_fs_append_file(s.fd, "folder", "x", 1, 0600), -EISDIR);
    /* a record that does not fit leaves nothing of itself */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    r = dmv_fs_append_file(s.fd, "log", big, sizeof(big), 0600);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(r, -EFBIG);
    assert_content(&s, "log", "one\ntwo\n");
}

static void test_write_all(void **state)
{
    DMV_CLEANUP_CLOSE int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    SCRATCH s;
    int fd;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_fs_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(dmv_fs_write_all(-1, "x", 1), -EBADF);
    fd = dmv_fs_open(s.fd, "f", O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(dmv_fs_write_all(fd, "text", 4), 0);
    assert_int_equal(close(fd), 0);
    assert_content(&s, "f", "text");
}

/* ---- removing, renaming, folders ---- */

static void test_remove(void **state)
{
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "target", "");
    scratch_link(&s, "link", "target");
    assert_int_equal(dmv_fs_remove(s.fd, "link"), 0);
    assert_true(exists(&s, "target"));
    assert_false(exists(&s, "link"));
    assert_int_equal(dmv_fs_remove(s.fd, "link"), 0);
    assert_int_equal(dmv_fs_remove(s.fd, "none/none"), 0);
    scratch_mkdir(&s, "folder");
    assert_int_equal(dmv_fs_remove(s.fd, "folder"), -EISDIR);
    assert_int_equal(dmv_fs_remove(s.fd, "."), -EINVAL);
}

static void test_mkdirs(void **state)
{
    mode_t old = umask(077);
    struct stat st;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_fs_mkdirs(s.fd, "a/b/c", 0755), 0);
    assert_int_equal(dmv_fs_mkdirs(s.fd, "a/b/c/", 0700), 0);
    assert_int_equal(fstatat(s.fd, "a/b/c", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    scratch_write(&s, "file", "");
    scratch_link(&s, "dangling", "nowhere");
    scratch_link(&s, "out", "/tmp");
    assert_int_equal(dmv_fs_mkdirs(s.fd, "file/x", 0755), -ENOTDIR);
    assert_int_equal(dmv_fs_mkdirs(s.fd, "dangling", 0755), -ENOTDIR);
    assert_int_equal(dmv_fs_mkdirs(s.fd, "out/x", 0755), -EXDEV);
    assert_int_equal(dmv_fs_mkdirs(s.fd, "", 0755), -EINVAL);
    (void)umask(old);
}

static void test_remove_tree(void **state)
{
    char deep[64 * 2 + 64] = "deep";
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "keep/file", "");
    scratch_write(&s, "t/a/b/file", "");
    scratch_link(&s, "t/a/link", "../../keep");
    assert_int_equal(mkfifo(scratch_path(&s, "t/fifo"), 0600), 0);
    assert_int_equal(dmv_fs_remove_tree(s.fd, "t"), 0);
    assert_false(exists(&s, "t"));
    assert_true(exists(&s, "keep/file"));
    assert_int_equal(dmv_fs_remove_tree(s.fd, "t"), 0);
    assert_int_equal(dmv_fs_remove_tree(s.fd, "t/none"), 0);
    scratch_link(&s, "link", "keep");
    assert_int_equal(dmv_fs_remove_tree(s.fd, "link"), 0);
    assert_true(exists(&s, "keep/file"));
    assert_int_equal(dmv_fs_remove_tree(s.fd, ".."), -EINVAL);
    for (int i = 0; i < 70; i++)
        strcat(deep, "/d");
    scratch_mkdir(&s, deep);
    assert_int_equal(dmv_fs_remove_tree(s.fd, "deep"), -ELOOP);
}

static void test_remove_empty_dirs(void **state)
{
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "store/k/d/v/1");
    scratch_mkdir(&s, "store/k/d2");
    assert_int_equal(dmv_fs_remove_empty_dirs(s.fd, "store/k/d/v/1", "store"), 0);
    assert_false(exists(&s, "store/k/d"));
    assert_true(exists(&s, "store/k/d2"));
    assert_int_equal(dmv_fs_remove_empty_dirs(s.fd, "store/k/d2", "store"), 0);
    assert_false(exists(&s, "store/k"));
    assert_true(exists(&s, "store"));
    assert_int_equal(dmv_fs_remove_empty_dirs(s.fd, "store/gone/x", "store"), 0);
    assert_int_equal(dmv_fs_remove_empty_dirs(s.fd, "stored/x", "store"), -EINVAL);
    assert_int_equal(dmv_fs_remove_empty_dirs(s.fd, "store", "store"), -EINVAL);
    scratch_write(&s, "store/file", "");
    assert_int_equal(dmv_fs_remove_empty_dirs(s.fd, "store/file", "store"), -ENOTDIR);
}

static void test_rename(void **state)
{
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "a/f", "f");
    scratch_write(&s, "b/g", "g");
    assert_int_equal(dmv_fs_rename(s.fd, "a/f", "b/g", true), -EEXIST);
    assert_content(&s, "b/g", "g");
    assert_int_equal(dmv_fs_rename(s.fd, "a/f", "b/g", false), 0);
    assert_content(&s, "b/g", "f");
    assert_int_equal(dmv_fs_rename(s.fd, "a/f", "b/h", true), -ENOENT);
    assert_int_equal(dmv_fs_rename(s.fd, "b/g", "none/h", true), -ENOENT);
    assert_int_equal(dmv_fs_rename(s.fd, "b/g", "../h", true), -EXDEV);
}

static void test_sync(void **state)
{
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "t/a/file", "x");
    scratch_link(&s, "t/a/dangling", "nowhere");
    assert_int_equal(mkfifo(scratch_path(&s, "t/fifo"), 0600), 0);
    assert_int_equal(dmv_fs_sync_dir(s.fd, "t"), 0);
    assert_int_equal(dmv_fs_sync_dir(s.fd, "t/a/file"), -ENOTDIR);
    assert_int_equal(dmv_fs_sync_dir(s.fd, "none"), -ENOENT);
    assert_int_equal(dmv_fs_sync_tree(s.fd, "t"), 0);
    assert_int_equal(dmv_fs_sync_tree(s.fd, "t/a/file"), 0);
    assert_int_equal(dmv_fs_sync_tree(s.fd, "none"), -ENOENT);
}

/* ---- copying, measuring, listing ---- */

static void test_copy_hashed(void **state)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    DMV_CLEANUP_CLOSE int in = -1;
    DMV_CLEANUP_CLOSE int out = -1;
    DMV_CLEANUP_CLOSE int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    char hex[DMV_SHA256_HEX];
    uint64_t size = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "in", "abc");
    in = dmv_fs_open(s.fd, "in", O_RDONLY, 0);
    out = dmv_fs_open(s.fd, "out", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(dmv_fs_copy_hashed(in, out, 3, hex, &size), 0);
    assert_string_equal(hex, abc);
    assert_int_equal(size, 3);
    assert_content(&s, "out", "abc");
    memset(hex, 0, sizeof(hex));
    assert_int_equal(dmv_fs_copy_hashed(in, -1, 3, hex, NULL), 0); /* from its beginning again */
    assert_string_equal(hex, abc);
    assert_int_equal(dmv_fs_copy_hashed(in, -1, 2, hex, NULL), -EFBIG);
    assert_int_equal(dmv_fs_copy_hashed(in, full, 3, hex, NULL), -ENOSPC);
    assert_int_equal(dmv_fs_copy_hashed(-1, -1, 3, hex, NULL), -EBADF);
}

static void test_free_bytes(void **state)
{
    uint64_t n = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_fs_free_bytes(s.fd, ".", &n), 0);
    assert_true(n > 0);
    assert_int_equal(dmv_fs_free_bytes(s.fd, "none", &n), -ENOENT);
}

static void test_list(void **state)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "d/b", "");
    scratch_mkdir(&s, "d/c");
    scratch_link(&s, "d/a", "b");
    assert_int_equal(mkfifo(scratch_path(&s, "d/.f"), 0600), 0);
    assert_int_equal(dmv_fs_list(s.fd, "d", &entries, &n), 0);
    assert_int_equal(n, 4);
    assert_string_equal(entries[0].name, ".f");
    assert_int_equal(entries[0].kind, DMV_FS_ELSE);
    assert_int_equal(entries[1].kind, DMV_FS_LINK);
    assert_int_equal(entries[2].kind, DMV_FS_FILE);
    assert_int_equal(entries[3].kind, DMV_FS_FOLDER);
    dmv_fs_entries_free(entries, n);
    assert_int_equal(dmv_fs_list(s.fd, "d/b", &entries, &n), -ENOTDIR);
    assert_int_equal(dmv_fs_list(s.fd, "none", &entries, &n), -ENOENT);
}

/* More than the kernel gives in one call. */
/* Links to folders are none. */
static void test_list_folders(void **state)
{
    SCRATCH s;
    DMV_CLEANUP_STRV char **names = NULL, **none = NULL;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "d/b");
    scratch_mkdir(&s, "d/a");
    scratch_write(&s, "d/file", "x");
    scratch_link(&s, "d/link", "a");
    assert_int_equal(dmv_fs_list_folders(s.fd, "d", &names), 0);
    assert_int_equal(dmv_strv_length(names), 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_int_equal(dmv_fs_list_folders(s.fd, "none", &none), 0);
    assert_null(none);
    assert_int_equal(dmv_fs_list_folders(s.fd, "d/file", &none), -ENOTDIR);
}

static void test_list_of_many(void **state)
{
    enum { MANY = 600 };
    DmvFsEntry *entries = NULL;
    char path[80];
    size_t n = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof(path), "d/%064d", i);
        scratch_write(&s, path, "");
    }
    assert_int_equal(dmv_fs_list(s.fd, "d", &entries, &n), 0);
    assert_int_equal(n, MANY);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof(path), "%064d", i);
        assert_string_equal(entries[i].name, path);
    }
    dmv_fs_entries_free(entries, n);
}

/* A folder that was removed while it was open holds nothing. */
static void test_list_of_removed(void **state)
{
    DMV_CLEANUP_CLOSE int fd = -1;
    DmvFsEntry *entries = NULL;
    size_t n = 1;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "d");
    fd = dmv_fs_open(s.fd, "d", O_RDONLY | O_DIRECTORY, 0);
    assert_true(fd >= 0);
    assert_int_equal(rmdir(scratch_path(&s, "d")), 0);
    assert_int_equal(dmv_fs_list(fd, ".", &entries, &n), 0);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_open_without_openat2),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_read_private),
        cmocka_unit_test(test_read_private_of_a_user),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_without_size),
        cmocka_unit_test(test_read_link),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_replace_file),
        cmocka_unit_test(test_replace_file_too_large),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_replace_link),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_write_all),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_mkdirs),
        cmocka_unit_test(test_remove_tree),
        cmocka_unit_test(test_remove_empty_dirs),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_copy_hashed),
        cmocka_unit_test(test_free_bytes),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_folders),
        cmocka_unit_test(test_list_of_many),
        cmocka_unit_test(test_list_of_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
