/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DSSE v1 envelopes: exact bytes of a known type, and signatures over both.
 *
 *   {"payloadType":T,"payload":base64(bytes),"signatures":[{"keyid":hex,"sig":base64}]}
 *
 * A profile of https://github.com/secure-systems-lab/dsse: canonical padded base64 only, "keyid" is required,
 * the payload is never parsed here.
 */
#ifndef DMV_TRUST_DSSE_H
#define DMV_TRUST_DSSE_H

#include "base/text.h"
#include "trust/key.h"

/* More signatures than keys can count are somebody's way to keep us busy. */
#define DMV_SIGNATURES_MAX 64

typedef struct DmvEnvelopeSignature {
    char key_id[DMV_SHA256_HEX];
    unsigned char bytes[256];
    size_t size;
} DmvEnvelopeSignature;

typedef struct DmvEnvelope {
    char *pae; /* what was signed: "DSSEv1 " len(T) " " T " " len(bytes) " " bytes */
    size_t pae_size;
    const char *payload; /* inside @pae */
    size_t payload_size;
    DmvEnvelopeSignature *signatures;
    size_t n_signatures;
} DmvEnvelope;

void dmv_envelope_deinit(DmvEnvelope *e);
#define DMV_CLEANUP_ENVELOPE DMV_CLEANUP(dmv_envelope_deinit)

/**
 * dmv_envelope_parse() - bytes of an envelope to payload and signatures
 * @data: the bytes
 * @size: how many
 * @type: payload type that it has to carry
 * @max: most bytes that the payload may have
 * @ret: filled on success
 * @reterr: filled on a refusal, may be NULL
 *
 * Judges no signature.
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_MALFORMED, DMV_WRONG_TYPE, DMV_BAD_BASE64; -ENOMEM.
 */
int dmv_envelope_parse(const char *data, size_t size, const char *type, size_t max, DmvEnvelope *ret,
                       DmvError *reterr);

/**
 * dmv_envelope_verify() - have enough keys signed?
 * @e: the envelope
 * @keys: who may sign
 * @n_keys: how many
 * @threshold: how many distinct keys of them have to have signed, at least 1
 * @reterr: filled on a refusal, may be NULL
 *
 * Counts keys, neither signatures nor key ids: a key that signed twice, or that is listed in two encodings,
 * counts once.
 *
 * Return: 0; DMV_BELOW_THRESHOLD; -ENOMEM.
 */
int dmv_envelope_verify(const DmvEnvelope *e, const DmvKey *const *keys, size_t n_keys, size_t threshold,
                        DmvError *reterr);

/* Moves the payload out: @ret is owned by the caller and NUL-terminated; @e is empty afterwards. */
void dmv_envelope_take_payload(DmvEnvelope *e, char **ret, size_t *ret_size);

/* Appends what is signed for @size bytes of @type (for whoever signs). */
void dmv_dsse_pae(const char *type, const void *payload, size_t size, DmvText *t);

#endif
