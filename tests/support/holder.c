/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See holder.h. */
#include "holder.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static void hold(const char *path, int ready)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(ready, "", 1) != 1)
        _exit(1);
    (void)pause();
    _exit(1);
}

pid_t holder_start(const char *path)
{
    int ready[2];
    char c;
    pid_t pid;

    check(pipe2(ready, O_CLOEXEC) == 0, "pipe2");
    pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0)
        hold(path, ready[1]);
    (void)close(ready[1]);
    check(read(ready[0], &c, 1) == 1, path);
    (void)close(ready[0]);
    return pid;
}

void holder_stop(pid_t pid)
{
    check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid, "the holder of a lock");
}
