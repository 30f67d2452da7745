/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/dmvctl/arguments.h"
#include "cli/dmvctl/remote.h"
#include "cli/dmvctl/verb.h"

#define WORDS_MAX 16

/* argv is permuted by parsing, so every test gets its own. */
typedef struct Line {
    char *argv[WORDS_MAX + 1];
    int argc;
    DmvArguments a;
    DmvError e;
} Line;

static int parse(Line *l, const char *const words[])
{
    *l = (Line){.argv = {(char *)"dmvctl"}, .argc = 1};
    for (; words[l->argc - 1]; l->argc++)
        l->argv[l->argc] = (char *)words[l->argc - 1];
    return dmv_arguments_parse(l->argc, l->argv, dmv_verbs, &l->a, &l->e);
}

static void line_deinit(Line *l)
{
    dmv_arguments_deinit(&l->a);
    dmv_error_clear(&l->e);
}

#define PARSE(l, ...) parse((l), (const char *const[]){__VA_ARGS__, NULL})
#define LINE DMV_CLEANUP(line_deinit) Line

static void test_no_word_is_status(void **state)
{
    LINE l;

    (void)state;
    assert_int_equal(parse(&l, (const char *const[]){NULL}), 0);
    assert_ptr_equal(l.a.verb, &dmv_verb_status);
    assert_false(l.a.named);
    assert_int_equal(l.a.mode, DMV_OUTPUT_TEXT);
    assert_true(l.a.timeout == UINT64_MAX);
    assert_null(l.a.objects);
}

static void test_options_before_and_behind_the_verb(void **state)
{
    LINE l;

    (void)state;
    assert_int_equal(PARSE(&l, "--root", "/r", "-j", "list", "--sysfs=/s", "--all", "--color=never"), 0);
    assert_ptr_equal(l.a.verb, &dmv_verb_list);
    assert_true(l.a.named && l.a.all);
    assert_string_equal(l.a.root, "/r");
    assert_string_equal(l.a.sysfs, "/s");
    assert_int_equal(l.a.mode, DMV_OUTPUT_JSON);
    assert_int_equal(l.a.color, DMV_COLOR_NEVER);
}

static void test_options_among_objects(void **state)
{
    LINE l;

    (void)state;
    assert_int_equal(PARSE(&l, "select", "a", "--now", "recommended", "--because", "x y"), 0);
    assert_int_equal(dmv_strv_length(l.a.objects), 2);
    assert_string_equal(dmv_arguments_object(&l.a, 0), "a");
    assert_string_equal(dmv_arguments_object(&l.a, 1), "recommended");
    assert_null(dmv_arguments_object(&l.a, 2));
    assert_true(l.a.now);
    assert_string_equal(l.a.because, "x y");
}

static void test_two_dashes_end_the_options(void **state)
{
    LINE l;

    (void)state;
    assert_int_equal(PARSE(&l, "why", "--", "--json"), 0);
    assert_string_equal(dmv_arguments_object(&l.a, 0), "--json");
    assert_int_equal(l.a.mode, DMV_OUTPUT_TEXT);
}

static void test_json_modes(void **state)
{
    static const struct {
        const char *word;
        DmvOutputMode mode;
    } cases[] = {
        {"-j", DMV_OUTPUT_JSON},
        {"--json", DMV_OUTPUT_JSON},
        {"--json=short", DMV_OUTPUT_JSON_SHORT},
        {"--json=pretty", DMV_OUTPUT_JSON_PRETTY},
        {"-jpretty", DMV_OUTPUT_JSON_PRETTY},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        LINE l;

        assert_int_equal(PARSE(&l, "plan", cases[i].word), 0);
        assert_int_equal(l.a.mode, cases[i].mode);
    }
}

