/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: opening below a folder, reading, and replacing so that it lasts.
 *
 * A change is made beside the thing it replaces and renamed over it; it counts as done only when the folder
 * was synced too. The last component of a path that is changed is never followed, so a planted link is
 * replaced, not written through. Whole trees are in fs-tree.c.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fs-internal.h"

#define COPY_BUFFER ((size_t)128 * 1024)
/* A rename that races with ".." in a path gives EAGAIN; see openat2(2). */
#define OPEN_RETRIES 16
/* A sweeper may take a temporary file for one that was left, right after it was made. */
#define TEMPORARY_TRIES 16

/* ---- opening ---- */

static int open_below(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };

    if (!path[0])
        return -ENOENT;
    for (int tries = 0; tries < OPEN_RETRIES; tries++) {
        long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS)
            return dmv_fs_walk(dirfd, path, flags, mode, !(resolve & RESOLVE_NO_SYMLINKS));
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

int dmv_fs_open(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_below(dirfd, path, flags, mode, 0);
}

int dmv_fs_open_nolinks(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_below(dirfd, path, flags, mode, RESOLVE_NO_SYMLINKS);
}

int dmv_fs_open_parent(int dirfd, const char *path, char **ret_name)
{
    DMV_CLEANUP_FREE char *parent = strdup(path), *name = NULL;
    char *slash;
    size_t n;
    int fd;

    if (!parent)
        return -ENOMEM;
    for (n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
        parent[n - 1] = '\0';
    slash = strrchr(parent, '/');
    name = strdup(slash ? slash + 1 : parent);
    if (!name)
        return -ENOMEM;
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    if (slash)
        *slash = '\0';
    if (slash == parent) /* "/name" leads out of the folder */
        return -EXDEV;
    fd = dmv_fs_open(dirfd, slash ? parent : ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd >= 0)
        *ret_name = DMV_TAKE_PTR(name);
    return fd;
}

/* ---- reading ---- */

/* @expected: how many bytes there should be; 0 if the file does not say. */
static int read_all(int fd, off_t expected, size_t max, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0, allocated = 0;

    for (;;) {
        ssize_t n;

        if (allocated - size < 2) {
            size_t want = allocated ? allocated * 2 : 4096;
            char *p;

            if (!allocated && expected > 0 && (uint64_t)expected <= max)
                want = (size_t)expected + 2;
            p = realloc(data, want);
            if (!p)
                return -ENOMEM;
            data = p;
            allocated = want;
        }
        n = read(fd, data + size, allocated - size - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        size += (size_t)n;
        if (size > max)
            return -EFBIG;
    }
    data[size] = '\0';
    *ret = DMV_TAKE_PTR(data);
    if (ret_size)
        *ret_size = size;
    return 0;
}

int dmv_fs_read_fd(int fd, size_t max, char **ret, size_t *ret_size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    return S_ISREG(st.st_mode) ? read_all(fd, st.st_size, max, ret, ret_size) : -EINVAL;
}

int dmv_fs_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size)
{
    /* O_NONBLOCK: a FIFO must not make us wait for its other end */
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    if (fd < 0)
        return fd == -ENXIO ? -EINVAL : fd;
    return dmv_fs_read_fd(fd, max, ret, ret_size);
}

int dmv_fs_read_link(int dirfd, const char *path, char **ret)
{
    DMV_CLEANUP_FREE char *name = NULL, *target = NULL;
    DMV_CLEANUP_CLOSE int parent = -1;
    int folder = dirfd;

    if (strchr(path, '/'))
        folder = parent = dmv_fs_open_parent(dirfd, path, &name);
    if (folder < 0)
        return folder;
    for (size_t allocated = 256;; allocated *= 2) {
        char *p = realloc(target, allocated);
        ssize_t n;

        if (!p)
            return -ENOMEM;
        target = p;
        n = readlinkat(folder, name ? name : path, target, allocated);
        if (n < 0)
            return -errno;
        if ((size_t)n < allocated) {
            target[n] = '\0';
            *ret = DMV_TAKE_PTR(target);
            return 0;
        }
    }
}

/* ---- writing ---- */

int dmv_fs_write_all(int fd, const void *data, size_t size)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = write(fd, p, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

int dmv_fs_sync_fd(int fd)
{
    while (fsync(fd) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* A name that no reader of a folder takes for its own: depmod wants .conf and .ko. */
static int temporary_name(char name[DMV_FS_TEMPORARY_SIZE])
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -errno;
    (void)snprintf(name, DMV_FS_TEMPORARY_SIZE, DMV_FS_TEMPORARY_PREFIX "%016llx" DMV_FS_TEMPORARY_SUFFIX,
                   (unsigned long long)random);
    return 0;
}

/* Renames the finished temporary over the name; on failure nothing is left of it. */
static int settle(int parent, const char *temporary, const char *name)
{
    int r;

    if (renameat(parent, temporary, parent, name) < 0) {
        r = -errno;
        (void)unlinkat(parent, temporary, 0);
        return r;
    }
    return dmv_fs_sync_fd(parent);
}

/* It is locked as long as it is open: what nobody has locked was left by a process that died (fs-sweep.c).
 * Return: a descriptor, or a negative errno. */
static int make_temporary(int parent, char name[DMV_FS_TEMPORARY_SIZE])
{
    for (int tries = 0; tries < TEMPORARY_TRIES; tries++) {
        DMV_CLEANUP_CLOSE int fd = -1;
        struct stat st;
        int r = temporary_name(name);

        if (r < 0)
            return r;
        fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            return -errno;
        (void)flock(fd, LOCK_EX); /* where there are no locks nothing is swept either */
        if (fstat(fd, &st) == 0 && st.st_nlink > 0)
            return DMV_TAKE_FD(fd);
    }
    return -EBUSY;
}

static int fill_temporary(int fd, const void *data, size_t size, mode_t mode)
{
    int r = dmv_fs_write_all(fd, data, size);

    if (r == 0 && fchmod(fd, mode) < 0) /* whatever the umask is */
        r = -errno;
    return r == 0 ? dmv_fs_sync_fd(fd) : r;
}

int dmv_fs_replace_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);
    DMV_CLEANUP_CLOSE int fd = -1;
    char temporary[DMV_FS_TEMPORARY_SIZE];
    int r;

    if (parent < 0)
        return parent;
    fd = make_temporary(parent, temporary);
    if (fd < 0)
        return fd;
    r = fill_temporary(fd, data, size, mode);
    if (r == 0)
        return settle(parent, temporary, name);
    (void)unlinkat(parent, temporary, 0);
    return r;
}

int dmv_fs_replace_link(int dirfd, const char *path, const char *target)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);
    char temporary[DMV_FS_TEMPORARY_SIZE];
    int r;

    if (parent < 0)
        return parent;
    r = temporary_name(temporary);
    if (r < 0)
        return r;
    if (symlinkat(target, parent, temporary) < 0)
        return -errno;
    return settle(parent, temporary, name);
}

