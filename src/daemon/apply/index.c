/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index of a kernel, also by a depmod that cannot be told what to leave out.
 *
 * An override line can make another file win over a variant, but where the variant is the only file of its
 * name, only a depmod that never saw it leaves it out of the index.
 */
#include "daemon/apply/index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/complete.h"
#include "daemon/apply/image.h"
#include "daemon/apply/keep.h"
#include "daemon/apply/step.h"
#include "host/depmod.h"
#include "host/fs.h"

static const char *const variants[] = DMV_VARIANT_FOLDERS;

/* Return: 1 if there are variants in the kernel's folder, 0 if not, or -ENOMEM. */
static int has_variants(const DmvRoots *r, const char *kver)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(variants); i++) {
        DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(r, kver, variants[i]);
        struct stat st;

        if (!path)
            return -ENOMEM;
        if (fstatat(r->fd, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
            return 1;
    }
    return 0;
}

/* Does depmod have to be kept from seeing variants of this kernel? Return: 1, 0, or a negative errno. */
static int has_to_hide(const DmvRoots *r, const char *kver)
{
    bool excludes = false;
    int e = has_variants(r, kver);

    if (e <= 0)
        return e;
    e = dmv_depmod_has_exclude(&excludes);
    return e < 0 ? e : !excludes;
}

int dmv_index_shadow(const DmvRoots *r, const char *kver, DmvShadow **ret)
{
    int hide = has_to_hide(r, kver);

    return hide < 0 ? hide : dmv_shadow_new(r, NULL, kver, hide ? DMV_SHADOW_NO_VARIANTS : 0, ret);
}

static int shadow_link(DmvShadow *shadow, const DmvStep *s, const char *path)
{
    DMV_CLEANUP_FREE char *target = NULL;
    int r = dmv_apply_link_resolve(s->path, s->content, &target);

    return r == 0 ? dmv_shadow_link(shadow, path, target) : r;
}

int dmv_index_shadow_step(const DmvRoots *r, const char *kver, DmvShadow *shadow, const DmvStep *s)
{
    DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(r, kver, NULL);
    size_t n = folder ? strlen(folder) : 0;
    const char *path = NULL;

    if (!folder)
        return -ENOMEM;
    if (s->path && strncmp(s->path, folder, n) == 0 && s->path[n] == '/')
        path = s->path + n + 1;
    switch (s->kind) {
    case DMV_STEP_LINK:
        return path ? shadow_link(shadow, s, path) : 0;
    case DMV_STEP_UNLINK:
        return path ? dmv_shadow_unlink(shadow, path) : 0;
    case DMV_STEP_WRITE:
    case DMV_STEP_REMOVE:
        return dmv_streq(s->path, DMV_DEPMOD_CONF) ? dmv_shadow_set_conf(shadow, s->content) : 0;
    case DMV_STEP_MKDIR: /* an empty folder is nothing to depmod */
    case DMV_STEP_DEPMOD:
    case DMV_STEP_INITRD:
    case DMV_STEP_MAX:
    case DMV_STEP_INVALID:
    default:
        return 0;
    }
}

int dmv_index_build_shadow(DmvShadow *shadow, const char *kver, DmvError *reterr)
{
    if (dmv_shadow_dangling(shadow)) /* in place, depmod would complain about it */
        return dmv_error_set(reterr, DMV_TOOL_FAILED, "depmod failed",
                             "dmvctl doctor shows what is wrong in the tree", "kernel %s: %s leads nowhere",
                             kver, dmv_shadow_dangling(shadow));
    return dmv_shadow_index(shadow, reterr);
}

static int open_kernel(const DmvRoots *r, const char *kver, const char *below)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(r, kver, below);

    return path ? dmv_fs_open_nolinks(r->fd, path, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;
}

static int put_file(int from, int to, const char *name)
{
    int r = unlinkat(to, DMV_IMAGE_TEMPORARY, 0) < 0 && errno != ENOENT ? -errno : 0;

    if (r == 0)
        r = dmv_keep_copy(from, name, to, DMV_IMAGE_TEMPORARY);
    if (r < 0)
        return r;
    return renameat(to, DMV_IMAGE_TEMPORARY, to, name) < 0 ? -errno : 0;
}

static int put_in_place(const DmvRoots *r, const char *kver, const DmvShadow *shadow)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DMV_CLEANUP_CLOSE int from = open(dmv_shadow_folder(shadow), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DMV_CLEANUP_CLOSE int to = -1;
    int e;

    if (from < 0)
        return -errno;
    to = open_kernel(r, kver, NULL);
    if (to < 0)
        return to;
    e = dmv_keep_list(from, ".", &names);
    for (char **n = names; e == 0 && n && *n; n++)
        e = put_file(from, to, *n);
    return e == 0 && fsync(to) < 0 ? -errno : e;
}

/* depmod was run twice, and both left the module out. */
static int judge_missing(int folder, const char *kver, const char *missing, DmvError *reterr)
{
    int e = dmv_index_check_folders(folder, missing);

    return e == 0 ? 0
                  : dmv_error_set(reterr, DMV_TOOL_FAILED, "depmod left something out",
                                  "look for errors of the disk in the kernel's log",
                                  "kernel %s: %s is there and not in the new index: %s", kver, missing,
                                  strerror(-e));
}

/* @before: what holds the old index; below 0: nothing does. */
static int build_complete(DmvShadow *shadow, const char *kver, int before, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *missing = NULL;
    DMV_CLEANUP_CLOSE int folder = open(dmv_shadow_folder(shadow), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return -errno;
    /* it could not read a folder to its end, or it was told meanwhile to leave the module out: then it does
     * so again */
    for (int attempt = 0; attempt < 2; attempt++) {
        int e = dmv_index_build_shadow(shadow, kver, reterr);

        if (e == 0 && before >= 0)
            e = dmv_index_find_missing(folder, before, &missing);
        if (e != 0 || !missing)
            return e;
    }
    return judge_missing(folder, kver, missing, reterr);
}

/* Whoever dies in the middle of depmod leaves its half files in the shadow, and not in the kernel's folder.
 */
int dmv_index_build(const DmvRoots *r, const char *kver, DmvError *reterr)
{
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_CLOSE int kept = open_kernel(r, kver, DMV_KEEP_DIR);
    int e = kept < 0 && kept != -ENOENT ? kept : dmv_index_shadow(r, kver, &shadow);

    if (e == 0)
        e = build_complete(shadow, kver, kept, reterr);
    return e == 0 ? put_in_place(r, kver, shadow) : e;
}

int dmv_index_build_next(const DmvRoots *r, DmvShadow *shadow, const char *kver, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int before = open_kernel(r, kver, NULL);

    return before < 0 ? before : build_complete(shadow, kver, before, reterr);
}
