/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private keys of the roles root and catalog, by OpenSSL's EVP. See signkey.h. */
#include "cli/publish/signkey.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"

#define PEM_MAX_SIZE 65536

static const struct {
    const char *scheme, *type, *group;
    const EVP_MD *(*digest)(void); /* NULL: the scheme has its own */
} schemes[] = {
    {"ed25519", "ED25519", NULL, NULL},
    {"ecdsa-sha2-nistp256", "EC", "prime256v1", EVP_sha256},
    {"ecdsa-sha2-nistp384", "EC", "secp384r1", EVP_sha384},
};

static void cleanup_bio(BIO **b)
{
    BIO_free(*b);
}

static void cleanup_md_ctx(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

static void cleanup_pkey(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static int find_scheme(const char *scheme)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(schemes); i++)
        if (dmv_streq(schemes[i].scheme, scheme))
            return (int)i;
    return -1;
}

static int scheme_of_key(const EVP_PKEY *pkey)
{
    char group[64] = "";

    for (size_t i = 0; i < DMV_N_ELEMENTS(schemes); i++) {
        if (!EVP_PKEY_is_a(pkey, schemes[i].type))
            continue;
        if (!schemes[i].group)
            return (int)i;
        if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
            strcmp(group, schemes[i].group) == 0)
            return (int)i;
    }
    return -1;
}

void dmv_signkey_deinit(DmvSignkey *k)
{
    EVP_PKEY_free(k->pkey);
    free(k->spki);
    *k = (DmvSignkey){0};
}

void dmv_signkeys_deinit(DmvSignkeys *k)
{
    for (size_t i = 0; i < k->n; i++)
        dmv_signkey_deinit(&k->items[i]);
    free(k->items);
    *k = (DmvSignkeys){0};
}

const DmvSignkey *dmv_signkeys_find(const DmvSignkeys *k, const char *id)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->items[i].id, id) == 0)
            return &k->items[i];
    return NULL;
}

bool dmv_signkey_scheme_is_known(const char *scheme)
{
    return find_scheme(scheme) >= 0;
}

/* The public part and its hash. */
static int read_public(DmvSignkey *k)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(k->pkey, &der);

    if (size > 0 && (k->spki = malloc((size_t)size))) {
        memcpy(k->spki, der, (size_t)size);
        k->spki_size = (size_t)size;
    }
    OPENSSL_free(der);
    return k->spki ? dmv_sha256_hex(k->spki, k->spki_size, k->id) : -ENOMEM;
}

/* Takes a reference of @pkey. Return: 0 (also if it was there already), DMV_BAD_KEY, -ENOMEM. */
static int add_key(EVP_PKEY *pkey, DmvSignkeys *keys)
{
    DMV_CLEANUP(dmv_signkey_deinit) DmvSignkey fresh = {0};
    int scheme = scheme_of_key(pkey), r;
    DmvSignkey *slot;

    if (scheme < 0)
        return DMV_BAD_KEY;
    if (EVP_PKEY_up_ref(pkey) != 1)
        return -ENOMEM;
    fresh.pkey = pkey;
    fresh.scheme = schemes[scheme].scheme;
    r = read_public(&fresh);
    if (r < 0 || dmv_signkeys_find(keys, fresh.id))
        return r;
    slot = DMV_ARRAY_ADD(keys->items, keys->n);
    if (!slot)
        return -ENOMEM;
    *slot = fresh;
    fresh = (DmvSignkey){0};
    return 0;
}

int dmv_signkey_generate(const char *scheme, DmvSignkeys *keys, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_pkey) EVP_PKEY *pkey = NULL;
    int i = find_scheme(scheme);

    if (i < 0)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot make a key",
                             "use ed25519, ecdsa-sha2-nistp256 or ecdsa-sha2-nistp384", "\"%s\" is no scheme",
                             scheme);
    pkey = schemes[i].group ? EVP_PKEY_Q_keygen(NULL, NULL, schemes[i].type, schemes[i].group)
                            : EVP_PKEY_Q_keygen(NULL, NULL, schemes[i].type);
    return pkey ? add_key(pkey, keys) : -ENOMEM;
}

