/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What waits to be activated, on the disk.
 *
 * A generation is a file of its own, and what is wanted, with the number of the generation in place, another:
 * state.json. No two files change at once, so state.json alone decides. It is written last when something is
 * staged and first when it is in place; whoever starts after a crash in between makes the other files agree
 * with it.
 *
 * A rollback is staged on its way and nobody has asked for that: as long as it is not in place, state.json
 * also has what was wanted before, and whoever finds it so takes that up again.
 */
#ifndef DMV_DAEMON_STAGING_H
#define DMV_DAEMON_STAGING_H

#include "daemon/manager.h"

/* Stages the intent, or drops the staged generation when there is nothing to do. Return: 0, or a negative
 * errno. */
int dmv_staging_stage(DmvManager *m);
/* The staged generation is in place. Return: 0; a negative errno if that is not stored, which the next start
 * makes good. */
int dmv_staging_activated(DmvManager *m);
/* Stages the intent of a rollback that is made at once. Return: as dmv_manager_set_intent(). */
int dmv_staging_go_back(DmvManager *m, const DmvIntent *intent, DmvError *reterr);
/* It is in place, or there was nothing to do. Return: 0, or a negative errno. */
int dmv_staging_arrived(DmvManager *m);
/* It failed: what is wanted and what is staged is as before it. A failure to store that is logged, and the
 * next start makes it good. */
void dmv_staging_stay(DmvManager *m);
/* The generations become what the intent asks for, which a crash or a full disk may have kept from them. A
 * failure is logged. */
void dmv_staging_reconcile(DmvManager *m);
/* The same, after a start: also for a switch that was confirmed and not stored. */
void dmv_staging_settle(DmvManager *m);

#endif
