/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel modules: the certificate that signs them, and the signature at their end. See modsign.h. */
#include "cli/publish/modsign.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

#define KEY_BITS 3072
#define SERIAL_BITS 127
#define VALID_SECONDS (10 * 365 * INT64_C(86400))

#define SIGN_FLAGS (CMS_BINARY | CMS_DETACHED | CMS_NOCERTS | CMS_NOATTR | CMS_NOSMIMECAP)

static const char magic[] = "~Module signature appended~\n";
#define MAGIC_SIZE (sizeof(magic) - 1)

/* struct module_signature of the kernel: before the magic, and all zero but two fields. */
typedef struct Footer {
    uint8_t algo, hash, id_type, signer_len, key_id_len, pad[3], sig_len[4];
} Footer;
#define ID_TYPE_PKCS7 2

_Static_assert(sizeof(Footer) == 12, "the kernel's footer has 12 bytes");

static void cleanup_bio(BIO **b)
{
    BIO_free(*b);
}
static void cleanup_pkey(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}
static void cleanup_x509(X509 **c)
{
    X509_free(*c);
}
static void cleanup_cms(CMS_ContentInfo **c)
{
    CMS_ContentInfo_free(*c);
}
static void cleanup_bn(BIGNUM **n)
{
    BN_free(*n);
}

void dmv_modcert_deinit(DmvModcert *c)
{
    if (c->pem)
        OPENSSL_cleanse(c->pem, c->pem_size);
    free(c->pem);
    free(c->der);
    free(c->skid);
    *c = (DmvModcert){0};
}

static int add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    int ok = e && X509_add_ext(x, e, -1) == 1;

    X509_EXTENSION_free(e);
    return ok ? 0 : -ENOMEM;
}

static int set_serial(X509 *x)
{
    DMV_CLEANUP(cleanup_bn) BIGNUM *n = BN_new();

    if (!n || BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
        !BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)))
        return -ENOMEM;
    return 0;
}

static int set_times(X509 *x, int64_t now)
{
    return ASN1_TIME_set(X509_getm_notBefore(x), now) &&
                   ASN1_TIME_set(X509_getm_notAfter(x), now + VALID_SECONDS)
               ? 0
               : -ENOMEM;
}

static int make_certificate(EVP_PKEY *pkey, const char *name, int64_t now, X509 **ret)
{
    DMV_CLEANUP(cleanup_x509) X509 *x = X509_new();
    X509_NAME *subject = x ? X509_get_subject_name(x) : NULL;
    X509V3_CTX ctx;

    if (!subject || X509_set_version(x, X509_VERSION_3) != 1 || set_serial(x) < 0 || set_times(x, now) < 0 ||
        X509_set_pubkey(x, pkey) != 1 ||
        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)name, -1,
                                   -1, 0) != 1 ||
        X509_set_issuer_name(x, subject) != 1)
        return -ENOMEM;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    if (add_extension(x, &ctx, NID_basic_constraints, "critical,CA:FALSE") < 0 ||
        add_extension(x, &ctx, NID_key_usage, "critical,digitalSignature") < 0 ||
        add_extension(x, &ctx, NID_subject_key_identifier, "hash") < 0 ||
        add_extension(x, &ctx, NID_authority_key_identifier, "keyid:always") < 0 ||
        X509_sign(x, pkey, EVP_sha256()) <= 0)
        return -ENOMEM;
    *ret = DMV_TAKE_PTR(x);
    return 0;
}

static int export_pem(EVP_PKEY *pkey, X509 *x, DmvModcert *ret)
{
    DMV_CLEANUP(cleanup_bio) BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long size;

    if (!bio || PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(bio, x) != 1)
        return -ENOMEM;
    size = BIO_get_mem_data(bio, &data);
    ret->pem = size > 0 ? strndup(data, (size_t)size) : NULL;
    ret->pem_size = (size_t)size;
    return ret->pem ? 0 : -ENOMEM;
}

static int export_der(X509 *x, DmvModcert *ret)
{
    unsigned char *der = NULL;
    int size = i2d_X509(x, &der);

    ret->der = size > 0 ? malloc((size_t)size) : NULL;
    if (ret->der)
        memcpy(ret->der, der, (size_t)size);
    ret->der_size = size > 0 ? (size_t)size : 0;
    OPENSSL_free(der);
    return ret->der ? 0 : -ENOMEM;
}

