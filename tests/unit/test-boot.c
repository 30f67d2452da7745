/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The boot machine: what becomes of a trial on hosts that behave in this way or that. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/bootkit.h"
#include "base/text.h"

#define COMMIT DMV_BOOT_DO_COMMIT
#define DISARM DMV_BOOT_DO_DISARM
#define BAD DMV_BOOT_DO_BAD
#define RESTORE DMV_BOOT_DO_RESTORE
#define ARM DMV_BOOT_DO_ARM
#define ALARM DMV_BOOT_DO_ALARM
#define REBOOT DMV_BOOT_DO_REBOOT

/* ---- trials ---- */

static void test_one_good_boot_commits(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    assert_int_equal(b.generation, 5);
    assert_int_equal(b.fallback, 4);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[0]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_TRIAL, 0);
    assert_int_equal(b.attempts, 1);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_COMMITTING, COMMIT);
    assert_int_equal(boot_last.generation, 5);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMITTED, boot_ids[1]), DMV_BOOT_GOOD, 0);
    assert_int_equal(b.generation, 5);
    assert_int_equal(b.fallback, 5);
}

/* Until it was booted, no report says anything about it: the old drivers run. */
static void test_reports_before_the_first_boot(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[0]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_unhealthy(boot_ids[0], true, DMV_BOOT_REBOOT_ALWAYS), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[0], 0), DMV_BOOT_TRIAL, 0);
    assert_int_equal(b.attempts, 0);
    /* dmv-boot never told of this boot: nothing good can be said of it, but what is bad is bad */
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_unhealthy(boot_ids[1], false, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RESTORING,
              BAD | RESTORE);
}

static void test_second_run_is_no_attempt(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    for (int i = 0; i < 3; i++) {
        boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_TRIAL, 0);
        assert_int_equal(b.attempts, 1);
    }
}

static void test_attempts_are_used_up(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    for (int64_t i = 1; i <= DMV_BOOT_ATTEMPTS_DEFAULT; i++) {
        boot_step(&b, event_boot(boot_ids[i], 0), DMV_BOOT_TRIAL, 0);
        assert_int_equal(b.attempts, i);
    }
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_RESTORING, BAD | RESTORE);
    assert_int_equal(boot_last.generation, 5);
    assert_int_equal(boot_last.fallback, 4);
    assert_string_equal(b.reason, "2 boots ended without a report of health that lasted");
    /* before any driver was loaded: this boot is one of generation 4 */
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[3]), DMV_BOOT_RETURNED, 0);
    assert_int_equal(b.generation, 4);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[3]), DMV_BOOT_COMMITTING, COMMIT);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMITTED, boot_ids[3]), DMV_BOOT_GOOD, 0);
    boot_assert_same(&b, &boot_good);
}

static void test_soak_by_boots(void **state)
{
    DmvBoot b = boot_good;
    DmvBootEvent e = event_activate(5, false);

    (void)state;
    e.boots_wanted = 3;
    e.attempts_max = 2;
    boot_step(&b, e, DMV_BOOT_TRIAL, 0);
    for (int i = 1; i <= 2; i++) {
        boot_step(&b, event_boot(boot_ids[i], 0), DMV_BOOT_TRIAL, 0);
        boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[i]), DMV_BOOT_TRIAL, 0);
        assert_int_equal(boot_last.wait, 0);
        boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[i]), DMV_BOOT_TRIAL,
                  0); /* the same boot counts once */
        boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[i]), DMV_BOOT_TRIAL, 0);
        boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[i]), DMV_BOOT_TRIAL, 0);
        assert_int_equal(b.boots_good, i);
        assert_int_equal(b.attempts, 0);
    }
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[3]), DMV_BOOT_COMMITTING, COMMIT);
}

/* A panic within the soak time is a failed attempt, and the soak starts anew. */
static void test_panic_in_the_soak(void **state)
{
    DmvBoot b = boot_good;
    DmvBootEvent e = event_activate(5, false);

    (void)state;
    e.boots_wanted = 2;
    boot_step(&b, e, DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_TRIAL, 0);
    assert_int_equal(b.boots_good, 1);
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_TRIAL, 0); /* 2 died before it could say anything */
    assert_int_equal(b.boots_good, 0);
    assert_int_equal(b.attempts, 2);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[3]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[4], 0), DMV_BOOT_RESTORING, BAD | RESTORE);
}

