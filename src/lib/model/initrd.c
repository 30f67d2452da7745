/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one initrd image holds. See initrd.h. */
#include "model/initrd.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void dmv_initrd_module_deinit(DmvInitrdModule *m)
{
    free(m->name);
    free(m->path);
    free(m->kernel);
    free(m->build_id);
    free(m->sha256);
    *m = (DmvInitrdModule){0};
}

void dmv_initrd_deinit(DmvInitrd *i)
{
    for (size_t m = 0; m < i->n_modules; m++)
        dmv_initrd_module_deinit(&i->modules[m]);
    free(i->modules);
    free(i->path);
    free(i->kernel);
    dmv_strv_free(i->blacklist);
    dmv_problems_deinit(&i->problems);
    *i = (DmvInitrd){0};
}

DmvInitrdMaker dmv_initrd_maker_of_member(const char *path)
{
    if (dmv_streq(path, "scripts/functions") || dmv_streq(path, "conf/initramfs.conf"))
        return DMV_INITRD_MAKER_INITRAMFS_TOOLS;
    if (dmv_starts_with(path, "usr/lib/dracut/") || dmv_starts_with(path, "lib/dracut/"))
        return DMV_INITRD_MAKER_DRACUT;
    return DMV_INITRD_MAKER_UNKNOWN;
}

bool dmv_initrd_is_main(const char *path, const char *kernel)
{
    static const char *const beginnings[] = {"initrd.img-", "initramfs-", "initrd-"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    if (!dmv_starts_with(path, "boot/") && !dmv_starts_with(path, "efi/"))
        return false;
    if (dmv_streq(name, "initrd")) /* kernel-install: the kernel is the folder's name */
        return true;
    for (size_t i = 0; i < DMV_N_ELEMENTS(beginnings); i++) {
        size_t n = strlen(beginnings[i]), k = strlen(kernel);

        if (dmv_starts_with(name, beginnings[i]) && dmv_starts_with(name + n, kernel) &&
            (name[n + k] == '\0' || dmv_streq(name + n + k, ".img")))
            return true;
    }
    return false;
}

static int compare_modules(const void *a, const void *b)
{
    const DmvInitrdModule *x = a, *y = b;
    int r = dmv_strcmp0(x->kernel, y->kernel);

    if (r == 0)
        r = dmv_strcmp0(x->name, y->name);
    return r ? r : dmv_strcmp0(x->path, y->path);
}

int dmv_initrd_finish(DmvInitrd *i)
{
    dmv_strv_sort(i->blacklist);
    if (i->n_modules == 0)
        return 0;
    qsort(i->modules, i->n_modules, sizeof(*i->modules), compare_modules);
    if (!dmv_streq(i->modules[0].kernel, i->modules[i->n_modules - 1].kernel))
        return 0;
    return dmv_set_string(&i->kernel, i->modules[0].kernel);
}

const DmvInitrdModule *dmv_initrd_module(const DmvInitrd *i, const char *kernel, const char *module)
{
    for (size_t m = 0; m < i->n_modules; m++)
        if ((!kernel || dmv_streq(i->modules[m].kernel, kernel)) &&
            dmv_module_name_equal(i->modules[m].name, module))
            return &i->modules[m];
    return NULL;
}
