/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: what a journal says is made true again.
 *
 * One thing that cannot be restored must not keep the others from it, so every failure is remembered and the
 * work goes on; the journal is removed only when nothing failed. A kernel that was removed meanwhile has
 * nothing to restore.
 */
#include "daemon/apply/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/exchange.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/index.h"
#include "daemon/apply/keep.h"
#include "daemon/apply/previous.h"
#include "daemon/apply/step.h"
#include "daemon/apply/trial.h"
#include "host/fs.h"
#include "host/initrd-build.h"

typedef struct Undo {
    const DmvRoots *roots;
    const DmvJournal *journal;
    const DmvTransactionOptions *options;
    char **dirty;          /* folders to sync */
    DmvExchangeBack *back; /* what became of each kernel's folder */
    DmvError *error;       /* the first failure */
    int failed;
} Undo;

static int deinit_undo(Undo *u)
{
    u->dirty = dmv_strv_free(u->dirty);
    free(u->back);
    return 0;
}

int dmv_transaction_boundary(const DmvTransactionOptions *options, const char *name)
{
    return options && options->boundary ? options->boundary(name, options->userdata) : 0;
}

static void note_failure(Undo *u, int code, const char *doing, const char *path)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (code == 0 || u->failed != 0)
        return;
    u->failed = dmv_failure(&e, code, doing, path);
    dmv_error_move(u->error, &e);
}

static void add_dirty(Undo *u, const char *path)
{
    const char *slash = strrchr(path, '/');
    DMV_CLEANUP_FREE char *parent = strndup(path, (size_t)(slash - path));

    note_failure(u, parent ? dmv_strv_push_unique(&u->dirty, parent) : -ENOMEM, "remember", path);
}

static void sync_dirty(Undo *u)
{
    for (char **folder = u->dirty; folder && *folder; folder++) {
        int r = dmv_fs_sync_dir(u->roots->fd, *folder);

        if (r != -ENOENT)
            note_failure(u, r, "sync", *folder);
    }
    u->dirty = dmv_strv_free(u->dirty);
}

/* Is the kernel gone in whose folder this lies? */
static bool is_of_gone_kernel(const DmvRoots *r, const char *path)
{
    size_t n = strlen(r->modules);
    DMV_CLEANUP_FREE char *folder = NULL;
    struct stat st;
    const char *end;

    if (strncmp(path, r->modules, n) != 0 || path[n] != '/')
        return false;
    end = strchrnul(path + n + 1, '/');
    folder = strndup(path, (size_t)(end - path));
    return folder && fstatat(r->fd, folder, &st, 0) < 0 && errno == ENOENT;
}

/* A crash between making and renaming leaves the temporary name. */
static void remove_temporary(Undo *u, const char *path)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(u->roots->fd, path, &name);

    if (folder >= 0 && unlinkat(folder, DMV_IMAGE_TEMPORARY, 0) < 0 && errno != ENOENT)
        note_failure(u, -errno, "remove the temporary file beside", path);
}

/* A link that somebody has put where one of ours is or was. */
static bool is_somebodys_link(const Undo *u, const DmvJournalEntry *e)
{
    DMV_CLEANUP_IMAGE DmvImage now = {0};

    return dmv_image_read(u->roots->fd, e->path, &now) == 0 && now.kind == DMV_IMAGE_LINK &&
           dmv_apply_leads_to_release(u->roots, e->path) == 0;
}

/* A file that somebody has put where a link of ours was stays: what its package manager did since is not
 * ours. */
static void put_back(Undo *u, const DmvJournalEntry *e)
{
    int r = dmv_image_write(u->roots->fd, e->path, &e->before);

    if (r == -ENOENT) { /* somebody has removed the folder */
        const char *slash = strrchr(e->path, '/');
        DMV_CLEANUP_FREE char *parent = strndup(e->path, (size_t)(slash - e->path));

        r = parent ? dmv_fs_mkdirs(u->roots->fd, parent, 0755) : -ENOMEM;
        if (r >= 0)
            r = dmv_image_write(u->roots->fd, e->path, &e->before);
    }
    if (r < 0 && r != -EEXIST)
        note_failure(u, r, "restore", e->path);
    else if (r > 0)
        add_dirty(u, e->path);
}

/* What is new goes, unless somebody has put a file of their own there: that is not ours to remove. */
static void take_away(Undo *u, const DmvJournalEntry *e)
{
    static const DmvImage absent = {.kind = DMV_IMAGE_ABSENT};
    DMV_CLEANUP_IMAGE DmvImage now = {0};
    bool conf = dmv_streq(e->path, DMV_DEPMOD_CONF);
    int r = dmv_image_read(u->roots->fd, e->path, &now);

    if (r == 0 && now.kind == DMV_IMAGE_FILE && !conf)
        return;
    if (r == 0)
        r = dmv_image_write(u->roots->fd, e->path, &absent);
    if (r < 0)
        note_failure(u, r, "remove", e->path);
    else if (r > 0)
        add_dirty(u, e->path);
}