static void test_soak_by_time(void **state)
{
    DmvBoot b = boot_good;
    DmvBootEvent e = event_activate(5, false);

    (void)state;
    e.soak_seconds = 3600;
    boot_step(&b, e, DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_at(DMV_BOOT_ON_HEALTHY, boot_ids[1], 100), DMV_BOOT_TRIAL, 0);
    assert_int_equal(boot_last.wait, 3600);
    boot_step(&b, event_at(DMV_BOOT_ON_HEALTHY, boot_ids[1], 1100), DMV_BOOT_TRIAL, 0);
    assert_int_equal(boot_last.wait, 2600);
    boot_step(&b, event_at(DMV_BOOT_ON_HEALTHY, boot_ids[1], 50), DMV_BOOT_TRIAL,
              0); /* a clock that goes back gives nothing */
    assert_int_equal(boot_last.wait, 3600);
    boot_step(&b, event_at(DMV_BOOT_ON_SHUTDOWN, boot_ids[1], 2100), DMV_BOOT_TRIAL, 0);
    assert_int_equal(b.healthy_seconds, 2000);
    /* the time that the host was off does not count, the time before does */
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_at(DMV_BOOT_ON_HEALTHY, boot_ids[2], 30), DMV_BOOT_TRIAL, 0);
    assert_int_equal(boot_last.wait, 1600);
    boot_step(&b, event_at(DMV_BOOT_ON_HEALTHY, boot_ids[2], 1629), DMV_BOOT_TRIAL, 0);
    assert_int_equal(boot_last.wait, 1);
    boot_step(&b, event_at(DMV_BOOT_ON_HEALTHY, boot_ids[2], 1630), DMV_BOOT_COMMITTING, COMMIT);
}

/* Without a good report a shutdown in order is no better than a panic. */
static void test_shutdown_without_a_report_counts(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[2]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_RESTORING, BAD | RESTORE);
}

static void test_new_switch_while_a_trial_runs(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_activate(5, true), DMV_BOOT_TRIAL, ARM);
    boot_step(&b, event_on(DMV_BOOT_ON_ARMED, NULL), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_activate(6, false), DMV_BOOT_TRIAL, DISARM);
    assert_int_equal(b.generation, 6);
    assert_int_equal(b.fallback, 4);
    assert_int_equal(b.attempts, 0);
    boot_step(&b, event_activate(7, true), DMV_BOOT_TRIAL, ARM);
    assert_int_equal(b.fallback, 4);
    boot_step(&b, event_activate(7, true), DMV_BOOT_TRIAL, ARM); /* the same again */
    boot_step(&b, event_on(DMV_BOOT_ON_ARMED, NULL), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_activate(7, true), DMV_BOOT_TRIAL, 0);
    boot_refuse(&b, event_activate(4, false), "invalid-request");
}

/* ---- the one-shot entry ---- */

static void start_one_shot(DmvBoot *b, int64_t attempts, int64_t boots)
{
    DmvBootEvent e = event_activate(5, true);

    *b = boot_good;
    e.attempts_max = attempts;
    e.boots_wanted = boots;
    boot_step(b, e, DMV_BOOT_TRIAL, ARM);
    assert_int_equal(boot_last.generation, 5);
    boot_step(b, event_on(DMV_BOOT_ON_ARMED, boot_ids[0]), DMV_BOOT_TRIAL, 0);
}

static void test_one_shot_commits(void **state)
{
    DmvBoot b;

    (void)state;
    start_one_shot(&b, 0, 0);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_COMMITTING, COMMIT | DISARM);
    boot_step(&b, event_on(DMV_BOOT_ON_NOT_COMMITTED, boot_ids[1]), DMV_BOOT_COMMITTING,
              ARM | ALARM); /* /boot is full */
    boot_step(&b, event_on(DMV_BOOT_ON_ARMED, boot_ids[1]), DMV_BOOT_COMMITTING, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_COMMITTING, COMMIT | DISARM);
    boot_step(&b, event_boot(boot_ids[2], 5), DMV_BOOT_COMMITTING, COMMIT | DISARM);
    assert_false(b.armed);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMITTED, boot_ids[2]), DMV_BOOT_GOOD, 0);
}

