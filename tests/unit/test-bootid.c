/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which boot runs, from recorded procfs folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "host/bootid.h"

#define ID "3f1c0a52-7f0e-4a55-8f5a-0d3b6c1c9a11"

static void look(const Scratch *s, bool procfs, const char *id, int64_t mark)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    char got[DMV_BOOT_ID_SIZE];
    int64_t got_mark = -1;

    assert_int_equal(dmv_roots_init(&r, s->path, NULL, procfs ? scratch_path(s, "proc") : NULL), 0);
    assert_int_equal(dmv_boot_running(&r, got, &got_mark), 0);
    assert_string_equal(got, id);
    assert_int_equal(got_mark, mark);
}

static void test_running(void **state)
{
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "proc");
    look(&s, true, "", 0);
    scratch_write(&s, "proc/sys/kernel/random/boot_id", ID "\n");
    look(&s, true, ID, 0);
    scratch_write(&s, "proc/cmdline", "root=/dev/sda1 dmv.generation=4\n");
    look(&s, true, ID, 4);
    look(&s, false, "", 0);
    scratch_write(&s, "proc/sys/kernel/random/boot_id", "what?\n");
    look(&s, true, "", 4);
    scratch_write(&s, "proc/sys/kernel/random/boot_id", ID "0\n");
    look(&s, true, "", 4);
}

/* An empty answer would say that this is no boot. */
static void test_unreadable(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    char id[DMV_BOOT_ID_SIZE] = "as before";
    int64_t mark = 7;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "proc/sys/kernel/random/boot_id");
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, scratch_path(&s, "proc")), 0);
    assert_true(dmv_boot_running(&r, id, &mark) < 0);
    assert_string_equal(id, "as before");
    assert_int_equal(mark, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_unreadable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
