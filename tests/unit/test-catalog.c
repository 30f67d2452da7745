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
#include "model/catalog.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* One release with everything in it; tests replace pieces of this text. */
static const char release[] =
    "{\"driver\":\"intel-e1000e\",\"variant\":\"generic\",\"version\":\"3.8.7\",\"sequence\":12,\"type\":"
    "\"network\","
    "\"tier\":\"supported\",\"status\":\"production\",\"priority\":50,\"recommended\":true,\"description\":"
    "\"Words\","
    "\"revoked\":\"eats "
    "packets\",\"trial\":{\"boots\":2,\"hours\":24},\"dmi\":[{\"vendor\":\"Dell*\",\"product\":\"PowerEdge "
    "R6*\"},{\"vendor\":\"HPE\"}],"
    "\"pci_ids\":{\"e1000e.ko\":[{\"vendor_id\":\"8086\",\"device_id\":\"10d3\",\"subvendor_id\":\"*\","
    "\"subdevice_id\":\"*\"},{\"vendor_id\":\"8086\",\"device_id\":\"10ea\",\"subvendor_id\":\"1028\","
    "\"subdevice_id\":\"00ff\"}]},"
    "\"aliases\":{\"e1000e.ko\":[\"pci:v*d*sv*sd*bc02sc00i*\"],\"helper.ko\":[\"pci:v00008086d00001533sv*sd*"
    "bc*sc*i*\"]},"
    "\"packages\":[{\"kernel\":\"6.1.0-50-amd64\",\"rpm\":{\"name\":\"dmv-intel-e1000e\",\"nevra\":"
    "\"dmv-intel-e1000e-3.8.7-1.x86_64\",\"href\":\"Packages/d/x.rpm\",\"size\":1000,\"sha256\":\"" SHA "\","
    "\"signer\":\"00112233445566aa\"},\"unpacked\":6000,\"files\":["
    "{\"path\":\"info.json\",\"size\":500,\"sha256\":\"" SHA "\"},"
    "{\"path\":\"e1000e.ko\",\"size\":5000,\"sha256\":\"" SHA "\",\"build_id\":\"aabb\",\"signer\":\"ccdd\"},"
    "{\"path\":\"firmware/x/y.bin\",\"size\":100,\"sha256\":\"" SHA "\"}]}]}";

/* @text with the first @from replaced by @to; ends the test if @from is not there. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = NULL;

    if (!at)
        print_error("not in the text: %s\n", from);
    assert_non_null(at);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
    return out;
}

/* Parses from a heap copy of exactly that size. */
static int parse(const char *data, size_t size, DmvCatalog **ret, DmvError *e)
{
    char *exact = malloc(size ? size : 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, data, size);
    r = dmv_catalog_parse(exact, size, ret, e);
    free(exact);
    return r;
}

static void check_refused(const char *payload, int want, const char *place)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;
    int r = parse(payload, strlen(payload), &c, &e);

    if (r != want || (place && (!e.why || !strstr(e.why, place))))
        print_error("%s\ngave %s: %s\n", payload, dmv_outcome_reason(r), e.why ? e.why : "-");
    assert_int_equal(r, want);
    assert_int_equal(e.code, want);
    assert_null(c);
    assert_non_null(e.what);
    assert_true(!place || strstr(e.why, place));
}

static DmvCatalog *catalog_of(const char *releases)
{
    DMV_CLEANUP_FREE char *payload = trust_catalog(3, "xs9", NULL, releases);
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvCatalog *c = NULL;
    int r = parse(payload, strlen(payload), &c, &e);

    if (r != 0)
        print_error("%s\n", e.why ? e.why : "-");
    assert_int_equal(r, 0);
    return c;
}

