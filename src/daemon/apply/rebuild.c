/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The initrd step. See rebuild.h. */
#include "daemon/apply/rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/image.h"
#include "daemon/apply/previous.h"
#include "daemon/apply/undo.h"
#include "host/fs.h"
#include "host/initrd-build.h"
#include "host/initrd.h"
#include "host/lookup.h"
#include "host/observe.h"

/* A new image may be larger than the old one, by a driver with more firmware. */
#define MARGIN ((uint64_t)4 * 1024 * 1024)

static void rebuild_deinit(DmvRebuild *b)
{
    free(b->path);
    free(b->trial);
    free(b->kernel);
    dmv_strv_free(b->modules);
    dmv_initrd_deinit(&b->image);
    *b = (DmvRebuild){0};
}

void dmv_rebuilds_deinit(DmvRebuilds *b)
{
    for (size_t i = 0; i < b->n; i++)
        rebuild_deinit(&b->items[i]);
    free(b->items);
    dmv_strv_free(b->problems);
    *b = (DmvRebuilds){0};
}

/* ---- before ---- */

static int held_modules(const DmvInitrd *image, const DmvStep *s, char ***ret)
{
    int r = 0;

    for (char **m = s->modules; r == 0 && *m; m++)
        if (dmv_initrd_module(image, s->kernel, *m))
            r = dmv_strv_push(ret, *m);
    return r;
}

/* What keeps an image from being built again, NULL if nothing does. */
static const char *obstacle(const DmvRoots *r, const char *path, const DmvStep *s, const DmvInitrd *image)
{
    if (!dmv_initrd_is_main(path, s->kernel))
        return "what makes such images has to be run for it";
    if (image->maker == DMV_INITRD_MAKER_UNKNOWN)
        return "neither initramfs-tools nor dracut has made it: what has made it has to be run again";
    if (dmv_initrd_builder(r, image->maker))
        return NULL;
    return image->maker == DMV_INITRD_MAKER_DRACUT
               ? "dracut is not installed here: run dracut --force --kver with that kernel later"
               : "mkinitramfs is not installed here: run update-initramfs -u -k with that kernel later";
}

static int find_image(const DmvRoots *r, const char *path, const DmvStep *s, DmvRebuilds *b)
{
    DMV_CLEANUP(rebuild_deinit) DmvRebuild x = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *why;
    bool exists = false;
    DmvRebuild *item;
    int result = dmv_initrd_read(r, path, &x.image, &e);

    if (result == -ENOMEM)
        return result;
    if (result != 0)
        return dmv_strv_pushf_unique(&b->problems, "%s cannot be read, and was not built again: %s", path,
                                     dmv_error_words(&e, result));
    result = held_modules(&x.image, s, &x.modules);
    if (result < 0 || !x.modules)
        return result;
    why = obstacle(r, path, s, &x.image);
    if (why)
        return dmv_strv_pushf_unique(&b->problems, "%s holds another %s and was not built again: %s", path,
                                     x.modules[0], why);
    result = dmv_fs_resolve(r->fd, path, &x.path, &exists);
    if (result == 0)
        result = dmv_previous_trial(r->fd, x.path, &x.trial, &x.has_trial);
    if (result == 0)
        result = dmv_set_string(&x.kernel, s->kernel);
    item = result == 0 ? DMV_ARRAY_ADD(b->items, b->n) : NULL;
    if (!item)
        return result == 0 ? -ENOMEM : result;
    *item = x;
    x = (DmvRebuild){0};
    return 0;
}

int dmv_rebuilds_find(const DmvRoots *r, const DmvStep *s, DmvRebuilds *b)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    int result = dmv_initrd_find(r, s->kernel, &paths);

    for (char **p = paths; result == 0 && p && *p; p++)
        result = find_image(r, *p, s, b);
    return result;
}

