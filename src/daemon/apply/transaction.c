/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of a plan as one transaction: all of them, or none.
 *
 * The order that the disk has to see is: journal, what lies outside of the kernels' folders, each kernel's
 * switch, journal again. 00-dmv.conf comes before the switches: only depmod reads it, and one that somebody
 * else runs in between makes, of the old folder, an index that the switch notices and replaces, and of the
 * new one the right one. After a switch, an old configuration would give a wrong index to the new folder.
 */
#include "daemon/apply/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/abi.h"
#include "daemon/apply/change.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/journal.h"
#include "daemon/apply/keep.h"
#include "daemon/apply/previous.h"
#include "daemon/apply/rebuild.h"
#include "daemon/apply/step.h"
#include "daemon/apply/switch.h"
#include "daemon/apply/undo.h"
#include "host/fs.h"
#include "host/initrd-build.h"
#include "host/shadow.h"

struct DmvTransaction {
    const DmvRoots *roots;
    const DmvTransactionOptions *options;
    const DmvStep *steps;
    size_t done, n_steps;
    DmvJournal journal;
    DmvChanges changes;
    DmvApplyAbi abi;
    DmvRebuilds rebuilds;
};

DmvTransaction *dmv_transaction_free(DmvTransaction *t)
{
    if (!t)
        return NULL;
    dmv_journal_deinit(&t->journal);
    dmv_changes_deinit(&t->changes);
    dmv_apply_abi_deinit(&t->abi);
    dmv_rebuilds_deinit(&t->rebuilds);
    free(t);
    return NULL;
}

/* ---- before ---- */

/* Remembers what is at a path, once. A folder that shall be made and is there already is not touched. */
static int remember(DmvTransaction *t, const char *path, bool shall_be_folder, DmvError *reterr)
{
    DMV_CLEANUP_IMAGE DmvImage before = {0};
    DmvJournalEntry *e;
    int r;

    if (dmv_journal_find(&t->journal, path))
        return 0;
    r = dmv_image_read(t->roots->fd, path, &before);
    if (r < 0)
        return dmv_failure(reterr, r, "look at", path);
    if (shall_be_folder && before.kind == DMV_IMAGE_FOLDER)
        return 0;
    e = DMV_ARRAY_ADD(t->journal.entries, t->journal.n_entries);
    if (!e)
        return -ENOMEM;
    e->before = before;
    before = (DmvImage){0};
    return dmv_set_string(&e->path, path);
}

/* Remembers a folder and those above it: mkdir makes them all. */
static int remember_folders(DmvTransaction *t, const char *path, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *prefix = strdup(path);
    int r = prefix ? 0 : -ENOMEM;

    for (char *slash = prefix; r == 0 && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (strchr(prefix, '/')) /* the folders right below the root are always there */
            r = remember(t, prefix, true, reterr);
        *slash = '/';
    }
    return r != 0 ? r : remember(t, path, true, reterr);
}

static int remember_kernel(DmvTransaction *t, const char *release, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    DmvJournalKernel *k;
    int r;

    for (size_t i = 0; i < t->journal.n_kernels; i++)
        if (dmv_streq(t->journal.kernels[i].release, release))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "two depmod runs for kernel %s",
                                 release);
    folder = dmv_roots_kernel_path(t->roots, release, NULL);
    k = folder ? DMV_ARRAY_ADD(t->journal.kernels, t->journal.n_kernels) : NULL;
    if (!k || dmv_set_string(&k->release, release) < 0)
        return -ENOMEM;
    r = dmv_keep_list(t->roots->fd, folder, &k->index);
    return r < 0 ? dmv_failure(reterr, r, "list", folder) : 0;
}

static int remember_initrd(DmvTransaction *t, const char *path, const char *kernel, bool is_new)
{
    DmvJournalInitrd *x = DMV_ARRAY_ADD(t->journal.initrds, t->journal.n_initrds);

    if (!x || dmv_set_string(&x->path, path) < 0 || dmv_set_string(&x->kernel, kernel) < 0)
        return -ENOMEM;
    x->is_new = is_new;
    return 0;
}