static void test_reads_everything(void **state)
{
    DMV_CLEANUP_FREE char *array = NULL;
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;
    const DmvRelease *r;
    const DmvPackage *p;

    (void)state;
    assert_true(asprintf(&array, "[%s]", release) > 0);
    c = catalog_of(array);
    assert_string_equal(c->stream, "xs9");
    assert_int_equal(c->version, 3);
    assert_int_equal(c->issued, 1767225600);
    assert_int_equal(c->expires, 1782864000);
    assert_int_equal(c->n_releases, 1);
    r = dmv_catalog_release(c, "intel-e1000e", "generic", "3.8.7");
    assert_ptr_equal(r, &c->releases[0]);
    assert_null(dmv_catalog_release(c, "intel-e1000e", "generic", "3.8.8"));
    assert_null(dmv_catalog_release(c, "intel-e1000e", "dell", "3.8.7"));
    assert_int_equal(r->sequence, 12);
    assert_int_equal(r->priority, 50);
    assert_true(r->recommended);
    assert_string_equal(r->type, "network");
    assert_string_equal(r->tier, "supported");
    assert_string_equal(r->status, "production");
    assert_string_equal(r->description, "Words");
    assert_string_equal(r->revoked, "eats packets");
    assert_int_equal(r->trial_boots, 2);
    assert_int_equal(r->trial_hours, 24);
    assert_int_equal(r->n_dmi, 2);
    assert_string_equal(r->dmi[0].product, "PowerEdge R6*");
    assert_string_equal(r->dmi[1].vendor, "HPE");
    assert_null(r->dmi[1].product);
    assert_int_equal(r->n_ids, 2);
    assert_string_equal(r->ids[0].file, "e1000e.ko");
    assert_int_equal(r->ids[0].n_ids, 2);
    assert_int_equal(r->ids[0].ids[0].subvendor, DMV_PCI_ANY);
    assert_int_equal(r->ids[0].ids[1].device, 0x10ea);
    assert_int_equal(r->ids[0].ids[1].subdevice, 0xff);
    assert_string_equal(r->ids[0].aliases[0], "pci:v*d*sv*sd*bc02sc00i*");
    assert_null(r->ids[0].aliases[1]);
    assert_string_equal(r->ids[1].file, "helper.ko");
    assert_int_equal(r->ids[1].n_ids, 0);
    assert_null(dmv_release_package(r, "6.1.0-51-amd64"));
    p = dmv_release_package(r, "6.1.0-50-amd64");
    assert_non_null(p);
    assert_string_equal(p->name, "dmv-intel-e1000e");
    assert_string_equal(p->nevra, "dmv-intel-e1000e-3.8.7-1.x86_64");
    assert_string_equal(p->href, "Packages/d/x.rpm");
    assert_string_equal(p->sha256, SHA);
    assert_string_equal(p->signer, "00112233445566aa");
    assert_int_equal(p->size, 1000);
    assert_int_equal(p->unpacked, 6000);
    assert_int_equal(p->n_files, 3);
    assert_string_equal(p->files[0].path, "e1000e.ko");
    assert_string_equal(p->files[0].build_id, "aabb");
    assert_string_equal(p->files[0].signer, "ccdd");
    assert_int_equal(p->files[1].size, 100);
    assert_null(p->files[1].build_id);
}

static void test_optional_members(void **state)
{
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;

    (void)state;
    c = catalog_of(
        "[{\"driver\":\"d\",\"variant\":\"v\",\"version\":\"1\",\"sequence\":0,\"type\":\"t\",\"tier\":"
        "\"alternate\",\"status\":\"beta\",\"priority\":0,\"pci_ids\":{},\"packages\":[],\"later\":[1]}]");
    assert_false(c->releases[0].recommended);
    assert_null(c->releases[0].revoked);
    assert_null(c->releases[0].description);
    assert_int_equal(c->releases[0].trial_boots, 0);
    assert_int_equal(c->releases[0].trial_hours, 0);
    assert_int_equal(c->releases[0].n_dmi, 0);
    assert_int_equal(c->releases[0].n_packages, 0);
}

