/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a module, and certificates: whatever a fuzzer appends, nobody whom we trust has signed it.
 *
 * No fuzzer finds a signature by chance. After a first byte of 1 comes a length and that many bytes of a
 * module, which is signed here by somebody whom we trust, and then changes to the file: three bytes each, a
 * place and what is exclusively or-ed there. What is accepted then is what was signed.
 */
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "trust/modsig.h"

#define MARK "~Module signature appended~\n"
#define ID_TYPE_PKCS7 2

static EVP_PKEY *key;
static X509 *certificate;

static void add_extension(int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *e;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(e && X509_add_ext(certificate, e, -1) == 1);
    X509_EXTENSION_free(e);
}

/* Its key is another one in each process. */
static void make_certificate(void)
{
    static const unsigned char name[] = "modules";

    key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    certificate = X509_new();
    must(key && certificate && X509_set_version(certificate, 2) == 1);
    must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL);
    must(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) != NULL);
    must(X509_set_pubkey(certificate, key) == 1);
    must(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, name, -1, -1,
                                    0) == 1);
    must(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1);
    add_extension(NID_basic_constraints, "critical,CA:FALSE");
    add_extension(NID_key_usage, "digitalSignature");
    add_extension(NID_subject_key_identifier, "hash");
    must(X509_sign(certificate, key, EVP_sha256()) > 0);
}

static DmvCertificates *trust_certificate(void)
{
    DmvCertificates *c = NULL;
    unsigned char *der = NULL;
    int n;

    if (!certificate)
        make_certificate();
    n = i2d_X509(certificate, &der);
    must(n > 0 && dmv_certificates_new(&c) == 0 && dmv_certificates_add(c, der, (size_t)n, NULL) == 0);
    OPENSSL_free(der);
    return c;
}

static void append_signature(DmvText *t, unsigned flags)
{
    BIO *in = BIO_new_mem_buf(t->data ? t->data : "", (int)t->size);
    CMS_ContentInfo *cms =
        CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_DETACHED | CMS_BINARY | CMS_NOATTR);
    unsigned char *der = NULL, footer[12] = {0, 0, ID_TYPE_PKCS7};
    int n;

    must(in && cms);
    must(CMS_add1_signer(cms, certificate, key, EVP_sha256(),
                         CMS_BINARY | CMS_NOATTR | CMS_NOCERTS | CMS_NOSMIMECAP | flags) != NULL);
    must(CMS_final(cms, in, NULL, CMS_DETACHED | CMS_BINARY) == 1);
    n = i2d_CMS_ContentInfo(cms, &der);
    must(n > 0);
    footer[10] = (unsigned char)(n >> 8);
    footer[11] = (unsigned char)n;
    dmv_text_append_bytes(t, der, (size_t)n);
    dmv_text_append_bytes(t, footer, sizeof(footer));
    dmv_text_append(t, MARK);
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
}

/* Return: was a byte of the module changed? */
static bool change(char *file, size_t size, size_t module_size, const uint8_t *changes, size_t n)
{
    uint8_t *before = malloc(module_size + 1);
    bool changed;

    must(before != NULL);
    memcpy(before, file, module_size);
    for (size_t i = 0; i + 3 <= n; i += 3)
        file[((size_t)changes[i] << 8 | changes[i + 1]) % size] ^= (char)changes[i + 2];
    changed = memcmp(before, file, module_size) != 0;
    free(before);
    return changed;
}

static void try_signed(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = trust_certificate();
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *signer = NULL;
    DMV_CLEANUP_TEXT DmvText file = {0};
    size_t n = size > 0 && data[0] < size ? data[0] : 0;
    bool changed;
    int r;

    if (n == 0)
        return;
    dmv_text_append_bytes(&file, data + 1, n);
    append_signature(&file, n & 1 ? CMS_USE_KEYID : 0);
    must(file.error == 0);
    changed = change(file.data, file.size, n, data + 1 + n, size - 1 - n);
    r = dmv_modsig_verify(file.data, file.size, c, NULL, &signer, &e);
    must(r > 0 ? e.why && !signer : r == 0 && signer && dmv_certificates_have(c, signer));
    must(r > 0 || !changed);
    must(r == 0 || size - 1 - n >= 3);
}

static void try_foreign(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *signer = NULL;

    must(dmv_certificates_new(&c) == 0);
    must(dmv_modsig_verify(data, size, c, NULL, &signer, &e) > 0);
    must(e.why && !signer);
    must(dmv_certificates_add(c, data, size, NULL) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 1)
        try_signed(data + 1, size - 1);
    else
        try_foreign(data, size);
    return 0;
}
