/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Demands. What an admin and the publishers ask for is never weighed against each other: whoever asks for
 * more has a reason.
 */
#include "model/demand.h"

#include "model/boot.h"

_Static_assert(DMV_CATALOG_TRIAL_BOOTS_MAX == DMV_BOOT_BOOTS_MAX &&
                   DMV_CATALOG_TRIAL_HOURS_MAX * 3600 == DMV_BOOT_SOAK_MAX,
               "a catalog may ask for what the boot machine does not take");

static bool will_be_loaded(const DmvViewDriver *d)
{
    for (size_t i = 0; i < d->n_targets; i++)
        if (d->targets[i].installed)
            return true;
    return false;
}

static bool can_be_tried(const DmvViewDriver *d)
{
    for (size_t i = 0; i < d->n_modules; i++)
        if (d->modules[i].loaded)
            return true;
    return d->slots != NULL;
}

static bool is_on_trial(const DmvViewDriver *d, bool proven)
{
    return d->selected && !(proven && d->selected->active) && will_be_loaded(d) && can_be_tried(d);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

DmvDemand dmv_view_demand(const DmvView *v, bool proven, DmvDemand host)
{
    DmvDemand ret = host;

    for (size_t i = 0; i < v->n_drivers; i++) {
        const DmvViewRelease *r = v->drivers[i].selected;

        if (!is_on_trial(&v->drivers[i], proven) || !r->catalog)
            continue;
        ret.boots = larger(ret.boots, r->catalog->trial_boots);
        ret.seconds = larger(ret.seconds, r->catalog->trial_hours * 3600);
    }
    return ret;
}