static void test_dates(void **state)
{
    LINE day, second;

    (void)state;
    assert_int_equal(PARSE(&day, "pin", "a", "--until", "2028-02-29"), 0);
    assert_string_equal(day.a.until, "2028-02-29T23:59:59Z");
    assert_int_equal(PARSE(&second, "pin", "a", "--until=2027-01-31T01:02:03Z"), 0);
    assert_string_equal(second.a.until, "2027-01-31T01:02:03Z");
}

static void check_refused(const char *const words[], const char *what, const char *why, const char *next)
{
    LINE l;

    assert_int_equal(parse(&l, words), DMV_INVALID_REQUEST);
    assert_int_equal(l.e.code, DMV_INVALID_REQUEST);
    assert_string_equal(l.e.what, what);
    assert_string_equal(l.e.why, why);
    assert_string_equal(l.e.next, next);
}

#define REFUSED(what, why, next, ...) check_refused((const char *const[]){__VA_ARGS__, NULL}, what, why, next)

static void test_refusals_name_the_word(void **state)
{
    (void)state;
    REFUSED("lisst", "no such verb", "dmvctl list", "lisst");
    REFUSED("hist", "no such verb", "dmvctl history", "hist");
    REFUSED("slect", "no such verb", "dmvctl select", "slect");
    REFUSED("lsit", "no such verb", "dmvctl list", "lsit");
    REFUSED("xyz", "no such verb", "dmvctl help", "xyz");
    REFUSED("?[31m", "no such verb", "dmvctl help", "\033[31m");
    REFUSED("--frob", "no such option", "dmvctl help", "--frob", "list");
    REFUSED("list: --frob", "no such option", "dmvctl help list", "list", "--frob");
    REFUSED("list: -x", "no such option", "dmvctl help list", "list", "-x");
    REFUSED("list: --now", "no such option", "dmvctl help list", "list", "--now");
    REFUSED("--root", "needs an argument", "dmvctl help", "--root");
    REFUSED("list: -f", "needs an argument", "dmvctl help list", "list", "-f");
    REFUSED("--timeout=1s", "not a valid argument", "dmvctl help", "--timeout", "1s");
    REFUSED("--root=", "not a valid argument", "dmvctl help", "--root=");
    REFUSED("pin: --until=2027-02-29", "not a valid argument", "dmvctl help pin", "pin", "a",
            "--until=2027-02-29");
    REFUSED("pin: --until=2027-1-1", "not a valid argument", "dmvctl help pin", "pin", "a",
            "--until=2027-1-1");
    REFUSED("commit", "too many arguments: the usage is dmvctl commit ", "dmvctl help commit", "commit", "x");
    REFUSED("why", "an argument is missing: the usage is dmvctl why OBJECT", "dmvctl help why", "why");
    REFUSED("why", "an argument is empty", "dmvctl help why", "why", "");
    REFUSED("list: --address", "cannot be combined with --root, --sysfs or --procfs", "dmvctl help list",
            "--address=/a", "--sysfs=/s", "list");
    REFUSED("list: --host", "not a valid argument", "dmvctl help list", "--host=-oProxyCommand=x", "list");
}

static void test_fields_are_checked_before_anything_is_done(void **state)
{
    LINE good, bad;

    (void)state;
    assert_int_equal(PARSE(&good, "generations", "--fields=state,NUMBER"), 0);
    assert_int_equal(PARSE(&bad, "generations", "--fields=state,nimber"), DMV_INVALID_REQUEST);
    assert_string_equal(bad.e.what, "no field 'nimber'");
    assert_string_equal(bad.e.why, "there are number,state,current,created,activated,selections,reason");
}

static void test_help_needs_no_objects(void **state)
{
    LINE l;

    (void)state;
    assert_int_equal(PARSE(&l, "why", "--help"), 0);
    assert_true(l.a.help && l.a.named);
}

