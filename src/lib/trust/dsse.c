/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DSSE envelopes. See dsse.h.
 *
 * A catalog's payload is most of its envelope, so it is cut out of the JSON and decoded once, to where the
 * signed bytes are needed: behind the header of the PAE.
 */
#include "dsse.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/json-cut.h"
#include "trust/base64.h"

#define WHAT "cannot read a signed envelope"

static const DmvJsonLimits envelope_limits = {
    .size = 64u << 20, .depth = 6, .nodes = 16 + 4 * DMV_SIGNATURES_MAX, .plain_integers = true};

void dmv_envelope_deinit(DmvEnvelope *e)
{
    free(e->pae);
    free(e->signatures);
    *e = (DmvEnvelope){0};
}

static void append_head(const char *type, size_t size, DmvText *t)
{
    dmv_text_appendf(t, "DSSEv1 %zu %s %zu ", strlen(type), type, size);
}

void dmv_dsse_pae(const char *type, const void *payload, size_t size, DmvText *t)
{
    append_head(type, size, t);
    dmv_text_append_bytes(t, payload, size);
}

/*
 * One element of "signatures". What no key of ours can have made (another form of id, a size beyond our
 * schemes) keeps an empty id, which matches nothing: publishers may sign for newer readers too.
 */
static int parse_signature(json_object *o, DmvEnvelopeSignature *ret, DmvError *reterr)
{
    const char *key_id = NULL, *text = NULL;
    const DmvJsonField fields[] = {
        {"keyid", DMV_JSON_STRING, DMV_JSON_REQUIRED, &key_id},
        {"sig", DMV_JSON_STRING, DMV_JSON_REQUIRED, &text},
    };
    int r = dmv_json_read(o, "a signature", fields, DMV_N_ELEMENTS(fields), true, reterr);

    if (r != 0)
        return r;
    if (!dmv_is_hex(key_id, DMV_SHA256_HEX - 1) || dmv_base64_decoded_max(strlen(text)) > sizeof(ret->bytes))
        return 0;
    memcpy(ret->key_id, key_id, DMV_SHA256_HEX);
    if (dmv_base64_decode(text, strlen(text), ret->bytes, &ret->size) != 0)
        return dmv_error_set(reterr, DMV_BAD_BASE64, WHAT, NULL, "a signature is not canonical base64");
    return 0;
}

static int parse_signatures(json_object *array, DmvEnvelope *e, DmvError *reterr)
{
    size_t n = json_object_array_length(array);

    if (n > DMV_SIGNATURES_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL, "%zu signatures, but at most %d are taken", n,
                             DMV_SIGNATURES_MAX);
    e->signatures = calloc(n ? n : 1, sizeof(*e->signatures));
    if (!e->signatures)
        return dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
    for (; e->n_signatures < n; e->n_signatures++) {
        int r = parse_signature(json_object_array_get_idx(array, e->n_signatures),
                                &e->signatures[e->n_signatures], reterr);

        if (r != 0)
            return r;
    }
    return 0;
}

/* How many bytes @size characters decode to, if they are well-formed. */
static size_t decoded_size(const char *text, size_t size)
{
    size_t n = dmv_base64_decoded_max(size);

    if (n > 0 && text[size - 1] == '=')
        n -= text[size - 2] == '=' ? 2 : 1;
    return n;
}

static int decode_payload(const char *text, size_t size, const char *type, size_t max, DmvEnvelope *e,
                          DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText head = {0};
    size_t want = decoded_size(text, size), got = 0;

    if (want > max)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL,
                             "the payload has %zu bytes, but at most %zu are taken", want, max);
    append_head(type, want, &head);
    /* the last group is decoded whole, and a NUL closes what is taken out */
    e->pae = head.error == 0 ? malloc(head.size + dmv_base64_decoded_max(size) + 1) : NULL;
    if (!e->pae)
        return dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
    memcpy(e->pae, head.data, head.size);
    if (dmv_base64_decode(text, size, (unsigned char *)e->pae + head.size, &got) != 0 || got != want)
        return dmv_error_set(reterr, DMV_BAD_BASE64, WHAT, NULL, "the payload is not canonical base64");
    e->payload = e->pae + head.size;
    e->payload_size = got;
    e->pae_size = head.size + got;
    e->pae[e->pae_size] = '\0';
    return 0;
}

