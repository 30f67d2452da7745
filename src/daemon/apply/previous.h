/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The initrd image that was there before: a further name of the same file while a transaction is not
 * confirmed, and for one more change after that, for a person who has to boot it by hand.
 */
#ifndef DMV_APPLY_PREVIOUS_H
#define DMV_APPLY_PREVIOUS_H

#include <stdbool.h>

#include "daemon/shared/leftovers.h"
#include "host/roots.h"

/* Beside the image, with its name before it, as DMV_PREVIOUS_KEPT. */
#define DMV_PREVIOUS ".dmv-previous"
/* The image of a generation on trial: the default entry of the boot loader keeps the one without this. */
#define DMV_TRIAL ".dmv-trial"

/* The path of the trial's image beside one (@path: relative to the root, no link in it), as a new string, and
 * whether there is one. Return: 0, or a negative errno. */
int dmv_previous_trial(int root, const char *path, char **ret, bool *ret_exists);

/* Gives the image at @path (relative to @root, no link in it) its further name, and syncs that. A copy with
 * the same time where the filesystem has no links. Return: 0, or a negative errno. */
int dmv_previous_keep(int root, const char *path);

/* Puts the kept image back, and removes what was being built beside it. Where nothing is kept the image
 * stays, unless it @is_new. @gone: the kernel was removed meanwhile, and nothing is put back. Return: 0, or a
 * negative errno. */
int dmv_previous_restore(int root, const char *path, bool gone, bool is_new);

/* Nothing can be undone any more: what is kept of any kernel becomes its previous image, in the place of the
 * one before that; and what lies in /boot beside an image that has gone is forgotten. @ret_found: there was
 * something; else untouched. Return: 0, or a negative errno. */
int dmv_previous_clean(const DmvRoots *r, bool *ret_found);

#endif
