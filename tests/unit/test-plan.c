/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan against a model of depmod: hand-made cases for every rule, then random worlds, in which applying
 * the plan in memory must give the predicted view, and planning again must give nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/worldkit.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvView view;
    DmvPlan plan;
    DmvError error;
} Fixture;

static void think(Fixture *f)
{
    DmvFacts facts = {.world = &f->world, .intent = &f->intent, .now = 1000};

    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_error_clear(&f->error);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
}

static void plan_ok(Fixture *f)
{
    think(f);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, &f->error), 0);
}

/* Apply in memory; the result must be as predicted, and nothing must be left to do. */
static void apply_and_check(Fixture *f)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    world_apply(&f->world, &f->plan);
    if (dmv_plan_check(&f->plan, &f->world, &e) != 0)
        fail_msg("not as predicted: %s", e.why);
    plan_ok(f);
    for (size_t i = 0; i < f->plan.n_steps; i++)
        fail_msg("left to do: %s %s %s", dmv_step_kind_to_string(f->plan.steps[i].kind),
                 f->plan.steps[i].path ? f->plan.steps[i].path : f->plan.steps[i].kernel,
                 f->plan.steps[i].content ? f->plan.steps[i].content : "");
}

static const char *const one[] = {"ice.ko", NULL};
static const char *const two[] = {"ice.ko", "irdma.ko", NULL};

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const char *const kernels[] = {K1, K2};

    if (!f)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        DmvKernel *k = world_add_kernel(&f->world, kernels[i], i == 0);

        world_add_file(k, "kernel/drivers/net/ethernet/intel/ice/ice.ko", NULL);
        world_add_file(k, "kernel/drivers/infiniband/hw/irdma/irdma.ko", NULL);
        world_add_file(k, "kernel/drivers/net/e1000e.ko", NULL);
    }
    world_add_device(&f->world, "0000:03:00.0", 0x8086, 0x1592, "ice");
    f->world.depmod_excludes = true;
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
    dmv_error_clear(&f->error);
    free(f);
    return 0;
}

static void install(Fixture *f, const char *variant, const char *version, const char *tier,
                    const char *const modules[])
{
    world_add_installed(&f->world, "intel-ice", variant, version, K1, tier, DMV_ORIGIN_STORE, modules);
    world_add_installed(&f->world, "intel-ice", variant, version, K2, tier, DMV_ORIGIN_STORE, modules);
    dmv_world_sort(&f->world);
}

static void choose(Fixture *f, const char *variant, const char *version)
{
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice",
                                       variant ? DMV_SELECT_RELEASE : DMV_SELECT_INBOX, variant, version,
                                       NULL),
                     0);
}

static size_t n_steps(const Fixture *f, DmvStepKind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < f->plan.n_steps; i++)
        n += f->plan.steps[i].kind == kind;
    return n;
}

/* The link of the first kernel leads somewhere, or not. */
static void set_dangling(Fixture *f, bool dangling)
{
    DmvKernel *k = &f->world.kernels[0];

    for (size_t i = 0; i < k->n_files; i++)
        if (strcmp(k->files[i].path, "updates/ice.ko") == 0)
            k->files[i].dangling = dangling;
}

static void test_nothing_asked_nothing_done(void **state)
{
    Fixture *f = *state;

    install(f, "generic", "1.0", "supported", one);
    plan_ok(f);
    assert_true(dmv_plan_is_empty(&f->plan));
    assert_null(f->plan.conf);
}