/* Which images the step concerns, one step a kernel. */
static int remember_initrds(DmvTransaction *t, const DmvStep *s, DmvError *reterr)
{
    bool trial = t->options && dmv_streq(t->options->trial, s->kernel);
    size_t first = t->rebuilds.n;
    int r = 0;

    for (const DmvStep *other = t->steps; other < s; other++)
        if (other->kind == DMV_STEP_INITRD && dmv_streq(other->kernel, s->kernel))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "two initrd steps for kernel %s",
                                 s->kernel);
    r = dmv_rebuilds_find(t->roots, s, &t->rebuilds);
    if (r < 0)
        return dmv_failure(reterr, r, "look for the initrd images of", s->kernel);
    for (size_t i = first; r == 0 && i < t->rebuilds.n; i++) {
        const DmvRebuild *b = &t->rebuilds.items[i];

        if (!trial)
            r = remember_initrd(t, b->path, s->kernel, false);
        if (r == 0 && (trial || b->has_trial))
            r = remember_initrd(t, b->trial, s->kernel, !b->has_trial);
    }
    return r;
}

/* A link that leads to no release is as little ours as a file; also one that was made since the plan was. */
static int check_is_ours(const DmvTransaction *t, const DmvStep *s, DmvError *reterr)
{
    const DmvJournalEntry *e = dmv_journal_find(&t->journal, s->path);
    int r;

    if (!e || e->before.kind == DMV_IMAGE_ABSENT)
        return 0;
    r = e->before.kind == DMV_IMAGE_LINK ? dmv_apply_leads_to_release(t->roots, s->path) : 0;
    if (r != 0)
        return r < 0 ? r : 0;
    return dmv_error_set(reterr, DMV_CONFLICT, NULL, "remove or rename it if it is not needed any more",
                         "%s is there, and dmv did not make it", s->path);
}

/* What only the disk can say: a link must lead to a file, and may only take the place of a link. */
static int check_disk(DmvTransaction *t, const DmvStep *s, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *target = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    bool link = s->kind == DMV_STEP_LINK || s->kind == DMV_STEP_UNLINK;
    struct stat st;
    int r = link ? check_is_ours(t, s, reterr) : 0;

    if (r != 0 || s->kind != DMV_STEP_LINK)
        return r;
    r = dmv_apply_link_resolve(s->path, s->content, &target);
    if (r < 0)
        return r;
    fd = dmv_fs_open_nolinks(t->roots->fd, target, O_PATH, 0);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return dmv_error_set(reterr, DMV_BROKEN_RELEASE, NULL, "install the release again",
                             "%s would lead to %s, and there is no such file", s->path, target);
    return dmv_apply_abi_check(&t->abi, t->roots, s->path, target, reterr);
}

static int prepare_step(DmvTransaction *t, const DmvStep *s, DmvError *reterr)
{
    int r = dmv_apply_step_check(t->roots, s, reterr);

    if (r != 0)
        return r;
    if (s->kind == DMV_STEP_DEPMOD)
        return remember_kernel(t, s->kernel, reterr);
    if (s->kind == DMV_STEP_INITRD)
        return remember_initrds(t, s, reterr);
    r = s->kind == DMV_STEP_MKDIR ? remember_folders(t, s->path, reterr)
                                  : remember(t, s->path, false, reterr);
    return r != 0 ? r : check_disk(t, s, reterr);
}

static int refuse_unfinished(const DmvRoots *r, DmvError *reterr)
{
    struct stat st;

    if (fstatat(r->fd, DMV_JOURNAL_PATH, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : dmv_failure(reterr, -errno, "look at", DMV_JOURNAL_PATH);
    return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, "it has to be confirmed, undone or recovered first",
                         "another change was not finished: %s is there", DMV_JOURNAL_PATH);
}

static int prepare(DmvTransaction *t, DmvError *reterr)
{
    int r = refuse_unfinished(t->roots, reterr);

    if (r == 0 && t->n_steps > DMV_APPLY_STEPS_MAX)
        r = dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "more than %d steps", DMV_APPLY_STEPS_MAX);
    for (size_t i = 0; r == 0 && i < t->n_steps; i++)
        r = prepare_step(t, &t->steps[i], reterr);
    return r == 0 ? dmv_rebuilds_check_space(t->roots, &t->rebuilds, reterr) : r;
}

