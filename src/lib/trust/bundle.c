/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bundles. See bundle.h.
 *
 * Which element of "roots" is which version is not asked of the elements, because nobody has vouched for
 * them: history is recognised as the bytes that are trusted already, by their place, or by the trusted root's
 * own signatures.
 */
#include "bundle.h"

#include <errno.h>
#include <string.h>

#include "base/json-cut.h"
#include "trust/root.h"

#define WHAT "cannot trust the catalog"
#define BUNDLE_SIZE_MAX (64u << 20)
#define CATALOG_SIZE_MAX (48u << 20)
#define ROOTS_MAX 1024

static const DmvJsonLimits bundle_limits = {
    .size = BUNDLE_SIZE_MAX, .depth = 8, .nodes = 1u << 20, .plain_integers = true};
static const DmvJsonLimits catalog_limits = {
    .size = CATALOG_SIZE_MAX, .depth = 12, .nodes = 16u << 20, .plain_integers = true};

/* The walk over a bundle's roots, and what was found so far. */
typedef struct Chain {
    DmvRoot root; /* parsed from state.root */
    DmvTrustState *state;
    bool moved;
    bool seen; /* the trusted root was among the elements so far */
} Chain;

void dmv_bundle_result_deinit(DmvBundleResult *r)
{
    dmv_trust_state_deinit(&r->state);
    free(r->catalog);
    *r = (DmvBundleResult){0};
}

static int out_of_memory(DmvError *reterr)
{
    return dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
}

static int copy_state(const DmvTrustState *from, DmvTrustState *to)
{
    *to = *from;
    to->root = malloc(from->root_size + 1);
    if (!to->root)
        return -ENOMEM;
    memcpy(to->root, from->root, from->root_size);
    to->root[from->root_size] = '\0';
    return 0;
}

/*
 * The counter of catalog versions belongs to a set of keys: when a new root replaces the set, it starts
 * again. That is how a publisher comes back from a stolen key that signed version 10^14.
 */
static void forget_other_key_set(Chain *c)
{
    if (strcmp(c->state->key_set, c->root.key_set) == 0)
        return;
    c->state->catalog_version = 0;
    c->state->catalog_floor = 0;
    memset(c->state->catalog_sha256, 0, sizeof(c->state->catalog_sha256));
    memcpy(c->state->key_set, c->root.key_set, sizeof(c->state->key_set));
}

/* The candidate passed both thresholds: trust it. */
static void adopt(Chain *c, DmvEnvelope *e, DmvRoot *next)
{
    dmv_root_deinit(&c->root);
    c->root = *next;
    *next = (DmvRoot){0};
    free(c->state->root);
    dmv_envelope_take_payload(e, &c->state->root, &c->state->root_size);
    c->state->root_version = c->root.version;
    c->state->root_expires = c->root.expires;
    c->moved = c->seen = true;
    forget_other_key_set(c);
}

/* A candidate that the trusted root has signed. */
static int follow(Chain *c, DmvEnvelope *e, DmvError *reterr)
{
    DMV_CLEANUP_ROOT DmvRoot next = {0};
    int r = dmv_root_parse(e->payload, e->payload_size, &next, reterr);

    if (r != 0)
        return r;
    if (next.version < c->root.version)
        return 0;
    if (next.version == c->root.version)
        return dmv_error_set(reterr, DMV_EQUIVOCATION, WHAT, "tell the publisher",
                             "there are two different roots of version %lld", (long long)next.version);
    if (next.version > c->root.version + 1)
        return dmv_error_set(reterr, DMV_ROOT_GAP, WHAT, "tell the publisher: a bundle holds every root",
                             "root %lld follows on root %lld", (long long)next.version,
                             (long long)c->root.version);
    r = dmv_envelope_verify(e, next.root.keys, next.root.n_keys, next.root.threshold, reterr);
    if (r == DMV_BELOW_THRESHOLD)
        return dmv_error_set(reterr, DMV_ROOT_NEW_KEYS, WHAT, "tell the publisher",
                             "root %lld is not signed by enough of its own keys", (long long)next.version);
    if (r == 0)
        adopt(c, e, &next);
    return r;
}

static int take_root(json_object *element, size_t index, Chain *c, DmvError *reterr)
{
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r;

    r = dmv_json_format(element, &text, &size);
    if (r != 0)
        return out_of_memory(reterr);
    r = dmv_envelope_parse(text, size, DMV_ROOT_TYPE, DMV_ROOT_SIZE_MAX, &e, reterr);
    if (r != 0)
        return r;
    if (e.payload_size == c->state->root_size && memcmp(e.payload, c->state->root, e.payload_size) == 0) {
        c->seen = true;
        return 0;
    }
    r = dmv_envelope_verify(&e, c->root.root.keys, c->root.root.n_keys, c->root.root.threshold, NULL);
    if (r == 0)
        return follow(c, &e, reterr);
    if (r < 0)
        return out_of_memory(reterr);
    /* history from before the trusted root, signed by keys that are long gone */
    if (!c->seen && index < (size_t)c->root.version)
        return 0;
    return dmv_error_set(reterr, DMV_ROOT_OLD_KEYS, WHAT, "tell the publisher",
                         "element %zu of its roots is not signed by enough keys of root %lld", index,
                         (long long)c->root.version);
}

