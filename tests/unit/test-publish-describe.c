/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a release says of itself, and how a package becomes part of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "cli/publish/describe.h"

/* Numbers that the command line does not say. */
#define SILENT \
    .priority = DMV_UNSAID, .sequence = DMV_UNSAID, .trial_boots = DMV_UNSAID, .trial_hours = DMV_UNSAID

static const DmvReleaseName ice = {(char *)"ice", (char *)"generic", (char *)"2"};

static json_object *parse(const char *text)
{
    static const DmvJsonLimits limits = {.size = 1 << 16, .depth = 16, .nodes = 1000};
    json_object *o = NULL;

    assert_int_equal(dmv_json_parse(text, strlen(text), &limits, &o, NULL), 0);
    return o;
}

static void test_defaults(void **state)
{
    DMV_CLEANUP_JSON json_object *r = json_object_new_object(), *all = json_object_new_array();
    const DmvDescription said = DMV_DESCRIPTION_NULL;

    (void)state;
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_string_equal(dmv_sidecar_string(r, "driver"), "ice");
    assert_int_equal(dmv_sidecar_int(r, "sequence", -1), 1);
    assert_string_equal(dmv_sidecar_string(r, "type"), "other");
    assert_string_equal(dmv_sidecar_string(r, "tier"), "supported");
    assert_string_equal(dmv_sidecar_string(r, "status"), "production");
    assert_int_equal(dmv_sidecar_int(r, "priority", -1), 50);
    assert_null(dmv_sidecar_string(r, "description"));
    assert_false(json_object_object_get_ex(r, "recommended", NULL));
    assert_false(json_object_object_get_ex(r, "trial", NULL));
}

static void test_new_release_follows_the_driver(void **state)
{
    DMV_CLEANUP_JSON json_object *r = json_object_new_object();
    DMV_CLEANUP_JSON json_object *all = parse(
        "[{\"driver\":\"ice\",\"sequence\":7,\"type\":\"network\",\"description\":\"new\"},"
        "{\"driver\":\"ice\",\"sequence\":3,\"type\":\"storage\"},{\"driver\":\"nvme\",\"sequence\":90}]");
    const DmvDescription said = DMV_DESCRIPTION_NULL;

    (void)state;
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_int_equal(dmv_sidecar_int(r, "sequence", -1), 8);
    assert_string_equal(dmv_sidecar_string(r, "type"), "network");
    assert_string_equal(dmv_sidecar_string(r, "description"), "new");
}

static void test_old_release_stays_as_it_is(void **state)
{
    DMV_CLEANUP_JSON json_object *r =
        parse("{\"sequence\":4,\"type\":\"storage\",\"tier\":\"alternate\",\"priority\":9,"
              "\"status\":\"beta\",\"recommended\":true}");
    DMV_CLEANUP_JSON json_object *all = parse("[{\"driver\":\"ice\",\"sequence\":7,\"type\":\"network\"}]");
    DmvDescription said = DMV_DESCRIPTION_NULL;

    (void)state;
    said.status = "production";
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_int_equal(dmv_sidecar_int(r, "sequence", -1), 4);
    assert_string_equal(dmv_sidecar_string(r, "type"), "storage");
    assert_string_equal(dmv_sidecar_string(r, "tier"), "alternate");
    assert_int_equal(dmv_sidecar_int(r, "priority", -1), 9);
    assert_string_equal(dmv_sidecar_string(r, "status"), "production");
    assert_true(json_object_object_get_ex(r, "recommended", NULL));
}

static void test_dmi(void **state)
{
    DMV_CLEANUP_JSON json_object *r = json_object_new_object(), *all = json_object_new_array();
    DMV_CLEANUP_FREE char *text = NULL;
    char *patterns[] = {(char[]){"Dell*:PowerEdge R6*"}, (char[]){"HPE"}, (char[]){":X11*"}, NULL};
    DmvDescription said = DMV_DESCRIPTION_NULL;
    json_object *dmi = NULL;

    (void)state;
    said.dmi = patterns;
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_true(json_object_object_get_ex(r, "dmi", &dmi));
    assert_int_equal(dmv_json_format(dmi, &text, NULL), 0);
    assert_string_equal(
        text,
        "[{\"vendor\":\"Dell*\",\"product\":\"PowerEdge R6*\"},{\"vendor\":\"HPE\"},{\"product\":\"X11*\"}]");
}