static int stat_image(const DmvRoots *r, const DmvRebuild *b, struct stat *ret)
{
    return fstatat(r->fd, b->path, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int folder_of(const char *path, char **ret)
{
    *ret = strndup(path, (size_t)(strrchr(path, '/') - path));
    return *ret ? 0 : -ENOMEM;
}

/* All images on the filesystem of this one: each stays until the change is confirmed. */
static int needed_beside(const DmvRoots *r, const DmvRebuilds *b, dev_t device, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct stat st;
        int result = stat_image(r, &b->items[i], &st);

        if (result < 0)
            return result;
        if (st.st_dev == device)
            *ret += (uint64_t)st.st_size + (uint64_t)st.st_size / 5 + MARGIN;
    }
    return 0;
}

int dmv_rebuilds_check_space(const DmvRoots *r, const DmvRebuilds *b, DmvError *reterr)
{
    for (size_t i = 0; i < b->n; i++) {
        DMV_CLEANUP_FREE char *folder = NULL;
        uint64_t needed = 0, there = 0;
        struct stat st;
        int result = stat_image(r, &b->items[i], &st);

        if (result == 0)
            result = needed_beside(r, b, st.st_dev, &needed);
        if (result == 0)
            result = folder_of(b->items[i].path, &folder);
        if (result == 0)
            result = dmv_fs_free_bytes(r->fd, folder, &there);
        if (result < 0)
            return dmv_failure(reterr, result, "look for free space beside", b->items[i].path);
        if (there < needed)
            return dmv_error_set(reterr, DMV_NO_SPACE, NULL, "remove old kernels or images there",
                                 "%s has %llu MiB free, and new images need up to %llu MiB", folder,
                                 (unsigned long long)(there >> 20),
                                 (unsigned long long)((needed + (1 << 20) - 1) >> 20));
    }
    return 0;
}

/* ---- what the index gives ---- */

/* The file that the index gives for a module. */
typedef struct Wanted {
    bool is_there, is_known;
    char *build_id; /* NULL where the file has none */
} Wanted;

static void wanted_deinit(Wanted *w)
{
    free(w->build_id);
}

static int read_build_id(const char *folder, const char *path, Wanted *w, DmvError *reterr)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo info = {0};
    DMV_CLEANUP_FREE char *file = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    if (asprintf(&file, "%s/%s", folder, path) < 0) {
        file = NULL;
        return -ENOMEM;
    }
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    r = fd < 0 ? -errno : dmv_module_read(fd, &info, reterr);
    if (r < 0)
        return dmv_failure(reterr, r, "read the module", path);
    w->build_id = DMV_TAKE_PTR(info.build_id);
    return r;
}

static int read_wanted(const char *folder, const DmvLookups *all, const char *module, Wanted *w,
                       DmvError *reterr)
{
    const DmvLookup *l = dmv_lookups_find(all, module);

    w->is_known = true;
    for (size_t i = 0; l && i < l->n_actions; i++) {
        const DmvAction *a = &l->actions[i];

        if (!dmv_module_name_equal(a->module, module))
            continue;
        if (a->path) {
            w->is_there = true;
            return read_build_id(folder, a->path, w, reterr);
        }
        w->is_known =
            !a->install; /* its file is not what a rule of modprobe.d runs; otherwise it is built in */
    }
    return 0;
}

/* Every copy counts: which of two the image's own index takes is not asked. */
static bool is_right(const DmvInitrd *image, const char *kernel, const char *module, const Wanted *w)
{
    const DmvInitrdModule *first = dmv_initrd_module(image, kernel, module);

    if (!w->is_known)
        return first != NULL;
    if (!w->is_there || !first)
        return !w->is_there && !first;
    for (size_t i = 0; i < image->n_modules; i++) {
        const DmvInitrdModule *m = &image->modules[i];

        if (dmv_streq(m->kernel, kernel) && dmv_module_name_equal(m->name, module) &&
            !dmv_streq(m->build_id, w->build_id))
            return false;
    }
    return true;
}

/* The first module of which an image does not hold what the index gives, NULL if all is well. */
static int first_wrong(const DmvRoots *r, const DmvRebuild *b, const DmvInitrd *image, const char **ret,
                       DmvError *reterr)
{
    DMV_CLEANUP_FREE char *relative = dmv_roots_kernel_path(r, b->kernel, NULL);
    DMV_CLEANUP_FREE char *folder = relative ? dmv_roots_path(r, relative) : NULL;
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};
    int result = folder ? dmv_lookup(r, folder, b->modules, &all) : -ENOMEM;

    if (result < 0)
        return dmv_failure(reterr, result, "read the index of", b->kernel);
    *ret = NULL;
    for (char **m = b->modules; result == 0 && *m && !*ret; m++) {
        DMV_CLEANUP(wanted_deinit) Wanted w = {0};

        result = read_wanted(folder, &all, *m, &w, reterr);
        if (result == 0 && !is_right(image, b->kernel, *m, &w))
            *ret = *m;
    }
    return result;
}

/* ---- the step ---- */

static int check_new(const DmvRoots *r, const DmvRebuild *b, const char *path, DmvError *reterr)
{
    DMV_CLEANUP_INITRD DmvInitrd image = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *wrong = NULL;
    int result = dmv_initrd_read(r, path, &image, &e);

    if (result == -ENOMEM)
        return result;
    if (result != 0)
        return dmv_error_set(reterr, DMV_PREDICTION_FAILED, NULL, NULL, "the new %s cannot be read back: %s",
                             b->path, dmv_error_words(&e, result));
    result = first_wrong(r, b, &image, &wrong, reterr);
    if (result != 0 || !wrong)
        return result;
    return dmv_error_set(reterr, DMV_PREDICTION_FAILED, NULL,
                         "look for hooks and settings of the tool that add modules of their own",
                         "the new %s does not hold the %s that the index gives", b->path, wrong);
}

