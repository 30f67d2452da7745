/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FetchPackage: a package from a repository, a descriptor, or a disk that is a descriptor, verified and
 * unpacked; the folder as a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "disk/disk.h"
#include "host/fs.h"
#include "source.h"
#include "trust/package/rpm.h"

#define FILES_MAX 4096
#define KEYS_MAX 64
#define SIZE_MAX_ALLOWED ((int64_t)1 << 40)

/* The parameters; strings are borrowed from the call. */
typedef struct Request {
    json_object *source, *files;
    const char *driver, *variant, *disk_path;
    int64_t disk_deadline, now;
    char **keys;
    DmvPackage package;
} Request;

static void request_deinit(Request *q)
{
    q->keys = dmv_strv_free(q->keys);
    free(q->package.files);
}

static bool size_is_valid(int64_t size, int64_t least)
{
    return size >= least && size <= SIZE_MAX_ALLOWED;
}

static int read_file(json_object *o, DmvCatalogFile *f, DmvError *reterr)
{
    const char *path = NULL, *sha256 = NULL;
    int64_t size = -1;
    const DmvJsonField fields[] = {
        {"path", DMV_JSON_STRING, DMV_JSON_REQUIRED, &path},
        {"size", DMV_JSON_INT, DMV_JSON_REQUIRED, &size},
        {"sha256", DMV_JSON_STRING, DMV_JSON_REQUIRED, &sha256},
    };
    int r = dmv_json_read(o, "files[]", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r < 0)
        return r;
    if (r > 0 || !dmv_relative_path_is_valid(path) || !dmv_is_hex(sha256, DMV_SHA256_HEX - 1) ||
        !size_is_valid(size, 0))
        return dmv_fetch_invalid(reterr, "a file has no valid path, size or hash");
    f->path = (char *)path;
    f->size = (uint64_t)size;
    memcpy(f->sha256, sha256, sizeof(f->sha256));
    return 0;
}

static int read_files(Request *q, DmvError *reterr)
{
    size_t n = json_object_array_length(q->files);
    int r = 0;

    if (n == 0 || n > FILES_MAX)
        return dmv_fetch_invalid(reterr, "a package has 1 to 4096 files");
    q->package.files = calloc(n, sizeof(*q->package.files));
    if (!q->package.files)
        return -ENOMEM;
    q->package.n_files = n;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_file(json_object_array_get_idx(q->files, i), &q->package.files[i], reterr);
    return r;
}

static int judge_request(const Request *q, int64_t size, int64_t unpacked, const char *sha256,
                         DmvError *reterr)
{
    const DmvPackage *p = &q->package;

    if (!dmv_name_is_valid(q->driver) || !dmv_name_is_valid(q->variant) ||
        !dmv_kernel_name_is_valid(p->kernel))
        return dmv_fetch_invalid(reterr, "driver, variant or kernel is no name");
    if (!dmv_is_hex(sha256, DMV_SHA256_HEX - 1) || !size_is_valid(size, 1) || !size_is_valid(unpacked, 0))
        return dmv_fetch_invalid(reterr, "the package has no valid size or hash");
    if (dmv_strv_length(q->keys) > KEYS_MAX)
        return dmv_fetch_invalid(reterr, "more than 64 keys");
    return 0;
}

