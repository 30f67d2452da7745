/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The name of a package: what it says gives the same name back. Not always for one with a '_' where the
 * policy has a '-': "kmod_x-modules" would become a name that begins with "kmod-", and then no name says it.
 */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/package-name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_package_name_deinit) DmvPackageName n = {0};
    DMV_CLEANUP_FREE char *name = strndup((const char *)data, size), *made = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r;

    must(name != NULL);
    r = dmv_package_name_parse(name, NULL, &n, &e);
    must(r == 0 || (r == DMV_INVALID_NAME && e.code == r && e.why && !n.name));
    if (r != 0)
        return 0;
    r = dmv_package_name_make(&n, NULL, &made, &e);
    must(r == 0 || (r == DMV_INVALID_NAME && e.code == r && strchr(name, '_')));
    must(r != 0 || strlen(made) == strlen(name));
    for (size_t i = 0; r == 0 && name[i]; i++)
        must(made[i] == name[i] || (made[i] == '-' && name[i] == '_'));
    must(n.alternate == (n.overrides != NULL) && !(n.alternate && n.alternate_kernel));
    must(dmv_package_tier(&n, DMV_TREE_INVALID) != DMV_TIER_INVALID);
    return 0;
}
