/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confinement of the guest worker, in two steps. xenstored's socket, the files in /etc/xen and the socket by
 * which libvirt takes orders are root's; what comes out of them need not be read as root. So the worker is
 * root until it is connected, and has heard nothing of a guest by then.
 */
#ifndef DMV_DAEMON_GUEST_CONFINE_H
#define DMV_DAEMON_GUEST_CONFINE_H

#include "dmv/outcome.h"

/**
 * dmv_guest_confine() - before the first call is read
 *
 * Limits, an empty environment, no capability but those to become somebody else, no file that it could write
 * but /dev/xen/xenbus, no program that it could start, no socket but AF_UNIX. A kernel without Landlock or
 * without filters of system calls is said in the journal, at debug level.
 *
 * Return: 0 or a negative errno.
 */
int dmv_guest_confine(void);

/**
 * dmv_guest_leave_root() - once what is root's is open
 * @reterr: filled on failure, may be NULL
 *
 * It becomes a user that owns nothing, without a capability.
 *
 * Return: 0 or a negative errno.
 */
int dmv_guest_leave_root(DmvError *reterr);

#endif
