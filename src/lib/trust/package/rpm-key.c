/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private keyring of package signatures.
 *
 * librpm's own reader of certificates is too kind: of two certificates in one armour it says "added" and then
 * verifies nothing, of two armours in one file it takes the first, and it knows nothing of revocation, of an
 * end or of short keys. So the packets are walked here first (openpgp.c), and a file that is not exactly one
 * usable certificate is refused as a whole, loudly, instead of leaving a keyring that silently trusts less or
 * more than the admin thinks.
 */
#include <errno.h>
#include <rpm/rpmpgp.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rpm-internal.h"

/* A certificate with many user ids and signatures has some 100 KB. */
#define KEY_FILE_MAX (1024 * 1024)
#define RSA_BITS_MIN 2048

static const char armour_begin[] = "-----BEGIN PGP ";
static const char armour_key[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/* The types of signatures that matter (RFC 4880, 5.2.1). */
enum {
    CERTIFIES_FIRST = 0x10, /* a user id, with four degrees of care */
    CERTIFIES_LAST = 0x13,
    BINDS_SUBKEY = 0x18,
    CERTIFIES_KEY = 0x1f,
    REVOKES_KEY = 0x20,
    REVOKES_SUBKEY = 0x28,
};

/* A key of the certificate; the first is the primary one. */
typedef struct Key {
    DmvKeyId id;
    bool is_signed; /* by the primary key, which says until when it counts */
    uint32_t created, signed_at, lifetime;
} Key;

/* What the packets of one file hold. */
typedef struct Certificate {
    Key *keys;
    size_t n_keys;
    unsigned n_primary;
} Certificate;

static void certificate_deinit(Certificate *c)
{
    free(c->keys);
}

int dmv_package_keys_new(DmvPackageKeys **ret)
{
    DmvPackageKeys *k = calloc(1, sizeof(*k));

    if (!k)
        return -ENOMEM;
    k->keys = rpmKeyringNew();
    *ret = k;
    return 0;
}

DmvPackageKeys *dmv_package_keys_free(DmvPackageKeys *k)
{
    if (!k)
        return NULL;
    rpmKeyringFree(k->keys);
    free(k->ids);
    free(k->ended);
    free(k);
    return NULL;
}

bool dmv_package_keys_has(const DmvPackageKeys *k, const DmvKeyId *id)
{
    for (size_t i = 0; i < k->n_ids; i++)
        if (memcmp(&k->ids[i], id, sizeof(*id)) == 0)
            return true;
    return false;
}

int64_t dmv_package_keys_end(const DmvPackageKeys *k, const DmvKeyId *id)
{
    for (size_t i = 0; i < k->n_ended; i++)
        if (memcmp(&k->ended[i].id, id, sizeof(*id)) == 0)
            return k->ended[i].end;
    return 0;
}

/* Version 4: version, time (4), algorithm, then for RSA the bits of the modulus (2). */
static bool key_is_short(const DmvPgpPacket *k)
{
    if (k->size < 8 || k->body[0] != 4)
        return true;
    if (k->body[5] < PGPPUBKEYALGO_RSA || k->body[5] > PGPPUBKEYALGO_RSA_SIGN)
        return false;
    return ((unsigned)k->body[6] << 8 | k->body[7]) < RSA_BITS_MIN;
}

/* A key packet. *@ret_why: what is wrong with it, or NULL. */
static int take_key(Certificate *c, const DmvPgpPacket *k, const char **ret_why)
{
    Key key = {0};
    Key *slot;

    *ret_why = NULL;
    if (k->tag == DMV_PGP_PUBLIC_KEY)
        c->n_primary++;
    if (c->n_primary == 0)
        *ret_why = "it is not a public certificate";
    else if (key_is_short(k))
        *ret_why = "the key is too old or too short: RSA needs 2048 bits";
    else if (pgpPubkeyKeyID(k->start, (size_t)(k->body - k->start) + k->size, key.id.bytes) != 0)
        *ret_why = "librpm does not know this kind of key";
    if (*ret_why)
        return 0;
    key.created =
        (uint32_t)k->body[1] << 24 | (uint32_t)k->body[2] << 16 | (uint32_t)k->body[3] << 8 | k->body[4];
    slot = DMV_ARRAY_ADD(c->keys, c->n_keys);
    if (!slot)
        return -ENOMEM;
    *slot = key;
    return 0;
}

/*
 * A signature packet, which belongs to the last key before it. The newest one by the primary key says until
 * when a key counts; gpg renews a certificate by adding one. They are not verified: whoever can write into
 * the folder of trusted certificates needs no lie about the end of one. NULL, or what is wrong.
 */
static const char *take_signature(Certificate *c, const DmvPgpPacket *k)
{
    Key *key = c->n_keys ? &c->keys[c->n_keys - 1] : NULL;
    DmvPgpSignature s;

    if (!key)
        return "it is not a public certificate";
    if (k->size >= 2 && (k->body[1] == REVOKES_KEY || k->body[1] == REVOKES_SUBKEY))
        return "the certificate holds a revocation";
    /* one that is not understood, of somebody else or of another version, proves no life */
    if (!dmv_pgp_signature_read(k, &s) || !s.has_issuer ||
        memcmp(&s.issuer, &c->keys[0].id, sizeof(s.issuer)) != 0)
        return NULL;
    if (key == c->keys ? (s.type < CERTIFIES_FIRST || s.type > CERTIFIES_LAST) && s.type != CERTIFIES_KEY
                       : s.type != BINDS_SUBKEY)
        return NULL;
    if (key->is_signed && s.made < key->signed_at)
        return NULL;
    key->is_signed = true;
    key->signed_at = s.made;
    key->lifetime = s.key_lifetime;
    return NULL;
}

/* *@ret_why: NULL if the packets are one certificate that may be used, else what is wrong. */
static int read_packets(const uint8_t *data, size_t size, Certificate *c, const char **ret_why)
{
    const uint8_t *p = data, *end = data + size;
    const char *why = NULL;
    DmvPgpPacket k;
    int r = 0;

    while (r == 0 && !why && dmv_pgp_next(&p, end, &k)) {
        if (k.tag == DMV_PGP_PUBLIC_KEY || k.tag == DMV_PGP_PUBLIC_SUBKEY)
            r = take_key(c, &k, &why);
        else if (k.tag == DMV_PGP_SIGNATURE)
            why = take_signature(c, &k);
    }
    if (!why && (p != end || c->n_primary == 0))
        why = "it is not a public certificate";
    if (!why && c->n_primary > 1)
        why = "it holds more than one certificate";
    if (!why && !c->keys[0].is_signed)
        why = "no signature of its own says until when it counts";
    *ret_why = why;
    return r;
}

/* The first second in which it does not count any more; INT64_MAX: it always does. */
static int64_t end_of(const Key *k)
{
    return k->lifetime > 0 ? (int64_t)k->created + k->lifetime : INT64_MAX;
}

/* A subkey that has expired, or that the primary key did not sign, is left out: publishers change them and
 * keep the old ones in the certificate. */
static bool subkey_counts(const Certificate *c, const uint8_t *id, int64_t now)
{
    for (size_t i = 1; i < c->n_keys; i++)
        if (memcmp(c->keys[i].id.bytes, id, DMV_KEY_ID_SIZE) == 0)
            return c->keys[i].is_signed && end_of(&c->keys[i]) > now;
    return false;
}

/* So that whoever asks about such a key learns why it does not count. No key outlives the primary one. */
static int note_ended(DmvPackageKeys *k, const Certificate *c, int64_t now)
{
    int64_t last = end_of(&c->keys[0]);

    for (size_t i = 0; i < c->n_keys; i++) {
        int64_t own = end_of(&c->keys[i]), end = own < last ? own : last;
        DmvEndedKey *e = end <= now ? DMV_ARRAY_ADD(k->ended, k->n_ended) : NULL;

        if (end > now)
            continue;
        if (!e)
            return -ENOMEM;
        *e = (DmvEndedKey){.id = c->keys[i].id, .end = end};
    }
    return 0;
}

/* The armour is one block of the right kind: NULL, or what is wrong. */
static const char *judge_armour(const char *data, size_t size)
{
    const char *first;

    if (size == 0)
        return "it is empty";
    if (size > KEY_FILE_MAX)
        return "it is larger than 1 MiB";
    if (memchr(data, '\0', size))
        return "it is binary; export it with gpg --export --armor";
    first = memmem(data, size, armour_key, strlen(armour_key));
    if (!first || memmem(data, size, armour_begin, strlen(armour_begin)) != first)
        return "it is not an armoured public certificate; export it with gpg --export --armor";
    first += strlen(armour_begin);
    if (memmem(first, size - (size_t)(first - data), armour_begin, strlen(armour_begin)))
        return "it holds more than one certificate";
    return NULL;
}

static int add_key(DmvPackageKeys *k, rpmPubkey key)
{
    const uint8_t *id = pgpDigParamsSignID(rpmPubkeyPgpDigParams(key));
    DmvKeyId *slot;

    if (rpmKeyringAddKey(k->keys, key) < 0)
        return -EINVAL;
    slot = DMV_ARRAY_ADD(k->ids, k->n_ids);
    if (!slot)
        return -ENOMEM;
    memcpy(slot->bytes, id, sizeof(slot->bytes));
    return 0;
}

/* librpm does not look for subkeys by itself. */
static int add_with_subkeys(DmvPackageKeys *k, rpmPubkey key, const Certificate *c, int64_t now)
{
    int n = 0, r = add_key(k, key);
    rpmPubkey *subkeys = rpmGetSubkeys(key, &n);

    for (int i = 0; i < n; i++) {
        const uint8_t *id = pgpDigParamsSignID(rpmPubkeyPgpDigParams(subkeys[i]));

        if (r == 0 && subkey_counts(c, id, now))
            r = add_key(k, subkeys[i]);
        rpmPubkeyFree(subkeys[i]);
    }
    free(subkeys);
    return r;
}

static int refuse(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_RPM_BAD_KEY_FILE, "cannot use the key file for packages",
                         "put each certificate into a file of its own, armoured", "%s", why);
}

