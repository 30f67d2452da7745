/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The boot machine on paper: its words, the table of the manual page, and what is stored. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/bootkit.h"
#include "base/text.h"

/* ---- the table of the manual page ---- */

static void describe(const DmvBootTransition *t, DmvText *ret)
{
    bool first = true;

    dmv_text_appendf(ret, "%s|%s|%s|%s|", dmv_boot_phase_to_string(t->from),
                     dmv_boot_event_to_string(t->event), t->when[0] ? t->when : "always",
                     t->outcome ? "-" : dmv_boot_phase_to_string(t->to));
    if (t->outcome)
        dmv_text_appendf(ret, "refused: %s", dmv_outcome_reason(t->outcome));
    else if (t->actions == 0)
        dmv_text_append(ret, "nothing");
    for (unsigned i = 0; i < DMV_BOOT_N_ACTIONS; i++) {
        if (!(t->actions & 1u << i))
            continue;
        dmv_text_appendf(ret, "%s%s", first ? "" : ", ", dmv_boot_action_to_string((DmvBootAction)(1u << i)));
        first = false;
    }
}

/* The next row of a table of the page as "PHASE|event|when|next|do": the phase is the heading before. */
static bool next_row(FILE *page, DmvBootPhase *phase, DmvText *ret)
{
    char line[512];
    int cells = 0;

    while (fgets(line, sizeof(line), page)) {
        line[strcspn(line, "\n")] = '\0';
        if (dmv_starts_with(line, "# "))
            return false;
        for (int p = 0; p < DMV_BOOT_PHASE_MAX && dmv_starts_with(line, "## "); p++)
            if (strcmp(line + 3, dmv_boot_phase_to_string((DmvBootPhase)p)) == 0)
                *phase = (DmvBootPhase)p;
        if (!dmv_starts_with(line, "|  ") && !dmv_starts_with(line, ":  "))
            continue;
        dmv_text_appendf(ret, "%s|%s", cells == 0 ? dmv_boot_phase_to_string(*phase) : "", line + 3);
        if (++cells == 4)
            return true;
    }
    return false;
}

static void test_manual_page_has_the_table(void **state)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_FCLOSE FILE *page = NULL;
    DMV_CLEANUP_TEXT DmvText more = {0};
    DmvBootPhase phase = DMV_BOOT_PHASE_INVALID;
    const DmvBootTransition *t;
    char line[512] = "";
    size_t n;

    (void)state;
    assert_non_null(getenv("DMV_SOURCE"));
    assert_true(asprintf(&path, "%s/docs/man/dmv-boot.7.scd", getenv("DMV_SOURCE")) > 0);
    page = fopen(path, "re");
    assert_non_null(page);
    while (strcmp(line, "# TRANSITIONS\n") != 0)
        assert_non_null(fgets(line, sizeof(line), page));
    t = dmv_boot_transitions(&n);
    for (size_t i = 0; i < n; i++) {
        DMV_CLEANUP_TEXT DmvText want = {0}, have = {0};

        describe(&t[i], &want);
        assert_true(next_row(page, &phase, &have));
        assert_string_equal(have.data, want.data);
    }
    assert_false(next_row(page, &phase, &more));
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(dmv_boot_phase_to_string(DMV_BOOT_PHASE_MAX), "invalid");
    assert_string_equal(dmv_boot_phase_to_string(DMV_BOOT_PHASE_INVALID), "invalid");
    assert_string_equal(dmv_boot_event_to_string(DMV_BOOT_EVENT_MAX), "invalid");
    assert_string_equal(dmv_boot_event_to_string(DMV_BOOT_ON_NOT_RESTORED), "not-restored");
    assert_string_equal(dmv_boot_reboot_to_string(DMV_BOOT_REBOOT_LIFELINE), "lifeline");
    assert_string_equal(dmv_boot_reboot_to_string(DMV_BOOT_REBOOT_INVALID), "invalid");
    assert_string_equal(dmv_boot_action_to_string(DMV_BOOT_DO_REBOOT), "reboot");
    assert_string_equal(dmv_boot_action_to_string((DmvBootAction)3), "invalid");
}

/* ---- what is stored ---- */

static void assert_round_trip(const DmvBoot *b)
{
    DMV_CLEANUP_FREE char *text = boot_write(b);
    DmvBoot again;

    assert_int_equal(dmv_boot_parse(text, strlen(text), &again, NULL), 0);
    boot_assert_same(&again, b);
}

static void test_stored_state(void **state)
{
    DmvBoot b;
    DmvBootEvent e = event_unhealthy(boot_ids[1], true, DMV_BOOT_REBOOT_LIFELINE);
    char reason[2 * DMV_BOOT_REASON_SIZE];

    (void)state;
    for (int p = 0; p < DMV_BOOT_PHASE_MAX; p++) {
        b = boot_sample((DmvBootPhase)p);
        assert_round_trip(&b);
    }
    /* a reason of whatever bytes, cut between two characters */
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    memcpy(reason, "a\n\"\xff\x7f", 5);
    memcpy(reason + DMV_BOOT_REASON_SIZE - 3, "\xe2\x82\xac", 3);
    e.reason = reason;
    b = boot_good;
    boot_step(&b, event_activate(5, false), DMV_BOOT_TRIAL, 0);
    boot_step(&b, event_boot(boot_ids[1], 0), DMV_BOOT_TRIAL, 0);
    boot_step(&b, e, DMV_BOOT_RESTORING, DMV_BOOT_DO_BAD | DMV_BOOT_DO_RESTORE);
    assert_int_equal(strlen(b.reason), DMV_BOOT_REASON_SIZE - 3);
    assert_memory_equal(b.reason, "a?\"?", 4);
    assert_round_trip(&b);
}

