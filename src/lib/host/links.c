/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Carriers by <sysfs>/class/net/NAME/carrier, which cannot even be read while an interface is not up. */
#include "host/links.h"

#include <errno.h>
#include <fcntl.h>

#include "host/descent.h"

static int add_if_up(const DmvDescent *d, const char *interface, char ***links)
{
    DMV_CLEANUP_FREE char *folder = dmv_descent_join("class/net", interface), *carrier = NULL;
    int r = folder ? dmv_descent_text(d, folder, "carrier", &carrier) : -ENOMEM;

    return r == 0 && dmv_streq(carrier, "1") ? dmv_strv_push_unique(links, interface) : r;
}

int dmv_links_observe(const DmvRoots *r, const DmvWorld *w, char ***ret)
{
    DMV_CLEANUP_STRV char **links = NULL;
    DMV_CLEANUP_CLOSE int sysfs = -1;
    DmvDescent d;
    int e = 0;

    if (!r->sysfs)
        return 0;
    sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sysfs < 0)
        return -errno;
    d = (DmvDescent){.sysfs = sysfs, .udev = -1};
    for (size_t i = 0; e == 0 && i < w->n_devices; i++)
        for (char **name = w->devices[i].interfaces; e == 0 && name && *name && !w->devices[i].physfn; name++)
            e = add_if_up(&d, *name, &links);
    for (size_t i = 0; e == 0 && i < w->n_lifelines; i++)
        if (w->lifelines[i].kind == DMV_LIFELINE_MANAGEMENT)
            e = add_if_up(&d, w->lifelines[i].what, &links);
    if (e == 0)
        *ret = DMV_TAKE_PTR(links);
    return e;
}
