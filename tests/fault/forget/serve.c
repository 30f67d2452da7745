/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder as a filesystem that writes down what is done to it. It forgets nothing itself: what a power cut
 * takes is decided afterwards, for any point and as often as wanted, by crash.c.
 *
 * One thread, so that the order in the log is the order of things. A file with two names is two files for the
 * kernel, so what is written under one name may be seen late under the other; nobody here writes into a file
 * that has two.
 */
#define FUSE_USE_VERSION 35
#include "serve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "log.h"

/* Above the numbers of any folder in memory: what is made on a filesystem that shows others' numbers. */
#define FRESH_INODE (UINT64_C(1) << 40)
#define MARK "user.forget.mark"

typedef struct Shown {
    uint64_t own, shown;
} Shown;

static int root = -1;
static FILE *records;
static uint64_t last_handle;
static Shown *shown;
static size_t n_shown;

typedef struct Handle {
    int fd;
    uint64_t number;
} Handle;

static const char *at(const char *path)
{
    return !path ? "" : path[1] ? path + 1 : ".";
}

/* Every change is done before it is written down: what failed did not happen. */
static int note(Record r)
{
    return records ? record_write(records, r) : 0;
}

static int done(int result, Record r)
{
    return result < 0 ? -errno : note(r);
}

static void show(struct stat *st)
{
    if (n_shown == 0)
        return;
    for (size_t i = 0; i < n_shown; i++)
        if (shown[i].own == st->st_ino) {
            st->st_ino = shown[i].shown;
            return;
        }
    st->st_ino += FRESH_INODE;
}

