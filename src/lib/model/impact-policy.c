/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the settings say about guests that a change would affect. */
#include <stdlib.h>

#include "model/impact.h"

static const char *const policies[DMV_GUEST_POLICY_MAX] = {
    [DMV_GUEST_POLICY_REPORT] = "report",
    [DMV_GUEST_POLICY_REFUSE] = "refuse",
    [DMV_GUEST_POLICY_SHUTDOWN] = "shutdown",
    [DMV_GUEST_POLICY_SAVE] = "save",
};

const char *dmv_guest_policy_to_string(DmvGuestPolicy p)
{
    return p >= 0 && p < DMV_GUEST_POLICY_MAX ? policies[p] : NULL;
}

/* Names that a message has at most: the rest is a number. */
#define NAMES_MAX 3

/* "db, web and 2 more", of guests that run and, with @now, stand on what changes for the running kernel.
 * Return: how many there are. */
static size_t name_guests(const DmvImpact *i, bool now, DmvText *t, const DmvGuestImpact **ret_first)
{
    size_t n = 0, named = 0;

    *ret_first = NULL;
    for (size_t k = 0; k < i->n; k++) {
        const DmvGuestImpact *g = &i->items[k];

        if (g->guest->state != DMV_GUEST_RUNNING || (now && !g->now))
            continue;
        if (n++ == 0)
            *ret_first = g;
        if (n <= NAMES_MAX)
            dmv_text_appendf(t, "%s%s", named++ > 0 ? ", " : "", g->guest->name);
    }
    if (n > NAMES_MAX)
        dmv_text_appendf(t, " and %zu more", n - NAMES_MAX);
    return n;
}

/* The first device through which the change reaches a guest, in words. */
static const char *find_way(const DmvGuestImpact *g)
{
    for (size_t i = 0; i < g->n_devices; i++)
        if (g->devices[i].footing && g->devices[i].footing->modules)
            return g->devices[i].footing->chain;
    return g->devices[0].device->what;
}

static int refuse_now(const DmvImpact *i, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText names = {0}, modules = {0};
    const DmvGuestImpact *first;
    size_t n = name_guests(i, true, &names, &first);

    if (n == 0)
        return 0;
    for (char **m = first->modules; m && *m; m++)
        dmv_text_appendf(&modules, "%s%s", m == first->modules ? "" : ", ", *m);
    return dmv_error_set(
        reterr, DMV_GUESTS_AFFECTED, NULL,
        "leave it to the next reboot, stop or move the guests first, or add --accept-guests",
        "%s run%s on what would change now, %s (%s): nothing is reloaded by this, but whoever reloads "
        "it takes that away from %s",
        names.data ? names.data : "guests", n == 1 ? "s" : "", modules.data ? modules.data : "a module",
        find_way(first), n == 1 ? "it" : "them");
}

static int refuse_reboot(const DmvImpact *i, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText names = {0};
    const DmvGuestImpact *first;
    size_t n = name_guests(i, false, &names, &first);

    if (n == 0)
        return 0;
    return dmv_error_set(reterr, DMV_GUESTS_AFFECTED, NULL,
                         "stop or move the guests first, or add --accept-guests; dmvctl impact shows them",
                         "a reboot has to take this over, and %s run%s here (policy=refuse in dmv.conf)",
                         names.data ? names.data : "guests", n == 1 ? "s" : "");
}

static int refuse_unknown(DmvError *reterr)
{
    return dmv_error_set(reterr, DMV_GUESTS_AFFECTED, NULL,
                         "see what is wrong with the channels (dmvctl describe), or add --accept-guests",
                         "nobody tells which guests run here, so it may affect any");
}

int dmv_impact_check(const DmvImpact *i, DmvGuestPolicy policy, bool now, bool accepted, DmvError *reterr)
{
    int r = 0;

    if (accepted || !i->changes)
        return 0;
    if (i->unknown && (now || (policy == DMV_GUEST_POLICY_REFUSE && i->reboot)))
        return refuse_unknown(reterr);
    if (now)
        r = refuse_now(i, reterr);
    return r == 0 && policy == DMV_GUEST_POLICY_REFUSE && i->reboot ? refuse_reboot(i, reterr) : r;
}
