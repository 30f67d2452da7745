/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/intent.h"

static void select_ok(DmvIntent *i, const char *driver, DmvSelectionKind kind, const char *variant,
                      const char *version, const char *because)
{
    assert_int_equal(dmv_intent_select(i, driver, kind, variant, version, because), 0);
}

static char *text_of(const DmvIntent *i)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    char *text = NULL;

    assert_int_equal(dmv_intent_to_json(i, &o), 0);
    assert_int_equal(dmv_json_format(o, &text, NULL), 0);
    return text;
}

static int parse(const char *text, DmvIntent *ret, DmvError *e)
{
    static const DmvJsonLimits limits = {.size = 4096, .depth = 8, .nodes = 100, .plain_integers = true};
    DMV_CLEANUP_JSON json_object *o = NULL;

    assert_int_equal(dmv_json_parse(text, strlen(text), &limits, &o, NULL), 0);
    return dmv_intent_from_json(o, ret, e);
}

static void test_select_keeps_the_order(void **state)
{
    static const char *const names[] = {"m", "a", "z", "k", "b", "y", "c"};
    DMV_CLEANUP_INTENT DmvIntent i = {0};

    (void)state;
    for (size_t n = 0; n < DMV_N_ELEMENTS(names); n++)
        select_ok(&i, names[n], DMV_SELECT_INBOX, NULL, NULL, NULL);
    assert_int_equal(i.n, DMV_N_ELEMENTS(names));
    for (size_t n = 1; n < i.n; n++)
        assert_true(strcmp(i.items[n - 1].driver, i.items[n].driver) < 0);
    for (size_t n = 0; n < DMV_N_ELEMENTS(names); n++)
        assert_string_equal(dmv_intent_find(&i, names[n])->driver, names[n]);
    assert_null(dmv_intent_find(&i, "x"));
}

static void test_select_again(void **state)
{
    DMV_CLEANUP_INTENT DmvIntent i = {0};
    const DmvSelection *s;

    (void)state;
    select_ok(&i, "ice", DMV_SELECT_RELEASE, "dell", "1.0", "a test");
    select_ok(&i, "ice", DMV_SELECT_RECOMMENDED, NULL, NULL, NULL);
    assert_int_equal(i.n, 1);
    s = dmv_intent_find(&i, "ice");
    assert_int_equal(s->kind, DMV_SELECT_RECOMMENDED);
    assert_null(s->variant);
    assert_null(s->version);
    assert_null(s->because);
}

static void test_pins(void **state)
{
    DMV_CLEANUP_INTENT DmvIntent i = {0};
    const DmvSelection *s;

    (void)state;
    assert_int_equal(dmv_intent_pin(&i, "ice", "why", 0), -ENOENT);
    assert_int_equal(dmv_intent_unpin(&i, "ice"), -ENOENT);
    assert_false(dmv_selection_is_pinned(NULL, 0));
    select_ok(&i, "ice", DMV_SELECT_INBOX, NULL, NULL, NULL);
    s = dmv_intent_find(&i, "ice");
    assert_false(dmv_selection_is_pinned(s, 0));

    assert_int_equal(dmv_intent_pin(&i, "ice", "certified", 0), 0);
    assert_string_equal(s->pin_reason, "certified");
    assert_true(dmv_selection_is_pinned(s, INT64_MAX));
    assert_int_equal(dmv_intent_pin(&i, "ice", NULL, 100), 0);
    assert_null(s->pin_reason);
    assert_true(dmv_selection_is_pinned(s, 99));
    assert_false(dmv_selection_is_pinned(s, 100));

    /* a selection does not take the pin away */
    select_ok(&i, "ice", DMV_SELECT_RECOMMENDED, NULL, NULL, NULL);
    assert_true(dmv_selection_is_pinned(s, 99));
    assert_int_equal(dmv_intent_unpin(&i, "ice"), 0);
    assert_false(dmv_selection_is_pinned(s, 0));
    assert_int_equal(s->pin_until, 0);
}

static void test_to_string(void **state)
{
    DMV_CLEANUP_INTENT DmvIntent i = {0};
    static const char *const want[] = {"inbox", "recommended", "dell@1.0"};
    char *none = dmv_selection_to_string(NULL);

    (void)state;
    assert_string_equal(none, "none");
    free(none);
    select_ok(&i, "a", DMV_SELECT_INBOX, NULL, NULL, NULL);
    select_ok(&i, "b", DMV_SELECT_RECOMMENDED, NULL, NULL, NULL);
    select_ok(&i, "c", DMV_SELECT_RELEASE, "dell", "1.0", NULL);
    for (size_t n = 0; n < DMV_N_ELEMENTS(want); n++) {
        DMV_CLEANUP_FREE char *text = dmv_selection_to_string(&i.items[n]);

        assert_string_equal(text, want[n]);
    }
}