static void assert_trial(json_object *release, const char *want)
{
    DMV_CLEANUP_FREE char *text = NULL;
    json_object *trial = NULL;

    assert_true(json_object_object_get_ex(release, "trial", &trial));
    assert_int_equal(dmv_json_format(trial, &text, NULL), 0);
    assert_string_equal(text, want);
}

static void test_trial(void **state)
{
    DMV_CLEANUP_JSON json_object *r = json_object_new_object(), *other = json_object_new_object();
    DMV_CLEANUP_JSON json_object *all = json_object_new_array();
    DmvDescription said = DMV_DESCRIPTION_NULL;

    (void)state;
    said.trial_hours = 24;
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_trial(r, "{\"hours\":24}");
    said.trial_hours = DMV_UNSAID;
    said.trial_boots = 2;
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_trial(r, "{\"hours\":24,\"boots\":2}");
    said.trial_hours = 0;
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_trial(r, "{\"hours\":0,\"boots\":2}");
    said = (DmvDescription)DMV_DESCRIPTION_NULL;
    assert_int_equal(dmv_describe_release(r, &ice, all, &said, NULL), 0);
    assert_trial(r, "{\"hours\":0,\"boots\":2}"); /* as it was described before */
    assert_int_equal(json_object_array_add(all, json_object_get(r)), 0);
    assert_int_equal(dmv_describe_release(other, &ice, all, &said, NULL), 0);
    assert_false(json_object_object_get_ex(other, "trial", NULL)); /* the next release speaks for itself */
}

