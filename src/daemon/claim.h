/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The claim: which daemon may change the state of a root.
 *
 * On a running system there is one daemon. Below --root each call may start one of its own, beside others and
 * beside one that serves a socket there. All of them read; who changes something claims the state first, as
 * long as the change takes, and knows then what the others have stored since it looked.
 */
#ifndef DMV_DAEMON_CLAIM_H
#define DMV_DAEMON_CLAIM_H

#include "daemon/manager.h"

#define DMV_CLAIM_PATH DMV_STATE_DIR "/lock"

/**
 * dmv_claim_take() - before something is changed that no job changes already
 *
 * What another daemon has stored meanwhile is read, so what was taken from the View before is gone. A claim
 * ends by itself with the turn of the loop in which it was taken, or with the job that began in it.
 *
 * Return: 0, also where there is one already, and on a root that nobody can write to; DMV_BUSY while another
 * daemon changes something, or an interrupted transaction of one that died is undone; a negative errno.
 */
int dmv_claim_take(DmvManager *m, DmvError *reterr);
/* The same without a look at what was interrupted, for who undoes that. */
int dmv_claim_lock(DmvManager *m, DmvError *reterr);
/* The same, for what can wait: does not wait for another daemon. */
int dmv_claim_try(DmvManager *m);
/* Ends it, if there is one and no job needs it. */
void dmv_claim_drop(DmvManager *m);
/* Has another daemon stored something since the state was read? Never while this one changes it. */
bool dmv_claim_is_behind(const DmvManager *m);
/* After the state was loaded: from now on a change of it by another daemon is noticed. */
void dmv_claim_note(DmvManager *m);

#endif
