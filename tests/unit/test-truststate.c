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
#include "trust/root.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static TrustPublisher publisher;
static TrustKey *stranger;

static int setup(void **state)
{
    (void)state;
    trust_publisher_init(&publisher);
    stranger = trust_key_new("ecdsa-sha2-nistp384");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    trust_publisher_deinit(&publisher);
    trust_key_free(stranger);
    return 0;
}

/* ---- roots from files ---- */

static int from_root(const char *text, DmvTrustState *ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t size = strlen(text);
    char *exact = malloc(size ? size : 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, text, size);
    r = dmv_trust_state_from_root(exact, size, ret, &e);
    free(exact);
    assert_int_equal(e.code, r);
    return r;
}

/* Frees @text. */
static void expect_root(char *text, int want)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};

    assert_string_equal(dmv_outcome_reason(from_root(text, &s)), dmv_outcome_reason(want));
    assert_int_equal(s.root != NULL, want == 0);
    free(text);
}

static void test_from_payload(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};

    (void)state;
    assert_int_equal(from_root(publisher.root, &s), 0);
    assert_int_equal(s.root_version, 1);
    assert_int_equal(s.root_size, strlen(publisher.root));
    assert_string_equal(s.root, publisher.root);
    assert_int_equal(s.catalog_version, 0);
    assert_int_equal(strlen(s.key_set), 64);
}

static void test_from_envelope(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};
    DMV_CLEANUP_FREE char *envelope = trust_envelope(DMV_ROOT_TYPE, publisher.root, publisher.root_keys, 2);

    (void)state;
    assert_int_equal(from_root(envelope, &s), 0);
    assert_string_equal(s.root, publisher.root);
    expect_root(trust_envelope(DMV_ROOT_TYPE, publisher.root, publisher.root_keys, 1), DMV_BELOW_THRESHOLD);
    expect_root(trust_envelope(DMV_ROOT_TYPE, publisher.root, &publisher.catalog_key, 1),
                DMV_BELOW_THRESHOLD);
    expect_root(trust_envelope(DMV_CATALOG_TYPE, publisher.root, publisher.root_keys, 2), DMV_WRONG_TYPE);
    expect_root(trust_envelope(DMV_ROOT_TYPE, "{}", publisher.root_keys, 2), DMV_MALFORMED);
}

/* The root with the first @from replaced. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(publisher.root, from);
    char *out = NULL;

    if (!at)
        print_error("not in the root: %s\n", from);
    assert_non_null(at);
    assert_true(
        asprintf(&out, "%.*s%s%s", (int)(at - publisher.root), publisher.root, to, at + strlen(from)) > 0);
    return out;
}

static void test_bad_roots(void **state)
{
    static const struct {
        const char *from, *to;
        int want;
    } bad[] = {
        {"\"root\"", "\"catalog\"", DMV_WRONG_TYPE},
        {"\"spec\":1", "\"spec\":2", DMV_UNKNOWN_SPEC},
        {"\"spec\":1", "\"spec\":\"1\"", DMV_MALFORMED},
        {"\"version\":1", "\"version\":0", DMV_MALFORMED},
        {"\"version\":1", "\"version\":1.0", DMV_MALFORMED},
        {"\"version\":1", "\"version\":-1", DMV_MALFORMED},
        {"\"version\":1", "\"version\":1180591620717411303424", DMV_MALFORMED},
        {"\"version\":1", "\"version\":1,\"version\":1", DMV_MALFORMED},
        {"2031-01-01T", "2031-02-30T", DMV_MALFORMED},
        {"\"expires\"", "\"expired\"", DMV_MALFORMED},
        {"\"threshold\":2", "\"threshold\":0", DMV_MALFORMED},
        {"\"threshold\":2", "\"threshold\":3", DMV_MALFORMED},
        {"\"threshold\":2", "\"threshold\":\"2\"", DMV_MALFORMED},
        {"\"scheme\":\"ed25519\"", "\"scheme\":\"rsa\"", DMV_BAD_KEY},
        {"\"scheme\":\"ed25519\"", "\"scheme\":\"ecdsa-sha2-nistp256\"", DMV_BAD_KEY},
        {"\"scheme\":\"ecdsa-sha2-nistp256\"", "\"scheme\":\"ecdsa-sha2-nistp384\"", DMV_BAD_KEY},
        {"\"scheme\":\"ecdsa-sha2-nistp256\"", "\"scheme\":\"ed25519\"", DMV_BAD_KEY},
        {"\"spki\":\"M", "\"spki\":\" M", DMV_BAD_BASE64},
        {"\"spki\":\"MCow", "\"spki\":\"MCox", DMV_BAD_KEY},
        {"\"spki\":\"", "\"spki\":\"AAAA", DMV_BAD_KEY},
        {"\"spki\"", "\"comment\":\"x\",\"spki\"", DMV_MALFORMED},
        {"\"roles\"", "\"rolls\"", DMV_MALFORMED},
        {"\"keyids\":[", "\"keyids\":[7,", DMV_MALFORMED},
        {"\"keyids\":[", "\"keyids\":[\"" SHA "\",", DMV_MALFORMED},
        {"\"keyids\":[", "\"keyids\":[],\"ids\":[", DMV_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        expect_root(changed(bad[i].from, bad[i].to), bad[i].want);
    expect_root(changed("\"roles\":{", "\"later\":[1],\"roles\":{\"timestamp\":{},"), 0);
    expect_root(strdup(""), DMV_NO_ROOT);
    expect_root(strdup("x"), DMV_MALFORMED);
    expect_root(strdup("[]"), DMV_MALFORMED);
    expect_root(strdup("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}"), DMV_TOO_DEEP);
}

/* Row 5: a key under an id that is not its own, and a role that lists a key twice. */
static void test_key_ids(void **state)
{
    char *text = changed(trust_key_id(publisher.root_keys[0]), SHA), *twice = NULL;

    (void)state;
    expect_root(text, DMV_BAD_KEY);
    text = changed(trust_key_id(publisher.root_keys[0]), trust_key_id(stranger));
    expect_root(text, DMV_BAD_KEY);
    assert_true(asprintf(&twice, "\"keyids\":[\"%s\",", trust_key_id(publisher.root_keys[0])) > 0);
    expect_root(changed("\"keyids\":[", twice), DMV_MALFORMED);
    free(twice);
}