static void test_select_links_every_kernel(void **state)
{
    Fixture *f = *state;
    const DmvStep *step;

    install(f, "generic", "1.0", "supported", two);
    choose(f, "generic", "1.0");
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_LINK), 4);
    assert_int_equal(n_steps(f, DMV_STEP_MKDIR), 2);
    assert_int_equal(n_steps(f, DMV_STEP_WRITE), 1);
    assert_int_equal(n_steps(f, DMV_STEP_DEPMOD), 2);
    assert_int_equal(n_steps(f, DMV_STEP_INITRD), 2);
    assert_int_equal(f->plan.steps[f->plan.n_steps - 3].kind, DMV_STEP_DEPMOD);
    step = &f->plan.steps[f->plan.n_steps - 1]; /* of what the last depmod gives */
    assert_int_equal(step->kind, DMV_STEP_INITRD);
    assert_string_equal(step->kernel, K2);
    assert_int_equal(dmv_strv_length(step->modules), 2);
    assert_string_equal(step->modules[0], "ice");
    assert_string_equal(step->modules[1], "irdma");
    assert_non_null(strstr(f->plan.conf, "exclude dmv xenserver\n"));
    assert_non_null(strstr(f->plan.conf, "override ice ^" K1 "$ updates\n"));
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K2, "ice"), "updates/ice.ko");
    assert_string_equal(dmv_view_driver(&f->view, "intel-ice")->modules[0].next, "intel-ice/generic@1.0");
}

static void test_tiers_have_trees(void **state)
{
    static const struct {
        const char *tier, *path;
    } cases[] = {
        {"supported", "updates/ice.ko"}, {"alternate", "override/ice.ko"}, {"additional", "extra/ice.ko"}};

    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        Fixture *f = *state;

        install(f, "v", cases[i].tier, cases[i].tier, one);
        choose(f, "v", cases[i].tier);
        plan_ok(f);
        apply_and_check(f);
        assert_string_equal(world_effective(&f->world, K1, "ice"), cases[i].path);
    }
}

/* Where a link of the first kernel leads, "" for a file, "none" if nothing is there. */
static const char *leads_to(const Fixture *f, const char *path)
{
    const DmvKernel *k = &f->world.kernels[0];

    for (size_t i = 0; i < k->n_files; i++)
        if (strcmp(k->files[i].path, path) == 0)
            return k->files[i].target ? k->files[i].target : "";
    return "none";
}

/* Those who look into updates/ only see every selection, and the override line says who decides. */
static void test_updates_shows_every_tier(void **state)
{
    static const struct {
        const char *tier, *path, *line;
    } cases[] = {{"alternate", "override/ice.ko", "override ice ^" K1 "$ override\n"},
                 {"additional", "extra/ice.ko", "override ice ^" K1 "$ extra\n"}};
    Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        install(f, "v", cases[i].tier, cases[i].tier, one);
        choose(f, "v", cases[i].tier);
        plan_ok(f);
        assert_non_null(strstr(f->plan.conf, cases[i].line));
        apply_and_check(f);
        assert_non_null(strstr(leads_to(f, "updates/ice.ko"), cases[i].tier));
        assert_string_equal(leads_to(f, "updates/ice.ko"), leads_to(f, cases[i].path));
        assert_string_equal(world_effective(&f->world, K1, "ice"), cases[i].path);
    }
    choose(f, NULL, NULL);
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_UNLINK), 4);
    apply_and_check(f);
    assert_string_equal(leads_to(f, "updates/ice.ko"), "none");
    assert_string_equal(leads_to(f, "extra/ice.ko"), "none");
}

static void test_updates_of_somebody_else_shows_nothing(void **state)
{
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "updates/ice.ko", NULL);
    world_depmod(&f->world);
    install(f, "v", "1.0", "alternate", one);
    choose(f, "v", "1.0");
    plan_ok(f);
    apply_and_check(f);
    assert_string_equal(leads_to(f, "updates/ice.ko"), "");
    assert_string_equal(world_effective(&f->world, K1, "ice"), "override/ice.ko");
    choose(f, NULL, NULL);
    plan_ok(f);
    apply_and_check(f);
    assert_string_equal(leads_to(f, "updates/ice.ko"), "");
}

static void test_fewer_modules_leave_none_behind(void **state)
{
    Fixture *f = *state;

    install(f, "full", "1.0", "supported", two);
    install(f, "lean", "1.0", "supported", one);
    choose(f, "full", "1.0");
    plan_ok(f);
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "irdma"), "updates/irdma.ko");
    choose(f, "lean", "1.0");
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_UNLINK), 2);
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "irdma"),
                        "kernel/drivers/infiniband/hw/irdma/irdma.ko");
}

