/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which release serves which kernel: every rule in a case of its own, through resolve and plan; then random
 * tables and modules, where what the plan links must be what a plain comparison of lists calls compatible.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/worldkit.h"
#include "model/render.h"

#define K1 "6.1.0-9-amd64"
#define K2 "6.1.0-10-amd64"
#define K3 "6.1.0-11-amd64"
#define NAME "intel-ice/generic@1.0"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvView view;
    DmvPlan plan;
} Fixture;

static const char *const one[] = {"ice.ko", NULL};
static const char *const two[] = {"ice.ko", "irdma.ko", NULL};
static const char *const good[] = {"module_layout=1", "_printk=2", NULL};

static DmvKernel *add_kernel(Fixture *f, const char *release)
{
    DmvKernel *k = world_add_kernel(&f->world, release, false);

    world_add_file(k, "kernel/drivers/net/ice.ko", NULL);
    world_add_file(k, "kernel/drivers/infiniband/irdma.ko", NULL);
    return k;
}

static DmvKernel *kernel(Fixture *f, const char *release)
{
    for (size_t i = 0; i < f->world.n_kernels; i++)
        if (strcmp(f->world.kernels[i].release, release) == 0)
            return &f->world.kernels[i];
    fail_msg("no kernel %s", release);
    return NULL;
}

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    add_kernel(f, K1);
    add_kernel(f, K2);
    add_kernel(f, K3);
    world_add_device(&f->world, "0000:03:00.0", 0x8086, 0x1592, "ice");
    world_depmod(&f->world);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    free(f);
    return 0;
}

/* A release of the store whose modules need what they should, unless @needs says else. */
static DmvInstalled *install(Fixture *f, const char *release, const char *const needs[])
{
    DmvInstalled *x = world_add_installed(&f->world, "intel-ice", "generic", "1.0", release, "supported",
                                          DMV_ORIGIN_STORE, one);

    world_add_id(x, "ice.ko", 0x8086, 0x1592);
    world_set_symbols(&x->modules[0], release, needs ? needs : good, NULL);
    return x;
}

static void select_generic(Fixture *f)
{
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "generic", "1.0", NULL),
                     0);
}

static void think(Fixture *f)
{
    const DmvFacts facts = {.world = &f->world, .intent = &f->intent, .now = 1000};
    DMV_CLEANUP_ERROR DmvError e = {0};

    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, &e), 0);
}

static const DmvFit *fit(const Fixture *f, const char *release)
{
    DmvViewRelease *r = NULL;

    assert_int_equal(dmv_view_find_release(&f->view, NAME, NULL, &r, NULL), 0);
    return dmv_view_release_fit(r, release);
}

/* Where the link of a kernel goes by the plan, or NULL. */
static const char *planned(const Fixture *f, const char *release)
{
    for (size_t i = 0; i < f->plan.n_steps; i++)
        if (f->plan.steps[i].kind == DMV_STEP_LINK && dmv_streq(f->plan.steps[i].kernel, release))
            return f->plan.steps[i].content;
    return NULL;
}

static void assert_none(const Fixture *f, const char *release, int code, const char *words)
{
    const DmvFit *x = fit(f, release);

    assert_int_equal(x->kind, DMV_FIT_NONE);
    assert_null(x->installed);
    assert_int_equal(x->code, code);
    if (!strstr(x->why, words))
        fail_msg("\"%s\" does not say \"%s\"", x->why, words);
    assert_null(planned(f, release));
}

#define LINK(kernel) "../../../dmv/store/" kernel "/intel-ice/generic/1.0/ice.ko"

static void test_exact_wins(void **state)
{
    Fixture *f = *state;

    install(f, K1, NULL);
    install(f, K2, NULL);
    world_set_abi(kernel(f, K1), true, good);
    world_set_abi(kernel(f, K2), true, good);
    world_set_abi(kernel(f, K3), true, good);
    select_generic(f);
    think(f);
    assert_int_equal(fit(f, K1)->kind, DMV_FIT_EXACT);
    assert_int_equal(fit(f, K2)->kind, DMV_FIT_EXACT);
    assert_int_equal(fit(f, K3)->kind, DMV_FIT_COMPATIBLE);
    assert_string_equal(planned(f, K1), LINK(K1));
    assert_string_equal(planned(f, K2), LINK(K2));
    assert_string_equal(planned(f, K3), LINK(K2)); /* the highest: 10 comes after 9 */
    assert_int_equal(f->plan.problems.n, 0);
    world_apply(&f->world, &f->plan);
    assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), 0);
    think(f);
    assert_true(dmv_plan_is_empty(&f->plan));
    for (size_t i = 0; i < f->plan.n_predictions; i++)
        assert_string_equal(f->plan.predictions[i].now_release, NAME);
}

