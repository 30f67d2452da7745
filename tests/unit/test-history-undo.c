/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/history-undo.h"

#define NOW 1000

/* A host: what is wanted, and how it came to that. */
typedef struct Host {
    DmvHistory history;
    DmvIntent intent;
    DmvIntent *after; /* by the number of the entry, from 0: before the first */
    size_t n_after;
} Host;

static void remember(Host *h)
{
    DmvIntent *slot = DMV_ARRAY_ADD(h->after, h->n_after);

    assert_non_null(slot);
    assert_int_equal(dmv_intent_copy(&h->intent, slot), 0);
}

static void host_init(Host *h)
{
    *h = (Host){0};
    dmv_history_init(&h->history);
    remember(h);
}

static void host_deinit(Host *h)
{
    dmv_history_deinit(&h->history);
    dmv_intent_deinit(&h->intent);
    for (size_t i = 0; i < h->n_after; i++)
        dmv_intent_deinit(&h->after[i]);
    free(h->after);
}

#define HOST __attribute__((cleanup(host_deinit))) Host

/* Records what became of the intent since the entry before. */
static void record(Host *h, const char *what, bool known)
{
    DMV_CLEANUP_FREE char *action = strdup(what), *line = NULL;
    char outcome[] = "ok";
    DmvHistoryEntry e = {
        .action = action, .outcome = outcome, .uid = 0, .generation = -1, .has_changes = known};
    size_t size;

    if (known)
        assert_int_equal(dmv_intent_diff(&h->after[h->n_after - 1], &h->intent, &e.before, &e.after), 0);
    assert_int_equal(dmv_history_append(&h->history, &e, &line, &size), 0);
    dmv_intent_deinit(&e.before);
    dmv_intent_deinit(&e.after);
    remember(h);
}

static void select_release(Host *h, const char *driver, const char *version)
{
    assert_int_equal(dmv_intent_select(&h->intent, driver, DMV_SELECT_RELEASE, "dell", version, "why"), 0);
    record(h, "select", true);
}

static void pin(Host *h, const char *driver, int64_t until)
{
    assert_int_equal(dmv_intent_pin(&h->intent, driver, "hands off", until), 0);
    record(h, "pin", true);
}

static void unpin(Host *h, const char *driver)
{
    assert_int_equal(dmv_intent_unpin(&h->intent, driver), 0);
    record(h, "unpin", true);
}

/* Undoes, as the daemon does. */
static void undo(Host *h, int64_t first, int64_t last)
{
    DMV_CLEANUP_HISTORY_UNDO DmvHistoryUndo u = {0};

    assert_int_equal(dmv_history_undo(&h->history, &h->intent, first, last, NOW, &u, NULL), 0);
    dmv_intent_deinit(&h->intent);
    h->intent = u.intent;
    u.intent = (DmvIntent){0};
    record(h, "undo", true);
}

static void assert_selected(const Host *h, const char *driver, const char *want)
{
    DMV_CLEANUP_FREE char *got = dmv_selection_to_string(dmv_intent_find(&h->intent, driver));

    assert_string_equal(got, want);
}

/* Refused with that reason code and these words; nothing is touched. */
static void refused(const Host *h, int64_t first, int64_t last, const char *reason, const char *words)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvHistoryUndo u = {.n_undone = 77};

    assert_string_equal(
        dmv_outcome_reason(dmv_history_undo(&h->history, &h->intent, first, last, NOW, &u, &e)), reason);
    assert_int_equal(u.n_undone, 77);
    if (!e.why || !strstr(e.why, words))
        fail_msg("\"%s\" does not say \"%s\"", e.why ? e.why : "", words);
    assert_non_null(e.next);
}

