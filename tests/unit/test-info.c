/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/info.h"

#define CLEANUP_INSTALLED DMV_CLEANUP(dmv_installed_deinit)

static const char vendor[] =
    "{\"category\": \"network\", \"name\": \"broadcom-bnxt-en\", \"version\": \"1.10.2\", \"minor_version\": "
    "\"3\","
    " \"variant\": \"generic\", \"kABI\": \"0x1234\", \"description\": \"A NIC\", \"status\": \"production\","
    " \"priority\": 100, \"other\": [1, {}], \"pci_ids\": {\"bnxt_en.ko\": ["
    "{\"vendor_id\": \"14e4\", \"device_id\": \"163c\", \"subvendor_id\": \"*\", \"subdevice_id\": \"*\"},"
    "{\"vendor_id\": \"14E4\", \"device_id\": \"*\", \"subvendor_id\": \"1028\", \"subdevice_id\": "
    "\"1f\"}]}}";

static int parse(const char *text, DmvInstalled *i, DmvError *e)
{
    return dmv_info_parse(text, strlen(text), i, e);
}

static void test_vendor_file(void **state)
{
    CLEANUP_INSTALLED DmvInstalled i = {0};

    (void)state;
    assert_int_equal(parse(vendor, &i, NULL), 0);
    assert_string_equal(i.type, "network");
    assert_string_equal(i.driver, "broadcom-bnxt-en");
    assert_string_equal(i.version, "1.10.2");
    assert_string_equal(i.variant, "generic");
    assert_string_equal(i.kabi, "0x1234");
    assert_string_equal(i.description, "A NIC");
    assert_string_equal(i.status, "production");
    assert_string_equal(i.tier, "supported");
    assert_int_equal(i.priority, 100);
    assert_int_equal(i.n_ids, 1);
    assert_string_equal(i.ids[0].file, "bnxt_en.ko");
    assert_int_equal(i.ids[0].n_ids, 2);
    assert_int_equal(i.ids[0].ids[0].vendor, 0x14e4);
    assert_int_equal(i.ids[0].ids[0].device, 0x163c);
    assert_int_equal(i.ids[0].ids[0].subvendor, DMV_PCI_ANY);
    assert_int_equal(i.ids[0].ids[1].vendor, 0x14e4);
    assert_int_equal(i.ids[0].ids[1].device, DMV_PCI_ANY);
    assert_int_equal(i.ids[0].ids[1].subdevice, 0x1f);
}

static void test_our_member(void **state)
{
    CLEANUP_INSTALLED DmvInstalled i = {0};

    (void)state;
    assert_int_equal(
        parse("{\"name\":\"nvme\",\"variant\":\"alt\",\"version\":\"2\",\"kABI\":\"\",\"dmv\":{\"spec\":1,"
              "\"tier\":\"alternate\",\"release_version\":\"2.0-1\",\"later\":true,\"aliases\":{"
              "\"nvme.ko\":[\"pci:v*d*sv*sd*bc01sc08i02*\"]}}}",
              &i, NULL),
        0);
    assert_string_equal(i.version, "2.0-1");
    assert_string_equal(i.tier, "alternate");
    assert_null(i.kabi);
    assert_null(i.description);
    assert_int_equal(i.n_ids, 1);
    assert_int_equal(i.ids[0].n_ids, 0);
    assert_string_equal(i.ids[0].aliases[0], "pci:v*d*sv*sd*bc01sc08i02*");
}

