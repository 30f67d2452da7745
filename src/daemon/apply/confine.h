/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a worker takes from itself before it listens. */
#ifndef DMV_APPLY_CONFINE_H
#define DMV_APPLY_CONFINE_H

/**
 * dmv_confine() - less of everything
 *
 * umask 022, no_new_privs (prctl(2)), no core files, an empty environment. The unit says more
 * (systemd.exec(5)); this is what holds under --root too. Call it after the sockets were taken: those are
 * named in the environment.
 *
 * Return: 0, or a negative errno.
 */
int dmv_confine(void);

#endif
