/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The packets of an OpenPGP certificate (RFC 4880, 4.2 and 5), as far as the rules for key files need them.
 */
#ifndef DMV_TRUST_OPENPGP_H
#define DMV_TRUST_OPENPGP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of an OpenPGP key id. */
#define DMV_KEY_ID_SIZE 8

typedef struct DmvKeyId {
    uint8_t bytes[DMV_KEY_ID_SIZE];
} DmvKeyId;

enum { DMV_PGP_SIGNATURE = 2, DMV_PGP_PUBLIC_KEY = 6, DMV_PGP_PUBLIC_SUBKEY = 14 };

typedef struct DmvPgpPacket {
    unsigned tag;
    const uint8_t *start; /* with its header, up to the end of the body */
    const uint8_t *body;
    size_t size; /* of the body */
} DmvPgpPacket;

/* What a signature packet of version 4 says. The signature itself is not verified here. */
typedef struct DmvPgpSignature {
    unsigned type;         /* RFC 4880, 5.2.1 */
    bool has_issuer;       /* it names one key and not two */
    DmvKeyId issuer;       /* who is said to have made it */
    uint32_t made;         /* seconds since the epoch; 0: not said */
    uint32_t key_lifetime; /* seconds after the key's creation; 0: without an end */
} DmvPgpSignature;

/**
 * dmv_pgp_next() - take the next packet
 * @p: where to read; moved behind the packet
 * @end: end of the bytes
 * @ret: borrows from them
 *
 * Partial lengths are for data packets only and refused.
 *
 * Return: false at the end (then *@p is @end) and for what is no packet.
 */
bool dmv_pgp_next(const uint8_t **p, const uint8_t *end, DmvPgpPacket *ret);

/**
 * dmv_pgp_signature_read() - read a signature packet
 * @k: a packet with the tag DMV_PGP_SIGNATURE
 *
 * Times count only in the area that the signature covers; gpg writes the issuer into either.
 *
 * Return: false if it is not of version 4 or contradicts itself.
 */
bool dmv_pgp_signature_read(const DmvPgpPacket *k, DmvPgpSignature *ret);

#endif
