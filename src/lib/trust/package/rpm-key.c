/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private keyring of package signatures.
 *
 * librpm's own reader of certificates is too kind: of two certificates in one armour it says "added" and then
 * verifies nothing, of two armours in one file it takes the first, and it knows nothing of revocation or of
 * short keys. So the packets (RFC 4880, 4.2 and 5) are walked here first, and a file that is not exactly one
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

typedef struct Packet {
    unsigned tag;
    const uint8_t *body;
    size_t size;
} Packet;

enum { TAG_SIGNATURE = 2, TAG_PUBLIC_KEY = 6, TAG_PUBLIC_SUBKEY = 14 };

int dmv_keyring_new(DmvKeyring **ret)
{
    DmvKeyring *k = calloc(1, sizeof(*k));

    if (!k)
        return -ENOMEM;
    k->keys = rpmKeyringNew();
    *ret = k;
    return 0;
}

DmvKeyring *dmv_keyring_free(DmvKeyring *k)
{
    if (!k)
        return NULL;
    rpmKeyringFree(k->keys);
    free(k->ids);
    free(k);
    return NULL;
}

bool dmv_keyring_has(const DmvKeyring *k, const DmvKeyId *id)
{
    for (size_t i = 0; i < k->n_ids; i++)
        if (memcmp(&k->ids[i], id, sizeof(*id)) == 0)
            return true;
    return false;
}

/* The length field of the old packet format: 1, 2 or 4 bytes, or "to the end". */
static bool old_length(const uint8_t **p, const uint8_t *end, unsigned type, size_t *ret)
{
    size_t n = type == 3 ? 0 : (size_t)1 << type;
    size_t length = 0;

    if ((size_t)(end - *p) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        length = length << 8 | *(*p)++;
    *ret = n ? length : (size_t)(end - *p);
    return true;
}

/* The length field of the new packet format. Partial lengths are for data packets only and refused. */
static bool new_length(const uint8_t **p, const uint8_t *end, size_t *ret)
{
    size_t left = (size_t)(end - *p);
    const uint8_t *b = *p;

    if (left >= 1 && b[0] < 192) {
        *ret = b[0];
        *p += 1;
    } else if (left >= 2 && b[0] < 224) {
        *ret = ((size_t)(b[0] - 192) << 8) + b[1] + 192;
        *p += 2;
    } else if (left >= 5 && b[0] == 255) {
        *ret = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
        *p += 5;
    } else {
        return false;
    }
    return true;
}

static bool packet_next(const uint8_t **p, const uint8_t *end, Packet *ret)
{
    uint8_t head;

    if (*p >= end)
        return false;
    head = *(*p)++;
    if (!(head & 0x80))
        return false;
    if (head & 0x40) {
        ret->tag = head & 0x3f;
        if (!new_length(p, end, &ret->size))
            return false;
    } else {
        ret->tag = (head >> 2) & 0x0f;
        if (!old_length(p, end, head & 3, &ret->size))
            return false;
    }
    if (ret->size > (size_t)(end - *p))
        return false;
    ret->body = *p;
    *p += ret->size;
    return true;
}

/* Version 4: version, time (4), algorithm, then for RSA the bits of the modulus (2). */
static bool key_is_short(const Packet *k)
{
    if (k->size < 8 || k->body[0] != 4)
        return true;
    if (k->body[5] < PGPPUBKEYALGO_RSA || k->body[5] > PGPPUBKEYALGO_RSA_SIGN)
        return false;
    return ((unsigned)k->body[6] << 8 | k->body[7]) < RSA_BITS_MIN;
}

/* Version 4: version, type. 0x20 and 0x28 revoke a key and a subkey. */
static bool signature_revokes(const Packet *s)
{
    return s->size >= 2 && (s->body[1] == 0x20 || s->body[1] == 0x28);
}

/* NULL if the packets are one certificate that may be used, else what is wrong. */
static const char *judge_packets(const uint8_t *data, size_t size)
{
    const uint8_t *p = data, *end = data + size;
    unsigned n_primary = 0;
    Packet k;

    while (packet_next(&p, end, &k)) {
        if (k.tag == TAG_PUBLIC_KEY)
            n_primary++;
        if ((k.tag == TAG_PUBLIC_KEY || k.tag == TAG_PUBLIC_SUBKEY) && key_is_short(&k))
            return "the key is too old or too short: RSA needs 2048 bits";
        if (k.tag == TAG_SIGNATURE && signature_revokes(&k))
            return "the certificate holds a revocation";
    }
    if (p != end || n_primary == 0)
        return "it is not a public certificate";
    return n_primary == 1 ? NULL : "it holds more than one certificate";
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

static int add_key(DmvKeyring *k, rpmPubkey key)
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
static int add_with_subkeys(DmvKeyring *k, rpmPubkey key)
{
    int n = 0, r = add_key(k, key);
    rpmPubkey *subkeys = rpmGetSubkeys(key, &n);

    for (int i = 0; i < n; i++) {
        if (r == 0)
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

int dmv_keyring_add(DmvKeyring *k, const char *data, size_t size, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_FREE uint8_t *packets = NULL;
    const char *why = judge_armour(data, size);
    size_t n = 0;
    rpmPubkey key;
    int r;

    if (why)
        return refuse(reterr, why);
    text = strndup(data, size);
    if (!text)
        return -ENOMEM;
    if (pgpParsePkts(text, &packets, &n) != PGPARMOR_PUBKEY)
        return refuse(reterr, "the armour is damaged");
    why = judge_packets(packets, n);
    if (why)
        return refuse(reterr, why);
    key = rpmPubkeyNew(packets, n);
    if (!key)
        return refuse(reterr, "librpm does not know this kind of key");
    r = add_with_subkeys(k, key);
    rpmPubkeyFree(key);
    return r == -EINVAL ? refuse(reterr, "librpm does not take this key") : r;
}
