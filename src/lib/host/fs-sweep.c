/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What processes that died in the middle of replacing a file have left.
 *
 * Age says nothing about whether somebody still writes a file, and a process id nothing in another name
 * space. The lock does: whoever makes a temporary file holds it until the file has its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fs-internal.h"
#include "fs.h"

static bool is_temporary(const DmvFsEntry *e)
{
    return e->kind == DMV_FS_FILE && strlen(e->name) == DMV_FS_TEMPORARY_SIZE - 1 &&
           dmv_starts_with(e->name, DMV_FS_TEMPORARY_PREFIX) &&
           dmv_ends_with(e->name, DMV_FS_TEMPORARY_SUFFIX) &&
           strspn(e->name + strlen(DMV_FS_TEMPORARY_PREFIX), "0123456789abcdef") == 16;
}

/* Return: 1 if it is gone, 0 if somebody writes it or has renamed it, or a negative errno. */
static int sweep_one(int folder, const char *name)
{
    DMV_CLEANUP_CLOSE int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? 0 : -errno;
    if (unlinkat(folder, name, 0) < 0)
        return errno == ENOENT ? 0 : -errno;
    return 1;
}

int dmv_fs_sweep(int dirfd, const char *path)
{
    DMV_CLEANUP_CLOSE int folder = dmv_fs_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
    DMV_CLEANUP_LISTING DmvFsListing l = {0};
    int swept = 0, r = folder < 0 ? folder : dmv_fs_list_unsorted(folder, ".", &l.entries, &l.n);

    for (size_t i = 0; i < l.n; i++) {
        int e = is_temporary(&l.entries[i]) ? sweep_one(folder, l.entries[i].name) : 0;

        if (e < 0)
            r = e;
        else
            swept += e;
    }
    return r == 0 ? swept : r == -ENOENT ? 0 : r;
}