int dmv_fs_append_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);
    DMV_CLEANUP_CLOSE int fd = -1;
    bool fresh = false;
    struct stat st;
    int r;

    if (parent < 0)
        return parent;
    fd = openat(parent, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        fresh = true;
        fd = openat(parent, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_CREAT, mode);
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    r = dmv_fs_write_all(fd, data, size);
    if (r == 0)
        r = dmv_fs_sync_fd(fd);
    if (r < 0) /* half a record is worse than none */
        (void)!ftruncate(fd, st.st_size);
    if (r == 0 && fresh)
        r = dmv_fs_sync_fd(parent);
    return r;
}

int dmv_fs_remove(int dirfd, const char *path)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);

    if (parent < 0)
        return parent == -ENOENT ? 0 : parent;
    if (unlinkat(parent, name, 0) < 0)
        return errno == ENOENT ? 0 : -errno;
    return dmv_fs_sync_fd(parent);
}

int dmv_fs_exchange(int a, const char *a_name, int b, const char *b_name)
{
    return renameat2(a, a_name, b, b_name, RENAME_EXCHANGE) < 0 ? -errno : 0;
}

int dmv_fs_rename(int dirfd, const char *from, const char *to, bool no_replace)
{
    DMV_CLEANUP_FREE char *from_name = NULL, *to_name = NULL;
    DMV_CLEANUP_CLOSE int from_parent = dmv_fs_open_parent(dirfd, from, &from_name);
    DMV_CLEANUP_CLOSE int to_parent = dmv_fs_open_parent(dirfd, to, &to_name);
    int r;

    if (from_parent < 0 || to_parent < 0)
        return from_parent < 0 ? from_parent : to_parent;
    if (renameat2(from_parent, from_name, to_parent, to_name, no_replace ? RENAME_NOREPLACE : 0) < 0)
        return -errno;
    r = dmv_fs_sync_fd(to_parent); /* the new name first: a crash in between leaves two names, never none */
    if (r == 0)
        r = dmv_fs_sync_fd(from_parent);
    if (r < 0 && no_replace) /* there is nothing in the way back */
        (void)renameat2(to_parent, to_name, from_parent, from_name, RENAME_NOREPLACE);
    return r;
}

int dmv_fs_sync_dir(int dirfd, const char *path)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0);

    return fd < 0 ? fd : dmv_fs_sync_fd(fd);
}

/* ---- copying and measuring ---- */

static int copy_loop(int in, int out, uint64_t max, DmvHash *h, uint64_t *ret_size)
{
    DMV_CLEANUP_FREE char *buffer = malloc(COPY_BUFFER);
    uint64_t size = 0;

    if (!buffer)
        return -ENOMEM;
    for (;;) {
        ssize_t n = pread(in, buffer, COPY_BUFFER, (off_t)size);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        size += (uint64_t)n;
        if (size > max)
            return -EFBIG;
        r = dmv_hash_update(h, buffer, (size_t)n);
        if (r == 0 && out >= 0)
            r = dmv_fs_write_all(out, buffer, (size_t)n);
        if (r < 0)
            return r;
    }
    *ret_size = size;
    return 0;
}

int dmv_fs_copy_hashed(int in, int out, uint64_t max, char ret_hex[DMV_SHA256_HEX], uint64_t *ret_size)
{
    DmvHash *h = NULL;
    uint64_t size = 0;
    int r = dmv_hash_new(&h);

    if (r == 0)
        r = copy_loop(in, out, max, h, &size);
    if (r == 0)
        r = dmv_hash_final(h, ret_hex);
    dmv_hash_free(h);
    if (r == 0 && ret_size)
        *ret_size = size;
    return r;
}

int dmv_fs_free_bytes(int dirfd, const char *path, uint64_t *ret)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(dirfd, path, O_PATH, 0);
    struct statvfs st;

    if (fd < 0)
        return fd;
    if (fstatvfs(fd, &st) < 0)
        return -errno;
    *ret = (uint64_t)st.f_bfree * st.f_frsize;
    return 0;
}
