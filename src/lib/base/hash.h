/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SHA-256 by OpenSSL: the one hash that names bytes in dmv. */
#ifndef DMV_BASE_HASH_H
#define DMV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define DMV_SHA256_SIZE 32
#define DMV_SHA256_HEX 65 /* 64 digits and a NUL */

typedef struct DmvHash DmvHash;

/* Makes OpenSSL ignore OPENSSL_CONF and engines. Call it first in every main(). */
void dmv_crypto_init(void);

/* Return: 0, or -ENOMEM. */
int dmv_hash_new(DmvHash **ret);
int dmv_hash_update(DmvHash *h, const void *data, size_t size);
int dmv_hash_final(DmvHash *h, char ret_hex[DMV_SHA256_HEX]);
DmvHash *dmv_hash_free(DmvHash *h);

/* Hash of one piece of memory, as lower-case hex. Return: 0, or -ENOMEM. */
int dmv_sha256_hex(const void *data, size_t size, char ret_hex[DMV_SHA256_HEX]);

#endif
