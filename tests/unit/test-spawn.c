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
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/cleanup.h"
#include "host/spawn.h"

#define SECOND UINT64_C(1000000)
#define CLEANUP_RESULT DMV_CLEANUP(dmv_spawn_result_deinit)

static void test_output_and_status(void **state)
{
    static const char *const argv[] = {"sh", "-c", "echo out; echo err >&2; exit 7", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};

    (void)state;
    assert_int_equal(dmv_spawn_wait(argv, 20 * SECOND, &r), 0);
    assert_int_equal(r.status, 7);
    assert_int_equal(r.timed_out, 0);
    assert_string_equal(r.output, "out\nerr\n");
}

static void test_no_such_program(void **state)
{
    static const char *const by_name[] = {"no-such-program-of-dmv", NULL};
    static const char *const by_path[] = {"/no/such/program", NULL};
    static const char *const not_executable[] = {"/etc/passwd", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};

    (void)state;
    assert_int_equal(dmv_spawn_wait(by_name, SECOND, &r), -ENOENT);
    assert_int_equal(dmv_spawn_wait(by_path, SECOND, &r), -ENOENT);
    assert_int_equal(dmv_spawn_wait(not_executable, SECOND, &r), -EACCES);
    assert_null(r.output);
}

/* What a child says is not lost without a word because there was no descriptor left for it. */
static void test_no_descriptor_for_the_output(void **state)
{
    static const char *const argv[] = {"sh", "-c", "echo out", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};
    struct rlimit before, one_above_ten = {11, 0};
    int e;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    one_above_ten.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &one_above_ten), 0);
    e = dmv_spawn_wait(argv, 20 * SECOND, &r);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(e, -EMFILE);
}

/* The root's descriptor is as low as one of those that the child gets. */
static void test_elsewhere(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "pwd; echo $TMPDIR; ls -d /passwd /etc", NULL};
    DMV_CLEANUP_CLOSE int root = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const DmvSpawnOptions nowhere = {.root = root, .tmpdir = "/x"};
    const DmvSpawnOptions same = {.root = -1, .tmpdir = "/x y"};
    CLEANUP_RESULT DmvSpawnResult r = {0};

    (void)state;
    assert_true(root >= 0);
    assert_int_equal(dmv_spawn_wait_in(&nowhere, argv, 20 * SECOND, &r), -ENOENT); /* no /etc/bin/sh */
    assert_int_equal(dmv_spawn_wait_in(&same, argv, 20 * SECOND, &r), 0);
    assert_non_null(strstr(r.output, "\n/x y\n"));
    assert_non_null(strstr(r.output, "/etc"));
}