/* Either member may be missing, and what a later version adds is no reason to refuse. */
static void test_trials(void **state)
{
    static const struct {
        const char *text;
        int64_t boots, hours;
    } cases[] = {
        {"{\"boots\":1}", 1, 0},
        {"{\"boots\":100,\"hours\":2160}", 100, 2160},
        {"{\"hours\":1}", 0, 1},
        {"{\"hours\":0}", 0, 0},
        {"{\"boots\":2,\"hours\":null,\"later\":[1]}", 2, 0},
        {"null", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *one = replaced(release, "{\"boots\":2,\"hours\":24}", cases[i].text);
        DMV_CLEANUP_FREE char *array = NULL;
        DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;

        assert_true(asprintf(&array, "[%s]", one) > 0);
        c = catalog_of(array);
        assert_int_equal(c->releases[0].trial_boots, cases[i].boots);
        assert_int_equal(c->releases[0].trial_hours, cases[i].hours);
    }
}

static void test_sorts(void **state)
{
    static const char *const names[][2] = {{"b", "1"}, {"a", "2"}, {"a", "10"}, {"c", "0"}, {"a-b", "1"}};
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++) {
        DMV_CLEANUP_FREE char *one = replaced(release, "intel-e1000e", names[i][0]);
        DMV_CLEANUP_FREE char *two = replaced(one, "3.8.7", names[i][1]);

        dmv_text_append(&t, i ? "," : "[");
        dmv_text_append(&t, two);
    }
    dmv_text_append(&t, "]");
    c = catalog_of(t.data);
    assert_int_equal(c->n_releases, 5);
    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++)
        assert_non_null(dmv_catalog_release(c, names[i][0], "generic", names[i][1]));
    assert_string_equal(c->releases[0].version, "10");
    assert_string_equal(c->releases[4].driver, "c");
}

