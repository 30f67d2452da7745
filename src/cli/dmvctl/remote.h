/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmvctl on another host, by ssh. */
#ifndef DMVCTL_REMOTE_H
#define DMVCTL_REMOTE_H

#include "arguments.h"

/**
 * dmv_remote_argv() - the words of the ssh command
 * @a: the command line, with a host
 * @terminal: ask for a terminal at the other end
 * @ret: the words, owned by the caller
 *
 * ssh joins the words and gives them to a shell at the other end, so every word is quoted for it.
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_remote_argv(const DmvArguments *a, bool terminal, char ***ret);

/* Becomes that ssh. Returns only on failure: DMV_UNREACHABLE with @reterr, or -ENOMEM. */
int dmv_remote_run(const DmvArguments *a, bool terminal, DmvError *reterr);

#endif
