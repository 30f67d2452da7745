/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names in the store: one place for its layout. */
#include "daemon/apply/store.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "daemon/apply/image.h"

int dmv_store_check_names(const char *driver, const char *variant, const char *version, const char *kernel,
                          DmvError *reterr)
{
    if (dmv_name_is_valid(driver) && dmv_name_is_valid(variant) && dmv_name_is_valid(version) &&
        dmv_kernel_name_is_valid(kernel))
        return 0;
    return dmv_error_set(reterr, DMV_INVALID_NAME, NULL, NULL,
                         "driver, variant, version or kernel is no valid name");
}

char *dmv_store_folder(const char *driver, const char *variant, const char *version, const char *kernel)
{
    char *folder = NULL;

    if (asprintf(&folder, "%s/%s/%s/%s/%s", DMV_STORE_DIR, kernel, driver, variant, version) < 0)
        return NULL;
    return folder;
}

const char *dmv_store_below(const char *path)
{
    return path + (strrchr(DMV_STORE_DIR, '/') + 1 - DMV_STORE_DIR);
}

int dmv_store_open_above(const DmvRoots *r)
{
    const char *name;

    return dmv_image_open_parent(r->fd, DMV_STORE_DIR, &name);
}

int dmv_store_hidden_name(const char *prefix, char **ret)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    if (asprintf(ret, "%s/%s%016llx", DMV_STORE_DIR, prefix, (unsigned long long)random) < 0) {
        *ret = NULL;
        return -ENOMEM;
    }
    return 0;
}
