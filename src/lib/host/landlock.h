/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Landlock: what a process may change, whoever it is; see landlock(7).
 *
 * Reading is not restricted. A stream may be a folder anywhere on the host, and the tools that build images
 * collect from everywhere; what is secret is so by its owner and mode.
 */
#ifndef DMV_HOST_LANDLOCK_H
#define DMV_HOST_LANDLOCK_H

#include <stddef.h>

typedef enum DmvLandlockAllow {
    /* Start programs, make device nodes, sockets and FIFOs where files may be made, ask devices what they
       are. */
    DMV_LANDLOCK_TOOLS = 1 << 0,
    /* Connect to TCP ports. Nobody listens on one. */
    DMV_LANDLOCK_CONNECT = 1 << 1,
} DmvLandlockAllow;

/**
 * dmv_landlock_restrict() - from now on, and for all that is started: change these places and nothing else
 * @writable: descriptors (O_PATH will do) of folders, which are meant with all below them, and of files
 * @n_writable: how many
 * @allow: DmvLandlockAllow flags
 *
 * Descriptors that are open keep what they allow. Where the kernel knows how (ABI 4, 6) it holds for TCP
 * ports, and for signals and abstract sockets of processes that are not confined so. Mounts cannot be
 * changed. Needs no_new_privs (prctl(2)). Call it before there are threads.
 *
 * Return: 1 when it is in force; 0 where the kernel has no Landlock, or one that allows no renames between
 * folders (ABI 1): nothing is restricted then; a negative errno.
 */
int dmv_landlock_restrict(const int *writable, size_t n_writable, unsigned allow);

#endif