int dmv_signkey_to_pem(const DmvSignkey *k, char **ret, size_t *ret_size)
{
    DMV_CLEANUP(cleanup_bio) BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long size;

    if (!bio || PEM_write_bio_PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
        return -ENOMEM;
    size = BIO_get_mem_data(bio, &data);
    *ret = size > 0 ? strndup(data, (size_t)size) : NULL;
    if (!*ret)
        return -ENOMEM;
    *ret_size = (size_t)size;
    return 0;
}

int dmv_signkey_from_pem(const char *data, size_t size, DmvSignkeys *keys, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_bio) BIO *bio = size > PEM_MAX_SIZE ? NULL : BIO_new_mem_buf(data, (int)size);
    DMV_CLEANUP(cleanup_pkey) EVP_PKEY *pkey = NULL;
    int r = DMV_BAD_KEY;

    /* the empty passphrase keeps OpenSSL from asking a terminal for one */
    pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "") : NULL;
    if (pkey)
        r = add_key(pkey, keys);
    if (r == DMV_BAD_KEY)
        return dmv_error_set(reterr, r, "cannot use a key", NULL,
                             "it is no unencrypted PEM private key of a known scheme");
    return r;
}

int dmv_signkeys_load(int dirfd, const char *path, const char *prefix, DmvSignkeys *keys, DmvError *reterr)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0, skip = strlen(prefix);
    int r = dmv_fs_list(dirfd, path, &entries, &n);

    if (r < 0)
        return r == -ENOENT
                   ? 0
                   : dmv_error_set(reterr, r, "cannot read the keys", NULL, "%s: %s", path, strerror(-r));
    for (size_t i = 0; i < n && r == 0; i++) {
        DMV_CLEANUP_FREE char *file = NULL, *data = NULL;
        size_t size = 0;

        if (!dmv_starts_with(entries[i].name, prefix) || entries[i].name[skip] != '.' ||
            !dmv_ends_with(entries[i].name, ".pem"))
            continue;
        r = asprintf(&file, "%s/%s", path, entries[i].name) < 0
                ? -ENOMEM
                : dmv_fs_read_file(dirfd, file, PEM_MAX_SIZE, &data, &size);
        if (r < 0)
            dmv_error_set(reterr, r, "cannot read a key", NULL, "%s: %s", entries[i].name, strerror(-r));
        else
            r = dmv_signkey_from_pem(data, size, keys, reterr);
        if (data)
            OPENSSL_cleanse(data, size);
        if (r > 0)
            dmv_error_set_what(reterr, "cannot use the key %s", file);
    }
    dmv_fs_entries_free(entries, n);
    return r;
}

int dmv_signkey_sign(const DmvSignkey *k, const void *data, size_t size, uint8_t **ret, size_t *ret_size)
{
    DMV_CLEANUP(cleanup_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    DMV_CLEANUP_FREE uint8_t *sig = NULL;
    size_t sig_size = 0;
    int i = find_scheme(k->scheme);
    const EVP_MD *md = i >= 0 && schemes[i].digest ? schemes[i].digest() : NULL;

    if (i < 0)
        return DMV_BAD_KEY;
    if (!ctx)
        return -ENOMEM;
    if (EVP_DigestSignInit(ctx, NULL, md, NULL, k->pkey) != 1 ||
        EVP_DigestSign(ctx, NULL, &sig_size, data, size) != 1)
        return DMV_BAD_KEY;
    sig = malloc(sig_size);
    if (!sig)
        return -ENOMEM;
    if (EVP_DigestSign(ctx, sig, &sig_size, data, size) != 1)
        return DMV_BAD_KEY;
    *ret = DMV_TAKE_PTR(sig);
    *ret_size = sig_size;
    return 0;
}