/* ---- changes ---- */

static int boundary(DmvTransaction *t, const char *name, DmvError *reterr)
{
    int r = dmv_transaction_boundary(t->options, name);

    return r < 0 ? dmv_failure(reterr, r, "go on after", name) : 0;
}

/* Its steps are done together, when its depmod step comes. */
static bool is_of_a_switch(const DmvTransaction *t, const DmvStep *s)
{
    for (size_t i = 0; i < t->journal.n_kernels; i++)
        if (dmv_switch_takes(t->roots, s, t->journal.kernels[i].release))
            return true;
    return false;
}

/* Firmware and configuration are on the disk before the index that leads to what needs them: a boot comes
 * before the recovery. */
static int switch_kernel(DmvTransaction *t, const char *release, DmvError *reterr)
{
    const DmvSwitch w = {.roots = t->roots,
                         .kernel = release,
                         .steps = t->steps,
                         .n_steps = t->n_steps,
                         .journal = &t->journal,
                         .options = t->options};
    int r = dmv_changes_sync(&t->changes, reterr);

    return r == 0 ? dmv_switch(&w, reterr) : r;
}

static int rebuild_initrds(DmvTransaction *t, const char *kernel, DmvError *reterr)
{
    int r = dmv_changes_sync(&t->changes, reterr);

    for (size_t i = 0; r == 0 && i < t->rebuilds.n; i++)
        if (dmv_streq(t->rebuilds.items[i].kernel, kernel))
            r = dmv_rebuild(t->roots, &t->rebuilds.items[i], t->options, reterr);
    return r;
}

static int do_step(DmvTransaction *t, const DmvStep *s, DmvError *reterr)
{
    if (s->kind == DMV_STEP_DEPMOD)
        return switch_kernel(t, s->kernel, reterr);
    if (s->kind == DMV_STEP_INITRD)
        return rebuild_initrds(t, s->kernel, reterr);
    return is_of_a_switch(t, s) ? 0 : dmv_changes_do(&t->changes, s, reterr);
}

/* Says what comes next. */
static void tell(DmvTransaction *t)
{
    DMV_CLEANUP_FREE char *message = NULL;
    const DmvStep *s = &t->steps[t->done];

    if (t->done == t->n_steps || !t->options || !t->options->progress)
        return;
    if (asprintf(&message, "%s %s", dmv_step_kind_to_string(s->kind), s->path ? s->path : s->kernel) < 0)
        message = NULL;
    t->options->progress(t->done, t->n_steps, message ? message : "", t->options->userdata);
}

/* The stamps tell a later undo whether the indexes are still those that were made here. */
static int seal(DmvTransaction *t, DmvError *reterr)
{
    int r = dmv_changes_sync(&t->changes, reterr);

    for (size_t i = 0; r == 0 && i < t->journal.n_kernels; i++) {
        DmvJournalKernel *k = &t->journal.kernels[i];
        DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(t->roots, k->release, NULL);
        char *stamp = NULL;

        r = folder ? dmv_keep_stamp(t->roots->fd, folder, &stamp) : -ENOMEM;
        if (r < 0)
            return dmv_failure(reterr, r, "look at the index of", k->release);
        free(k->stamp);
        k->stamp = stamp;
    }
    if (r != 0)
        return r;
    t->journal.state = DMV_JOURNAL_APPLIED;
    r = dmv_journal_save(t->roots->fd, &t->journal);
    if (r < 0)
        return dmv_failure(reterr, r, "write", DMV_JOURNAL_PATH);
    return boundary(t, "applied", reterr);
}

/* ---- the calls ---- */

