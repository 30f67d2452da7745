/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel modules: the certificate that signs them, and the signature at their end.
 *
 * The kernel's format: ELF | CMS SignedData (detached, no certificates, no attributes) | struct
 * module_signature | magic. The signer is named by issuer and serial number, as the kernel's sign-file does
 * by default, because libkmod (modinfo) shows nothing of a signature that names a subject key id.
 */
#ifndef DMV_PUBLISH_MODSIGN_H
#define DMV_PUBLISH_MODSIGN_H

#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"

typedef struct DmvModcert {
    char *pem; /* private key and certificate */
    size_t pem_size;
    uint8_t *der; /* certificate */
    size_t der_size;
    char *skid; /* subject key id, lower-case hex */
} DmvModcert;

void dmv_modcert_deinit(DmvModcert *c);
#define DMV_CLEANUP_MODCERT DMV_CLEANUP(dmv_modcert_deinit)

/**
 * dmv_modcert_generate() - an RSA-3072 key and a certificate for it
 * @name: common name
 * @now: seconds since the epoch; validity starts here and lasts ten years, which the kernel does not look at
 * @ret: filled
 *
 * CA:FALSE, keyUsage digitalSignature, subject key id: nothing else than sign modules can be done with it.
 *
 * Return: 0, or -ENOMEM (also for any other failure of OpenSSL).
 */
int dmv_modcert_generate(const char *name, int64_t now, DmvModcert *ret);

/* Size of a module without the signature that it may carry. */
size_t dmv_modsign_unsigned_size(const void *data, size_t size);

/**
 * dmv_modsign() - a module with our signature, SHA-256; one that was there before is taken off
 * @data: the module
 * @size: bytes
 * @pem: private key and certificate, as in DmvModcert
 * @pem_size: bytes
 * @ret: the signed module, owned by the caller
 * @ret_size: bytes
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_BAD_KEY; -ENOMEM.
 */
int dmv_modsign(const void *data, size_t size, const char *pem, size_t pem_size, void **ret, size_t *ret_size,
                DmvError *reterr);

#endif
