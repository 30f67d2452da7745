/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot machine (model/boot.h) in the daemon: its events with what this host says, its state on the disk,
 * and its actions.
 *
 * It is in charge on the running system, and on a root where somebody told of a boot; on a root that nobody
 * boots a generation stays on trial until a commit. What the apply worker has to do for it is the work of a
 * job (job-boot.c).
 */
#ifndef DMV_DAEMON_BOOT_H
#define DMV_DAEMON_BOOT_H

#include "daemon/manager.h"
#include "model/lifeline.h"

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
 * @one_shot: it boots by a one-shot entry
 * @ret: the state that the switch leads to; the manager's own stays
 * @ret_actions: what is to be done before it is confirmed
 *
 * Return: 0; DMV_BUSY or DMV_STUCK in words; a negative errno.
 */
int dmv_boot_ask(const DmvManager *m, bool admin, bool one_shot, DmvBoot *ret, DmvBootActions *ret_actions,
                 DmvError *reterr);

/* What the apply worker does, on the images of a trial and on the boot loader. */
#define DMV_BOOT_FOR_WORKER ((unsigned)(DMV_BOOT_DO_COMMIT | DMV_BOOT_DO_DISARM | DMV_BOOT_DO_ARM))

/**
 * dmv_boot_tell() - one event: the next state is stored, then what can be done at once is done
 * @e: what happened
 * @ret: what is left to do by a job: restore, and what is in DMV_BOOT_FOR_WORKER
 *
 * Bad and alarm are done here, and the commit of a trial that has no image of its own.
 *
 * Return: 0; an outcome of the machine in words; a negative errno, with words.
 */
int dmv_boot_tell(DmvManager *m, const DmvBootEvent *e, DmvBootActions *ret, DmvError *reterr);

/* The worker has done all of @set: the machine is told, and what belongs to a commit is done. Return: 0 or a
 * negative errno. */
int dmv_boot_done(DmvManager *m, unsigned set);
/* It has failed. @ret: what the worker is to do now. Return: 0 or a negative errno. */
int dmv_boot_not_done(DmvManager *m, unsigned set, DmvBootActions *ret);

/* The state of the machine is now @b, which is stored already. */
void dmv_boot_adopt(DmvManager *m, const DmvBoot *b);

/* The switch that was asked for has failed after its state was stored: what holds is stored again. Return: 0
 * or a negative errno. */
int dmv_boot_take_back(DmvManager *m);

/* The host has to be rebooted by whoever told of bad health. */
bool dmv_boot_wants_reboot(const DmvManager *m);

/**
 * dmv_boot_check_entry() - can a trial boot by an entry of the boot loader that is used once?
 * @m: has looked
 * @reterr: why not, and what to do
 *
 * Return: 0; DMV_CONFLICT, DMV_NOT_INSTALLED, and what dmv_bootloader_check() returns; a negative errno.
 */
int dmv_boot_check_entry(const DmvManager *m, DmvError *reterr);

/**
 * dmv_boot_check_fallback() - does the host come back by itself from a boot with these changes?
 * @c: the lifelines that change
 * @reterr: why not
 *
 * Return: 0; an outcome in words; a negative errno.
 */
int dmv_boot_check_fallback(const DmvManager *m, const DmvLifelineChanges *c, DmvError *reterr);

/* The state for a reply: type Boot of the interface. NULL for lack of memory. */
json_object *dmv_boot_render(const DmvBoot *b);

int dmv_methods_bind_boot(DmvManager *m);

#endif