/* The highest that fits, not the highest. */
static void test_highest_that_fits(void **state)
{
    static const char *const other[] = {"module_layout=1", "_printk=3", NULL};
    Fixture *f = *state;

    install(f, K1, NULL);
    install(f, K2, other);
    install(f, "5.10.0-1", NULL); /* its kernel was removed: it is as good as any */
    world_set_abi(kernel(f, K3), true, good);
    select_generic(f);
    think(f);
    assert_string_equal(planned(f, K3), LINK(K1));
    world_set_abi(kernel(f, K3), true, other);
    think(f);
    assert_string_equal(planned(f, K3), LINK(K2));
}

static void test_a_removed_kernel_still_serves(void **state)
{
    Fixture *f = *state;

    install(f, "5.10.0-1", NULL);
    world_set_abi(kernel(f, K1), true, good);
    world_set_abi(kernel(f, K2), true, good);
    world_set_abi(kernel(f, K3), true, good);
    select_generic(f);
    think(f);
    assert_int_equal(dmv_view_driver(&f->view, "intel-ice")->releases[0].verdict, DMV_VERDICT_FITS);
    assert_string_equal(planned(f, K2), LINK("5.10.0-1"));
}

static void test_what_speaks_against_it(void **state)
{
    static const char *const other[] = {"module_layout=1", "_printk=7", NULL};
    static const char *const less[] = {"module_layout=1", NULL};
    Fixture *f = *state;

    install(f, K1, NULL);
    select_generic(f);
    world_set_abi(kernel(f, K2), true, other);
    world_set_abi(kernel(f, K3), true, less);
    think(f);
    assert_none(f, K2, DMV_MODULE_OTHER_SYMBOL,
                "ice.ko: it needs version 0x00000002 of _printk, and there it is 0x00000007");
    assert_none(f, K3, DMV_MODULE_MISSING_SYMBOL, "ice.ko: it needs _printk, which is not there");
    assert_int_equal(f->plan.problems.n, 2);
    assert_int_equal(f->plan.problems.items[0].code, DMV_NO_KERNEL_RELEASE);
    assert_non_null(strstr(f->plan.problems.items[0].why, "there is no release of " NAME " for kernel "));
}

/* What nobody knows is no yes, whatever it is that is not known. */
static void test_unknown_is_no_yes(void **state)
{
    static const char *const less[] = {"module_layout=1", NULL};
    Fixture *f = *state;

    install(f, K1, NULL);
    select_generic(f);
    world_set_abi(kernel(f, K2), false, less); /* by its tree, and no module there uses _printk */
    think(f);
    assert_none(f, K2, DMV_KERNEL_ABI_UNKNOWN, "no module of this kernel uses that");
    assert_none(f, K3, DMV_KERNEL_ABI_UNKNOWN, "nobody knows what kernel " K3 " exports");
    world_set_abi(kernel(f, K3), true, good);
    dmv_module_symbols_deinit(&f->world.installed[0].modules[0].symbols);
    think(f);
    assert_none(f, K3, DMV_KERNEL_ABI_UNKNOWN, "the symbols that ice.ko needs are not known");
    /* modversions, and a module without any */
    world_set_symbols(&f->world.installed[0].modules[0], K1, NULL, NULL);
    f->world.installed[0].modules[0].symbols.versioned = false;
    think(f);
    assert_none(f, K3, DMV_MODULE_WRONG_VERMAGIC, "it was built for '" K1);
}

/* One module that does not fit is enough; what they export to one another counts. */
static void test_all_modules_have_to_fit(void **state)
{
    static const char *const needs_ice[] = {"module_layout=1", "ice_helper=5", NULL};
    static const char *const helper[] = {"ice_helper=5", NULL}, *const older[] = {"ice_helper=4", NULL};
    Fixture *f = *state;
    DmvInstalled *x =
        world_add_installed(&f->world, "intel-ice", "generic", "1.0", K1, "supported", DMV_ORIGIN_STORE, two);

    world_set_symbols(&x->modules[0], K1, good, helper);
    world_set_symbols(&x->modules[1], K1, needs_ice, NULL);
    world_set_abi(kernel(f, K2), true, good);
    select_generic(f);
    think(f);
    assert_int_equal(fit(f, K2)->kind, DMV_FIT_COMPATIBLE);
    world_set_symbols(&f->world.installed[0].modules[0], K1, good, older);
    think(f);
    assert_none(f, K2, DMV_MODULE_OTHER_SYMBOL, "irdma.ko: it needs version 0x00000005 of ice_helper");
}

