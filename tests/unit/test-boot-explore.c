/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot machine, explored: every state that can be reached with small numbers, every event at each of
 * them, in whatever order. And what the worst host can make of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/boot.h"

#define N_SLOTS (1u << 21)
#define N_EVENTS_MAX 256

/* Two boots are enough: the one that counted last, and another one. */
#define SAME "a"
#define OTHER "b"

static DmvBootEvent events[N_EVENTS_MAX];
static size_t n_events;

/* A state in 33 bits, the reason left out: nothing depends on it. */
static uint64_t pack(const DmvBoot *b)
{
    const struct {
        int64_t value;
        unsigned bits;
    } fields[] = {
        {b->phase, 3},        {b->generation, 2},      {b->fallback, 2},         {b->attempts, 2},
        {b->attempts_max, 2}, {b->boots_good, 2},      {b->boots_wanted, 2},     {b->soak_seconds, 2},
        {b->healthy, 1},      {b->healthy_seconds, 2}, {b->healthy_since, 2},    {b->one_shot, 1},
        {b->armed, 1},        {b->running, 1},         {b->boot_id[0] != 0, 1},  {b->blamed, 1},
        {b->reboot, 1},       {b->reboots, 2},         {b->failed_rollbacks, 2},
    };
    uint64_t key = 0;

    for (size_t i = 0; i < DMV_N_ELEMENTS(fields); i++) {
        assert_true(fields[i].value >= 0 && fields[i].value < 1 << fields[i].bits);
        key = key << fields[i].bits | (uint64_t)fields[i].value;
    }
    return key;
}

static void assert_same(const DmvBoot *a, const DmvBoot *b)
{
    assert_int_equal(pack(a), pack(b));
    assert_string_equal(a->boot_id, b->boot_id);
    assert_string_equal(a->reason, b->reason);
}

/* ---- sets of states ---- */

typedef struct Slot {
    uint64_t key; /* 0: free; a key is stored with 1 added */
    int value;
} Slot;

static Slot *find_slot(Slot *slots, uint64_t key)
{
    uint64_t h = (key + 1) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 43);

    _Static_assert(N_SLOTS == 1u << (64 - 43), "the hash has to fill the slots");
    while (slots[i].key != 0 && slots[i].key != key + 1)
        i = (i + 1) % N_SLOTS;
    return &slots[i];
}

static Slot *new_slots(void)
{
    Slot *slots = calloc(N_SLOTS, sizeof(*slots));

    assert_non_null(slots);
    return slots;
}

/* Every state that was reached, ascending by the number of steps. */
static DmvBoot *states;
static size_t n_states;

static void add_state(Slot *seen, DmvBoot b)
{
    Slot *slot;

    memset(b.reason, 0, sizeof(b.reason));
    if (b.boot_id[0] != '\0')
        b.boot_id[0] = SAME[0];
    slot = find_slot(seen, pack(&b));
    if (slot->key == 0) {
        DmvBoot *more = DMV_ARRAY_ADD(states, n_states);

        assert_non_null(more);
        assert_true(n_states < N_SLOTS / 2);
        *more = b;
        slot->key = pack(&b) + 1;
    }
}

/* ---- every event ---- */

static void add_event(DmvBootEvent e)
{
    assert_true(n_events < N_EVENTS_MAX);
    events[n_events++] = e;
}

static void add_switches(void)
{
    static const struct {
        int64_t attempts, boots, soak;
    } wishes[] = {{1, 1, 0}, {2, 1, 0}, {1, 2, 2}, {2, 2, 2}, {3, 3, 3}};

    for (int64_t generation = 1; generation <= 3; generation++)
        for (int flags = 0; flags < 8; flags++)
            for (size_t i = 0; i < DMV_N_ELEMENTS(wishes); i++)
                add_event((DmvBootEvent){.kind = DMV_BOOT_ON_ACTIVATE,
                                         .generation = generation,
                                         .one_shot = flags & 1,
                                         .admin = flags & 2,
                                         .boot_id = flags & 4 ? SAME : OTHER,
                                         .attempts_max = wishes[i].attempts,
                                         .boots_wanted = wishes[i].boots,
                                         .soak_seconds = wishes[i].soak});
}

