/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes: an argument vector, a clean environment, a deadline, their output kept. Never a shell. */
#ifndef DMV_HOST_SPAWN_H
#define DMV_HOST_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct DmvSpawnResult {
    int status;   /* exit status, or 128 + signal */
    char *output; /* stdout and stderr together, at most 64 KiB of them, owned */
    int timed_out;
} DmvSpawnResult;

/* A child that runs while its parent does something else. */
typedef struct DmvSpawn {
    pid_t pid;  /* 0: none, or no longer */
    int output; /* what it writes */
    uint64_t deadline;
} DmvSpawn;

#define DMV_SPAWN_NULL \
    {                  \
        .output = -1   \
    }

/**
 * dmv_spawn_start() - start a program and do not wait for it
 * @argv: the program (absolute, or looked up in the fixed PATH /usr/sbin:/usr/bin:/sbin:/bin) and its
 * arguments
 * @timeout_usec: the time from now after which dmv_spawn_finish() kills the child's process group
 * @ret: free with dmv_spawn_deinit()
 *
 * The child gets LC_ALL=C, that PATH and nothing else of the environment, /dev/null as standard input, no
 * other descriptor, and its own process group. Nobody reads what it writes before dmv_spawn_finish(): beyond
 * what a pipe holds, 64 KiB, it has to wait.
 *
 * Return: 0 when it runs, or a negative errno (-ENOENT: no such program).
 */
int dmv_spawn_start(const char *const argv[], uint64_t timeout_usec, DmvSpawn *ret);
/**
 * dmv_spawn_finish() - wait for its end
 * @s: a child that was started; it is none any more, whatever is returned
 * @ret: what came of it; free with dmv_spawn_result_deinit()
 *
 * One that has ended before its time was up counts as ended, however late it is asked for.
 *
 * Return: 0 when the child has ended (see @ret), or a negative errno.
 */
int dmv_spawn_finish(DmvSpawn *s, DmvSpawnResult *ret);
/* Kills the process group of a child that nobody has waited for. */
void dmv_spawn_deinit(DmvSpawn *s);

/* Both in one: runs a program to its end. Return: as dmv_spawn_start() and dmv_spawn_finish(). */
int dmv_spawn_wait(const char *const argv[], uint64_t timeout_usec, DmvSpawnResult *ret);
/* For programs of another root, and for those that leave files behind when they are killed. */
typedef struct DmvSpawnOptions {
    int root;           /* descriptor of the folder that is "/" for the child, or -1 */
    const char *tmpdir; /* its TMPDIR, or NULL: none */
} DmvSpawnOptions;

/**
 * dmv_spawn_wait_in() - the same elsewhere
 * @o: where
 * @argv: the program, absolute as the child sees it, and its arguments
 * @timeout_usec: as above
 * @ret: as above
 *
 * The child is in the folder that is its "/", and is killed when this process dies.
 *
 * Return: as dmv_spawn_wait(); -EPERM where chroot(2) is not allowed.
 */
int dmv_spawn_wait_in(const DmvSpawnOptions *o, const char *const argv[], uint64_t timeout_usec,
                      DmvSpawnResult *ret);
void dmv_spawn_result_deinit(DmvSpawnResult *r);

/**
 * dmv_spawn_failure() - what a program that failed has met
 * @result: how it ended, and what it said: programs say in the words of strerror(3) when a disk is in the way
 * @next: what to do, a static string; stays as it is for DMV_TOOL_FAILED
 *
 * Return: DMV_NO_SPACE for a full disk or quota, DMV_READ_ONLY, or DMV_TOOL_FAILED for everything else.
 */
int dmv_spawn_failure(const DmvSpawnResult *result, const char **next);

/**
 * dmv_spawn_worker() - start a worker on one end of a socketpair
 * @path: absolute path of the executable
 * @argv: arguments after the name, NULL-terminated
 * @ret_fd: our end, CLOEXEC
 * @ret_pid: the child
 *
 * The worker finds its end as descriptor 3 with LISTEN_FDS=1, LISTEN_PID and LISTEN_FDNAMES=varlink, as
 * sd_listen_fds(3) says; standard error is inherited; the environment holds PATH, LC_ALL and those only.
 *
 * Return: 0 or a negative errno.
 */
int dmv_spawn_worker(const char *path, const char *const argv[], int *ret_fd, pid_t *ret_pid);

#endif
