/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packages of a driver disk, and the releases of its catalog that they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/catalogkit.h"
#include "../support/worldkit.h"
#include "base/text.h"
#include "model/import.h"

#define A "6.1.0-1"
#define B "6.1.0-2"
#define C "6.1.0-3" /* not installed */

static const CatalogRelease releases[] = {
    {.driver = "intel-ice", .variant = "dell", .version = "1.0", .vendor = 1, .device = 1, .kernels = {A, B}},
    {.driver = "intel-ice", .variant = "generic", .version = "1.0", .vendor = 1, .device = 1, .kernels = {A}},
    {.driver = "intel-igb", .variant = "x", .version = "2.0", .module = "igb", .device = 2, .kernels = {C}},
};

/* Where the packages lie in the repository, as their releases and kernels are above. */
static const char *const hrefs[][2] = {
    {"Packages/dell-A.rpm", "Packages/dell-B.rpm"},
    {"Packages/generic-A.rpm", NULL},
    {"igb-C.rpm", NULL},
};

typedef struct Fixture {
    DmvWorld world;
    DmvCatalog *catalog;
    DmvSource source;
    DmvIntent intent;
    DmvView view;
} Fixture;

static void fixture_init(Fixture *f)
{
    *f = (Fixture){0};
    world_add_file(world_add_kernel(&f->world, A, true), "kernel/net/ice.ko", NULL);
    world_add_file(world_add_kernel(&f->world, B, false), "kernel/net/ice.ko", NULL);
    f->catalog = catalog_of("main", releases, DMV_N_ELEMENTS(releases));
    for (size_t i = 0; i < f->catalog->n_releases; i++)
        for (size_t k = 0; k < f->catalog->releases[i].n_packages; k++)
            f->catalog->releases[i].packages[k].href = (char *)hrefs[i][k]; /* what it was is the arena's */
    f->source = (DmvSource){.catalog = f->catalog};
    const DmvFacts facts = {.world = &f->world, .sources = &f->source, .n_sources = 1, .intent = &f->intent};

    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
}

static void fixture_deinit(Fixture *f)
{
    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    f->catalog = dmv_catalog_free(f->catalog);
    dmv_world_deinit(&f->world);
}
#define FIXTURE DMV_CLEANUP(fixture_deinit) Fixture

static void test_match(void **state)
{
    FIXTURE f;
    DMV_CLEANUP_IMPORT DmvImport x = {0};
    char *const paths[] = {(char *)"Packages/stranger.rpm", (char *)"disk/igb-C.rpm", (char *)"dell-B.rpm",
                           (char *)"any/where/dell-A.rpm", NULL};

    (void)state;
    fixture_init(&f);
    assert_int_equal(dmv_import_match(&f.view, f.catalog, paths, &x, NULL), 0);
    assert_int_equal(x.n_releases, 2);
    assert_string_equal(x.releases[0].name, "intel-ice/dell@1.0");
    assert_int_equal(dmv_strv_length(x.releases[0].kernels), 2);
    assert_string_equal(x.releases[0].kernels[0], A);
    assert_string_equal(x.releases[0].kernels[1], B);
    assert_string_equal(x.releases[0].paths[0], "any/where/dell-A.rpm");
    assert_string_equal(x.releases[0].paths[1], "dell-B.rpm");
    /* on the disk, but not for a kernel of this host */
    assert_string_equal(x.releases[1].name, "intel-igb/x@2.0");
    assert_null(x.releases[1].kernels);
    assert_null(x.releases[1].paths);
    assert_int_equal(dmv_strv_length(x.unknown), 1);
    assert_string_equal(x.unknown[0], "Packages/stranger.rpm");
}

static void test_nothing(void **state)
{
    FIXTURE f;
    DMV_CLEANUP_IMPORT DmvImport x = {0};
    char *const paths[] = {NULL};

    (void)state;
    fixture_init(&f);
    assert_int_equal(dmv_import_match(&f.view, f.catalog, paths, &x, NULL), 0);
    assert_int_equal(dmv_import_match(&f.view, f.catalog, NULL, &x, NULL), 0);
    assert_int_equal(x.n_releases, 0);
    assert_null(x.unknown);
}

static void test_twice(void **state)
{
    FIXTURE f;
    DmvImport x = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    char *const paths[] = {(char *)"a/x.rpm", (char *)"y.rpm", (char *)"x.rpm", NULL};
    char *const others[] = {(char *)"a/x.rpm", (char *)"a/y.rpm", (char *)"xx.rpm", NULL};

    (void)state;
    fixture_init(&f);
    assert_int_equal(dmv_import_check(paths, &e), DMV_MALFORMED);
    assert_non_null(strstr(e.why, "x.rpm"));
    assert_int_equal(dmv_import_match(&f.view, f.catalog, paths, &x, NULL), DMV_MALFORMED);
    assert_int_equal(x.n_releases, 0);
    assert_int_equal(dmv_import_check(others, NULL), 0);
    assert_int_equal(dmv_import_check(NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
