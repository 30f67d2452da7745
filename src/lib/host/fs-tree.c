/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files, part two: folders and whole trees. See fs.h.
 *
 * A walk never follows a link and never leaves the filesystem it began on, because it runs as root over
 * folders that other packages write.
 */
#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fs-internal.h"

/* Every level of a walk holds a descriptor. */
#define MAX_DEPTH 64
/* One call reads the whole of most folders. */
#define LISTING_BUFFER ((size_t)16 * 1024)
/* As the kernel counts them, path_resolution(7). */
#define MAX_LINKS 40

/* ---- listing ---- */

void dmv_fs_entries_free(DmvFsEntry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(entries[i].name);
    free(entries);
}

static DmvFsKind kind_of_mode(mode_t mode)
{
    return S_ISREG(mode)   ? DMV_FS_FILE
           : S_ISDIR(mode) ? DMV_FS_FOLDER
           : S_ISLNK(mode) ? DMV_FS_LINK
                           : DMV_FS_ELSE;
}

static DmvFsKind kind_of_entry(int fd, const struct dirent *de)
{
    struct stat st;

    if (de->d_type != DT_UNKNOWN)
        return kind_of_mode(DTTOIF(de->d_type));
    if (fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return DMV_FS_ELSE;
    return kind_of_mode(st.st_mode);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const DmvFsEntry *)a)->name, ((const DmvFsEntry *)b)->name);
}

static int add_entry(int fd, const struct dirent *de, DmvFsListing *l)
{
    DmvFsEntry *entry;

    if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
        return 0;
    entry = DMV_ARRAY_ADD(l->entries, l->n);
    if (!entry || !(entry->name = strdup(de->d_name)))
        return -ENOMEM;
    entry->inode = de->d_ino;
    entry->kind = kind_of_entry(fd, de);
    return 0;
}

/* By getdents64(2), whose entries are those of readdir(3): that one needs three calls more for each folder,
 * and a look at a host lists hundreds of small ones. @fd stays open. */
static int list_fd(int fd, DmvFsListing *l)
{
    _Alignas(struct dirent) char buffer[LISTING_BUFFER];
    long n;

    while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
        for (long at = 0; at < n;) {
            const struct dirent *de = (const struct dirent *)(const void *)(buffer + at);
            int r = add_entry(fd, de, l);

            if (r < 0)
                return r;
            at += de->d_reclen;
        }
    return n < 0 && errno != ENOENT ? -errno : 0; /* ENOENT: it was removed meanwhile */
}

static int take_entries(int fd, DmvFsEntry **ret, size_t *ret_n)
{
    DMV_CLEANUP_LISTING DmvFsListing l = {0};
    int r = fd < 0 ? fd : list_fd(fd, &l);

    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(l.entries);
    *ret_n = l.n;
    l.n = 0;
    return 0;
}

int dmv_fs_list_unsorted(int dirfd, const char *path, DmvFsEntry **ret, size_t *ret_n)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0);

    return take_entries(fd, ret, ret_n);
}

int dmv_fs_list_open(int fd, DmvFsEntry **ret, size_t *ret_n)
{
    int r = take_entries(fd, ret, ret_n);

    if (r == 0 && *ret_n > 1)
        qsort(*ret, *ret_n, sizeof(**ret), compare_entries);
    return r;
}

int dmv_fs_list(int dirfd, const char *path, DmvFsEntry **ret, size_t *ret_n)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0);

    return dmv_fs_list_open(fd, ret, ret_n);
}

int dmv_fs_list_folders(int dirfd, const char *path, char ***ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(dirfd, path, &entries, &n);

    if (r == -ENOENT)
        r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (entries[i].kind == DMV_FS_FOLDER)
            r = dmv_strv_push(&names, entries[i].name);
    dmv_fs_entries_free(entries, n);
    if (r == 0)
        *ret = DMV_TAKE_PTR(names);
    return r;
}

/* ---- making and removing folders ---- */

static int make_one(int dirfd, const char *path, mode_t mode)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);
    DMV_CLEANUP_CLOSE int fd = -1;
    struct stat st;

    if (parent < 0)
        return parent;
    if (mkdirat(parent, name, mode) < 0) {
        if (errno != EEXIST)
            return -errno;
        /* made by another process meanwhile, or a dangling link */
        return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, mode) < 0) /* whatever the umask is */
        return -errno;
    return dmv_fs_sync_fd(parent);
}

int dmv_fs_mkdirs(int dirfd, const char *path, mode_t mode)
{
    DMV_CLEANUP_FREE char *prefix = strdup(path);

    if (!prefix)
        return -ENOMEM;
    for (char *p = prefix;; p++) {
        char saved = *p;

        if (saved != '/' && saved != '\0')
            continue;
        *p = '\0';
        if (p > prefix && p[-1] != '/') {
            DMV_CLEANUP_CLOSE int fd = dmv_fs_open(dirfd, prefix, O_PATH | O_DIRECTORY, 0);
            int r = fd == -ENOENT ? make_one(dirfd, prefix, mode) : fd < 0 ? fd : 0;

            if (r < 0)
                return r;
        }
        if (saved == '\0')
            return p == prefix ? -EINVAL : 0;
        *p = saved;
    }
}

static int remove_entry(int parent, const char *name, dev_t device, unsigned depth);

static int remove_folder(int parent, const char *name, dev_t device, unsigned depth)
{
    DMV_CLEANUP_CLOSE int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DMV_CLEANUP_LISTING DmvFsListing l = {0};
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != device)
        return -EXDEV;
    if (depth == 0)
        return -ELOOP;
    r = list_fd(fd, &l);
    for (size_t i = 0; r == 0 && i < l.n; i++)
        r = remove_entry(fd, l.entries[i].name, device, depth - 1);
    if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}

