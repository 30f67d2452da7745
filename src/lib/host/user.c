/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* setresuid(2) and its like. */
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

#define FIRST ((uid_t)61184)
#define COUNT ((uid_t)4096)

uid_t dmv_user_pick(void)
{
    return FIRST + (uid_t)getpid() % COUNT;
}

/* Three times each, so that nothing is left to come back with. */
int dmv_user_become(uid_t uid)
{
    gid_t gid = (gid_t)uid;

    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    return setresuid(0, 0, 0) == 0 ? -EPERM : 0;
}