static void test_initrd_fails(void **state)
{
    DmvBoot b;

    (void)state;
    start_one_shot(&b, 0, 0);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_RESTORING, DISARM | BAD | RESTORE);
    assert_non_null(strstr(b.reason, "its initrd did not get as far as dmv-boot"));
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_COMMITTING, COMMIT | DISARM);
}

/* A switch that was never followed by an armed entry says nothing about the generation. */
static void test_entry_was_not_armed(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_activate(5, true), DMV_BOOT_TRIAL, ARM);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_RESTORING, DISARM | RESTORE);
    assert_non_null(strstr(b.reason, "was not armed"));
}

/* With its one attempt, a trial that dies is over: the host comes up by the last good entry. */
static void test_one_shot_dies(void **state)
{
    DmvBoot b;

    (void)state;
    start_one_shot(&b, 0, 0);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_RESTORING, DISARM | BAD | RESTORE);
    assert_string_equal(b.reason, "1 boot ended without a report of health that lasted");
}

static void test_one_shot_with_a_second_attempt(void **state)
{
    DmvBoot b;

    (void)state;
    start_one_shot(&b, 2, 0);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, ARM);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, ARM); /* not reported as done */
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_TRIAL, ARM);
    boot_step(&b, event_on(DMV_BOOT_ON_ARMED, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[2], 5), DMV_BOOT_TRIAL, 0);
    assert_int_equal(b.attempts, 2);
    assert_false(b.armed);
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_RESTORING, DISARM | BAD | RESTORE);
}

static void test_one_shot_soak(void **state)
{
    DmvBoot b;

    (void)state;
    start_one_shot(&b, 0, 2);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_TRIAL, ARM);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_TRIAL, ARM);
    boot_step(&b, event_on(DMV_BOOT_ON_ARMED, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[2], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[2]), DMV_BOOT_COMMITTING, COMMIT | DISARM);
}

/* The boot loader did not forget its entry: what runs has the initrd of the generation that is left. */
static void test_entry_is_used_again(void **state)
{
    DmvBoot b;

    (void)state;
    start_one_shot(&b, 0, 0);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[2], 5), DMV_BOOT_RESTORING, DISARM | BAD | RESTORE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[2]), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[2]), DMV_BOOT_RETURNED,
              0); /* says nothing about 4 */
    boot_step(&b, event_boot(boot_ids[3], 5), DMV_BOOT_RETURNED, DISARM | ALARM);
    for (int i = 0; i < 2; i++) {
        boot_step(&b, event_unhealthy(boot_ids[3], true, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RETURNED,
                  REBOOT);
        assert_int_equal(b.reboots, 1);
    }
    assert_int_equal(b.failed_rollbacks, 0);
    boot_step(&b, event_boot(boot_ids[4], 0), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[4]), DMV_BOOT_COMMITTING, COMMIT | DISARM);
    /* 4 has no entry that could be armed */
    boot_step(&b, event_on(DMV_BOOT_ON_NOT_COMMITTED, boot_ids[4]), DMV_BOOT_COMMITTING, ALARM);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMITTED, boot_ids[4]), DMV_BOOT_GOOD, 0);
    boot_step(&b, event_boot(boot_ids[5], 5), DMV_BOOT_GOOD, ALARM);
}

static void test_switch_was_undone(void **state)
{
    DmvBoot b;
    DmvBootEvent e = event_boot(boot_ids[1], 0);

    (void)state;
    start_one_shot(&b, 0, 0);
    e.undone = 5;
    boot_step(&b, e, DMV_BOOT_RESTORING, DISARM | RESTORE);
    boot_step(&b, e, DMV_BOOT_RESTORING, DISARM | RESTORE);
    assert_non_null(strstr(b.reason, "interrupted"));

    /* another one was; and what has booted was not */
    start_one_shot(&b, 0, 0);
    e = event_boot(boot_ids[1], 5);
    e.undone = 6;
    boot_step(&b, e, DMV_BOOT_TRIAL, 0);
    e = event_boot(boot_ids[2], 0);
    e.undone = 5;
    boot_step(&b, e, DMV_BOOT_RESTORING, DISARM | BAD | RESTORE);
}

