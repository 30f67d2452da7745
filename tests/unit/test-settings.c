/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/settings.h"
#include "base/text.h"
#include "model/boot.h"
#include "model/impact.h"

static int parse(const char *text, DmvSettings *s, DmvError *e)
{
    return dmv_settings_parse("the file", text, strlen(text), s, e);
}

static void test_defaults(void **state)
{
    DmvSettings s;

    (void)state;
    dmv_settings_init(&s);
    assert_int_equal(s.idle_timeout, 30);
    assert_int_equal(s.worker_timeout, 3600);
    assert_int_equal(s.keep_generations, 20);
    assert_int_equal(s.fetch_timeout, 900);
    assert_int_equal(s.max_catalog, 64 << 20);
    assert_int_equal(s.max_package, 1 << 30);
    assert_int_equal(parse("", &s, NULL), 0);
    assert_int_equal(parse("# nothing\n; at all\n\n[daemon]\n", &s, NULL), 0);
    assert_int_equal(s.idle_timeout, 30);
}

static void test_every_key(void **state)
{
    DmvSettings s;

    (void)state;
    dmv_settings_init(&s);
    assert_int_equal(parse("[daemon]\nidle-timeout=0\nworker-timeout=86400\n[generations]\nkeep = 1000\n"
                           "[fetch]\ntimeout=86400\nmax-catalog=67108864\nmax-package=4294967296\n",
                           &s, NULL),
                     0);
    assert_int_equal(s.idle_timeout, 0);
    assert_int_equal(s.worker_timeout, 86400);
    assert_int_equal(s.keep_generations, 1000);
    assert_int_equal(s.fetch_timeout, 86400);
    assert_int_equal(s.max_catalog, 67108864);
    assert_int_equal(s.max_package, 4294967296);
    assert_null(s.management);
    assert_false(s.fallback);
    assert_false(s.enforce);
    assert_int_equal(parse("[modules]\nenforce=yes\n", &s, NULL), 0);
    assert_true(s.enforce);
    /* a later file changes what it names, and nothing else */
    assert_int_equal(parse("[daemon]\nidle-timeout=5\n", &s, NULL), 0);
    assert_int_equal(s.idle_timeout, 5);
    assert_int_equal(s.keep_generations, 1000);
}

