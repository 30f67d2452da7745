/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stopping guests: who, in which order, how, and what is remembered of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/guest-stop.h"

#define UUID "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"

static DmvGuest *add(DmvGuests *g, const char *name, int64_t id)
{
    DmvGuest *x = DMV_ARRAY_ADD(g->items, g->n);

    assert_non_null(x);
    *x = (DmvGuest){.id = id, .state = id > 0 ? DMV_GUEST_RUNNING : DMV_GUEST_DEFINED};
    assert_int_equal(dmv_set_string(&x->name, name), 0);
    return x;
}

static void add_device(DmvGuest *g, DmvBackingKind kind, const char *what)
{
    assert_int_equal(dmv_guest_add_device(g, kind, what, NULL), 0);
}

static void assert_order(const DmvGuestStops *s, const char *const names[])
{
    size_t n = 0;

    for (; names[n]; n++) {
        assert_true(n < s->n);
        assert_string_equal(s->items[n].name, names[n]);
    }
    assert_int_equal(s->n, n);
}

static void test_fates(void **state)
{
    (void)state;
    for (int f = 0; f < DMV_GUEST_FATE_MAX; f++)
        assert_int_equal(dmv_guest_fate_from_string(dmv_guest_fate_to_string((DmvGuestFate)f)), f);
    assert_int_equal(dmv_guest_fate_from_string("dead"), DMV_GUEST_FATE_INVALID);
    assert_int_equal(dmv_guest_fate_from_string(NULL), DMV_GUEST_FATE_INVALID);
    assert_null(dmv_guest_fate_to_string(DMV_GUEST_FATE_INVALID));
}

static void test_who_and_how(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops shut = {0}, save = {0};

    (void)state;
    (void)add(&g, "a", 1);
    (void)add(&g, "defined", -1);
    add_device(add(&g, "with-card", 2), DMV_BACKING_PCI, "0000:03:00.0");
    assert_int_equal(dmv_set_string(&g.items[0].uuid, UUID), 0);
    assert_int_equal(dmv_guest_stops_plan(&g, false, &shut), 0);
    assert_order(&shut, (const char *const[]){"a", "with-card", NULL});
    assert_false(shut.items[0].save || shut.items[1].save);
    assert_int_equal(shut.items[0].fate, DMV_GUEST_RUNS);
    assert_string_equal(dmv_guest_stop_key(&shut.items[0]), UUID);
    assert_string_equal(dmv_guest_stop_key(&shut.items[1]), "with-card");
    assert_int_equal(dmv_guest_stops_plan(&g, true, &save), 0);
    assert_true(save.items[0].save);
    assert_false(save.items[1].save);
}

/* Driver domains go after those that use them, whichever channel says so; a circle has an end. */
static void test_order(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops s = {0};

    (void)state;
    (void)add(&g, "a-disk", 7);
    add_device(add(&g, "b-net", 8), DMV_BACKING_OTHER, "domain a-disk");
    add_device(add(&g, "c", 9), DMV_BACKING_OTHER, "domain 8");
    add_device(&g.items[g.n - 1], DMV_BACKING_OTHER, "domain 7");
    add_device(add(&g, "d", 10), DMV_BACKING_OTHER, "domain nobody");
    add_device(&g.items[g.n - 1], DMV_BACKING_INTERFACE, "domain");
    add_device(add(&g, "x", 11), DMV_BACKING_OTHER, "domain y");
    add_device(add(&g, "y", 12), DMV_BACKING_OTHER, "domain x");
    add_device(add(&g, "z", 13), DMV_BACKING_OTHER, "domain z");
    assert_int_equal(dmv_guest_stops_plan(&g, false, &s), 0);
    assert_int_equal(s.n, 7);
    assert_string_equal(s.items[0].name, "c");
    assert_string_equal(s.items[1].name, "d");
    assert_string_equal(s.items[2].name, "z");
    assert_string_equal(s.items[3].name, "b-net");
    assert_string_equal(s.items[4].name, "a-disk");
}

static void write_and_read(const DmvGuestStops *s, DmvGuestStops *ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;

    assert_int_equal(dmv_guest_stops_to_json(s, &o), 0);
    assert_non_null(o);
    assert_int_equal(dmv_json_format(o, &text, &size), 0);
    assert_int_equal(dmv_guest_stops_parse(text, size, ret, NULL), 0);
}

