/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor: the ways in which a Xen host tells of its guests, and guests that the policy cannot stop. */
#include "daemon/audit.h"
#include "daemon/guests.h"

static void find_channel(DmvAudit *a, const DmvChannel *c)
{
    const char *name = dmv_channel_kind_to_string(c->kind), *why = c->why ? c->why : "it gave nothing";

    switch (c->state) {
    case DMV_CHANNEL_FAILED:
        dmv_audit_find(a, "warning", name, DMV_GUESTS_UNKNOWN,
                       "dmvctl impact shows what the other channels know; dmv-guests(7) says what each needs",
                       "guests that only this channel knows are left out: %s", why);
        break;
    case DMV_CHANNEL_OBSOLETE:
        dmv_audit_find(a, "warning", name, DMV_XEND, "remove what is left of xend", "%s; %s",
                       c->gave ? c->gave : name, why);
        break;
    case DMV_CHANNEL_UNSAFE:
        dmv_audit_find(a, "error", name, DMV_XEND,
                       "(xend-http-server no) in /etc/xen/xend-config.sxp, and stop xend", "%s; %s",
                       c->gave ? c->gave : name, why);
        break;
    case DMV_CHANNEL_OK:
    case DMV_CHANNEL_ABSENT:
    case DMV_CHANNEL_STATE_MAX:
    case DMV_CHANNEL_STATE_INVALID:
        break;
    }
}

/* Guests that are to be stopped before a reboot, and cannot be. One that libvirt would know of is not named
 * if it cannot be asked: that is found already. */
static void find_strangers(DmvAudit *a, const DmvGuests *g, DmvGuestPolicy policy)
{
    if (policy != DMV_GUEST_POLICY_SHUTDOWN && policy != DMV_GUEST_POLICY_SAVE)
        return;
    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].state == DMV_GUEST_RUNNING && !(g->items[i].channels & 1u << DMV_CHANNEL_LIBVIRT) &&
            g->channels[DMV_CHANNEL_LIBVIRT].state != DMV_CHANNEL_FAILED)
            dmv_audit_find(
                a, "warning", g->items[i].name, DMV_GUESTS_AFFECTED,
                "stop it before a reboot by what has started it, xl shutdown NAME if that was xl; see "
                "dmv-guests(7)",
                "policy=%s of guests cannot stop it: libvirt does not know it",
                dmv_guest_policy_to_string(policy));
}

void dmv_audit_guests(DmvAudit *a, const DmvManager *m)
{
    const DmvGuests *known = dmv_guests_known(m);

    for (int k = 0; known && k < DMV_CHANNEL_MAX; k++)
        find_channel(a, &known->channels[k]);
    if (known)
        find_strangers(a, known, (DmvGuestPolicy)m->settings.guests_policy);
}