static void test_relying_on_others(void **state)
{
    static const char *const needs_zfs[] = {"module_layout=1", "zfs_one=30", NULL};
    Fixture *f = *state;

    install(f, K1, needs_zfs);
    world_set_abi(kernel(f, K2), true, good);
    assert_int_equal(dmv_kabi_add(kernel(f, K2)->abi, "zfs_one", 7, 30, DMV_KABI_FOREIGN, "zfs"), 0);
    select_generic(f);
    think(f);
    assert_none(f, K2, DMV_MODULE_MISSING_SYMBOL,
                "ice.ko: it relies on module zfs, which is not one of the "
                "kernel's own");
}

static void test_adopted_ones_stay_with_their_kernel(void **state)
{
    Fixture *f = *state;
    DmvInstalled *x =
        world_add_installed(&f->world, "intel-ice", "generic", "1.0", K1, "supported", DMV_ORIGIN_DMV, one);

    world_set_symbols(&x->modules[0], K1, good, NULL);
    world_set_abi(kernel(f, K2), true, good);
    select_generic(f);
    think(f);
    assert_int_equal(fit(f, K1)->kind, DMV_FIT_EXACT);
    assert_none(f, K2, DMV_NO_KERNEL_RELEASE, "it is not installed for this kernel");
}

/* Modules of K1 in a folder of K2: what weak-modules makes. */
static void test_adopted_ones_built_for_another_kernel(void **state)
{
    static const char *const other[] = {"module_layout=1", "_printk=7", NULL};
    Fixture *f = *state;
    DmvInstalled *x =
        world_add_installed(&f->world, "intel-ice", "generic", "1.0", K2, "supported", DMV_ORIGIN_DMV, one);

    world_set_symbols(&x->modules[0], K1, good, NULL);
    assert_int_equal(dmv_set_string(&x->built_for, K1), 0);
    assert_int_equal(dmv_set_string(&x->problem, "ice.ko was built for kernel " K1), 0);
    dmv_world_sort(&f->world);
    assert_true(dmv_fit_needs_symbols(&f->world, &f->world.installed[0]));
    assert_true(dmv_fit_needs_table(&f->world, kernel(f, K2)));
    assert_false(dmv_fit_needs_table(&f->world, kernel(f, K1)));
    world_set_abi(kernel(f, K2), true, other);
    assert_int_equal(dmv_fit_settle_adopted(&f->world), 0);
    assert_string_equal(f->world.installed[0].problem,
                        "ice.ko was built for kernel " K1
                        "; ice.ko: it needs version 0x00000002 of _printk, and there it is 0x00000007");
    world_set_abi(kernel(f, K2), true, good);
    assert_int_equal(dmv_fit_settle_adopted(&f->world), 0);
    assert_null(f->world.installed[0].problem);
    select_generic(f);
    think(f);
    assert_int_equal(fit(f, K2)->kind, DMV_FIT_COMPATIBLE);
    assert_string_equal(dmv_installed_built_for(fit(f, K2)->installed), K1);
    assert_string_equal(planned(f, K2), "../dmv/intel-ice/generic/ice.ko");
}

static void test_a_broken_one_is_not_replaced(void **state)
{
    Fixture *f = *state;

    install(f, K1, NULL);
    assert_int_equal(dmv_set_string(&install(f, K2, NULL)->problem, "info.json is missing"), 0);
    world_set_abi(kernel(f, K2), true, good);
    world_set_abi(kernel(f, K3), true, good);
    select_generic(f);
    think(f);
    assert_none(f, K2, DMV_BROKEN_RELEASE, "info.json is missing");
    assert_string_equal(planned(f, K3), LINK(K1)); /* the broken one serves nobody */
}

