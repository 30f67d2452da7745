/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* setrlimit(2). */
#include "limits.h"

#include <errno.h>

int dmv_limit(int resource, rlim_t value)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
        return -errno;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
        value = now.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &(struct rlimit){value, value}) < 0 ? -errno : 0;
}
