/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The initrd step: images that hold a module of which the kernel gets another file are built again.
 *
 * Only the main image of a kernel, and only with the tool that has made it: kdump and fallback images, and
 * those of other tools, are made with options that nobody here knows. They become a problem that says what to
 * do, and so does a host without the tool; neither keeps a change from being made.
 */
#ifndef DMV_APPLY_REBUILD_H
#define DMV_APPLY_REBUILD_H

#include "daemon/apply/transaction.h"
#include "model/initrd.h"

/* An image to be built again. */
typedef struct DmvRebuild {
    char *path; /* relative to the root, no link in it */
    char *kernel;
    char **modules;  /* those of the step that it holds */
    DmvInitrd image; /* as it was found */
    char *trial;     /* the path of a trial's image beside it */
    bool has_trial;  /* there is one */
} DmvRebuild;

typedef struct DmvRebuilds {
    DmvRebuild *items;
    size_t n;
    char **problems; /* images that stay as they are, and why */
} DmvRebuilds;
void dmv_rebuilds_deinit(DmvRebuilds *b);

/**
 * dmv_rebuilds_find() - which images does a step concern?
 * @r: the roots
 * @s: the step, checked
 * @b: images are added
 *
 * Every image of the kernel is opened. Nothing is changed.
 *
 * Return: 0, or a negative errno.
 */
int dmv_rebuilds_find(const DmvRoots *r, const DmvStep *s, DmvRebuilds *b);

/* Is there room for all of them beside those that are there? Return: 0; DMV_NO_SPACE; a negative errno. */
int dmv_rebuilds_check_space(const DmvRoots *r, const DmvRebuilds *b, DmvError *reterr);

/**
 * dmv_rebuild() - build an image again
 * @r: the roots
 * @b: which one; the index of its kernel is the new one already
 * @options: may be NULL
 * @reterr: filled on a refusal, may be NULL
 *
 * One that holds what the index gives already is left alone, and needs no image of a trial beside it.
 * Otherwise the image is kept (previous.h), the new one built beside it, opened, each module of the old one
 * compared with the file that the index gives, synced, and renamed into place. For a trial it is the trial's
 * image that is kept and replaced. After a failure dmv_previous_restore() gives everything back.
 *
 * Return: 0; DMV_TOOL_FAILED; DMV_PREDICTION_FAILED if the new image does not hold what it should;
 * DMV_NO_SPACE, DMV_READ_ONLY; a negative errno.
 */
int dmv_rebuild(const DmvRoots *r, const DmvRebuild *b, const DmvTransactionOptions *options,
                DmvError *reterr);

#endif