static void test_too_many_keys(void **state)
{
    TrustKey *keys[33];

    (void)state;
    for (size_t i = 0; i < 33; i++)
        keys[i] = trust_key_new("ed25519");
    expect_root(trust_root(1, NULL, (TrustRole){keys, 32, 17}, (TrustRole){keys, 1, 1}), 0);
    expect_root(trust_root(1, NULL, (TrustRole){keys, 33, 17}, (TrustRole){keys, 1, 1}), DMV_MALFORMED);
    for (size_t i = 0; i < 33; i++)
        trust_key_free(keys[i]);
}

static void test_too_large(void **state)
{
    char *huge = malloc(DMV_ROOT_SIZE_MAX + 2), *text;

    (void)state;
    assert_non_null(huge);
    memset(huge, ' ', DMV_ROOT_SIZE_MAX + 1);
    huge[DMV_ROOT_SIZE_MAX + 1] = '\0';
    assert_true(asprintf(&text, "%s%s", publisher.root, huge) > 0);
    expect_root(text, DMV_TOO_LARGE);
    free(huge);
}

/* The set is named by ids and threshold, not by the order in which a root lists them. */
static void test_key_set(void **state)
{
    TrustKey *one[] = {publisher.catalog_key, stranger}, *other[] = {stranger, publisher.catalog_key};
    DMV_CLEANUP_FREE char *a =
        trust_root(1, NULL, (TrustRole){publisher.root_keys, 2, 2}, (TrustRole){one, 2, 1});
    DMV_CLEANUP_FREE char *b =
        trust_root(2, NULL, (TrustRole){publisher.root_keys, 2, 1}, (TrustRole){other, 2, 1});
    DMV_CLEANUP_FREE char *c =
        trust_root(1, NULL, (TrustRole){publisher.root_keys, 2, 2}, (TrustRole){one, 2, 2});
    DMV_CLEANUP_FREE char *d =
        trust_root(1, NULL, (TrustRole){publisher.root_keys, 2, 2}, (TrustRole){one, 1, 1});
    DMV_CLEANUP_TRUST_STATE DmvTrustState sa = {0}, sb = {0}, sc = {0}, sd = {0};

    (void)state;
    assert_int_equal(from_root(a, &sa) | from_root(b, &sb) | from_root(c, &sc) | from_root(d, &sd), 0);
    assert_string_equal(sa.key_set, sb.key_set);
    assert_string_not_equal(sa.key_set, sc.key_set);
    assert_string_not_equal(sa.key_set, sd.key_set);
}

/* ---- the state on the disk ---- */