static int remove_entry(int parent, const char *name, dev_t device, unsigned depth)
{
    struct stat st;

    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(st.st_mode))
        return remove_folder(parent, name, device, depth);
    return unlinkat(parent, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int dmv_fs_remove_tree(int dirfd, const char *path)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);
    struct stat st;
    int r;

    if (parent < 0)
        return parent == -ENOENT ? 0 : parent;
    if (fstat(parent, &st) < 0)
        return -errno;
    r = remove_entry(parent, name, st.st_dev, MAX_DEPTH);
    return r < 0 ? r : dmv_fs_sync_fd(parent);
}

/* Return: 1 when the folder is gone, 0 when it holds something, or a negative errno. */
static int remove_if_empty(int dirfd, const char *path)
{
    DMV_CLEANUP_FREE char *name = NULL;
    DMV_CLEANUP_CLOSE int parent = dmv_fs_open_parent(dirfd, path, &name);
    int r;

    if (parent < 0)
        return parent == -ENOENT ? 1 : parent;
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        return errno == ENOENT ? 1 : errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno;
    r = dmv_fs_sync_fd(parent);
    return r < 0 ? r : 1;
}

int dmv_fs_remove_empty_dirs(int dirfd, const char *path, const char *stop)
{
    DMV_CLEANUP_FREE char *at = strdup(path);
    size_t n = strlen(stop);
    int r;

    if (!at)
        return -ENOMEM;
    if (strncmp(path, stop, n) != 0 || path[n] != '/')
        return -EINVAL;
    do {
        r = remove_if_empty(dirfd, at);
        *strrchr(at, '/') = '\0';
    } while (r > 0 && strlen(at) > n);
    return r < 0 ? r : 0;
}

/* ---- syncing ---- */

static int sync_folder(int fd, unsigned depth)
{
    DMV_CLEANUP_LISTING DmvFsListing l = {0};
    int r = list_fd(fd, &l);

    if (depth == 0)
        return -ELOOP;
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        DMV_CLEANUP_CLOSE int child = -1;

        if (l.entries[i].kind != DMV_FS_FILE && l.entries[i].kind != DMV_FS_FOLDER)
            continue;
        child = openat(fd, l.entries[i].name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (child < 0)
            return -errno;
        r = l.entries[i].kind == DMV_FS_FOLDER ? sync_folder(child, depth - 1) : dmv_fs_sync_fd(child);
    }
    return r < 0 ? r : dmv_fs_sync_fd(fd);
}

int dmv_fs_sync_tree(int dirfd, const char *path)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(dirfd, path, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? sync_folder(fd, MAX_DEPTH) : dmv_fs_sync_fd(fd);
}

/* ---- where a path leads ---- */

/* Cuts the last component off; at the top there is nothing to cut, as in a chroot. */
static void go_up(DmvText *done)
{
    while (done->size > 0 && done->data[done->size - 1] != '/')
        done->size--;
    if (done->size > 0)
        done->size--;
    if (done->data)
        done->data[done->size] = '\0';
}

/* Puts what a link says before what is still to be walked. */
static int follow(const char *target, DmvText *done, char **rest)
{
    char *joined = NULL;

    if (target[0] == '/') {
        done->size = 0;
        if (done->data)
            done->data[0] = '\0';
    } else {
        go_up(done);
    }
    if (asprintf(&joined, "%s/%s", target, *rest) < 0)
        return -ENOMEM;
    free(*rest);
    *rest = joined;
    return 0;
}

/* Takes one component from the front of @rest. Return: 1; 0 when none is left; -ENOMEM. */
static int next_component(char *rest, char **ret)
{
    size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/");

    if (n == 0)
        return 0;
    *ret = strndup(rest + skip, n);
    if (!*ret)
        return -ENOMEM;
    memmove(rest, rest + skip + n, strlen(rest + skip + n) + 1);
    return 1;
}

static int resolve_step(int dirfd, const char *name, DmvText *done, char **rest, unsigned *links,
                        bool *exists)
{
    DMV_CLEANUP_FREE char *target = NULL;
    struct stat st;

    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        go_up(done);
        return 0;
    }
    if (done->size > 0)
        dmv_text_append(done, "/");
    dmv_text_append(done, name);
    if (done->error)
        return done->error;
    if (!*exists)
        return 0;
    if (fstatat(dirfd, done->data, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        *exists = false;
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    }
    if (!S_ISLNK(st.st_mode))
        return 0;
    if ((*links)++ >= MAX_LINKS)
        return -ELOOP;
    target = malloc(PATH_MAX);
    if (!target)
        return -ENOMEM;
    ssize_t n = readlinkat(dirfd, done->data, target, PATH_MAX - 1);
    if (n < 0)
        return -errno;
    target[n] = '\0';
    return follow(target, done, rest);
}

int dmv_fs_resolve(int dirfd, const char *path, char **ret, bool *ret_exists)
{
    DMV_CLEANUP_TEXT DmvText done = {0};
    DMV_CLEANUP_FREE char *rest = strdup(path);
    bool exists = true;
    unsigned links = 0;
    int r;

    if (!rest)
        return -ENOMEM;
    for (;;) {
        DMV_CLEANUP_FREE char *name = NULL;

        r = next_component(rest, &name);
        if (r > 0)
            r = resolve_step(dirfd, name, &done, &rest, &links, &exists);
        else
            break;
        if (r < 0)
            return r;
    }
    if (r == 0)
        r = dmv_text_take(&done, ret, NULL);
    if (r == 0)
        *ret_exists = exists;
    return r;
}
