/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into the store and out of it.
 *
 * Names that begin with a dot are the worker's own: a release is made under one and leaves under one, and
 * whatever still has such a name when the lock is free belongs to a process that died.
 */
#include "daemon/apply/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/judge.h"
#include "daemon/apply/store.h"
#include "host/fs.h"

/* What folders and the filesystem's own records need beside the files. */
#define SPACE_MARGIN (UINT64_C(1) << 20)
#define BLOCK 4096

/* Folders below a release. */
#define DEPTH_MAX 16

void dmv_publish_request_deinit(DmvPublishRequest *q)
{
    for (size_t i = 0; i < q->n_files; i++) {
        free(q->files[i].path);
        free(q->files[i].sha256);
        free(q->files[i].build_id);
        free(q->files[i].signer);
    }
    free(q->files);
    free(q->driver);
    free(q->variant);
    free(q->version);
    free(q->kernel);
    (void)dmv_certificates_free(q->certificates);
    *q = (DmvPublishRequest){0};
}

/* ---- the request ---- */

static int compare_paths(const void *a, const void *b)
{
    const DmvPublishFile *const *x = a, *const *y = b;

    return strcmp((*x)->path, (*y)->path);
}

static int check_twice(const DmvPublishRequest *q, DmvError *reterr)
{
    DMV_CLEANUP_FREE const DmvPublishFile **sorted = calloc(q->n_files, sizeof(*sorted));

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < q->n_files; i++)
        sorted[i] = &q->files[i];
    qsort(sorted, q->n_files, sizeof(*sorted), compare_paths);
    for (size_t i = 1; i < q->n_files; i++)
        if (dmv_streq(sorted[i - 1]->path, sorted[i]->path))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "%s is listed twice",
                                 sorted[i]->path);
    return 0;
}

static int check_request(const DmvPublishRequest *q, uint64_t *ret_need, DmvError *reterr)
{
    uint64_t need = SPACE_MARGIN;
    int r = dmv_store_check_names(q->driver, q->variant, q->version, q->kernel, reterr);

    if (r != 0)
        return r;
    if (q->n_files == 0 || q->n_files > DMV_PUBLISH_FILES_MAX)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "a release has 1 to %d files",
                             DMV_PUBLISH_FILES_MAX);
    for (size_t i = 0; i < q->n_files; i++) {
        const DmvPublishFile *f = &q->files[i];

        if (!dmv_relative_path_is_valid(f->path) || f->size == 0 || f->size > DMV_PUBLISH_FILE_SIZE_MAX ||
            !f->sha256 || strlen(f->sha256) != DMV_SHA256_HEX - 1 ||
            !dmv_is_hex(f->sha256, DMV_SHA256_HEX - 1))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL,
                                 "file %zu of the release is not valid", i);
        need += (f->size + BLOCK - 1) / BLOCK * BLOCK;
    }
    *ret_need = need;
    return check_twice(q, reterr);
}

/* ---- the hidden folder ---- */

typedef struct Staging {
    const DmvRoots *roots;
    char *path; /* relative to the root; NULL once it has another name */
    int fd;
    bool made_store;   /* the store was not there before */
    const char *above; /* folder that was there before, if it was not */
} Staging;

/* What is still hidden goes, and the store itself if it was made for nothing. */
static void deinit_staging(Staging *s)
{
    s->fd = dmv_close(s->fd);
    if (s->path) {
        (void)dmv_fs_remove_tree(s->roots->fd, s->path);
        if (s->made_store)
            (void)dmv_fs_remove_empty_dirs(s->roots->fd, DMV_STORE_DIR, s->above);
    }
    free(s->path);
    s->path = NULL;
}

static int make_staging(Staging *s, DmvError *reterr)
{
    struct stat st;
    int r;

    s->made_store = fstatat(s->roots->fd, DMV_STORE_DIR, &st, 0) < 0;
    s->above = fstatat(s->roots->fd, "usr/lib/dmv", &st, 0) < 0 ? "usr/lib" : "usr/lib/dmv";
    r = dmv_store_hidden_name(DMV_STORE_STAGING, &s->path);
    if (r < 0)
        return r;
    r = dmv_fs_mkdirs(s->roots->fd, s->path, 0755);
    if (r < 0)
        return dmv_failure(reterr, r, "make", s->path);
    s->fd = dmv_fs_open_nolinks(s->roots->fd, s->path, O_RDONLY | O_DIRECTORY, 0);
    return s->fd < 0 ? dmv_failure(reterr, s->fd, "open", s->path) : 0;
}

