/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A floor: what whoever makes a stream's root known says of the catalogs that there were then, so that a host
 * that has never seen one cannot be given an older one.
 *
 *   {"format":"dmv-floor-1","stream":NAME,"key_set":HEX,"catalog_version":N,"issued":Z}
 *
 * It lies beside root.json and is believed for the same reason: whoever could replace it could replace dmvd.
 * It only ever refuses, and nothing is accepted because of it.
 */
#ifndef DMV_TRUST_FLOOR_H
#define DMV_TRUST_FLOOR_H

#include "trust/bundle.h"

#define DMV_FLOOR_SIZE_MAX 4096u

typedef struct DmvTrustFloor {
    char *stream;
    char key_set[65]; /* who has signed that catalog, as DmvTrustState has it */
    int64_t catalog_version;
    int64_t issued; /* of that catalog, seconds since the epoch */
} DmvTrustFloor;

void dmv_trust_floor_deinit(DmvTrustFloor *f);
#define DMV_CLEANUP_FLOOR DMV_CLEANUP(dmv_trust_floor_deinit)

/**
 * dmv_trust_floor_parse() - the bytes of a floor.json to data
 * @data: the bytes
 * @size: how many, at most DMV_FLOOR_SIZE_MAX
 * @ret: filled on success; free with dmv_trust_floor_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Unknown members are refused: there is nothing that a floor may say and a host not understand.
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_MALFORMED; -ENOMEM.
 */
int dmv_trust_floor_parse(const char *data, size_t size, DmvTrustFloor *ret, DmvError *reterr);

/* The same back to bytes. Return: 0 or -ENOMEM. */
int dmv_trust_floor_format(const DmvTrustFloor *f, char **ret, size_t *ret_size);

/* Raises what @s accepts to the floor: the time always, the version if its own keys have signed that catalog.
 * A floor of another stream than @stream says nothing. */
void dmv_trust_floor_apply(const DmvTrustFloor *f, const char *stream, DmvTrustState *s);

#endif