/* Each of these differs from the first in what equality means; the last two do not. */
static void test_equal(void **state)
{
    DMV_CLEANUP_INTENT DmvIntent a = {0};
    DmvIntent b = {0};

    (void)state;
    assert_true(dmv_intent_equal(&a, &b));
    select_ok(&a, "ice", DMV_SELECT_RELEASE, "dell", "1.0", "one reason");
    assert_false(dmv_intent_equal(&a, &b));
    assert_false(dmv_intent_is_same(&a, &b));
    select_ok(&b, "ixgbe", DMV_SELECT_RELEASE, "dell", "1.0", NULL);
    assert_false(dmv_intent_equal(&a, &b));
    dmv_intent_deinit(&b);
    select_ok(&b, "ice", DMV_SELECT_RELEASE, "dell", "1.1", NULL);
    assert_false(dmv_intent_equal(&a, &b));
    select_ok(&b, "ice", DMV_SELECT_RELEASE, "generic", "1.0", NULL);
    assert_false(dmv_intent_equal(&a, &b));
    select_ok(&b, "ice", DMV_SELECT_INBOX, NULL, NULL, NULL);
    assert_false(dmv_intent_equal(&a, &b));
    assert_false(dmv_intent_is_same(&a, &b));
    select_ok(&b, "ice", DMV_SELECT_RELEASE, "dell", "1.0", "another reason");
    assert_true(dmv_intent_equal(&a, &b));
    assert_int_equal(dmv_intent_pin(&b, "ice", "x", 0), 0);
    assert_false(dmv_intent_equal(&a, &b));
    assert_true(dmv_intent_is_same(&a, &b));
    assert_int_equal(dmv_intent_pin(&a, "ice", "y", 5), 0);
    assert_false(dmv_intent_equal(&a, &b));
    assert_int_equal(dmv_intent_pin(&a, "ice", "y", 0), 0);
    assert_true(dmv_intent_equal(&a, &b));
    dmv_intent_deinit(&b);
}

static void fill(DmvIntent *i)
{
    select_ok(i, "a", DMV_SELECT_INBOX, NULL, NULL, "it crashes \"here\"");
    select_ok(i, "b", DMV_SELECT_RECOMMENDED, NULL, NULL, NULL);
    select_ok(i, "c", DMV_SELECT_RELEASE, "dell", "1.0", NULL);
    assert_int_equal(dmv_intent_pin(i, "b", NULL, 0), 0);
    assert_int_equal(dmv_intent_pin(i, "c", "ticket 7", 1700000000), 0);
}

static void test_copy_owns_everything(void **state)
{
    DMV_CLEANUP_INTENT DmvIntent copy = {0};
    DmvIntent i = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    DMV_CLEANUP_FREE char *after = NULL;

    (void)state;
    fill(&i);
    before = text_of(&i);
    assert_int_equal(dmv_intent_copy(&i, &copy), 0);
    assert_true(dmv_intent_equal(&i, &copy));
    dmv_intent_deinit(&i);
    assert_int_equal(i.n, 0);
    after = text_of(&copy);
    assert_string_equal(before, after);
    /* and it can grow */
    select_ok(&copy, "d", DMV_SELECT_INBOX, NULL, NULL, NULL);
    select_ok(&copy, "e", DMV_SELECT_INBOX, NULL, NULL, NULL);
    assert_int_equal(copy.n, 5);
}

static void test_json_there_and_back(void **state)
{
    DMV_CLEANUP_INTENT DmvIntent i = {0}, again = {0}, nothing = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_FREE char *text2 = NULL;
    DMV_CLEANUP_FREE char *empty = NULL;

    (void)state;
    fill(&i);
    text = text_of(&i);
    assert_string_equal(text,
                        "{\"drivers\":["
                        "{\"driver\":\"a\",\"select\":\"inbox\",\"because\":\"it crashes \\\"here\\\"\"},"
                        "{\"driver\":\"b\",\"select\":\"recommended\",\"pinned\":true},"
                        "{\"driver\":\"c\",\"select\":\"release\",\"variant\":\"dell\",\"version\":\"1.0\","
                        "\"pinned\":true,\"pin_reason\":\"ticket 7\",\"pin_until\":1700000000}]}");
    assert_int_equal(parse(text, &again, NULL), 0);
    assert_true(dmv_intent_equal(&i, &again));
    text2 = text_of(&again);
    assert_string_equal(text, text2);
    empty = text_of(&nothing);
    assert_string_equal(empty, "{\"drivers\":[]}");
    assert_int_equal(parse(empty, &nothing, NULL), 0);
    assert_int_equal(nothing.n, 0);
}

static void test_json_refused(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"drivers\":{}}",
        "{\"drivers\":[1]}",
        "{\"drivers\":[{\"driver\":\"a\"}]}",
        "{\"drivers\":[{\"select\":\"inbox\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"newest\"}]}",
        "{\"drivers\":[{\"driver\":\"../a\",\"select\":\"inbox\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"release\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"release\",\"variant\":\"v\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"release\",\"variant\":\"v/w\",\"version\":\"1\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"inbox\",\"variant\":\"v\",\"version\":\"1\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"inbox\",\"more\":1}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"inbox\",\"pinned\":\"yes\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"inbox\",\"pin_until\":1700000000}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"inbox\",\"pin_reason\":\"ticket 7\"}]}",
        "{\"drivers\":[{\"driver\":\"b\",\"select\":\"inbox\"},{\"driver\":\"a\",\"select\":\"inbox\"}]}",
        "{\"drivers\":[{\"driver\":\"a\",\"select\":\"inbox\"},{\"driver\":\"a\",\"select\":\"inbox\"}]}",
    };

    (void)state;
    for (size_t n = 0; n < DMV_N_ELEMENTS(bad); n++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        DMV_CLEANUP_INTENT DmvIntent i = {0};

        if (parse(bad[n], &i, &e) != DMV_MALFORMED)
            fail_msg("taken: %s", bad[n]);
        assert_int_equal(e.code, DMV_MALFORMED);
        assert_non_null(e.why);
        assert_int_equal(i.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select_keeps_the_order),
        cmocka_unit_test(test_select_again),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_to_string),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_copy_owns_everything),
        cmocka_unit_test(test_json_there_and_back),
        cmocka_unit_test(test_json_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
