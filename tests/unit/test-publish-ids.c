/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From aliases to pci_ids, and what does not fit there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/publish/ids.h"

static void test_alias_that_pci_ids_can_say(void **state)
{
    DmvPciId id;

    (void)state;
    assert_true(dmv_ids_from_alias("pci:v00008086d000010D3sv*sd*bc*sc*i*", &id));
    assert_int_equal(id.vendor, 0x8086);
    assert_int_equal(id.device, 0x10d3);
    assert_int_equal(id.subvendor, DMV_PCI_ANY);
    assert_int_equal(id.subdevice, DMV_PCI_ANY);
    assert_true(dmv_ids_from_alias("pci:v00001000d0000005Dsv00001028sd00001F49bc*sc*i*", &id));
    assert_int_equal(id.subvendor, 0x1028);
    assert_int_equal(id.subdevice, 0x1f49);
    assert_true(dmv_ids_from_alias("pci:v000015B3d*sv*sd*bc*sc*i*", &id));
    assert_int_equal(id.device, DMV_PCI_ANY);
}

static void test_alias_that_pci_ids_cannot_say(void **state)
{
    static const char *const others[] = {
        "pci:v*d*sv*sd*bc01sc08i02*",           /* a class, as NVMe */
        "pci:v00008086d*sv*sd*bc02sc00i*",      /* a vendor's class */
        "pci:v*d*sv*sd*bc*sc*i*",               /* everything */
        "pci:v00018086d000010D3sv*sd*bc*sc*i*", /* no 16 bits */
        "pci:v00008086d000010d3sv*sd*bc*sc*i*", /* not how the kernel writes it */
        "pci:v8086d10D3sv*sd*bc*sc*i*",
        "pci:v00008086d000010D3sv*sd*bc*sc*i*x",
        "pci:v00008086d000010D3sv*sd*bc*sc*",
        "pci:",
        "virtio:d00000001v*",
        "usb:v0BDAp8153d*dc*dsc*dp*ic*isc*ip*in*",
        "",
    };
    DmvPciId id;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(dmv_ids_from_alias(others[i], &id));
}

static void test_module(void **state)
{
    char *aliases[] = {
        (char[]){"pci:v00008086d000010D3sv*sd*bc*sc*i*"}, (char[]){"pci:v*d*sv*sd*bc01sc08i02*"},
        (char[]){"pci:v00008086d000010D3sv*sd*bc*sc*i*"}, (char[]){"virtio:d00000001v*"}, NULL};
    DmvModuleIds ids = {0};
    DMV_CLEANUP_JSON json_object *release = json_object_new_object();
    DMV_CLEANUP_FREE char *text = NULL;

    (void)state;
    assert_int_equal(dmv_ids_from_aliases("x.ko", aliases, &ids), 0);
    assert_int_equal(ids.n_ids, 1);
    assert_int_equal(dmv_strv_length(ids.aliases), 2);
    assert_int_equal(dmv_ids_add_to_release(release, &ids), 0);
    /* a second kernel's package that says the same adds nothing */
    assert_int_equal(dmv_ids_add_to_release(release, &ids), 0);
    assert_int_equal(dmv_json_format(release, &text, NULL), 0);
    assert_string_equal(
        text, "{\"pci_ids\":{\"x.ko\":[{\"vendor_id\":\"8086\",\"device_id\":\"10d3\",\"subvendor_id\":\"*\","
              "\"subdevice_id\":\"*\"}]},\"aliases\":{\"x.ko\":[\"pci:v*d*sv*sd*bc01sc08i02*\","
              "\"virtio:d00000001v*\"]}}");
    dmv_module_ids_deinit(&ids);
}

static void test_module_without_aliases(void **state)
{
    DmvModuleIds ids = {0};
    DMV_CLEANUP_JSON json_object *release = json_object_new_object();

    (void)state;
    assert_int_equal(dmv_ids_from_aliases("x.ko", NULL, &ids), 0);
    assert_int_equal(dmv_ids_add_to_release(release, &ids), 0);
    assert_int_equal(json_object_object_length(release), 0);
    dmv_module_ids_deinit(&ids);
}

static void test_alias_that_no_catalog_can_hold(void **state)
{
    char long_one[258];
    char *aliases[] = {(char[]){"dmi*:svnDell Inc.*"}, long_one, (char[]){""}, (char[]){"of:N*T*C\xc3\xa9"},
                       NULL};
    DmvModuleIds ids = {0};

    (void)state;
    memset(long_one, 'x', sizeof(long_one) - 1);
    long_one[sizeof(long_one) - 1] = '\0';
    assert_int_equal(dmv_ids_from_aliases("x.ko", aliases, &ids), 0);
    assert_int_equal(dmv_strv_length(ids.aliases), 0);
    assert_true(dmv_ids_is_pattern(long_one + 1));
    dmv_module_ids_deinit(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alias_that_pci_ids_can_say),
        cmocka_unit_test(test_alias_that_pci_ids_cannot_say),
        cmocka_unit_test(test_module),
        cmocka_unit_test(test_module_without_aliases),
        cmocka_unit_test(test_alias_that_no_catalog_can_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
