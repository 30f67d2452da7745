/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot machine. See boot.h.
 *
 * The machine is its table: rows of phase, event and condition, looked through from the top. Conditions and
 * effects are small functions over the state and the event, so that the table can be read, printed in
 * dmv-boot(7), and tried row by row.
 */
#include "model/boot.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- conditions ---- */

static bool is_counted(const DmvBoot *b, const DmvBootEvent *e)
{
    return dmv_streq(e->boot_id, b->boot_id);
}

/* The report is of a boot of what is in place. */
static bool is_of_its_boot(const DmvBoot *b, const DmvBootEvent *e)
{
    return b->running && is_counted(b, e);
}

static bool has_not_booted(const DmvBoot *b, const DmvBootEvent *e)
{
    return !b->running && is_counted(b, e);
}

static bool was_undone(const DmvBoot *b, const DmvBootEvent *e)
{
    return e->undone == b->generation && b->attempts == 0 && b->boots_good == 0;
}

static bool came_by_default_entry(const DmvBoot *b, const DmvBootEvent *e)
{
    return b->one_shot && e->mark != b->generation;
}

static bool entry_failed(const DmvBoot *b, const DmvBootEvent *e)
{
    return came_by_default_entry(b, e) && b->armed;
}

static bool died_without_entry(const DmvBoot *b, const DmvBootEvent *e)
{
    return came_by_default_entry(b, e) && b->running;
}

static bool attempts_are_used_up(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    return b->running && b->attempts >= b->attempts_max;
}

static bool leaves_an_attempt(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    return b->attempts + 1 < b->attempts_max;
}

/* The entry shall be armed now: for the first boot, for the next one after a good one, for an attempt left.
 */
static bool wants_entry(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    return b->one_shot && !b->armed && (!b->running || b->attempts < b->attempts_max);
}

static bool counted_and_wants_entry(const DmvBoot *b, const DmvBootEvent *e)
{
    return is_counted(b, e) && wants_entry(b, e);
}

static bool has_entry(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    return b->one_shot;
}

static bool is_in_place(const DmvBoot *b, const DmvBootEvent *e)
{
    return e->generation == b->generation;
}

static bool in_place_and_wants_entry(const DmvBoot *b, const DmvBootEvent *e)
{
    return is_in_place(b, e) && wants_entry(b, e);
}

static bool is_good_one_again(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    return b->generation == b->fallback;
}

/* Seconds in good health in the boot that runs. */
static int64_t seconds_in_this_boot(const DmvBoot *b, const DmvBootEvent *e)
{
    return b->healthy && e->now > b->healthy_since ? e->now - b->healthy_since : 0;
}

static bool has_enough_boots(const DmvBoot *b)
{
    return b->boots_good + 1 >= b->boots_wanted;
}

static int64_t soak_left(const DmvBoot *b, const DmvBootEvent *e)
{
    int64_t done = b->healthy_seconds + seconds_in_this_boot(b, e);

    return done < b->soak_seconds ? b->soak_seconds - done : 0;
}

static bool is_proven(const DmvBoot *b, const DmvBootEvent *e)
{
    return is_of_its_boot(b, e) && has_enough_boots(b) && soak_left(b, e) == 0;
}

static bool ends_in_health(const DmvBoot *b, const DmvBootEvent *e)
{
    return is_of_its_boot(b, e) && b->healthy;
}

static bool is_last_failure(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    return b->failed_rollbacks + 1 >= DMV_BOOT_ROLLBACKS_MAX;
}

static bool its_boot_and_last_failure(const DmvBoot *b, const DmvBootEvent *e)
{
    return is_of_its_boot(b, e) && is_last_failure(b, e);
}

static bool boot_before_died(const DmvBoot *b, const DmvBootEvent *e)
{
    return b->running && !is_counted(b, e);
}

static bool died_and_last_failure(const DmvBoot *b, const DmvBootEvent *e)
{
    return boot_before_died(b, e) && is_last_failure(b, e);
}

/* The boot has an initrd of a generation that is not the one to go back to. */
static bool has_foreign_initrd(const DmvBoot *b, const DmvBootEvent *e)
{
    return e->mark != 0 && e->mark != b->fallback;
}

static bool asks_for_reboot(const DmvBootEvent *e)
{
    return e->reboot == DMV_BOOT_REBOOT_ALWAYS || (e->reboot == DMV_BOOT_REBOOT_LIFELINE && e->lifeline_lost);
}

static bool is_rebooting(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    return b->reboot;
}

