/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read for the question whether a release fits a kernel, and what is not read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "base/text.h"
#include "host/abi.h"
#include "host/observe.h"
#include "host/symbols.h"
#include "model/fit.h"

#define K1 "6.1.0-one"
#define K2 "6.1.0-two"
#define FLAGS " SMP mod_unload modversions "
#define MODULES "usr/lib/modules/"
#define FOLDER "usr/lib/dmv/store/" K1 "/a/v/1"

typedef struct Host {
    Scratch s;
    DmvRoots roots;
    DmvWorld world;
    DmvAbiCache *cache;
} Host;

static void write_info(const Scratch *s, const char *folder)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/info.json", folder);
    scratch_write(
        s, path,
        "{\"category\":\"network\",\"name\":\"a\",\"variant\":\"v\",\"version\":\"1\",\"priority\":50,"
        "\"pci_ids\":{}}");
}

/* A kernel with one module of its own that needs _printk in this version. */
static void make_kernel(const Scratch *s, const char *kernel, const char *printk)
{
    char path[256], vermagic[128];
    const Komod own = {.name = "own", .vermagic = vermagic, .needs = {"module_layout=1", printk}};

    (void)snprintf(vermagic, sizeof(vermagic), "%s" FLAGS, kernel);
    (void)snprintf(path, sizeof(path), MODULES "%s/kernel/own.ko", kernel);
    komod_build(s, path, &own);
}

/* Two kernels with the same versions, and a release for the first of them. */
static int setup(void **state)
{
    const Komod ice = {.name = "ice", .vermagic = K1 FLAGS, .needs = {"module_layout=1", "_printk=2"}};
    Host *h = calloc(1, sizeof(*h));

    if (!h)
        return -1;
    scratch_init(&h->s);
    make_kernel(&h->s, K1, "_printk=2");
    make_kernel(&h->s, K2, "_printk=2");
    komod_build(&h->s, FOLDER "/ice.ko", &ice);
    write_info(&h->s, FOLDER);
    if (dmv_roots_init(&h->roots, h->s.path, NULL, NULL) < 0 || dmv_abi_cache_new(&h->cache) < 0)
        return -1;
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    Host *h = *state;

    dmv_world_deinit(&h->world);
    (void)dmv_abi_cache_free(h->cache);
    dmv_roots_deinit(&h->roots);
    scratch_deinit(&h->s);
    free(h);
    return 0;
}

static void look(Host *h)
{
    dmv_world_deinit(&h->world);
    assert_int_equal(dmv_observe_kernels(&h->roots, &h->world), 0);
    assert_int_equal(dmv_observe_installed(&h->roots, &h->world), 0);
    dmv_world_sort(&h->world);
    assert_int_equal(dmv_observe_abi(&h->roots, h->cache, &h->world), 0);
}

static const DmvKernel *kernel(const Host *h, const char *release)
{
    const DmvKernel *k = dmv_world_kernel(&h->world, release);

    assert_non_null(k);
    return k;
}

static void test_only_what_is_asked_for(void **state)
{
    Host *h = *state;

    look(h);
    assert_null(kernel(h, K1)->abi); /* it has a release of its own */
    assert_non_null(kernel(h, K2)->abi);
    assert_non_null(h->world.installed[0].modules[0].symbols.arena);
    assert_int_equal(dmv_fit_check(&h->world.installed[0], kernel(h, K2), NULL), 0);
    assert_int_equal(h->world.problems.n, 0);
}

/* With a release for every kernel nothing is opened: not even what could not be. */
static void test_nothing_is_asked_for(void **state)
{
    const Komod ice = {.name = "ice", .vermagic = K2 FLAGS};
    Host *h = *state;

    komod_build(&h->s, "usr/lib/dmv/store/" K2 "/a/v/1/ice.ko", &ice);
    write_info(&h->s, "usr/lib/dmv/store/" K2 "/a/v/1");
    scratch_write(&h->s, MODULES K2 "/kernel/broken.ko", "no module");
    look(h);
    assert_null(kernel(h, K1)->abi);
    assert_null(kernel(h, K2)->abi);
    for (size_t i = 0; i < h->world.n_installed; i++)
        assert_null(h->world.installed[i].modules[0].symbols.arena);
    assert_int_equal(h->world.problems.n, 0);
}

