/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A root: which keys may sign the next root and the catalogs, and how many of them have to.
 *
 *   {"_type":"root","spec":1,"version":N,"expires":Z,"keys":{keyid:{"scheme":s,"spki":b64}},
 *    "roles":{"root":{"keyids":[],"threshold":2},"catalog":{"keyids":[],"threshold":1}}}
 */
#ifndef DMV_TRUST_ROOT_H
#define DMV_TRUST_ROOT_H

#include <stdint.h>

#include "trust/dsse.h"

#define DMV_ROOT_SIZE_MAX (64u << 10)
#define DMV_ROOT_KEYS_MAX 32

typedef struct DmvRole {
    const DmvKey *keys[DMV_ROOT_KEYS_MAX]; /* borrowed from the root, sorted by id */
    size_t n_keys;
    size_t threshold;
} DmvRole;

typedef struct DmvRoot {
    int64_t version;
    int64_t expires; /* seconds since the epoch */
    DmvKey *keys[DMV_ROOT_KEYS_MAX];
    size_t n_keys;
    DmvRole root, catalog;
    char key_set[DMV_SHA256_HEX]; /* names who may sign catalogs: a hash over the sorted key ids and the
                                     threshold */
} DmvRoot;

/**
 * dmv_root_parse() - the payload of a root envelope to keys and roles
 * @data: the bytes, trusted already or signed by who is trusted
 * @size: how many, at most DMV_ROOT_SIZE_MAX
 * @ret: filled on success; free with dmv_root_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Members that spec 1 does not know are ignored at the top and in "roles".
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_MALFORMED, DMV_WRONG_TYPE, DMV_UNKNOWN_SPEC,
 * DMV_BAD_BASE64, DMV_BAD_KEY (also: an id that is not the key's); -ENOMEM.
 */
int dmv_root_parse(const char *data, size_t size, DmvRoot *ret, DmvError *reterr);
void dmv_root_deinit(DmvRoot *r);
#define DMV_CLEANUP_ROOT DMV_CLEANUP(dmv_root_deinit)

#endif
