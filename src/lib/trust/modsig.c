/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signatures of modules by OpenSSL's CMS. See modsig.h.
 *
 * The kernel's own profile, and nothing around it: SignedData over detached data, one signer, no
 * certificates, no attributes. Who signed is looked up in our set by issuer and serial number or by key id;
 * there is no chain and no time in it, as there is none in the kernel. What CMS would bring along to vouch
 * for itself is refused before it is looked at.
 */
#include "modsig.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "trust/base64.h"

#define WHAT "the signature of a module is refused"
#define MAGIC "~Module signature appended~\n"
#define MAGIC_SIZE (sizeof(MAGIC) - 1)
#define FOOTER_SIZE 12u
#define MODULE_SIZE_MAX (128u << 20)
#define SIGNATURE_SIZE_MAX (64u << 10)
#define CERTIFICATE_TEXT_MAX 65536 /* a certificate has 1 to 2 KiB */
#define RSA_BITS_MIN 2048

enum {
    FOOTER_ID_TYPE = 2, /* offset of the only field besides the size that may be set */
    FOOTER_SIG_LEN = 8, /* offset of the size, big endian */
    ID_TYPE_PKCS7 = 2,
};

typedef struct Certificate {
    X509 *x509;
    char *skid; /* subject key id in lower-case hex */
} Certificate;

struct DmvCertificates {
    Certificate *items;
    size_t n;
};

static void cleanup_cms(CMS_ContentInfo **cms)
{
    CMS_ContentInfo_free(*cms);
}

static void cleanup_bio(BIO **bio)
{
    BIO_free_all(*bio);
}

static void cleanup_x509(X509 **x)
{
    X509_free(*x);
}

/* ---- our certificates ---- */

int dmv_certificates_new(DmvCertificates **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

DmvCertificates *dmv_certificates_free(DmvCertificates *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n; i++) {
        X509_free(c->items[i].x509);
        free(c->items[i].skid);
    }
    free(c->items);
    free(c);
    return NULL;
}

size_t dmv_certificates_count(const DmvCertificates *c)
{
    return c->n;
}

bool dmv_certificates_have(const DmvCertificates *c, const char *skid)
{
    for (size_t i = 0; skid && i < c->n; i++)
        if (strcmp(c->items[i].skid, skid) == 0)
            return true;
    return false;
}

static bool is_strong(X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);

    return key && (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) >= RSA_BITS_MIN);
}

static int refuse_certificate(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_BAD_KEY, "a certificate for modules cannot be used",
                         "put one DER certificate with a subject key id into the file", "%s", why);
}

static int add_certificate(DmvCertificates *c, X509 *x, const ASN1_OCTET_STRING *skid)
{
    size_t n = (size_t)ASN1_STRING_length(skid);
    DMV_CLEANUP_FREE char *hex = malloc(2 * n + 1);
    Certificate *added;

    if (!hex)
        return -ENOMEM;
    dmv_hex(ASN1_STRING_get0_data(skid), n, hex);
    added = DMV_ARRAY_ADD(c->items, c->n);
    if (!added)
        return -ENOMEM;
    (void)X509_up_ref(x);
    *added = (Certificate){.x509 = x, .skid = DMV_TAKE_PTR(hex)};
    return 0;
}

int dmv_certificates_add(DmvCertificates *c, const void *der, size_t size, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_x509) X509 *x = NULL;
    const unsigned char *p = der;
    const ASN1_OCTET_STRING *skid;

    if (size > 0 && size <= SIGNATURE_SIZE_MAX)
        x = d2i_X509(NULL, &p, (long)size);
    ERR_clear_error();
    if (!x || p != (const unsigned char *)der + size)
        return refuse_certificate(reterr, "it is not one DER certificate and nothing else");
    skid = X509_get0_subject_key_id(x);
    ERR_clear_error();
    if (!skid || ASN1_STRING_length(skid) < 1)
        return refuse_certificate(reterr, "it has no subject key id");
    if (!is_strong(x))
        return refuse_certificate(reterr, "its key is unknown or too short");
    if (add_certificate(c, x, skid) < 0)
        return dmv_error_set(reterr, -ENOMEM, "a certificate for modules cannot be used", NULL,
                             "out of memory");
    return 0;
}

