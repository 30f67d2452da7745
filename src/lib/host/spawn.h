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

/**
 * dmv_spawn_wait() - run a program to its end
 * @argv: the program (absolute, or looked up in the fixed PATH /usr/sbin:/usr/bin:/sbin:/bin) and its
 * arguments
 * @timeout_usec: after that the child's process group is killed
 * @ret: what came of it; free with dmv_spawn_result_deinit()
 *
 * The child gets LC_ALL=C, that PATH and nothing else of the environment, /dev/null as standard input, no
 * other descriptor, and its own process group.
 *
 * Return: 0 when the child was started and has ended (see @ret), or a negative errno (-ENOENT: no such
 * program).
 */
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
