/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits that a process sets for itself and for what it starts. */
#ifndef DMV_HOST_LIMITS_H
#define DMV_HOST_LIMITS_H

#include <sys/resource.h>

/**
 * dmv_limit() - lower a limit for good, soft and hard (setrlimit(2))
 * @resource: RLIMIT_*
 * @value: the limit; one that somebody else has set lower stays as it is
 *
 * Return: 0, or a negative errno (-EPERM: a filter of system calls).
 */
int dmv_limit(int resource, rlim_t value);

#endif