int dmv_certificates_add_base64(DmvCertificates *c, const char *text, DmvError *reterr)
{
    size_t n = strlen(text), size = 0;
    DMV_CLEANUP_FREE unsigned char *der = NULL;
    int r;

    if (n > CERTIFICATE_TEXT_MAX)
        return dmv_error_set(reterr, DMV_BAD_KEY, NULL, NULL, "a certificate is too large");
    der = malloc(dmv_base64_decoded_max(n) + 1);
    if (!der)
        return -ENOMEM;
    r = dmv_base64_decode(text, n, der, &size);
    if (r > 0)
        return dmv_error_set(reterr, r, NULL, NULL, "a certificate is no base64");
    return r < 0 ? r : dmv_certificates_add(c, der, size, reterr);
}

/* ---- the end of a module ---- */

/* A module, cut into what was signed and its signature. */
typedef struct Parts {
    const unsigned char *module, *cms;
    size_t module_size, cms_size;
} Parts;

static int bad_footer(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MODULE_BAD_FOOTER, WHAT, NULL, "%s", why);
}

static int split(const unsigned char *data, size_t size, Parts *ret, DmvError *reterr)
{
    const unsigned char *footer;
    size_t n;

    if (size > MODULE_SIZE_MAX)
        return bad_footer(reterr, "the file is larger than any module");
    if (size < MAGIC_SIZE || memcmp(data + size - MAGIC_SIZE, MAGIC, MAGIC_SIZE) != 0)
        return dmv_error_set(reterr, DMV_MODULE_UNSIGNED, "the module is not signed", NULL,
                             "no signature is appended to it");
    size -= MAGIC_SIZE;
    if (size < FOOTER_SIZE)
        return bad_footer(reterr, "nothing is in front of the signature's mark");
    size -= FOOTER_SIZE;
    footer = data + size;
    for (size_t i = 0; i < FOOTER_SIG_LEN; i++)
        if (footer[i] != (i == FOOTER_ID_TYPE ? ID_TYPE_PKCS7 : 0))
            return bad_footer(reterr, "the signature is not of the type PKCS#7");
    n = (size_t)footer[FOOTER_SIG_LEN] << 24 | (size_t)footer[FOOTER_SIG_LEN + 1] << 16 |
        (size_t)footer[FOOTER_SIG_LEN + 2] << 8 | footer[FOOTER_SIG_LEN + 3];
    if (n == 0 || n > SIGNATURE_SIZE_MAX || n >= size)
        return bad_footer(reterr, "the size of the signature is out of range");
    *ret = (Parts){.module = data, .module_size = size - n, .cms = footer - n, .cms_size = n};
    return 0;
}

/* ---- the CMS ---- */

static int bad_cms(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MODULE_BAD_CMS, WHAT, NULL, "%s", why);
}

static int count_certificates(CMS_ContentInfo *cms)
{
    STACK_OF(X509) *certificates = CMS_get1_certs(cms);
    STACK_OF(X509_CRL) *lists = CMS_get1_crls(cms);
    int n = (certificates ? sk_X509_num(certificates) : 0) + (lists ? sk_X509_CRL_num(lists) : 0);

    sk_X509_pop_free(certificates, X509_free);
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    return n;
}

static bool has_strong_hash(CMS_SignerInfo *si)
{
    X509_ALGOR *digest = NULL;
    const ASN1_OBJECT *object = NULL;
    int nid;

    CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, NULL);
    X509_ALGOR_get0(&object, NULL, NULL, digest);
    nid = OBJ_obj2nid(object);
    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

/* The one signer of a CMS that keeps to the profile. */
static int check_profile(CMS_ContentInfo *cms, CMS_SignerInfo **ret, DmvError *reterr)
{
    ASN1_OCTET_STRING **content;
    STACK_OF(CMS_SignerInfo) * signers;

    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
        return bad_cms(reterr, "it is not SignedData");
    if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
        return bad_cms(reterr, "it does not sign data");
    content = CMS_get0_content(cms);
    if (!content || *content)
        return bad_cms(reterr, "it brings its own content");
    if (count_certificates(cms) > 0)
        return bad_cms(reterr, "it brings certificates");
    signers = CMS_get0_SignerInfos(cms);
    if (!signers || sk_CMS_SignerInfo_num(signers) != 1)
        return bad_cms(reterr, "it has not exactly one signer");
    *ret = sk_CMS_SignerInfo_value(signers, 0);
    if (CMS_signed_get_attr_count(*ret) > 0 || CMS_unsigned_get_attr_count(*ret) > 0)
        return bad_cms(reterr, "it has attributes");
    if (!has_strong_hash(*ret))
        return dmv_error_set(reterr, DMV_MODULE_WEAK_HASH, WHAT, NULL,
                             "the hash is not SHA-256, SHA-384 or SHA-512");
    return 0;
}

