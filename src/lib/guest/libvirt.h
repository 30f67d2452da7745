/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt, by its client library. What is asked may take for ever: whoever calls sees to that. */
#ifndef DMV_GUEST_LIBVIRT_H
#define DMV_GUEST_LIBVIRT_H

#include "model/guest.h"

/* The Xen driver of this host. */
#define DMV_LIBVIRT_URI "xen:///system"

typedef struct DmvLibvirt DmvLibvirt;

/**
 * dmv_libvirt_open() - connect
 * @uri: DMV_LIBVIRT_URI, but for tests
 * @writable: false: by the socket that everybody may use, which only tells. True: to convert files, to stop
 * guests and to bring them back.
 * @ret: the connection, freed with dmv_libvirt_free()
 * @reterr: filled on failure, may be NULL
 *
 * Return: 0; DMV_NO_SUCH_OBJECT if this host has no libvirt, none with a Xen driver, or libvirt was not there
 * when dmv was built; DMV_FAILED for whatever else libvirt says; -ENOMEM.
 */
int dmv_libvirt_open(const char *uri, bool writable, DmvLibvirt **ret, DmvError *reterr);
DmvLibvirt *dmv_libvirt_free(DmvLibvirt *l);
static inline void dmv_cleanup_libvirt(DmvLibvirt **l)
{
    *l = dmv_libvirt_free(*l);
}
#define DMV_CLEANUP_LIBVIRT DMV_CLEANUP(dmv_cleanup_libvirt)

/**
 * dmv_libvirt_read() - all domains but the control domain
 * @ret: must be empty before; guests with their devices, problems, and what the channel gave. Free it with
 * dmv_guests_deinit(), also on failure.
 * @reterr: filled on failure, may be NULL
 *
 * A domain whose description cannot be read is a problem. What vanishes while it is read was never there.
 *
 * Return: 0; DMV_FAILED; -ENOMEM.
 */
int dmv_libvirt_read(DmvLibvirt *l, DmvGuests *ret, DmvError *reterr);

/**
 * dmv_libvirt_convert() - a configuration file of xl or xm as a guest (virConnectDomainXMLFromNative())
 * @l: writable
 * @text: all of the file
 * @ret: must be empty before; touched on success only
 * @reterr: filled on failure, may be NULL
 *
 * libvirt makes up what a file does not say: a UUID, and MAC addresses. They differ each time, and are left
 * out.
 *
 * Return: 0; DMV_MALFORMED if libvirt does not understand it; what dmv_domain_parse() says; -ENOMEM.
 */
int dmv_libvirt_convert(DmvLibvirt *l, const char *text, DmvGuest *ret, DmvError *reterr);

/* ---- stopping and bringing back; all of them need a writable connection ---- */

/**
 * dmv_libvirt_shutdown() - ask a guest to shut down; whether it does is up to it
 * @guest: UUID or name
 *
 * Return: 0, also if it does not run; DMV_NO_SUCH_OBJECT if libvirt does not know it; DMV_FAILED; -ENOMEM.
 */
int dmv_libvirt_shutdown(DmvLibvirt *l, const char *guest, DmvError *reterr);
/* Does it run? One that libvirt has forgotten with its end does not. Return: 0; otherwise as above. */
int dmv_libvirt_is_running(DmvLibvirt *l, const char *guest, bool *ret, DmvError *reterr);
/**
 * dmv_libvirt_save() - keep a guest's memory on the disk and end it; takes as long as that takes
 *
 * Return: 0; otherwise as dmv_libvirt_shutdown().
 */
int dmv_libvirt_save(DmvLibvirt *l, const char *guest, DmvError *reterr);
/**
 * dmv_libvirt_restore() - bring back a guest that was saved
 * @ret: the number that it runs with
 *
 * Return: 0, also if it runs already; DMV_NOTHING_SAVED if nothing of it was saved: it would be a start and
 * not a return; otherwise as dmv_libvirt_shutdown().
 */
int dmv_libvirt_restore(DmvLibvirt *l, const char *guest, int64_t *ret, DmvError *reterr);

#endif