static void test_boot(void **state)
{
    DmvSettings s;

    (void)state;
    dmv_settings_init(&s);
    assert_int_equal(s.boot_attempts, 0);
    assert_int_equal(s.boot_boots, 1);
    assert_int_equal(s.boot_soak, 0);
    assert_int_equal(s.boot_reboot, DMV_BOOT_REBOOT_LIFELINE);
    assert_int_equal(s.boot_settle, 60);
    assert_false(s.boot_allow_renames);
    assert_int_equal(parse("[boot]\nsettle=3600\nallow-renames=yes\n", &s, NULL), 0);
    assert_int_equal(s.boot_settle, 3600);
    assert_true(s.boot_allow_renames);
    assert_int_equal(parse("[boot]\nsettle=3601\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[boot]\nallow-renames=perhaps\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[boot]\nattempts=10\nboots=100\nsoak=7776000\nreboot=never\n", &s, NULL), 0);
    assert_int_equal(s.boot_attempts, DMV_BOOT_ATTEMPTS_MAX);
    assert_int_equal(s.boot_boots, DMV_BOOT_BOOTS_MAX);
    assert_int_equal(s.boot_soak, DMV_BOOT_SOAK_MAX);
    for (int r = 0; r < DMV_BOOT_REBOOT_MAX; r++) {
        DMV_CLEANUP_FREE char *text = NULL;

        assert_true(asprintf(&text, "[boot]\nreboot=%s\n", dmv_boot_reboot_to_string((DmvBootReboot)r)) > 0);
        assert_int_equal(parse(text, &s, NULL), 0);
        assert_int_equal(s.boot_reboot, r);
    }
    assert_int_equal(parse("[boot]\nattempts=11\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[boot]\nboots=0\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[boot]\nboots=101\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[boot]\nsoak=7776001\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[boot]\nreboot=sometimes\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(s.boot_reboot, DMV_BOOT_REBOOT_NEVER);
}

/* A list is taken as a whole: a later file replaces it, one that is refused leaves it, and so does one that
 * holds the other list. */
static void test_lists(void **state)
{
    DMV_CLEANUP_SETTINGS DmvSettings s;

    (void)state;
    dmv_settings_init(&s);
    assert_null(s.alternate_kernels);
    assert_null(s.management);
    assert_int_equal(parse("[kernels]\nalternate=4.19.*\nalternate = *-alt*\n", &s, NULL), 0);
    assert_int_equal(dmv_strv_length(s.alternate_kernels), 2);
    assert_string_equal(s.alternate_kernels[0], "4.19.*");
    assert_string_equal(s.alternate_kernels[1], "*-alt*");
    assert_int_equal(parse("[lifelines]\nmanagement=eth0\nmanagement=eth1\nfallback=yes\n", &s, NULL), 0);
    assert_int_equal(dmv_strv_length(s.management), 2);
    assert_string_equal(s.management[1], "eth1");
    assert_true(s.fallback);

    assert_int_equal(parse("[kernels]\nalternate=5.*\nnonsense=1\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[kernels]\nalternate=\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[lifelines]\nmanagement=eth2\nmanagement=\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[daemon]\nidle-timeout=7\n", &s, NULL), 0);
    assert_int_equal(dmv_strv_length(s.alternate_kernels), 2);
    assert_int_equal(dmv_strv_length(s.management), 2);

    assert_int_equal(parse("[kernels]\nalternate=5.*\n", &s, NULL), 0);
    assert_int_equal(dmv_strv_length(s.alternate_kernels), 1);
    assert_string_equal(s.alternate_kernels[0], "5.*");
    assert_int_equal(dmv_strv_length(s.management), 2);
    assert_int_equal(parse("[lifelines]\nmanagement=none\n", &s, NULL), 0);
    assert_int_equal(dmv_strv_length(s.management), 1);
    assert_string_equal(s.management[0], "none");
    assert_string_equal(s.alternate_kernels[0], "5.*");

    dmv_settings_deinit(&s);
    assert_null(s.alternate_kernels);
    assert_null(s.management);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"idle-timeout=1\n", "the file, line 1: there is no such setting"},
        {"[daemon]\nidle=1\n", "the file, line 2: there is no such setting"},
        {"[demon]\nidle-timeout=1\n", "the file, line 2: there is no such setting"},
        {"[fetch]\nidle-timeout=1\n", "the file, line 2: there is no such setting"},
        {"[daemon]\nidle-timeout=1\nidle-timeout=1\n", "the file, line 3: it was set before"},
        {"[daemon]\nidle-timeout=86401\n", "the file, line 2: the number is too large"},
        {"[daemon]\nidle-timeout=99999999999999999999\n", "the file, line 2: the number is too large"},
        {"[daemon]\nidle-timeout=\n", "the file, line 2: that is no valid value"},
        {"[daemon]\nworker-timeout=0\n", "the file, line 2: the number is too small"},
        {"[daemon]\nidle-timeout=-1\n", "the file, line 2: that is no valid value"},
        {"[daemon]\nidle-timeout=1s\n", "the file, line 2: that is no valid value"},
        {"[daemon]\nidle-timeout=01\n", "the file, line 2: that is no valid value"},
        {"[generations]\nkeep=1001\n", "the file, line 2: the number is too large"},
        {"[fetch]\ntimeout=86401\n", "the file, line 2: the number is too large"},
        {"[fetch]\ntimeout=0\n", "the file, line 2: the number is too small"},
        {"[fetch]\nmax-catalog=67108865\n", "the file, line 2: the number is too large"},
        {"[fetch]\nmax-catalog=0\n", "the file, line 2: the number is too small"},
        {"[fetch]\nmax-package=4294967297\n", "the file, line 2: the number is too large"},
        {"[fetch]\nmax-package=0\n", "the file, line 2: the number is too small"},
        {"[daemon\n", "the file, line 1: this is no section, key or comment"},
        {"[daemon]\nidle-timeout\n", "the file, line 2: this is no section, key or comment"},
        /* the first wrong line is named, whatever follows */
        {"[daemon]\nidle-timeout=x\nnonsense\n", "the file, line 2: that is no valid value"},
        {"[daemon]\nnonsense\nidle-timeout=x\n", "the file, line 2: this is no section, key or comment"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        DmvSettings s, before;

        dmv_settings_init(&s);
        before = s;
        if (parse(cases[i].text, &s, &e) != DMV_BAD_SETTING)
            fail_msg("taken: %s", cases[i].text);
        assert_string_equal(e.why, cases[i].why);
        assert_non_null(e.next);
        assert_memory_equal(&s, &before, sizeof(s));
    }
}

static void test_bytes(void **state)
{
    static const char nul[] = "[daemon]\nidle-timeout=1\0\n";
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_TEXT DmvText t = {0};
    DmvSettings s;

    (void)state;
    dmv_settings_init(&s);
    assert_int_equal(dmv_settings_parse("f", nul, sizeof(nul) - 1, &s, &e), DMV_BAD_SETTING);
    assert_string_equal(e.why, "f holds a NUL byte");
    while (t.size < DMV_SETTINGS_MAX_BYTES)
        dmv_text_append(&t, "\n");
    assert_int_equal(dmv_settings_parse("f", t.data, t.size, &s, &e), 0);
    dmv_text_append(&t, "\n");
    assert_int_equal(dmv_settings_parse("f", t.data, t.size, &s, &e), DMV_TOO_LARGE);
    assert_int_equal(e.code, DMV_TOO_LARGE);
    assert_int_equal(s.idle_timeout, 30);
}

/* ---- streams ---- */

static int parse_stream(const char *text, DmvStreamConf *s, DmvError *e)
{
    return dmv_stream_conf_parse("f", "file-name", text, strlen(text), s, e);
}

static void test_stream(void **state)
{
    DmvStreamConf s = {0};

    (void)state;
    assert_int_equal(parse_stream("[stream]\nurl=https://a/\n", &s, NULL), 0);
    assert_string_equal(s.name, "file-name");
    assert_int_equal(dmv_strv_length(s.urls), 1);
    assert_null(s.root);
    assert_null(s.ca);
    assert_true(s.enabled);
    dmv_stream_conf_deinit(&s);

    assert_int_equal(
        parse_stream("[stream]\nname=vendor\nurl=http://a/b\nurl=file:///srv/x\nroot=/etc/r.json\n"
                     "ca=/etc/ca.pem\nenabled=no\n",
                     &s, NULL),
        0);
    assert_string_equal(s.name, "vendor");
    assert_int_equal(dmv_strv_length(s.urls), 2);
    assert_string_equal(s.urls[0], "http://a/b");
    assert_string_equal(s.urls[1], "file:///srv/x");
    assert_string_equal(s.root, "/etc/r.json");
    assert_string_equal(s.ca, "/etc/ca.pem");
    assert_false(s.enabled);
    dmv_stream_conf_deinit(&s);
    assert_null(s.urls);

    assert_int_equal(parse_stream("[stream]\nurl=none\n", &s, NULL), 0);
    assert_null(s.urls);
    assert_true(s.enabled);
    dmv_stream_conf_deinit(&s);
}

static void test_stream_enabled(void **state)
{
    static const struct {
        const char *value;
        bool enabled;
    } cases[] = {{"yes", true}, {"true", true},   {"on", true},   {"1", true},
                 {"no", false}, {"false", false}, {"off", false}, {"0", false}};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        char text[64] = "[stream]\nurl=http://a/\nenabled=";
        DmvStreamConf s = {0};

        strcat(strcat(text, cases[i].value), "\n");
        assert_int_equal(parse_stream(text, &s, NULL), 0);
        assert_int_equal(s.enabled, cases[i].enabled);
        dmv_stream_conf_deinit(&s);
    }
}