/* What is judged of a catalog before its releases are looked at. */
typedef struct Head {
    const char *type, *stream, *issued_text, *expires_text;
    int64_t spec, version, issued, expires;
} Head;

static int read_head(json_object *o, Head *h, DmvError *reterr)
{
    const DmvJsonField kind[] = {
        {"_type", DMV_JSON_STRING, DMV_JSON_REQUIRED, &h->type},
        {"spec", DMV_JSON_INT, DMV_JSON_REQUIRED, &h->spec},
    };
    const DmvJsonField rest[] = {
        {"version", DMV_JSON_INT, DMV_JSON_REQUIRED, &h->version},
        {"issued", DMV_JSON_STRING, DMV_JSON_REQUIRED, &h->issued_text},
        {"expires", DMV_JSON_STRING, DMV_JSON_REQUIRED, &h->expires_text},
        {"stream", DMV_JSON_STRING, DMV_JSON_REQUIRED, &h->stream},
    };
    int r = dmv_json_read(o, "the catalog", kind, DMV_N_ELEMENTS(kind), true, reterr);

    if (r != 0)
        return r;
    if (strcmp(h->type, "catalog") != 0)
        return dmv_error_set(reterr, DMV_WRONG_TYPE, WHAT, NULL, "what was signed is not a catalog");
    if (h->spec != 1)
        return dmv_error_set(reterr, DMV_UNKNOWN_SPEC, WHAT, "update dmv",
                             "it follows spec %lld, and only 1 is known", (long long)h->spec);
    r = dmv_json_read(o, "the catalog", rest, DMV_N_ELEMENTS(rest), true, reterr);
    if (r != 0)
        return r;
    if (h->version < 1 || dmv_parse_time(h->issued_text, &h->issued) != 0 ||
        dmv_parse_time(h->expires_text, &h->expires) != 0 || h->issued >= h->expires)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL,
                             "its version is not 1 or more, or its times are not times");
    return 0;
}

static int judge_version(const Head *h, const char *sha256, DmvBundleResult *ret, DmvError *reterr)
{
    const DmvTrustState *s = &ret->state;

    if (h->version < s->catalog_version)
        return dmv_error_set(reterr, DMV_ROLLBACK, WHAT, "refresh from another mirror, or tell the publisher",
                             "it is version %lld, but version %lld was accepted before",
                             (long long)h->version, (long long)s->catalog_version);
    if (h->version < s->catalog_floor)
        return dmv_error_set(reterr, DMV_ROLLBACK, WHAT, "refresh from another mirror, or tell the publisher",
                             "it is version %lld, and this host knows that there is version %lld",
                             (long long)h->version, (long long)s->catalog_floor);
    ret->unchanged = h->version == s->catalog_version && strcmp(sha256, s->catalog_sha256) == 0;
    if (h->version == s->catalog_version && !ret->unchanged)
        return dmv_error_set(reterr, DMV_EQUIVOCATION, WHAT, "tell the publisher",
                             "there are two different catalogs of version %lld", (long long)h->version);
    return 0;
}

/* The time to judge by, and whether that is not the clock's. */
static int64_t judge_clock(int64_t now, int64_t floor, DmvBundleResult *ret)
{
    ret->clock_untrusted = ret->clock_untrusted || now < floor;
    return dmv_trust_time(now, floor);
}

static int judge_root_expiry(const DmvRoot *root, int64_t time, DmvError *reterr)
{
    char then[21], text[21];

    if (root->expires > time)
        return 0;
    dmv_format_time(root->expires, then);
    dmv_format_time(time, text);
    return dmv_error_set(reterr, DMV_ROOT_EXPIRED, WHAT, DMV_TRUST_NEXT_ROOT_EXPIRED,
                         "root %lld expired at %s, and it is %s", (long long)root->version, then, text);
}

static int judge_expiry(const Head *h, int64_t now, bool allow_stale, DmvBundleResult *ret, DmvError *reterr)
{
    int64_t floor = ret->state.clock_floor > h->issued ? ret->state.clock_floor : h->issued;
    int64_t time = judge_clock(now, floor, ret);
    char text[21];

    dmv_format_time(time, text);
    ret->expired = h->expires <= time;
    if (ret->expired && !allow_stale)
        return dmv_error_set(reterr, DMV_CATALOG_EXPIRED, WHAT, DMV_TRUST_NEXT_EXPIRED,
                             "it expired at %s, and it is %s", h->expires_text, text);
    ret->state.clock_floor = floor;
    return 0;
}