static void test_one(void **state)
{
    HOST h;
    DMV_CLEANUP_HISTORY_UNDO DmvHistoryUndo u = {0};

    (void)state;
    host_init(&h);
    select_release(&h, "ice", "1");
    select_release(&h, "e1000e", "1");
    select_release(&h, "ice", "2");
    assert_int_equal(dmv_history_undo(&h.history, &h.intent, 3, 3, NOW, &u, NULL), 0);
    assert_int_equal(u.n_undone, 1);
    assert_int_equal(u.undone[0], 3);
    assert_int_equal(u.before.n, 1);
    assert_string_equal(u.before.items[0].version, "2");
    assert_string_equal(u.after.items[0].version, "1");
    assert_string_equal(u.after.items[0].because, "why");
    assert_int_equal(u.intent.n, 2);
    dmv_history_undo_deinit(&u);
    assert_int_equal(dmv_history_undo(&h.history, &h.intent, 2, 2, NOW, &u, NULL), 0); /* not the last */
    assert_null(dmv_intent_find(&u.intent, "e1000e"));
    assert_string_equal(dmv_intent_find(&u.intent, "ice")->version, "2");
}

static void test_last(void **state)
{
    HOST h;
    int64_t last = -1;

    (void)state;
    host_init(&h);
    assert_string_equal(dmv_outcome_reason(dmv_history_undo_last(&h.history, &last, NULL)),
                        "nothing-to-undo");
    record(&h, "refresh", true);
    assert_string_equal(dmv_outcome_reason(dmv_history_undo_last(&h.history, &last, NULL)),
                        "nothing-to-undo");
    assert_int_equal(last, -1);
    select_release(&h, "ice", "1");
    record(&h, "select", true); /* of what was selected already */
    record(&h, "activate", true);
    assert_int_equal(dmv_history_undo_last(&h.history, &last, NULL), 0);
    assert_int_equal(last, 2);

    /* what the machine did by itself is only meant where it is named */
    assert_int_equal(dmv_intent_put(&h.intent, "ice", NULL), 0);
    record(&h, "health", true);
    assert_int_equal(dmv_history_undo_last(&h.history, &last, NULL), 0);
    assert_int_equal(last, 2);
    refused(&h, 2, 2, "conflict", "ice was changed since: entry 2 left it at dell@1, it is none");
    undo(&h, 5, 5);
    assert_selected(&h, "ice", "dell@1");
}

/* What was undone can be undone. */
static void test_there_and_back(void **state)
{
    HOST h;
    int64_t last;

    (void)state;
    host_init(&h);
    select_release(&h, "ice", "1");
    select_release(&h, "ice", "2");
    pin(&h, "ice", 0);
    undo(&h, 2, 3);
    assert_selected(&h, "ice", "dell@1");
    assert_false(dmv_intent_find(&h.intent, "ice")->pinned);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(dmv_history_undo_last(&h.history, &last, NULL), 0);
        undo(&h, last, last);
        assert_selected(&h, "ice", i % 2 ? "dell@1" : "dell@2");
        assert_int_equal(dmv_intent_find(&h.intent, "ice")->pinned, i % 2 == 0);
    }
}

static void test_conflict(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    select_release(&h, "ice", "1");
    select_release(&h, "ice", "2");
    select_release(&h, "e1000e", "1");
    refused(&h, 1, 1, "conflict", "ice was changed since: entry 1 left it at dell@1, it is dell@2");
    pin(&h, "e1000e", 0);
    refused(&h, 3, 3, "conflict", "entry 3 left it at dell@1, it is dell@1 with a pin");
    undo(&h, 1, 2); /* the later one is in the range */
    assert_null(dmv_intent_find(&h.intent, "ice"));

    /* changed and changed back is as it was */
    select_release(&h, "ice", "1");
    select_release(&h, "ice", "2");
    select_release(&h, "ice", "1");
    undo(&h, 6, 6);
    assert_null(dmv_intent_find(&h.intent, "ice"));
}

/* Who changed it is named, and who left no trace is not made up. */
static void test_next_steps(void **state)
{
    HOST h;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvHistoryUndo u;

    (void)state;
    host_init(&h);
    select_release(&h, "ice", "1");
    select_release(&h, "ice", "2");
    assert_int_equal(dmv_history_undo(&h.history, &h.intent, 1, 1, NOW, &u, &e), DMV_CONFLICT);
    assert_string_equal(e.next, "take entry 2 (select) back too, or select what you want");
    dmv_error_clear(&e);
    assert_int_equal(dmv_intent_put(&h.intent, "ice", NULL), 0);
    assert_int_equal(dmv_history_undo(&h.history, &h.intent, 2, 2, NOW, &u, &e), DMV_CONFLICT);
    assert_non_null(strstr(e.next, "dmvctl select ice"));
}