static int export_skid(X509 *x, DmvModcert *ret)
{
    const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(x);
    size_t n = skid ? (size_t)ASN1_STRING_length(skid) : 0;

    ret->skid = n ? malloc(2 * n + 1) : NULL;
    if (!ret->skid)
        return -ENOMEM;
    dmv_hex(ASN1_STRING_get0_data(skid), n, ret->skid);
    return 0;
}

int dmv_modcert_generate(const char *name, int64_t now, DmvModcert *ret)
{
    DMV_CLEANUP(cleanup_pkey) EVP_PKEY *pkey = EVP_RSA_gen(KEY_BITS);
    DMV_CLEANUP(cleanup_x509) X509 *x = NULL;

    if (!pkey || make_certificate(pkey, name, now, &x) < 0 || export_pem(pkey, x, ret) < 0 ||
        export_der(x, ret) < 0 || export_skid(x, ret) < 0)
        return -ENOMEM;
    return 0;
}

size_t dmv_modsign_unsigned_size(const void *data, size_t size)
{
    const uint8_t *p = data;
    size_t n = size, sig;
    Footer f;

    if (n < MAGIC_SIZE + sizeof(f) || memcmp(p + n - MAGIC_SIZE, magic, MAGIC_SIZE) != 0)
        return size;
    n -= MAGIC_SIZE + sizeof(f);
    memcpy(&f, p + n, sizeof(f));
    sig = (size_t)f.sig_len[0] << 24 | (size_t)f.sig_len[1] << 16 | (size_t)f.sig_len[2] << 8 | f.sig_len[3];
    return sig <= n ? n - sig : size;
}

/* A detached CMS over the bytes, as the kernel wants it, in DER. */
static int make_cms(const void *data, size_t size, EVP_PKEY *pkey, X509 *x, unsigned char **ret,
                    int *ret_size)
{
    DMV_CLEANUP(cleanup_bio) BIO *bio = size > INT32_MAX ? NULL : BIO_new_mem_buf(data, (int)size);
    DMV_CLEANUP(cleanup_cms)
    CMS_ContentInfo *cms =
        CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | CMS_STREAM);

    if (!bio || !cms)
        return -ENOMEM;
    if (!CMS_add1_signer(cms, x, pkey, EVP_sha256(), SIGN_FLAGS) ||
        CMS_final(cms, bio, NULL, SIGN_FLAGS) != 1)
        return DMV_BAD_KEY;
    *ret_size = i2d_CMS_ContentInfo(cms, ret);
    return *ret_size > 0 ? 0 : -ENOMEM;
}

static int append_signature(const void *data, size_t size, const void *cms, size_t cms_size, void **ret,
                            size_t *ret_size)
{
    const Footer f = {.id_type = ID_TYPE_PKCS7,
                      .sig_len = {(uint8_t)(cms_size >> 24), (uint8_t)(cms_size >> 16),
                                  (uint8_t)(cms_size >> 8), (uint8_t)cms_size}};
    uint8_t *out = malloc(size + cms_size + sizeof(f) + MAGIC_SIZE), *p = out;

    if (!out)
        return -ENOMEM;
    p = mempcpy(p, data, size);
    p = mempcpy(p, cms, cms_size);
    p = mempcpy(p, &f, sizeof(f));
    p = mempcpy(p, magic, MAGIC_SIZE);
    *ret = out;
    *ret_size = (size_t)(p - out);
    return 0;
}

int dmv_modsign(const void *data, size_t size, const char *pem, size_t pem_size, void **ret, size_t *ret_size,
                DmvError *reterr)
{
    DMV_CLEANUP(cleanup_bio) BIO *bio = pem_size > INT32_MAX ? NULL : BIO_new_mem_buf(pem, (int)pem_size);
    DMV_CLEANUP(cleanup_pkey) EVP_PKEY *pkey = NULL;
    DMV_CLEANUP(cleanup_x509) X509 *x = NULL;
    unsigned char *cms = NULL;
    int cms_size = 0, r = DMV_BAD_KEY;

    /* the empty passphrase keeps OpenSSL from asking a terminal for one */
    pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "") : NULL;
    if (pkey && BIO_reset(bio) == 1)
        x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    size = dmv_modsign_unsigned_size(data, size);
    if (x)
        r = make_cms(data, size, pkey, x, &cms, &cms_size);
    if (r == 0)
        r = append_signature(data, size, cms, (size_t)cms_size, ret, ret_size);
    OPENSSL_free(cms);
    if (r == DMV_BAD_KEY)
        return dmv_error_set(
            reterr, r, "cannot sign the module", NULL,
            "the file with the module key holds no private key and certificate that belong together");
    return r;
}
