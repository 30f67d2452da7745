/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Driver disks by libarchive: two formats and four filters out of its many, and only those that it has built
 * in; one that would start an external program is refused. Image and files are never mounted or unpacked by
 * the image's own names, so a link or a ".." could do no harm here; it is refused all the same, because
 * nobody makes a disk with one for us.
 *
 * An ISO image names files in any order, so the library has to be able to go back.
 */
#include "disk.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/fs.h"

#define CHUNK ((size_t)256 * 1024)
#define PATH_MAX_LENGTH 1024
#define WHAT "the driver disk cannot be used"
#define AGAIN "copy the disk again, or ask its maker for another one"

struct DmvDisk {
    int fd;
    DmvDiskOptions options;
    uint64_t size, offset;
    int failure; /* of the source: DMV_CANCELLED or a negative errno; 0: none */
    struct archive *archive;
    struct archive_entry *entry; /* the library's */
    size_t n_entries;
    uint64_t files_size; /* of the files so far */
    uint64_t entry_size;
    unsigned char *in, *out; /* CHUNK bytes each */
};

static int refuse(DmvError *reterr, int code, const char *why)
{
    return dmv_error_set(reterr, code, WHAT, code == DMV_MALFORMED ? AGAIN : NULL, "%s", why);
}

static int failed(const DmvDisk *d, DmvError *reterr)
{
    const char *said = archive_error_string(d->archive);

    if (d->failure == DMV_CANCELLED)
        return refuse(reterr, DMV_CANCELLED, "the caller went away");
    if (d->failure < 0)
        return refuse(reterr, d->failure, strerror(-d->failure));
    if (archive_errno(d->archive) == ENOMEM)
        return -ENOMEM;
    return refuse(reterr, DMV_MALFORMED, said ? said : "it is damaged");
}

/* ---- the image ---- */

static ssize_t feed(struct archive *a, void *userdata, const void **ret)
{
    DmvDisk *d = userdata;
    uint64_t left = d->size - d->offset;
    ssize_t n;

    do
        n = pread(d->fd, d->in, left < CHUNK ? (size_t)left : CHUNK, (off_t)d->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        d->failure = -errno;
    else
        d->offset += (uint64_t)n;
    if (n >= 0 && d->options.progress && d->options.progress(d->offset, d->size, d->options.userdata) < 0)
        d->failure = DMV_CANCELLED;
    *ret = d->in;
    if (d->failure == 0)
        return n;
    archive_set_error(a, EIO, "the image cannot be read");
    return ARCHIVE_FATAL;
}

static int64_t skip(struct archive *a, void *userdata, int64_t request)
{
    DmvDisk *d = userdata;
    uint64_t left = d->size - d->offset;
    uint64_t n = request < 0 ? 0 : (uint64_t)request < left ? (uint64_t)request : left;

    (void)a;
    d->offset += n;
    return (int64_t)n;
}

static int64_t seek(struct archive *a, void *userdata, int64_t offset, int whence)
{
    DmvDisk *d = userdata;
    int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (int64_t)d->offset : (int64_t)d->size;
    int64_t to;

    if (__builtin_add_overflow(base, offset, &to) || to < 0 || (uint64_t)to > d->size) {
        archive_set_error(a, EINVAL, "something lies outside of the image");
        return ARCHIVE_FATAL;
    }
    d->offset = (uint64_t)to;
    return to;
}

static int start(DmvDisk *d, DmvError *reterr)
{
    struct archive *a = d->archive;

    if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
        archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
        archive_read_support_filter_xz(a) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
        archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_support_format_iso9660(a) != ARCHIVE_OK)
        return refuse(reterr, -EOPNOTSUPP, "libarchive was built without a format that is needed");
    if (archive_read_set_read_callback(a, feed) != ARCHIVE_OK ||
        archive_read_set_skip_callback(a, skip) != ARCHIVE_OK ||
        archive_read_set_seek_callback(a, seek) != ARCHIVE_OK ||
        archive_read_set_callback_data(a, d) != ARCHIVE_OK)
        return -ENOMEM;
    return archive_read_open1(a) == ARCHIVE_OK ? 0 : failed(d, reterr);
}

static int judge_image(int fd, uint64_t *ret_size, DmvError *reterr)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return refuse(reterr, DMV_INVALID_REQUEST, "it is no regular file");
    if (st.st_size == 0)
        return refuse(reterr, DMV_EMPTY, "the file is empty");
    if ((uint64_t)st.st_size > DMV_DISK_SIZE_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL, "it is larger than %llu bytes",
                             (unsigned long long)DMV_DISK_SIZE_MAX);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int dmv_disk_open(int fd, const DmvDiskOptions *o, DmvDisk **ret, DmvError *reterr)
{
    DMV_CLEANUP(dmv_cleanup_disk) DmvDisk *d = calloc(1, sizeof(*d));
    int r = d ? judge_image(fd, &d->size, reterr) : -ENOMEM;

    if (r != 0)
        return r;
    d->fd = fd;
    if (o)
        d->options = *o;
    d->in = malloc(CHUNK);
    d->out = malloc(CHUNK);
    d->archive = archive_read_new();
    if (!d->in || !d->out || !d->archive)
        return -ENOMEM;
    r = start(d, reterr);
    if (r != 0)
        return r;
    *ret = DMV_TAKE_PTR(d);
    return 0;
}