static void test_deselect_beats_foreign_files(void **state)
{
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "override/ice.ko", NULL);
    world_add_file(&f->world.kernels[0], "weak-updates/ice.ko", "/lib/modules/x/extra/ice.ko");
    world_depmod(&f->world);
    install(f, "generic", "1.0", "supported", one);
    choose(f, NULL, NULL);
    plan_ok(f);
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "ice"),
                        "kernel/drivers/net/ethernet/intel/ice/ice.ko");
    choose(f, "generic", "1.0");
    plan_ok(f);
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "ice"), "updates/ice.ko");
}

/* depmod wants the name of the file in an override line, dashes and all. */
static void test_deselect_of_a_name_with_dashes(void **state)
{
    static const char *const nvme[] = {"nvme-core.ko", NULL};
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "kernel/drivers/nvme/host/nvme-core.ko", NULL);
    world_add_file(&f->world.kernels[0], "override/nvme-core.ko", NULL);
    install(f, "generic", "1.0", "supported", nvme);
    world_depmod(&f->world);
    choose(f, NULL, NULL);
    plan_ok(f);
    assert_non_null(strstr(f->plan.conf, "override nvme-core ^" K1 "$ kernel/drivers/nvme/host\n"));
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "nvme_core"), "kernel/drivers/nvme/host/nvme-core.ko");
}

static void test_a_foreign_file_in_the_way_stays(void **state)
{
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "updates/ice.ko", NULL);
    world_depmod(&f->world);
    install(f, "generic", "1.0", "supported", one);
    choose(f, "generic", "1.0");
    plan_ok(f);
    for (size_t i = 0; i < f->plan.n_steps; i++)
        if (f->plan.steps[i].path)
            assert_string_not_equal(f->plan.steps[i].path, "usr/lib/modules/" K1 "/updates/ice.ko");
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "ice"), "override/ice.ko");
    assert_string_equal(world_effective(&f->world, K2, "ice"), "updates/ice.ko");
}

static void test_no_room_is_a_conflict(void **state)
{
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "updates/ice.ko", NULL);
    world_add_file(&f->world.kernels[0], "override/ice.ko", NULL);
    world_add_file(&f->world.kernels[0], "extra/ice.ko", NULL);
    world_depmod(&f->world);
    install(f, "generic", "1.0", "supported", one);
    choose(f, "generic", "1.0");
    think(f);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, &f->error), DMV_CONFLICT);
}

static void test_two_drivers_one_module(void **state)
{
    Fixture *f = *state;

    install(f, "generic", "1.0", "supported", one);
    world_add_installed(&f->world, "other-ice", "x", "1", K1, "supported", DMV_ORIGIN_STORE, one);
    dmv_world_sort(&f->world);
    choose(f, "generic", "1.0");
    assert_int_equal(dmv_intent_select(&f->intent, "other-ice", DMV_SELECT_RELEASE, "x", "1", NULL), 0);
    think(f);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, &f->error), DMV_CONFLICT);
}

static void test_vanished_release_gives_the_kernels_own(void **state)
{
    Fixture *f = *state;

    install(f, "other", "1.0", "supported", one);
    choose(f, "gone", "9.9");
    plan_ok(f);
    assert_int_equal(f->plan.problems.n, 2);
    assert_int_equal(f->plan.problems.items[0].code, DMV_NOT_INSTALLED);
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "ice"),
                        "kernel/drivers/net/ethernet/intel/ice/ice.ko");
}

static void test_a_kernel_without_a_package(void **state)
{
    Fixture *f = *state;

    world_add_installed(&f->world, "intel-ice", "generic", "1.0", K1, "supported", DMV_ORIGIN_STORE, one);
    dmv_world_sort(&f->world);
    choose(f, "generic", "1.0");
    plan_ok(f);
    assert_int_equal(f->plan.problems.n, 1);
    assert_int_equal(f->plan.problems.items[0].code, DMV_NO_KERNEL_RELEASE);
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "ice"), "updates/ice.ko");
    assert_string_equal(world_effective(&f->world, K2, "ice"),
                        "kernel/drivers/net/ethernet/intel/ice/ice.ko");
}