static bool may_reboot(const DmvBoot *b, const DmvBootEvent *e)
{
    return asks_for_reboot(e) && b->reboots < DMV_BOOT_REBOOTS_MAX;
}

static bool would_reboot(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)b;
    return asks_for_reboot(e);
}

static bool is_asked_by_admin(const DmvBoot *b, const DmvBootEvent *e)
{
    (void)b;
    return e->admin;
}

/* ---- effects ---- */

/* Valid UTF-8, cut between characters. Lack of memory drops the words. */
static void set_reason(DmvBoot *b, const char *text)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(text);
    size_t n = clean ? strlen(clean) : 0;

    if (n >= sizeof(b->reason))
        for (n = sizeof(b->reason) - 1; n > 0 && ((unsigned char)clean[n] & 0xc0) == 0x80;)
            n--;
    memset(b->reason, 0, sizeof(b->reason));
    if (n > 0)
        memcpy(b->reason, clean, n);
}

static void set_boot_id(DmvBoot *b, const DmvBootEvent *e)
{
    memset(b->boot_id, 0, sizeof(b->boot_id));
    if (e->boot_id)
        memcpy(b->boot_id, e->boot_id, strlen(e->boot_id));
}

/* Everything that belongs to a trial or to a way back, but not the entry and the two generations. */
static void forget(DmvBoot *b)
{
    DmvBoot fresh = {.phase = b->phase, .generation = b->generation, .fallback = b->fallback};

    fresh.one_shot = b->one_shot;
    memcpy(fresh.boot_id, b->boot_id, sizeof(fresh.boot_id));
    *b = fresh;
}

static void start_trial(DmvBoot *b, const DmvBootEvent *e)
{
    int64_t attempts = e->one_shot ? DMV_BOOT_ATTEMPTS_ONE_SHOT : DMV_BOOT_ATTEMPTS_DEFAULT;

    forget(b);
    b->generation = e->generation;
    b->one_shot = e->one_shot;
    b->attempts_max = e->attempts_max > 0 ? e->attempts_max : attempts;
    b->boots_wanted = e->boots_wanted > 0 ? e->boots_wanted : 1;
    b->soak_seconds = e->soak_seconds;
    set_boot_id(b, e);
}

static void begin_boot(DmvBoot *b, const DmvBootEvent *e)
{
    if (b->running) { /* the one before had no good end: the soak starts anew */
        b->boots_good = 0;
        b->healthy_seconds = 0;
    }
    b->attempts++;
    b->running = true;
    b->healthy = false;
    b->healthy_since = 0;
    b->armed = false;
    set_boot_id(b, e);
}

static void note_health(DmvBoot *b, const DmvBootEvent *e)
{
    if (is_of_its_boot(b, e) && !b->healthy) {
        b->healthy = true;
        b->healthy_since = e->now;
    }
}

static void end_boot(DmvBoot *b, const DmvBootEvent *e)
{
    b->healthy_seconds = b->soak_seconds - soak_left(b, e);
    if (b->boots_good < b->boots_wanted)
        b->boots_good++;
    b->attempts--;
    b->running = false;
    b->healthy = false;
    b->healthy_since = 0;
}

static void note_armed(DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    b->armed = true;
}

/* Of a boot while committing: the boot loader has used up the entry. */
static void begin_committing_boot(DmvBoot *b, const DmvBootEvent *e)
{
    if (is_counted(b, e))
        return;
    b->running = true;
    b->healthy = false;
    b->healthy_since = 0;
    b->armed = false;
    set_boot_id(b, e);
}

static void settle(DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    *b = (DmvBoot){.phase = b->phase, .generation = b->generation, .fallback = b->generation};
}

/* The way back begins. What runs is a boot of the fallback if no driver was loaded yet. */
static void go_back(DmvBoot *b, const DmvBootEvent *e, bool blamed, const char *reason)
{
    forget(b);
    b->blamed = blamed;
    b->running = e->kind == DMV_BOOT_ON_BOOT && !has_foreign_initrd(b, e);
    if (e->boot_id)
        set_boot_id(b, e);
    set_reason(b, reason);
}

static void go_back_undone(DmvBoot *b, const DmvBootEvent *e)
{
    go_back(b, e, false, "the switch to it was interrupted, and undone");
}

static void go_back_unarmed(DmvBoot *b, const DmvBootEvent *e)
{
    go_back(b, e, false, "it was not tried: its entry of the boot loader was not armed");
}

