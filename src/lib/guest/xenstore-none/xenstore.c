/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In place of libxenstore, where that was not there when dmv was built. */
#include <errno.h>

#include "guest/xenstore.h"

int dmv_xenstore_open(DmvXenstore **ret, DmvError *reterr)
{
    (void)ret;
    return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, NULL, NULL, "dmv was not built with libxenstore");
}

DmvXenstore *dmv_xenstore_free(DmvXenstore *x)
{
    (void)x;
    return NULL;
}

static int get(const char *path, char **ret, void *userdata)
{
    (void)path;
    (void)ret;
    (void)userdata;
    return -ENOENT;
}

static int list(const char *path, char ***ret, void *userdata)
{
    (void)path;
    (void)ret;
    (void)userdata;
    return -ENOENT;
}

DmvXenstoreReader dmv_xenstore_reader(DmvXenstore *x)
{
    return (DmvXenstoreReader){.get = get, .list = list, .userdata = x};
}
