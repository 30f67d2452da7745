/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest worker: io.dmv.Guest on one connection. A process tells what one channel knows, or stops guests
 * and brings them back; it never does both.
 */
#ifndef DMV_DAEMON_GUEST_WORKER_H
#define DMV_DAEMON_GUEST_WORKER_H

#include <systemd/sd-event.h>

#include "guest/libvirt.h"
#include "host/roots.h"
#include "varlink/varlink.h"

/* Seconds that a step of stopping a guest has; the process ends then, whoever started it. dmvd has given it
 * up before that. */
#define DMV_GUEST_CALL_SECONDS 40
/* Seconds that a caller may give a question to a channel. */
#define DMV_GUEST_READ_SECONDS_MAX 3600
/* What a guest may be given to shut down or to be saved: as timeout= in dmv.conf(5). */
#define DMV_GUEST_STOP_SECONDS_MAX 86400
/* Reading the memory of a saved one. */
#define DMV_GUEST_RESTORE_SECONDS 3600

/* For tests; {0} is what dmvd and systemd start it with. */
typedef struct DmvGuestOptions {
    const char *libvirt;  /* a URI, or NULL: DMV_LIBVIRT_URI on the running system, none below another root */
    const char *xenstore; /* path of xenstored's socket, or NULL: libxenstore's, or none, likewise */
    unsigned seconds;     /* for a step, or 0: DMV_GUEST_CALL_SECONDS */
} DmvGuestOptions;

typedef struct DmvGuestWorker DmvGuestWorker;

/**
 * dmv_guest_worker_new() - the server of the passed socket
 * @roots: borrowed
 * @options: what is borrowed there has to live as long
 * @ret: freed with dmv_guest_worker_free()
 *
 * The loop of @event ends with the connection.
 *
 * Return: 0 or a negative errno: -ENOTCONN without a socket.
 */
int dmv_guest_worker_new(sd_event *event, const DmvRoots *roots, const DmvGuestOptions *options,
                         DmvGuestWorker **ret);
DmvGuestWorker *dmv_guest_worker_free(DmvGuestWorker *w);
static inline void dmv_cleanup_guest_worker(DmvGuestWorker **w)
{
    *w = dmv_guest_worker_free(*w);
}

#endif
