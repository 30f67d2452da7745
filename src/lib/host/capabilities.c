/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * capget(2), capset(2), and the bounding set of prctl(2).
 *
 * By the system calls, which the kernel keeps stable, since there are three of them. What has to be taken is
 * asked first: a unit's filter may forbid to set what the unit has set.
 */
#include "capabilities.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS _LINUX_CAPABILITY_U32S_3

typedef struct __user_cap_header_struct Header;
typedef struct __user_cap_data_struct Data;

static int read_own(Data ret[WORDS])
{
    Header header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capget, &header, ret) < 0 ? -errno : 0;
}

static uint64_t join(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

int dmv_capabilities_bound(uint64_t keep)
{
    Data own[WORDS] = {0};
    int r = read_own(own);

    if (r < 0)
        return r;
    if (!(join(own[0].effective, own[1].effective) & DMV_CAPABILITY(CAP_SETPCAP)))
        return 0;
    for (int c = 0; c < 64; c++) {
        int bound = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

        if (bound < 0)
            break; /* the kernel has no more */
        if (bound > 0 && !(keep & DMV_CAPABILITY(c)) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
            return -errno;
    }
    return 0;
}

int dmv_capabilities_keep(uint64_t keep)
{
    Header header = {.version = _LINUX_CAPABILITY_VERSION_3};
    Data own[WORDS] = {0};
    bool changes = false;
    int r = read_own(own);

    if (r < 0)
        return r;
    for (int i = 0; i < WORDS; i++) {
        uint32_t left = own[i].permitted & (uint32_t)(keep >> (32 * i));

        changes = changes || own[i].permitted != left || own[i].inheritable != 0;
        own[i] = (Data){.permitted = left, .effective = own[i].effective & left, .inheritable = 0};
    }
    return changes && syscall(SYS_capset, &header, own) < 0 ? -errno : 0;
}
