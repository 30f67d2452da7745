/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host trusts of a stream, and its form on the disk:
 *
 *   {"format":"dmv-trust-1","root":base64(payload),"catalog_version":N,"catalog_sha256":hex,"key_set":hex,"clock_floor":T}
 *
 * and "catalog_floor":N where that is more than catalog_version.
 *
 * The root is kept as the exact bytes that were signed, so that it can be recognised in a bundle and checked
 * again.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "trust/base64.h"
#include "trust/bundle.h"
#include "trust/root.h"

#define WHAT "cannot read the trust state"
#define NEXT "remove it to start again from the installed root"
#define FORMAT "dmv-trust-1"

static const DmvJsonLimits state_limits = {
    .size = 2 * DMV_ROOT_SIZE_MAX, .depth = 4, .nodes = 64, .plain_integers = true};

void dmv_trust_state_deinit(DmvTrustState *s)
{
    free(s->root);
    *s = (DmvTrustState){0};
}

/* A state that trusts @root, whose bytes it takes over. */
static int from_payload(char **root, size_t size, DmvTrustState *ret, DmvError *reterr)
{
    DMV_CLEANUP_ROOT DmvRoot parsed = {0};
    int r = dmv_root_parse(*root, size, &parsed, reterr);

    if (r != 0)
        return r;
    *ret = (DmvTrustState){.root_size = size, .root_version = parsed.version, .root_expires = parsed.expires};
    ret->root = DMV_TAKE_PTR(*root);
    memcpy(ret->key_set, parsed.key_set, sizeof(ret->key_set));
    return 0;
}

/* The payload of an envelope that meets the threshold of the root inside it. */
static int open_signed(const char *data, size_t size, char **ret, size_t *ret_size, DmvError *reterr)
{
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
    DMV_CLEANUP_ROOT DmvRoot root = {0};
    int r = dmv_envelope_parse(data, size, DMV_ROOT_TYPE, DMV_ROOT_SIZE_MAX, &e, reterr);

    if (r == 0)
        r = dmv_root_parse(e.payload, e.payload_size, &root, reterr);
    if (r == 0)
        r = dmv_envelope_verify(&e, root.root.keys, root.root.n_keys, root.root.threshold, reterr);
    if (r == 0)
        dmv_envelope_take_payload(&e, ret, ret_size);
    return r;
}

static char *copy_bytes(const char *data, size_t size)
{
    char *copy = malloc(size + 1);

    if (copy) {
        memcpy(copy, data, size);
        copy[size] = '\0';
    }
    return copy;
}

int dmv_trust_state_from_root(const char *data, size_t size, DmvTrustState *ret, DmvError *reterr)
{
    static const DmvJsonLimits limits = {
        .size = 4 * DMV_ROOT_SIZE_MAX, .depth = 8, .nodes = 4096, .plain_integers = true};
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *root = NULL;
    size_t root_size = size;
    int r;

    if (size == 0)
        return dmv_error_set(reterr, DMV_NO_ROOT, "cannot use a root", "install the stream's root",
                             "there is none");
    r = dmv_json_parse(data, size, &limits, &o, reterr);
    if (r != 0)
        return r;
    if (json_object_object_get_ex(o, "payloadType", NULL))
        r = open_signed(data, size, &root, &root_size, reterr);
    else if (!(root = copy_bytes(data, size)))
        r = dmv_error_set(reterr, -ENOMEM, "cannot use a root", NULL, "out of memory");
    return r == 0 ? from_payload(&root, root_size, ret, reterr) : r;
}

static int broken(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_STATE_BROKEN, WHAT, NEXT, "%s", why);
}

static int parse_root(const char *text, DmvTrustState *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *root = malloc(dmv_base64_decoded_max(strlen(text)) + 1);
    size_t size = 0;
    int r;

    if (!root)
        return dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
    if (dmv_base64_decode(text, strlen(text), (unsigned char *)root, &size) != 0)
        return broken(reterr, "its root is not canonical base64");
    root[size] = '\0';
    r = from_payload(&root, size, ret, NULL);
    return r > 0 ? broken(reterr, "its root is not a root") : r;
}

/* "" or 64 digits. */
static bool copy_hash(const char *text, char ret[DMV_SHA256_HEX])
{
    if (text[0] != '\0' && !dmv_is_hex(text, DMV_SHA256_HEX - 1))
        return false;
    memset(ret, 0, DMV_SHA256_HEX);
    memcpy(ret, text, strlen(text));
    return true;
}

