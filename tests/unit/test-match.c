/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/match.h"

#define ANY DMV_PCI_ANY

static const char modalias[] = "pci:v00008086d000010D3sv00001028sd0000A01Fbc02sc00i00";

static DmvDevice e1000e(void)
{
    static char text[sizeof(modalias)];

    memcpy(text, modalias, sizeof(text));
    return (DmvDevice){
        .vendor = 0x8086, .device = 0x10d3, .subvendor = 0x1028, .subdevice = 0xa01f, .modalias = text};
}

static void test_ids(void **state)
{
    static const struct {
        DmvPciId id;
        bool want;
    } cases[] = {
        {{0x8086, 0x10d3, ANY, ANY}, true},     {{0x8086, 0x10d3, 0x1028, 0xa01f}, true},
        {{0x8086, 0x10d3, 0x1028, ANY}, true},  {{0x8086, 0x10d3, ANY, 0xa01f}, true},
        {{0x8086, ANY, ANY, ANY}, true},        {{ANY, 0x10d3, ANY, ANY}, true},
        {{ANY, ANY, ANY, ANY}, true},           {{0x8087, 0x10d3, ANY, ANY}, false},
        {{0x8086, 0x10d4, ANY, ANY}, false},    {{0x8086, 0x10d3, 0x1029, ANY}, false},
        {{0x8086, 0x10d3, ANY, 0xa020}, false}, {{0x8087, ANY, ANY, ANY}, false},
        {{0xffff, ANY, ANY, ANY}, false},       {{0x18086, 0x10d3, ANY, ANY}, false},
    };
    const DmvDevice d = e1000e();

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DmvPciId id = cases[i].id;
        const DmvModuleIds ids = {.ids = &id, .n_ids = 1};

        assert_int_equal(dmv_pci_id_matches(&id, &d), cases[i].want);
        assert_int_equal(dmv_module_ids_match(&ids, &d), cases[i].want);
    }
}

static void test_aliases(void **state)
{
    static const struct {
        const char *pattern;
        bool want;
    } cases[] = {
        {"pci:v00008086d000010D3sv*sd*bc*sc*i*", true},
        {"pci:v00008086d000010d3sv*sd*bc*sc*i*", false}, /* the kernel writes upper case */
        {"pci:v00008086d*sv*sd*bc*sc*i*", true},
        {"pci:v*d*sv*sd*bc02sc00i*", true},
        {"pci:v*d*sv*sd*bc01sc08i02*", false},
        {"pci:v*d*sv*sd*bc0[12]sc*i*", true},
        {"pci:v*d*sv*sd*bc0[!2]sc*i*", false},
        {"pci:v0000808?d*", true},
        {"*", true},
        {"", false},
        {"pci:", false},
        {"pci:*x", false},
        {"usb:v*", false},
        {modalias, true},
    };
    DmvDevice d = e1000e();

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        char *list[] = {(char *)(uintptr_t)cases[i].pattern, NULL};
        const DmvModuleIds ids = {.aliases = list};

        assert_int_equal(dmv_alias_matches(cases[i].pattern, modalias), cases[i].want);
        assert_int_equal(dmv_module_ids_match(&ids, &d), cases[i].want);
    }
    d.modalias = NULL;
    assert_false(dmv_alias_matches("*", NULL));
}

/* ---- random: our globs are fnmatch(3)'s, and the index is the brute force ---- */

/* xorshift: the same numbers on every machine */
static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void random_text(uint32_t *seed, const char *from, size_t max, char *ret)
{
    size_t n = next(seed) % max;

    for (size_t i = 0; i < n; i++)
        ret[i] = from[next(seed) % strlen(from)];
    ret[n] = '\0';
}

static void test_globs_agree_with_fnmatch(void **state)
{
    uint32_t seed = 42, n_matched = 0;

    (void)state;
    for (size_t i = 0; i < 200000; i++) {
        char pattern[12], text[12];

        random_text(&seed, "ab**?[]", sizeof(pattern), pattern);
        random_text(&seed, "aab", sizeof(text), text);
        if (dmv_alias_matches(pattern, text) != (fnmatch(pattern, text, 0) == 0))
            print_error("%s on %s\n", pattern, text);
        assert_int_equal(dmv_alias_matches(pattern, text), fnmatch(pattern, text, 0) == 0);
        n_matched += dmv_alias_matches(pattern, text);
    }
    assert_true(n_matched > 1000);
}

/* Small ranges, so that much matches. */
static DmvPciId random_id(uint32_t *seed)
{
    uint32_t *field[4];
    DmvPciId id = {0};

    field[0] = &id.vendor;
    field[1] = &id.device;
    field[2] = &id.subvendor;
    field[3] = &id.subdevice;
    for (size_t i = 0; i < 4; i++)
        *field[i] = next(seed) % (i < 2 ? 8 : 2) == 0 ? ANY : next(seed) % 4 + 0x10;
    return id;
}

