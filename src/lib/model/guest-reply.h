/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one channel tells of guests, on the wire between the guest worker and the daemon: the reply of
 * io.dmv.Guest.Read(). The worker has looked at bytes of others, so its reply is believed no more than those.
 */
#ifndef DMV_MODEL_GUEST_REPLY_H
#define DMV_MODEL_GUEST_REPLY_H

#include "base/json.h"
#include "model/guest.h"

/**
 * dmv_guest_reply_render() - write what a channel told
 * @g: what it told
 * @kind: which channel it is
 *
 * Return: the parameters of the reply, owned by the caller; NULL for lack of memory.
 */
json_object *dmv_guest_reply_render(const DmvGuests *g, DmvChannelKind kind);

/**
 * dmv_guest_reply_read() - read it again
 * @reply: the parameters
 * @kind: the channel that was asked
 * @ret: must be empty before; for dmv_guests_merge(). Not touched on failure.
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_MALFORMED for what no honest worker says: words that are not printable, a backing that may
 * not be called so (dmv_backing_is_valid()), a UUID in another form, the control domain; DMV_TOO_LARGE for
 * more guests or devices than there can be; -ENOMEM.
 */
int dmv_guest_reply_read(json_object *reply, DmvChannelKind kind, DmvGuests *ret, DmvError *reterr);

#endif