static void go_back_entry_failed(DmvBoot *b, const DmvBootEvent *e)
{
    go_back(b, e, true, "its initrd did not get as far as dmv-boot: the host came up by the default entry");
}

static void go_back_died(DmvBoot *b, const DmvBootEvent *e)
{
    char text[DMV_BOOT_REASON_SIZE];

    (void)snprintf(text, sizeof(text), "%lld %s without a report of health that lasted",
                   (long long)b->attempts, b->attempts == 1 ? "boot ended" : "boots ended");
    go_back(b, e, true, text);
}

static void go_back_unhealthy(DmvBoot *b, const DmvBootEvent *e)
{
    go_back(b, e, true, e->reason ? e->reason : "its health is bad");
    b->reboot = may_reboot(b, e);
}

/* An admin's word speaks against a trial, not against what was good; the reason that speaks against it
 * already stays. */
static void go_back_named(DmvBoot *b, const DmvBootEvent *e)
{
    const DmvBoot before = *b;
    bool on_trial = b->phase == DMV_BOOT_TRIAL || b->phase == DMV_BOOT_COMMITTING;
    bool speaks_against = b->blamed || (on_trial && b->generation != b->fallback);
    bool blamed = speaks_against && b->generation != e->generation;
    const char *reason = e->reason ? e->reason : "rolled back";

    b->fallback = e->generation;
    go_back(b, e, blamed, before.blamed && blamed ? before.reason : reason);
}

/* Once more, and the failure counts. */
static void try_again(DmvBoot *b, const DmvBootEvent *e)
{
    b->failed_rollbacks++;
    b->running = e->kind == DMV_BOOT_ON_BOOT && !has_foreign_initrd(b, e);
    if (e->kind == DMV_BOOT_ON_BOOT) {
        set_boot_id(b, e);
        b->reboot = false;
    }
}

/* A failure that does not tell of a boot leaves untouched which boot this is. */
static void try_restoring_again(DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    b->failed_rollbacks++;
}

static void try_again_unhealthy(DmvBoot *b, const DmvBootEvent *e)
{
    try_again(b, e);
    b->reboot = may_reboot(b, e);
}

static void want_reboot(DmvBoot *b, const DmvBootEvent *e)
{
    b->reboot = b->reboot || may_reboot(b, e);
}

static void begin_reboot(DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    b->reboot = true;
    b->reboots++;
}

static void come_back(DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    b->generation = b->fallback;
    b->blamed = false;
}

static void come_back_and_reboot(DmvBoot *b, const DmvBootEvent *e)
{
    come_back(b, e);
    begin_reboot(b, e);
}

static void begin_returned_boot(DmvBoot *b, const DmvBootEvent *e)
{
    b->running = !has_foreign_initrd(b, e);
    b->reboot = false;
    set_boot_id(b, e);
}

static void accept_returned(DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    b->reboot = false;
}

static void end_returned_boot(DmvBoot *b, const DmvBootEvent *e)
{
    (void)e;
    b->running = false;
}

static void give_up(DmvBoot *b, const DmvBootEvent *e)
{
    char text[2 * DMV_BOOT_REASON_SIZE];
    const char *why =
        e->kind == DMV_BOOT_ON_BOOT ? "the boot before ended without a report of health" : e->reason;

    (void)snprintf(text, sizeof(text), "going back to generation %lld failed %d times: %s",
                   (long long)b->fallback, DMV_BOOT_ROLLBACKS_MAX, why ? why : "no reason was given");
    b->failed_rollbacks = DMV_BOOT_ROLLBACKS_MAX;
    b->running = false;
    b->blamed = false;
    b->reboot = false;
    set_reason(b, text);
}

/* ---- the table ---- */

#define ROW(p, event, when, guard, effect, next, actions)                                   \
    {                                                                                       \
        DMV_BOOT_##p, DMV_BOOT_ON_##event, when, guard, effect, DMV_BOOT_##next, actions, 0 \
    }
#define REFUSE(p, event, when, guard, outcome)                                         \
    {                                                                                  \
        DMV_BOOT_##p, DMV_BOOT_ON_##event, when, guard, NULL, DMV_BOOT_##p, 0, outcome \
    }

