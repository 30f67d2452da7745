/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain descriptions: the XML of libvirt, https://libvirt.org/formatdomain.html, as far as it says what a
 * guest stands on. All forms are read that libvirt's page of its Xen driver shows, and what today's libvirt
 * writes.
 */
#ifndef DMV_GUEST_DOMAIN_H
#define DMV_GUEST_DOMAIN_H

#include <stddef.h>

#include "model/guest.h"

/* A description has some KiB; one with 256 devices and all that libvirt knows about each has some 300. */
#define DMV_DOMAIN_MAX_BYTES ((size_t)1024 * 1024)
#define DMV_DOMAIN_MAX_DEPTH 32
#define DMV_DOMAIN_MAX_NODES 20000

/* The bridge of a network that libvirt manages, as a new string; NULL if it has none or nobody knows it. */
typedef char *(*DmvBridgeOf)(const char *network, void *userdata);

/**
 * dmv_domain_parse() - a description becomes a guest
 * @xml: the bytes
 * @size: how many
 * @type: what the domain has to be: "xen"
 * @bridge_of: resolves networks; NULL: they stay names
 * @userdata: for @bridge_of
 * @ret: must be empty before; touched on success only. Its channels are for the caller to fill.
 * @reterr: filled on a refusal, may be NULL
 *
 * Nothing is loaded from anywhere: a document type and entities are refused. Words are made printable. What
 * stands on no device of this host's control domain, or on one that cannot be told, becomes a backing that is
 * other; a drive with nothing in it becomes none.
 *
 * Return: 0; DMV_EMPTY; DMV_TOO_LARGE for bytes, nodes or devices; DMV_TOO_DEEP; DMV_WRONG_TYPE for a domain
 * of another hypervisor; DMV_MALFORMED; -ENOMEM.
 */
int dmv_domain_parse(const char *xml, size_t size, const char *type, DmvBridgeOf bridge_of, void *userdata,
                     DmvGuest *ret, DmvError *reterr);

#endif
