/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module's file. See module-file.h. */
#include "module-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fs.h"
#include "host/unpack.h"

static int too_large(DmvError *reterr, const char *how)
{
    return dmv_error_set(reterr, DMV_TOO_LARGE, "the module is too large", NULL, "%s more than %zu bytes",
                         how, DMV_MODULE_MAX);
}

int dmv_module_file_unpack(const void *packed, size_t packed_size, void **ret, size_t *ret_size,
                           DmvError *reterr)
{
    int r = dmv_unpack(packed, packed_size, DMV_MODULE_MAX, ret, ret_size);

    if (r == DMV_TOO_LARGE)
        return too_large(reterr, "it unpacks to");
    if (r == DMV_MALFORMED)
        return dmv_error_set(reterr, r, "the module is malformed", NULL, "it cannot be unpacked");
    return r;
}

static int load_compressed(int fd, void **ret, uint64_t *ret_size, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *packed = NULL;
    size_t packed_size = 0, size = 0;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : dmv_fs_read_fd(fd, DMV_MODULE_MAX, &packed, &packed_size);

    if (r == 0)
        r = dmv_module_file_unpack(packed, packed_size, ret, &size, reterr);
    if (r == 0)
        *ret_size = size;
    return r;
}

int dmv_module_file_load(int fd, void **ret_plain, uint64_t *ret_size, DmvError *reterr)
{
    char beginning[8];
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if ((uint64_t)st.st_size > DMV_MODULE_MAX)
        return too_large(reterr, "it has");
    n = pread(fd, beginning, sizeof(beginning), 0);
    if (n < 0)
        return -errno;
    if (dmv_unpack_is_compressed(beginning, (size_t)n))
        return load_compressed(fd, ret_plain, ret_size, reterr);
    *ret_plain = NULL;
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int dmv_module_file_bytes(int dirfd, const char *path, void **ret, size_t *ret_size, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *resolved = NULL, *plain = NULL;
    DMV_CLEANUP_FREE void *unpacked = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    bool exists = false;
    uint64_t size = 0;
    size_t n = 0;
    int r = dmv_fs_resolve(dirfd, path, &resolved, &exists);

    if (r < 0)
        return r;
    fd = exists ? dmv_fs_open(dirfd, resolved, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0) : -ENOENT;
    if (fd < 0)
        return fd;
    r = dmv_module_file_load(fd, &unpacked, &size, reterr);
    n = (size_t)size;
    if (r == 0 && !unpacked) {
        r = dmv_fs_read_fd(fd, DMV_MODULE_MAX, &plain, &n);
        unpacked = DMV_TAKE_PTR(plain);
    }
    if (r != 0)
        return r;
    *ret = DMV_TAKE_PTR(unpacked);
    *ret_size = n;
    return 0;
}