/* The payload of an envelope that enough catalog keys have signed. */
static int judge_catalog(const DmvEnvelope *e, const char *stream, int64_t now, bool allow_stale,
                         DmvBundleResult *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    char sha256[DMV_SHA256_HEX];
    const char *releases = NULL;
    size_t releases_size = 0;
    Head h = {0};
    int r = dmv_json_cut(e->payload, e->payload_size, &catalog_limits, "releases", &o, &releases,
                         &releases_size, reterr);

    if (r == 0)
        r = read_head(o, &h, reterr);
    if (r != 0)
        return r;
    if (strcmp(h.stream, stream) != 0)
        return dmv_error_set(reterr, DMV_WRONG_STREAM, WHAT, "correct the name or the URL of the stream",
                             "it is the catalog of the stream \"%s\", not of \"%s\"", h.stream, stream);
    if (dmv_sha256_hex(e->payload, e->payload_size, sha256) < 0)
        return out_of_memory(reterr);
    r = judge_version(&h, sha256, ret, reterr);
    if (r == 0)
        r = judge_expiry(&h, now, allow_stale, ret, reterr);
    if (r != 0)
        return r;
    ret->state.catalog_version = h.version;
    memcpy(ret->state.catalog_sha256, sha256, sizeof(sha256));
    return 0;
}

static int verify_catalog(const char *data, size_t size, const DmvRoot *root, const char *stream, int64_t now,
                          bool allow_stale, DmvBundleResult *ret, DmvError *reterr)
{
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
    int r = dmv_envelope_parse(data, size, DMV_CATALOG_TYPE, CATALOG_SIZE_MAX, &e, reterr);

    if (r == 0)
        r = dmv_envelope_verify(&e, root->catalog.keys, root->catalog.n_keys, root->catalog.threshold,
                                reterr);
    if (r == 0)
        r = judge_catalog(&e, stream, now, allow_stale, ret, reterr);
    if (r == 0)
        dmv_envelope_take_payload(&e, &ret->catalog, &ret->catalog_size);
    return r;
}

static int start_chain(const DmvTrustState *before, Chain *c, DmvBundleResult *ret, DmvError *reterr)
{
    int r;

    if (!before->root)
        return dmv_error_set(reterr, DMV_NO_ROOT, WHAT, "install the stream's root",
                             "no root is trusted yet");
    if (copy_state(before, &ret->state) < 0)
        return out_of_memory(reterr);
    c->state = &ret->state;
    r = dmv_root_parse(c->state->root, c->state->root_size, &c->root, reterr);
    if (r == 0)
        forget_other_key_set(c);
    return r;
}

static int walk_chain(json_object *roots, Chain *c, DmvError *reterr)
{
    if (json_object_array_length(roots) > ROOTS_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL, "the bundle holds more than %d roots",
                             ROOTS_MAX);
    for (size_t i = 0; i < json_object_array_length(roots); i++) {
        int r = take_root(json_object_array_get_idx(roots, i), i, c, reterr);

        if (r != 0)
            return r;
    }
    return 0;
}

static int open_bundle(const char *data, size_t size, json_object **ret, json_object **ret_roots,
                       const char **ret_catalog, size_t *ret_catalog_size, DmvError *reterr)
{
    const char *format = NULL;
    const DmvJsonField fields[] = {
        {"format", DMV_JSON_STRING, DMV_JSON_REQUIRED, &format},
        {"roots", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, ret_roots},
    };
    int r = dmv_json_cut(data, size, &bundle_limits, "catalog", ret, ret_catalog, ret_catalog_size, reterr);

    if (r == 0)
        r = dmv_json_read(*ret, "the bundle", fields, DMV_N_ELEMENTS(fields), true, reterr);
    if (r != 0)
        return r;
    if (strcmp(format, "dmv-bundle-1") != 0)
        return dmv_error_set(reterr, DMV_WRONG_TYPE, WHAT, "update dmv",
                             "this is not a bundle of a known format");
    if (!*ret_catalog)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "the bundle holds no catalog");
    return 0;
}

static void cleanup_chain(Chain *c)
{
    dmv_root_deinit(&c->root);
}

int dmv_bundle_verify(const char *data, size_t size, const DmvTrustState *before, const char *stream,
                      int64_t now, bool allow_stale, DmvBundleResult *ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_chain) Chain c = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    json_object *roots = NULL;
    const char *catalog = NULL;
    size_t catalog_size = 0;
    int r;

    *ret = (DmvBundleResult){0};
    r = start_chain(before, &c, ret, reterr);
    if (r == 0)
        r = open_bundle(data, size, &o, &roots, &catalog, &catalog_size, reterr);
    if (r == 0)
        r = walk_chain(roots, &c, reterr);
    ret->root_moved = c.moved;
    if (r == 0)
        r = judge_root_expiry(&c.root, judge_clock(now, before->clock_floor, ret), reterr);
    if (r == 0)
        r = verify_catalog(catalog, catalog_size, &c.root, stream, now, allow_stale, ret, reterr);
    if (r != 0)
        dmv_error_set_what(reterr, WHAT " of the stream %s", stream);
    return r;
}