static char *format_state(int64_t version, int64_t floor)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};
    char *text = NULL;
    size_t size = 0;

    assert_int_equal(from_root(publisher.root, &s), 0);
    s.catalog_version = version;
    if (version > 0)
        strcpy(s.catalog_sha256, SHA);
    s.clock_floor = floor;
    assert_int_equal(dmv_trust_state_format(&s, &text, &size), 0);
    assert_int_equal(strlen(text), size);
    return text;
}

static void test_round_trip(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0}, fresh = {0};
    DMV_CLEANUP_FREE char *text = format_state(42, TRUSTKIT_NOW), *first = format_state(0, 0);

    (void)state;
    assert_int_equal(dmv_trust_state_parse(text, strlen(text), &s, NULL), 0);
    assert_string_equal(s.root, publisher.root);
    assert_int_equal(s.root_size, strlen(publisher.root));
    assert_int_equal(s.root_version, 1);
    assert_int_equal(s.catalog_version, 42);
    assert_string_equal(s.catalog_sha256, SHA);
    assert_int_equal(strlen(s.key_set), 64);
    assert_int_equal(s.clock_floor, TRUSTKIT_NOW);
    assert_int_equal(dmv_trust_state_parse(first, strlen(first), &fresh, NULL), 0);
    assert_int_equal(fresh.catalog_version, 0);
    assert_string_equal(fresh.catalog_sha256, "");
}

static void expect_broken(const char *data, size_t size)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    assert_int_equal(dmv_trust_state_parse(data, size, &s, &e), DMV_STATE_BROKEN);
    assert_int_equal(e.code, DMV_STATE_BROKEN);
    assert_non_null(e.why);
    assert_non_null(e.next);
    assert_null(s.root);
}

/* Row 22: truncated anywhere, or garbage. */
static void test_broken_states(void **state)
{
    static const char *const bad[][2] = {
        {"dmv-trust-1", "dmv-trust-2"},
        {"\"root\":\"", "\"root\":\"!"},
        {"\"root\":\"", "\"root\":\"AAAA"},
        {"\"root\":\"", "\"rot\":\""},
        {":42", ":-42"},
        {":42", ":42.5"},
        {":42", ":0"},
        {"\"" SHA "\"", "\"\""},
        {"\"" SHA "\"", "\"xyz\""},
        {"\"key_set\":\"", "\"key_set\":\"0"},
        {"\"key_set\"", "\"catalog_floor\":-1,\"key_set\""},
        {"\"key_set\"", "\"catalog_floor\":\"7\",\"key_set\""},
        {"{\"", "{\"more\":1,\""},
        {"{\"format\"", "{\"clock_floor\":1,\"format\""},
    };
    DMV_CLEANUP_FREE char *text = format_state(42, TRUSTKIT_NOW);

    (void)state;
    for (size_t n = 0; n < strlen(text); n++) {
        DMV_CLEANUP_FREE char *exact = malloc(n ? n : 1);

        assert_non_null(exact);
        memcpy(exact, text, n);
        expect_broken(exact, n);
    }
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_FREE char *out = NULL;
        const char *at = strstr(text, bad[i][0]);

        assert_non_null(at);
        assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, bad[i][1], at + strlen(bad[i][0])) >
                    0);
        expect_broken(out, strlen(out));
    }
    expect_broken("\0\0\0\0", 4);
}

/* A newer root was installed: same catalog keys, the counter goes on; other keys, it starts again. */
static void test_carry_over(void **state)
{
    DMV_CLEANUP_FREE char *text = format_state(42, TRUSTKIT_NOW);
    TrustKey *other_key[] = {stranger};
    DMV_CLEANUP_FREE char *same = trust_root(2, NULL, (TrustRole){publisher.root_keys, 2, 1},
                                             (TrustRole){&publisher.catalog_key, 1, 1});
    DMV_CLEANUP_FREE char *other =
        trust_root(2, NULL, (TrustRole){publisher.root_keys, 2, 1}, (TrustRole){other_key, 1, 1});
    DMV_CLEANUP_TRUST_STATE DmvTrustState stored = {0}, a = {0}, b = {0}, ahead = {0};

    (void)state;
    assert_int_equal(dmv_trust_state_parse(text, strlen(text), &stored, NULL), 0);
    assert_int_equal(from_root(same, &a) | from_root(same, &ahead) | from_root(other, &b), 0);
    dmv_trust_state_carry_over(&stored, &a);
    assert_int_equal(a.root_version, 2);
    assert_int_equal(a.catalog_version, 42);
    assert_string_equal(a.catalog_sha256, SHA);
    assert_int_equal(a.clock_floor, TRUSTKIT_NOW);
    dmv_trust_state_carry_over(&stored, &b);
    assert_int_equal(b.catalog_version, 0);
    assert_string_equal(b.catalog_sha256, "");
    assert_int_equal(b.clock_floor, TRUSTKIT_NOW);
    /* what was installed with a higher floor keeps it, and what was stored gets it */
    dmv_trust_state_raise(&ahead, 43, TRUSTKIT_NOW + 1);
    dmv_trust_state_carry_over(&stored, &ahead);
    assert_int_equal(ahead.catalog_version, 42);
    assert_int_equal(ahead.catalog_floor, 43);
    assert_int_equal(ahead.clock_floor, TRUSTKIT_NOW + 1);
    dmv_trust_state_carry_over(&ahead, &stored);
    assert_int_equal(stored.catalog_version, 42);
    assert_int_equal(stored.catalog_floor, 43);
    assert_int_equal(stored.clock_floor, TRUSTKIT_NOW + 1);
    dmv_trust_state_carry_over(&stored, &b);
    assert_int_equal(b.catalog_floor, 0);
}