static void test_alternate_kernels(void **state)
{
    static char *const patterns[] = {(char *)"nothing*", (char *)"*-1[0]-*", NULL};
    Fixture *f = *state;
    DmvInstalled *x = install(f, K1, NULL);

    world_set_abi(kernel(f, K2), true, good);
    world_set_abi(kernel(f, K3), true, good);
    dmv_fit_mark_alternate(&f->world, patterns);
    assert_false(kernel(f, K1)->alternate);
    assert_true(kernel(f, K2)->alternate);
    select_generic(f);
    think(f);
    assert_string_equal(planned(f, K2), LINK(K1)); /* a supported one: the same rules */
    assert_int_equal(dmv_set_string(&x->tier, "alternate"), 0);
    think(f);
    assert_none(f, K2, DMV_NO_KERNEL_RELEASE, "there are no alternate modules for alternate kernels");
    assert_string_equal(planned(f, K3), LINK(K1));
    assert_false(dmv_fit_needs_table(&f->world, kernel(f, K2)));
    /* not even one that was installed for that kernel */
    assert_int_equal(dmv_set_string(&install(f, K2, NULL)->tier, "alternate"), 0);
    think(f);
    assert_none(f, K2, DMV_NO_KERNEL_RELEASE, "there are no alternate modules for alternate kernels");
    dmv_fit_mark_alternate(&f->world, NULL);
    assert_false(kernel(f, K2)->alternate);
}

/* A host where everything is installed for every kernel costs nothing. */
static void test_what_has_to_be_observed(void **state)
{
    Fixture *f = *state;

    install(f, K1, NULL);
    install(f, K2, NULL);
    install(f, K3, NULL);
    dmv_world_sort(&f->world);
    for (size_t i = 0; i < 3; i++) {
        assert_false(dmv_fit_needs_table(&f->world, &f->world.kernels[i]));
        assert_false(dmv_fit_needs_symbols(&f->world, &f->world.installed[i]));
    }
    assert_int_equal(dmv_set_string(&f->world.installed[0].version, "2.0"), 0); /* for one kernel only */
    dmv_world_sort(&f->world);
    for (size_t i = 0; i < 3; i++) {
        assert_true(dmv_fit_needs_table(&f->world, &f->world.kernels[i]));
        assert_true(dmv_fit_needs_symbols(&f->world, &f->world.installed[i]));
    }
    for (size_t i = 0; i < 3; i++) /* broken ones serve nobody */
        assert_int_equal(dmv_set_string(&f->world.installed[i].problem, "broken"), 0);
    assert_false(dmv_fit_needs_table(&f->world, kernel(f, K1)));
}

static void test_no_kernel_verdict(void **state)
{
    static const char *const other[] = {"module_layout=9", "_printk=2", NULL};
    Fixture *f = *state;
    const DmvViewRelease *r;

    install(f, "5.10.0-1", NULL);
    world_set_abi(kernel(f, K1), true, other);
    world_set_abi(kernel(f, K2), true, other);
    world_set_abi(kernel(f, K3), true, other);
    think(f);
    r = &dmv_view_driver(&f->view, "intel-ice")->releases[0];
    assert_int_equal(r->verdict, DMV_VERDICT_NO_KERNEL);
    assert_non_null(strstr(r->reasons[r->why], "it needs version 0x00000001 of module_layout"));
}

/* ---- random tables ---- */

static uint64_t seed_state;

static unsigned rnd(unsigned n)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed_state >> 33) % n;
}

#define N_SYMBOLS 6
#define N_KERNELS 4
#define N_MODULES 2

/* All versions, as plain numbers: 0 is "not there". */
typedef struct Numbers {
    unsigned exports[N_KERNELS][N_SYMBOLS];          /* of the kernels */
    unsigned needs[N_KERNELS][N_MODULES][N_SYMBOLS]; /* of the release that was built for each */
    unsigned gives[N_KERNELS][N_MODULES][N_SYMBOLS]; /* what its modules export */
    bool installed[N_KERNELS], complete[N_KERNELS];
} Numbers;

/* In this order they are sorted as text, but not as numbers. */
static const char *const releases[N_KERNELS] = {"6.1.0-100", "6.1.0-20", "6.1.0-3", "6.1.10"};
static const int rank[N_KERNELS] = {2, 1, 0, 3};

static void random_numbers(Numbers *n)
{
    for (int k = 0; k < N_KERNELS; k++) {
        n->installed[k] = rnd(2);
        n->complete[k] = rnd(2);
        for (int s = 0; s < N_SYMBOLS; s++)
            n->exports[k][s] = rnd(8) ? 1 + (rnd(6) == 0) : 0;
        for (int m = 0; m < N_MODULES; m++)
            for (int s = 0; s < N_SYMBOLS; s++) {
                n->needs[k][m][s] = rnd(2) ? 1 + (rnd(8) == 0) : 0;
                n->gives[k][m][s] = rnd(10) ? 0 : 1 + rnd(2);
            }
    }
}

/* Written without a look at fit.c: every symbol that is needed is there with that version, from a module of
 * the release if one of them has the symbol, else from the kernel. */
