/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot machine (model/boot.h) in the daemon: its events with what this host says, its state on the disk,
 * and its actions.
 *
 * It is in charge on the running system, and on a root where somebody told of a boot; on a root that nobody
 * boots a generation stays on trial until a commit. No switch changes an initrd by itself here, so no trial
 * has a one-shot entry, and there is nothing to arm or to disarm.
 */
#ifndef DMV_DAEMON_BOOT_H
#define DMV_DAEMON_BOOT_H

#include "daemon/manager.h"

/* Is the machine in charge of this root? */
bool dmv_boot_applies(const DmvManager *m);

/**
 * dmv_boot_event() - an event with what the running boot says
 * @kind: which
 * @ret: with boot id, mark and clock; its boot id points into @id
 *
 * Return: 0; DMV_INVALID_REQUEST if nothing runs here and the event is one of a boot; a negative errno.
 */
int dmv_boot_event(const DmvManager *m, DmvBootEventKind kind, char id[DMV_BOOT_ID_SIZE], DmvBootEvent *ret,
                   DmvError *reterr);

/**
 * dmv_boot_ask() - may the staged generation be switched to?
 * @admin: somebody asks for it now
 * @ret: the state that the switch leads to; the manager's own stays
 *
 * Return: 0; DMV_BUSY or DMV_STUCK in words; a negative errno.
 */
int dmv_boot_ask(const DmvManager *m, bool admin, DmvBoot *ret, DmvError *reterr);

/**
 * dmv_boot_tell() - one event: the next state is stored, then what can be done at once is done
 * @e: what happened
 * @ret: what is left to do: restore, or nothing
 *
 * Commit, bad and alarm are done here, and reported to the machine where it waits for it.
 *
 * Return: 0; an outcome of the machine in words; a negative errno, with words.
 */
int dmv_boot_tell(DmvManager *m, const DmvBootEvent *e, DmvBootActions *ret, DmvError *reterr);

/* The state of the machine is now @b, which is stored already. */
void dmv_boot_adopt(DmvManager *m, const DmvBoot *b);

/* The switch that was asked for has failed after its state was stored: what holds is stored again. Return: 0
 * or a negative errno. */
int dmv_boot_take_back(DmvManager *m);

/* The host has to be rebooted by whoever told of bad health. */
bool dmv_boot_wants_reboot(const DmvManager *m);

/* The state for a reply: type Boot of the interface. NULL for lack of memory. */
json_object *dmv_boot_render(const DmvBoot *b);

int dmv_methods_bind_boot(DmvManager *m);

#endif
