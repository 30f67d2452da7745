/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of RPM databases.
 *
 * librpm works on a copy: so nothing is locked, recovered or made where the database lies, a transaction that
 * runs there is not held up, and it can be read where it cannot be written to, which a database of SQLite in
 * WAL mode does not allow otherwise.
 */
#include "host/rpmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "config.h"
#include "host/fs.h"

/* Bytes of one file of a database: a host with everything installed has some 300 MB. */
#define DATABASE_MAX ((uint64_t)1024 * 1024 * 1024)
#define COPIES_MAX 3

/* Relative to the root, the more particular first. */
static const char *const folders[] = {DMV_RPM_DBPATH, "usr/lib/sysimage/rpm", "var/lib/rpm"};

/* A kind of database: its name for librpm, and its files; the first has to be there. */
static const struct {
    const char *backend;
    const char *files[2];
} kinds[] = {
    {"sqlite", {"rpmdb.sqlite", "rpmdb.sqlite-wal"}},
    {"ndb", {"Packages.db", "Index.db"}},
    {"bdb_ro", {"Packages", "Basenames"}},
};

static int cannot_read(DmvError *reterr, const char *name, int error)
{
    return dmv_error_set(reterr, DMV_OWNERS_UNKNOWN, NULL, NULL, "%s cannot be read: %s", name,
                         error == -EAGAIN   ? "it does not stop changing"
                         : error == -EINVAL ? "it is no regular file"
                                            : strerror(-error));
}

/* ---- where it is ---- */

void dmv_rpmdb_deinit(DmvRpmdb *d)
{
    d->fd = dmv_close(d->fd);
    free(d->path);
    free(d->identity);
    *d = DMV_RPMDB_NULL;
}

/* Adds a file to the identity. Return: is it there? */
static bool identify_file(DmvText *t, int fd, const char *name)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    dmv_text_appendf(t, "%s %ju:%ju %jd %jd.%09ld\n", name, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
                     (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return true;
}

static bool identify(DmvText *t, int fd)
{
    bool any = false;

    for (size_t i = 0; i < DMV_N_ELEMENTS(kinds); i++)
        for (size_t f = 0; f < DMV_N_ELEMENTS(kinds[i].files); f++)
            any = identify_file(t, fd, kinds[i].files[f]) || any;
    return any;
}

int dmv_rpmdb_find(const DmvRoots *r, DmvRpmdb *ret, DmvError *reterr)
{
    const char *closed = NULL;
    int error = 0;

    for (size_t i = 0; i < DMV_N_ELEMENTS(folders); i++) {
        __attribute__((cleanup(dmv_rpmdb_deinit))) DmvRpmdb d = DMV_RPMDB_NULL;
        DMV_CLEANUP_TEXT DmvText t = {0};

        d.fd = dmv_fs_open(r->fd, folders[i], O_RDONLY | O_DIRECTORY, 0);
        /* one that cannot be looked into, as /root cannot under ProtectHome=, does not hide the next */
        if (d.fd < 0 && d.fd != -ENOENT && !closed) {
            closed = folders[i];
            error = d.fd;
        }
        if (d.fd < 0 || !identify(&t, d.fd))
            continue;
        if (dmv_set_string(&d.path, folders[i]) < 0 || dmv_text_take(&t, &d.identity, NULL) < 0)
            return -ENOMEM;
        *ret = d;
        d = DMV_RPMDB_NULL;
        return 0;
    }
    if (closed)
        return cannot_read(reterr, closed, error);
    return dmv_error_set(reterr, DMV_OWNERS_UNKNOWN, NULL, NULL, "there is no RPM database");
}

/* ---- the copy ---- */

static bool same_content(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Return: 0; 1 if it changed meanwhile; a negative errno: -ENOENT, -EFBIG, -EACCES, ... */
static int copy_file(int from, int to, const char *name)
{
    DMV_CLEANUP_CLOSE int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    DMV_CLEANUP_CLOSE int out = -1;
    char hex[DMV_SHA256_HEX];
    struct stat before, after;
    int r;

    if (in < 0 || fstat(in, &before) < 0)
        return -errno;
    if (!S_ISREG(before.st_mode))
        return -EINVAL;
    if ((uint64_t)before.st_size > DATABASE_MAX)
        return -EFBIG;
    out = openat(to, name, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return -errno;
    r = dmv_fs_copy_hashed(in, out, DATABASE_MAX, hex, NULL);
    if (r == 0 && fstat(in, &after) < 0)
        r = -errno;
    return r < 0 ? r : !same_content(&before, &after);
}

static int copy_kind(int from, int to, const char *const files[2])
{
    for (int i = 0; i < COPIES_MAX; i++) {
        int first = copy_file(from, to, files[0]), second;

        if (first < 0)
            return first;
        second = copy_file(from, to, files[1]);
        if (second < 0 && second != -ENOENT)
            return second;
        if (first == 0 && second <= 0)
            return 0;
    }
    return -EAGAIN;
}

int dmv_rpmdb_copy(int from, int to, const char **ret_backend, DmvError *reterr)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(kinds); i++) {
        int r = copy_kind(from, to, kinds[i].files);

        if (r == -ENOENT)
            continue;
        if (r < 0)
            return cannot_read(reterr, kinds[i].files[0], r);
        *ret_backend = kinds[i].backend;
        return 0;
    }
    return dmv_error_set(reterr, DMV_OWNERS_UNKNOWN, NULL, NULL, "there is no RPM database");
}
