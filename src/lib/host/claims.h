/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the signature at the end of a module claims: who made it, with which key and hash. It proves nothing
 * (trust/modsig.h does); it is shown so that a person can tell modules apart.
 */
#ifndef DMV_HOST_CLAIMS_H
#define DMV_HOST_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "model/world.h"

/* Bytes at the end of a file that are enough for dmv_claims_parse(): the largest signature that is looked at.
 */
#define DMV_CLAIMS_TAIL ((size_t)64 * 1024)

/**
 * dmv_claims_parse() - read the claims from the end of a module
 * @tail: the last bytes of the uncompressed file, at least DMV_CLAIMS_TAIL of them or all there are
 * @size: how many
 * @ret: sig_signer, sig_key and sig_hash are set; NULL stays where nothing is claimed or it cannot be read
 *
 * Return: 0 (also for an unsigned module), or -ENOMEM.
 */
int dmv_claims_parse(const void *tail, size_t size, DmvModuleInfo *ret);

#endif
