/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exchange of one kernel's folder.
 *
 * Everything before the exchange happens where nobody looks, so whatever keeps the twin from being made is no
 * failure: the switch is made in steps instead. What counts is decided by inodes, never by what was done
 * last: the old folder has its number wherever it is, so undoing can be interrupted anywhere and begun again.
 */
#include "daemon/apply/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/change.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/image.h"
#include "daemon/apply/keep.h"
#include "daemon/apply/undo.h"
#include "host/fs.h"
#include "host/packagelock.h"
#include "host/twin.h"

/* The folder of the kernels, and the one beside them that the other twin lies in; both can be synced. */
typedef struct Places {
    int modules, scratch;
} Places;

static void places_deinit(Places *p)
{
    p->modules = dmv_close(p->modules);
    p->scratch = dmv_close(p->scratch);
}
#define CLEANUP_PLACES DMV_CLEANUP(places_deinit)
#define PLACES_NULL                  \
    (Places)                         \
    {                                \
        .modules = -1, .scratch = -1 \
    }

static int open_folder(int at, const char *name)
{
    return dmv_fs_open_nolinks(at, name, O_RDONLY | O_DIRECTORY, 0);
}

static int open_places(const DmvRoots *r, bool make, Places *p)
{
    p->modules = open_folder(r->fd, r->modules);
    if (p->modules < 0)
        return p->modules;
    if (make && mkdirat(p->modules, DMV_EXCHANGE_DIR, 0700) < 0 && errno != EEXIST)
        return -errno;
    p->scratch = open_folder(p->modules, DMV_EXCHANGE_DIR);
    return p->scratch < 0 ? p->scratch : 0;
}

/* The new name first: a crash in between leaves the old folder with two names, never with none. */
static int sync_places(const Places *p)
{
    return fsync(p->scratch) < 0 || fsync(p->modules) < 0 ? -errno : 0;
}

/* Return: 0; 1 if there is no such folder; a negative errno. */
static int find_inode(int at, const char *name, uint64_t *ret)
{
    struct stat st;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 1 : -errno;
    *ret = st.st_ino;
    return 0;
}

static int print_of(int at, const char *name, char ret[DMV_SHA256_HEX])
{
    DMV_CLEANUP_CLOSE int fd = open_folder(at, name);

    return fd < 0 ? fd : dmv_twin_print(fd, ret);
}

/* Return: 1 if the folder has this print, 0 if not, or a negative errno. */
static int has_print(int at, const char *name, const char *print)
{
    char now[DMV_SHA256_HEX];
    int r = print_of(at, name, now);

    return r < 0 ? r : dmv_streq(now, print);
}

static int boundary(const DmvSwitch *w, const char *name, DmvError *reterr)
{
    int r = dmv_transaction_boundary(w->options, name);

    return r < 0 ? dmv_failure(reterr, r, "go on after", name) : 0;
}

/* ---- the twin ---- */

/* On overlayfs a second name of a file of a lower layer is a copy of that file, and a folder of a lower layer
 * cannot be renamed. */
static int refuse_overlay(const Places *p, DmvError *reterr)
{
    struct statfs st;

    if (fstatfs(p->modules, &st) < 0)
        return -errno;
    return st.f_type == OVERLAYFS_SUPER_MAGIC
               ? dmv_error_set(reterr, -EXDEV, NULL, NULL, "it lies on an overlay")
               : 0;
}

static int change_twin(const DmvSwitch *w, int scratch, DmvError *reterr)
{
    DMV_CLEANUP_CHANGES DmvChanges c = {
        .root = scratch, .skip = strlen(w->roots->modules) + 1, .journal = w->journal};
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_steps; i++)
        if (dmv_starts_with(w->steps[i].path ? w->steps[i].path : "", w->roots->modules) &&
            dmv_switch_takes(w->roots, &w->steps[i], w->kernel))
            r = dmv_changes_do(&c, &w->steps[i], reterr);
    return r; /* dmv_twin_sync() is to come */
}

/* The files of the new index are left out, because they are written; other files of that kind, which came
 * with the kernel, are not. */
