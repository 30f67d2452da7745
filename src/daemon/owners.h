/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which packages own the adopted modules, asked of a fetch worker, and only when somebody wants to see it: a
 * host without such modules never starts one. The answer is kept as long as the modules and the RPM database
 * are the same.
 */
#ifndef DMV_DAEMON_OWNERS_H
#define DMV_DAEMON_OWNERS_H

#include "daemon/manager.h"

/**
 * dmv_owners_wait() - does this call have to wait for the owners?
 * @call, @params: the call, from within its handler
 * @handler: the handler
 *
 * The first that asks starts the one question; others join it. After at most 10 seconds the handlers are
 * called again, with @m as their userdata: with owners, or with the reason why there are none
 * (dmv_owners_problem()).
 *
 * Return: true if @call is kept: the handler returns 0 and does nothing. false: go on.
 */
bool dmv_owners_wait(DmvManager *m, VlCall *call, json_object *params, VlHandler handler);

/* After the host was looked at: what is known of the files that are still the same goes to the new World. Why
 * the last question failed is forgotten, so that it is asked again. Return: 0 or -ENOMEM. */
int dmv_owners_keep(DmvManager *m);

/* Adds why owners are not known, if somebody asked and there was no full answer. */
void dmv_owners_problem(const DmvManager *m, DmvProblems *to);

DmvOwning *dmv_owning_free(DmvOwning *o);

#endif