static void set_environment(const char *root, const char *sysfs, const char *address)
{
    const char *const pairs[][2] = {{"DMV_ROOT", root}, {"DMV_SYSFS", sysfs}, {"DMV_ADDRESS", address}};

    for (size_t i = 0; i < DMV_N_ELEMENTS(pairs); i++)
        assert_int_equal(pairs[i][1] ? setenv(pairs[i][0], pairs[i][1], 1) : unsetenv(pairs[i][0]), 0);
    assert_int_equal(unsetenv("DMV_PROCFS"), 0);
}

static void test_the_command_line_wins_over_the_environment(void **state)
{
    LINE address, root, plain;

    (void)state;
    set_environment("/env", "/env-sys", "/env-socket");
    assert_int_equal(PARSE(&address, "--address=/socket", "list"), 0);
    dmv_arguments_environment(&address.a);
    assert_string_equal(address.a.address, "/socket");
    assert_null(address.a.root);
    assert_null(address.a.sysfs);

    assert_int_equal(PARSE(&root, "--root=/r", "list"), 0);
    dmv_arguments_environment(&root.a);
    assert_string_equal(root.a.root, "/r");
    assert_string_equal(root.a.sysfs, "/env-sys");
    assert_null(root.a.address);

    set_environment("", NULL, "/env-socket");
    assert_int_equal(PARSE(&plain, "list"), 0);
    dmv_arguments_environment(&plain.a);
    assert_null(plain.a.root);
    assert_string_equal(plain.a.address, "/env-socket");
    set_environment(NULL, NULL, NULL);
}

static void check_remote(const Line *l, bool terminal, const char *const want[])
{
    DMV_CLEANUP_STRV char **argv = NULL;
    size_t n = 0;

    assert_int_equal(dmv_remote_argv(&l->a, terminal, &argv), 0);
    for (; want[n]; n++)
        assert_string_equal(argv[n], want[n]);
    assert_int_equal(dmv_strv_length(argv), n);
}

static void test_words_for_another_host_are_quoted(void **state)
{
    LINE l, plain;

    (void)state;
    (void)unsetenv("NO_COLOR");
    assert_int_equal(PARSE(&l, "-H", "u@h", "select", "a'b", "--because", "$(x) y", "-n"), 0);
    check_remote(&l, true,
                 (const char *const[]){"ssh", "-t", "--", "u@h", "dmvctl", "select", "'--because=$(x) y'",
                                       "--dry-run", "--", "'a'\\''b'", NULL});
    (void)setenv("NO_COLOR", "1", 1);
    assert_int_equal(PARSE(&plain, "--host=h"), 0);
    check_remote(
        &plain, false,
        (const char *const[]){"ssh", "-T", "--", "h", "dmvctl", "status", "--color=never", "--", NULL});
    (void)unsetenv("NO_COLOR");
}

/* What the table of verbs promises to the code that reads it. */
static void test_every_verb_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; dmv_verbs[i]; i++) {
        const DmvVerb *v = dmv_verbs[i];

        assert_ptr_equal(dmv_verb_find(dmv_verbs, v->name), v);
        assert_non_null(v->render);
        assert_non_null(v->synopsis);
        assert_true(strlen(v->summary) <= 60);
        assert_true(v->max_objects >= v->min_objects);
        assert_true(v->help[strlen(v->help) - 1] == '\n');
        assert_true(v->options[DMV_VERB_OPTIONS_MAX - 1] == DMV_OPTION_NONE);
        assert_true(!(v->flags & DMV_VERB_EACH) || v->min_objects > 0);
    }
    assert_null(dmv_verb_find(dmv_verbs, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_word_is_status),
        cmocka_unit_test(test_options_before_and_behind_the_verb),
        cmocka_unit_test(test_options_among_objects),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_json_modes),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_refusals_name_the_word),
        cmocka_unit_test(test_fields_are_checked_before_anything_is_done),
        cmocka_unit_test(test_help_needs_no_objects),
        cmocka_unit_test(test_the_command_line_wins_over_the_environment),
        cmocka_unit_test(test_words_for_another_host_are_quoted),
        cmocka_unit_test(test_every_verb_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