/* ---- the way back ---- */

static void test_bad_and_back(void **state)
{
    static const struct {
        bool lifeline_lost;
        DmvBootReboot reboot;
        unsigned actions;
    } cases[] = {
        {false, DMV_BOOT_REBOOT_LIFELINE, 0},    {true, DMV_BOOT_REBOOT_LIFELINE, REBOOT},
        {false, DMV_BOOT_REBOOT_ALWAYS, REBOOT}, {true, DMV_BOOT_REBOOT_ALWAYS, REBOOT},
        {false, DMV_BOOT_REBOOT_NEVER, 0},       {true, DMV_BOOT_REBOOT_NEVER, 0},
    };
    DmvBoot b;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        boot_start_bad(&b, cases[i].lifeline_lost, cases[i].reboot);
        boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, cases[i].actions);
        boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, cases[i].actions);
        assert_int_equal(b.reboots, cases[i].actions ? 1 : 0);
        /* the boot that runs still has the drivers of 5 */
        boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_RETURNED, 0);
        boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[1]), DMV_BOOT_RETURNED, 0);
        boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_RETURNED, 0);
        boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[2]), DMV_BOOT_COMMITTING, COMMIT);
        assert_int_equal(boot_last.generation, 4);
        boot_step(&b, event_on(DMV_BOOT_ON_COMMITTED, boot_ids[2]), DMV_BOOT_GOOD, 0);
        boot_assert_same(&b, &boot_good);
    }
}

/* What was staged meanwhile waits until the way back is proven, unless somebody asks for it now. */
static void test_staged_waits_for_the_way_back(void **state)
{
    DmvBootEvent e = event_activate(6, false);
    DmvBoot b;

    (void)state;
    boot_start_bad(&b, true, DMV_BOOT_REBOOT_LIFELINE);
    boot_refuse(&b, e, "busy");
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, REBOOT);
    boot_refuse(&b, e, "busy");
    e.admin = true;
    boot_step(&b, e, DMV_BOOT_TRIAL, 0);
    assert_int_equal(b.fallback, 4);
    assert_int_equal(b.reboots, 0);
}

static void test_restoring_fails_twice(void **state)
{
    DmvBootEvent failed = {.kind = DMV_BOOT_ON_NOT_RESTORED, .boot_id = boot_ids[1], .reason = "disk full"};
    DmvBoot b;

    (void)state;
    boot_start_bad(&b, true, DMV_BOOT_REBOOT_ALWAYS);
    boot_step(&b, failed, DMV_BOOT_RESTORING, BAD | RESTORE);
    boot_step(&b, failed, DMV_BOOT_STUCK, ALARM);
    assert_string_equal(b.reason, "going back to generation 4 failed 2 times: disk full");
    assert_int_equal(b.generation, 5); /* still in place */
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_STUCK, ALARM);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[2]), DMV_BOOT_STUCK, 0);
    boot_step(&b, event_unhealthy(boot_ids[2], true, DMV_BOOT_REBOOT_ALWAYS), DMV_BOOT_STUCK, ALARM);
    boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[2]), DMV_BOOT_STUCK, 0);
    boot_refuse(&b, event_activate(6, false), "stuck");
    boot_refuse(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[2]), "world-moved");
}

static void test_power_fails_while_restoring(void **state)
{
    DmvBoot b;

    (void)state;
    boot_start_bad(&b, true, DMV_BOOT_REBOOT_ALWAYS);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_RESTORING, BAD | RESTORE);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_RESTORING, BAD | RESTORE);
    assert_string_equal(b.reason, "eth0 has no link");
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_STUCK, ALARM);
}

static void test_bad_after_going_back(void **state)
{
    DmvBoot b;

    (void)state;
    boot_start_bad(&b, true, DMV_BOOT_REBOOT_LIFELINE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, REBOOT);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_unhealthy(boot_ids[2], true, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RESTORING, RESTORE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[2]), DMV_BOOT_RETURNED, REBOOT);
    assert_int_equal(b.reboots, 2);
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_unhealthy(boot_ids[3], true, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_STUCK, ALARM);
    assert_string_equal(b.reason, "going back to generation 4 failed 2 times: eth0 has no link");
}

