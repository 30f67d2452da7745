/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bootkit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

const char *const boot_ids[6] = {
    "00000000-0000-4000-8000-000000000000", "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333",
    "44444444-4444-4444-8444-444444444444", "55555555-5555-4555-8555-555555555555",
};

const DmvBoot boot_good = {.phase = DMV_BOOT_GOOD, .generation = 4, .fallback = 4};

DmvBootActions boot_last;

void boot_step(DmvBoot *b, DmvBootEvent e, DmvBootPhase phase, unsigned actions)
{
    assert_int_equal(dmv_boot_step(b, &e, &boot_last), 0);
    assert_string_equal(dmv_boot_phase_to_string(b->phase), dmv_boot_phase_to_string(phase));
    assert_int_equal(boot_last.set, actions);
    assert_true(dmv_boot_is_valid(b));
}

char *boot_write(const DmvBoot *b)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    char *text = NULL;

    assert_int_equal(dmv_boot_to_json(b, &o), 0);
    assert_int_equal(dmv_json_format(o, &text, NULL), 0);
    return text;
}

void boot_assert_same(const DmvBoot *a, const DmvBoot *b)
{
    DMV_CLEANUP_FREE char *one = boot_write(a), *other = boot_write(b);

    assert_string_equal(one, other);
}

void boot_refuse(DmvBoot *b, DmvBootEvent e, const char *reason)
{
    DmvBootActions actions = {.set = 77, .generation = 77, .fallback = 77, .wait = 77};
    const DmvBoot before = *b;

    assert_string_equal(dmv_outcome_reason(dmv_boot_step(b, &e, &actions)), reason);
    boot_assert_same(b, &before);
    assert_true(actions.set == 77 && actions.generation == 77 && actions.fallback == 77 &&
                actions.wait == 77);
}

DmvBootEvent event_on(DmvBootEventKind kind, const char *boot_id)
{
    return (DmvBootEvent){.kind = kind, .boot_id = boot_id};
}

DmvBootEvent event_activate(int64_t generation, bool one_shot)
{
    return (DmvBootEvent){
        .kind = DMV_BOOT_ON_ACTIVATE, .boot_id = boot_ids[0], .generation = generation, .one_shot = one_shot};
}

DmvBootEvent event_boot(const char *boot_id, int64_t mark)
{
    return (DmvBootEvent){.kind = DMV_BOOT_ON_BOOT, .boot_id = boot_id, .mark = mark};
}

DmvBootEvent event_at(DmvBootEventKind kind, const char *boot_id, int64_t now)
{
    return (DmvBootEvent){.kind = kind, .boot_id = boot_id, .now = now};
}

DmvBootEvent event_unhealthy(const char *boot_id, bool lifeline_lost, DmvBootReboot reboot)
{
    return (DmvBootEvent){.kind = DMV_BOOT_ON_UNHEALTHY,
                          .boot_id = boot_id,
                          .lifeline_lost = lifeline_lost,
                          .reboot = reboot,
                          .reason = "eth0 has no link"};
}

DmvBootEvent event_rollback(int64_t generation)
{
    return (DmvBootEvent){.kind = DMV_BOOT_ON_ROLLBACK, .boot_id = boot_ids[1], .generation = generation};
}

void boot_start_bad(DmvBoot *b, bool lifeline_lost, DmvBootReboot reboot)
{
    *b = boot_good;
    boot_step(b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    boot_step(b, event_boot(boot_ids[1], 0), DMV_BOOT_TRIAL, 0);
    boot_step(b, event_unhealthy(boot_ids[1], lifeline_lost, reboot), DMV_BOOT_RESTORING,
              DMV_BOOT_DO_BAD | DMV_BOOT_DO_RESTORE);
    assert_string_equal(b->reason, "eth0 has no link");
}

void boot_make_stuck(DmvBoot *b)
{
    boot_start_bad(b, false, DMV_BOOT_REBOOT_NEVER);
    boot_step(b, event_on(DMV_BOOT_ON_NOT_RESTORED, NULL), DMV_BOOT_RESTORING,
              DMV_BOOT_DO_BAD | DMV_BOOT_DO_RESTORE);
    boot_step(b, event_on(DMV_BOOT_ON_NOT_RESTORED, NULL), DMV_BOOT_STUCK, DMV_BOOT_DO_ALARM);
    assert_non_null(strstr(b->reason, "no reason was given"));
}

DmvBoot boot_sample(DmvBootPhase phase)
{
    DmvBoot b = boot_good;

    if (phase == DMV_BOOT_STUCK)
        boot_make_stuck(&b);
    else if (phase == DMV_BOOT_RESTORING || phase == DMV_BOOT_RETURNED)
        boot_start_bad(&b, false, DMV_BOOT_REBOOT_NEVER);
    else if (phase != DMV_BOOT_GOOD)
        boot_step(&b, event_activate(5, true), DMV_BOOT_TRIAL, DMV_BOOT_DO_ARM);
    if (phase == DMV_BOOT_RETURNED)
        boot_step(&b, event_on(DMV_BOOT_ON_RESTORED, NULL), DMV_BOOT_RETURNED, 0);
    if (phase == DMV_BOOT_COMMITTING)
        boot_step(&b, event_on(DMV_BOOT_ON_COMMIT, NULL), DMV_BOOT_COMMITTING,
                  DMV_BOOT_DO_COMMIT | DMV_BOOT_DO_DISARM);
    assert_int_equal(b.phase, phase);
    return b;
}
