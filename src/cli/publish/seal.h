/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Envelopes: DSSE v1 over exact bytes, as dmv-catalog(5) says. What trust/ reads, this writes. */
#ifndef DMV_PUBLISH_SEAL_H
#define DMV_PUBLISH_SEAL_H

#include "base/json.h"
#include "base/text.h"
#include "cli/publish/signkey.h"

/* The bytes that are signed: "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload. Append-only: see
 * dmv_text_take(). */
void dmv_seal_pae(const char *type, const void *payload, size_t size, DmvText *ret);

/* Canonical padded base64. @ret is owned by the caller. Return: 0, -ENOMEM. */
int dmv_seal_base64(const void *data, size_t size, char **ret);
/* Undoes that. Return: 0; DMV_BAD_BASE64; -ENOMEM. */
int dmv_seal_unbase64(const char *text, char **ret, size_t *ret_size);

/**
 * dmv_seal() - an envelope signed by every key of a list that is wanted
 * @type: payload type
 * @payload: the exact bytes
 * @size: how many
 * @keys: private keys at hand
 * @wanted: key ids whose signatures count; NULL: all of @keys
 * @ret: the envelope, owned by the caller
 * @ret_n: signatures in it, may be NULL
 *
 * Return: 0; DMV_BAD_KEY if a key cannot sign; -ENOMEM.
 */
int dmv_seal(const char *type, const void *payload, size_t size, const DmvSignkeys *keys, char *const *wanted,
             json_object **ret, size_t *ret_n);

/**
 * dmv_unseal() - the payload of an envelope of our own, without judging its signatures
 * @envelope: as read from the publisher's folder
 * @type: payload type that it has to have
 * @ret: the bytes, owned by the caller
 * @ret_size: how many
 *
 * Return: 0; DMV_MALFORMED, DMV_WRONG_TYPE, DMV_BAD_BASE64 with @reterr; -ENOMEM.
 */
int dmv_unseal(json_object *envelope, const char *type, char **ret, size_t *ret_size, DmvError *reterr);

#endif
