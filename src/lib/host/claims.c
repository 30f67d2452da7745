/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layout is that of the kernel's scripts/sign-file: CMS SignedData, struct module_signature, a magic
 * line. Only that kind (PKEY_ID_PKCS7) exists since Linux 4.3.
 */
#include "claims.h"

#include <endian.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

static const char magic[] = "~Module signature appended~\n";
enum { ID_PKCS7 = 2 };

/* struct module_signature of include/linux/module_signature.h */
typedef struct Footer {
    uint8_t algo, hash, id_type, signer_len, key_id_len, pad[3];
    uint8_t sig_len[4]; /* big endian */
} Footer;
_Static_assert(sizeof(Footer) == 12, "the footer is what the kernel says");

static inline void cleanup_cms(CMS_ContentInfo **cms)
{
    CMS_ContentInfo_free(*cms);
}

static inline void cleanup_bignum(BIGNUM **n)
{
    BN_free(*n);
}

static inline void cleanup_openssl(char **s)
{
    OPENSSL_free(*s);
}

/* The signature in front of the footer. Return: its first byte, or NULL if there is none. */
static const unsigned char *find_signature(const unsigned char *tail, size_t size, long *ret_size)
{
    size_t magic_size = sizeof(magic) - 1, n;
    uint32_t length;
    Footer f;

    if (size < magic_size + sizeof(f) || memcmp(tail + size - magic_size, magic, magic_size) != 0)
        return NULL;
    size -= magic_size + sizeof(f);
    memcpy(&f, tail + size, sizeof(f));
    memcpy(&length, f.sig_len, sizeof(length));
    n = be32toh(length);
    if (f.id_type != ID_PKCS7 || n == 0 || n > size)
        return NULL;
    *ret_size = (long)n;
    return tail + size - n;
}

/* Lower-case hex of a key id or a serial number. */
static int set_hex(char **p, const unsigned char *data, size_t size)
{
    DMV_CLEANUP_FREE char *hex = malloc(2 * size + 1);

    if (!hex)
        return -ENOMEM;
    dmv_hex(data, size, hex);
    free(*p);
    *p = DMV_TAKE_PTR(hex);
    return 0;
}

static int set_serial(char **p, const ASN1_INTEGER *serial)
{
    DMV_CLEANUP(cleanup_bignum) BIGNUM *n = ASN1_INTEGER_to_BN(serial, NULL);
    DMV_CLEANUP(cleanup_openssl) char *hex = n ? BN_bn2hex(n) : NULL;

    if (!hex)
        return 0;
    for (char *c = hex; *c; c++)
        if (*c >= 'A' && *c <= 'F')
            *c = (char)(*c - 'A' + 'a');
    return dmv_set_string(p, hex);
}

static int set_common_name(char **p, const X509_NAME *name)
{
    char text[256] = "";

    if (X509_NAME_get_text_by_NID((X509_NAME *)name, NID_commonName, text, sizeof(text)) <= 0)
        return 0;
    *p = dmv_sanitize(text);
    return *p ? 0 : -ENOMEM;
}

static int read_signer(CMS_SignerInfo *si, DmvModuleInfo *ret)
{
    ASN1_OCTET_STRING *key_id = NULL;
    ASN1_INTEGER *serial = NULL;
    X509_NAME *issuer = NULL;
    X509_ALGOR *digest = NULL;
    const ASN1_OBJECT *oid = NULL;
    const char *hash;
    int r = 0;

    CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, NULL);
    if (digest)
        X509_ALGOR_get0(&oid, NULL, NULL, digest);
    hash = oid ? OBJ_nid2sn(OBJ_obj2nid(oid)) : NULL;
    if (hash)
        r = dmv_set_string(&ret->sig_hash, hash);
    for (char *c = ret->sig_hash; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    if (r < 0 || CMS_SignerInfo_get0_signer_id(si, &key_id, &issuer, &serial) != 1)
        return r;
    if (issuer)
        r = set_common_name(&ret->sig_signer, issuer);
    if (r == 0 && serial)
        r = set_serial(&ret->sig_key, serial);
    if (r == 0 && key_id)
        r = set_hex(&ret->sig_key, ASN1_STRING_get0_data(key_id), (size_t)ASN1_STRING_length(key_id));
    return r;
}

int dmv_claims_parse(const void *tail, size_t size, DmvModuleInfo *ret)
{
    DMV_CLEANUP(cleanup_cms) CMS_ContentInfo *cms = NULL;
    STACK_OF(CMS_SignerInfo) * signers;
    long n = 0;
    const unsigned char *p = find_signature(tail, size, &n);
    int r = 0;

    if (!p)
        return 0;
    cms = d2i_CMS_ContentInfo(NULL, &p, n);
    signers = cms ? CMS_get0_SignerInfos(cms) : NULL;
    if (signers && sk_CMS_SignerInfo_num(signers) > 0)
        r = read_signer(sk_CMS_SignerInfo_value(signers, 0), ret);
    ERR_clear_error(); /* bytes that are no signature are nobody's later error */
    return r;
}
