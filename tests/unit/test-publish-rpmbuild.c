/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of packages and what stands in their spec file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>

#include "base/cleanup.h"
#include "cli/publish/rpmbuild.h"

static const DmvReleaseName release = {(char *)"intel-ice", (char *)"dell", (char *)"1.15.5-rc~2"};

static void test_names(void **state)
{
    DMV_CLEANUP_RPM DmvRpm r = {0};

    (void)state;
    assert_int_equal(dmv_rpm_init(&release, "6.6.0+0", 3, EM_X86_64, &r, NULL), 0);
    assert_string_equal(r.name, "dmv-intel-ice-dell-1.15.5-rc_2-k6.6.0+0");
    assert_string_equal(r.version, "1.15.5_rc~2");
    assert_string_equal(r.nevra, "dmv-intel-ice-dell-1.15.5-rc_2-k6.6.0+0-1.15.5_rc~2-3.x86_64");
}

static void test_machines(void **state)
{
    DMV_CLEANUP_RPM DmvRpm arm = {0}, none = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    assert_int_equal(dmv_rpm_init(&release, "6.6.0", 1, EM_AARCH64, &arm, NULL), 0);
    assert_string_equal(arm.arch, "aarch64");
    assert_int_equal(dmv_rpm_init(&release, "6.6.0", 1, EM_S390, &none, &e), DMV_MODULE_WRONG_MACHINE);
}

static void test_names_that_no_file_can_have(void **state)
{
    DMV_CLEANUP_RPM DmvRpm r = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    char name[65], kernel[128];
    DmvReleaseName n = {name, name, name};

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    memset(kernel, '6', sizeof(kernel) - 1);
    name[sizeof(name) - 1] = kernel[sizeof(kernel) - 1] = '\0';
    assert_int_equal(dmv_rpm_init(&n, kernel, 1, EM_X86_64, &r, &e), DMV_INVALID_NAME);
}

static char *spec(const char *summary, int64_t when)
{
    DMV_CLEANUP_RPM DmvRpm r = {0};
    const DmvRpmContent c = {.prefix = "/lib/modules/6.6.0/dmv/intel-ice/dell",
                             .folder = "/tmp/p",
                             .work = "/tmp/w",
                             .summary = summary,
                             .licence = "GPL-2.0-only",
                             .time = when};
    char *text = NULL;

    assert_int_equal(dmv_rpm_init(&release, "6.6.0", 1, EM_X86_64, &r, NULL), 0);
    assert_int_equal(dmv_rpm_format_spec(&r, &c, &text), 0);
    return text;
}

static void test_spec(void **state)
{
    DMV_CLEANUP_FREE char *text = spec("Intel ice", 1790000000);

    (void)state;
    assert_non_null(strstr(text, "\nName: dmv-intel-ice-dell-1.15.5-rc_2-k6.6.0\n"));
    assert_non_null(strstr(text, "\nVersion: 1.15.5_rc~2\nRelease: 1\nLicense: GPL-2.0-only\n"));
    assert_non_null(strstr(text, "\nSummary: Intel ice\n"));
    assert_non_null(
        strstr(text, "\n%files\n%defattr(0644,root,root,0755)\n/lib/modules/6.6.0/dmv/intel-ice/dell\n"));
    assert_non_null(strstr(text, "\n* Mon Sep 21 2026 dmv-publish"));
    /* hosts never run what a driver package brings */
    assert_null(strstr(text, "%post"));
    assert_null(strstr(text, "%pre"));
}

static void test_summary_is_taken_literally(void **state)
{
    DMV_CLEANUP_FREE char *text = spec("100 %{nil}\n%post\nrm", 0), *none = spec(NULL, 0);

    (void)state;
    assert_non_null(strstr(text, "\nSummary: 100 %%{nil} %%post rm\n"));
    assert_non_null(
        strstr(none, "\nSummary: Kernel driver for dmv: dmv-intel-ice-dell-1.15.5-rc_2-k6.6.0\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_machines),
        cmocka_unit_test(test_names_that_no_file_can_have),
        cmocka_unit_test(test_spec),
        cmocka_unit_test(test_summary_is_taken_literally),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
