/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests of a Xen host: asked anew for every answer that has them in it, so that one that starts or stops
 * changes the answer without anybody looking at the host again. A worker a channel is asked, all at the same
 * time; one that hangs is left out with a reason after the settings' wait. Where there is no control domain,
 * and nothing in /etc/xen, no worker is started, and no answer speaks of guests.
 */
#ifndef DMV_DAEMON_GUESTS_H
#define DMV_DAEMON_GUESTS_H

#include "daemon/manager.h"
#include "daemon/worker.h"
#include "model/impact.h"

/**
 * dmv_guests_wait() - does this call have to wait for the guests?
 * @call, @params: the call, from within its handler, before it has done anything
 * @handler: the handler
 *
 * A round of questions begins, unless one is on its way: what that one finds may be older than the call, so
 * the call waits for the next one. When it is over, the handler is called again, with @m as its userdata; a
 * client that has gone away meanwhile is forgotten.
 *
 * Return: true if @call is kept: the handler returns 0 and does nothing. false: go on; the functions below
 * speak of the host as it is now.
 */
bool dmv_guests_wait(DmvManager *m, VlCall *call, json_object *params, VlHandler handler);

/* Does this host have anything to do with guests, by the last look? Only then the others say something. */
bool dmv_guests_concern(const DmvManager *m);

/* What a change means for the guests; dmv_impact(). */
int dmv_guests_impact(const DmvManager *m, const DmvImpactSubject *s, DmvImpact *ret);

/* Can dmv_guests_check() refuse anything? If not, nobody has to be asked for it. */
bool dmv_guests_may_refuse(const DmvManager *m, const DmvConsent *consent);
/* May the plan be carried out, as far as guests go? By their word in the settings; where that is to stop
 * them, they are stopped when the host goes down, and this says yes. Return: 0, DMV_GUESTS_AFFECTED, -ENOMEM.
 */
int dmv_guests_check(const DmvManager *m, const DmvConsent *consent, DmvError *reterr);

/* Adds member "guests", what the plan means for them; nothing where no guests are concerned. */
void dmv_guests_add_plan(const DmvManager *m, DmvJsonBuilder *b);
/* Adds members "hypervisor" and "channels". */
void dmv_guests_add_channels(const DmvManager *m, DmvJsonBuilder *b);
/* The channels by the last look, in the order of DmvChannelKind; NULL: nobody looked. */
const DmvGuests *dmv_guests_known(const DmvManager *m);

/* What lies under an interface, a volume or a file of a guest, by its name; NULL: no guest stands on it. */
const DmvFooting *dmv_guests_footing(const DmvManager *m, const char *what);

/**
 * dmv_guest_ask() - asks one channel
 * @w: a guest worker that was not asked anything yet
 * @kind: libvirt, XenStore or /etc/xen
 * @seconds: until the worker ends by itself; that it is silent is noticed after that
 *
 * Return: as dmv_worker_call().
 */
int dmv_guest_ask(DmvWorker *w, DmvChannelKind kind, uint64_t seconds, DmvWorkerReply cb, void *userdata);

/* At the end of the manager; calls that wait are forgotten. */
DmvGuestbook *dmv_guestbook_free(DmvGuestbook *b);

#endif