static void add_events_of_a_boot(const char *id)
{
    static const int64_t times[] = {0, 1, 3};

    for (int64_t mark = 0; mark <= 3; mark++)
        for (int64_t undone = 0; undone <= 3; undone++)
            add_event(
                (DmvBootEvent){.kind = DMV_BOOT_ON_BOOT, .boot_id = id, .mark = mark, .undone = undone});
    for (size_t i = 0; i < DMV_N_ELEMENTS(times); i++) {
        add_event((DmvBootEvent){.kind = DMV_BOOT_ON_HEALTHY, .boot_id = id, .now = times[i]});
        add_event((DmvBootEvent){.kind = DMV_BOOT_ON_SHUTDOWN, .boot_id = id, .now = times[i]});
    }
    for (int lost = 0; lost < 2; lost++)
        for (int r = 0; r < DMV_BOOT_REBOOT_MAX; r++)
            add_event((DmvBootEvent){.kind = DMV_BOOT_ON_UNHEALTHY,
                                     .boot_id = id,
                                     .lifeline_lost = lost,
                                     .reboot = (DmvBootReboot)r});
    for (int64_t generation = 0; generation <= 3; generation++)
        add_event((DmvBootEvent){.kind = DMV_BOOT_ON_ROLLBACK, .boot_id = id, .generation = generation});
}

static void make_events(void)
{
    static const DmvBootEventKind plain[] = {DMV_BOOT_ON_ARMED,         DMV_BOOT_ON_COMMITTED,
                                             DMV_BOOT_ON_NOT_COMMITTED, DMV_BOOT_ON_RESTORED,
                                             DMV_BOOT_ON_NOT_RESTORED,  DMV_BOOT_ON_COMMIT};

    add_switches();
    add_events_of_a_boot(SAME);
    add_events_of_a_boot(OTHER);
    for (size_t i = 0; i < DMV_N_ELEMENTS(plain); i++)
        add_event((DmvBootEvent){.kind = plain[i]});
}

/* ---- what holds for every step ---- */

static bool is_by_admin(const DmvBootEvent *e)
{
    return e->kind == DMV_BOOT_ON_COMMIT || e->kind == DMV_BOOT_ON_ROLLBACK ||
           (e->kind == DMV_BOOT_ON_ACTIVATE && e->admin);
}

static void check_generations(const DmvBoot *before, const DmvBootEvent *e, const DmvBoot *after,
                              const DmvBootActions *a)
{
    if (a->set & DMV_BOOT_DO_RESTORE) {
        assert_int_equal(after->phase, DMV_BOOT_RESTORING);
        assert_int_equal(a->fallback, e->kind == DMV_BOOT_ON_ROLLBACK ? e->generation : before->fallback);
    }
    if (after->fallback != before->fallback)
        assert_true((e->kind == DMV_BOOT_ON_ROLLBACK && after->fallback == e->generation) ||
                    (e->kind == DMV_BOOT_ON_COMMITTED && after->fallback == before->generation));
    if (after->generation != before->generation)
        assert_true((e->kind == DMV_BOOT_ON_ACTIVATE && after->generation == e->generation) ||
                    (e->kind == DMV_BOOT_ON_RESTORED && after->generation == before->fallback));
    if (a->set & DMV_BOOT_DO_ARM)
        assert_true(after->one_shot && a->generation != a->fallback);
    if (a->set & DMV_BOOT_DO_BAD)
        assert_true(a->generation == before->generation && a->generation != a->fallback);
}

static void check_commit(const DmvBoot *before, const DmvBootEvent *e, const DmvBoot *after,
                         const DmvBootActions *a)
{
    int64_t seconds = before->healthy_seconds;

    if (a->set & DMV_BOOT_DO_COMMIT) {
        assert_int_equal(after->phase, DMV_BOOT_COMMITTING);
        assert_int_equal(a->generation, before->generation);
    }
    if (after->phase == DMV_BOOT_GOOD && before->phase != DMV_BOOT_GOOD)
        assert_true(before->phase == DMV_BOOT_COMMITTING && e->kind == DMV_BOOT_ON_COMMITTED);
    if (after->phase != DMV_BOOT_COMMITTING || before->phase == DMV_BOOT_COMMITTING ||
        e->kind == DMV_BOOT_ON_COMMIT)
        return;
    assert_int_equal(e->kind, DMV_BOOT_ON_HEALTHY);
    assert_true(before->running && strcmp(before->boot_id, e->boot_id) == 0);
    if (before->phase == DMV_BOOT_RETURNED)
        return;
    assert_int_equal(before->phase, DMV_BOOT_TRIAL);
    if (before->healthy && e->now > before->healthy_since)
        seconds += e->now - before->healthy_since;
    assert_true(before->boots_good + 1 >= before->boots_wanted);
    assert_true(seconds >= before->soak_seconds);
}