static void test_adopted_release_is_linked_where_it_lies(void **state)
{
    Fixture *f = *state;

    world_add_installed(&f->world, "intel-ice", "dell", "2.0", K1, "supported", DMV_ORIGIN_DMV, one);
    dmv_world_sort(&f->world);
    choose(f, "dell", "2.0");
    plan_ok(f);
    for (size_t i = 0; i < f->plan.n_steps; i++)
        if (f->plan.steps[i].kind == DMV_STEP_LINK)
            assert_string_equal(f->plan.steps[i].content, "../dmv/intel-ice/dell/ice.ko");
    apply_and_check(f);
    assert_string_equal(dmv_view_driver(&f->view, "intel-ice")->modules[0].next, "intel-ice/dell@2.0");
}

static void test_dangling_links_of_ours_go(void **state)
{
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "updates/ice.ko", "../../../dmv/store/" K1 "/intel-ice/x/1/ice.ko")
        ->dangling = true;
    world_depmod(&f->world);
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_UNLINK), 1);
    assert_int_equal(n_steps(f, DMV_STEP_DEPMOD), 1);
    apply_and_check(f);
}

static void test_links_into_adopted_folders(void **state)
{
    static const char target[] = "../dmv/intel-ice/dell/ice.ko";
    Fixture *f = *state;

    world_add_installed(&f->world, "intel-ice", "dell", "2.0", K1, "supported", DMV_ORIGIN_DMV, one);
    dmv_world_sort(&f->world);
    world_add_file(&f->world.kernels[0], "updates/ice.ko", target);
    world_depmod(&f->world);
    /* nobody asked about the driver: somebody else's choice stays */
    plan_ok(f);
    assert_true(dmv_plan_is_empty(&f->plan));
    /* it leads nowhere: it goes, whoever made it */
    set_dangling(f, true);
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_UNLINK), 1);
    /* the kernel's own was asked for: it goes */
    set_dangling(f, false);
    choose(f, NULL, NULL);
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_UNLINK), 1);
    apply_and_check(f);
    assert_string_equal(world_effective(&f->world, K1, "ice"),
                        "kernel/drivers/net/ethernet/intel/ice/ice.ko");
}

/* The worker makes and removes links in three trees; what lies elsewhere would stop the whole plan. */
static void test_links_outside_of_the_trees_stay(void **state)
{
    Fixture *f = *state;
    DmvModuleFile *x = world_add_file(&f->world.kernels[0], "weak-updates/ice.ko",
                                      "../../../dmv/store/" K1 "/intel-ice/x/1/ice.ko");

    x->dangling = x->ours = true;
    world_depmod(&f->world);
    plan_ok(f);
    assert_true(dmv_plan_is_empty(&f->plan));
}

static const DmvPrediction *prediction_of(const Fixture *f, const char *kernel, const char *module)
{
    for (size_t i = 0; i < f->plan.n_predictions; i++)
        if (strcmp(f->plan.predictions[i].kernel, kernel) == 0 &&
            strcmp(f->plan.predictions[i].module, module) == 0)
            return &f->plan.predictions[i];
    return NULL;
}

/* Nothing is selected, and a depmod without `exclude` would see the variant. */
static void test_old_depmod_gets_override_lines(void **state)
{
    Fixture *f = *state;

    world_add_installed(&f->world, "intel-ice", "dell", "2.0", K1, "supported", DMV_ORIGIN_DMV, one);
    world_add_installed(&f->world, "intel-ice", "alt", "3.0", K2, "supported", DMV_ORIGIN_STORE, one);
    dmv_world_sort(&f->world);
    plan_ok(f);
    assert_true(dmv_plan_is_empty(&f->plan));
    f->world.depmod_excludes = false;
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_WRITE), 1);
    assert_int_equal(n_steps(f, DMV_STEP_DEPMOD), 2); /* the search line is new to both */
    assert_non_null(strstr(f->plan.conf, "override ice ^" K1 "$ kernel/drivers/net/ethernet/intel/ice\n"));
    assert_null(strstr(f->plan.conf, "override ice ^" K2));
    assert_null(strstr(f->plan.conf, "exclude"));
    apply_and_check(f);
    /* the host's order decides for what nobody asked about */
    world_add_file(&f->world.kernels[0], "extra/ice.ko", NULL);
    world_depmod(&f->world);
    plan_ok(f);
    assert_non_null(strstr(f->plan.conf, "override ice ^" K1 "$ extra\n"));
    apply_and_check(f);
}

