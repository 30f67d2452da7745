/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that are believed because only their owner can have written them: the state. Somebody who can put a
 * file there, or a link to one, would decide what is selected and which catalogs count as seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs-internal.h"
#include "fs.h"

/* Root may have written it, and so may the caller, who is somebody else only below a root of his own. */
static bool is_private(const struct stat *st)
{
    return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int open_private(int dirfd, const char *path)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);
    DMV_CLEANUP_CLOSE int fd = -1;
    struct stat st;

    if (parent < 0)
        return parent;
    /* O_NONBLOCK: a FIFO must not make us wait for its other end */
    fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENXIO ? -EINVAL : -errno;
    if (fstat(parent, &st) < 0)
        return -errno;
    /* whoever may write the folder can put another file of root's there */
    return is_private(&st) ? DMV_TAKE_FD(fd) : -EPERM;
}

int dmv_fs_read_private(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_CLOSE int fd = open_private(dirfd, path);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    return is_private(&st) ? dmv_fs_read_fd(fd, max, ret, ret_size) : -EPERM;
}

const char *dmv_fs_private_words(int r)
{
    switch (r) {
    case -EPERM:
        return "it or its folder belongs to somebody else, or others may write there";
    case -ELOOP:
        return "it is a symbolic link";
    case -EINVAL:
        return "it is no regular file";
    default:
        return strerror(-r);
    }
}
