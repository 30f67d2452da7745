/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The applier: io.dmv.Apply on one connection.
 *
 * It lives as long as the daemon that talks to it. A daemon that goes away without a word takes an
 * unconfirmed change with it: nobody is left who could verify it.
 */
#ifndef DMV_APPLY_APPLIER_H
#define DMV_APPLY_APPLIER_H

#include <systemd/sd-event.h>

#include "dmv/outcome.h"
#include "host/roots.h"

typedef struct DmvApplier DmvApplier;

/* @roots is borrowed. Return: 0, or a negative errno. */
int dmv_applier_new(sd_event *event, const DmvRoots *roots, DmvApplier **ret);
DmvApplier *dmv_applier_free(DmvApplier *w);

/* Takes the passed socket; the event loop ends when its connection does. Return: 0; -ENOTCONN if there is no
 * socket; a negative errno. */
int dmv_applier_start(DmvApplier *w);

/* Undoes what was applied and not confirmed. Return: 0, or what dmv_transaction_undo() returns. */
int dmv_applier_finish(DmvApplier *w, DmvError *reterr);

static inline void dmv_cleanup_applier(DmvApplier **w)
{
    *w = *w ? dmv_applier_free(*w) : NULL;
}

#endif
