/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Envelopes: DSSE v1. See seal.h. */
#include "cli/publish/seal.h"

#include <errno.h>
#include <string.h>

void dmv_seal_pae(const char *type, const void *payload, size_t size, DmvText *ret)
{
    dmv_text_appendf(ret, "DSSEv1 %zu %s %zu ", strlen(type), type, size);
    dmv_text_append_bytes(ret, payload, size);
}

int dmv_seal_base64(const void *data, size_t size, char **ret)
{
    DMV_CLEANUP_FREE char *text = NULL;

    if (size > INT32_MAX / 2)
        return -EFBIG;
    text = malloc((size + 2) / 3 * 4 + 1);
    if (!text)
        return -ENOMEM;
    text[0] = '\0';
    if (size > 0)
        (void)EVP_EncodeBlock((unsigned char *)text, data, (int)size);
    *ret = DMV_TAKE_PTR(text);
    return 0;
}

int dmv_seal_unbase64(const char *text, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_FREE char *data = NULL, *again = NULL;
    size_t n = strlen(text), padding = 0;

    if (n % 4 != 0 || n > INT32_MAX / 2)
        return DMV_BAD_BASE64;
    data = malloc(n / 4 * 3 + 1);
    if (!data)
        return -ENOMEM;
    while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
        padding++;
    if (n > 0 && EVP_DecodeBlock((unsigned char *)data, (const unsigned char *)text, (int)n) < 0)
        return DMV_BAD_BASE64;
    n = n / 4 * 3 - padding;
    data[n] = '\0';
    /* only one spelling is right, and OpenSSL takes more of them */
    if (dmv_seal_base64(data, n, &again) < 0)
        return -ENOMEM;
    if (strcmp(again, text) != 0)
        return DMV_BAD_BASE64;
    *ret = DMV_TAKE_PTR(data);
    *ret_size = n;
    return 0;
}

static int add_signature(const DmvSignkey *k, const DmvText *pae, json_object *signatures)
{
    DMV_CLEANUP_FREE uint8_t *sig = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    size_t size = 0;
    int r = dmv_signkey_sign(k, pae->data, pae->size, &sig, &size);

    if (r == 0)
        r = dmv_seal_base64(sig, size, &text);
    if (r != 0)
        return r;
    if (!o || dmv_json_add_string(o, "keyid", k->id) < 0 || dmv_json_add_string(o, "sig", text) < 0)
        return -ENOMEM;
    return json_object_array_add(signatures, DMV_TAKE_PTR(o)) < 0 ? -ENOMEM : 0;
}

int dmv_seal(const char *type, const void *payload, size_t size, const DmvSignkeys *keys, char *const *wanted,
             json_object **ret, size_t *ret_n)
{
    DMV_CLEANUP_TEXT DmvText pae = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_JSON json_object *o = json_object_new_object(), *signatures = json_object_new_array();
    int r = dmv_seal_base64(payload, size, &text);

    dmv_seal_pae(type, payload, size, &pae);
    if (r < 0 || pae.error || !o || !signatures)
        return r < 0 ? r : -ENOMEM;
    for (size_t i = 0; i < keys->n && r == 0; i++)
        if (!wanted || dmv_strv_contains(wanted, keys->items[i].id))
            r = add_signature(&keys->items[i], &pae, signatures);
    if (r != 0)
        return r;
    if (ret_n)
        *ret_n = json_object_array_length(signatures);
    if (dmv_json_add_string(o, "payloadType", type) < 0 || dmv_json_add_string(o, "payload", text) < 0 ||
        dmv_json_add(o, "signatures", DMV_TAKE_PTR(signatures)) < 0)
        return -ENOMEM;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

int dmv_unseal(json_object *envelope, const char *type, char **ret, size_t *ret_size, DmvError *reterr)
{
    const char *is = NULL, *payload = NULL;
    json_object *signatures = NULL;
    const DmvJsonField fields[] = {
        {"payloadType", DMV_JSON_STRING, DMV_JSON_REQUIRED, &is},
        {"payload", DMV_JSON_STRING, DMV_JSON_REQUIRED, &payload},
        {"signatures", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &signatures},
    };
    int r = dmv_json_read(envelope, "the envelope", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    if (!dmv_streq(is, type))
        return dmv_error_set(reterr, DMV_WRONG_TYPE, "cannot read an envelope", NULL, "it holds %s, not %s",
                             is, type);
    r = dmv_seal_unbase64(payload, ret, ret_size);
    if (r == DMV_BAD_BASE64)
        dmv_error_set(reterr, r, "cannot read an envelope", NULL, "its payload is no canonical base64");
    return r;
}