static void test_stream_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[stream]\n",
        "[stream]\nname=x\n",
        "[stream]\nname=../x\nurl=http://a/\n",
        "[stream]\nname=\nurl=http://a/\n",
        "[stream]\nname=a\nname=a\nurl=http://a/\n",
        "[stream]\nurl=\n",
        "[stream]\nurl=none\nurl=http://a/\n",
        "[stream]\nurl=http://a/\nurl=none\n",
        "[stream]\nurl=ftp://a/\n",
        "[stream]\nurl=http://\n",
        "[stream]\nurl=file://srv\n",
        "[stream]\nurl=file:///\n",
        "[stream]\nurl=/srv\n",
        "[stream]\nurl=http://a/ b\n",
        "[stream]\nurl=http://a/\x7f\n",
        "[stream]\nurl=http://a/\xc3\xa4\n",
        "[stream]\nurl=http://a/\"\n",
        "[stream]\nurl=http://a\\b/\n",
        "[stream]\nurl=http://a/\nurl=gopher://a/\n",
        "[stream]\nurl=http://a/\nenabled=maybe\n",
        "[stream]\nurl=http://a/\nenabled=\n",
        "[stream]\nurl=http://a/\nroot=\n",
        "[stream]\nurl=http://a/\nca=a\nca=b\n",
        "[daemon]\nidle-timeout=1\n[stream]\nurl=http://a/\n",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        DmvStreamConf s = {0};

        if (parse_stream(bad[i], &s, &e) != DMV_BAD_SETTING)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(e.why);
        assert_null(s.urls);
        assert_null(s.name);
    }
}