static void test_refused(void **state)
{
#define BASE "\"name\":\"a\",\"variant\":\"b\",\"version\":\"1\""
    static const struct {
        const char *text;
        int outcome;
        const char *why; /* a piece of the reason */
    } cases[] = {
        {"", DMV_EMPTY, NULL},
        {"[]", DMV_MALFORMED, NULL},
        {"{", DMV_MALFORMED, NULL},
        {"{\"name\":\"a\",\"name\":\"b\"}", DMV_MALFORMED, NULL},
        {"{\"variant\":\"b\",\"version\":\"1\"}", DMV_MALFORMED, "name"},
        {"{\"name\":\"a\",\"version\":\"1\"}", DMV_MALFORMED, "variant"},
        {"{\"name\":\"a\",\"variant\":\"b\"}", DMV_MALFORMED, "version"},
        {"{\"name\":7,\"variant\":\"b\",\"version\":\"1\"}", DMV_MALFORMED, "name"},
        {"{\"name\":\"../a\",\"variant\":\"b\",\"version\":\"1\"}", DMV_MALFORMED, "name"},
        {"{\"name\":\"a\",\"variant\":\"b/c\",\"version\":\"1\"}", DMV_MALFORMED, "variant"},
        {"{\"name\":\"a\",\"variant\":\"b\",\"version\":\"1 2\"}", DMV_MALFORMED, "version"},
        {"{" BASE ",\"priority\":\"high\"}", DMV_MALFORMED, "priority"},
        {"{" BASE ",\"priority\":1.5}", DMV_MALFORMED, "priority"},
        {"{" BASE ",\"status\":false}", DMV_MALFORMED, "status"},
        {"{" BASE ",\"pci_ids\":[]}", DMV_MALFORMED, "pci_ids"},
        {"{" BASE ",\"pci_ids\":{\"x.ko\":{}}}", DMV_MALFORMED, "x.ko"},
        {"{" BASE ",\"pci_ids\":{\"x\":[]}}", DMV_MALFORMED, "pci_ids"},
        {"{" BASE ",\"pci_ids\":{\"../x.ko\":[]}}", DMV_MALFORMED, "pci_ids"},
        {"{" BASE ",\"pci_ids\":{\"x.ko\":[{\"vendor_id\":\"14e4\"}]}}", DMV_MALFORMED, "device_id"},
        {"{" BASE ",\"pci_ids\":{\"x.ko\":[{\"vendor_id\":\"14g4\",\"device_id\":\"1\"}]}}", DMV_MALFORMED,
         "x.ko"},
        {"{" BASE ",\"pci_ids\":{\"x.ko\":[{\"vendor_id\":\"\",\"device_id\":\"1\"}]}}", DMV_MALFORMED,
         "x.ko"},
        {"{" BASE ",\"pci_ids\":{\"x.ko\":[{\"vendor_id\":\"1\",\"device_id\":\"123456789\"}]}}",
         DMV_MALFORMED, "x.ko"},
        {"{" BASE ",\"pci_ids\":{\"x.ko\":[{\"vendor_id\":\"1\",\"device_id\":\"ffffffff\"}]}}",
         DMV_MALFORMED, "x.ko"},
        {"{" BASE ",\"dmv\":1}", DMV_MALFORMED, "dmv"},
        {"{" BASE ",\"dmv\":{\"tier\":\"supported\"}}", DMV_MALFORMED, "spec"},
        {"{" BASE ",\"dmv\":{\"spec\":2,\"tier\":\"supported\"}}", DMV_MALFORMED, "spec"},
        {"{" BASE ",\"dmv\":{\"spec\":1,\"tier\":\"best\"}}", DMV_MALFORMED, "tier"},
        {"{" BASE ",\"dmv\":{\"spec\":1,\"tier\":\"supported\",\"release_version\":\"a b\"}}", DMV_MALFORMED,
         "version"},
        {"{" BASE ",\"dmv\":{\"spec\":1,\"tier\":\"supported\",\"aliases\":{\"x.ko\":\"pci:*\"}}}",
         DMV_MALFORMED, "x.ko"},
        {"{" BASE ",\"dmv\":{\"spec\":1,\"tier\":\"supported\",\"aliases\":{\"x.ko\":[\"a b\"]}}}",
         DMV_MALFORMED, "aliases"},
        {"{" BASE ",\"deep\":[[[[[[[[[[1]]]]]]]]]]}", DMV_TOO_DEEP, NULL},
    };

    (void)state;
    for (size_t k = 0; k < DMV_N_ELEMENTS(cases); k++) {
        CLEANUP_INSTALLED DmvInstalled i = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r = parse(cases[k].text, &i, &e);

        if (r != cases[k].outcome)
            fail_msg("%s: %s instead of %s", cases[k].text, dmv_outcome_reason(r),
                     dmv_outcome_reason(cases[k].outcome));
        assert_int_equal(e.code, r);
        if (cases[k].why && !strstr(e.why, cases[k].why))
            fail_msg("%s: the reason is: %s", cases[k].text, e.why);
        assert_null(i.driver);
        assert_null(i.ids);
    }
}

static void test_too_large(void **state)
{
    size_t size = 1024 * 1024 + 1;
    DMV_CLEANUP_FREE char *text = malloc(size);
    CLEANUP_INSTALLED DmvInstalled i = {0};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', size);
    assert_int_equal(dmv_info_parse(text, size, &i, NULL), DMV_TOO_LARGE);
}

static void test_round_trip(void **state)
{
    CLEANUP_INSTALLED DmvInstalled i = {0}, again = {0};
    DMV_CLEANUP_FREE char *text = NULL, *second = NULL;
    size_t size = 0, second_size = 0;

    (void)state;
    assert_int_equal(parse(vendor, &i, NULL), 0);
    assert_int_equal(dmv_strv_push(&i.ids[0].aliases, "pci:v*d*sv*sd*bc02sc00i00*"), 0);
    assert_int_equal(dmv_set_string(&i.tier, "additional"), 0);
    assert_int_equal(dmv_info_format(&i, &text, &size), 0);
    assert_int_equal(strlen(text), size);
    assert_non_null(strstr(text, "\"vendor_id\":\"14e4\""));
    assert_non_null(strstr(text, "\"subdevice_id\":\"001f\""));
    assert_int_equal(dmv_info_parse(text, size, &again, NULL), 0);
    assert_string_equal(again.tier, "additional");
    assert_string_equal(again.ids[0].aliases[0], "pci:v*d*sv*sd*bc02sc00i00*");
    assert_int_equal(again.ids[0].n_ids, 2);
    assert_int_equal(again.ids[0].ids[1].device, DMV_PCI_ANY);
    assert_int_equal(dmv_info_format(&again, &second, &second_size), 0);
    assert_string_equal(text, second);
}

/* A vendor's reader finds every member even if nothing was said. */
static void test_format_of_little(void **state)
{
    const DmvInstalled i = {.driver = (char *)"a", .variant = (char *)"b", .version = (char *)"1"};
    static const char *const members[] = {"category", "name",        "version", "minor_version", "variant",
                                          "kABI",     "description", "status",  "priority",      "pci_ids"};
    CLEANUP_INSTALLED DmvInstalled again = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(dmv_info_format(&i, &text, &size), 0);
    for (size_t k = 0; k < DMV_N_ELEMENTS(members); k++)
        assert_non_null(strstr(text, members[k]));
    assert_int_equal(dmv_info_parse(text, size, &again, NULL), 0);
    assert_null(again.type);
    assert_string_equal(again.tier, "supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vendor_file), cmocka_unit_test(test_our_member),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_format_of_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