#define MAKE_GOOD (DMV_BOOT_DO_COMMIT | DMV_BOOT_DO_DISARM)
#define GO_BACK (DMV_BOOT_DO_DISARM | DMV_BOOT_DO_BAD | DMV_BOOT_DO_RESTORE)
#define PUT_BACK (DMV_BOOT_DO_DISARM | DMV_BOOT_DO_RESTORE)
#define GIVE_UP (DMV_BOOT_DO_DISARM | DMV_BOOT_DO_ALARM)
#define ARM DMV_BOOT_DO_ARM
#define DISARM DMV_BOOT_DO_DISARM
#define ALARM DMV_BOOT_DO_ALARM
#define REBOOT DMV_BOOT_DO_REBOOT

/* clang-format off */
static const DmvBootTransition transitions[] = {
    ROW(GOOD, ACTIVATE, "", NULL, start_trial, TRIAL, ARM),
    ROW(GOOD, BOOT, "booted by another generation's entry", has_foreign_initrd, NULL, GOOD, ALARM),
    ROW(GOOD, BOOT, "otherwise", NULL, NULL, GOOD, 0),
    ROW(GOOD, HEALTHY, "", NULL, NULL, GOOD, 0),
    ROW(GOOD, UNHEALTHY, "", NULL, NULL, GOOD, ALARM),
    ROW(GOOD, SHUTDOWN, "", NULL, NULL, GOOD, 0),
    ROW(GOOD, COMMITTED, "", NULL, NULL, GOOD, 0),
    ROW(GOOD, COMMIT, "", NULL, NULL, COMMITTING, DMV_BOOT_DO_COMMIT),
    REFUSE(GOOD, ROLLBACK, "to the generation in place", is_in_place, DMV_NOTHING_TO_ROLL_BACK),
    ROW(GOOD, ROLLBACK, "otherwise", NULL, go_back_named, RESTORING, DMV_BOOT_DO_RESTORE),

    ROW(TRIAL, ACTIVATE, "it is this one, its entry is to be armed", in_place_and_wants_entry, NULL, TRIAL, ARM),
    ROW(TRIAL, ACTIVATE, "it is this one", is_in_place, NULL, TRIAL, 0),
    ROW(TRIAL, ACTIVATE, "otherwise: the last good one stays the fallback", NULL, start_trial, TRIAL, DISARM | ARM),
    ROW(TRIAL, BOOT, "this boot is counted, the entry is to be armed", counted_and_wants_entry, NULL, TRIAL, ARM),
    ROW(TRIAL, BOOT, "this boot is counted", is_counted, NULL, TRIAL, 0),
    ROW(TRIAL, BOOT, "the switch was undone", was_undone, go_back_undone, RESTORING, PUT_BACK),
    ROW(TRIAL, BOOT, "by the default entry, the one-shot entry was armed", entry_failed, go_back_entry_failed,
        RESTORING, GO_BACK),
    ROW(TRIAL, BOOT, "by the default entry, the boot before died", died_without_entry, go_back_died, RESTORING,
        GO_BACK),
    ROW(TRIAL, BOOT, "by the default entry, nothing was armed", came_by_default_entry, go_back_unarmed, RESTORING,
        PUT_BACK),
    ROW(TRIAL, BOOT, "the attempts are used up", attempts_are_used_up, go_back_died, RESTORING, GO_BACK),
    ROW(TRIAL, BOOT, "an attempt is left after this one", leaves_an_attempt, begin_boot, TRIAL, ARM),
    ROW(TRIAL, BOOT, "otherwise: the last attempt", NULL, begin_boot, TRIAL, 0),
    ROW(TRIAL, HEALTHY, "a boot of it, enough good boots and time", is_proven, note_health, COMMITTING, MAKE_GOOD),
    ROW(TRIAL, HEALTHY, "otherwise", NULL, note_health, TRIAL, 0),
    ROW(TRIAL, UNHEALTHY, "it has not booted yet, or is shut down", has_not_booted, NULL, TRIAL, 0),
    ROW(TRIAL, UNHEALTHY, "otherwise", NULL, go_back_unhealthy, RESTORING, GO_BACK),
    ROW(TRIAL, SHUTDOWN, "a good report came in this boot", ends_in_health, end_boot, TRIAL, ARM),
    ROW(TRIAL, SHUTDOWN, "the entry is to be armed", wants_entry, NULL, TRIAL, ARM),
    ROW(TRIAL, SHUTDOWN, "otherwise: a boot without a report counts as failed", NULL, NULL, TRIAL, 0),
    ROW(TRIAL, ARMED, "it has a one-shot entry", has_entry, note_armed, TRIAL, 0),
    ROW(TRIAL, COMMIT, "", NULL, NULL, COMMITTING, MAKE_GOOD),
    REFUSE(TRIAL, ROLLBACK, "to the generation in place", is_in_place, DMV_NOTHING_TO_ROLL_BACK),
    ROW(TRIAL, ROLLBACK, "otherwise", NULL, go_back_named, RESTORING, GO_BACK),

    REFUSE(COMMITTING, ACTIVATE, "", NULL, DMV_BUSY),
    ROW(COMMITTING, BOOT, "", NULL, begin_committing_boot, COMMITTING, MAKE_GOOD),
    ROW(COMMITTING, HEALTHY, "", NULL, NULL, COMMITTING, MAKE_GOOD),
    ROW(COMMITTING, UNHEALTHY, "there is no other to go back to", is_good_one_again, NULL, COMMITTING, ALARM),
    ROW(COMMITTING, UNHEALTHY, "it has not booted yet", has_not_booted, NULL, COMMITTING, 0),
    ROW(COMMITTING, UNHEALTHY, "otherwise", NULL, go_back_unhealthy, RESTORING, GO_BACK),
    ROW(COMMITTING, SHUTDOWN, "", NULL, NULL, COMMITTING, MAKE_GOOD),
    ROW(COMMITTING, ARMED, "it has a one-shot entry", has_entry, note_armed, COMMITTING, 0),
    ROW(COMMITTING, COMMITTED, "", NULL, settle, GOOD, 0),
    ROW(COMMITTING, NOT_COMMITTED, "", NULL, NULL, COMMITTING, ARM | ALARM),
    ROW(COMMITTING, COMMIT, "", NULL, NULL, COMMITTING, MAKE_GOOD),
    REFUSE(COMMITTING, ROLLBACK, "to the generation in place", is_in_place, DMV_NOTHING_TO_ROLL_BACK),
    ROW(COMMITTING, ROLLBACK, "otherwise", NULL, go_back_named, RESTORING, GO_BACK),

    REFUSE(RESTORING, ACTIVATE, "", NULL, DMV_BUSY),
    ROW(RESTORING, BOOT, "this boot is counted", is_counted, NULL, RESTORING, GO_BACK),
    ROW(RESTORING, BOOT, "it did not end in the boot before, the second failure", is_last_failure, give_up, STUCK,
        GIVE_UP),
    ROW(RESTORING, BOOT, "otherwise: a failure", NULL, try_again, RESTORING, GO_BACK),
    ROW(RESTORING, HEALTHY, "", NULL, NULL, RESTORING, GO_BACK),
    ROW(RESTORING, UNHEALTHY, "", NULL, want_reboot, RESTORING, GO_BACK),
    ROW(RESTORING, SHUTDOWN, "", NULL, NULL, RESTORING, GO_BACK),
    ROW(RESTORING, RESTORED, "a reboot is wanted", is_rebooting, come_back_and_reboot, RETURNED, REBOOT),
    ROW(RESTORING, RESTORED, "otherwise", NULL, come_back, RETURNED, 0),
    ROW(RESTORING, NOT_RESTORED, "the second failure", is_last_failure, give_up, STUCK, GIVE_UP),
    ROW(RESTORING, NOT_RESTORED, "otherwise", NULL, try_restoring_again, RESTORING, GO_BACK),
    REFUSE(RESTORING, COMMIT, "", NULL, DMV_BUSY),
    ROW(RESTORING, ROLLBACK, "", NULL, go_back_named, RESTORING, GO_BACK),

    ROW(RETURNED, ACTIVATE, "the admin asks", is_asked_by_admin, start_trial, TRIAL, DISARM | ARM),
    REFUSE(RETURNED, ACTIVATE, "otherwise", NULL, DMV_BUSY),
    ROW(RETURNED, BOOT, "the boot before died, the second failure", died_and_last_failure, give_up, STUCK, GIVE_UP),
    ROW(RETURNED, BOOT, "the boot before died", boot_before_died, try_again, RESTORING, PUT_BACK),
    ROW(RETURNED, BOOT, "booted by another generation's entry", has_foreign_initrd, begin_returned_boot, RETURNED,
        DISARM | ALARM),
    ROW(RETURNED, BOOT, "this boot is counted", is_counted, NULL, RETURNED, 0),
    ROW(RETURNED, BOOT, "otherwise", NULL, begin_returned_boot, RETURNED, 0),
    ROW(RETURNED, HEALTHY, "a boot of it", is_of_its_boot, accept_returned, COMMITTING, MAKE_GOOD),
    ROW(RETURNED, HEALTHY, "otherwise", NULL, NULL, RETURNED, 0),
    ROW(RETURNED, UNHEALTHY, "a boot of it, the second failure", its_boot_and_last_failure, give_up, STUCK, GIVE_UP),
    ROW(RETURNED, UNHEALTHY, "a boot of it", is_of_its_boot, try_again_unhealthy, RESTORING, PUT_BACK),
    ROW(RETURNED, UNHEALTHY, "a reboot is under way", is_rebooting, NULL, RETURNED, REBOOT),
    ROW(RETURNED, UNHEALTHY, "a reboot is wanted, and one is left", may_reboot, begin_reboot, RETURNED, REBOOT),
    ROW(RETURNED, UNHEALTHY, "a reboot is wanted", would_reboot, NULL, RETURNED, ALARM),
    ROW(RETURNED, UNHEALTHY, "otherwise", NULL, NULL, RETURNED, 0),
    ROW(RETURNED, SHUTDOWN, "a boot of it", is_of_its_boot, end_returned_boot, RETURNED, 0),
    ROW(RETURNED, SHUTDOWN, "otherwise", NULL, NULL, RETURNED, 0),
    ROW(RETURNED, RESTORED, "a reboot is under way", is_rebooting, NULL, RETURNED, REBOOT),
    ROW(RETURNED, RESTORED, "otherwise", NULL, NULL, RETURNED, 0),
    ROW(RETURNED, COMMIT, "", NULL, accept_returned, COMMITTING, MAKE_GOOD),
    ROW(RETURNED, ROLLBACK, "", NULL, go_back_named, RESTORING, PUT_BACK),

    ROW(STUCK, ACTIVATE, "the admin asks", is_asked_by_admin, start_trial, TRIAL, DISARM | ARM),
    REFUSE(STUCK, ACTIVATE, "otherwise", NULL, DMV_STUCK),
    ROW(STUCK, BOOT, "", NULL, NULL, STUCK, GIVE_UP),
    ROW(STUCK, HEALTHY, "", NULL, NULL, STUCK, 0),
    ROW(STUCK, UNHEALTHY, "", NULL, NULL, STUCK, GIVE_UP),
    ROW(STUCK, SHUTDOWN, "", NULL, NULL, STUCK, 0),
    ROW(STUCK, COMMIT, "", NULL, NULL, COMMITTING, MAKE_GOOD),
    ROW(STUCK, ROLLBACK, "", NULL, go_back_named, RESTORING, PUT_BACK),
};
/* clang-format on */