static void test_stream_by_a_bad_file_name(void **state)
{
    static const char text[] = "[stream]\nurl=http://a/\n";
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvStreamConf s = {0};

    (void)state;
    assert_int_equal(dmv_stream_conf_parse("f", "my stream", text, sizeof(text) - 1, &s, &e),
                     DMV_BAD_SETTING);
    assert_non_null(strstr(e.why, "\"my stream\""));
}

/* A line is taken whole or refused, never cut off: half a URL is another place. */
static void test_long_lines(void **state)
{
    (void)state;
    for (size_t length = 180; length < 600; length++) {
        DMV_CLEANUP_TEXT DmvText t = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};
        DmvStreamConf s = {0};
        size_t begin;

        dmv_text_append(&t, "[stream]\nurl=");
        begin = t.size;
        dmv_text_append(&t, "http://a/");
        while (t.size < begin + length) /* whatever is cut off looks like a comment */
            dmv_text_append(&t, ";");
        dmv_text_append(&t, "\n");
        if (dmv_stream_conf_parse("f", "x", t.data, t.size, &s, &e) == 0) {
            assert_true(length <= 194);
            assert_int_equal(dmv_strv_length(s.urls), 1);
            assert_int_equal(strlen(s.urls[0]), length);
        } else {
            assert_true(length > 194);
            assert_int_equal(e.code, DMV_BAD_SETTING);
            assert_string_equal(e.why, "f, line 2: it is too long");
        }
        dmv_stream_conf_deinit(&s);
    }
}

/* The words are in the order of the enum. */
static void test_guests(void **state)
{
    DMV_CLEANUP_SETTINGS DmvSettings s = {0};

    (void)state;
    dmv_settings_init(&s);
    assert_int_equal(s.guests_policy, DMV_GUEST_POLICY_REPORT);
    assert_int_equal(s.guests_timeout, 300);
    assert_int_equal(s.guests_wait, 20);
    for (int p = 0; p < DMV_GUEST_POLICY_MAX; p++) {
        DMV_CLEANUP_FREE char *text = NULL;

        assert_true(asprintf(&text, "[guests]\npolicy=%s\n", dmv_guest_policy_to_string((DmvGuestPolicy)p)) >
                    0);
        assert_int_equal(parse(text, &s, NULL), 0);
        assert_int_equal(s.guests_policy, p);
    }
    assert_int_equal(parse("[guests]\ntimeout=60\nwait=2\n", &s, NULL), 0);
    assert_int_equal(s.guests_timeout, 60);
    assert_int_equal(s.guests_wait, 2);
    assert_int_equal(parse("[guests]\npolicy=ask\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(parse("[guests]\nwait=0\n", &s, NULL), DMV_BAD_SETTING);
    assert_int_equal(s.guests_policy, DMV_GUEST_POLICY_SAVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_boot),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_enabled),
        cmocka_unit_test(test_stream_refused),
        cmocka_unit_test(test_stream_by_a_bad_file_name),
        cmocka_unit_test(test_long_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