/* Only what has to be brought back is remembered, in the order in which it was saved. */
static void test_memory(void **state)
{
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops copy = {0};
    DMV_CLEANUP_JSON json_object *none = NULL;
    DmvGuestStop items[] = {
        {.name = (char *)"a", .save = true, .fate = DMV_GUEST_SAVED, .uuid = (char *)UUID},
        {.name = (char *)"b", .fate = DMV_GUEST_STOPPED},
        {.name = (char *)"c", .save = true, .fate = DMV_GUEST_SAVING},
        {.name = (char *)"d", .save = true, .fate = DMV_GUEST_RUNS},
        {.name = (char *)"e", .save = true, .fate = DMV_GUEST_RESTORED},
        {.name = (char *)"f", .save = true, .fate = DMV_GUEST_LOST}};
    const DmvGuestStops s = {items, DMV_N_ELEMENTS(items)}, rest = {&items[3], 3};

    (void)state;
    write_and_read(&s, &copy);
    assert_order(&copy, (const char *const[]){"a", "c", NULL});
    assert_string_equal(copy.items[0].uuid, UUID);
    assert_true(copy.items[0].save);
    assert_int_equal(copy.items[0].fate, DMV_GUEST_SAVED);
    assert_int_equal(copy.items[1].fate, DMV_GUEST_SAVING);
    assert_null(copy.items[1].uuid);
    assert_int_equal(dmv_guest_stops_to_json(&rest, &none), 0);
    assert_null(none);
}

static void add_stop(DmvGuestStops *s, const char *name, const char *uuid, DmvGuestFate fate)
{
    DmvGuestStop *x = DMV_ARRAY_ADD(s->items, s->n);

    assert_non_null(x);
    x->fate = fate;
    assert_int_equal(dmv_set_string(&x->name, name), 0);
    assert_int_equal(dmv_set_string(&x->uuid, uuid), 0);
}

/* What was never brought back is not forgotten by the next shutdown; what somebody has started again is. */
static void test_keep(void **state)
{
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops s = {0}, earlier = {0};

    (void)state;
    add_stop(&s, "a", UUID, DMV_GUEST_RUNS);
    add_stop(&s, "b", NULL, DMV_GUEST_RUNS);
    add_stop(&earlier, "renamed", UUID, DMV_GUEST_SAVED);
    add_stop(&earlier, "b", "11111111-1111-1111-1111-111111111111", DMV_GUEST_SAVED);
    add_stop(&earlier, "c", NULL, DMV_GUEST_SAVING);
    assert_int_equal(dmv_guest_stops_keep(&s, &earlier), 0);
    assert_order(&s, (const char *const[]){"a", "b", "c", NULL});
    assert_int_equal(s.items[2].fate, DMV_GUEST_SAVING);
    assert_int_equal(earlier.n, 0);
}

static void test_refused(void **state)
{
#define SAVED(guests) "{\"format\":\"dmv-guests-1\",\"guests\":[" guests "]}"
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[]", "object"},
        {"{\"format\":\"dmv-guests-2\",\"guests\":[]}", "its format is another one"},
        {"{\"format\":\"dmv-guests-1\"}", "guests"},
        {SAVED("1"), "object"},
        {SAVED("{\"name\":\"\",\"fate\":\"saved\"}"), "name"},
        {SAVED("{\"name\":\"a\",\"fate\":\"runs\"}"), "was not saved"},
        {SAVED("{\"name\":\"a\",\"fate\":\"dead\"}"), "was not saved"},
        {SAVED("{\"name\":\"a\",\"fate\":\"saved\",\"uuid\":\"x\"}"), "UUID"},
        {SAVED("{\"name\":\"a\",\"fate\":\"saved\",\"more\":1}"), "more"},
    };
#undef SAVED
    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_GUEST_STOPS DmvGuestStops s = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(dmv_guest_stops_parse(cases[i].text, strlen(cases[i].text), &s, &e), DMV_MALFORMED);
        if (!strstr(e.why, cases[i].why))
            fail_msg("%s: %s", cases[i].text, e.why);
        assert_int_equal(s.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fates),  cmocka_unit_test(test_who_and_how), cmocka_unit_test(test_order),
        cmocka_unit_test(test_memory), cmocka_unit_test(test_keep),        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
