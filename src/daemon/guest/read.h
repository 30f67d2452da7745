/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking one channel: opens it, gives up root, reads. */
#ifndef DMV_DAEMON_GUEST_READ_H
#define DMV_DAEMON_GUEST_READ_H

#include "host/roots.h"
#include "model/guest.h"

/* Where the channels are; see dmv_guest_worker_new(). */
typedef struct DmvGuestSources {
    const DmvRoots *roots;
    const char *libvirt;  /* URI, or NULL: there is none for this root */
    const char *xenstore; /* path of the socket, or NULL: where libxenstore looks */
    bool has_xenstore;    /* false: there is none for this root */
} DmvGuestSources;

/**
 * dmv_guest_read_channel() - what one channel knows
 * @kind: DMV_CHANNEL_LIBVIRT, DMV_CHANNEL_XENSTORE or DMV_CHANNEL_CONFIG
 * @ret: must be empty before; its channel says how it went. Free with dmv_guests_deinit().
 * @reterr: filled on failure, may be NULL
 *
 * The process is nobody afterwards (dmv_guest_leave_root()). May take for ever.
 *
 * Return: 0, also where the channel is absent or gave nothing; -ENOMEM; what dmv_guest_leave_root() says.
 */
int dmv_guest_read_channel(const DmvGuestSources *s, DmvChannelKind kind, DmvGuests *ret, DmvError *reterr);

#endif