/* The stored form of @b with @from replaced by @to. */
static int parse_changed(const DmvBoot *b, const char *from, const char *to, DmvBoot *ret, DmvError *e)
{
    DMV_CLEANUP_FREE char *text = boot_write(b);
    DMV_CLEANUP_TEXT DmvText changed = {0};
    const char *at_from = strstr(text, from);

    assert_non_null(at_from);
    dmv_text_append_bytes(&changed, text, (size_t)(at_from - text));
    dmv_text_append(&changed, to);
    dmv_text_append(&changed, at_from + strlen(from));
    return dmv_boot_parse(changed.data, changed.size, ret, e);
}

static void test_stored_states_that_cannot_be(void **state)
{
    static const struct {
        DmvBootPhase phase;
        const char *from, *to;
    } cases[] = {
        {DMV_BOOT_GOOD, "dmv-boot-1", "dmv-boot-2"},
        {DMV_BOOT_GOOD, "\"good\"", "\"invalid\""},
        {DMV_BOOT_GOOD, "\"generation\":4", "\"generation\":-4"},
        {DMV_BOOT_GOOD, "\"generation\":4", "\"generation\":3"},
        {DMV_BOOT_GOOD, "\"generation\":4", "\"generation\":\"4\""},
        {DMV_BOOT_GOOD, "\"generation\":4,", ""},
        {DMV_BOOT_GOOD, "\"generation\":4", "\"generation\":4,\"more\":1"},
        {DMV_BOOT_GOOD, "\"generation\":4", "\"generation\":4,\"generation\":4"},
        {DMV_BOOT_GOOD, "\"reason\":\"\"", "\"reason\":\"x\""},
        {DMV_BOOT_GOOD, "\"boot_id\":\"\"", "\"boot_id\":\"a\""},
        {DMV_BOOT_TRIAL, "\"fallback\":4", "\"fallback\":5"},
        {DMV_BOOT_TRIAL, "\"attempts\":0", "\"attempts\":2"},
        {DMV_BOOT_TRIAL, "\"attempts_max\":1", "\"attempts_max\":0"},
        {DMV_BOOT_TRIAL, "\"attempts_max\":1", "\"attempts_max\":11"},
        {DMV_BOOT_TRIAL, "\"boots_wanted\":1", "\"boots_wanted\":0"},
        {DMV_BOOT_TRIAL, "\"boots_good\":0", "\"boots_good\":2"},
        {DMV_BOOT_TRIAL, "\"healthy_seconds\":0", "\"healthy_seconds\":1"},
        {DMV_BOOT_TRIAL, "\"healthy_since\":0", "\"healthy_since\":1"},
        {DMV_BOOT_TRIAL, "\"healthy\":false", "\"healthy\":true"},
        {DMV_BOOT_TRIAL, "\"running\":false", "\"running\":true"},
        {DMV_BOOT_TRIAL, "\"reboot\":false", "\"reboot\":true"},
        {DMV_BOOT_TRIAL, "\"blamed\":false", "\"blamed\":true"},
        {DMV_BOOT_TRIAL, "\"boot_id\":\"0", "\"boot_id\":\"x"},
        {DMV_BOOT_TRIAL, "\"boot_id\":\"0", "\"boot_id\":\"00"},
        {DMV_BOOT_RESTORING, "\"one_shot\":false,\"armed\":false", "\"one_shot\":false,\"armed\":true"},
        {DMV_BOOT_RESTORING, "\"failed_rollbacks\":0", "\"failed_rollbacks\":2"},
        {DMV_BOOT_RESTORING, "\"reboots\":0", "\"reboots\":4"},
        {DMV_BOOT_RESTORING, "\"attempts_max\":0", "\"attempts_max\":1"},
        {DMV_BOOT_RETURNED, "\"generation\":4", "\"generation\":5"},
        {DMV_BOOT_STUCK, "\"failed_rollbacks\":2", "\"failed_rollbacks\":1"},
        {DMV_BOOT_STUCK, "\"running\":false", "\"running\":true"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        const DmvBoot b = boot_sample(cases[i].phase);
        DmvBoot ret = {.generation = 77};

        assert_int_equal(parse_changed(&b, cases[i].from, cases[i].to, &ret, &e), DMV_MALFORMED);
        assert_non_null(e.why);
        assert_int_equal(ret.generation, 77);
    }
}

static void test_stored_bytes(void **state)
{
    static char large[5000];
    DmvBoot b;

    (void)state;
    memset(large, ' ', sizeof(large));
    assert_int_equal(dmv_boot_parse("", 0, &b, NULL), DMV_EMPTY);
    assert_int_equal(dmv_boot_parse(large, sizeof(large), &b, NULL), DMV_TOO_LARGE);
    assert_int_equal(dmv_boot_parse("[[[]]]", 6, &b, NULL), DMV_TOO_DEEP);
    assert_int_equal(dmv_boot_parse("[]", 2, &b, NULL), DMV_MALFORMED);
    assert_int_equal(dmv_boot_parse("null", 4, &b, NULL), DMV_MALFORMED);
    assert_int_equal(dmv_boot_parse("{}", 2, &b, NULL), DMV_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual_page_has_the_table),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_stored_state),
        cmocka_unit_test(test_stored_states_that_cannot_be),
        cmocka_unit_test(test_stored_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