static int read_request(json_object *params, Request *q, DmvError *reterr)
{
    int64_t size = 0, unpacked = -1;
    const char *sha256 = NULL;
    DmvPackage *p = &q->package;
    const DmvJsonField fields[] = {
        {"source", DMV_JSON_OBJECT, 0, &q->source},
        {"diskPath", DMV_JSON_STRING, DMV_JSON_NON_EMPTY, &q->disk_path},
        {"diskDeadline", DMV_JSON_INT, 0, &q->disk_deadline},
        {"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &q->driver},
        {"variant", DMV_JSON_STRING, DMV_JSON_REQUIRED, &q->variant},
        {"kernel", DMV_JSON_STRING, DMV_JSON_REQUIRED, &p->kernel},
        {"nevra", DMV_JSON_STRING, DMV_JSON_REQUIRED, &p->nevra},
        {"href", DMV_JSON_STRING, DMV_JSON_REQUIRED, &p->href},
        {"size", DMV_JSON_INT, DMV_JSON_REQUIRED, &size},
        {"sha256", DMV_JSON_STRING, DMV_JSON_REQUIRED, &sha256},
        {"signer", DMV_JSON_STRING, 0, &p->signer},
        {"unpacked", DMV_JSON_INT, DMV_JSON_REQUIRED, &unpacked},
        {"files", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &q->files},
        {"keys", DMV_JSON_STRV, DMV_JSON_REQUIRED, &q->keys},
        {"now", DMV_JSON_INT, DMV_JSON_REQUIRED, &q->now},
    };
    int r = dmv_json_read(params, "parameters", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r < 0)
        return r;
    if (r > 0)
        return dmv_fetch_invalid(reterr, "a parameter is missing or wrong");
    r = judge_request(q, size, unpacked, sha256, reterr);
    if (r != 0)
        return r;
    p->size = (uint64_t)size;
    p->unpacked = (uint64_t)unpacked;
    memcpy(p->sha256, sha256, sizeof(p->sha256));
    return read_files(q, reterr);
}

/* ---- the bytes ---- */

/* Goes through the disk up to the package. Where it is damaged behind that is of no interest. */
static int save_from_disk(DmvFetchWorker *w, int in, int out, const Request *q, DmvError *reterr)
{
    const DmvDiskOptions o = {.progress = dmv_fetch_progress, .userdata = w};
    DMV_CLEANUP(dmv_cleanup_disk) DmvDisk *d = NULL;
    const char *path = NULL;
    uint64_t size = 0;
    int r = dmv_fetch_begin_phase(w, "read", 0);

    if (r == 0)
        r = dmv_disk_open(in, &o, &d, reterr);
    do {
        if (r == 0)
            r = dmv_disk_next(d, &path, &size, reterr);
    } while (r == 0 && path && strcmp(path, q->disk_path) != 0);
    if (r == 0 && !path)
        return dmv_error_set(reterr, DMV_MALFORMED, "the driver disk cannot be used", NULL,
                             "%s is not on it any more", q->disk_path);
    /* what is larger than the catalog says is not worth a byte of the disk */
    return r == 0 && size <= q->package.size ? dmv_disk_save(d, out, reterr) : r;
}

static int copy_from_disk(DmvFetchWorker *w, int in, int out, const Request *q, char hex[DMV_SHA256_HEX],
                          uint64_t *ret_size, DmvError *reterr)
{
    int r = dmv_fetch_set_deadline(q->disk_deadline, reterr);

    if (r == 0)
        r = save_from_disk(w, in, out, q, reterr);
    if (r != 0)
        return r;
    (void)alarm(0);
    r = dmv_fetch_begin_phase(w, "verify", q->package.size);
    return r == 0 ? dmv_fs_copy_hashed(out, -1, q->package.size, hex, ret_size) : r;
}

static int compare(const DmvPackage *p, const char *hex, uint64_t size, DmvError *reterr)
{
    if (size != p->size)
        return dmv_error_set(reterr, DMV_SIZE_MISMATCH, "the package cannot be used", NULL,
                             "it does not have the %llu bytes of the catalog", (unsigned long long)p->size);
    if (strcmp(hex, p->sha256) != 0)
        return dmv_error_set(reterr, DMV_HASH_MISMATCH, "the package cannot be used", NULL,
                             "its SHA-256 is %s instead of %s", hex, p->sha256);
    return 0;
}

/* Copies what the caller passed, so that nobody can change it any more, and compares it with the catalog. */
static int copy_passed(DmvFetchWorker *w, const char *folder, const Request *q, int *ret_fd, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int in = vl_call_take_fd(w->call, 0);
    DMV_CLEANUP_CLOSE int out = -1;
    DMV_CLEANUP_FREE char *path = NULL;
    const DmvPackage *p = &q->package;
    char hex[DMV_SHA256_HEX];
    uint64_t size = 0;
    struct stat st;
    int r = 0;

    if (in < 0 || fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
        return dmv_fetch_invalid(reterr, "there is neither a source nor a regular file with the call");
    if (asprintf(&path, "%s/copy", folder) < 0)
        return path = NULL, -ENOMEM;
    out = openat(w->dirfd, path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return -errno;
    if (q->disk_path) {
        r = copy_from_disk(w, in, out, q, hex, &size, reterr);
    } else {
        r = dmv_fetch_begin_phase(w, "verify", p->size);
        if (r == 0)
            r = dmv_fs_copy_hashed(in, out, p->size, hex, &size);
    }
    if (r == -EFBIG) /* more than the catalog says */
        size = p->size + 1;
    else if (r != 0)
        return r;
    r = compare(p, hex, size, reterr);
    if (r == 0)
        *ret_fd = DMV_TAKE_FD(out);
    return r;
}

static int download(DmvFetchWorker *w, const char *folder, const Request *q, int *ret_fd, DmvError *reterr)
{
    __attribute__((cleanup(dmv_fetch_source_deinit))) DmvFetchSource source = {0};
    const DmvPackage *p = &q->package;
    int r = dmv_fetch_source_read(w, q->source, folder, &source, reterr);

    if (r == 0)
        r = dmv_fetch_begin_phase(w, "download", p->size);
    if (r == 0)
        r = dmv_repo_fetch_package(&source.options, p->href, p->size, p->sha256, ret_fd, reterr);
    if (r == 0)
        r = dmv_fetch_begin_phase(w, "verify", p->size);
    return r;
}

static int make_keyring(char *const *keys, int64_t now, DmvPackageKeys *k, DmvError *reterr)
{
    int r = 0;

    for (; r == 0 && keys && *keys; keys++)
        r = dmv_package_keys_add(k, *keys, strlen(*keys), now, reterr);
    return r;
}

DMV_DEFINE_CLEANUP(DmvPackageKeys *, cleanup_keyring, dmv_package_keys_free);

static int unpack(DmvFetchWorker *w, int rpm, const Request *q, const char *folder, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_keyring) DmvPackageKeys *k = NULL;
    DMV_CLEANUP_CLOSE int fd = openat(w->dirfd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? -errno : dmv_package_keys_new(&k);

    if (r == 0)
        r = make_keyring(q->keys, q->now, k, reterr);
    if (r == 0)
        r = dmv_fetch_begin_phase(w, "unpack", q->package.unpacked);
    if (r == 0)
        r = dmv_rpm_unpack(rpm, k, q->driver, q->variant, &q->package, fd, reterr);
    return r == 0 ? vl_call_reply_fds(w->call, NULL, &fd, 1) : r;
}

/* ---- the job ---- */

static int get_package(DmvFetchWorker *w, const Request *q, int *ret_fd, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    int r = dmv_fetch_make_folder(w, "download", 0700, &folder);

    if (r < 0)
        return r;
    r = q->source ? download(w, folder, q, ret_fd, reterr) : copy_passed(w, folder, q, ret_fd, reterr);
    (void)dmv_fs_remove_tree(w->dirfd, folder);
    return r;
}

int dmv_fetch_job_package(DmvFetchWorker *w, DmvError *reterr)
{
    __attribute__((cleanup(request_deinit))) Request q = {0};
    DMV_CLEANUP_FREE char *folder = NULL;
    DMV_CLEANUP_CLOSE int rpm = -1;
    int r = read_request(w->params, &q, reterr);

    if (r == 0)
        r = get_package(w, &q, &rpm, reterr);
    /* readable for who gets the descriptor; nobody else comes past the private folder */
    if (r == 0)
        r = dmv_fetch_make_folder(w, "package", 0755, &folder);
    if (r != 0)
        return r;
    r = unpack(w, rpm, &q, folder, reterr);
    if (r != 0)
        (void)dmv_fs_remove_tree(w->dirfd, folder);
    return r;
}