DmvDisk *dmv_disk_free(DmvDisk *d)
{
    if (!d)
        return NULL;
    if (d->archive)
        (void)archive_read_free(d->archive);
    free(d->in);
    free(d->out);
    free(d);
    return NULL;
}

/* ---- entries ---- */

/* Is it a plain path? "Release Notes.pdf" is none of our files, and no reason to refuse a disk. @folder: it
 * may end in a slash, and be nothing else than the disk itself. */
static bool path_is_plain(const char *path, bool folder)
{
    if (strlen(path) > PATH_MAX_LENGTH)
        return false;
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    for (const char *p = path;;) {
        size_t n = strcspn(p, "/");

        if (n == 0)
            return folder && !*p;
        if (n <= 2 && strspn(p, ".") == n)
            return folder && strcmp(path, ".") == 0;
        p += n;
        if (!*p++)
            return true;
    }
}

/* Without the "./" that tar puts before names. NULL for a name that cannot be read. */
static const char *path_of(struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);

    if (!path)
        return NULL;
    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    return path;
}

static int judge_kind(struct archive_entry *entry, const char *path, DmvError *reterr)
{
    unsigned type = archive_entry_filetype(entry);

    if ((type == AE_IFREG || type == AE_IFDIR) && !archive_entry_hardlink(entry))
        return 0;
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, AGAIN, "%s is a %s, not a file or a folder", path,
                         type == AE_IFLNK || archive_entry_hardlink(entry) ? "link" : "device or the like");
}

/* What the image has unpacked to so far; the bytes between the files count too. */
static int judge_amount(DmvDisk *d, DmvError *reterr)
{
    int64_t unpacked = archive_filter_bytes(d->archive, 0);

    if (++d->n_entries > DMV_DISK_ENTRIES_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL, "it has more than %zu entries",
                             DMV_DISK_ENTRIES_MAX);
    if (archive_entry_size(d->entry) < 0)
        return refuse(reterr, DMV_MALFORMED, "the size of a file is negative");
    d->entry_size = (uint64_t)archive_entry_size(d->entry);
    if (d->entry_size > DMV_DISK_UNPACKED_MAX || unpacked > (int64_t)DMV_DISK_UNPACKED_MAX ||
        (d->files_size += d->entry_size) > DMV_DISK_UNPACKED_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL, "it unpacks to more than %llu bytes",
                             (unsigned long long)DMV_DISK_UNPACKED_MAX);
    return 0;
}

static int judge_entry(DmvDisk *d, const char **ret_path, DmvError *reterr)
{
    bool folder = archive_entry_filetype(d->entry) == AE_IFDIR;
    const char *path = path_of(d->entry);
    int r = judge_amount(d, reterr);

    if (r != 0)
        return r;
    /* the first one is the data, the second the compression */
    if (archive_filter_count(d->archive) > 2)
        return refuse(reterr, DMV_MALFORMED, "it is compressed more than once");
    if (!path || !path_is_plain(path, folder))
        return refuse(reterr, DMV_MALFORMED, "a name in it is no plain path below the disk");
    r = judge_kind(d->entry, path, reterr);
    if (r == 0)
        *ret_path = folder ? NULL : path;
    return r;
}

int dmv_disk_next(DmvDisk *d, const char **ret_path, uint64_t *ret_size, DmvError *reterr)
{
    for (;;) {
        int r = archive_read_next_header(d->archive, &d->entry);

        if (r == ARCHIVE_EOF) {
            *ret_path = NULL;
            return 0;
        }
        /* a warning is a name that cannot be read, or a file that lies before another one */
        if (r != ARCHIVE_OK)
            return failed(d, reterr);
        r = judge_entry(d, ret_path, reterr);
        *ret_size = d->entry_size;
        if (r != 0 || *ret_path)
            return r;
    }
}

int dmv_disk_save(DmvDisk *d, int out, DmvError *reterr)
{
    uint64_t done = 0;

    for (;;) {
        ssize_t n = archive_read_data(d->archive, d->out, CHUNK);
        int r;

        if (n < 0)
            return failed(d, reterr);
        if (n == 0)
            break;
        done += (uint64_t)n;
        if (done > d->entry_size)
            return refuse(reterr, DMV_MALFORMED, "a file is longer than it should be");
        r = dmv_fs_write_all(out, d->out, (size_t)n);
        if (r < 0)
            return refuse(reterr, r, strerror(-r));
    }
    return done == d->entry_size ? 0 : refuse(reterr, DMV_MALFORMED, "a file ends early");
}