/* A file at the top of a kernel's folder lies in no folder that a line could name: it wins by an index that
 * is made without the variants. */
static void test_old_depmod_and_a_file_at_the_top(void **state)
{
    static const char *const odd[] = {"odd.ko", NULL};
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "odd.ko", NULL);
    world_add_installed(&f->world, "intel-odd", "dell", "2.0", K1, "supported", DMV_ORIGIN_DMV, odd);
    f->world.depmod_excludes = false;
    dmv_world_sort(&f->world);
    world_depmod(&f->world);
    plan_ok(f);
    assert_string_equal(prediction_of(f, K1, "odd")->next, "odd.ko");
    assert_true(!f->plan.conf || !strstr(f->plan.conf, "override odd "));
}

/* A variant that is the only file of its name: no line helps, the index has to be made without it. */
static void test_old_depmod_hides_what_is_alone(void **state)
{
    static const char *const alone[] = {"newnic.ko", NULL};
    Fixture *f = *state;
    DmvKernel *k = &f->world.kernels[0];
    DmvIndexEntry *e = DMV_ARRAY_ADD(k->index, k->n_index);

    world_add_installed(&f->world, "newnic", "generic", "1", K1, "supported", DMV_ORIGIN_DMV, alone);
    assert_non_null(e);
    assert_int_equal(dmv_set_string(&e->module, "newnic"), 0);
    assert_int_equal(dmv_set_string(&e->path, "dmv/newnic/generic/newnic.ko"), 0);
    dmv_world_sort(&f->world);
    f->world.depmod_excludes = false;
    plan_ok(f);
    assert_int_equal(f->plan.n_steps, 2);
    assert_int_equal(n_steps(f, DMV_STEP_DEPMOD), 1);
    assert_int_equal(n_steps(f, DMV_STEP_INITRD), 1);
    assert_null(f->plan.conf);
    assert_non_null(prediction_of(f, K1, "newnic"));
    assert_null(prediction_of(f, K1, "newnic")->next);
    assert_true(prediction_of(f, K1, "newnic")->changed);
    assert_null(prediction_of(f, K2, "newnic"));
    apply_and_check(f);
}

static void test_a_lost_line_is_written_again(void **state)
{
    Fixture *f = *state;
    char *line, *end;

    install(f, "generic", "1.0", "supported", one);
    choose(f, "generic", "1.0");
    plan_ok(f);
    apply_and_check(f);
    line = strstr(f->world.depmod_conf, "override ice ^" K2);
    assert_non_null(line);
    end = strchr(line, '\n') + 1;
    memmove(line, end, strlen(end) + 1);
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_WRITE), 1);
    assert_int_equal(n_steps(f, DMV_STEP_DEPMOD), 1);
    assert_string_equal(f->plan.steps[f->plan.n_steps - 1].kernel, K2);
}

static void test_stale_index_is_rebuilt(void **state)
{
    Fixture *f = *state;

    install(f, "generic", "1.0", "supported", one);
    choose(f, "generic", "1.0");
    plan_ok(f);
    apply_and_check(f);
    free(f->world.kernels[1].index[1].path);
    f->world.kernels[1].index[1].path = strdup("kernel/drivers/net/ethernet/intel/ice/ice.ko");
    assert_string_equal(f->world.kernels[1].index[1].module, "ice");
    plan_ok(f);
    assert_int_equal(f->plan.n_steps, 2);
    assert_int_equal(f->plan.steps[0].kind, DMV_STEP_DEPMOD);
    assert_string_equal(f->plan.steps[0].kernel, K2);
    /* whoever built an image since has taken the wrong file */
    assert_int_equal(f->plan.steps[1].kind, DMV_STEP_INITRD);
    assert_string_equal(f->plan.steps[1].kernel, K2);
    assert_int_equal(dmv_strv_length(f->plan.steps[1].modules), 1);
}

