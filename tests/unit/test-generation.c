/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/generation.h"

#define GENERATIONS __attribute__((cleanup(dmv_generations_deinit))) DmvGenerations

static const DmvIntent nothing = {0};

/* Stages and activates one more. */
static DmvGeneration *apply(DmvGenerations *g, int64_t now)
{
    DmvGeneration *x = NULL;

    assert_int_equal(dmv_generations_stage(g, &nothing, now, &x), 0);
    dmv_generations_activated(g, now + 1);
    return dmv_generations_find(g, g->current);
}

/* The numbers that are there, as text. */
static void assert_numbers(const DmvGenerations *g, const char *want)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_FREE char *text = NULL;

    for (size_t i = 0; i < g->n; i++)
        dmv_text_appendf(&t, "%s%lld", i ? " " : "", (long long)g->items[i].number);
    assert_int_equal(dmv_text_take(&t, &text, NULL), 0);
    assert_string_equal(text, want);
}

static void test_states(void **state)
{
    (void)state;
    assert_string_equal(dmv_generation_state_to_string(DMV_GENERATION_STAGED), "staged");
    assert_string_equal(dmv_generation_state_to_string(DMV_GENERATION_TRIAL), "trial");
    assert_string_equal(dmv_generation_state_to_string(DMV_GENERATION_GOOD), "good");
    assert_string_equal(dmv_generation_state_to_string(DMV_GENERATION_BAD), "bad");
    assert_string_equal(dmv_generation_state_to_string(DMV_GENERATION_MAX), "invalid");
    assert_string_equal(dmv_generation_state_to_string(DMV_GENERATION_INVALID), "invalid");
}