static int fill_twin(const DmvSwitch *w, const DmvShadow *shadow, int live, int scratch, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int index = open(dmv_shadow_folder(shadow), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DMV_CLEANUP_CLOSE int twin = open_folder(scratch, w->kernel);
    DMV_CLEANUP_STRV char **names = NULL, **left_out = NULL;
    int r = index < 0 ? -errno : twin < 0 ? twin : dmv_keep_list(index, ".", &names);

    if (r == 0)
        r = dmv_strv_copy(names, &left_out);
    if (r == 0)
        r = dmv_strv_push(&left_out, DMV_KEEP_DIR);
    if (r == 0)
        r = dmv_strv_push(&left_out, DMV_IMAGE_TEMPORARY);
    if (r == 0)
        r = dmv_twin_fill(live, twin, left_out);
    if (r == 0)
        r = change_twin(w, scratch, reterr);
    if (r == 0)
        r = dmv_keep_copy_all(index, twin, names);
    return r == 0 ? dmv_twin_sync(twin) : r;
}

static int make_twin(const DmvSwitch *w, const DmvShadow *shadow, const Places *p, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int live = open_folder(p->modules, w->kernel);
    int r = live < 0 ? live : refuse_overlay(p, reterr);

    if (r == 0)
        r = dmv_fs_remove_tree(p->scratch, w->kernel);
    if (r == 0 && mkdirat(p->scratch, w->kernel, 0700) < 0)
        r = -errno;
    if (r == 0)
        r = fill_twin(w, shadow, live, p->scratch, reterr);
    return r == 0 && fsync(p->scratch) < 0 ? -errno : r;
}

/* ---- the exchange ---- */

/* Writes into the journal what undoing goes by. */
static int record(const DmvSwitch *w, const Places *p, DmvError *reterr)
{
    DmvJournalKernel *k = dmv_switch_record(w);
    char print[DMV_SHA256_HEX];
    uint64_t old = 0, new = 0;
    int r = find_inode(p->modules, w->kernel, &old);

    if (r == 0)
        r = find_inode(p->scratch, w->kernel, &new);
    if (r == 0)
        r = print_of(p->scratch, w->kernel, print);
    if (r > 0) /* it was removed meanwhile */
        r = -ENOENT;
    if (r == 0)
        r = dmv_set_string(&k->print, print);
    if (r < 0)
        return dmv_failure(reterr, r, "look at the folders of", w->kernel);
    k->old_inode = old;
    k->new_inode = new;
    r = dmv_journal_save(w->roots->fd, w->journal);
    return r < 0 ? dmv_failure(reterr, r, "write", DMV_JOURNAL_PATH) : boundary(w, "copied", reterr);
}

int dmv_exchange_forget(const DmvSwitch *w, DmvError *reterr)
{
    DmvJournalKernel *k = dmv_switch_record(w);
    int r;

    if (!k->print)
        return 0;
    free(k->print);
    k->print = NULL;
    k->old_inode = k->new_inode = 0;
    r = dmv_journal_save(w->roots->fd, w->journal);
    return r < 0 ? dmv_failure(reterr, r, "write", DMV_JOURNAL_PATH) : 0;
}

static int swap(const DmvSwitch *w, const Places *p)
{
    return dmv_fs_exchange(p->modules, w->kernel, p->scratch, w->kernel);
}

/* Somebody has changed the old folder after it was copied: it goes back, and the twin goes. */
static int swap_back(const DmvSwitch *w, const Places *p, DmvError *reterr)
{
    int r = swap(w, p);

    if (r == 0)
        r = sync_places(p);
    return r < 0 ? dmv_failure(reterr, r, "put back", w->kernel) : 0;
}

/* The twin is in place; @print: of the old folder when it was copied. */
static int settle(const DmvSwitch *w, const Places *p, const char *print, DmvExchange *ret, DmvError *reterr)
{
    int same = has_print(p->scratch, w->kernel, print);
    int r = same == 0 ? swap_back(w, p, reterr) : 0;

    if (same < 0)
        return dmv_failure(reterr, same, "look at the old folder of", w->kernel);
    if (r != 0)
        return r;
    r = same ? sync_places(p) : 0;
    if (r < 0)
        return dmv_failure(reterr, r, "sync", w->roots->modules);
    *ret = same ? DMV_EXCHANGE_DONE : DMV_EXCHANGE_CHANGED;
    return same ? boundary(w, "synced", reterr) : 0;
}

/* Why the exchange cannot be made now, or NULL. @failed: what failed so far, or 0. */
static char *find_reason(const DmvSwitch *w, int failed, const DmvError *e)
{
    const char *lock = failed == 0 ? dmv_package_lock_held(w->roots) : NULL;
    char *why = NULL;
    int n = failed != 0 ? asprintf(&why, "it cannot be exchanged: %s", dmv_error_words(e, failed))
            : lock      ? asprintf(&why, "a package manager is at work: %s is locked", lock)
                        : 0;

    return n < 0 ? NULL : why;
}

/* Nothing was changed. What is left in the scratch folder goes with it. */
static int impossible(char *why, DmvExchange *ret, char **ret_why)
{
    *ret = DMV_EXCHANGE_IMPOSSIBLE;
    *ret_why = why;
    return 0;
}

int dmv_exchange(const DmvSwitch *w, const DmvShadow *shadow, const char *print, DmvExchange *ret,
                 char **ret_why, DmvError *reterr)
{
    CLEANUP_PLACES Places p = PLACES_NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    char *why = find_reason(w, 0, NULL);
    int r = why ? 0 : open_places(w->roots, true, &p);

    if (r == 0 && !why)
        r = make_twin(w, shadow, &p, &e);
    if (r != 0)
        why = find_reason(w, r, &e);
    if (r != 0 || why) {
        (void)dmv_exchange_drop(w->roots, NULL);
        return impossible(why, ret, ret_why);
    }
    r = record(w, &p, reterr);
    if (r != 0)
        return r;
    why = find_reason(w, 0, NULL); /* it took a while */
    if (why)
        return impossible(why, ret, ret_why);
    r = has_print(p.modules, w->kernel, print);
    if (r == 0)
        *ret = DMV_EXCHANGE_CHANGED;
    if (r <= 0)
        return r < 0 ? dmv_failure(reterr, r, "look at", w->kernel) : 0;
    r = swap(w, &p);
    if (r < 0)
        return impossible(find_reason(w, r, NULL), ret, ret_why);
    r = boundary(w, "exchanged", reterr);
    return r == 0 ? settle(w, &p, print, ret, reterr) : r;
}

/* ---- the way back ---- */

/* Return: 1 when the old folder is in place, 0 when it stays where it is, or a negative errno. */
static int put_back(const Places *p, const DmvJournalKernel *k)
{
    int r = has_print(p->modules, k->release, k->print);

    if (r <= 0)
        return r;
    r = dmv_fs_exchange(p->modules, k->release, p->scratch, k->release);
    if (r < 0)
        return r;
    r = has_print(p->scratch, k->release, k->print);
    if (r == 0) /* somebody has changed it in the last moment, and what they did must stay */
        r = dmv_fs_exchange(p->modules, k->release, p->scratch, k->release);
    else if (r > 0)
        r = 1;
    if (r >= 0 && sync_places(p) < 0)
        return -errno;
    return r;
}

int dmv_exchange_undo(const DmvRoots *r, const DmvJournalKernel *k, DmvExchangeBack *ret)
{
    CLEANUP_PLACES Places p = PLACES_NULL;
    uint64_t live = 0, kept = 0;
    int e;

    if (!k->print) {
        *ret = DMV_EXCHANGE_BACK_NONE;
        return 0;
    }
    e = open_places(r, false, &p);
    if (e < 0 && e != -ENOENT)
        return e;
    e = p.modules < 0 ? 1 : find_inode(p.modules, k->release, &live);
    if (e == 0 && live == k->old_inode) { /* who put it there may have died before the sync */
        if (p.scratch >= 0 && sync_places(&p) < 0)
            return -errno;
        *ret = DMV_EXCHANGE_BACK_DONE;
        return 0;
    }
    if (e == 0)
        e = p.scratch < 0 ? 1 : find_inode(p.scratch, k->release, &kept);
    if (e == 0 && live == k->new_inode && kept == k->old_inode)
        e = put_back(&p, k);
    else if (e > 0)
        e = 0;
    if (e < 0)
        return e;
    *ret = e > 0 ? DMV_EXCHANGE_BACK_DONE : DMV_EXCHANGE_BACK_FOREIGN;
    return 0;
}

int dmv_exchange_drop(const DmvRoots *r, bool *ret_found)
{
    CLEANUP_PLACES Places p = PLACES_NULL;
    int e = open_places(r, false, &p);

    if (e == 0)
        e = dmv_fs_remove_tree(p.modules, DMV_EXCHANGE_DIR);
    else if (e == -ENOENT)
        return 0;
    if (e == 0 && ret_found)
        *ret_found = true;
    return e;
}