/* Of a module that nobody manages, too: what the index gives there is no more, so depmod has to look again.
 */
static void test_an_index_with_gone_files_is_rebuilt(void **state)
{
    Fixture *f = *state;

    f->world.kernels[1].index[0].gone = true;
    plan_ok(f);
    assert_int_equal(f->plan.n_predictions, 0);
    assert_int_equal(f->plan.n_steps, 1);
    assert_int_equal(f->plan.steps[0].kind, DMV_STEP_DEPMOD);
    assert_string_equal(f->plan.steps[0].kernel, K2);
    assert_null(f->plan.conf);
    apply_and_check(f);
}

static void test_firmware_follows(void **state)
{
    Fixture *f = *state;

    install(f, "generic", "1.0", "supported", one);
    for (size_t i = 0; i < f->world.n_installed; i++)
        assert_int_equal(dmv_strv_push(&f->world.installed[i].firmware, "intel/ice/ddp/ice.pkg"), 0);
    choose(f, "generic", "1.0");
    plan_ok(f);
    for (size_t i = 0; i < f->plan.n_steps; i++)
        if (f->plan.steps[i].kind == DMV_STEP_LINK &&
            dmv_starts_with(f->plan.steps[i].path, "usr/lib/firmware/updates/" K1))
            assert_string_equal(f->plan.steps[i].content,
                                "../../../../../../dmv/store/" K1
                                "/intel-ice/generic/1.0/firmware/intel/ice/ddp/ice.pkg");
    assert_int_equal(n_steps(f, DMV_STEP_LINK), 4);
}

static void test_empty_intent_removes_our_file(void **state)
{
    Fixture *f = *state;

    install(f, "generic", "1.0", "supported", one);
    choose(f, "generic", "1.0");
    plan_ok(f);
    apply_and_check(f);
    dmv_intent_deinit(&f->intent);
    plan_ok(f);
    assert_int_equal(n_steps(f, DMV_STEP_REMOVE), 1);
    assert_int_equal(n_steps(f, DMV_STEP_UNLINK), 2);
    apply_and_check(f);
    assert_null(f->world.depmod_conf);
    assert_string_equal(world_effective(&f->world, K1, "ice"),
                        "kernel/drivers/net/ethernet/intel/ice/ice.ko");
}

/* As depmod may have made it, or somebody after it. */
static void spoil_index(Fixture *f, const char *kernel, const char *module, const char *path, bool gone)
{
    DmvKernel *k = &f->world.kernels[strcmp(f->world.kernels[0].release, kernel) == 0 ? 0 : 1];

    for (size_t i = 0; i < k->n_index; i++)
        if (strcmp(k->index[i].module, module) == 0) {
            free(k->index[i].path);
            k->index[i].path = path ? strdup(path) : NULL;
            k->index[i].gone = gone;
        }
}

/* The whole intent goes: the plan still says what comes back, and an index that does not give that is found.
 */
static void test_what_nobody_asks_about_any_more_is_checked(void **state)
{
    static const char own[] = "kernel/drivers/net/ethernet/intel/ice/ice.ko";
    Fixture *f = *state;

    install(f, "generic", "1.0", "supported", one);
    choose(f, "generic", "1.0");
    plan_ok(f);
    apply_and_check(f);
    dmv_intent_deinit(&f->intent);
    plan_ok(f);
    assert_int_equal(f->plan.n_predictions, 2);
    assert_string_equal(prediction_of(f, K2, "ice")->next, own);
    assert_true(prediction_of(f, K2, "ice")->changed);
    assert_int_equal(n_steps(f, DMV_STEP_INITRD), 2);
    world_apply(&f->world, &f->plan);
    assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), 0);
    spoil_index(f, K2, "ice", "updates/ice.ko", true);
    assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), DMV_PREDICTION_FAILED);
    spoil_index(f, K2, "ice", NULL, false);
    assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), DMV_PREDICTION_FAILED);
    spoil_index(f, K2, "ice", own, false);
    assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), 0);
    plan_ok(f);
    assert_true(dmv_plan_is_empty(&f->plan));
    assert_int_equal(f->plan.n_predictions, 0);
}

