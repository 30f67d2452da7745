/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is the host in good health? What the World and the View say of the drivers that somebody selected: the
 * kernel runs what it was to load, and every device of such a driver has one. The rest of a host's health is
 * for others to judge, who tell it with the report.
 */
#include <errno.h>

#include "daemon/boot.h"

static int check_modules(const DmvViewDriver *d, char ***problems)
{
    for (size_t i = 0; i < d->n_modules; i++) {
        const DmvViewModule *x = &d->modules[i];

        if (x->loaded && x->next && !dmv_streq(x->release, x->next) &&
            dmv_strv_pushf_unique(problems, "%s: the kernel runs %s and not %s", x->name,
                                  x->release ? x->release : "something unknown", x->next) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Virtual functions are left out: they are bound and unbound for guests. */
static int check_devices(const DmvWorld *w, const DmvViewDriver *d, char ***problems, bool *lost)
{
    char *const *slots = d->selected ? d->selected->slots : d->slots;

    for (size_t i = 0; i < w->n_devices; i++) {
        const DmvDevice *x = &w->devices[i];

        if (x->driver || x->physfn || !dmv_strv_contains(slots, x->slot))
            continue;
        *lost = true;
        if (dmv_strv_pushf_unique(problems, "%s: no driver is bound to it, and %s is selected", x->slot,
                                  d->name) < 0)
            return -ENOMEM;
    }
    return 0;
}

int dmv_health_look(const DmvManager *m, char ***ret, bool *ret_lost)
{
    DMV_CLEANUP_STRV char **problems = NULL;
    bool lost = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < m->view.n_drivers; i++) {
        const DmvViewDriver *d = &m->view.drivers[i];

        if (!d->selection)
            continue;
        r = check_modules(d, &problems);
        if (r == 0)
            r = check_devices(&m->world, d, &problems, &lost);
    }
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(problems);
    *ret_lost = lost;
    return 0;
}
