/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls of people who are not root: which action they need, and what polkit says. */
#ifndef DMV_DAEMON_AUTHORIZER_H
#define DMV_DAEMON_AUTHORIZER_H

#include "daemon/manager.h"

/* Questions of one user that may be open at a time; one more gets Busy. */
#define DMV_AUTHORIZER_OPEN_MAX 8

/**
 * dmv_authorizer_new() - have polkit asked about privileged calls of peers that are not root
 * @m: the manager, whose server is there and has no connections yet
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_authorizer_new(DmvManager *m);
/* After the server, which cancels what is open. @a may be NULL. Return: NULL. */
DmvAuthorizer *dmv_authorizer_free(DmvAuthorizer *a);

#endif