int dmv_trust_state_parse(const char *data, size_t size, DmvTrustState *ret, DmvError *reterr)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    const char *format = NULL, *root = NULL, *sha256 = NULL, *key_set = NULL;
    int64_t version = 0, least = 0, floor = 0;
    const DmvJsonField fields[] = {
        {"format", DMV_JSON_STRING, DMV_JSON_REQUIRED, &format},
        {"root", DMV_JSON_STRING, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &root},
        {"catalog_version", DMV_JSON_INT, DMV_JSON_REQUIRED, &version},
        {"catalog_sha256", DMV_JSON_STRING, DMV_JSON_REQUIRED, &sha256},
        {"catalog_floor", DMV_JSON_INT, 0, &least},
        {"key_set", DMV_JSON_STRING, DMV_JSON_REQUIRED, &key_set},
        {"clock_floor", DMV_JSON_INT, DMV_JSON_REQUIRED, &floor},
    };
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_json_parse(data, size, &state_limits, &o, &e);

    if (r == 0)
        r = dmv_json_read(o, "the state", fields, DMV_N_ELEMENTS(fields), false, &e);
    if (r != 0)
        return r < 0 ? r : broken(reterr, e.why ? e.why : "it is not JSON");
    if (strcmp(format, FORMAT) != 0)
        return broken(reterr, "its format is not known");
    r = parse_root(root, &s, reterr);
    if (r != 0)
        return r;
    s.catalog_version = version;
    s.catalog_floor = least;
    s.clock_floor = floor;
    if (!copy_hash(sha256, s.catalog_sha256) || !copy_hash(key_set, s.key_set))
        return broken(reterr, "a hash in it is not one");
    if ((version > 0) != (s.catalog_sha256[0] != '\0'))
        return broken(reterr, "the version and the hash of its catalog do not belong together");
    *ret = s;
    s = (DmvTrustState){0};
    return 0;
}

int dmv_trust_state_format(const DmvTrustState *s, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    DMV_CLEANUP_TEXT DmvText root = {0};
    int r;

    dmv_base64_encode(s->root, s->root_size, &root);
    if (!o || root.error)
        return -ENOMEM;
    r = dmv_json_add_string(o, "format", FORMAT);
    if (r == 0)
        r = dmv_json_add_string(o, "root", root.data);
    if (r == 0)
        r = dmv_json_add_int(o, "catalog_version", s->catalog_version);
    if (r == 0)
        r = dmv_json_add_string(o, "catalog_sha256", s->catalog_sha256);
    if (r == 0 && s->catalog_floor > s->catalog_version)
        r = dmv_json_add_int(o, "catalog_floor", s->catalog_floor);
    if (r == 0)
        r = dmv_json_add_string(o, "key_set", s->key_set);
    if (r == 0)
        r = dmv_json_add_int(o, "clock_floor", s->clock_floor);
    return r == 0 ? dmv_json_format(o, ret, ret_size) : r;
}

void dmv_trust_state_raise(DmvTrustState *s, int64_t version, int64_t time)
{
    if (s->catalog_floor < version)
        s->catalog_floor = version;
    if (s->clock_floor < time)
        s->clock_floor = time;
}

void dmv_trust_state_carry_over(const DmvTrustState *from, DmvTrustState *to)
{
    bool same = strcmp(to->key_set, from->key_set) == 0;

    dmv_trust_state_raise(to, same ? from->catalog_floor : 0, from->clock_floor);
    if (!same || to->catalog_version >= from->catalog_version)
        return;
    to->catalog_version = from->catalog_version;
    memcpy(to->catalog_sha256, from->catalog_sha256, sizeof(to->catalog_sha256));
}

int64_t dmv_trust_time(int64_t now, int64_t floor)
{
    return now < floor ? floor : now;
}

int dmv_trust_state_check(const DmvTrustState *s, int64_t expires, int64_t now, DmvError *reterr)
{
    int64_t time = dmv_trust_time(now, s->clock_floor);
    char then[21], text[21];

    dmv_format_time(time, text);
    if (s->root_expires <= time) {
        dmv_format_time(s->root_expires, then);
        return dmv_error_set(reterr, DMV_ROOT_EXPIRED, NULL, DMV_TRUST_NEXT_ROOT_EXPIRED,
                             "root %lld has expired at %s, and it is %s", (long long)s->root_version, then,
                             text);
    }
    if (expires <= time) {
        dmv_format_time(expires, then);
        return dmv_error_set(reterr, DMV_CATALOG_EXPIRED, NULL, DMV_TRUST_NEXT_EXPIRED,
                             "the catalog has expired at %s, and it is %s", then, text);
    }
    return 0;
}