static char *random_alias(uint32_t *seed)
{
    static const char *const forms[] = {
        "pci:v%08Xd%08Xsv*sd*bc*sc*i*",
        "pci:v%08Xd%08Xsv0000001%Xsd*bc*sc*i*",
        "pci:v%08Xd*sv*sd*bc*sc*i*%.0u%.0u",
        "pci:v*d%08Xsv*sd*bc*sc*i*%.0u%.0u",
        "pci:v*d*sv*sd*bc0%Xsc*i*%.0u%.0u",
        "pci:v%08xd%08xsv*",
        "pci:v%08Xd%08Xsv*sd*bc0[1-2]sc*i*",
        "pci:v%08Xd%08X",
        "usb:v%XdX*%.0u%.0u",
        "pci:v%08X%08Xsv*",
        "*%.0u%.0u%.0u",
    };
    char *s = NULL;
    unsigned a = next(seed) % 4 + 0x10, b = next(seed) % 4 + 0x10, c = next(seed) % 4;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    assert_true(asprintf(&s, forms[next(seed) % DMV_N_ELEMENTS(forms)], a, b, c) > 0);
#pragma GCC diagnostic pop
    return s;
}

static DmvDevice random_device(uint32_t *seed)
{
    DmvDevice d = {.vendor = (uint16_t)(next(seed) % 4 + 0x10),
                   .device = (uint16_t)(next(seed) % 4 + 0x10),
                   .subvendor = (uint16_t)(next(seed) % 4 + 0x10),
                   .subdevice = (uint16_t)(next(seed) % 4 + 0x10)};

    switch (next(seed) % 8) {
    case 0: /* no modalias */
        return d;
    case 1: /* one that says something else than the ids */
        d.modalias = strdup("pci:v00000010d00000011sv00000012sd00000013bc01sc00i00");
        break;
    case 2:
        d.modalias = strdup("pci:v00000010d0000001");
        break;
    default:
        assert_true(asprintf(&d.modalias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc00i00", d.vendor, d.device,
                             d.subvendor, d.subdevice, next(seed) % 4) > 0);
    }
    return d;
}

typedef struct Rules {
    DmvModuleIds ids[64];
    size_t keys[64];
    size_t n;
} Rules;

static void make_rules(uint32_t *seed, Rules *r)
{
    r->n = next(seed) % 64;
    for (size_t i = 0; i < r->n; i++) {
        DmvModuleIds *m = &r->ids[i];

        *m = (DmvModuleIds){0};
        r->keys[i] = next(seed) % 40; /* in any order, and several times the same */
        for (size_t k = next(seed) % 4; k > 0; k--) {
            DmvPciId *id = DMV_ARRAY_ADD(m->ids, m->n_ids);

            assert_non_null(id);
            *id = random_id(seed);
        }
        for (size_t k = next(seed) % 3; k > 0; k--) {
            DMV_CLEANUP_FREE char *alias = random_alias(seed);

            assert_int_equal(dmv_strv_push(&m->aliases, alias), 0);
        }
    }
}

static void free_rules(Rules *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->ids[i].ids);
        dmv_strv_free(r->ids[i].aliases);
    }
}

static size_t check_device(const Rules *r, const DmvMatcher *m, const DmvDevice *d)
{
    bool want[40] = {false};
    size_t *keys = NULL, n = 0, n_want = 0, at = 0;

    for (size_t i = 0; i < r->n; i++)
        want[r->keys[i]] = want[r->keys[i]] || dmv_module_ids_match(&r->ids[i], d);
    assert_int_equal(dmv_matcher_find(m, d, &keys, &n), 0);
    for (size_t k = 0; k < 40; k++) {
        if (!want[k])
            continue;
        n_want++;
        assert_true(at < n);
        assert_int_equal(keys[at++], k);
    }
    assert_int_equal(n, n_want);
    free(keys);
    return n;
}

static void test_index_agrees_with_brute_force(void **state)
{
    uint32_t seed = 7;
    size_t n_matched = 0;

    (void)state;
    for (size_t round = 0; round < 2000; round++) {
        DmvMatcher *m = NULL;
        Rules r;

        make_rules(&seed, &r);
        assert_int_equal(dmv_matcher_new(&m), 0);
        for (size_t i = 0; i < r.n; i++)
            assert_int_equal(dmv_matcher_add(m, &r.ids[i], r.keys[i]), 0);
        for (size_t i = 0; i < 20; i++) {
            DmvDevice d = random_device(&seed);

            n_matched += check_device(&r, m, &d);
            free(d.modalias);
        }
        dmv_matcher_free(m);
        free_rules(&r);
    }
    assert_true(n_matched > 10000);
}

/* A pattern with many stars takes the product of the lengths, not a power of them. */
static void test_many_stars_end(void **state)
{
    char pattern[513], text[4001];

    (void)state;
    for (size_t i = 0; i < 510; i += 2)
        memcpy(pattern + i, "a*", 2);
    strcpy(pattern + 510, "b");
    memset(text, 'a', 4000);
    text[4000] = '\0';
    assert_false(dmv_alias_matches(pattern, text));
    text[3999] = 'b';
    assert_true(dmv_alias_matches(pattern, text));
}

static void test_empty_index(void **state)
{
    const DmvDevice d = e1000e();
    DmvMatcher *m = NULL;
    size_t *keys = NULL, n = 1;

    (void)state;
    assert_int_equal(dmv_matcher_new(&m), 0);
    assert_int_equal(dmv_matcher_find(m, &d, &keys, &n), 0);
    assert_int_equal(n, 0);
    free(keys);
    assert_null(dmv_matcher_free(m));
    assert_null(dmv_matcher_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_globs_agree_with_fnmatch),
        cmocka_unit_test(test_index_agrees_with_brute_force),
        cmocka_unit_test(test_many_stars_end),
        cmocka_unit_test(test_empty_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
