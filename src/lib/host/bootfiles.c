/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which files a boot loader starts a kernel with, by mountinfo and libudev. See bootfiles.h.
 */
#include "host/bootfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "host/fs.h"
#include "model/mounts.h"

void dmv_boot_files_deinit(DmvBootFiles *f)
{
    free(f->fs_uuid);
    free(f->kernel);
    free(f->initrd);
    *f = (DmvBootFiles){0};
}

/* ---- the kernel ---- */

/* <folder>/<name><kver> without links, if it is there; else *ret stays NULL. */
static int try_kernel(const DmvRoots *r, const char *folder, const char *name, const char *kver, char **ret)
{
    DMV_CLEANUP_FREE char *path = NULL, *place = NULL;
    bool exists = false;
    int e;

    if (asprintf(&path, "%s/%s%s", folder, name, kver) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    e = dmv_fs_resolve(r->fd, path, &place, &exists);
    if (e == 0 && exists)
        *ret = DMV_TAKE_PTR(place);
    return e;
}

int dmv_boot_kernel_find(const DmvRoots *r, const char *kver, const char *initrd, char **ret)
{
    const char *slash = initrd ? strrchr(initrd, '/') : NULL;
    DMV_CLEANUP_FREE char *beside = strndup(initrd ? initrd : "", slash ? (size_t)(slash - initrd) : 0);
    int e = beside ? 0 : -ENOMEM;

    *ret = NULL;
    if (e == 0 && slash)
        e = try_kernel(r, beside, "vmlinuz-", kver, ret);
    if (e == 0 && slash && !*ret)
        e = try_kernel(r, beside, "linux", "", ret);
    if (e == 0 && !*ret)
        e = try_kernel(r, "boot", "vmlinuz-", kver, ret);
    return e;
}

/* ---- the place ---- */

static int read_mounts(const DmvRoots *r, DmvMounts *ret)
{
    DMV_CLEANUP_CLOSE int procfs = open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int e =
        procfs < 0 ? -errno : dmv_fs_read_file(procfs, "self/mountinfo", DMV_MOUNTS_MAX_BYTES, &text, &size);

    return e == 0 ? dmv_mounts_parse(text, size, ret) : e;
}

static int place(const DmvRoots *r, const DmvMounts *all, const char *relative, const DmvMount **ret_mount,
                 char **ret)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_path(r, relative);

    if (!path)
        return -ENOMEM;
    *ret_mount = dmv_mounts_of_path(all, path);
    return *ret_mount ? dmv_mount_inside(*ret_mount, path, ret) : -ENOENT;
}

/* NULL if udev knows none. */
static int read_uuid(const DmvMount *m, char **ret)
{
    struct udev *udev = udev_new();
    struct udev_device *d = udev ? udev_device_new_from_devnum(udev, 'b', makedev(m->major, m->minor)) : NULL;
    int r = udev ? dmv_set_string(ret, d ? udev_device_get_property_value(d, "ID_FS_UUID") : NULL) : -ENOMEM;

    (void)udev_device_unref(d);
    (void)udev_unref(udev);
    return r;
}

int dmv_boot_files_find(const DmvRoots *r, const char *kver, const char *initrd, DmvBootFiles *ret,
                        DmvError *reterr)
{
    DMV_CLEANUP_FREE char *kernel = NULL;
    DMV_CLEANUP_MOUNTS DmvMounts mounts = {0};
    DMV_CLEANUP_BOOT_FILES DmvBootFiles f = {0};
    const DmvMount *of_kernel = NULL, *of_initrd = NULL;
    int e = dmv_boot_kernel_find(r, kver, initrd, &kernel);

    if (e == 0 && !kernel)
        return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, NULL, NULL, "the file of kernel %s is not found",
                             kver);
    if (e == 0)
        e = read_mounts(r, &mounts);
    if (e == 0)
        e = place(r, &mounts, kernel, &of_kernel, &f.kernel);
    if (e == 0)
        e = place(r, &mounts, initrd, &of_initrd, &f.initrd);
    if (e < 0)
        return e;
    if (of_kernel->major != of_initrd->major || of_kernel->minor != of_initrd->minor)
        return dmv_error_set(reterr, DMV_CONFLICT, NULL, NULL, "%s and %s lie on two filesystems", kernel,
                             initrd);
    e = read_uuid(of_initrd, &f.fs_uuid);
    if (e == 0 && !f.fs_uuid)
        return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, NULL, NULL,
                             "udev knows no UUID of the filesystem that %s lies on", initrd);
    if (e < 0)
        return e;
    *ret = f;
    f = (DmvBootFiles){0};
    return 0;
}
