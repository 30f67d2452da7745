/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Throw-away users: who a worker becomes that root has started, so that nothing on the host is its own. */
#ifndef DMV_HOST_USER_H
#define DMV_HOST_USER_H

#include <sys/types.h>

/* One for this process, of the range that systemd keeps for dynamic users (61184 ... 65519), which no package
 * uses. */
uid_t dmv_user_pick(void);
/**
 * dmv_user_become() - give up root, for good
 * @uid: the user, also as its only group
 *
 * Of a process that is not root's nothing is changed.
 *
 * Return: 0, or a negative errno (-EPERM: it has no right to, or could come back).
 */
int dmv_user_become(uid_t uid);

#endif