/* The value of "payload" as it is written. Some writers escape every slash: those take the detour over
 * json-c. */
static int parse_payload(const char *raw, size_t size, const char *type, size_t max, DmvEnvelope *e,
                         DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    int r;

    if (size < 2 || raw[0] != '"')
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "the payload is not a string");
    if (!memchr(raw, '\\', size))
        return decode_payload(raw + 1, size - 2, type, max, e, reterr);
    r = dmv_json_parse(raw, size, &envelope_limits, &o, reterr);
    if (r != 0)
        return r;
    return decode_payload(json_object_get_string(o), (size_t)json_object_get_string_len(o), type, max, e,
                          reterr);
}

int dmv_envelope_parse(const char *data, size_t size, const char *type, size_t max, DmvEnvelope *ret,
                       DmvError *reterr)
{
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    json_object *signatures = NULL;
    const char *found = NULL, *payload = NULL;
    size_t payload_size = 0;
    const DmvJsonField fields[] = {
        {"payloadType", DMV_JSON_STRING, DMV_JSON_REQUIRED, &found},
        {"signatures", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &signatures},
    };
    int r = dmv_json_cut(data, size, &envelope_limits, "payload", &o, &payload, &payload_size, reterr);

    if (r == 0)
        r = dmv_json_read(o, "the envelope", fields, DMV_N_ELEMENTS(fields), true, reterr);
    if (r != 0)
        return r;
    if (!payload)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "the envelope has no payload");
    if (strcmp(found, type) != 0)
        return dmv_error_set(reterr, DMV_WRONG_TYPE, WHAT, NULL, "the payload is not of the type %s", type);
    r = parse_payload(payload, payload_size, type, max, &e, reterr);
    if (r == 0)
        r = parse_signatures(signatures, &e, reterr);
    if (r != 0)
        return r;
    *ret = e;
    e = (DmvEnvelope){0};
    return 0;
}

static const DmvKey *find_key(const DmvKey *const *keys, size_t n_keys, const char *id)
{
    for (size_t i = 0; i < n_keys; i++)
        if (strcmp(dmv_key_id(keys[i]), id) == 0)
            return keys[i];
    return NULL;
}

/* Return: 1, 0, or -ENOMEM. */
static int has_counted(const DmvKey *const *counted, size_t n, const DmvKey *k)
{
    for (size_t i = 0; i < n; i++) {
        int same = counted[i] == k ? 1 : dmv_key_equal(counted[i], k);

        if (same != 0)
            return same;
    }
    return 0;
}

int dmv_envelope_verify(const DmvEnvelope *e, const DmvKey *const *keys, size_t n_keys, size_t threshold,
                        DmvError *reterr)
{
    const DmvKey *counted[DMV_SIGNATURES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < e->n_signatures && n < threshold; i++) {
        const DmvEnvelopeSignature *s = &e->signatures[i];
        const DmvKey *k = find_key(keys, n_keys, s->key_id);
        int r = k ? has_counted(counted, n, k) : 1;

        if (r > 0)
            continue;
        if (r == 0)
            r = dmv_key_verify(k, s->bytes, s->size, e->pae, e->pae_size);
        if (r < 0)
            return dmv_error_set(reterr, r, "cannot check signatures", NULL, "out of memory");
        if (r > 0)
            counted[n++] = k;
    }
    if (n >= threshold && threshold > 0)
        return 0;
    return dmv_error_set(reterr, DMV_BELOW_THRESHOLD, "the signatures do not suffice", NULL,
                         "%zu of the %zu keys that have to sign have signed", n, threshold);
}

void dmv_envelope_take_payload(DmvEnvelope *e, char **ret, size_t *ret_size)
{
    char *smaller;

    memmove(e->pae, e->payload, e->payload_size + 1);
    smaller = realloc(e->pae, e->payload_size + 1);
    *ret = smaller ? smaller : e->pae;
    *ret_size = e->payload_size;
    e->pae = NULL;
    dmv_envelope_deinit(e);
}