/* The kernel in whose folder a path lies, if that folder was or may have been exchanged. */
static const DmvJournalKernel *find_exchanged(const Undo *u, const char *path)
{
    DMV_CLEANUP_FREE char *kernel = NULL;

    (void)dmv_apply_path_kernel(u->roots, path, &kernel);
    for (size_t i = 0; kernel && i < u->journal->n_kernels; i++)
        if (u->journal->kernels[i].print && dmv_streq(u->journal->kernels[i].release, kernel))
            return &u->journal->kernels[i];
    return NULL;
}

static DmvExchangeBack back_of(const Undo *u, const DmvJournalKernel *k)
{
    return u->back[k - u->journal->kernels];
}

static void restore_entry(Undo *u, const DmvJournalEntry *e)
{
    remove_temporary(u, e->path);
    if (is_somebodys_link(u, e))
        return;
    if (e->before.kind == DMV_IMAGE_ABSENT)
        take_away(u, e);
    else
        put_back(u, e);
    note_failure(u, dmv_transaction_boundary(u->options, "undo-entry"), "stop at", e->path);
}

/* @exchanged: those in folders that were exchanged, and are not back as a whole. */
static void restore_entries(Undo *u, bool absent, bool exchanged)
{
    const DmvJournal *j = u->journal;

    for (size_t i = j->n_entries; i-- > 0;) {
        const DmvJournalEntry *e = &j->entries[i];
        const DmvJournalKernel *k = find_exchanged(u, e->path);

        if ((e->before.kind == DMV_IMAGE_ABSENT) != absent || (k != NULL) != exchanged ||
            is_of_gone_kernel(u->roots, e->path))
            continue;
        if (!k || back_of(u, k) == DMV_EXCHANGE_BACK_FOREIGN)
            restore_entry(u, e);
    }
    sync_dirty(u);
}

static void restore_folders(Undo *u)
{
    for (size_t i = 0; i < u->journal->n_kernels; i++) {
        const DmvJournalKernel *k = &u->journal->kernels[i];

        note_failure(u, dmv_exchange_undo(u->roots, k, &u->back[i]), "put back the folder of", k->release);
        if (k->print)
            note_failure(u, dmv_transaction_boundary(u->options, "undo-exchange"), "stop at", k->release);
    }
}

/* Did somebody run depmod after us? Then the old index is not the right one any more. */
static bool is_foreign_index(Undo *u, const DmvJournalKernel *k, const char *folder)
{
    DMV_CLEANUP_FREE char *stamp = NULL;

    return u->journal->state == DMV_JOURNAL_APPLIED && dmv_keep_stamp(u->roots->fd, folder, &stamp) == 0 &&
           !dmv_streq(stamp, k->stamp);
}

static void restore_index(Undo *u, const DmvJournalKernel *k, bool *ret_foreign)
{
    DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(u->roots, k->release, NULL);

    if (!folder)
        return note_failure(u, -ENOMEM, "restore the index of", k->release);
    if (is_of_gone_kernel(u->roots, folder) || (k->print && back_of(u, k) != DMV_EXCHANGE_BACK_FOREIGN))
        return;
    *ret_foreign = k->print || is_foreign_index(u, k, folder);
    if (!*ret_foreign)
        note_failure(u, dmv_keep_restore(u->roots->fd, folder, k->index), "restore the index in", folder);
    note_failure(u, dmv_transaction_boundary(u->options, "undo-index"), "stop at", folder);
}

/* What take_away() is going to do to an entry, as far as depmod sees it. Return: whether it is something. */
static bool find_taking_away(const Undo *u, const DmvJournalEntry *e, DmvStep *ret)
{
    DMV_CLEANUP_IMAGE DmvImage now = {0};
    bool conf = dmv_streq(e->path, DMV_DEPMOD_CONF);

    if (e->before.kind != DMV_IMAGE_ABSENT || is_somebodys_link(u, e) ||
        dmv_image_read(u->roots->fd, e->path, &now) != 0 || (now.kind != DMV_IMAGE_LINK && !conf))
        return false;
    *ret = (DmvStep){.kind = conf ? DMV_STEP_REMOVE : DMV_STEP_UNLINK, .path = e->path};
    return true;
}

/* Where the old index could not serve. It is that of the tree without what is new, and comes before that
 * goes: an index never names a file that is not there. */
