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
