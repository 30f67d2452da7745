/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images of a generation on trial, and their entry of the boot loader. See trial.h. */
#include "daemon/apply/trial.h"

#include <errno.h>
#include <fcntl.h>

#include "base/text.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/previous.h"
#include "host/bootfiles.h"
#include "host/bootloader.h"
#include "host/fs.h"
#include "host/initrd.h"

static int no_grub(DmvError *reterr)
{
    return dmv_error_set(reterr, DMV_NOT_INSTALLED, NULL, NULL,
                         "GRUB's folder is not there: is /boot mounted?");
}

/* ---- images ---- */

/* What is done with one image. @path: of the default entry; @trial: beside it, it is there. Return: 0, or a
 * negative errno. */
typedef int (*OnTrial)(const DmvRoots *r, const char *path, const char *trial, void *userdata);

static int visit_image(const DmvRoots *r, const char *found, OnTrial f, void *userdata)
{
    DMV_CLEANUP_FREE char *path = NULL, *trial = NULL;
    bool exists = false;
    int result = dmv_fs_resolve(r->fd, found, &path, &exists);

    if (result == 0 && exists)
        result = dmv_previous_trial(r->fd, path, &trial, &exists);
    return result == 0 && exists ? f(r, path, trial, userdata) : result;
}

static int visit_kernel(const DmvRoots *r, const char *kver, OnTrial f, void *userdata)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    int result = dmv_kernel_name_is_valid(kver) ? dmv_initrd_find(r, kver, &paths) : 0;

    for (char **p = paths; result == 0 && p && *p; p++)
        result = visit_image(r, *p, f, userdata);
    return result;
}

static int visit_all(const DmvRoots *r, OnTrial f)
{
    DMV_CLEANUP_STRV char **kernels = NULL;
    int result = dmv_fs_list_folders(r->fd, r->modules, &kernels);

    for (char **k = kernels; result == 0 && k && *k; k++)
        result = visit_kernel(r, *k, f, NULL);
    return result;
}

static int take_first(const DmvRoots *r, const char *path, const char *trial, void *userdata)
{
    char **first = userdata;

    (void)r;
    (void)path;
    return *first ? 0 : dmv_set_string(first, trial);
}

int dmv_trial_exists(const DmvRoots *r, const char *kver, bool *ret)
{
    DMV_CLEANUP_FREE char *path = NULL;
    int result = visit_kernel(r, kver, take_first, &path);

    if (result == 0)
        *ret = path != NULL;
    return result;
}

/* ---- the entry ---- */

static int read_cmdline(const DmvRoots *r, char **ret)
{
    DMV_CLEANUP_CLOSE int procfs = r->procfs ? open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

    return procfs < 0 ? -ENOENT
                      : dmv_fs_read_file(procfs, "cmdline", DMV_BOOT_ENTRY_CMDLINE_MAX + 2, ret, NULL);
}

static int write_entry(const DmvRoots *r, const DmvBootloader *b, const char *kver, int64_t generation,
                       DmvError *reterr)
{
    DMV_CLEANUP_BOOT_FILES DmvBootFiles files = {0};
    DMV_CLEANUP_FREE char *image = NULL, *cmdline = NULL;
    DmvBootEntry entry = {.generation = generation, .kernel = kver};
    int result = visit_kernel(r, kver, take_first, &image);

    if (result == 0 && !image)
        return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, NULL, NULL,
                             "kernel %s has no initrd image of the trial", kver);
    if (result == 0)
        result = dmv_boot_files_find(r, kver, image, &files, reterr);
    if (result == 0)
        result = read_cmdline(r, &cmdline);
    if (result != 0)
        return result;
    entry.fs_uuid = files.fs_uuid;
    entry.kernel_path = files.kernel;
    entry.initrd_path = files.initrd;
    entry.cmdline = cmdline;
    return dmv_bootloader_write(r, b, &entry, reterr);
}

int dmv_trial_arm(const DmvRoots *r, const char *kver, int64_t generation, DmvError *reterr)
{
    DMV_CLEANUP_BOOTLOADER DmvBootloader b = {0};
    int result = dmv_bootloader_find(r, &b);

    if (result == 0 && !b.folder)
        result = no_grub(reterr);
    if (result == 0)
        result = write_entry(r, &b, kver, generation, reterr);
    if (result == 0)
        result = dmv_bootloader_arm(r, &b, reterr);
    return result < 0 ? dmv_failure(reterr, result, "write the boot entry in", b.folder ? b.folder : "boot")
                      : result;
}

int dmv_trial_disarm(const DmvRoots *r, DmvError *reterr)
{
    DMV_CLEANUP_BOOTLOADER DmvBootloader b = {0};
    int result = dmv_bootloader_find(r, &b);

    return result == 0 && b.folder ? dmv_bootloader_disarm(r, &b, reterr) : result;
}

/* ---- the end of a trial ---- */

/* rename(2) is the switch: what is kept is the previous image then, by the next dmv_previous_clean(). */
static int promote(const DmvRoots *r, const char *path, const char *trial, void *userdata)
{
    int result = dmv_previous_keep(r->fd, path);

    (void)userdata;
    return result == 0 ? dmv_fs_rename(r->fd, trial, path, false) : result;
}

int dmv_trial_promote(const DmvRoots *r, DmvError *reterr)
{
    DMV_CLEANUP_BOOTLOADER DmvBootloader b = {0};
    bool found = false;
    int result = dmv_bootloader_find(r, &b);

    if (result == 0 && !b.folder)
        return no_grub(reterr);
    if (result == 0)
        result = visit_all(r, promote);
    if (result == 0)
        result = dmv_previous_clean(r, &found);
    return result < 0 ? dmv_failure(reterr, result, "replace the initrd images in", "boot") : 0;
}

static int drop(const DmvRoots *r, const char *path, const char *trial, void *userdata)
{
    (void)path;
    (void)userdata;
    return dmv_fs_remove(r->fd, trial);
}

int dmv_trial_drop(const DmvRoots *r, DmvError *reterr)
{
    DMV_CLEANUP_BOOTLOADER DmvBootloader b = {0};
    int result = dmv_bootloader_find(r, &b);

    if (result == 0 && b.folder)
        result = dmv_bootloader_disarm(r, &b, reterr);
    if (result == 0 && b.folder)
        result = dmv_bootloader_remove(r, &b);
    if (result == 0)
        result = visit_all(r, drop);
    return result < 0 ? dmv_failure(reterr, result, "remove the trial's images in", "boot") : result;
}