static void check_bounds(const DmvBoot *before, const DmvBootEvent *e, const DmvBoot *after,
                         const DmvBootActions *a)
{
    assert_true(after->attempts <= after->attempts_max);
    if (a->set & DMV_BOOT_DO_REBOOT) {
        assert_int_equal(after->phase, DMV_BOOT_RETURNED);
        /* the one that is under way, or one more that is counted */
        assert_true(after->reboot && after->reboots <= DMV_BOOT_REBOOTS_MAX);
        assert_true(
            after->reboots == before->reboots + 1 ||
            (before->phase == DMV_BOOT_RETURNED && before->reboot && after->reboots == before->reboots));
    }
    /* counted down only when somebody acts, or all is well again */
    if (after->reboots < before->reboots || after->failed_rollbacks < before->failed_rollbacks)
        assert_true(is_by_admin(e) || e->kind == DMV_BOOT_ON_COMMITTED ||
                    before->phase == DMV_BOOT_COMMITTING);
    if (before->phase == DMV_BOOT_STUCK && after->phase != DMV_BOOT_STUCK)
        assert_true(is_by_admin(e));
    if (after->phase == DMV_BOOT_STUCK)
        assert_int_equal(a->set & ~(unsigned)(DMV_BOOT_DO_ALARM | DMV_BOOT_DO_DISARM), 0);
    if (after->phase == DMV_BOOT_STUCK && before->phase != DMV_BOOT_STUCK)
        assert_true(a->set & DMV_BOOT_DO_ALARM);
    if (a->wait > 0)
        assert_true(after->phase == DMV_BOOT_TRIAL && a->wait <= after->soak_seconds);
}

/* The power fails after the state was stored and before anything was done, and the event comes again. A
 * failure of restoring is one more each time that it is told. */
static void check_again(const DmvBootEvent *e, const DmvBoot *after, const DmvBootActions *a)
{
    DmvBoot twice = *after;
    DmvBootActions again = {0};

    if (e->kind == DMV_BOOT_ON_NOT_RESTORED)
        return;
    assert_int_equal(dmv_boot_step(&twice, e, &again), 0);
    assert_same(&twice, after);
    /* the entry of a trial that another one replaced is not known any more */
    if (e->kind == DMV_BOOT_ON_ACTIVATE)
        again.set |= a->set & DMV_BOOT_DO_DISARM;
    assert_int_equal(again.set, a->set);
    assert_int_equal(again.wait, a->wait);
    assert_true(again.generation == a->generation && again.fallback == a->fallback);
}

static void check_refused(const DmvBoot *before, const DmvBoot *after, int r)
{
    assert_same(after, before);
    assert_true(r == DMV_BUSY || r == DMV_STUCK || r == DMV_NOTHING_TO_ROLL_BACK || r == DMV_WORLD_MOVED ||
                r == DMV_INVALID_REQUEST);
}

static void test_every_event_at_every_state(void **state)
{
    DMV_CLEANUP_FREE Slot *seen = new_slots();
    const DmvBootTransition *first;
    size_t n_rows;
    bool used[256] = {false};

    (void)state;
    first = dmv_boot_transitions(&n_rows);
    assert_true(n_rows <= DMV_N_ELEMENTS(used));
    add_state(seen, (DmvBoot){0});
    for (size_t i = 0; i < n_states; i++) {
        const DmvBoot before = states[i];

        for (size_t k = 0; k < n_events; k++) {
            const DmvBootEvent *e = &events[k];
            DmvBootActions a = {0};
            DmvBoot after = before;
            int r = dmv_boot_step(&after, e, &a);

            if (dmv_boot_event_is_valid(&before, e) && dmv_boot_match(&before, e))
                used[dmv_boot_match(&before, e) - first] = true;
            if (r != 0) {
                check_refused(&before, &after, r);
                continue;
            }
            assert_true(dmv_boot_is_valid(&after));
            check_generations(&before, e, &after, &a);
            check_commit(&before, e, &after, &a);
            check_bounds(&before, e, &after, &a);
            check_again(e, &after, &a);
            add_state(seen, after);
        }
    }
    for (size_t i = 0; i < n_rows; i++)
        if (!used[i])
            fail_msg("%s: %s, \"%s\" never happens", dmv_boot_phase_to_string(first[i].from),
                     dmv_boot_event_to_string(first[i].event), first[i].when);
    print_message("%zu states, %zu events at each\n", n_states, n_events);
}

/* ---- the worst host ---- */

/* Plays against the machine: no boot of what is in place is good, the power fails when it hurts most. */
typedef struct Game {
    Slot *known;     /* boots that it takes at most from a state; -1 while it is being found out */
    bool to_the_end; /* until stuck, with the fallback failing too; else until the fallback is back */
} Game;

