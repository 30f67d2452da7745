/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpacks the payload of a judged package into a private folder, to names that were compared with the
 * catalog. There is no transaction of librpm, so no scriptlet, trigger or dependency of a package ever does
 * anything, and owner, mode and times of the archive are not looked at.
 */
#include "rpm-internal.h" /* first: rpmarchive.h relies on types of other headers */

#include <errno.h>
#include <fcntl.h>
#include <rpm/rpmarchive.h>
#include <rpm/rpmfi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"

#define PIECE ((size_t)64 * 1024)

DMV_DEFINE_CLEANUP(DmvHash *, cleanup_hash, dmv_hash_free);

/* Makes the folders above a file and opens the file, which must not be there yet. */
static int create_file(int dirfd, const char *path)
{
    DMV_CLEANUP_CLOSE int folder = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
    const char *slash;
    int fd;

    if (folder < 0)
        return -errno;
    for (; (slash = strchr(path, '/')); path = slash + 1) {
        DMV_CLEANUP_FREE char *name = strndup(path, (size_t)(slash - path));
        int next;

        if (!name)
            return -ENOMEM;
        if (mkdirat(folder, name, 0755) < 0 && errno != EEXIST)
            return -errno;
        next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return -errno;
        dmv_close(folder);
        folder = next;
    }
    fd = openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* The bytes of the archive's current file, hashed while they are written. */
static int copy_content(rpmfi fi, int fd, char *buffer, uint64_t *ret_size, char hex[DMV_SHA256_HEX])
{
    DMV_CLEANUP(cleanup_hash) DmvHash *hash = NULL;
    int r = dmv_hash_new(&hash);
    ssize_t n;

    *ret_size = 0;
    while (r == 0 && (n = rpmfiArchiveRead(fi, buffer, PIECE)) != 0) {
        if (n < 0)
            return DMV_RPM_PAYLOAD;
        *ret_size += (uint64_t)n;
        r = dmv_hash_update(hash, buffer, (size_t)n);
        if (r == 0)
            r = write_all(fd, buffer, (size_t)n);
    }
    return r == 0 ? dmv_hash_final(hash, hex) : r;
}

static int extract_file(rpmfi fi, const DmvCatalogFile *f, int dirfd, char *buffer, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = create_file(dirfd, f->path);
    char hex[DMV_SHA256_HEX];
    uint64_t size;
    int r;

    if (fd < 0)
        return dmv_error_set(reterr, fd, NULL, NULL, "cannot write %s: %s", f->path, strerror(-fd));
    r = copy_content(fi, fd, buffer, &size, hex);
    if (r == DMV_RPM_PAYLOAD)
        return dmv_error_set(reterr, r, NULL, NULL, "%s cannot be decompressed", f->path);
    if (r < 0)
        return dmv_error_set(reterr, r, NULL, NULL, "cannot write %s: %s", f->path, strerror(-r));
    if (size != f->size)
        return dmv_error_set(reterr, DMV_SIZE_MISMATCH, NULL, NULL,
                             "%s does not have the size of the catalog", f->path);
    if (strcmp(hex, f->sha256) != 0)
        return dmv_error_set(reterr, DMV_HASH_MISMATCH, NULL, NULL,
                             "%s is not the file that the catalog approved", f->path);
    return 0;
}

/* How the iterator over the archive ended: RPMERR_ITER_END is the only good end. */
static int judge_end(int end, size_t n_done, size_t n_expected, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *why = NULL;

    if (end == RPMERR_ITER_END && n_done == n_expected)
        return 0;
    if (end == RPMERR_ITER_END || end == RPMERR_MISSING_FILE)
        return dmv_error_set(reterr, DMV_RPM_MISSING_FILE, NULL, NULL,
                             "its payload lacks a file of its header");
    if (end == RPMERR_UNMAPPED_FILE)
        return dmv_error_set(reterr, DMV_RPM_EXTRA_FILE, NULL, NULL,
                             "its payload has a file that its header lacks");
    why = rpmfileStrerror(end);
    return dmv_error_set(reterr, DMV_RPM_PAYLOAD, NULL, NULL, "its payload cannot be read: %s",
                         why ? why : "?");
}

static int extract_all(rpmfi fi, const DmvRpmFiles *files, int dirfd, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *buffer = malloc(PIECE);
    size_t n_expected = 0, n_done = 0;
    int at;

    if (!buffer)
        return -ENOMEM;
    for (size_t i = 0; i < files->n; i++)
        n_expected += files->files[i] != NULL;
    while ((at = rpmfiNext(fi)) >= 0) {
        const DmvCatalogFile *f = (size_t)at < files->n ? files->files[at] : NULL;
        int r;

        if (!f || !rpmfiArchiveHasContent(fi))
            continue;
        r = extract_file(fi, f, dirfd, buffer, reterr);
        if (r != 0)
            return r;
        n_done++;
    }
    return judge_end(at, n_done, n_expected, reterr);
}

int dmv_rpm_extract(FD_t fd, Header h, rpmfiles entries, const DmvRpmFiles *files, int dirfd,
                    DmvError *reterr)
{
    char mode[16];
    FD_t payload;
    rpmfi fi;
    int r;

    (void)snprintf(mode, sizeof(mode), "r.%s", dmv_rpm_compressor(h));
    payload = Fdopen(fd, mode);
    fi =
        payload && !Ferror(payload) ? rpmfiNewArchiveReader(payload, entries, RPMFI_ITER_READ_ARCHIVE) : NULL;
    if (!fi) {
        Fclose(payload ? payload : fd);
        return dmv_error_set(reterr, DMV_RPM_PAYLOAD, NULL, NULL, "its payload cannot be opened");
    }
    r = extract_all(fi, files, dirfd, reterr);
    (void)rpmfiArchiveClose(fi);
    rpmfiFree(fi);
    Fclose(payload);
    return r;
}