static void test_pins(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    select_release(&h, "ice", "1");
    pin(&h, "ice", 0);
    unpin(&h, "ice");
    select_release(&h, "ice", "2");
    pin(&h, "ice", NOW + 1);
    undo(&h, 2, 5); /* everything between two pins */
    assert_selected(&h, "ice", "dell@1");
    assert_false(dmv_intent_find(&h.intent, "ice")->pinned);
    undo(&h, 6, 6);
    assert_int_equal(dmv_intent_find(&h.intent, "ice")->pin_until, NOW + 1);
    assert_string_equal(dmv_intent_find(&h.intent, "ice")->pin_reason, "hands off");
    undo(&h, 2, 7);

    /* a pin under which something was changed, by an undo of several, holds */
    pin(&h, "ice", 0);
    unpin(&h, "ice");
    select_release(&h, "ice", "2");
    pin(&h, "ice", 0);
    undo(&h, 10, 12);
    assert_selected(&h, "ice", "dell@1");
    assert_true(dmv_intent_find(&h.intent, "ice")->pinned);
    refused(&h, 13, 13, "pinned", "ice is pinned (hands off)");
}

static void test_ranges(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    refused(&h, 1, 1, "no-such-entry", "ends with entry 0");
    record(&h, "refresh", true);
    record(&h, "select", true);
    refused(&h, 0, 1, "invalid-request", "0..1");
    refused(&h, 2, 1, "invalid-request", "2..1");
    refused(&h, -1, 1, "invalid-request", "-1..1");
    refused(&h, 1, 3, "no-such-entry", "ends with entry 2");
    refused(&h, 1, INT64_MAX, "no-such-entry", "ends with entry 2");
    refused(&h, 3, 3, "no-such-entry", "ends with entry 2");
    refused(&h, 1, 2, "nothing-to-undo", "not changed by 1..2");

    /* what was written before entries said it */
    record(&h, "refresh", false);
    record(&h, "deselect", false);
    refused(&h, 4, 4, "not-recorded", "entry 4 (deselect) does not say what it changed");
    refused(&h, 3, 3, "nothing-to-undo", "not changed by 3..3");

    /* what is not kept */
    dmv_history_rotated(&h.history);
    select_release(&h, "ice", "1");
    dmv_history_rotated(&h.history);
    refused(&h, 4, 5, "no-such-entry", "entry 4 is not kept any more, the oldest one is 5");
    undo(&h, 5, 5);
}

/* An entry that failed changed nothing, unless it says so. */
static void test_failed_entries(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    record(&h, "select", false);
    assert_int_equal(dmv_set_string(&h.history.items[0].outcome, "no-hardware"), 0);
    refused(&h, 1, 1, "nothing-to-undo", "1..1");
}

static void test_skipped(void **state)
{
    HOST h;
    DMV_CLEANUP_HISTORY_UNDO DmvHistoryUndo u = {0};

    (void)state;
    host_init(&h);
    select_release(&h, "ice", "1");
    record(&h, "install", true);
    record(&h, "activate", true);
    select_release(&h, "ice", "2");
    assert_int_equal(dmv_history_undo(&h.history, &h.intent, 1, 4, NOW, &u, NULL), 0);
    assert_int_equal(u.n_undone, 2);
    assert_int_equal(u.undone[0], 4);
    assert_int_equal(u.undone[1], 1);
    assert_int_equal(u.n_skipped, 2);
    assert_int_equal(u.skipped[0], 3);
    assert_int_equal(u.intent.n, 0);
}

/* ---- random histories ---- */

static const char *const drivers[] = {"aq", "e1000e", "ice", "mlx5", "tg3"};