/* A floor outlives the process that found it, as long as it says more than the catalog does. */
static void test_stored_floor(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0}, again = {0}, reached = {0};
    DMV_CLEANUP_FREE char *text = NULL, *shorter = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(from_root(publisher.root, &s), 0);
    dmv_trust_state_raise(&s, 7, TRUSTKIT_NOW);
    dmv_trust_state_raise(&s, 6, TRUSTKIT_NOW - 1);
    assert_int_equal(dmv_trust_state_format(&s, &text, &size), 0);
    assert_int_equal(dmv_trust_state_parse(text, size, &again, NULL), 0);
    assert_int_equal(again.catalog_version, 0);
    assert_int_equal(again.catalog_floor, 7);
    assert_int_equal(again.clock_floor, TRUSTKIT_NOW);
    s.catalog_version = 7;
    strcpy(s.catalog_sha256, SHA);
    assert_int_equal(dmv_trust_state_format(&s, &shorter, &size), 0);
    assert_null(strstr(shorter, "catalog_floor"));
    assert_int_equal(dmv_trust_state_parse(shorter, size, &reached, NULL), 0);
    assert_int_equal(reached.catalog_floor, 0);
}

/* Row 21: one time for all that is judged, the later of the clock and what was proven. */
static void test_time(void **state)
{
    (void)state;
    assert_int_equal(dmv_trust_time(5, 0), 5);
    assert_int_equal(dmv_trust_time(5, 5), 5);
    assert_int_equal(dmv_trust_time(0, TRUSTKIT_NOW), TRUSTKIT_NOW);
}

static void judge_again(const DmvTrustState *s, int64_t expires, int64_t now, int want)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_trust_state_check(s, expires, now, &e);

    assert_string_equal(dmv_outcome_reason(r), dmv_outcome_reason(want));
    assert_int_equal(e.code, want);
    assert_int_equal(e.why != NULL, want != 0);
}

/* Rows 9, 20, 21: an accepted catalog is judged again by the root that it hangs on, and by the same time. */
static void test_check(void **state)
{
    static const char root_expires[] = "2031-01-01T00:00:00Z";
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};
    int64_t end = 0;

    (void)state;
    assert_int_equal(dmv_parse_time(root_expires, &end), 0);
    assert_int_equal(from_root(publisher.root, &s), 0);
    assert_int_equal(s.root_expires, end);
    judge_again(&s, end + 1, end - 1, 0);
    judge_again(&s, end + 1, end, DMV_ROOT_EXPIRED);
    judge_again(&s, TRUSTKIT_NOW, TRUSTKIT_NOW - 1, 0);
    judge_again(&s, TRUSTKIT_NOW, TRUSTKIT_NOW, DMV_CATALOG_EXPIRED);
    judge_again(&s, TRUSTKIT_NOW, end, DMV_ROOT_EXPIRED);
    /* the clock went back to 1970 */
    s.clock_floor = TRUSTKIT_NOW;
    judge_again(&s, TRUSTKIT_NOW, 0, DMV_CATALOG_EXPIRED);
    judge_again(&s, TRUSTKIT_NOW + 1, 0, 0);
    s.clock_floor = end;
    judge_again(&s, end + 1, 0, DMV_ROOT_EXPIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_payload),  cmocka_unit_test(test_from_envelope),
        cmocka_unit_test(test_bad_roots),     cmocka_unit_test(test_key_ids),
        cmocka_unit_test(test_too_many_keys), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_key_set),       cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_broken_states), cmocka_unit_test(test_carry_over),
        cmocka_unit_test(test_stored_floor),  cmocka_unit_test(test_time),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