/* Takes everything back after a failure whose reason is in @reterr. */
static int give_up(DmvTransaction *t, int failure, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError second = {0};
    DMV_CLEANUP_ERROR DmvError first = {0};
    int r;

    if (reterr)
        dmv_error_move(&first, reterr);
    r = dmv_undo(t->roots, &t->journal, t->options, &second);
    if (r == 0) {
        if (first.code == 0)
            first.code = failure;
        dmv_error_move(reterr, &first);
        (void)dmv_error_set_what(reterr, "generation %llu was not applied; every file is as before",
                                 (unsigned long long)t->journal.generation);
        return failure;
    }
    return dmv_error_set(reterr, r, "a change failed and could not be taken back entirely", second.next,
                         "%s; then %s", first.why ? first.why : dmv_outcome_reason(failure),
                         second.why ? second.why : dmv_outcome_reason(r));
}

/* An image that is still kept is of a confirmed change whose worker died right then: with the journal on the
 * disk it would count as this transaction's. */
static int settle_previous(DmvTransaction *t, DmvError *reterr)
{
    bool found = false;
    int r = t->rebuilds.n > 0 ? dmv_previous_clean(t->roots, &found) : 0;

    return r < 0 ? dmv_failure(reterr, r, "tidy up the initrd images in", "boot") : 0;
}

static int not_begun(const DmvTransaction *t, int failure, DmvError *reterr)
{
    (void)dmv_error_set_what(reterr, "generation %llu was not applied; nothing was changed",
                             (unsigned long long)t->journal.generation);
    return failure;
}

static int begin(DmvTransaction *t, DmvError *reterr)
{
    int r = prepare(t, reterr);

    if (r != 0)
        return not_begun(t, r, reterr);
    r = settle_previous(t, reterr);
    if (r != 0)
        return r;
    r = dmv_journal_save(t->roots->fd, &t->journal);
    if (r < 0)
        r = dmv_failure(reterr, r, "write", DMV_JOURNAL_PATH);
    if (r == DMV_READ_ONLY) /* nothing to take back, and nothing could be */
        return not_begun(t, r, reterr);
    if (r == 0)
        r = boundary(t, "journal", reterr);
    return r == 0 ? 0 : give_up(t, r, reterr);
}

int dmv_transaction_begin(const DmvRoots *r, uint64_t generation, const DmvStep *steps, size_t n_steps,
                          const DmvTransactionOptions *options, DmvTransaction **ret, DmvError *reterr)
{
    __attribute__((cleanup(dmv_cleanup_transaction))) DmvTransaction *t = calloc(1, sizeof(*t));
    int result;

    if (!t)
        return -ENOMEM;
    t->roots = r;
    t->changes.root = r->fd;
    t->changes.journal = &t->journal;
    t->options = options;
    t->steps = steps;
    t->n_steps = n_steps;
    t->journal.generation = generation;
    result = begin(t, reterr);
    if (result != 0)
        return result;
    tell(t);
    *ret = DMV_TAKE_PTR(t);
    return 0;
}

int dmv_transaction_step(DmvTransaction *t, bool *ret_applied, DmvError *reterr)
{
    bool last = t->done == t->n_steps;
    int r = last ? seal(t, reterr) : do_step(t, &t->steps[t->done], reterr);

    if (r == 0 && !last) {
        t->done++;
        r = boundary(t, "step", reterr);
    }
    if (r != 0)
        return give_up(t, r, reterr);
    if (!last)
        tell(t);
    *ret_applied = last;
    return 0;
}

char *const *dmv_transaction_problems(const DmvTransaction *t)
{
    return t->rebuilds.problems;
}

int dmv_transaction_apply(const DmvRoots *r, uint64_t generation, const DmvStep *steps, size_t n_steps,
                          const DmvTransactionOptions *options, DmvError *reterr)
{
    __attribute__((cleanup(dmv_cleanup_transaction))) DmvTransaction *t = NULL;
    bool applied = false;
    int result = dmv_transaction_begin(r, generation, steps, n_steps, options, &t, reterr);

    while (result == 0 && !applied)
        result = dmv_transaction_step(t, &applied, reterr);
    return result;
}

