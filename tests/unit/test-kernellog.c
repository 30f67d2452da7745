/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's words, from journals that systemd-journal-remote writes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/text.h"
#include "host/kernellog.h"
#include "model/health.h"

#define BOOT "3f1c0a52-7f0e-4a55-8f5a-0d3b6c1c9a11"
#define BOOT_IN_JOURNAL "3f1c0a527f0e4a558f5a0d3b6c1c9a11"
#define OTHER_BOOT_IN_JOURNAL "00000a527f0e4a558f5a0d3b6c1c9a11"
#define FOLDER "var/log/journal/00000000000000000000000000000001"

static void entry(DmvText *t, const char *boot, const char *transport, const char *message)
{
    static unsigned n;

    n++;
    dmv_text_appendf(
        t, "__REALTIME_TIMESTAMP=%llu\n__MONOTONIC_TIMESTAMP=%u\n_BOOT_ID=%s\n_TRANSPORT=%s\n%s%s\n\n",
        1700000000000000ull + n, n, boot, transport, message ? "MESSAGE=" : "X=1", message ? message : "");
}

/* The journal "<folder>/<name>" with these entries, in the export format of the journal. */
static void make_journal(const Scratch *s, const char *folder, const char *name, const DmvText *t)
{
    static const char usr[] = "/usr/lib/systemd/systemd-journal-remote",
                      lib[] = "/lib/systemd/systemd-journal-remote";
    DMV_CLEANUP_FREE char *path = NULL;

    scratch_write_bytes(s, "entries", t->data, t->size);
    scratch_mkdir(s, folder);
    assert_true(asprintf(&path, "%s/%s/%s", s->path, folder, name) > 0);
    scratch_run(access(usr, X_OK) == 0 ? usr : lib, "-o", path, scratch_path(s, "entries"), NULL);
}

static void read_log(const Scratch *s, DmvKernelLog *ret)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;

    assert_int_equal(dmv_roots_init(&r, s->path, NULL, NULL), 0);
    assert_int_equal(dmv_kernel_log_read(&r, BOOT, dmv_health_is_failure, ret), 0);
}

static void test_this_boot(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_KERNEL_LOG DmvKernelLog l = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    entry(&t, BOOT_IN_JOURNAL, "kernel", "e1000e: probe of 0000:00:02.0 failed with error -5");
    entry(&t, BOOT_IN_JOURNAL, "kernel", "e1000e 0000:00:02.0 eth0: NIC Link is Up");
    entry(&t, BOOT_IN_JOURNAL, "kernel", NULL);
    entry(&t, BOOT_IN_JOURNAL, "syslog", "a user says: probe failed");
    entry(&t, OTHER_BOOT_IN_JOURNAL, "kernel", "e1000e: probe of 0000:00:03.0 failed with error -5");
    entry(&t, BOOT_IN_JOURNAL, "kernel", "ice: firmware\x1b[31m failed");
    make_journal(&s, FOLDER, "system.journal", &t);
    read_log(&s, &l);
    assert_int_equal(l.n_entries, 4);
    assert_false(l.cut);
    assert_int_equal(dmv_strv_length(l.lines), 2);
    assert_string_equal(l.lines[0], "e1000e: probe of 0000:00:02.0 failed with error -5");
    assert_string_equal(l.lines[1], "ice: firmware?[31m failed");
}

/* The begin of a boot is in run/, and moves to var/ later. */
static void test_volatile_journal(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_KERNEL_LOG DmvKernelLog l = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    entry(&t, BOOT_IN_JOURNAL, "kernel", "ice: probe failed");
    make_journal(&s, "run/log/journal/00000000000000000000000000000001", "system.journal", &t);
    read_log(&s, &l);
    assert_int_equal(dmv_strv_length(l.lines), 1);
}

static void test_no_journal(void **state)
{
    DMV_CLEANUP_KERNEL_LOG DmvKernelLog l = {0}, again = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    read_log(&s, &l);
    assert_int_equal(l.n_entries, 0);
    assert_null(l.lines);
    scratch_write(&s, FOLDER "/system.journal", "this is none");
    read_log(&s, &again);
    assert_int_equal(again.n_entries, 0);
}

static void test_limits(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_KERNEL_LOG DmvKernelLog l = {0};
    DMV_CLEANUP_FREE char *line = calloc(1, 4 * DMV_KERNEL_LOG_MAX_LINE + 1);
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_non_null(line);
    memset(line, 'x', 4 * DMV_KERNEL_LOG_MAX_LINE);
    memcpy(line, "ice: probe failed ", 18);
    for (size_t i = 0; i <= DMV_KERNEL_LOG_MAX_LINES; i++)
        entry(&t, BOOT_IN_JOURNAL, "kernel", i == 0 ? line : "ice: probe failed");
    make_journal(&s, FOLDER, "system.journal", &t);
    read_log(&s, &l);
    assert_true(l.cut);
    assert_int_equal(dmv_strv_length(l.lines), DMV_KERNEL_LOG_MAX_LINES);
    assert_int_equal(strlen(l.lines[0]), DMV_KERNEL_LOG_MAX_LINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_this_boot),
        cmocka_unit_test(test_volatile_journal),
        cmocka_unit_test(test_no_journal),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