static int open_cms(const Parts *parts, CMS_ContentInfo **ret, CMS_SignerInfo **ret_signer, DmvError *reterr)
{
    const unsigned char *p = parts->cms;

    *ret = d2i_CMS_ContentInfo(NULL, &p, (long)parts->cms_size);
    if (!*ret)
        return bad_cms(reterr, "it is not DER");
    if (p != parts->cms + parts->cms_size)
        return bad_cms(reterr, "something follows the CMS");
    return check_profile(*ret, ret_signer, reterr);
}

/* What was signed, behind a filter that does nothing: of a plain memory BIO CMS_verify() makes a copy, which
 * it loses when it does not know a digest that the CMS names (OpenSSL 3.0.19). */
static BIO *open_module(const Parts *parts)
{
    DMV_CLEANUP(cleanup_bio) BIO *memory = BIO_new_mem_buf(parts->module, (int)parts->module_size);
    BIO *filter = memory ? BIO_new(BIO_f_null()) : NULL;

    return filter ? BIO_push(filter, DMV_TAKE_PTR(memory)) : NULL;
}

/* Return: 1 if the certificate's key made the signature, 0 if not; -ENOMEM. */
static int check_signature(const Parts *parts, CMS_ContentInfo *cms, CMS_SignerInfo *si, X509 *x)
{
    DMV_CLEANUP(cleanup_bio) BIO *in = open_module(parts);
    DMV_CLEANUP(cleanup_bio) BIO *out = BIO_new(BIO_s_null());

    if (!in || !out)
        return -ENOMEM;
    CMS_SignerInfo_set1_signer_cert(si, x);
    return CMS_verify(cms, NULL, NULL, in, out,
                      CMS_DETACHED | CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY |
                          CMS_NO_ATTR_VERIFY) == 1;
}

/*
 * Tries every certificate that the signer could mean: two may carry the same issuer and serial number. Each
 * is tried on a CMS of its own, because OpenSSL keeps the certificate in it.
 */
static int find_signer(const Parts *parts, const DmvCertificates *c, const Certificate **ret,
                       DmvError *reterr)
{
    int known = 0;

    for (size_t i = 0; i < c->n; i++) {
        DMV_CLEANUP(cleanup_cms) CMS_ContentInfo *cms = NULL;
        CMS_SignerInfo *si = NULL;
        int r = open_cms(parts, &cms, &si, reterr);

        if (r != 0)
            return r;
        if (CMS_SignerInfo_cert_cmp(si, c->items[i].x509) != 0)
            continue;
        known++;
        r = check_signature(parts, cms, si, c->items[i].x509);
        if (r < 0)
            return dmv_error_set(reterr, r, WHAT, NULL, "out of memory");
        if (r > 0) {
            *ret = &c->items[i];
            return 0;
        }
    }
    if (known > 0)
        return dmv_error_set(reterr, DMV_MODULE_BAD_SIGNATURE, WHAT, NULL,
                             "it is not the named signer's over these bytes");
    return dmv_error_set(reterr, DMV_MODULE_UNKNOWN_SIGNER, WHAT,
                         "install the publisher's certificate for modules",
                         "its signer is none of the %zu that this host trusts", c->n);
}

static int verify(const Parts *parts, const DmvCertificates *c, const Certificate **ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_cms) CMS_ContentInfo *cms = NULL;
    CMS_SignerInfo *si = NULL;
    /* also where no certificate is ours: what is malformed is called so */
    int r = open_cms(parts, &cms, &si, reterr);

    return r == 0 ? find_signer(parts, c, ret, reterr) : r;
}

int dmv_modsig_verify(const void *data, size_t size, const DmvCertificates *c, const char *signer,
                      char **ret_signer, DmvError *reterr)
{
    const Certificate *found = NULL;
    Parts parts = {0};
    int r = split(data, size, &parts, reterr);

    if (r == 0) {
        r = verify(&parts, c, &found, reterr);
        ERR_clear_error();
    }
    if (r != 0)
        return r;
    if (signer && strcmp(signer, found->skid) != 0)
        return dmv_error_set(reterr, DMV_MODULE_UNKNOWN_SIGNER, WHAT, NULL,
                             "it is by %s, and has to be by %s", found->skid, signer);
    if (ret_signer) {
        *ret_signer = strdup(found->skid);
        if (!*ret_signer)
            return dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
    }
    return 0;
}
