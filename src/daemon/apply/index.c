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

#define ORDER "modules.order"
/* Of the largest distribution kernel it has 250 KiB. */
#define ORDER_MAX ((size_t)16 * 1024 * 1024)

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

/* What is said of an index that depmod has just made, in comparison with the old one. */
typedef struct Judgement {
    char *missing; /* a module, NULL: none is */
    bool is_explained;
    DmvIndexJudged index;
} Judgement;

static void judgement_deinit(Judgement *j)
{
    free(j->missing);
    dmv_index_judged_deinit(&j->index);
    *j = (Judgement){0};
}

/* Return: 0 (@ret NULL: the kernel has none), or a negative errno. */
static int read_order(int folder, char **ret)
{
    DMV_CLEANUP_CLOSE int fd = openat(folder, ORDER, O_RDONLY | O_CLOEXEC);
    size_t size;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    return dmv_fs_read_fd(fd, ORDER_MAX, ret, &size);
}

static int judge(int folder, const DmvIndexJudged *old, const char *order, Judgement *ret)
{
    DMV_CLEANUP(judgement_deinit) Judgement j = {0};
    int e = dmv_index_read_judged(folder, &j.index);

    if (e == 0)
        e = dmv_index_find_missing(folder, old, &j.index, &j.missing);
    if (e == 0)
        e = dmv_index_is_explained(old, &j.index, order);
    if (e < 0)
        return e;
    j.is_explained = e > 0;
    *ret = j;
    j = (Judgement){0};
    return 0;
}

/* depmod says the same again, or it does not. */
static int judge_again(int folder, const char *kver, const Judgement *first, const Judgement *second,
                       DmvError *reterr)
{
    if (second->missing)
        return judge_missing(folder, kver, second->missing, reterr);
    if (second->is_explained || dmv_index_is_same(&first->index, &second->index))
        return 0;
    return dmv_error_set(reterr, DMV_TOOL_FAILED, "depmod says something else each time",
                         "look for errors of the disk in the kernel's log",
                         "kernel %s: two indexes of the same files differ", kver);
}

/* depmod could not read something, or what is new is so: then it is so the second time, too. */
static int build_doubted(DmvShadow *shadow, const char *kver, int folder, int before, DmvError *reterr)
{
    DMV_CLEANUP(judgement_deinit) Judgement first = {0};
    DMV_CLEANUP(judgement_deinit) Judgement second = {0};
    DMV_CLEANUP_INDEX_JUDGED DmvIndexJudged old = {0};
    DMV_CLEANUP_FREE char *order = NULL;
    int e = dmv_index_read_judged(before, &old);

    if (e < 0 || !old.data[DMV_INDEX_MODULES])
        return e;
    e = read_order(folder, &order);
    if (e == 0)
        e = judge(folder, &old, order, &first);
    if (e < 0 || (!first.missing && first.is_explained))
        return e;
    e = dmv_index_build_shadow(shadow, kver, reterr);
    if (e == 0)
        e = judge(folder, &old, order, &second);
    return e == 0 ? judge_again(folder, kver, &first, &second, reterr) : e;
}

/* @before: what holds the old index; below 0: nothing does. */
static int build_complete(DmvShadow *shadow, const char *kver, int before, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int folder = open(dmv_shadow_folder(shadow), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int e = folder < 0 ? -errno : dmv_index_build_shadow(shadow, kver, reterr);

    return e == 0 && before >= 0 ? build_doubted(shadow, kver, folder, before, reterr) : e;
}

/* Whoever dies in the middle of depmod leaves its half files in the shadow, and not in the kernel's folder.
 */
int dmv_index_build(const DmvRoots *r, const char *kver, const DmvStep *next, size_t n_next, DmvError *reterr)
{
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_CLOSE int kept = open_kernel(r, kver, DMV_KEEP_DIR);
    int e = kept < 0 && kept != -ENOENT ? kept : dmv_index_shadow(r, kver, &shadow);

    for (size_t i = 0; e == 0 && i < n_next; i++)
        e = dmv_index_shadow_step(r, kver, shadow, &next[i]);
    if (e == 0)
        e = build_complete(shadow, kver, kept, reterr);
    return e == 0 ? put_in_place(r, kver, shadow) : e;
}

int dmv_index_build_next(const DmvRoots *r, DmvShadow *shadow, const char *kver, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int before = open_kernel(r, kver, NULL);

    return before < 0 ? before : build_complete(shadow, kver, before, reterr);
}