/* With files of others left, which one wins is not ours to say; one that is there has to. */
static void test_what_depmod_chooses_is_open(void **state)
{
    Fixture *f = *state;

    world_add_file(&f->world.kernels[0], "extra/ice.ko", NULL);
    world_depmod(&f->world);
    install(f, "generic", "1.0", "supported", one);
    choose(f, "generic", "1.0");
    plan_ok(f);
    apply_and_check(f);
    assert_false(prediction_of(f, K1, "ice") && prediction_of(f, K1, "ice")->open);
    dmv_intent_deinit(&f->intent);
    plan_ok(f);
    assert_true(prediction_of(f, K1, "ice")->open);
    assert_false(prediction_of(f, K2, "ice")->open);
    world_apply(&f->world, &f->plan);
    spoil_index(f, K1, "ice", "kernel/drivers/net/ethernet/intel/ice/ice.ko", false);
    assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), 0);
    spoil_index(f, K1, "ice", "updates/ice.ko", true);
    assert_int_equal(dmv_plan_check(&f->plan, &f->world, NULL), DMV_PREDICTION_FAILED);
}

/* ---- random worlds ---- */

static uint64_t seed_state;

static unsigned rnd(unsigned n)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed_state >> 33) % n;
}

static void random_world(Fixture *f)
{
    static const char *const modules[] = {"a", "b", "c", "d", "e", "f"};
    static const char *const trees[] = {"updates", "override", "extra", "weak-updates", "odd"};
    static const char *const tiers[] = {"supported", "alternate", "additional"};
    const char *const kernels[] = {K1, K2, "5.4.0-9"};
    char path[64];

    for (size_t k = 0; k < 1 + rnd(3); k++) {
        DmvKernel *x = world_add_kernel(&f->world, kernels[k], k == 0);

        world_add_file(x, "kernel/lib/base.ko", NULL);
        for (size_t m = 0; m < DMV_N_ELEMENTS(modules); m++) {
            (void)snprintf(path, sizeof(path), "kernel/drivers/%s/%s.ko", modules[m], modules[m]);
            if (rnd(4) > 0)
                world_add_file(x, path, NULL);
            for (size_t t = 0; t < DMV_N_ELEMENTS(trees); t++) {
                (void)snprintf(path, sizeof(path), "%s/%s%s.ko", trees[t], rnd(3) ? "" : "sub/", modules[m]);
                if (rnd(8) == 0)
                    world_add_file(x, path, rnd(6) ? NULL : "/somewhere/else.ko");
            }
        }
    }
    for (int d = 0; d < 3; d++) {
        /* drivers share no module: that conflict has a test of its own */
        char driver[16], file[2][16];

        (void)snprintf(driver, sizeof(driver), "driver%d", d);
        for (int i = 0; i < 2; i++)
            (void)snprintf(file[i], sizeof(file[i]), "%s.ko", modules[2 * d + i]);
        for (int v = 0; v < 3; v++) {
            char variant[8];
            const char *names[3] = {file[rnd(2)], NULL, NULL};
            const char *tier = tiers[rnd(3)];
            DmvOrigin origin = rnd(4) ? DMV_ORIGIN_STORE : DMV_ORIGIN_DMV;

            if (rnd(2)) {
                names[0] = file[0];
                names[1] = file[1];
            }
            (void)snprintf(variant, sizeof(variant), "v%d", v);
            for (size_t k = 0; k < f->world.n_kernels; k++)
                if (rnd(4) > 0)
                    world_add_installed(&f->world, driver, variant, "1.0", f->world.kernels[k].release, tier,
                                        origin, names);
        }
    }
    f->world.depmod_excludes = rnd(2);
    world_depmod(&f->world);
}

