/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "trust/floor.h"

#define KEYS_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEYS_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GOOD                                                                \
    "{\"format\":\"dmv-floor-1\",\"stream\":\"demo\",\"key_set\":\"" KEYS_A \
    "\",\"catalog_version\":12,\"issued\":\"2026-01-01T00:00:00Z\"}"
#define ISSUED ((int64_t)1767225600)

static int parse(const char *text, DmvTrustFloor *ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t size = strlen(text);
    char *exact = malloc(size ? size : 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, text, size);
    r = dmv_trust_floor_parse(exact, size, ret, &e);
    free(exact);
    assert_int_equal(e.code, r);
    return r;
}

static void test_round_trip(void **state)
{
    DMV_CLEANUP_FLOOR DmvTrustFloor f = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(parse(GOOD, &f), 0);
    assert_string_equal(f.stream, "demo");
    assert_string_equal(f.key_set, KEYS_A);
    assert_int_equal(f.catalog_version, 12);
    assert_int_equal(f.issued, ISSUED);
    assert_int_equal(dmv_trust_floor_format(&f, &text, &size), 0);
    assert_string_equal(text, GOOD);
    assert_int_equal(size, strlen(GOOD));
}

static void expect(const char *text, int want)
{
    DMV_CLEANUP_FLOOR DmvTrustFloor f = {0};

    assert_string_equal(dmv_outcome_reason(parse(text, &f)), dmv_outcome_reason(want));
    assert_null(f.stream);
}

static void test_refuses(void **state)
{
    static const char *const bad[][2] = {
        {"dmv-floor-1", "dmv-floor-2"},
        {"demo", ""},
        {"\"demo\"", "7"},
        {KEYS_A, "aa"},
        {KEYS_A, "AA" KEYS_A},
        {":12", ":0"},
        {":12", ":-1"},
        {":12", ":12.0"},
        {":12", ":\"12\""},
        {":12", ":18446744073709551616"},
        {"2026-01-01T", "2026-02-30T"},
        {"{\"", "{\"more\":1,\""},
        {"\"issued\"", "\"catalog_version\":1,\"issued\""},
        {"\"stream\":\"demo\",", ""},
    };
    char huge[DMV_FLOOR_SIZE_MAX + 2];

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_FREE char *out = NULL;
        const char *at = strstr(GOOD, bad[i][0]);

        assert_non_null(at);
        assert_true(asprintf(&out, "%.*s%s%s", (int)(at - GOOD), GOOD, bad[i][1], at + strlen(bad[i][0])) >
                    0);
        expect(out, DMV_MALFORMED);
    }
    expect("", DMV_EMPTY);
    expect("[]", DMV_MALFORMED);
    expect("{\"stream\":[[[]]]}", DMV_TOO_DEEP);
    memset(huge, ' ', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    expect(huge, DMV_TOO_LARGE);
}

/* A floor raises, never lowers; only for its own stream, and the version only for its own keys. */
static void test_apply(void **state)
{
    static const struct {
        const char *stream, *key_set;
        int64_t floor, clock, want_floor, want_clock;
    } cases[] = {
        {"demo", KEYS_A, 0, 0, 12, ISSUED},
        {"demo", KEYS_A, 13, ISSUED + 1, 13, ISSUED + 1},
        {"demo", KEYS_B, 0, 0, 0, ISSUED},
        {"other", KEYS_A, 0, 0, 0, 0},
    };
    DMV_CLEANUP_FLOOR DmvTrustFloor f = {0};

    (void)state;
    assert_int_equal(parse(GOOD, &f), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DmvTrustState s = {.catalog_floor = cases[i].floor, .clock_floor = cases[i].clock};

        memcpy(s.key_set, cases[i].key_set, sizeof(s.key_set));
        dmv_trust_floor_apply(&f, cases[i].stream, &s);
        assert_int_equal(s.catalog_floor, cases[i].want_floor);
        assert_int_equal(s.clock_floor, cases[i].want_clock);
        assert_int_equal(s.catalog_version, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_apply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