int dmv_transaction_undo(const DmvRoots *r, const DmvTransactionOptions *options, DmvError *reterr)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0};
    int result = dmv_journal_load(r->fd, &j, reterr);

    if (result == DMV_NO_SUCH_OBJECT)
        return dmv_error_set(reterr, result, "nothing to undo", NULL,
                             "no change is waiting for confirmation");
    return result != 0 ? result : dmv_undo(r, &j, options, reterr);
}

int dmv_transaction_confirm(const DmvRoots *r, const DmvTransactionOptions *options, DmvError *reterr)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0};
    bool found = false;
    int result = dmv_journal_load(r->fd, &j, reterr);

    if (result == DMV_NO_SUCH_OBJECT || (result == 0 && j.state != DMV_JOURNAL_APPLIED))
        return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, "nothing to confirm", NULL,
                             "no change is waiting for confirmation");
    if (result != 0)
        return result;
    result = dmv_transaction_boundary(options, "confirm");
    if (result == 0)
        result = dmv_journal_remove(r->fd);
    if (result < 0)
        return dmv_failure(reterr, result, "remove", DMV_JOURNAL_PATH);
    /* from here on the change is final: what is left over is removed now or by the next recovery */
    if (dmv_transaction_boundary(options, "confirmed") < 0)
        return 0;
    (void)dmv_undo_drop_kept(r, NULL);
    (void)dmv_previous_clean(r, &found);
    return 0;
}

/* A journal that cannot be read says nothing about the trees; observing them does. */
static int set_aside(const DmvRoots *r, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError why = {0};
    int result;

    if (reterr)
        dmv_error_move(&why, reterr);
    result = dmv_journal_set_aside(r->fd);
    if (result < 0)
        return dmv_failure(reterr, result, "move aside", DMV_JOURNAL_PATH);
    return dmv_error_set(reterr, DMV_STATE_BROKEN, "an interrupted change cannot be taken back",
                         "dmvctl status shows what differs, dmvctl activate brings it in order",
                         "%s; it was moved to %s", why.why ? why.why : "the journal cannot be read",
                         DMV_JOURNAL_BROKEN_PATH);
}

/* Leftovers of a journal that was being written when the power went. */
static int clean(const DmvRoots *r, bool *ret_found, DmvError *reterr)
{
    static const char temporary[] = DMV_JOURNAL_NEXT;
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(r->fd, temporary, &name);
    bool found = false;
    int result = folder < 0 ? folder : unlinkat(folder, name, 0) < 0 ? -errno : 1;

    if (result < 0 && result != -ENOENT)
        return dmv_failure(reterr, result, "remove", temporary);
    *ret_found = result > 0;
    dmv_shadow_clean(r, NULL);
    result = dmv_undo_drop_kept(r, &found);
    *ret_found = *ret_found || found;
    if (result < 0)
        return dmv_failure(reterr, result, "forget the kept index below", r->modules);
    result = dmv_initrd_build_clean(r);
    *ret_found = *ret_found || result > 0;
    if (result < 0)
        return dmv_failure(reterr, result, "remove", DMV_INITRD_BUILD_DIR);
    result = dmv_previous_clean(r, ret_found);
    return result < 0 ? dmv_failure(reterr, result, "tidy up the initrd images in", "boot") : 0;
}

int dmv_transaction_recover(const DmvRoots *r, const DmvTransactionOptions *options, DmvRecovery *ret,
                            uint64_t *ret_generation, DmvError *reterr)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0};
    bool found = false;
    int result = dmv_journal_load(r->fd, &j, reterr);

    *ret = DMV_RECOVERY_NONE;
    *ret_generation = 0;
    if (result < 0)
        return result;
    if (result > 0 && result != DMV_NO_SUCH_OBJECT)
        return set_aside(r, reterr);
    if (result == 0) {
        result = dmv_undo(r, &j, options, reterr);
        if (result != 0)
            return result;
        *ret = DMV_RECOVERY_UNDONE;
        *ret_generation = j.generation;
    }
    result = clean(r, &found, reterr);
    if (result == 0 && found && *ret == DMV_RECOVERY_NONE)
        *ret = DMV_RECOVERY_CLEANED;
    return result;
}
