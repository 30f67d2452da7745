/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine's vendor and product, for variants that an OEM made for its own servers. A guest or a board
 * without firmware tables has none, and that is no problem. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"
#include "host/sysfs.h"

static int read_one(int sysfs, const char *attribute, char **ret, DmvWorld *w)
{
    int r = dmv_sysfs_text(sysfs, attribute, ret);

    if (r == 0 || r == -ENOMEM)
        return r;
    (void)dmv_problem_add(&w->problems, attribute, r, "it cannot be read: %s", strerror(-r));
    return 0;
}

int dmv_observe_dmi(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP_CLOSE int sysfs = -1;
    int e;

    if (!r->sysfs)
        return 0;
    sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sysfs < 0)
        return errno == ENOENT ? 0 : -errno;
    e = read_one(sysfs, "class/dmi/id/sys_vendor", &w->dmi_vendor, w);
    return e < 0 ? e : read_one(sysfs, "class/dmi/id/product_name", &w->dmi_product, w);
}
