/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of system calls in the words of the apply worker: what a disk can do to us gets its own reason. */
#ifndef DMV_APPLY_FAILURE_H
#define DMV_APPLY_FAILURE_H

#include "dmv/outcome.h"

/**
 * dmv_failure() - the outcome of a failed system call
 * @e: filled, may be NULL
 * @code: a negative errno, or an outcome that is passed on
 * @doing: what was tried: "write", "read", ...
 * @path: on what, relative to the root
 *
 * Return: DMV_NO_SPACE for -ENOSPC and -EDQUOT, DMV_READ_ONLY for -EROFS, @code otherwise.
 */
int dmv_failure(DmvError *e, int code, const char *doing, const char *path);

#endif