static int worst_boots(Game *g, DmvBoot b, bool entry);
static int worst_of_actions(Game *g, DmvBoot b, unsigned set, bool entry);

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int worst_after(Game *g, DmvBoot b, DmvBootEvent e, bool entry)
{
    DmvBootActions a = {0};

    assert_int_equal(dmv_boot_step(&b, &e, &a), 0);
    return worst_of_actions(g, b, a.set, entry);
}

/* What can become of the boot that runs. */
static int worst_of_this_boot(Game *g, DmvBoot b, bool entry)
{
    int worst = worst_boots(g, b, entry);

    if (b.phase != DMV_BOOT_TRIAL && b.phase != DMV_BOOT_RETURNED)
        return worst;
    for (size_t i = 0; i < n_events; i++) {
        const DmvBootEvent *e = &events[i];
        DmvBootActions a = {0};
        DmvBoot after = b;

        if (!e->boot_id || strcmp(e->boot_id, b.boot_id) != 0)
            continue;
        /* in good health for a while, and then it dies */
        if (b.phase == DMV_BOOT_TRIAL && e->kind == DMV_BOOT_ON_HEALTHY &&
            dmv_boot_step(&after, e, &a) == 0 && after.phase == DMV_BOOT_TRIAL)
            worst = larger(worst, worst_boots(g, after, entry));
        if (b.running && e->kind == DMV_BOOT_ON_UNHEALTHY)
            worst = larger(worst, worst_after(g, b, *e, entry));
        /* somebody shuts it down in order, for no report ever came */
        if (b.phase == DMV_BOOT_TRIAL && b.running && !b.healthy && e->kind == DMV_BOOT_ON_SHUTDOWN &&
            e->now == 0) {
            assert_int_equal(dmv_boot_step(&after, e, &a), 0);
            worst = larger(worst, worst_boots(g, after, entry || (a.set & DMV_BOOT_DO_ARM)));
        }
    }
    return worst;
}

/* Whether they are done, and whether it can be told. */
static int worst_of_actions(Game *g, DmvBoot b, unsigned set, bool entry)
{
    int worst = worst_boots(g, b, entry);

    if (set & DMV_BOOT_DO_DISARM)
        entry = false;
    if (set & DMV_BOOT_DO_RESTORE) {
        worst = larger(worst, worst_after(g, b, (DmvBootEvent){.kind = DMV_BOOT_ON_RESTORED}, entry));
        return larger(worst, worst_after(g, b, (DmvBootEvent){.kind = DMV_BOOT_ON_NOT_RESTORED}, entry));
    }
    if (set & DMV_BOOT_DO_ARM) {
        DmvBootEvent armed = {.kind = DMV_BOOT_ON_ARMED};

        worst = larger(worst, worst_of_this_boot(g, b, true));
        worst = larger(worst, worst_after(g, b, armed, true));
    }
    return larger(worst, worst_of_this_boot(g, b, entry));
}

/* Boots until it is over, when the host goes down now. @entry: the boot loader has an armed entry. */
static int worst_boots(Game *g, DmvBoot b, bool entry)
{
    Slot *slot;
    int worst = 0;

    if (b.phase == DMV_BOOT_STUCK || (b.phase == DMV_BOOT_RETURNED && !g->to_the_end))
        return 0;
    memset(b.reason, 0, sizeof(b.reason));
    if (b.boot_id[0] != '\0')
        b.boot_id[0] = SAME[0];
    slot = find_slot(g->known, pack(&b) << 1 | entry);
    if (slot->key != 0) {
        assert_int_not_equal(slot->value, -1); /* it could go on for ever */
        return slot->value;
    }
    slot->key = (pack(&b) << 1 | entry) + 1;
    slot->value = -1;
    if (entry) /* its initrd fails, and the boot loader has forgotten the entry */
        worst = worst_boots(g, b, false);
    worst = larger(worst, worst_after(g, b,
                                      (DmvBootEvent){.kind = DMV_BOOT_ON_BOOT,
                                                     .boot_id = OTHER,
                                                     .mark = entry ? b.generation : 0},
                                      false));
    slot->value = worst + 1;
    return slot->value;
}

static void test_a_bad_generation_never_stays(void **state)
{
    DMV_CLEANUP_FREE Slot *known = new_slots();
    Game g = {.known = known};
    int worst = 0;

    (void)state;
    for (size_t i = 0; i < n_states; i++) {
        const DmvBoot *b = &states[i];
        int boots;

        if (b->phase != DMV_BOOT_TRIAL && b->phase != DMV_BOOT_RESTORING)
            continue;
        boots = larger(worst_boots(&g, *b, false), b->one_shot ? worst_boots(&g, *b, true) : 0);
        /* the attempts, one for an initrd that fails, and the failures of going back */
        assert_true(boots <= b->attempts_max + 1 + DMV_BOOT_ROLLBACKS_MAX);
        worst = larger(worst, boots);
    }
    print_message("at most %d boots until the fallback is back, or the host is stuck\n", worst);
}