static void random_intent(Fixture *f)
{
    for (int d = 0; d < 3; d++) {
        char driver[16], variant[8];
        unsigned what = rnd(5);

        (void)snprintf(driver, sizeof(driver), "driver%d", d);
        (void)snprintf(variant, sizeof(variant), "v%u", rnd(4));
        if (what == 0)
            assert_int_equal(dmv_intent_select(&f->intent, driver, DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
        else if (what < 4)
            assert_int_equal(dmv_intent_select(&f->intent, driver, DMV_SELECT_RELEASE, variant, "1.0", NULL),
                             0);
    }
}

/* What must hold in every world after a plan was applied, said without the planner's words. */
static void check_world(const Fixture *f)
{
    for (size_t d = 0; d < f->view.n_drivers; d++)
        for (size_t t = 0; t < f->view.drivers[d].n_targets; t++) {
            const DmvTarget *target = &f->view.drivers[d].targets[t];

            for (size_t m = 0; target->installed && m < target->installed->n_modules; m++) {
                const char *path = world_effective(&f->world, target->kernel->release,
                                                   target->installed->modules[m].info.name);
                DMV_CLEANUP_FREE char *got = NULL;
                DMV_CLEANUP_FREE char *want = NULL;

                assert_non_null(path);
                assert_int_equal(dmv_release_of_path(&f->world, target->kernel, path, &got), 0);
                assert_true(asprintf(&want, "%s/%s@%s", target->installed->driver, target->installed->variant,
                                     target->installed->version) > 0);
                assert_string_equal(got, want);
            }
        }
    for (size_t k = 0; k < f->world.n_kernels; k++)
        for (size_t i = 0; i < f->world.kernels[k].n_files; i++)
            assert_false(f->world.kernels[k].files[i].ours && f->world.kernels[k].files[i].dangling);
}

static size_t count_foreign(const DmvWorld *w)
{
    size_t n = 0;

    for (size_t k = 0; k < w->n_kernels; k++)
        for (size_t i = 0; i < w->kernels[k].n_files; i++)
            n += !w->kernels[k].files[i].ours;
    return n;
}

static void test_random_worlds(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 600; seed++) {
        Fixture *f = calloc(1, sizeof(*f));
        void *cookie = f;

        assert_non_null(f);
        seed_state = seed;
        random_world(f);
        for (int round = 0; round < 4; round++) {
            size_t foreign = count_foreign(&f->world);
            int r;

            if (rnd(6) == 0)
                dmv_intent_deinit(&f->intent);
            random_intent(f);
            think(f);
            r = dmv_plan(&f->view, "usr/lib/modules", &f->plan, &f->error);
            if (r == DMV_CONFLICT) /* no tree is free for a module; nothing was planned */
                break;
            assert_int_equal(r, 0);
            apply_and_check(f);
            check_world(f);
            assert_int_equal(count_foreign(&f->world), foreign);
        }
        (void)teardown(&cookie);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_asked_nothing_done, setup, teardown),
        cmocka_unit_test_setup_teardown(test_select_links_every_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tiers_have_trees, setup, teardown),
        cmocka_unit_test_setup_teardown(test_updates_shows_every_tier, setup, teardown),
        cmocka_unit_test_setup_teardown(test_updates_of_somebody_else_shows_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fewer_modules_leave_none_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deselect_beats_foreign_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deselect_of_a_name_with_dashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_foreign_file_in_the_way_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_is_a_conflict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_drivers_one_module, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vanished_release_gives_the_kernels_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_kernel_without_a_package, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adopted_release_is_linked_where_it_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dangling_links_of_ours_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_into_adopted_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_outside_of_the_trees_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_depmod_gets_override_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_depmod_and_a_file_at_the_top, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_depmod_hides_what_is_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_line_is_written_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_index_is_rebuilt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_index_with_gone_files_is_rebuilt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_firmware_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_intent_removes_our_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_nobody_asks_about_any_more_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_depmod_chooses_is_open, setup, teardown),
        cmocka_unit_test(test_random_worlds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
