/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XenStore of this host, by libxenstore. */
#ifndef DMV_GUEST_XENSTORE_H
#define DMV_GUEST_XENSTORE_H

#include "guest/xenstore-tree.h"

typedef struct DmvXenstore DmvXenstore;

/**
 * dmv_xenstore_open() - connect to xenstored, or to the one of a stub domain by the kernel
 * @ret: the connection, freed with dmv_xenstore_free()
 * @reterr: filled on failure, may be NULL
 *
 * The socket is where $XENSTORED_PATH says, or where libxenstore was built to look for it.
 *
 * Return: 0; DMV_NO_SUCH_OBJECT if this host has none, or libxenstore was not there when dmv was built; a
 * negative errno.
 */
int dmv_xenstore_open(DmvXenstore **ret, DmvError *reterr);
DmvXenstore *dmv_xenstore_free(DmvXenstore *x);
static inline void dmv_cleanup_xenstore(DmvXenstore **x)
{
    *x = dmv_xenstore_free(*x);
}
#define DMV_CLEANUP_XENSTORE DMV_CLEANUP(dmv_cleanup_xenstore)

/* Its tree, for as long as the connection. What it is asked may take for ever. */
DmvXenstoreReader dmv_xenstore_reader(DmvXenstore *x);

#endif