static void test_stage(void **state)
{
    GENERATIONS g = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    DmvGeneration *x = NULL;

    (void)state;
    assert_null(dmv_generations_staged(&g));
    assert_null(dmv_generations_find(&g, 1));
    assert_int_equal(dmv_generations_stage(&g, &intent, 10, &x), 0);
    assert_int_equal(x->number, 1);
    assert_int_equal(x->state, DMV_GENERATION_STAGED);
    assert_int_equal(x->created, 10);
    assert_int_equal(x->activated, 0);
    assert_ptr_equal(dmv_generations_staged(&g), x);

    /* staging again replaces what waits, under the same number, with an intent of its own */
    assert_int_equal(dmv_intent_select(&intent, "ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_generations_stage(&g, &intent, 20, NULL), 0);
    assert_int_equal(g.n, 1);
    x = dmv_generations_staged(&g);
    assert_int_equal(x->number, 1);
    assert_int_equal(x->created, 20);
    assert_int_equal(x->intent.n, 1);
    assert_ptr_not_equal(x->intent.items, intent.items);
    assert_int_equal(g.current, 0);

    dmv_generations_unstage(&g);
    assert_int_equal(g.n, 0);
    dmv_generations_unstage(&g);
    assert_int_equal(g.n, 0);
}

/* Whatever was forgotten in between, a number that was applied once is never given again. */
static void test_numbers_go_up(void **state)
{
    GENERATIONS g = {.current = 7};
    DmvGeneration *x = NULL;

    (void)state;
    assert_int_equal(dmv_generations_stage(&g, &nothing, 1, &x), 0);
    assert_int_equal(x->number, 8);
}

static void test_life(void **state)
{
    GENERATIONS g = {0};
    const DmvGeneration *x;

    (void)state;
    assert_int_equal(dmv_generations_commit(&g), DMV_NO_SUCH_GENERATION);
    dmv_generations_activated(&g, 5); /* nothing is staged: nothing happens */
    assert_int_equal(g.current, 0);

    x = apply(&g, 10);
    assert_int_equal(g.current, 1);
    assert_int_equal(x->state, DMV_GENERATION_TRIAL);
    assert_int_equal(x->activated, 11);
    assert_null(dmv_generations_staged(&g));

    assert_int_equal(dmv_generations_mark_bad(&g, 9, "x"), DMV_NO_SUCH_GENERATION);
    assert_int_equal(dmv_generations_mark_bad(&g, 1, "no link"), 0);
    assert_int_equal(x->state, DMV_GENERATION_BAD);
    assert_string_equal(x->reason, "no link");
    assert_int_equal(dmv_generations_commit(&g), 0);
    assert_int_equal(x->state, DMV_GENERATION_GOOD);
    assert_null(x->reason);
}

/* Only as long as nothing else was switched to. */
static void test_left(void **state)
{
    GENERATIONS g = {0};

    (void)state;
    assert_null(dmv_generations_left(&g));
    apply(&g, 1);
    assert_int_equal(dmv_generations_commit(&g), 0);
    apply(&g, 2);
    assert_int_equal(dmv_generations_mark_bad(&g, 2, "no link"), 0);
    assert_null(dmv_generations_left(&g)); /* it is in place still */
    dmv_generations_restored(&g, 1);
    assert_int_equal(dmv_generations_left(&g)->number, 2);
    assert_int_equal(dmv_generations_stage(&g, &nothing, 5, NULL), 0);
    assert_int_equal(dmv_generations_left(&g)->number, 2);
    dmv_generations_activated(&g, 6);
    assert_null(dmv_generations_left(&g));
}

static void test_rollback_target(void **state)
{
    GENERATIONS g = {0};
    int64_t target = -1;

    (void)state;
    assert_int_equal(dmv_generations_rollback_target(&g, &target), DMV_NOTHING_TO_ROLL_BACK);
    assert_int_equal(target, -1);
    assert_int_equal(dmv_generations_stage(&g, &nothing, 1, NULL), 0);
    assert_int_equal(dmv_generations_rollback_target(&g, &target), DMV_NOTHING_TO_ROLL_BACK);

    apply(&g, 1); /* 1: trial, and current */
    assert_int_equal(dmv_generations_rollback_target(&g, &target), 0);
    assert_int_equal(target, 0); /* the host before dmv */
    apply(&g, 2);
    assert_int_equal(dmv_generations_rollback_target(&g, &target), 0);
    assert_int_equal(target, 1); /* on trial is better than nothing */

    assert_int_equal(dmv_generations_commit(&g), 0); /* 2 is good */
    apply(&g, 3);
    apply(&g, 4);
    assert_int_equal(dmv_generations_rollback_target(&g, &target), 0);
    assert_int_equal(target, 2); /* good 2 before trial 3 */
    assert_int_equal(dmv_generations_mark_bad(&g, 2, NULL), 0);
    assert_int_equal(dmv_generations_rollback_target(&g, &target), 0);
    assert_int_equal(target, 3);
    assert_int_equal(dmv_generations_mark_bad(&g, 3, NULL), 0);
    assert_int_equal(dmv_generations_mark_bad(&g, 1, NULL), 0);
    assert_int_equal(dmv_generations_rollback_target(&g, &target), 0);
    assert_int_equal(target, 0);

    /* what waits is above the current one, and never a way back */
    assert_int_equal(dmv_generations_stage(&g, &nothing, 5, NULL), 0);
    assert_int_equal(dmv_generations_rollback_target(&g, &target), 0);
    assert_int_equal(target, 0);
}

static void test_prune(void **state)
{
    GENERATIONS g = {0};
    DMV_CLEANUP_FREE int64_t *forgotten = NULL;
    size_t n = 0;

    (void)state;
    for (int i = 1; i <= 8; i++) {
        apply(&g, i);
        if (i == 2)
            assert_int_equal(dmv_generations_commit(&g), 0);
    }
    assert_int_equal(dmv_generations_stage(&g, &nothing, 9, NULL), 0);
    assert_numbers(&g, "1 2 3 4 5 6 7 8 9");
    assert_int_equal(dmv_generations_prune(&g, 20, &forgotten, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(dmv_generations_prune(&g, 6, &forgotten, &n), 0);
    assert_numbers(&g, "2 5 6 7 8 9");
    assert_int_equal(n, 3);
    assert_int_equal(forgotten[0], 1);
    assert_int_equal(forgotten[1], 3);
    assert_int_equal(forgotten[2], 4);
    g.fallback = 6;
    /* the ways back, the current and the staged one stay whatever is asked */
    assert_int_equal(dmv_generations_prune(&g, 0, NULL, NULL), 0);
    assert_numbers(&g, "2 6 8 9");
    dmv_generations_restored(&g, 6);
    assert_int_equal(g.current, 6);
}

static void read_json(const char *text, json_object **ret)
{
    static const DmvJsonLimits limits = {.size = 4096, .depth = 8, .nodes = 100, .plain_integers = true};

    assert_int_equal(dmv_json_parse(text, strlen(text), &limits, ret, NULL), 0);
}

static void test_json_there_and_back(void **state)
{
    GENERATIONS g = {0}, again = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    static const char *const want[] = {
        "{\"number\":1,\"state\":\"bad\",\"created\":10,\"activated\":11,\"reason\":\"no "
        "link\",\"intent\":{\"drivers\":[]}}",
        "{\"number\":2,\"state\":\"staged\",\"created\":20,\"intent\":{\"drivers\":[{\"driver\":\"ice\","
        "\"select\":\"inbox\"}]}}",
    };

    (void)state;
    apply(&g, 10);
    assert_int_equal(dmv_generations_mark_bad(&g, 1, "no link"), 0);
    assert_int_equal(dmv_intent_select(&intent, "ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_generations_stage(&g, &intent, 20, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        DMV_CLEANUP_JSON json_object *o = NULL;
        DMV_CLEANUP_FREE char *text = NULL;

        assert_int_equal(dmv_generation_to_json(&g.items[i], &o), 0);
        assert_int_equal(dmv_json_format(o, &text, NULL), 0);
        assert_string_equal(text, want[i]);
    }
    /* in whatever order they come from the disk */
    for (size_t i = 2; i-- > 0;) {
        DMV_CLEANUP_JSON json_object *o = NULL;

        read_json(want[i], &o);
        assert_int_equal(dmv_generations_add_json(&again, o, NULL), 0);
    }
    assert_numbers(&again, "1 2");
    assert_int_equal(again.items[0].state, DMV_GENERATION_BAD);
    assert_string_equal(again.items[0].reason, "no link");
    assert_int_equal(again.items[0].activated, 11);
    assert_true(dmv_intent_equal(&again.items[1].intent, &intent));
    assert_int_equal(dmv_generations_staged(&again)->number, 2);
}

static void test_json_refused(void **state)
{
#define INTENT ",\"intent\":{\"drivers\":[]}}"
    static const char *const bad[] = {
        "[]",
        "{\"number\":2,\"state\":\"good\",\"created\":1}",
        "{\"number\":2,\"state\":\"good\"" INTENT,
        "{\"number\":0,\"state\":\"good\",\"created\":1" INTENT,
        "{\"number\":2,\"state\":\"great\",\"created\":1" INTENT,
        "{\"number\":\"2\",\"state\":\"good\",\"created\":1" INTENT,
        "{\"number\":2,\"state\":\"good\",\"created\":1,\"colour\":1" INTENT,
        "{\"number\":2,\"state\":\"good\",\"created\":1,\"intent\":{}}",
        "{\"number\":1,\"state\":\"good\",\"created\":1" INTENT, /* there is one */
    };
    GENERATIONS g = {0};

    (void)state;
    apply(&g, 1);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_JSON json_object *o = NULL;
        DMV_CLEANUP_ERROR DmvError e = {0};

        read_json(bad[i], &o);
        if (dmv_generations_add_json(&g, o, &e) != DMV_MALFORMED)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(e.why);
        assert_numbers(&g, "1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),        cmocka_unit_test(test_stage),
        cmocka_unit_test(test_numbers_go_up), cmocka_unit_test(test_life),
        cmocka_unit_test(test_left),          cmocka_unit_test(test_rollback_target),
        cmocka_unit_test(test_prune),         cmocka_unit_test(test_json_there_and_back),
        cmocka_unit_test(test_json_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
