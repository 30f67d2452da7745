/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dmv/outcome.h"

static void test_every_outcome_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < DMV_OUTCOME_MAX; i++) {
        const char *reason = dmv_outcome_reason(i);

        assert_int_equal(dmv_outcome_from_reason(reason), i);
        assert_true(dmv_outcome_exit_status(i) >= DMV_EXIT_OK);
        if (i != DMV_OK)
            assert_true(dmv_outcome_varlink_error(i)[0] >= 'A' && dmv_outcome_varlink_error(i)[0] <= 'Z');
    }
}

static void test_errno_has_a_place(void **state)
{
    (void)state;
    assert_string_equal(dmv_outcome_varlink_error(-ENOSPC), "NoSpace");
    assert_string_equal(dmv_outcome_varlink_error(-EACCES), "Denied");
    assert_string_equal(dmv_outcome_varlink_error(-EIO), "Failed");
    assert_int_equal(dmv_outcome_exit_status(-EIO), DMV_EXIT_FAILED);
    assert_string_equal(dmv_outcome_reason(-EDQUOT), "no-space");
    assert_string_equal(dmv_outcome_reason(12345), "failed");
    assert_int_equal(dmv_outcome_from_reason("never heard of"), DMV_FAILED);
    assert_int_equal(dmv_outcome_from_reason(NULL), DMV_FAILED);
}

static void test_error_words(void **state)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_ERROR DmvError other = {0};

    (void)state;
    assert_int_equal(dmv_error_set(&e, DMV_PINNED, "cannot select", NULL, "pinned until %d", 7), DMV_PINNED);
    assert_string_equal(e.why, "pinned until 7");
    dmv_error_set_next(&e, "dmvctl unpin %s", "x");
    dmv_error_set_next(&e, "%s", "never said: there is one already");
    assert_string_equal(e.next, "dmvctl unpin x");
    assert_int_equal(dmv_error_set_what(&e, "cannot select %s", "x"), DMV_PINNED);
    dmv_error_move(&other, &e);
    assert_null(e.why);
    assert_string_equal(other.what, "cannot select x");
    assert_int_equal(dmv_error_set(NULL, DMV_BUSY, NULL, NULL, NULL), DMV_BUSY);
    assert_string_equal(dmv_error_words(&other, -EIO), "pinned until 7");
    assert_string_equal(dmv_error_words(&e, -EIO), strerror(EIO));
    assert_string_equal(dmv_error_words(NULL, DMV_BUSY), "busy");
}

static void test_error_next(void **state)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    e.code = -EIO;
    assert_null(dmv_error_next(&e));
    e.code = -EDQUOT;
    assert_non_null(strstr(dmv_error_next(&e), "raise the quota"));
    e.code = DMV_NO_SPACE;
    assert_non_null(strstr(dmv_error_next(&e), "free some space"));
    e.code = -EROFS;
    assert_non_null(strstr(dmv_error_next(&e), "writable"));
    dmv_error_set_next(&e, "%s", "its own words");
    assert_string_equal(dmv_error_next(&e), "its own words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_outcome_round_trips),
        cmocka_unit_test(test_errno_has_a_place),
        cmocka_unit_test(test_error_words),
        cmocka_unit_test(test_error_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
