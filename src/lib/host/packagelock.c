/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The locks of package managers.
 *
 * rpm and dpkg hold a lock of fcntl(2) on a file while they change files, and dnf and apt do it through them.
 * Asking who holds one needs no right to write. This process holds none of them, so closing the file drops
 * nothing.
 */
#include "packagelock.h"

#include <fcntl.h>
#include <unistd.h>

#include "host/fs.h"

static const char *const locks[] = {
    "var/lib/rpm/.rpm.lock",
    "usr/lib/sysimage/rpm/.rpm.lock",
    "var/lib/dpkg/lock",
};

static bool is_held(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

const char *dmv_package_lock_held(const DmvRoots *r)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(locks); i++) {
        DMV_CLEANUP_CLOSE int fd = dmv_fs_open(r->fd, locks[i], O_RDONLY | O_NONBLOCK, 0);

        if (fd >= 0 && is_held(fd))
            return locks[i];
    }
    return NULL;
}
