/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The signature at the end of a kernel module, judged against our own certificates.
 *
 * Layout: ELF | CMS SignedData | struct module_signature (12 bytes) | "~Module signature appended~\n".
 * libkmod shows what a module claims; this proves it.
 */
#ifndef DMV_TRUST_MODSIG_H
#define DMV_TRUST_MODSIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "dmv/outcome.h"

typedef struct DmvCertificates DmvCertificates;

int dmv_certificates_new(DmvCertificates **ret);
DmvCertificates *dmv_certificates_free(DmvCertificates *c);
static inline void dmv_cleanup_certificates(DmvCertificates **c)
{
    *c = dmv_certificates_free(*c);
}
/* Adds one DER certificate. Return: 0; DMV_BAD_KEY; -ENOMEM. */
int dmv_certificates_add(DmvCertificates *c, const void *der, size_t size, DmvError *reterr);
/* The same in base64, as it crosses between the processes. Return: as above; DMV_BAD_BASE64. */
int dmv_certificates_add_base64(DmvCertificates *c, const char *text, DmvError *reterr);
size_t dmv_certificates_count(const DmvCertificates *c);
/* Is there a certificate with this subject key id (lower-case hex)? NULL: no. */
bool dmv_certificates_have(const DmvCertificates *c, const char *skid);

/**
 * dmv_modsig_verify() - does one of our certificates vouch for these bytes?
 * @data: the whole module file, uncompressed
 * @size: bytes
 * @c: the certificates
 * @signer: subject key id that has to be the signer's (lower-case hex), or NULL: any of @c
 * @ret_signer: subject key id of the certificate that signed, owned, may be NULL
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_MODULE_UNSIGNED, DMV_MODULE_BAD_FOOTER, DMV_MODULE_BAD_CMS, DMV_MODULE_WEAK_HASH,
 * DMV_MODULE_UNKNOWN_SIGNER, DMV_MODULE_BAD_SIGNATURE; -ENOMEM.
 */
int dmv_modsig_verify(const void *data, size_t size, const DmvCertificates *c, const char *signer,
                      char **ret_signer, DmvError *reterr);

#endif