static void test_dies_after_going_back(void **state)
{
    DmvBoot b;

    (void)state;
    boot_start_bad(&b, false, DMV_BOOT_REBOOT_LIFELINE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_boot(boot_ids[2], 0), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_boot(boot_ids[3], 0), DMV_BOOT_RESTORING, RESTORE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[3]), DMV_BOOT_RETURNED, 0);
    boot_step(&b, event_boot(boot_ids[4], 0), DMV_BOOT_STUCK, ALARM);
}

/* Whoever shuts the host down before its health was looked at says nothing against the fallback. */
static void test_shutdown_after_going_back(void **state)
{
    DmvBoot b;

    (void)state;
    boot_start_bad(&b, false, DMV_BOOT_REBOOT_LIFELINE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, 0);
    for (int i = 2; i <= 4; i++) {
        boot_step(&b, event_boot(boot_ids[i], 0), DMV_BOOT_RETURNED, 0);
        boot_step(&b, event_on(DMV_BOOT_ON_SHUTDOWN, boot_ids[i]), DMV_BOOT_RETURNED, 0);
    }
    assert_int_equal(b.failed_rollbacks, 0);
}

/* A reboot that was wanted is not taken back by a report that would not ask for one. */
static void test_reports_while_restoring(void **state)
{
    DmvBoot b;

    (void)state;
    boot_start_bad(&b, true, DMV_BOOT_REBOOT_LIFELINE);
    boot_step(&b, event_unhealthy(boot_ids[1], false, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RESTORING,
              BAD | RESTORE);
    boot_step(&b, event_on(DMV_BOOT_ON_HEALTHY, boot_ids[1]), DMV_BOOT_RESTORING, BAD | RESTORE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, REBOOT);

    boot_start_bad(&b, false, DMV_BOOT_REBOOT_LIFELINE);
    boot_step(&b, event_unhealthy(boot_ids[1], true, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RESTORING,
              BAD | RESTORE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, REBOOT);
}

static void test_reboots_run_out(void **state)
{
    DmvBoot b;

    (void)state;
    start_one_shot(&b, 0, 0);
    boot_step(&b, event_boot(boot_ids[1], 5), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_unhealthy(boot_ids[1], true, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RESTORING,
              DISARM | BAD | RESTORE);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, boot_ids[1]), DMV_BOOT_RETURNED, REBOOT);
    for (int i = 2; i <= DMV_BOOT_REBOOTS_MAX; i++) {
        boot_step(&b, event_boot(boot_ids[i], 5), DMV_BOOT_RETURNED, DISARM | ALARM);
        boot_step(&b, event_unhealthy(boot_ids[i], true, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RETURNED,
                  REBOOT);
    }
    boot_step(&b, event_boot(boot_ids[4], 5), DMV_BOOT_RETURNED, DISARM | ALARM);
    boot_step(&b, event_unhealthy(boot_ids[4], true, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RETURNED, ALARM);
    boot_step(&b, event_unhealthy(boot_ids[4], false, DMV_BOOT_REBOOT_LIFELINE), DMV_BOOT_RETURNED, 0);
}

/* ---- the admin ---- */

static void test_admin_ends_stuck(void **state)
{
    DmvBootEvent e = event_activate(6, true);
    DmvBoot b;

    (void)state;
    boot_make_stuck(&b);
    e.admin = true;
    boot_step(&b, e, DMV_BOOT_TRIAL, ARM);
    assert_int_equal(b.failed_rollbacks, 0);

    boot_make_stuck(&b);
    boot_step(&b, event_rollback(2), DMV_BOOT_RESTORING, RESTORE);
    assert_int_equal(boot_last.fallback, 2);
    assert_int_equal(b.failed_rollbacks, 0);

    boot_make_stuck(&b);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMIT, NULL), DMV_BOOT_COMMITTING, COMMIT);
    assert_int_equal(boot_last.generation, 5);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMITTED, NULL), DMV_BOOT_GOOD, 0);
}