/* The same table as long as its files are the same, and a new one afterwards. */
static void test_tables_are_kept(void **state)
{
    Host *h = *state;
    const DmvKabi *first;
    uint32_t crc = 0;

    look(h);
    first = kernel(h, K2)->abi;
    look(h);
    assert_ptr_equal(kernel(h, K2)->abi, first);
    /* a link of ours changes nothing, a file of somebody else does */
    scratch_link(&h->s, MODULES K2 "/updates/ice.ko", "../../../dmv/store/" K1 "/a/v/1/ice.ko");
    look(h);
    assert_true(kernel(h, K2)->files[0].ours || kernel(h, K2)->files[1].ours);
    assert_ptr_equal(kernel(h, K2)->abi, first);
    make_kernel(&h->s, K2, "_printk=3");
    look(h);
    assert_true(dmv_kabi_find(kernel(h, K2)->abi, "_printk", &crc, NULL));
    assert_int_equal(crc, 3);
    assert_int_equal(dmv_fit_check(&h->world.installed[0], kernel(h, K2), NULL), DMV_MODULE_OTHER_SYMBOL);
    /* a symvers file comes */
    scratch_write(&h->s, "boot/symvers-" K2, "0x00000002\t_printk\tvmlinux\tEXPORT_SYMBOL\n");
    look(h);
    assert_true(dmv_kabi_is_complete(kernel(h, K2)->abi));
    first = kernel(h, K2)->abi;
    look(h);
    assert_ptr_equal(kernel(h, K2)->abi, first);
    /* and goes */
    assert_int_equal(unlinkat(h->s.fd, "boot/symvers-" K2, 0), 0);
    look(h);
    assert_false(dmv_kabi_is_complete(kernel(h, K2)->abi));
}

/* Problems are said each time, and a symvers file that cannot be used does not hide that the tree changed. */
static void test_problems_are_repeated(void **state)
{
    Host *h = *state;
    uint32_t crc = 0;

    scratch_write(&h->s, "boot/symvers-" K2, "nonsense\n");
    for (int i = 0; i < 3; i++) {
        look(h);
        assert_int_equal(h->world.problems.n, 1);
        assert_string_equal(h->world.problems.items[0].object, "boot/symvers-" K2);
    }
    assert_int_equal(unlinkat(h->s.fd, MODULES K2 "/kernel/own.ko", 0), 0);
    for (int i = 0; i < 20; i++) { /* more than are looked at for the vermagic */
        char path[256];

        (void)snprintf(path, sizeof(path), MODULES K2 "/kernel/a%02d.ko", i);
        scratch_write(&h->s, path, "no module");
    }
    make_kernel(&h->s, K2, "_printk=3");
    look(h);
    assert_true(dmv_kabi_find(kernel(h, K2)->abi, "_printk", &crc, NULL));
    assert_int_equal(crc, 3);
    make_kernel(&h->s, K2, "_printk=4");
    look(h);
    assert_true(dmv_kabi_find(kernel(h, K2)->abi, "_printk", &crc, NULL));
    assert_int_equal(crc, 4);
    assert_int_equal(h->world.problems.n, 21);
}

static void test_without_a_cache(void **state)
{
    Host *h = *state;

    h->cache = dmv_abi_cache_free(h->cache);
    look(h);
    assert_non_null(kernel(h, K2)->abi);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_what_is_asked_for), TEST(test_nothing_is_asked_for), TEST(test_tables_are_kept),
        TEST(test_problems_are_repeated),  TEST(test_without_a_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
