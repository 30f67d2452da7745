/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a worker takes from itself before it listens.
 *
 * A core file of this process would hold modules and keys of a host, and a variable such as MODPROBE_OPTIONS
 * would reach the tools that it starts.
 */
#include "daemon/apply/confine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

int dmv_confine(void)
{
    static const struct rlimit none = {0, 0};

    (void)umask(022);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    return clearenv() == 0 ? 0 : -ENOMEM;
}