static void test_admin_commits(void **state)
{
    DmvBoot b = boot_good;

    (void)state;
    boot_step(&b, event_on(DMV_BOOT_ON_COMMIT, NULL), DMV_BOOT_COMMITTING,
              COMMIT); /* again: what was left half done */
    boot_step(&b, event_unhealthy(boot_ids[1], true, DMV_BOOT_REBOOT_ALWAYS), DMV_BOOT_COMMITTING, ALARM);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMITTED, NULL), DMV_BOOT_GOOD, 0);
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_on(DMV_BOOT_ON_COMMIT, NULL), DMV_BOOT_COMMITTING, COMMIT);
    boot_step(&b, event_unhealthy(boot_ids[0], true, DMV_BOOT_REBOOT_ALWAYS), DMV_BOOT_COMMITTING, 0);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_COMMITTING, COMMIT);
    boot_step(&b, event_unhealthy(boot_ids[1], false, DMV_BOOT_REBOOT_ALWAYS), DMV_BOOT_RESTORING,
              BAD | RESTORE);
    boot_refuse(&b, event_on(DMV_BOOT_ON_COMMIT, NULL), "busy");
}

static void test_admin_rolls_back(void **state)
{
    DmvBootEvent e = event_rollback(2);
    DmvBoot b = boot_good;

    (void)state;
    boot_refuse(&b, event_rollback(4), "nothing-to-roll-back");
    boot_step(&b, event_rollback(0), DMV_BOOT_RESTORING,
              RESTORE); /* what was good is not called bad for it */
    assert_string_equal(b.reason, "rolled back");
    assert_int_equal(boot_last.fallback, 0);
    boot_step(&b, event_rollback(3), DMV_BOOT_RESTORING, RESTORE);
    assert_int_equal(boot_last.fallback, 3);
    boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, NULL), DMV_BOOT_RETURNED, 0);
    assert_int_equal(b.generation, 3);

    b = boot_good;
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    boot_refuse(&b, event_rollback(5), "nothing-to-roll-back");
    boot_step(&b, event_rollback(2), DMV_BOOT_RESTORING, BAD | RESTORE);
    assert_int_equal(boot_last.generation, 5);
    assert_int_equal(boot_last.fallback, 2);
    /* the reason against 5 stays when another target is named; 5 itself cannot be both */
    boot_start_bad(&b, false, DMV_BOOT_REBOOT_NEVER);
    boot_step(&b, event_rollback(3), DMV_BOOT_RESTORING, BAD | RESTORE);
    assert_string_equal(b.reason, "eth0 has no link");
    boot_step(&b, event_rollback(5), DMV_BOOT_RESTORING, RESTORE);
    assert_string_equal(b.reason, "rolled back");

    /* told without a boot id, it is a word of the boot that counted last */
    boot_start_bad(&b, false, DMV_BOOT_REBOOT_NEVER);
    e.boot_id = NULL;
    boot_step(&b, e, DMV_BOOT_RESTORING, BAD | RESTORE);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_RESTORING, BAD | RESTORE);
    assert_int_equal(b.failed_rollbacks, 0);
}

/* ---- events that cannot be ---- */

static void test_invalid_events(void **state)
{
    DmvBootEvent e = event_boot(boot_ids[0], 0);
    DmvBoot b = boot_good;

    (void)state;
    boot_refuse(&b, event_on(DMV_BOOT_EVENT_MAX, boot_ids[0]), "invalid-request");
    boot_refuse(&b, event_on(DMV_BOOT_EVENT_INVALID, boot_ids[0]), "invalid-request");
    boot_refuse(&b, event_on(DMV_BOOT_ON_BOOT, NULL), "invalid-request");
    boot_refuse(&b, event_on(DMV_BOOT_ON_BOOT, ""), "invalid-request");
    boot_refuse(&b, event_on(DMV_BOOT_ON_BOOT, "00000000-0000-4000-8000-0000000000000"), "invalid-request");
    boot_refuse(&b, event_on(DMV_BOOT_ON_COMMIT, "G"), "invalid-request");
    boot_refuse(&b, event_boot(boot_ids[0], -1), "invalid-request");
    e.undone = -1;
    boot_refuse(&b, e, "invalid-request");
    boot_refuse(&b, event_at(DMV_BOOT_ON_HEALTHY, boot_ids[0], -1), "invalid-request");
    boot_refuse(&b, event_rollback(-1), "invalid-request");
    boot_refuse(&b, event_rollback(DMV_BOOT_NUMBER_MAX + 1), "invalid-request");
    boot_refuse(&b, event_unhealthy(boot_ids[0], true, DMV_BOOT_REBOOT_MAX), "invalid-request");
    boot_refuse(&b, event_activate(0, false), "invalid-request");
    boot_refuse(&b, event_activate(4, false), "invalid-request");
    e = event_activate(5, false);
    e.attempts_max = DMV_BOOT_ATTEMPTS_MAX + 1;
    boot_refuse(&b, e, "invalid-request");
    e = event_activate(5, false);
    e.boots_wanted = DMV_BOOT_BOOTS_MAX + 1;
    boot_refuse(&b, e, "invalid-request");
    e = event_activate(5, false);
    e.soak_seconds = DMV_BOOT_SOAK_MAX + 1;
    boot_refuse(&b, e, "invalid-request");
    b.fallback = 3;
    boot_refuse(&b, event_boot(boot_ids[0], 0), "invalid-request"); /* a state that cannot be */
}