static int check_space(const DmvRoots *r, uint64_t need, DmvError *reterr)
{
    char needed[16], there[16];
    uint64_t available;
    int result = dmv_fs_free_bytes(r->fd, DMV_STORE_DIR, &available);

    if (result < 0)
        return dmv_failure(reterr, result, "measure", DMV_STORE_DIR);
    if (available >= need)
        return 0;
    dmv_format_bytes(need, needed);
    dmv_format_bytes(available, there);
    return dmv_error_set(reterr, DMV_NO_SPACE, NULL,
                         "free some space on the filesystem of the store and try again",
                         "it needs %s (%llu bytes) below /%s, %s are free", needed, (unsigned long long)need,
                         DMV_STORE_DIR, there);
}

/* ---- copying ---- */

static int open_source(int source, const DmvPublishFile *f, int *ret, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open_nolinks(source, f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;

    if (fd == -ENOENT)
        return dmv_error_set(reterr, DMV_RPM_MISSING_FILE, NULL, NULL, "%s is missing", f->path);
    if (fd == -ELOOP || fd == -EXDEV || fd == -ENOTDIR || fd == -ENXIO)
        return dmv_error_set(reterr, DMV_RPM_BAD_FILE, NULL, NULL, "%s is not reached by plain folders",
                             f->path);
    if (fd < 0)
        return dmv_failure(reterr, fd, "open", f->path);
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return dmv_error_set(reterr, DMV_RPM_BAD_FILE, NULL, NULL, "%s is no regular file", f->path);
    if ((uint64_t)st.st_size != f->size)
        return dmv_error_set(reterr, DMV_SIZE_MISMATCH, NULL, NULL,
                             "%s has %lld bytes, the catalog says %llu", f->path, (long long)st.st_size,
                             (unsigned long long)f->size);
    *ret = DMV_TAKE_FD(fd);
    return 0;
}

static int compare_hash(const DmvPublishFile *f, int result, const char *hex, uint64_t size, DmvError *reterr)
{
    if (result == -EFBIG || (result == 0 && size != f->size))
        return dmv_error_set(reterr, DMV_SIZE_MISMATCH, NULL, NULL, "%s changed its size while it was read",
                             f->path);
    if (result < 0)
        return dmv_failure(reterr, result, "copy", f->path);
    if (!dmv_streq(hex, f->sha256))
        return dmv_error_set(reterr, DMV_HASH_MISMATCH, NULL, NULL,
                             "%s: its SHA-256 is %s, the catalog says %s", f->path, hex, f->sha256);
    return 0;
}

static int make_parents(int folder, const char *path)
{
    const char *slash = strrchr(path, '/');
    DMV_CLEANUP_FREE char *parent = slash ? strndup(path, (size_t)(slash - path)) : NULL;

    if (!slash)
        return 0;
    return parent ? dmv_fs_mkdirs(folder, parent, 0755) : -ENOMEM;
}

static int copy_file(const Staging *s, int source, const DmvPublishFile *f, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int in = -1, out = -1;
    char hex[DMV_SHA256_HEX] = "";
    uint64_t size = 0;
    int r = open_source(source, f, &in, reterr);

    if (r != 0)
        return r;
    r = make_parents(s->fd, f->path);
    if (r == 0)
        r = out = dmv_fs_open_nolinks(s->fd, f->path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (r < 0)
        return dmv_failure(reterr, r, "make", f->path);
    r = dmv_fs_copy_hashed(in, out, f->size, hex, &size);
    if (r == 0 && fchmod(out, 0644) < 0)
        r = -errno;
    return compare_hash(f, r, hex, size, reterr);
}

/* ---- what is there already ---- */

/* Every file of a folder has to be one of @q; how many there are is counted in @n. */
static int count_files(int folder, const char *path, unsigned depth, size_t *n)
{
    DmvFsEntry *entries = NULL;
    size_t n_entries = 0;
    int r = depth == 0 ? -ELOOP : dmv_fs_list(folder, path, &entries, &n_entries);

    for (size_t i = 0; r == 0 && i < n_entries; i++) {
        DMV_CLEANUP_FREE char *child = NULL;

        if (entries[i].kind != DMV_FS_FOLDER) {
            (*n)++;
            continue;
        }
        if (asprintf(&child, "%s/%s", path, entries[i].name) < 0) {
            child = NULL;
            r = -ENOMEM;
        } else {
            r = count_files(folder, child, depth - 1, n);
        }
    }
    dmv_fs_entries_free(entries, n_entries);
    return r;
}

static int compare_file(int folder, const DmvPublishFile *f, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = -1;
    char hex[DMV_SHA256_HEX] = "";
    uint64_t size = 0;
    int r = open_source(folder, f, &fd, reterr);

    if (r != 0)
        return r;
    r = dmv_fs_copy_hashed(fd, -1, f->size, hex, &size);
    return compare_hash(f, r, hex, size, reterr);
}

static int compare_present(int folder, const DmvPublishRequest *q, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError why = {0};
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < q->n_files; i++)
        r = compare_file(folder, &q->files[i], &why);
    if (r == 0) {
        r = count_files(folder, ".", DEPTH_MAX, &n);
        if (r == 0 && n != q->n_files)
            r = DMV_CONFLICT;
    }
    if (r == 0)
        return dmv_judge(folder, q, reterr);
    if (r < 0)
        return dmv_failure(reterr, r, "compare", q->version);
    return dmv_error_set(reterr, DMV_CONFLICT, NULL, "remove the release and install it again",
                         "the store has other content under this name: %s",
                         why.why ? why.why : "files that the catalog does not list");
}

/* ---- publishing ---- */

static int settle(Staging *s, const char *folder, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *parent = strndup(folder, (size_t)(strrchr(folder, '/') - folder));
    DMV_CLEANUP_CLOSE int above = dmv_store_open_above(s->roots);
    int r = parent ? dmv_fs_sync_tree(s->roots->fd, s->path) : -ENOMEM;

    if (r < 0)
        return dmv_failure(reterr, r, "sync", s->path);
    r = above < 0 ? above : dmv_fs_mkdirs(above, dmv_store_below(parent), 0755);
    if (r == 0)
        r = dmv_fs_rename(above, dmv_store_below(s->path), dmv_store_below(folder), true);
    if (r < 0) {
        (void)dmv_fs_remove_empty_dirs(above, dmv_store_below(parent), dmv_store_below(DMV_STORE_DIR));
        return dmv_failure(reterr, r, "publish", folder);
    }
    free(s->path);
    s->path = NULL;
    return 0;
}

static int stage(Staging *s, int source, const DmvPublishRequest *q, uint64_t need, DmvError *reterr)
{
    int r = make_staging(s, reterr);

    if (r == 0)
        r = check_space(s->roots, need, reterr);
    for (size_t i = 0; r == 0 && i < q->n_files; i++)
        r = copy_file(s, source, &q->files[i], reterr);
    return r != 0 ? r : dmv_judge(s->fd, q, reterr);
}

static int publish(const DmvRoots *r, int source, const DmvPublishRequest *q, const char *folder,
                   uint64_t need, DmvError *reterr)
{
    __attribute__((cleanup(deinit_staging))) Staging s = {.roots = r, .fd = -1};
    DMV_CLEANUP_CLOSE int present = dmv_fs_open_nolinks(r->fd, folder, O_RDONLY | O_DIRECTORY, 0);
    int result;

    if (present >= 0)
        return compare_present(present, q, reterr);
    if (present != -ENOENT)
        return dmv_failure(reterr, present, "open", folder);
    result = stage(&s, source, q, need, reterr);
    return result != 0 ? result : settle(&s, folder, reterr);
}

int dmv_publish(const DmvRoots *r, int source, const DmvPublishRequest *q, char **ret_folder,
                DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    uint64_t need = 0;
    int result = check_request(q, &need, reterr);

    if (result == 0) {
        folder = dmv_store_folder(q->driver, q->variant, q->version, q->kernel);
        result = folder ? publish(r, source, q, folder, need, reterr) : -ENOMEM;
        if (result != 0)
            (void)dmv_error_set_what(reterr, "%s/%s@%s for kernel %s was refused; nothing was changed",
                                     q->driver, q->variant, q->version, q->kernel);
    }
    if (result != 0)
        return result;
    *ret_folder = DMV_TAKE_PTR(folder);
    return 0;
}
