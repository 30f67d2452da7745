/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One worker per root.
 *
 * The daemon starts one worker at a time; this is for two daemons, and for a worker that outlived its daemon.
 * A stale file means nothing: only the kernel's lock counts, the number in the file is for people. Nobody but
 * root may even read it, since flock(2) is content with that, and whoever has the lock keeps changes out.
 */
#include "daemon/apply/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/failure.h"
#include "host/fs.h"

#define POLL_USEC 10000

static int busy(int fd, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    uint64_t pid = 0;

    if (dmv_fs_read_fd(fd, 32, &text, NULL) == 0) {
        text[strcspn(text, "\n")] = '\0';
        (void)dmv_parse_u64(text, INT32_MAX, &pid);
    }
    return dmv_error_set(reterr, DMV_BUSY, "another change is running",
                         "wait until it has ended and try again", "process %llu holds %s",
                         (unsigned long long)pid, DMV_LOCK_PATH);
}

/* There is no flock(2) with a deadline. Return: 0; -EWOULDBLOCK; another negative errno. */
static int lock_within(int fd, uint64_t wait_usec)
{
    for (uint64_t waited = 0;; waited += POLL_USEC) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK || waited >= wait_usec)
            return -errno;
        (void)usleep(POLL_USEC);
    }
}

int dmv_lock_take(const DmvRoots *r, uint64_t wait_usec, int *ret, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = -1;
    char text[32];
    int result = dmv_fs_mkdirs(r->fd, DMV_RUN_DIR, 0755);

    if (result < 0)
        return dmv_failure(reterr, result, "make", DMV_RUN_DIR);
    fd = dmv_fs_open(r->fd, DMV_LOCK_PATH, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return dmv_failure(reterr, fd, "open", DMV_LOCK_PATH);
    /* one that is there already may be older than this rule */
    if (fchmod(fd, 0600) < 0)
        return dmv_failure(reterr, -errno, "protect", DMV_LOCK_PATH);
    result = lock_within(fd, wait_usec);
    if (result < 0)
        return result == -EWOULDBLOCK ? busy(fd, reterr) : dmv_failure(reterr, result, "lock", DMV_LOCK_PATH);
    (void)snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    /* a full disk takes the number away from people, never the lock from us */
    if (ftruncate(fd, 0) == 0)
        (void)dmv_fs_write_all(fd, text, strlen(text));
    *ret = DMV_TAKE_FD(fd);
    return 0;
}