/* One operation of an admin, by the rules of the daemon: a pinned driver's selection stays. */
static void step(Host *h)
{
    const char *driver = drivers[rand() % 5];
    DmvSelection *s = dmv_intent_find(&h->intent, driver);
    char version[2] = {(char)('1' + rand() % 3), '\0'};

    switch (rand() % 6) {
    case 0:
    case 1:
        if (!s || !s->pinned)
            select_release(h, driver, version);
        break;
    case 2:
        if (s && !s->pinned) {
            assert_int_equal(dmv_intent_select(&h->intent, driver, DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
            record(h, "deselect", true);
        }
        break;
    case 3:
        if (s)
            pin(h, driver, rand() % 2 ? 0 : NOW + rand() % 3);
        break;
    case 4:
        if (s)
            unpin(h, driver);
        break;
    default:
        record(h, "activate", true);
    }
}

/* Several drivers at once: to what an earlier entry left, where nothing is pinned. */
static void roll_back(Host *h)
{
    const DmvIntent *to = &h->after[(size_t)rand() % h->n_after];

    for (size_t i = 0; i < DMV_N_ELEMENTS(drivers); i++) {
        const DmvSelection *is = dmv_intent_find(&h->intent, drivers[i]);
        const DmvSelection *was = dmv_intent_find(to, drivers[i]);

        if (!(is && is->pinned) && !(was && was->pinned))
            assert_int_equal(dmv_intent_put(&h->intent, drivers[i], was), 0);
    }
    record(h, "rollback", true);
}

/* What has to come of it, by what was wanted after each entry. Return: false if it has to be refused. */
static bool predict(const Host *h, size_t first, size_t last, DmvIntent *ret)
{
    bool any = false;

    assert_int_equal(dmv_intent_copy(&h->intent, ret), 0);
    for (size_t d = 0; d < DMV_N_ELEMENTS(drivers); d++) {
        bool touched = false;

        for (size_t i = first; i <= last; i++)
            touched |= !dmv_selection_equal(dmv_intent_find(&h->after[i - 1], drivers[d]),
                                            dmv_intent_find(&h->after[i], drivers[d]));
        any |= touched;
        if (touched && !dmv_selection_equal(dmv_intent_find(&h->intent, drivers[d]),
                                            dmv_intent_find(&h->after[last], drivers[d])))
            return false;
        if (touched)
            assert_int_equal(
                dmv_intent_put(ret, drivers[d], dmv_intent_find(&h->after[first - 1], drivers[d])), 0);
    }
    return any;
}

static void test_random(void **state)
{
    unsigned undone = 0, refusals = 0;

    (void)state;
    for (unsigned seed = 1; seed <= 400; seed++) {
        HOST h;
        size_t first, last;
        DMV_CLEANUP_INTENT DmvIntent want = {0};
        DMV_CLEANUP_HISTORY_UNDO DmvHistoryUndo u = {0};
        int r;

        srand(seed);
        host_init(&h);
        for (int i = 0; i < 30; i++)
            if (rand() % 12 == 0)
                roll_back(&h);
            else
                step(&h);
        if (h.history.n == 0)
            continue;
        first = (size_t)rand() % h.history.n + 1;
        last = rand() % 2 ? h.history.n : first + (size_t)rand() % (h.history.n - first + 1);
        r = dmv_history_undo(&h.history, &h.intent, (int64_t)first, (int64_t)last, NOW, &u, NULL);
        if (predict(&h, first, last, &want)) {
            if (r != 0)
                fail_msg("seed %u: %zu..%zu is refused: %s", seed, first, last, dmv_outcome_reason(r));
            assert_true(dmv_intent_equal(&u.intent, &want));
            if (last == h.history.n)
                assert_true(dmv_intent_equal(&u.intent, &h.after[first - 1]));
            assert_int_equal(u.n_undone + u.n_skipped, last - first + 1);
            undone++;
        } else {
            if (r != DMV_CONFLICT && r != DMV_NOTHING_TO_UNDO)
                fail_msg("seed %u: %zu..%zu gives %s", seed, first, last, dmv_outcome_reason(r));
            refusals++;
        }
    }
    assert_true(undone > 100 && refusals > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_conflict),
        cmocka_unit_test(test_next_steps),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_failed_entries),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