/* The matcher's keys are places in the sorted array, whatever the order in the payload. */
static void test_matcher_knows_places(void **state)
{
    DMV_CLEANUP_FREE char *other = replaced(release, "intel-e1000e", "aaa");
    DMV_CLEANUP_FREE char *third = replaced(release, "intel-e1000e", "zzz"), *without = NULL, *array = NULL;
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;
    const DmvDevice d = {.vendor = 0x8086, .device = 0x10d3, .subvendor = 1, .subdevice = 2};
    size_t *keys = NULL, n = 0;

    (void)state;
    without = replaced(other, "10d3", "10d4");
    assert_true(asprintf(&array, "[%s,%s,%s]", third, release, without) > 0);
    c = catalog_of(array);
    assert_int_equal(dmv_matcher_find(c->matcher, &d, &keys, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(c->releases[keys[0]].driver, "intel-e1000e");
    assert_string_equal(c->releases[keys[1]].driver, "zzz");
    free(keys);
}

/* Rows 11 and 15 of the matrix, and every other value that can be wrong. */
static void test_refuses_wrong_values(void **state)
{
    static const struct {
        const char *from, *to, *place;
    } bad[] = {
        {"\"intel-e1000e\"", "\"../x\"", "releases[0]"},
        {"\"intel-e1000e\"", "\"\"", "releases[0]"},
        {"\"intel-e1000e\"", "7", "releases[0]"},
        {"\"driver\"", "\"drivr\"", "\"driver\" is missing"},
        {"\"generic\"", "\"../x\"", "\"variant\""},
        {"\"generic\"", "\"a/b\"", "\"variant\""},
        {"\"3.8.7\"", "\"3 8\"", "\"version\""},
        {"\"3.8.7\"", "\".\"", "\"version\""},
        {"12", "12.0", NULL},
        {"12", "\"12\"", "\"sequence\""},
        {"12", "-1", NULL},
        {"12", "1000000000000000", NULL},
        {"\"network\"", "\"net work\"", "\"type\""},
        {"\"supported\"", "\"Supported\"", "\"tier\""},
        {"\"production\"", "\"\"", "\"status\""},
        {"\"production\"", "\"a\\u001b[31m\"", "control characters"},
        {"\"Words\"", "\"a\\nb\"", "control characters"},
        {"50", "null", "\"priority\""},
        {"true", "1", "\"recommended\""},
        {"\"eats packets\"", "\"\"", "\"revoked\""},
        {"\"eats packets\"", "false", "\"revoked\""},
        {"[{\"vendor\":\"Dell*\"", "[7,{\"vendor\":\"Dell*\"", "releases[0].dmi[0]"},
        {"{\"vendor\":\"HPE\"}", "{}", "releases[0].dmi[1]"},
        {"{\"vendor\":\"HPE\"}", "{\"vendr\":\"HPE\"}", "releases[0].dmi[1]"},
        {"{\"boots\":2,\"hours\":24}", "[2,24]", "\"trial\""},
        {"{\"boots\":2,\"hours\":24}", "{}", "releases[0].trial asks for neither"},
        {"{\"boots\":2,\"hours\":24}", "{\"boot\":2}", "releases[0].trial asks for neither"},
        {"\"boots\":2", "\"boots\":0", "releases[0].trial has \"boots\""},
        {"\"boots\":2", "\"boots\":101", "releases[0].trial has \"boots\""},
        {"\"boots\":2", "\"boots\":\"2\"", "releases[0].trial"},
        {"\"boots\":2", "\"boots\":-1", NULL},
        {"\"hours\":24", "\"hours\":2161", "releases[0].trial has \"hours\""},
        {"\"hours\":24", "\"hours\":0.5", NULL},
        {"\"8086\"", "\"0x8086\"", "releases[0].pci_ids[\"e1000e.ko\"][0]"},
        {"\"10ea\"", "\"10EA\"", "releases[0].pci_ids[\"e1000e.ko\"][1]"},
        {"\"10d3\"", "4307", "pci_ids"},
        {"\"10d3\"", "null", "pci_ids"},
        {"\"device_id\"", "\"device\"", "pci_ids"},
        {"\"vendor_id\":\"8086\"", "\"x\":\"y\",\"vendor_id\":\"8086\"", "pci_ids"},
        {"\"vendor_id\":\"8086\"", "\"device_id\":\"8086\"", NULL},
        {"\"e1000e.ko\":[{", "\"e1000e.ko\":[7,{", "pci_ids[\"e1000e.ko\"][0]"},
        {"\"e1000e.ko\":[{", "\"../e1000e.ko\":[{", "pci_ids"},
        {"\"e1000e.ko\":[{", "\"e1000e\":[{", "pci_ids"},
        {"\"e1000e.ko\":[{", "\"e1000e.ko.xz\":[{", "pci_ids"},
        {"\"e1000e.ko\":[{", "\"x.ko\":{},\"e1000e.ko\":[{", "pci_ids"},
        {"\"pci_ids\"", "\"ids\"", "\"pci_ids\" is missing"},
        {"[\"pci:v*", "[\"\",\"pci:v*", "releases[0].aliases[\"e1000e.ko\"][0]"},
        {"[\"pci:v*", "[7,\"pci:v*", "aliases"},
        {"[\"pci:v*", "[\"a b\",\"pci:v*", "aliases"},
        {"\"helper.ko\"", "\"a/helper.ko\"", "aliases"},
        {"\"6.1.0-50-amd64\"", "\"6.1.0/50\"", "releases[0].packages[0]"},
        {"\"6.1.0-50-amd64\"", "\"..\"", "releases[0].packages[0]"},
        {"\"dmv-intel-e1000e\"", "\"\"", "packages[0].rpm"},
        {"\"dmv-intel-e1000e-3", "\"dmv-other-3", "packages[0].rpm"},
        {"x86_64\"", "x86_64/../x\"", "packages[0].rpm"},
        {"Packages/d/x.rpm", "/Packages/x.rpm", "\"href\""},
        {"Packages/d/x.rpm", "Packages/../../x.rpm", "\"href\""},
        {"Packages/d/x.rpm", "../x.rpm", "\"href\""},
        {"Packages/d/x.rpm", "http://h/x.rpm", "\"href\""},
        {"Packages/d/x.rpm", "file:x.rpm", "\"href\""},
        {"Packages/d/x.rpm", "%2e%2e/x.rpm", "\"href\""},
        {"Packages/d/x.rpm", "a\\\\b", "\"href\""},
        {"Packages/d/x.rpm", "", "\"href\""},
        {"\"size\":1000", "\"size\":0", "packages[0].rpm"},
        {"\"size\":1000", "\"size\":1099511627777", "packages[0].rpm"},
        {"\"size\":1000", "\"size\":9223372036854775808", NULL},
        {"\"size\":1000", "\"size\":-5", NULL},
        {SHA "\",\"signer\"", "0\",\"signer\"", "\"sha256\""},
        {"0123456789abcdef", "0123456789ABCDEF", "\"sha256\""},
        {"00112233445566aa", "00112233445566AA", "\"signer\""},
        {"00112233445566aa", "0x", "\"signer\""},
        {"\"unpacked\":6000", "\"unpacked\":5599", "unpacked"},
        {"\"unpacked\":6000", "\"unpacked\":0", "unpacked"},
        {"info.json", "../info.json", "releases[0].packages[0].files[0]"},
        {"info.json", "/info.json", "files[0]"},
        {"info.json", "a//b", "files[0]"},
        {"info.json", "e1000e.ko.xz", "files[0]"},
        {"info.json", "e1000e.ko", "twice"},
        {"\"path\":\"e1000e.ko\"", "\"path\":\"x/e1000e.ko\"", "files[1]"},
        {"\"path\":\"e1000e.ko\"", "\"path\":\".ko\"", "files[1]"},
        {"\"size\":500,", "\"size\":0,", "files[0]"},
        {"\"size\":500,", "", "files[0]"},
        {"\"size\":500,", "\"size\":500,\"mode\":1,", "files[0]"},
        {"\"aabb\"", "\"aab\"", "files[1]"},
        {"\"aabb\"", "\"\"", "files[1]"},
        {"\"ccdd\"", "\"CCDD\"", "files[1]"},
        {"\"path\":\"e1000e.ko\"", "\"path\":\"e1000e.bin\"", "files[1]"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_FREE char *one = replaced(release, bad[i].from, bad[i].to), *array = NULL,
                              *payload = NULL;

        assert_true(asprintf(&array, "[%s]", one) > 0);
        payload = trust_catalog(1, "xs9", NULL, array);
        check_refused(payload, DMV_MALFORMED, bad[i].place);
    }
}

static void test_refuses_what_comes_twice(void **state)
{
    DMV_CLEANUP_FREE char *same = NULL, *payload = NULL, *kernels = NULL, *two = NULL, *payload2 = NULL;
    const char *package = strstr(release, "{\"kernel\"");

    (void)state;
    assert_true(asprintf(&same, "[%s,%s]", release, release) > 0);
    payload = trust_catalog(1, "xs9", NULL, same);
    check_refused(payload, DMV_MALFORMED, "intel-e1000e/generic@3.8.7");

    assert_true(asprintf(&kernels, "%.*s,{\"kernel\"", (int)(strlen(package) - 2), package) > 0);
    two = replaced(release, "{\"kernel\"", kernels);
    free(same);
    assert_true(asprintf(&same, "[%s]", two) > 0);
    payload2 = trust_catalog(1, "xs9", NULL, same);
    check_refused(payload2, DMV_MALFORMED, "two packages for one kernel");
}

static void test_refuses_wrong_tops(void **state)
{
    static const struct {
        const char *from, *to;
        int want;
    } bad[] = {
        {"\"catalog\"", "\"root\"", DMV_WRONG_TYPE},
        {"\"spec\":1", "\"spec\":2", DMV_UNKNOWN_SPEC},
        {"\"version\":1", "\"version\":0", DMV_MALFORMED},
        {"\"version\":1", "\"version\":1.0", DMV_MALFORMED},
        {"\"xs9\"", "\"x s\"", DMV_MALFORMED},
        {"2026-01-01T", "2026-13-01T", DMV_MALFORMED},
        {"2026-07-01T", "2026-06-31T", DMV_MALFORMED},
        {"[]", "{}", DMV_MALFORMED},
        {"[]", "null", DMV_MALFORMED},
        {"[]", "[null]", DMV_MALFORMED},
        {"[]", "[7]", DMV_MALFORMED},
        {"[]", "[],\"releases\":[]", DMV_MALFORMED},
        {"[]", "[]}x", DMV_MALFORMED},
        {",\"releases\":[]", "", DMV_MALFORMED},
        {"[]", "[[[[[[[[[[[[[[]]]]]]]]]]]]]]", DMV_TOO_DEEP},
    };
    DMV_CLEANUP_FREE char *payload = trust_catalog(1, "xs9", NULL, NULL), *huge = calloc(49, 1u << 20);
    DmvCatalog *c = NULL;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_FREE char *one = replaced(payload, bad[i].from, bad[i].to);

        check_refused(one, bad[i].want, NULL);
    }
    check_refused("", DMV_EMPTY, NULL);
    check_refused("[]", DMV_MALFORMED, NULL);
    assert_non_null(huge);
    assert_int_equal(dmv_catalog_parse(huge, 49u << 20, &c, NULL), DMV_TOO_LARGE);
    assert_null(c);
}

/* @n copies of @piece with a running number in place of its "#". */
static char *repeated(const char *before, const char *piece, size_t n, const char *after)
{
    DmvText t = {0};
    const char *mark = strchr(piece, '#');
    char *s = NULL;

    dmv_text_append(&t, before);
    for (size_t i = 0; i < n; i++)
        dmv_text_appendf(&t, "%s%.*s%zu%s", i ? "," : "", (int)(mark - piece), piece, i, mark + 1);
    dmv_text_append(&t, after);
    assert_int_equal(dmv_text_take(&t, &s, NULL), 0);
    return s;
}

static void check_limit(const char *from, const char *before, const char *piece, const char *after,
                        size_t max)
{
    for (size_t n = max; n <= max + 1; n++) {
        DMV_CLEANUP_FREE char *many = repeated(before, piece, n, after), *one = replaced(release, from, many);
        DMV_CLEANUP_FREE char *array = NULL, *payload = NULL;

        assert_true(asprintf(&array, "[%s]", one) > 0);
        payload = trust_catalog(1, "xs9", NULL, array);
        if (n > max) {
            check_refused(payload, DMV_MALFORMED, "releases[0]");
        } else {
            DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;

            assert_int_equal(dmv_catalog_parse(payload, strlen(payload), &c, NULL), 0);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    /* the release has 3 ids and aliases besides */
    check_limit("[\"pci:v*d*sv*sd*bc02sc00i*\"]", "[", "\"pci:v#*\"", "]", 65536 - 3);
    check_limit("\"unpacked\":6000,\"files\":[", "\"unpacked\":9000000,\"files\":[",
                "{\"path\":\"firmware/#\",\"size\":1,\"sha256\":\"" SHA "\"}", ",", 4096 - 3);
    check_limit("\"packages\":[", "\"packages\":[",
                "{\"kernel\":\"6.#\",\"rpm\":{\"name\":\"n\",\"nevra\":\"n-1\",\"href\":\"h\",\"size\":1,"
                "\"sha256\":\"" SHA
                "\"},\"unpacked\":1,\"files\":[{\"path\":\"a.ko\",\"size\":1,\"sha256\":\"" SHA "\"}]}",
                ",", 64 - 1);
}

static void test_limit_of_releases(void **state)
{
    static const char one[] =
        "{\"driver\":\"d\",\"variant\":\"v\",\"version\":\"#\",\"sequence\":0,\"type\":\"t\",\"tier\":"
        "\"alternate\",\"status\":\"beta\",\"priority\":0,\"pci_ids\":{},\"packages\":[]}";

    (void)state;
    for (size_t n = 100000; n <= 100001; n++) {
        DMV_CLEANUP_FREE char *array = repeated("[", one, n, "]");
        DMV_CLEANUP_FREE char *payload = trust_catalog(1, "xs9", NULL, array);
        DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;

        assert_int_equal(dmv_catalog_parse(payload, strlen(payload), &c, NULL),
                         n > 100000 ? DMV_TOO_LARGE : 0);
        assert_int_equal(c != NULL, n == 100000);
    }
}

/* Cut anywhere, a catalog is refused and never read beyond. */
static void test_truncated(void **state)
{
    DMV_CLEANUP_FREE char *array = NULL, *payload = NULL;

    (void)state;
    assert_true(asprintf(&array, "[%s]", release) > 0);
    payload = trust_catalog(1, "xs9", NULL, array);
    for (size_t n = 0; n < strlen(payload); n++) {
        DmvCatalog *c = NULL;

        assert_int_equal(parse(payload, n, &c, NULL), n == 0 ? DMV_EMPTY : DMV_MALFORMED);
        assert_null(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_everything),
        cmocka_unit_test(test_optional_members),
        cmocka_unit_test(test_trials),
        cmocka_unit_test(test_sorts),
        cmocka_unit_test(test_matcher_knows_places),
        cmocka_unit_test(test_refuses_wrong_values),
        cmocka_unit_test(test_refuses_what_comes_twice),
        cmocka_unit_test(test_refuses_wrong_tops),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limit_of_releases),
        cmocka_unit_test(test_truncated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