/* Every phase and every event: '+' is taken, '-' refused by a row of the table, '.' not expected. */
static void test_every_phase_and_event(void **state)
{
    /* activate boot healthy unhealthy shutdown armed committed not restored not commit rollback */
    static const char *const expected[DMV_BOOT_PHASE_MAX] = {
        [DMV_BOOT_GOOD] = "+++++.+...++",       [DMV_BOOT_TRIAL] = "++++++....++",
        [DMV_BOOT_COMMITTING] = "-+++++++..++", [DMV_BOOT_RESTORING] = "-++++...++-+",
        [DMV_BOOT_RETURNED] = "-++++...+.++",   [DMV_BOOT_STUCK] = "-++++.....++",
    };

    (void)state;
    for (int p = 0; p < DMV_BOOT_PHASE_MAX; p++) {
        for (int k = 0; k < DMV_BOOT_EVENT_MAX; k++) {
            DmvBoot b = boot_sample((DmvBootPhase)p);
            DmvBootEvent e = event_on((DmvBootEventKind)k, boot_ids[5]);
            int r;

            e.generation = 6;
            r = dmv_boot_step(&b, &e, &boot_last);
            assert_int_equal(r == 0 ? '+' : r == DMV_WORLD_MOVED ? '.' : '-', expected[p][k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_good_boot_commits),
        cmocka_unit_test(test_reports_before_the_first_boot),
        cmocka_unit_test(test_second_run_is_no_attempt),
        cmocka_unit_test(test_attempts_are_used_up),
        cmocka_unit_test(test_soak_by_boots),
        cmocka_unit_test(test_panic_in_the_soak),
        cmocka_unit_test(test_soak_by_time),
        cmocka_unit_test(test_shutdown_without_a_report_counts),
        cmocka_unit_test(test_new_switch_while_a_trial_runs),
        cmocka_unit_test(test_one_shot_commits),
        cmocka_unit_test(test_initrd_fails),
        cmocka_unit_test(test_entry_was_not_armed),
        cmocka_unit_test(test_one_shot_dies),
        cmocka_unit_test(test_one_shot_with_a_second_attempt),
        cmocka_unit_test(test_one_shot_soak),
        cmocka_unit_test(test_entry_is_used_again),
        cmocka_unit_test(test_switch_was_undone),
        cmocka_unit_test(test_bad_and_back),
        cmocka_unit_test(test_staged_waits_for_the_way_back),
        cmocka_unit_test(test_restoring_fails_twice),
        cmocka_unit_test(test_power_fails_while_restoring),
        cmocka_unit_test(test_bad_after_going_back),
        cmocka_unit_test(test_dies_after_going_back),
        cmocka_unit_test(test_shutdown_after_going_back),
        cmocka_unit_test(test_reports_while_restoring),
        cmocka_unit_test(test_reboots_run_out),
        cmocka_unit_test(test_admin_ends_stuck),
        cmocka_unit_test(test_admin_commits),
        cmocka_unit_test(test_admin_rolls_back),
        cmocka_unit_test(test_invalid_events),
        cmocka_unit_test(test_every_phase_and_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