/* Who may read an image is for the admin to say: it stays as it was. */
static int sync_as_before(const DmvRoots *r, const DmvRebuild *b, const char *path)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open_nolinks(r->fd, path, O_RDONLY, 0);
    struct stat before;
    int result = fd < 0 ? fd : stat_image(r, b, &before);

    if (result < 0)
        return result;
    if ((fchown(fd, before.st_uid, before.st_gid) < 0 || fchmod(fd, before.st_mode & 07777) < 0) &&
        errno != EPERM) /* not every filesystem has owners and modes */
        return -errno;
    return fsync(fd) < 0 ? -errno : 0;
}

/* Builds the image that shall be at @to, a path beside the one that is replaced. */
static int build(const DmvRoots *r, const DmvRebuild *b, const char *to, const DmvTransactionOptions *options,
                 DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = NULL, *path = NULL;
    int result = folder_of(to, &folder);

    if (result == 0 && asprintf(&path, "%s/%s", folder, DMV_IMAGE_TEMPORARY) < 0) {
        path = NULL;
        result = -ENOMEM;
    }
    if (result == 0)
        result = dmv_initrd_build(r, b->image.maker, b->kernel, path, reterr);
    if (result == 0)
        result = check_new(r, b, path, reterr);
    if (result != 0)
        return result;
    result = sync_as_before(r, b, path);
    if (result == 0)
        result = dmv_transaction_boundary(options, "initrd-built");
    if (result == 0)
        result = dmv_fs_rename(r->fd, path, to, false);
    if (result == 0)
        result = dmv_transaction_boundary(options, "initrd-replaced");
    return result < 0 ? dmv_failure(reterr, result, "replace", to) : result;
}

static int keep(const DmvRoots *r, const char *path, const DmvTransactionOptions *options, DmvError *reterr)
{
    int result = dmv_previous_keep(r->fd, path);

    if (result == 0)
        result = dmv_transaction_boundary(options, "initrd-kept");
    return result < 0 ? dmv_failure(reterr, result, "keep", path) : 0;
}

/* The default entry's image holds what it should: a trial would boot the same. */
static int drop_trial(const DmvRoots *r, const DmvRebuild *b, const DmvTransactionOptions *options,
                      DmvError *reterr)
{
    int result = b->has_trial ? keep(r, b->trial, options, reterr) : 0;

    if (result == 0 && b->has_trial)
        result = dmv_fs_remove(r->fd, b->trial);
    return result < 0 ? dmv_failure(reterr, result, "remove", b->trial) : result;
}

/* Does the trial's image hold what it should already? One that cannot be read does not. */
static int is_trial_right(const DmvRoots *r, const DmvRebuild *b, bool *ret, DmvError *reterr)
{
    DMV_CLEANUP_INITRD DmvInitrd image = {0};
    const char *wrong = NULL;
    int result = b->has_trial ? dmv_initrd_read(r, b->trial, &image, NULL) : -ENOENT;

    *ret = false;
    if (result != 0)
        return result == -ENOMEM ? result : 0;
    result = first_wrong(r, b, &image, &wrong, reterr);
    *ret = result == 0 && !wrong;
    return result;
}

static int rebuild_trial(const DmvRoots *r, const DmvRebuild *b, const DmvTransactionOptions *options,
                         DmvError *reterr)
{
    bool right = false;
    int result = is_trial_right(r, b, &right, reterr);

    if (result != 0 || right)
        return result;
    if (b->has_trial)
        result = keep(r, b->trial, options, reterr);
    return result == 0 ? build(r, b, b->trial, options, reterr) : result;
}

static int rebuild_default(const DmvRoots *r, const DmvRebuild *b, const DmvTransactionOptions *options,
                           DmvError *reterr)
{
    int result = keep(r, b->path, options, reterr);

    if (result == 0)
        result = build(r, b, b->path, options, reterr);
    return result == 0 ? drop_trial(r, b, options, reterr) : result;
}

int dmv_rebuild(const DmvRoots *r, const DmvRebuild *b, const DmvTransactionOptions *options,
                DmvError *reterr)
{
    const char *wrong = NULL;
    int result = first_wrong(r, b, &b->image, &wrong, reterr);

    if (result != 0)
        return result;
    if (!wrong)
        return drop_trial(r, b, options, reterr);
    return options && dmv_streq(options->trial, b->kernel) ? rebuild_trial(r, b, options, reterr)
                                                           : rebuild_default(r, b, options, reterr);
}