static void rebuild_indexes(Undo *u, char *const *releases)
{
    DMV_CLEANUP_FREE DmvStep *next = NULL;
    size_t n = 0;

    if (!releases || !releases[0])
        return;
    next = calloc(u->journal->n_entries + 1, sizeof(*next));
    if (!next)
        return note_failure(u, -ENOMEM, "rebuild the index of", releases[0]);
    for (size_t i = 0; i < u->journal->n_entries; i++)
        n += find_taking_away(u, &u->journal->entries[i], &next[n]);
    for (char *const *release = releases; *release; release++) {
        DMV_CLEANUP_ERROR DmvError e = {0};

        note_failure(u, dmv_index_build(u->roots, *release, next, n, &e), "rebuild the index of", *release);
    }
}

static void restore_indexes(Undo *u, char ***ret_rebuild)
{
    for (size_t i = 0; i < u->journal->n_kernels; i++) {
        const DmvJournalKernel *k = &u->journal->kernels[i];
        bool foreign = false;

        restore_index(u, k, &foreign);
        if (foreign)
            note_failure(u, dmv_strv_push_unique(ret_rebuild, k->release), "remember", k->release);
    }
}

static void restore_initrds(Undo *u)
{
    int r;

    for (size_t i = 0; i < u->journal->n_initrds; i++) {
        const DmvJournalInitrd *x = &u->journal->initrds[i];
        DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(u->roots, x->kernel, NULL);
        bool gone = folder && is_of_gone_kernel(u->roots, folder);

        if (dmv_ends_with(x->path, DMV_TRIAL)) /* an entry for an image that goes */
            note_failure(u, dmv_trial_disarm(u->roots, NULL), "disarm the boot entry of", x->path);
        note_failure(u, dmv_previous_restore(u->roots->fd, x->path, gone, x->is_new), "restore", x->path);
        note_failure(u, dmv_transaction_boundary(u->options, "undo-initrd"), "stop at", x->path);
    }
    r = dmv_initrd_build_clean(u->roots);
    if (r < 0)
        note_failure(u, r, "remove", DMV_INITRD_BUILD_DIR);
}

int dmv_undo_drop_kept(const DmvRoots *r, bool *ret_found)
{
    DMV_CLEANUP_STRV char **kernels = NULL;
    bool found = false;
    int result = dmv_exchange_drop(r, &found);

    if (result == 0)
        result = dmv_fs_list_folders(r->fd, r->modules, &kernels);
    for (char **k = kernels; result == 0 && k && *k; k++) {
        DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(r, *k, NULL);
        int dropped = folder ? dmv_keep_drop(r->fd, folder) : -ENOMEM;

        found = found || dropped > 0;
        result = dropped < 0 ? dropped : 0;
    }
    if (ret_found)
        *ret_found = found;
    return result;
}

/* What was there before comes first; in a folder that was exchanged, the whole folder. Old firmware lies
 * outside and is there before the drivers that need it, new firmware goes after those that do. */
static void restore_trees(Undo *u, char ***ret_rebuild)
{
    restore_entries(u, false, false);
    restore_folders(u);
    restore_entries(u, false, true);
    restore_indexes(u, ret_rebuild);
}

/* On a full disk there is room for what was there once what is new has gone. */
static void restore_again(Undo *u, char ***ret_rebuild)
{
    if (u->failed != DMV_NO_SPACE)
        return;
    u->failed = 0;
    dmv_error_clear(u->error);
    restore_trees(u, ret_rebuild);
    rebuild_indexes(u, *ret_rebuild);
}

int dmv_undo(const DmvRoots *r, const DmvJournal *j, const DmvTransactionOptions *options, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError first = {0};
    DMV_CLEANUP_STRV char **rebuild = NULL;
    __attribute__((cleanup(deinit_undo)))
    Undo u = {.roots = r, .journal = j, .options = options, .error = &first};

    u.back = calloc(j->n_kernels + 1, sizeof(*u.back));
    if (!u.back)
        return -ENOMEM;
    restore_initrds(&u);
    restore_trees(&u, &rebuild);
    rebuild_indexes(&u, rebuild);
    restore_entries(&u, true, true);
    restore_entries(&u, true, false);
    restore_again(&u, &rebuild);
    if (u.failed == 0)
        note_failure(&u, dmv_undo_drop_kept(r, NULL), "forget the kept index below", r->modules);
    if (u.failed == 0)
        note_failure(&u, dmv_transaction_boundary(options, "undone"), "stop before removing",
                     DMV_JOURNAL_PATH);
    if (u.failed == 0)
        note_failure(&u, dmv_journal_remove(r->fd), "remove", DMV_JOURNAL_PATH);
    if (u.failed == 0)
        return 0;
    return dmv_error_set(reterr, DMV_STATE_BROKEN, "an unfinished change could not be taken back entirely",
                         "remove the cause and run dmvctl rescan, which tries again", "%s",
                         first.why ? first.why : dmv_outcome_reason(u.failed));
}
