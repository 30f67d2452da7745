/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The switch of one kernel.
 *
 * depmod takes most of the time, and others may change the folder meanwhile: a package manager, a depmod of
 * somebody else, an admin. So the folder's print is taken before, and if it is another one afterwards, the
 * index is of something that is not there any more and is made again, a few times. Who goes on changing it
 * gets a switch in steps, and one more index at the end, which is as good as theirs.
 */
#include "daemon/apply/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/change.h"
#include "daemon/apply/exchange.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/index.h"
#include "daemon/apply/keep.h"
#include "daemon/apply/step.h"
#include "daemon/apply/undo.h"
#include "host/fs.h"
#include "host/twin.h"

#define ATTEMPTS 3

static bool is_removal(const DmvStep *s)
{
    return s->kind == DMV_STEP_UNLINK || s->kind == DMV_STEP_REMOVE;
}

static bool is_firmware_of(const char *path, const char *kernel)
{
    size_t n = strlen(DMV_FIRMWARE_DIR), k = strlen(kernel);

    return dmv_starts_with(path, DMV_FIRMWARE_DIR "/") && strncmp(path + n + 1, kernel, k) == 0 &&
           path[n + 1 + k] == '/';
}

bool dmv_switch_takes(const DmvRoots *r, const DmvStep *s, const char *kernel)
{
    DMV_CLEANUP_FREE char *of = NULL;

    if (!s->path || dmv_apply_path_kernel(r, s->path, &of) < 0)
        return false;
    return dmv_streq(of, kernel) || (is_removal(s) && is_firmware_of(s->path, kernel));
}

DmvJournalKernel *dmv_switch_record(const DmvSwitch *w)
{
    for (size_t i = 0; i < w->journal->n_kernels; i++)
        if (dmv_streq(w->journal->kernels[i].release, w->kernel))
            return &w->journal->kernels[i];
    return NULL;
}

static int boundary(const DmvSwitch *w, const char *name, DmvError *reterr)
{
    int r = dmv_transaction_boundary(w->options, name);

    return r < 0 ? dmv_failure(reterr, r, "go on after", name) : 0;
}

/* ---- in steps ---- */

static int do_steps(const DmvSwitch *w, DmvChanges *c, bool removals, DmvError *reterr)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_steps; i++)
        if (is_removal(&w->steps[i]) == removals && dmv_switch_takes(w->roots, &w->steps[i], w->kernel))
            r = dmv_changes_do(c, &w->steps[i], reterr);
    return r == 0 ? dmv_changes_sync(c, reterr) : r;
}

static int enter_index(const DmvSwitch *w, const char *folder, DmvError *reterr)
{
    int r = dmv_keep_enter(w->roots->fd, folder);

    if (r < 0)
        return dmv_failure(reterr, r, "put the new index into", folder);
    return boundary(w, "indexed", reterr);
}