static bool oracle(const Numbers *n, int built_for, int on)
{
    for (int m = 0; m < N_MODULES; m++)
        for (int s = 0; s < N_SYMBOLS; s++) {
            unsigned want = n->needs[built_for][m][s];
            bool own = false, own_fits = false;

            for (int o = 0; o < N_MODULES; o++) {
                own = own || n->gives[built_for][o][s];
                own_fits = own_fits || n->gives[built_for][o][s] == want;
            }
            if (want && !(own ? own_fits : n->exports[on][s] == want))
                return false;
        }
    return true;
}

static int oracle_best(const Numbers *n, int on)
{
    int best = -1;

    if (n->installed[on])
        return on;
    for (int k = 0; k < N_KERNELS; k++)
        if (n->installed[k] && oracle(n, k, on) && (best < 0 || rank[k] > rank[best]))
            best = k;
    return best;
}

static void spell(const unsigned numbers[N_SYMBOLS], char texts[N_SYMBOLS][32],
                  const char *list[N_SYMBOLS + 1])
{
    size_t n = 0;

    for (int s = 0; s < N_SYMBOLS; s++)
        if (numbers[s]) {
            (void)snprintf(texts[n], sizeof(texts[n]), "symbol%d=%u", s, numbers[s]);
            list[n] = texts[n];
            n++;
        }
    list[n] = NULL;
}

static void make_world(Fixture *f, const Numbers *n)
{
    char a[N_SYMBOLS][32], b[N_SYMBOLS][32];
    const char *needs[N_SYMBOLS + 1], *exports[N_SYMBOLS + 1];

    for (int k = 0; k < N_KERNELS; k++) {
        spell(n->exports[k], a, exports);
        world_set_abi(add_kernel(f, releases[k]), n->complete[k], exports);
    }
    for (int k = 0; k < N_KERNELS; k++) {
        DmvInstalled *x;

        if (!n->installed[k])
            continue;
        x = world_add_installed(&f->world, "intel-ice", "generic", "1.0", releases[k], "supported",
                                DMV_ORIGIN_STORE, two);
        for (int m = 0; m < N_MODULES; m++) {
            spell(n->needs[k][m], a, needs);
            spell(n->gives[k][m], b, exports);
            world_set_symbols(&x->modules[m], releases[k], needs, exports);
        }
    }
    dmv_world_sort(&f->world);
    world_depmod(&f->world);
}

static void check_kernel(const Fixture *f, const Numbers *n, int k)
{
    const char *path = world_effective(&f->world, releases[k], "ice");
    int best = oracle_best(n, k);
    char want[96];

    assert_non_null(path);
    if (best < 0) {
        assert_string_equal(path, "kernel/drivers/net/ice.ko");
        return;
    }
    assert_string_equal(path, "updates/ice.ko");
    (void)snprintf(want, sizeof(want), "../../../dmv/store/%s/intel-ice/generic/1.0/ice.ko", releases[best]);
    for (size_t i = 0; i < f->world.n_kernels; i++)
        for (size_t m = 0; m < f->world.kernels[i].n_files; m++)
            if (strcmp(f->world.kernels[i].release, releases[k]) == 0 &&
                strcmp(f->world.kernels[i].files[m].path, path) == 0)
                assert_string_equal(f->world.kernels[i].files[m].target, want);
}

static void test_random_tables(void **state)
{
    size_t compatible = 0, without = 0;

    (void)state;
    for (unsigned seed = 1; seed <= 1500; seed++) {
        Fixture *f = calloc(1, sizeof(*f));
        Numbers n = {0};
        void *cookie = f;

        assert_non_null(f);
        seed_state = seed;
        random_numbers(&n);
        make_world(f, &n);
        select_generic(f);
        think(f);
        world_apply(&f->world, &f->plan);
        assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), 0);
        for (int k = 0; k < N_KERNELS; k++) {
            check_kernel(f, &n, k);
            compatible += oracle_best(&n, k) >= 0 && oracle_best(&n, k) != k;
            without += oracle_best(&n, k) < 0;
        }
        think(f);
        assert_true(dmv_plan_is_empty(&f->plan));
        (void)teardown(&cookie);
    }
    /* both happen often enough for this to say something */
    assert_true(compatible > 300);
    assert_true(without > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exact_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_highest_that_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_removed_kernel_still_serves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_speaks_against_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_is_no_yes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_modules_have_to_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relying_on_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adopted_ones_stay_with_their_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adopted_ones_built_for_another_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_one_is_not_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alternate_kernels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_has_to_be_observed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_kernel_verdict, setup, teardown),
        cmocka_unit_test(test_random_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