static void test_nothing_goes_on_for_ever(void **state)
{
    DMV_CLEANUP_FREE Slot *known = new_slots();
    Game g = {.known = known, .to_the_end = true};
    int worst = 0;

    (void)state;
    for (size_t i = 0; i < n_states; i++) {
        int boots;

        if (states[i].phase != DMV_BOOT_TRIAL)
            continue;
        boots = worst_boots(&g, states[i], states[i].one_shot);
        assert_true(boots <= states[i].attempts_max + 1 + DMV_BOOT_ROLLBACKS_MAX);
        worst = larger(worst, boots);
    }
    print_message("at most %d boots until the host is stuck when its fallback fails too\n", worst);
}

/* ---- what a commit rests on ---- */

/* A host with a memory of its own: what the machine claims of the past is compared with it. */
typedef struct Walk {
    DmvBoot b;
    uint64_t random;
    int boots; /* that ended in order after a good report, since the last failure */
    int64_t seconds;
    int64_t now, healthy_since; /* -1: no good report in this boot */
    bool up;
} Walk;

static unsigned pick(Walk *w, unsigned n)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(w->random >> 33) % n;
}

static void walk_step(Walk *w, DmvBootEvent e)
{
    char id[2] = {w->b.boot_id[0] == 'a' ? 'b' : 'a', '\0'};
    DmvBootActions a = {0};

    if (e.kind != DMV_BOOT_ON_BOOT)
        id[0] = w->b.boot_id[0];
    e.boot_id = id;
    e.now = w->now;
    assert_int_equal(dmv_boot_step(&w->b, &e, &a), 0);
}

static void go_down(Walk *w)
{
    bool in_order = pick(w, 4) > 0;

    if (in_order)
        walk_step(w, (DmvBootEvent){.kind = DMV_BOOT_ON_SHUTDOWN});
    if (in_order && w->healthy_since >= 0) {
        w->boots++;
        w->seconds += w->now - w->healthy_since;
    } else {
        w->boots = 0;
        w->seconds = 0;
    }
    w->up = false;
}

static bool is_proven(const Walk *w, int64_t boots_wanted, int64_t soak_seconds)
{
    return w->boots + 1 >= boots_wanted && w->seconds + w->now - w->healthy_since >= soak_seconds;
}

/* One trial up to its end. Return: was it committed? */
static bool walk(Walk *w, int64_t boots_wanted, int64_t soak_seconds)
{
    DmvBootActions a;
    DmvBootEvent e = {.kind = DMV_BOOT_ON_ACTIVATE,
                      .generation = 1,
                      .attempts_max = 3,
                      .boots_wanted = boots_wanted,
                      .soak_seconds = soak_seconds};

    assert_int_equal(dmv_boot_step(&w->b, &e, &a), 0);
    while (w->b.phase == DMV_BOOT_TRIAL) {
        if (!w->up) {
            w->now = pick(w, 5);
            w->healthy_since = -1;
            w->up = true;
            walk_step(w, (DmvBootEvent){.kind = DMV_BOOT_ON_BOOT});
        } else if (pick(w, 3) == 0) {
            go_down(w);
        } else {
            w->now += pick(w, 20);
            if (w->healthy_since < 0)
                w->healthy_since = w->now;
            walk_step(w, (DmvBootEvent){.kind = DMV_BOOT_ON_HEALTHY});
            assert_int_equal(is_proven(w, boots_wanted, soak_seconds), w->b.phase == DMV_BOOT_COMMITTING);
        }
    }
    return w->b.phase == DMV_BOOT_COMMITTING;
}

static void test_commits_only_what_is_proven(void **state)
{
    unsigned commits = 0, others = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        Walk w = {.random = i, .healthy_since = -1};
        int64_t boots = 1 + i % 4, soak = 7 * (i / 4 % 8);

        *(walk(&w, boots, soak) ? &commits : &others) += 1;
    }
    assert_true(commits > 1000 && others > 1000);
}

static int set_up(void **state)
{
    (void)state;
    make_events();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(states);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_at_every_state), /* finds the states for the next two */
        cmocka_unit_test(test_a_bad_generation_never_stays),
        cmocka_unit_test(test_nothing_goes_on_for_ever),
        cmocka_unit_test(test_commits_only_what_is_proven),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