static int keep_and_stage(const DmvSwitch *w, const DmvShadow *shadow, const char *folder, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int from = open(dmv_shadow_folder(shadow), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = from < 0 ? -errno : dmv_keep_save(w->roots->fd, folder, dmv_switch_record(w)->index);

    if (r == 0)
        r = dmv_keep_stage(w->roots->fd, folder, from);
    if (r < 0)
        return dmv_failure(reterr, r, "keep the index in", folder);
    return boundary(w, "kept", reterr);
}

/* @moving: somebody else goes on changing the folder, so that the index in the shadow is of the past. */
static int switch_in_steps(const DmvSwitch *w, const DmvShadow *shadow, bool moving, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(w->roots, w->kernel, NULL);
    DMV_CLEANUP_CHANGES DmvChanges c = {.root = w->roots->fd, .journal = w->journal};
    int r = folder ? dmv_exchange_forget(w, reterr) : -ENOMEM;

    if (r == 0)
        r = keep_and_stage(w, shadow, folder, reterr);
    if (r == 0)
        r = do_steps(w, &c, false, reterr);
    if (r == 0)
        r = boundary(w, "linked", reterr);
    if (r == 0)
        r = enter_index(w, folder, reterr);
    if (r == 0)
        r = do_steps(w, &c, true, reterr);
    if (r != 0 || !moving)
        return r;
    r = dmv_index_build(w->roots, w->kernel, NULL, 0, reterr);
    return r < 0 ? dmv_failure(reterr, r, "run depmod in", folder) : r;
}

/* ---- both ways ---- */

static int take_print(const DmvSwitch *w, char ret[DMV_SHA256_HEX], DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(w->roots, w->kernel, NULL);
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    if (!folder)
        return -ENOMEM;
    fd = dmv_fs_open_nolinks(w->roots->fd, folder, O_RDONLY | O_DIRECTORY, 0);
    r = fd < 0 ? fd : dmv_twin_print(fd, ret);
    return r < 0 ? dmv_failure(reterr, r, "look at", folder) : 0;
}

static int make_shadow(const DmvSwitch *w, DmvShadow **ret, DmvError *reterr)
{
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    int r = dmv_index_shadow(w->roots, w->kernel, &shadow);

    for (size_t i = 0; r == 0 && i < w->n_steps; i++)
        if (dmv_switch_takes(w->roots, &w->steps[i], w->kernel))
            r = dmv_index_shadow_step(w->roots, w->kernel, shadow, &w->steps[i]);
    if (r < 0)
        return dmv_failure(reterr, r, "make the shadow of", w->kernel);
    r = dmv_index_build_next(w->roots, shadow, w->kernel, reterr);
    if (r < 0)
        return dmv_failure(reterr, r, "run depmod for", w->kernel);
    if (r == 0)
        *ret = DMV_TAKE_PTR(shadow);
    return r;
}

static void tell_way(const DmvSwitch *w, const char *why_not)
{
    if (why_not)
        (void)sd_journal_print(LOG_DEBUG, "kernel %s is switched in steps: %s", w->kernel, why_not);
    if (w->options && w->options->way)
        w->options->way(w->kernel, why_not, w->options->userdata);
}

/* One attempt. @last: what somebody else changes does not end it. @ret_again: the folder was changed. */
static int attempt(const DmvSwitch *w, bool last, bool *ret_again, DmvError *reterr)
{
    static const char moving[] = "somebody else goes on changing its folder";
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    DMV_CLEANUP_FREE char *why = NULL;
    char before[DMV_SHA256_HEX], after[DMV_SHA256_HEX];
    DmvExchange outcome = DMV_EXCHANGE_IMPOSSIBLE;
    bool changed;
    int r = take_print(w, before, reterr);

    if (r == 0)
        r = make_shadow(w, &shadow, reterr);
    if (r == 0)
        r = boundary(w, "depmod", reterr);
    if (r == 0 && !last)
        r = dmv_exchange(w, shadow, before, &outcome, &why, reterr);
    if (r == 0 && outcome == DMV_EXCHANGE_IMPOSSIBLE)
        r = take_print(w, after, reterr);
    if (r != 0)
        return r;
    changed =
        outcome == DMV_EXCHANGE_CHANGED || (outcome == DMV_EXCHANGE_IMPOSSIBLE && !dmv_streq(before, after));
    *ret_again = changed && !last;
    if (*ret_again)
        return 0;
    tell_way(w, outcome == DMV_EXCHANGE_DONE ? NULL : last ? moving : why);
    if (outcome == DMV_EXCHANGE_IMPOSSIBLE)
        return switch_in_steps(w, shadow, last, reterr);
    return 0;
}

static int remove_firmware(const DmvSwitch *w, DmvError *reterr)
{
    DMV_CLEANUP_CHANGES DmvChanges c = {.root = w->roots->fd, .journal = w->journal};

    return do_steps(w, &c, true, reterr);
}

int dmv_switch(const DmvSwitch *w, DmvError *reterr)
{
    bool again = true;
    int r = 0;

    for (int i = 0; r == 0 && again; i++)
        r = attempt(w, i == ATTEMPTS, &again, reterr);
    return r == 0 ? remove_firmware(w, reterr) : r;
}
