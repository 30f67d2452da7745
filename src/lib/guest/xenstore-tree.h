/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * XenStore as a tree: the domains that run, and what backs their devices. Written against a small reader and
 * not against libxenstore, so that a recorded tree does as well.
 */
#ifndef DMV_GUEST_XENSTORE_TREE_H
#define DMV_GUEST_XENSTORE_TREE_H

#include "model/guest.h"

typedef struct DmvXenstoreReader {
    /* The value of a node as a new string. Return: 0; -ENOENT; another negative errno. */
    int (*get)(const char *path, char **ret, void *userdata);
    /* The names of the nodes right below it, owned by the caller; NULL if there are none. Return: as @get. */
    int (*list)(const char *path, char ***ret, void *userdata);
    /* From here to @end nothing changes. May be NULL, and may fail: what is read may then be of two moments.
       Return: 0 or a negative errno. */
    int (*begin)(void *userdata);
    void (*end)(void *userdata);
    void *userdata;
} DmvXenstoreReader;

/**
 * dmv_xenstore_read_tree() - all domains but the control domain
 * @reader: the tree
 * @ret: must be empty before; guests with their devices, and problems. Its channels are for the caller to
 * fill, those of the guests too. Free it with dmv_guests_deinit(), also on failure.
 *
 * Devices are looked for where their backends are and not where a domain says that they are, since a guest
 * writes into its own nodes. A backend in another domain than the control domain is other. What vanishes
 * while it is read was never there.
 *
 * Return: 0; a negative errno if the reader fails otherwise.
 */
int dmv_xenstore_read_tree(const DmvXenstoreReader *reader, DmvGuests *ret);

#endif
