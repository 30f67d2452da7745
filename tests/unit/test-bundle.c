/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/trustkit.h"
#include "base/text.h"
#include "trust/bundle.h"

#define STREAM "xs9-normal"

/* A host that trusts root 1 of a publisher, and keys to try things with. */
typedef struct World {
    TrustPublisher p;
    TrustKey *a, *b, *c; /* ed25519, P-256, P-384: nobody's yet */
    DmvTrustState state;
} World;

static int setup(void **state)
{
    World *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    trust_publisher_init(&w->p);
    w->a = trust_key_new("ed25519");
    w->b = trust_key_new("ecdsa-sha2-nistp256");
    w->c = trust_key_new("ecdsa-sha2-nistp384");
    assert_int_equal(dmv_trust_state_from_root(w->p.root, strlen(w->p.root), &w->state, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    World *w = *state;

    trust_publisher_deinit(&w->p);
    trust_key_free(w->a);
    trust_key_free(w->b);
    trust_key_free(w->c);
    dmv_trust_state_deinit(&w->state);
    free(w);
    return 0;
}

/* Verifies a bundle (which it frees) from a heap copy of exactly its size, and checks what holds for every
 * refusal. */
static int judge(const World *w, char *bundle, int64_t now, DmvBundleResult *ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t size = strlen(bundle);
    char *exact = malloc(size ? size : 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, bundle, size);
    r = dmv_bundle_verify(exact, size, &w->state, STREAM, now, false, ret, &e);
    free(exact);
    free(bundle);
    assert_true(r >= 0);
    assert_int_equal(e.code, r);
    assert_int_equal(r != 0, e.why != NULL);
    assert_int_equal(r == 0, ret->catalog != NULL);
    if (r != 0) { /* whatever was refused, the catalog that was trusted before still is, unless its keys are
                     gone */
        assert_non_null(ret->state.root);
        assert_true(ret->root_moved || ret->state.catalog_version == w->state.catalog_version);
    }
    return r;
}

static void expect(const World *w, char *bundle, int64_t now, int want)
{
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    assert_string_equal(dmv_outcome_reason(judge(w, bundle, now, &got)), dmv_outcome_reason(want));
}

/* Takes over what a verification returned, as the daemon does. */
static void store(World *w, DmvBundleResult *got)
{
    dmv_trust_state_deinit(&w->state);
    w->state = got->state;
    got->state = (DmvTrustState){0};
}

static void accept(World *w, char *bundle)
{
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    assert_string_equal(dmv_outcome_reason(judge(w, bundle, TRUSTKIT_NOW, &got)), "ok");
    store(w, &got);
}

/* A bundle of root 1 and a catalog payload (freed) signed by @n keys. */
static char *bundle_by(const World *w, char *catalog, const char *type, TrustKey *const *signers, size_t n)
{
    char *root = trust_envelope(DMV_ROOT_TYPE, w->p.root, w->p.root_keys, 2);
    char *envelope = trust_envelope(type, catalog, signers, n);
    char *bundle = trust_bundle(&root, 1, envelope);

    free(root);
    free(envelope);
    free(catalog);
    return bundle;
}

static char *bundle_of(const World *w, char *catalog)
{
    return bundle_by(w, catalog, DMV_CATALOG_TYPE, &w->p.catalog_key, 1);
}

static char *version(int64_t v)
{
    return trust_catalog(v, STREAM, NULL, NULL);
}

static void test_accepts(void **state)
{
    World *w = *state;
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};
    char *payload = version(7);

    assert_int_equal(judge(w, bundle_of(w, version(7)), TRUSTKIT_NOW, &got), 0);
    assert_int_equal(got.catalog_size, strlen(payload));
    assert_string_equal(got.catalog, payload);
    assert_int_equal(got.state.catalog_version, 7);
    assert_int_equal(got.state.root_version, 1);
    assert_false(got.root_moved || got.unchanged || got.expired || got.clock_untrusted);
    free(payload);
}

/* ---- rows 1 to 6: signatures ---- */

static void test_altered_payload(void **state)
{
    World *w = *state;
    char *bundle = bundle_of(w, version(7)), *at = strstr(strstr(bundle, "\"catalog\":"), "\"payload\":\"");

    at += strlen("\"payload\":\"") + 20;
    *at = *at == 'A' ? 'B' : 'A';
    expect(w, bundle, TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
}

static void test_below_threshold(void **state)
{
    World *w = *state;
    TrustKey *strangers[] = {w->a, w->b, w->c};

    expect(w, bundle_by(w, version(7), DMV_CATALOG_TYPE, NULL, 0), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
    expect(w, bundle_by(w, version(7), DMV_CATALOG_TYPE, strangers, 3), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
}

/* The host trusts a root that wants @threshold of these catalog keys. */
static void trust_catalog_keys(World *w, TrustKey *const *keys, size_t n, int threshold)
{
    dmv_trust_state_deinit(&w->state);
    free(w->p.root);
    w->p.root = trust_root(1, NULL, (TrustRole){w->p.root_keys, 2, 2}, (TrustRole){keys, n, threshold});
    assert_int_equal(dmv_trust_state_from_root(w->p.root, strlen(w->p.root), &w->state, NULL), 0);
}

static void test_counts_distinct_keys(void **state)
{
    World *w = *state;
    TRUST_KEY *same = trust_key_compressed(w->b);
    TrustKey *pair[] = {w->a, w->b}, *one[] = {w->a}, *twice[] = {w->a, w->a}, *ec_twice[] = {w->b, w->b};
    TrustKey *encodings[] = {w->b, same};

    trust_catalog_keys(w, pair, 2, 2);
    expect(w, bundle_by(w, version(1), DMV_CATALOG_TYPE, one, 1), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
    expect(w, bundle_by(w, version(1), DMV_CATALOG_TYPE, twice, 2), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
    expect(w, bundle_by(w, version(1), DMV_CATALOG_TYPE, ec_twice, 2), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
    expect(w, bundle_by(w, version(1), DMV_CATALOG_TYPE, pair, 2), TRUSTKIT_NOW, 0);

    assert_string_not_equal(trust_key_id(w->b), trust_key_id(same));
    trust_catalog_keys(w, encodings, 2, 2);
    expect(w, bundle_by(w, version(1), DMV_CATALOG_TYPE, encodings, 2), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
}

/* A signature of one key under the name of another. */
static void test_relabelled_signature(void **state)
{
    World *w = *state;
    char *bundle = bundle_by(w, version(1), DMV_CATALOG_TYPE, &w->a, 1);
    char *at = strstr(strstr(bundle, "\"catalog\":"), trust_key_id(w->a));

    assert_non_null(at);
    memcpy(at, trust_key_id(w->p.catalog_key), 64);
    expect(w, bundle, TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
}

static void test_roles_are_not_confused(void **state)
{
    World *w = *state;

    expect(w, bundle_by(w, version(1), DMV_CATALOG_TYPE, w->p.root_keys, 2), TRUSTKIT_NOW,
           DMV_BELOW_THRESHOLD);
    expect(w, bundle_by(w, version(1), DMV_ROOT_TYPE, &w->p.catalog_key, 1), TRUSTKIT_NOW, DMV_WRONG_TYPE);
    expect(w, bundle_of(w, strdup(w->p.root)), TRUSTKIT_NOW, DMV_WRONG_TYPE);
}

/* ---- rows 7 to 11: version, time, stream ---- */

static void test_rollback_and_equivocation(void **state)
{
    World *w = *state;
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    accept(w, bundle_of(w, version(7)));
    expect(w, bundle_of(w, version(6)), TRUSTKIT_NOW, DMV_ROLLBACK);
    expect(w, bundle_of(w, trust_catalog(7, STREAM, "2026-07-02T00:00:00Z", NULL)), TRUSTKIT_NOW,
           DMV_EQUIVOCATION);
    assert_int_equal(judge(w, bundle_of(w, version(7)), TRUSTKIT_NOW, &got), 0);
    assert_true(got.unchanged);
    accept(w, bundle_of(w, version(8)));
    assert_int_equal(w->state.catalog_version, 8);
}

/* A floor that is installed together with a root, or that was found where the state was lost: a version, but
 * no catalog of it. */
static void test_version_floor(void **state)
{
    World *w = *state;
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    w->state.catalog_floor = 7;
    expect(w, bundle_of(w, version(6)), TRUSTKIT_NOW, DMV_ROLLBACK);
    assert_int_equal(judge(w, bundle_of(w, version(7)), TRUSTKIT_NOW, &got), 0);
    assert_false(got.unchanged);
    assert_int_equal(strlen(got.state.catalog_sha256), 64);
}

static void test_times(void **state)
{
    static const char *const bad[] = {
        "",      "2026-02-31T00:00:00Z", "2026-07-01 00:00:00", "2026-07-01T00:00:00+00:00",
        "never", "2025-12-31T23:59:59Z"};
    World *w = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        expect(w, bundle_of(w, trust_catalog(1, STREAM, bad[i], NULL)), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(
        w,
        bundle_of(
            w, strdup("{\"_type\":\"catalog\",\"spec\":1,\"version\":1,\"issued\":\"2026-01-01T00:00:00Z\","
                      "\"stream\":\"xs9-normal\",\"releases\":[]}")),
        TRUSTKIT_NOW, DMV_MALFORMED);
}

static void test_expired(void **state)
{
    World *w = *state;
    const int64_t expires = 1782864000; /* TRUSTKIT_EXPIRES */
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};
    char *bundle;

    expect(w, bundle_of(w, version(1)), expires - 1, 0);
    expect(w, bundle_of(w, version(1)), expires, DMV_CATALOG_EXPIRED);
    bundle = bundle_of(w, version(1));
    assert_int_equal(dmv_bundle_verify(bundle, strlen(bundle), &w->state, STREAM, expires, true, &got, NULL),
                     0);
    assert_true(got.expired);
    assert_int_equal(got.state.catalog_version, 1);
    free(bundle);
}

static void test_other_stream(void **state)
{
    World *w = *state;

    expect(w, bundle_of(w, trust_catalog(1, "xs9-early", NULL, NULL)), TRUSTKIT_NOW, DMV_WRONG_STREAM);
    expect(w, bundle_of(w, trust_catalog(1, "xs9-normal2", NULL, NULL)), TRUSTKIT_NOW, DMV_WRONG_STREAM);
}

/* A catalog payload with one member replaced. */
static char *catalog_with(const char *member, const char *value)
{
    static const char *const members[][2] = {
        {"_type", "\"catalog\""},
        {"spec", "1"},
        {"version", "1"},
        {"issued", "\"" TRUSTKIT_ISSUED "\""},
        {"expires", "\"" TRUSTKIT_EXPIRES "\""},
        {"stream", "\"" STREAM "\""},
        {"releases", "[]"},
    };
    DmvText t = {0};
    char *s = NULL;
    bool known = false;

    for (size_t i = 0; i < DMV_N_ELEMENTS(members); i++) {
        bool it = strcmp(members[i][0], member) == 0;

        dmv_text_appendf(&t, "%c\"%s\":%s", i ? ',' : '{', members[i][0], it ? value : members[i][1]);
        known = known || it;
    }
    if (!known)
        dmv_text_appendf(&t, ",\"%s\":%s", member, value);
    dmv_text_append(&t, "}");
    assert_int_equal(dmv_text_take(&t, &s, NULL), 0);
    return s;
}

static void test_numbers(void **state)
{
    static const char *const bad[] = {"7.0",  "\"7\"", "1180591620717411303424", "-1", "0", "1e3", "null",
                                      "true", "[]",    "1000000000000000"};
    World *w = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        expect(w, bundle_of(w, catalog_with("version", bad[i])), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, bundle_of(w, catalog_with("version", "999999999999999")), TRUSTKIT_NOW, 0);
}

/* ---- rows 12 to 14: form ---- */

static void test_bad_payloads(void **state)
{
    World *w = *state;
    char *deep = malloc(200002);
    static const char nul[] = "{\"_type\":\"catalog\"\0}";
    char *root = trust_envelope(DMV_ROOT_TYPE, w->p.root, w->p.root_keys, 2), *envelope;

    expect(w, bundle_of(w, catalog_with("version", "1,\"version\":2")), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, bundle_of(w, catalog_with("releases", "[],\"releases\":[]")), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, bundle_of(w, catalog_with("\\u0072eleases", "[]")), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, bundle_of(w, catalog_with("releases", "[]} ")), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, bundle_of(w, strdup("")), TRUSTKIT_NOW, DMV_EMPTY);
    expect(w, bundle_of(w, strdup("[]")), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, bundle_of(w, strdup("null")), TRUSTKIT_NOW, DMV_MALFORMED);

    assert_non_null(deep);
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    deep[200000] = '\0';
    expect(w, bundle_of(w, catalog_with("releases", deep)), TRUSTKIT_NOW, DMV_TOO_DEEP);
    free(deep);

    envelope = trust_envelope_bytes(DMV_CATALOG_TYPE, nul, sizeof(nul) - 1, &w->p.catalog_key, 1);
    expect(w, trust_bundle(&root, 1, envelope), TRUSTKIT_NOW, DMV_MALFORMED);
    free(envelope);
    free(root);
}

static void test_spec_and_unknown_members(void **state)
{
    World *w = *state;

    expect(w, bundle_of(w, catalog_with("spec", "2")), TRUSTKIT_NOW, DMV_UNKNOWN_SPEC);
    expect(w, bundle_of(w, strdup("{\"_type\":\"catalog\",\"spec\":2,\"novelty\":[]}")), TRUSTKIT_NOW,
           DMV_UNKNOWN_SPEC);
    expect(w, bundle_of(w, catalog_with("spec", "\"1\"")), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, bundle_of(w, catalog_with("later", "{\"x\":1}")), TRUSTKIT_NOW, 0);
}

/* The same bundle with one piece of text replaced. */
static char *replaced(char *bundle, const char *from, const char *to)
{
    char *at = strstr(bundle, from), *out = NULL;

    assert_non_null(at);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - bundle), bundle, to, at + strlen(from)) > 0);
    free(bundle);
    return out;
}

static void test_bad_bundles(void **state)
{
    World *w = *state;
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};
    size_t size = (64u << 20) + 1;
    char *huge = calloc(size, 1);

    expect(w, strdup(""), TRUSTKIT_NOW, DMV_EMPTY);
    expect(w, strdup("{"), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, strdup("{}"), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, strdup("<html></html>"), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, strdup("{\"format\":\"dmv-bundle-1\",\"roots\":[]}"), TRUSTKIT_NOW, DMV_MALFORMED);
    expect(w, strdup("{\"format\":\"dmv-bundle-1\",\"roots\":[],\"catalog\":7}"), TRUSTKIT_NOW,
           DMV_MALFORMED);
    expect(w, strdup("{\"format\":\"dmv-bundle-1\",\"roots\":[null],\"catalog\":{}}"), TRUSTKIT_NOW,
           DMV_MALFORMED);
    expect(w, replaced(bundle_of(w, version(1)), "bundle-1", "bundle-2"), TRUSTKIT_NOW, DMV_WRONG_TYPE);
    expect(w, replaced(bundle_of(w, version(1)), "{\"format", "{\"catalog\":{},\"format"), TRUSTKIT_NOW,
           DMV_MALFORMED);
    expect(w, replaced(bundle_of(w, version(1)), "\"roots\"", "\"more\":[1],\"roots\""), TRUSTKIT_NOW, 0);
    assert_non_null(huge);
    assert_int_equal(dmv_bundle_verify(huge, size, &w->state, STREAM, TRUSTKIT_NOW, false, &got, NULL),
                     DMV_TOO_LARGE);
    free(huge);
}

/* A bundle whose catalog payload ends in "==". */
static char *padded_bundle(const World *w)
{
    const char *values[] = {"1", "11", "111"};

    for (size_t i = 0;; i++) {
        char *catalog = catalog_with("later", values[i]);

        if (strlen(catalog) % 3 == 1)
            return bundle_of(w, catalog);
        free(catalog);
    }
}

static void test_base64(void **state)
{
    World *w = *state;
    char *bundle, *end;

    expect(w, padded_bundle(w), TRUSTKIT_NOW, 0);
    expect(
        w,
        replaced(padded_bundle(w), "==\",\"signatures\":[{\"keyid\":\"", "=\",\"signatures\":[{\"keyid\":\""),
        TRUSTKIT_NOW, DMV_BAD_BASE64);
    bundle = padded_bundle(w);
    end = strstr(strstr(bundle, "\"catalog\":"), "==\"");
    end[-1] = (char)(end[-1] + 1); /* "Q" and "R" decode to the same byte */
    expect(w, bundle, TRUSTKIT_NOW, DMV_BAD_BASE64);
    bundle = padded_bundle(w);
    end = strstr(strstr(bundle, "\"catalog\":"), "==\"");
    end[-3] = '-';
    expect(w, bundle, TRUSTKIT_NOW, DMV_BAD_BASE64);
    expect(w,
           replaced(padded_bundle(w), "\"catalog\":{\"payloadType\":\"" DMV_CATALOG_TYPE "\",\"payload\":\"",
                    "\"catalog\":{\"payloadType\":\"" DMV_CATALOG_TYPE "\",\"payload\":\" "),
           TRUSTKIT_NOW, DMV_BAD_BASE64);
}

/* PHP and json-c write "\/" for every slash: the same JSON. */
static void test_escaped_slashes(void **state)
{
    World *w = *state;
    char *bundle, *at = NULL, *out = NULL;

    for (int v = 1; !at; v++) {
        char payload[64];

        (void)snprintf(payload, sizeof(payload), "%d,\"later\":\"???%c>?\"", 1000 + v, 'a' + v % 26);
        bundle = bundle_of(w, catalog_with("version", payload));
        at = strchr(strstr(strstr(bundle, "\"catalog\":"), "\"payload\":\""), '/');
        if (!at)
            free(bundle);
    }
    assert_true(asprintf(&out, "%.*s\\/%s", (int)(at - bundle), bundle, at + 1) > 0);
    free(bundle);
    expect(w, out, TRUSTKIT_NOW, 0);
}

/* ---- rows 16 to 20: roots ---- */

/* Envelope of a root with version @v and root keys @keys (2 of 2), catalog keys @cat (1 of 1), signed by @n
 * signers. */
static char *root_by(int64_t v, TrustKey *const *keys, TrustKey *const *cat, TrustKey *const *signers,
                     size_t n)
{
    char *payload = trust_root(v, NULL, (TrustRole){keys, 2, 2}, (TrustRole){cat, 1, 1});
    char *envelope = trust_envelope(DMV_ROOT_TYPE, payload, signers, n);

    free(payload);
    return envelope;
}

/* A bundle of root 1, these root envelopes (freed), and a catalog by one key. */
static char *bundle_with_roots(const World *w, char **roots, size_t n, int64_t v,
                               TrustKey *const *catalog_key)
{
    char *all[16] = {trust_envelope(DMV_ROOT_TYPE, w->p.root, w->p.root_keys, 2)};
    char *catalog = version(v), *envelope = trust_envelope(DMV_CATALOG_TYPE, catalog, catalog_key, 1),
         *bundle;

    for (size_t i = 0; i < n; i++)
        all[i + 1] = roots[i];
    bundle = trust_bundle(all, n + 1, envelope);
    for (size_t i = 0; i <= n; i++)
        free(all[i]);
    free(catalog);
    free(envelope);
    return bundle;
}

static void test_walks_the_chain(void **state)
{
    World *w = *state;
    TrustKey *old[] = {w->p.root_keys[0], w->p.root_keys[1]}, *mixed[] = {w->p.root_keys[1], w->b};
    TrustKey *all[] = {old[0], old[1], w->b};
    char *roots[2];
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    accept(w, bundle_of(w, version(500)));
    roots[0] = root_by(2, mixed, &w->a, all, 3);
    roots[1] = root_by(3, mixed, &w->c, mixed, 2);
    assert_int_equal(judge(w, bundle_with_roots(w, roots, 2, 1, &w->c), TRUSTKIT_NOW, &got), 0);
    assert_true(got.root_moved);
    assert_int_equal(got.state.root_version, 3);
    assert_int_equal(got.state.catalog_version, 1); /* other catalog keys: the counter starts again */
    store(w, &got);

    /* keys that were rotated out are worth nothing any more, and old roots change nothing */
    expect(w, bundle_of(w, version(501)), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
    roots[0] = root_by(2, mixed, &w->a, all, 3);
    expect(w, bundle_with_roots(w, roots, 1, 2, &w->a), TRUSTKIT_NOW, DMV_BELOW_THRESHOLD);
    roots[0] = root_by(2, mixed, &w->a, all, 3);
    accept(w, bundle_with_roots(w, roots, 1, 2, &w->c));
    assert_int_equal(w->state.root_version, 3);
}

static void test_new_root_needs_both(void **state)
{
    World *w = *state;
    TrustKey *old[] = {w->p.root_keys[0], w->p.root_keys[1]}, *fresh[] = {w->a, w->b};
    TrustKey *half_old[] = {old[0], w->a, w->b}, *half_new[] = {old[0], old[1], w->a};
    TrustKey *const *catalog_key = &w->p.catalog_key;
    char *root;

    root = root_by(2, fresh, catalog_key, fresh, 2);
    expect(w, bundle_with_roots(w, &root, 1, 1, catalog_key), TRUSTKIT_NOW, DMV_ROOT_OLD_KEYS);
    root = root_by(2, fresh, catalog_key, half_old, 3);
    expect(w, bundle_with_roots(w, &root, 1, 1, catalog_key), TRUSTKIT_NOW, DMV_ROOT_OLD_KEYS);
    root = root_by(2, fresh, catalog_key, old, 2);
    expect(w, bundle_with_roots(w, &root, 1, 1, catalog_key), TRUSTKIT_NOW, DMV_ROOT_NEW_KEYS);
    root = root_by(2, fresh, catalog_key, half_new, 3);
    expect(w, bundle_with_roots(w, &root, 1, 1, catalog_key), TRUSTKIT_NOW, DMV_ROOT_NEW_KEYS);
}

/* A candidate that nobody trusted has signed is not even parsed: its reason is the signature, not its
 * contents. */
static void test_unsigned_root_is_not_parsed(void **state)
{
    World *w = *state;
    char *root = trust_envelope(DMV_ROOT_TYPE, "{\"_type\":", &w->a, 1);

    expect(w, bundle_with_roots(w, &root, 1, 1, &w->p.catalog_key), TRUSTKIT_NOW, DMV_ROOT_OLD_KEYS);
    root = trust_envelope(DMV_ROOT_TYPE, "{\"_type\":", w->p.root_keys, 2);
    expect(w, bundle_with_roots(w, &root, 1, 1, &w->p.catalog_key), TRUSTKIT_NOW, DMV_MALFORMED);
    root = trust_envelope(DMV_CATALOG_TYPE, "{}", w->p.root_keys, 2);
    expect(w, bundle_with_roots(w, &root, 1, 1, &w->p.catalog_key), TRUSTKIT_NOW, DMV_WRONG_TYPE);
}

static void test_root_gap(void **state)
{
    World *w = *state;
    TrustKey *const *keys = w->p.root_keys;
    char *root = root_by(3, keys, &w->p.catalog_key, keys, 2);

    expect(w, bundle_with_roots(w, &root, 1, 1, &w->p.catalog_key), TRUSTKIT_NOW, DMV_ROOT_GAP);
    root = root_by(1, keys, &w->a, keys, 2);
    expect(w, bundle_with_roots(w, &root, 1, 1, &w->p.catalog_key), TRUSTKIT_NOW, DMV_EQUIVOCATION);
}

/* A host that knows root 3 only (it was installed with it) meets a bundle whose history it can't check any
 * more. */
static void test_history_from_before(void **state)
{
    World *w = *state;
    TrustKey *fresh[] = {w->a, w->b}, *both[] = {w->p.root_keys[0], w->p.root_keys[1], w->a, w->b};
    char *roots[2], *third = trust_root(3, NULL, (TrustRole){fresh, 2, 2}, (TrustRole){&w->c, 1, 1});

    dmv_trust_state_deinit(&w->state);
    assert_int_equal(dmv_trust_state_from_root(third, strlen(third), &w->state, NULL), 0);
    free(third);
    roots[0] = root_by(2, fresh, &w->c, both, 4);
    roots[1] = root_by(3, fresh, &w->c, fresh, 2);
    accept(w, bundle_with_roots(w, roots, 2, 1, &w->c));
    assert_int_equal(w->state.root_version, 3);
}

static void test_root_progress_is_kept(void **state)
{
    World *w = *state;
    TrustKey *const *keys = w->p.root_keys;
    char *root = root_by(2, keys, &w->c, keys, 2);
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    accept(w, bundle_of(w, version(9)));
    assert_int_equal(judge(w, bundle_with_roots(w, &root, 1, 1, &w->p.catalog_key), TRUSTKIT_NOW, &got),
                     DMV_BELOW_THRESHOLD);
    assert_true(got.root_moved);
    assert_int_equal(got.state.root_version, 2);
    assert_int_equal(got.state.catalog_version, 0);
    assert_null(got.catalog);
}

/* The same keys in a new root: the counter goes on. */
static void test_counter_outlives_a_root(void **state)
{
    World *w = *state;
    TrustKey *const *keys = w->p.root_keys;
    char *root = root_by(2, keys, &w->p.catalog_key, keys, 2);

    accept(w, bundle_of(w, version(9)));
    expect(w, bundle_with_roots(w, &root, 1, 8, &w->p.catalog_key), TRUSTKIT_NOW, DMV_ROLLBACK);
}

/* A floor is a count of the same keys as the counter: it starts again with it, and else stays. */
static void test_floor_outlives_a_root(void **state)
{
    World *w = *state;
    TrustKey *const *keys = w->p.root_keys;
    TRUST_KEY *other = trust_key_new("ed25519");
    char *same = root_by(2, keys, &w->p.catalog_key, keys, 2), *changed = root_by(2, keys, &other, keys, 2);
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    w->state.catalog_floor = 9;
    expect(w, bundle_with_roots(w, &same, 1, 8, &w->p.catalog_key), TRUSTKIT_NOW, DMV_ROLLBACK);
    assert_int_equal(judge(w, bundle_with_roots(w, &changed, 1, 8, &other), TRUSTKIT_NOW, &got), 0);
    assert_int_equal(got.state.catalog_floor, 0);
    assert_int_equal(got.state.catalog_version, 8);
}

static void test_root_expiry(void **state)
{
    World *w = *state;
    const int64_t expires = 1924992000; /* TRUSTKIT_ROOT_EXPIRES */
    TrustKey *const *keys = w->p.root_keys;
    char *payload, *root;
    DMV_CLEANUP_BUNDLE DmvBundleResult got = {0};

    expect(w, bundle_of(w, version(1)), expires, DMV_ROOT_EXPIRED);
    expect(w, bundle_of(w, trust_catalog(1, STREAM, "2032-01-01T00:00:00Z", NULL)), expires - 1, 0);
    payload =
        trust_root(2, "2033-01-01T00:00:00Z", (TrustRole){keys, 2, 2}, (TrustRole){&w->p.catalog_key, 1, 1});
    root = trust_envelope(DMV_ROOT_TYPE, payload, keys, 2);
    free(payload);
    assert_int_equal(judge(w, bundle_with_roots(w, &root, 1, 1, &w->p.catalog_key), expires, &got),
                     DMV_CATALOG_EXPIRED);
    assert_int_equal(got.state.root_version, 2);
    assert_int_equal(got.state.root_expires, 1988150400); /* what an accepted catalog is judged by later */
}

/* ---- row 21: clocks ---- */

static void test_clock(void **state)
{
    World *w = *state;
    DMV_CLEANUP_BUNDLE DmvBundleResult dead = {0}, later = {0};

    /* the clock chip lost its battery: what the catalog says about its own date is the floor */
    assert_int_equal(judge(w, bundle_of(w, version(1)), 0, &dead), 0);
    assert_true(dead.clock_untrusted);
    assert_int_equal(dead.state.clock_floor, 1767225600); /* TRUSTKIT_ISSUED */
    store(w, &dead);

    /* below the floor: judged by the floor, not by the clock */
    w->state.clock_floor = 1782864000;
    expect(w, bundle_of(w, version(2)), TRUSTKIT_NOW, DMV_CATALOG_EXPIRED);
    w->state.clock_floor = 1924992000;
    expect(w, bundle_of(w, version(2)), TRUSTKIT_NOW, DMV_ROOT_EXPIRED);

    /* far in the future: refused, and the floor does not follow the clock */
    w->state.clock_floor = 1767225600;
    assert_int_equal(judge(w, bundle_of(w, version(2)), 4070908800, &later), DMV_ROOT_EXPIRED);
    assert_false(later.clock_untrusted);
    assert_int_equal(later.state.clock_floor, 1767225600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accepts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_altered_payload, setup, teardown),
        cmocka_unit_test_setup_teardown(test_below_threshold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_distinct_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relabelled_signature, setup, teardown),
        cmocka_unit_test_setup_teardown(test_roles_are_not_confused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollback_and_equivocation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_floor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expired, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_payloads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spec_and_unknown_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_bundles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base64, setup, teardown),
        cmocka_unit_test_setup_teardown(test_escaped_slashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walks_the_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_root_needs_both, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsigned_root_is_not_parsed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_root_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history_from_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_root_progress_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counter_outlives_a_root, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor_outlives_a_root, setup, teardown),
        cmocka_unit_test_setup_teardown(test_root_expiry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