static void test_clean_environment(void **state)
{
    static const char *const argv[] = {"env", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};

    (void)state;
    assert_int_equal(setenv("DMV_SECRET", "x", 1), 0);
    assert_int_equal(dmv_spawn_wait(argv, 20 * SECOND, &r), 0);
    assert_string_equal(r.output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}

/* Nothing of ours is open in the child (3 is the folder that ls reads), standard input is empty, blocked
 * signals are not inherited. */
static void test_clean_child(void **state)
{
    static const char *const argv[] = {
        "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; wc -c; grep SigBlk /proc/self/status", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};
    int leaked = open("/dev/null", O_RDONLY); /* on purpose without O_CLOEXEC */
    sigset_t set, old;

    (void)state;
    assert_true(leaked >= 0);
    assert_int_equal(dup2(leaked, 77), 77);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
    assert_int_equal(dmv_spawn_wait(argv, 20 * SECOND, &r), 0);
    assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
    assert_string_equal(r.output, "0 1 2 3 0\nSigBlk:\t0000000000000000\n");
    assert_int_equal(close(leaked), 0);
    assert_int_equal(close(77), 0);
}

static void test_signal_is_a_status(void **state)
{
    static const char *const argv[] = {"sh", "-c", "kill -SEGV $$", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};

    (void)state;
    assert_int_equal(dmv_spawn_wait(argv, 20 * SECOND, &r), 0);
    assert_int_equal(r.status, 128 + SIGSEGV);
}

/* The whole group dies, also a grandchild that holds the output open. */
static void test_timeout(void **state)
{
    static const char *const argv[] = {"sh", "-c", "echo begun; sleep 60 & sleep 60", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};
    time_t begun = time(NULL);

    (void)state;
    assert_int_equal(dmv_spawn_wait(argv, 2 * SECOND, &r), 0);
    assert_int_equal(r.timed_out, 1);
    assert_int_equal(r.status, 128 + SIGKILL);
    assert_string_equal(r.output, "begun\n");
    assert_true(time(NULL) - begun < 30);
}

static void test_endless_output_times_out(void **state)
{
    static const char *const argv[] = {"yes", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};

    (void)state;
    assert_int_equal(dmv_spawn_wait(argv, 2 * SECOND, &r), 0);
    assert_int_equal(r.timed_out, 1);
    assert_int_equal(strlen(r.output), 64 * 1024);
}

/* A child that has ended counts, whoever still holds its output. */
static void test_daemonised_grandchild(void **state)
{
    static const char *const argv[] = {"sh", "-c", "setsid sleep 60 & echo $!", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};
    time_t begun = time(NULL);

    (void)state;
    assert_int_equal(dmv_spawn_wait(argv, 60 * SECOND, &r), 0);
    assert_int_equal(r.status, 0);
    assert_int_equal(kill((pid_t)atoi(r.output), SIGKILL), 0); /* it is still there */
    assert_true(time(NULL) - begun < 30);
}

/* What came before the time was up counts, also when somebody looks after it. */
static void test_asked_late(void **state)
{
    static const char *const argv[] = {"echo", "in time", NULL};
    DMV_CLEANUP(dmv_spawn_deinit) DmvSpawn s = DMV_SPAWN_NULL;
    CLEANUP_RESULT DmvSpawnResult r = {0};
    siginfo_t info;

    (void)state;
    assert_int_equal(dmv_spawn_start(argv, 1, &s), 0);
    assert_int_equal(waitid(P_PID, (id_t)s.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(dmv_spawn_finish(&s, &r), 0);
    assert_int_equal(r.timed_out, 0);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.output, "in time\n");
    assert_int_equal(s.pid, 0);
}

/* Nobody asks any more: it must not stay, neither running nor dead. */
static void test_given_up(void **state)
{
    static const char *const argv[] = {"sleep", "60", NULL};
    DmvSpawn s = DMV_SPAWN_NULL;
    pid_t pid;

    (void)state;
    assert_int_equal(dmv_spawn_start(argv, 60 * SECOND, &s), 0);
    pid = s.pid;
    dmv_spawn_deinit(&s);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    dmv_spawn_deinit(&s); /* once more does nothing */
}

static void test_large_output_is_cut(void **state)
{
    static const char *const argv[] = {"sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; exit 3", NULL};
    CLEANUP_RESULT DmvSpawnResult r = {0};

    (void)state;
    assert_int_equal(dmv_spawn_wait(argv, 20 * SECOND, &r), 0);
    assert_int_equal(r.status, 3);
    assert_int_equal(strlen(r.output), 64 * 1024);
}

static void test_worker(void **state)
{
    static const char *const argv[] = {
        "-c",
        "read x <&3; echo \"$x $1 fds=$LISTEN_FDS names=$LISTEN_FDNAMES own=$((LISTEN_PID == $$))\" >&3",
        "sh", "argument", NULL};
    char answer[256] = "";
    pid_t pid = -1;
    int fd = -1, status;
    ssize_t n;

    (void)state;
    assert_int_equal(dmv_spawn_worker("/bin/sh", argv, &fd, &pid), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fd, "hello\n", 6), 6);
    n = read(fd, answer, sizeof(answer) - 1);
    assert_true(n > 0);
    assert_string_equal(answer, "hello argument fds=1 names=varlink own=1\n");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(fd, answer, sizeof(answer)), 0);
    assert_int_equal(close(fd), 0);
}

static void test_worker_missing(void **state)
{
    static const char *const argv[] = {NULL};
    pid_t pid = -1;
    int fd = -1;

    (void)state;
    assert_int_equal(dmv_spawn_worker("/no/such/worker", argv, &fd, &pid), -ENOENT);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_status),
        cmocka_unit_test(test_no_such_program),
        cmocka_unit_test(test_no_descriptor_for_the_output),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_clean_environment),
        cmocka_unit_test(test_clean_child),
        cmocka_unit_test(test_signal_is_a_status),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_endless_output_times_out),
        cmocka_unit_test(test_daemonised_grandchild),
        cmocka_unit_test(test_large_output_is_cut),
        cmocka_unit_test(test_worker),
        cmocka_unit_test(test_worker_missing),
        cmocka_unit_test(test_asked_late),
        cmocka_unit_test(test_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