const DmvBootTransition *dmv_boot_transitions(size_t *ret_n)
{
    *ret_n = DMV_N_ELEMENTS(transitions);
    return transitions;
}

/* ---- a step ---- */

const DmvBootTransition *dmv_boot_match(const DmvBoot *b, const DmvBootEvent *e)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(transitions); i++) {
        const DmvBootTransition *t = &transitions[i];

        if (t->from == b->phase && t->event == e->kind && (!t->guard || t->guard(b, e)))
            return t;
    }
    return NULL;
}

/* Without what there is nothing for. */
static unsigned needed_actions(unsigned set, const DmvBoot *before, const DmvBoot *after)
{
    if (!before->one_shot)
        set &= ~(unsigned)DMV_BOOT_DO_DISARM;
    if (!after->one_shot || after->armed || after->generation == after->fallback)
        set &= ~(unsigned)DMV_BOOT_DO_ARM;
    if (!after->blamed)
        set &= ~(unsigned)DMV_BOOT_DO_BAD;
    return set;
}

int dmv_boot_step(DmvBoot *b, const DmvBootEvent *e, DmvBootActions *ret)
{
    const DmvBootTransition *t;
    DmvBoot after = *b;

    if (!dmv_boot_is_valid(b) || !dmv_boot_event_is_valid(b, e))
        return DMV_INVALID_REQUEST;
    t = dmv_boot_match(b, e);
    if (!t)
        return DMV_WORLD_MOVED;
    if (t->outcome != 0)
        return t->outcome;
    if (t->effect)
        t->effect(&after, e);
    after.phase = t->to;
    *ret = (DmvBootActions){.set = needed_actions(t->actions, b, &after),
                            .generation = after.generation,
                            .fallback = after.fallback};
    if (after.phase == DMV_BOOT_TRIAL && e->kind == DMV_BOOT_ON_HEALTHY && is_of_its_boot(&after, e) &&
        has_enough_boots(&after))
        ret->wait = soak_left(&after, e);
    *b = after;
    return 0;
}