static int64_t mtime_of(const struct stat *st)
{
    return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

/* What is made belongs to the caller. */
static int give(const char *path, Record *r)
{
    const struct fuse_context *c = fuse_get_context();
    struct stat st;

    if (fchownat(root, path, c->uid, c->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    r->uid = c->uid;
    r->gid = c->gid;
    r->inode = st.st_ino;
    r->mtime = mtime_of(&st);
    return 0;
}

/* ---- looking ---- */

static Handle *handle_of(const struct fuse_file_info *fi)
{
    return (Handle *)(uintptr_t)fi->fh;
}

static int do_getattr(const char *path, struct stat *ret, struct fuse_file_info *fi)
{
    if (fi ? fstat(handle_of(fi)->fd, ret) < 0 : fstatat(root, at(path), ret, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    show(ret);
    return 0;
}

static int do_readlink(const char *path, char *buffer, size_t size)
{
    ssize_t n = readlinkat(root, at(path), buffer, size - 1);

    if (n < 0)
        return -errno;
    buffer[n] = '\0';
    return 0;
}

static int do_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
    int fd = openat(handle_of(fi)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;

    (void)path, (void)offset, (void)flags;
    if (!folder)
        return -errno;
    while ((e = readdir(folder))) {
        struct stat st = {.st_ino = e->d_ino, .st_mode = (mode_t)DTTOIF(e->d_type)};

        show(&st);
        (void)fill(buffer, e->d_name, &st, 0, 0);
    }
    (void)closedir(folder);
    return 0;
}

static int do_statfs(const char *path, struct statvfs *ret)
{
    (void)path;
    return fstatvfs(root, ret) < 0 ? -errno : 0;
}

static int do_read(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *fi)
{
    ssize_t n = pread(handle_of(fi)->fd, buffer, size, offset);

    (void)path;
    return n < 0 ? -errno : (int)n;
}

/* ---- open files ---- */

static int keep(int fd, struct fuse_file_info *fi, Record r)
{
    Handle *h = fd < 0 ? NULL : malloc(sizeof(*h));

    if (!h)
        return fd < 0 ? -errno : -ENOMEM;
    *h = (Handle){.fd = fd, .number = ++last_handle};
    fi->fh = (uintptr_t)h;
    r.handle = h->number;
    return note(r);
}

static int note_file(int fd, Record r)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    r.mtime = mtime_of(&st);
    return note(r);
}

static int do_open(const char *path, struct fuse_file_info *fi)
{
    /* where to write the kernel says itself */
    int fd = openat(root, at(path), (fi->flags & ~(O_APPEND | O_CREAT | O_EXCL)) | O_NOFOLLOW | O_CLOEXEC);
    int r = keep(fd, fi, (Record){.kind = RECORD_OPEN, .path = at(path)});

    if (r == 0 && (fi->flags & O_TRUNC))
        r = note_file(fd, (Record){.kind = RECORD_SIZE, .handle = handle_of(fi)->number});
    return r;
}

static int do_opendir(const char *path, struct fuse_file_info *fi)
{
    return keep(openat(root, at(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fi,
                (Record){.kind = RECORD_OPEN, .path = at(path)});
}

static int do_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    Record record = {.kind = RECORD_CREATE, .path = at(path), .value = mode};
    int fd =
        openat(root, at(path), (fi->flags & ~O_APPEND) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    int r = fd < 0 ? -errno : give(at(path), &record);

    return r < 0 ? r : keep(fd, fi, record);
}

static int do_release(const char *path, struct fuse_file_info *fi)
{
    Handle *h = handle_of(fi);

    (void)path;
    (void)close(h->fd);
    free(h);
    return 0;
}

static int do_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *fi)
{
    ssize_t n = pwrite(handle_of(fi)->fd, data, size, offset);
    int r;

    (void)path;
    if (n < 0)
        return -errno;
    r = note_file(handle_of(fi)->fd, (Record){.kind = RECORD_WRITE,
                                              .handle = handle_of(fi)->number,
                                              .value = offset,
                                              .data = data,
                                              .data_size = (uint32_t)n});
    return r < 0 ? r : (int)n;
}

static int do_fsync(const char *path, int data_only, struct fuse_file_info *fi)
{
    (void)path, (void)data_only;
    return note((Record){.kind = RECORD_SYNC, .handle = handle_of(fi)->number});
}

static int do_fallocate(const char *path, int mode, off_t offset, off_t size, struct fuse_file_info *fi)
{
    struct stat st;

    (void)path;
    if (mode != 0)
        return -EOPNOTSUPP;
    if (fallocate(handle_of(fi)->fd, 0, offset, size) < 0 || fstat(handle_of(fi)->fd, &st) < 0)
        return -errno;
    return note_file(handle_of(fi)->fd,
                     (Record){.kind = RECORD_SIZE, .handle = handle_of(fi)->number, .value = st.st_size});
}

static int do_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    DMV_CLEANUP_CLOSE int fd = fi ? -1 : openat(root, at(path), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

    if (ftruncate(fi ? handle_of(fi)->fd : fd, size) < 0)
        return -errno;
    return note_file(fi ? handle_of(fi)->fd : fd, (Record){.kind = RECORD_SIZE,
                                                           .path = fi ? NULL : at(path),
                                                           .handle = fi ? handle_of(fi)->number : 0,
                                                           .value = size});
}

/* ---- names ---- */

static int made(int result, Record r)
{
    result = result < 0 ? -errno : give(r.path, &r);
    return result < 0 ? result : note(r);
}

static int do_mkdir(const char *path, mode_t mode)
{
    return made(mkdirat(root, at(path), mode),
                (Record){.kind = RECORD_MKDIR, .path = at(path), .value = mode});
}

static int do_symlink(const char *target, const char *path)
{
    return made(symlinkat(target, root, at(path)),
                (Record){.kind = RECORD_SYMLINK, .path = at(path), .other = target});
}

static int do_link(const char *from, const char *to)
{
    return done(linkat(root, at(from), root, at(to), 0),
                (Record){.kind = RECORD_LINK, .path = at(from), .other = at(to)});
}

static int do_unlink(const char *path)
{
    return done(unlinkat(root, at(path), 0), (Record){.kind = RECORD_UNLINK, .path = at(path)});
}

static int do_rmdir(const char *path)
{
    return done(unlinkat(root, at(path), AT_REMOVEDIR), (Record){.kind = RECORD_RMDIR, .path = at(path)});
}

static int do_rename(const char *from, const char *to, unsigned flags)
{
    return done(renameat2(root, at(from), root, at(to), flags),
                (Record){.kind = RECORD_RENAME, .path = at(from), .other = at(to), .value = flags});
}

/* ---- attributes ---- */

static int do_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    (void)fi;
    return done(fchmodat(root, at(path), mode, 0),
                (Record){.kind = RECORD_CHMOD, .path = at(path), .value = mode & 07777});
}

static int do_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
    struct stat st;

    (void)fi;
    if (fchownat(root, at(path), uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(root, at(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return note((Record){.kind = RECORD_CHOWN, .path = at(path), .uid = st.st_uid, .gid = st.st_gid});
}

static int do_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi)
{
    struct stat st;

    (void)fi;
    if (utimensat(root, at(path), times, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(root, at(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return note((Record){.kind = RECORD_TIMES, .path = at(path), .mtime = mtime_of(&st)});
}

/* Nothing but a word for the log: nobody here needs attributes that last. */
static int do_setxattr(const char *path, const char *name, const char *value, size_t size, int flags)
{
    int r;

    (void)path, (void)flags;
    if (!dmv_streq(name, MARK))
        return -EOPNOTSUPP;
    r = note((Record){.kind = RECORD_MARK, .data = value, .data_size = (uint32_t)size});
    if (r == 0 && records && fflush(records) != 0)
        r = -errno;
    return r;
}

static void *do_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->use_ino = 1;
    config->hard_remove = 1;
    config->nullpath_ok = 1;
    return NULL;
}

static const struct fuse_operations operations = {
    .init = do_init,
    .getattr = do_getattr,
    .readlink = do_readlink,
    .readdir = do_readdir,
    .statfs = do_statfs,
    .read = do_read,
    .open = do_open,
    .create = do_create,
    .release = do_release,
    .write = do_write,
    .fsync = do_fsync,
    .fsyncdir = do_fsync,
    .opendir = do_opendir,
    .releasedir = do_release,
    .fallocate = do_fallocate,
    .truncate = do_truncate,
    .mkdir = do_mkdir,
    .symlink = do_symlink,
    .link = do_link,
    .unlink = do_unlink,
    .rmdir = do_rmdir,
    .rename = do_rename,
    .chmod = do_chmod,
    .chown = do_chown,
    .utimens = do_utimens,
    .setxattr = do_setxattr,
};

static int read_inodes(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long own, other;
    int r = file ? 0 : -errno;

    while (r == 0 && fscanf(file, "%llu %llu", &own, &other) == 2) {
        Shown *s = DMV_ARRAY_ADD(shown, n_shown);

        if (s)
            *s = (Shown){.own = own, .shown = other};
        else
            r = -ENOMEM;
    }
    if (file)
        (void)fclose(file);
    return r;
}

static int note_there(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)type;
    return note((Record){.kind = RECORD_THERE, .path = ftw->level > 0 ? path + 2 : ".", .inode = st->st_ino});
}

static int begin_log(const char *path)
{
    records = fopen(path, "we");
    if (!records || fchdir(root) < 0)
        return -errno;
    return nftw(".", note_there, 16, FTW_PHYS);
}

int serve(const char *backing, const char *mountpoint, const char *log, const char *inodes)
{
    char program[] = "forget", foreground[] = "-f", single[] = "-s", option[] = "-o",
         options[] = "allow_other,default_permissions,fsname=forget";
    char *target = strdup(mountpoint);
    char *argv[] = {program, foreground, single, option, options, target, NULL};
    int r = 0;

    (void)umask(0);
    root = open(backing, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        r = -errno;
    if (r == 0 && inodes)
        r = read_inodes(inodes);
    if (r == 0 && log)
        r = begin_log(log);
    if (r == 0)
        r = fuse_main((int)DMV_N_ELEMENTS(argv) - 1, argv, &operations, NULL);
    else
        (void)fprintf(stderr, "forget: %s\n", strerror(-r));
    if (records && fclose(records) != 0)
        r = -EIO;
    free(shown);
    free(target);
    return r == 0 ? 0 : 1;
}