static void test_values_that_no_host_would_take(void **state)
{
    static const struct {
        DmvDescription said;
        const char *word;
    } cases[] = {
        {{.tier = "best", SILENT}, "best"},
        {{.type = "net work", SILENT}, "net work"},
        {{.status = "a\nb", SILENT}, "status"},
        {{.description = "\033[2J", SILENT}, "description"},
        {{.description = "\xff", SILENT}, "description"},
        {{.priority = 1, .sequence = 1, .trial_boots = 0, .trial_hours = DMV_UNSAID}, "boots"},
        {{.priority = 1, .sequence = 1, .trial_boots = 101, .trial_hours = DMV_UNSAID}, "boots"},
        {{.priority = 1, .sequence = 1, .trial_boots = 1, .trial_hours = 2161}, "hours"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_JSON json_object *r = json_object_new_object(), *all = json_object_new_array();
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(dmv_describe_release(r, &ice, all, &cases[i].said, &e), DMV_INVALID_REQUEST);
        assert_non_null(strstr(e.why, cases[i].word));
    }
}

static void test_module_without_ids(void **state)
{
    DMV_CLEANUP_JSON json_object *r = json_object_new_object();
    DmvStaging staging = {.fd = -1, .files = json_object_new_array()};
    json_object *ids = NULL;

    (void)state;
    assert_int_equal(dmv_describe_package(r, "6.1", &staging, json_object_new_object()), 0);
    assert_true(json_object_object_get_ex(r, "pci_ids", &ids));
    assert_int_equal(json_object_object_length(ids), 0);
    dmv_staging_deinit(&staging);
}

#define RELEASE_2                                                                                      \
    "{\"driver\":\"ice\",\"variant\":\"generic\",\"version\":\"2\",\"packages\":[{\"kernel\":\"6.1\"," \
    "\"rpm\":{\"name\":"                                                                               \
    "\"dmv-ice-generic-2-k6.1\",\"nevra\":\"dmv-ice-generic-2-k6.1-2-3.x86_64\",\"href\":\"Packages/"  \
    "a.rpm\"}}]}"

static void test_package_is_replaced_by_a_higher_release_only(void **state)
{
    DMV_CLEANUP_JSON json_object *r = parse(RELEASE_2);
    DMV_CLEANUP_FREE char *href = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    assert_int_equal(dmv_describe_replaced(r, "6.1", 3, &href, &e), DMV_INVALID_REQUEST);
    assert_non_null(strstr(e.next, "--release"));
    assert_int_equal(dmv_describe_replaced(r, "6.6", 1, &href, &e), 0);
    assert_null(href);
    assert_int_equal(dmv_describe_replaced(r, "6.1", 4, &href, &e), 0);
    assert_string_equal(href, "Packages/a.rpm");
}

static void test_name_of_a_package_is_its_own(void **state)
{
    DMV_CLEANUP_JSON json_object *all = parse("[" RELEASE_2 "]");
    DMV_CLEANUP_ERROR DmvError e = {0};
    const DmvReleaseName other = {(char *)"ice-generic", (char *)"2", (char *)"k6.1"};

    (void)state;
    assert_int_equal(dmv_describe_name_is_free(all, &ice, "dmv-ice-generic-2-k6.1", &e), 0);
    assert_int_equal(dmv_describe_name_is_free(all, &other, "dmv-ice-generic-2-k6.6", &e), 0);
    assert_int_equal(dmv_describe_name_is_free(all, &other, "dmv-ice-generic-2-k6.1", &e),
                     DMV_INVALID_REQUEST);
    assert_non_null(strstr(e.why, "ice/generic@2"));
}

static DmvModuleIds *add_module(DmvStaging *s, uint32_t device)
{
    DmvModuleIds *ids = DMV_ARRAY_ADD(s->installed.ids, s->installed.n_ids);
    DmvPciId *id;

    assert_non_null(ids);
    assert_int_equal(dmv_set_string(&ids->file, "ice.ko"), 0);
    id = DMV_ARRAY_ADD(ids->ids, ids->n_ids);
    assert_non_null(id);
    *id = (DmvPciId){0x8086, device, DMV_PCI_ANY, DMV_PCI_ANY};
    return ids;
}

static size_t count_ids(json_object *release)
{
    json_object *map = NULL, *ids = NULL;

    assert_true(json_object_object_get_ex(release, "pci_ids", &map));
    assert_true(json_object_object_get_ex(map, "ice.ko", &ids));
    return json_object_array_length(ids);
}

static void test_ids_of_packages(void **state)
{
    DMV_CLEANUP_JSON json_object *r = json_object_new_object();
    DmvStaging a = {.fd = -1, .files = json_object_new_array()},
               b = {.fd = -1, .files = json_object_new_array()};
    size_t index = 9;

    (void)state;
    add_module(&a, 0x1592);
    add_module(&b, 0x1593);
    assert_int_equal(dmv_describe_package(r, "6.1", &a, json_object_new_object()), 0);
    assert_int_equal(dmv_describe_package(r, "6.6", &b, json_object_new_object()), 0);
    assert_int_equal(count_ids(r), 2);
    assert_non_null(dmv_sidecar_package(r, "6.6", &index));
    assert_int_equal(index, 1);
    json_object_object_del(r, "packages");
    assert_null(dmv_sidecar_package(r, "6.6", &index));
    assert_int_equal(dmv_describe_package(r, "6.1", &a, json_object_new_object()), 0);
    /* the only package's module is a new one: what the old one could drive goes */
    assert_int_equal(dmv_describe_package(r, "6.1", &b, json_object_new_object()), 0);
    assert_int_equal(count_ids(r), 1);
    dmv_staging_deinit(&a);
    dmv_staging_deinit(&b);
}

static void test_release_names(void **state)
{
    static const char *const bad[] = {
        "",       "ice",          "ice/generic", "ice@2",          "/generic@2",
        "ice/@2", "ice/generic@", "ice/../x@2",  "ice/gen eric@2", "ice/generic@2/3"};
    DMV_CLEANUP_RELEASE_NAME DmvReleaseName good = {0};

    (void)state;
    assert_int_equal(dmv_release_name_parse("intel-ice/dell@1.15.5~rc1", &good, NULL), 0);
    assert_string_equal(good.driver, "intel-ice");
    assert_string_equal(good.variant, "dell");
    assert_string_equal(good.version, "1.15.5~rc1");
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_RELEASE_NAME DmvReleaseName n = {0};

        assert_int_equal(dmv_release_name_parse(bad[i], &n, NULL), DMV_INVALID_NAME);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_new_release_follows_the_driver),
        cmocka_unit_test(test_old_release_stays_as_it_is),
        cmocka_unit_test(test_dmi),
        cmocka_unit_test(test_trial),
        cmocka_unit_test(test_values_that_no_host_would_take),
        cmocka_unit_test(test_module_without_ids),
        cmocka_unit_test(test_package_is_replaced_by_a_higher_release_only),
        cmocka_unit_test(test_name_of_a_package_is_its_own),
        cmocka_unit_test(test_ids_of_packages),
        cmocka_unit_test(test_release_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