/* The bytes inside of the armour. Return: 0, DMV_RPM_BAD_KEY_FILE, -ENOMEM. */
static int open_armour(const char *data, size_t size, uint8_t **ret, size_t *ret_n, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    const char *why = judge_armour(data, size);

    if (why)
        return refuse(reterr, why);
    text = strndup(data, size);
    if (!text)
        return -ENOMEM;
    if (pgpParsePkts(text, ret, ret_n) != PGPARMOR_PUBKEY)
        return refuse(reterr, "the armour is damaged");
    return 0;
}

int dmv_package_keys_add(DmvPackageKeys *k, const char *data, size_t size, int64_t now, DmvError *reterr)
{
    __attribute__((cleanup(certificate_deinit))) Certificate c = {0};
    DMV_CLEANUP_FREE uint8_t *packets = NULL;
    const char *why = NULL;
    size_t n = 0;
    rpmPubkey key;
    int r = open_armour(data, size, &packets, &n, reterr);

    if (r == 0)
        r = read_packets(packets, n, &c, &why);
    if (r != 0)
        return r;
    if (why)
        return refuse(reterr, why);
    r = note_ended(k, &c, now);
    if (r < 0 || end_of(&c.keys[0]) <= now)
        return r;
    key = rpmPubkeyNew(packets, n);
    if (!key)
        return refuse(reterr, "librpm does not know this kind of key");
    r = add_with_subkeys(k, key, &c, now);
    rpmPubkeyFree(key);
    return r == -EINVAL ? refuse(reterr, "librpm does not take this key") : r;
}
