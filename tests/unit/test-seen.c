/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of the last good boot: written and read, and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/seen.h"

#define REST "\"lifelines\":[],\"links\":[],\"names\":{\"names\":[]},\"kernel_log\":[]}"

static void write_and_read(const DmvSeen *s, DmvSeen *ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;

    assert_int_equal(dmv_seen_to_json(s, &o), 0);
    assert_int_equal(dmv_json_format(o, &text, &size), 0);
    assert_int_equal(dmv_seen_parse(text, size, ret, NULL), 0);
}

static void test_round_trip(void **state)
{
    DMV_CLEANUP_SEEN DmvSeen copy = {0};
    char *slots[] = {(char *)"0000:03:00.0", (char *)"0000:03:00.1", NULL};
    char *links[] = {(char *)"eth0", (char *)"bond0", NULL};
    char *lines[] = {(char *)"ice: probe failed", NULL};
    DmvLifeline lifelines[] = {
        {.kind = DMV_LIFELINE_ROOT, .what = (char *)"/", .chain = (char *)"/ on sda"},
        {.kind = DMV_LIFELINE_MANAGEMENT,
         .what = (char *)"bond0",
         .chain = (char *)"bond0 on both",
         .slots = slots},
    };
    DmvName names[] = {{.slot = slots[0], .place = (char *)"port-0", .name = (char *)"eth0", .order = 3}};
    const DmvSeen s = {
        .lifelines = lifelines, .n_lifelines = 2, .links = links, .names = {names, 1}, .kernel_log = lines};

    (void)state;
    write_and_read(&s, &copy);
    assert_int_equal(copy.n_lifelines, 2);
    assert_int_equal(copy.lifelines[0].kind, DMV_LIFELINE_ROOT);
    assert_int_equal(dmv_strv_length(copy.lifelines[0].slots), 0);
    assert_int_equal(copy.lifelines[1].kind, DMV_LIFELINE_MANAGEMENT);
    assert_string_equal(copy.lifelines[1].what, "bond0");
    assert_string_equal(copy.lifelines[1].chain, "bond0 on both");
    assert_int_equal(dmv_strv_length(copy.lifelines[1].slots), 2);
    assert_string_equal(copy.lifelines[1].slots[1], "0000:03:00.1");
    assert_int_equal(dmv_strv_length(copy.links), 2);
    assert_string_equal(copy.links[1], "bond0");
    assert_int_equal(copy.names.n, 1);
    assert_int_equal(copy.names.items[0].order, 3);
    assert_int_equal(dmv_strv_length(copy.kernel_log), 1);
    assert_string_equal(copy.kernel_log[0], "ice: probe failed");
}

/* Nothing is written that could not be read again. */
static void test_too_many_lines(void **state)
{
    DMV_CLEANUP_SEEN DmvSeen s = {0}, copy = {0};

    (void)state;
    for (size_t i = 0; i < DMV_SEEN_MAX_LINES + 5; i++) {
        char line[32];

        (void)snprintf(line, sizeof(line), "line %zu", i);
        assert_int_equal(dmv_strv_push(&s.kernel_log, line), 0);
    }
    write_and_read(&s, &copy);
    assert_int_equal(dmv_strv_length(copy.kernel_log), DMV_SEEN_MAX_LINES);
    assert_string_equal(copy.kernel_log[DMV_SEEN_MAX_LINES - 1], "line 255");
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *why;
    } cases[] = {
        {"", DMV_EMPTY, NULL},
        {"{\"format\":\"dmv-seen-1\",", DMV_MALFORMED, NULL},
        {"[]", DMV_MALFORMED, NULL},
        {"{\"format\":\"dmv-seen-2\"," REST, DMV_MALFORMED, "its format is another one"},
        {"{\"format\":\"dmv-seen-1\",\"more\":1," REST, DMV_MALFORMED, NULL},
        {"{" REST, DMV_MALFORMED, NULL},
        {"{\"format\":\"dmv-seen-1\",\"lifelines\":[{\"kind\":\"cable\",\"what\":\"x\",\"chain\":\"\","
         "\"slots\":[]}],\"links\":[],\"names\":{\"names\":[]},\"kernel_log\":[]}",
         DMV_MALFORMED, "a lifeline is of no known kind"},
        {"{\"format\":\"dmv-seen-1\",\"lifelines\":[],\"links\":[\"a/b\"],\"names\":{\"names\":[]},"
         "\"kernel_log\":[]}",
         DMV_MALFORMED, "a link has no name of an interface"},
        {"{\"format\":\"dmv-seen-1\",\"lifelines\":[],\"links\":[],\"names\":{\"names\":[{}]},"
         "\"kernel_log\":[]}",
         DMV_MALFORMED, NULL},
        {"{\"format\":\"dmv-seen-1\",\"lifelines\":[],\"links\":[[[[[[]]]]]],\"names\":{\"names\":[]},"
         "\"kernel_log\":[]}",
         DMV_TOO_DEEP, NULL},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_SEEN DmvSeen s = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(dmv_seen_parse(cases[i].text, strlen(cases[i].text), &s, &e), cases[i].code);
        assert_non_null(e.why);
        if (cases[i].why)
            assert_string_equal(e.why, cases[i].why);
        assert_int_equal(s.n_lifelines, 0);
    }
}

static void test_limits(void **state)
{
    DMV_CLEANUP_FREE char *large = calloc(1, DMV_SEEN_MAX_BYTES + 1);
    DMV_CLEANUP_TEXT DmvText many = {0};
    DmvSeen s = {0};

    (void)state;
    assert_non_null(large);
    memset(large, ' ', DMV_SEEN_MAX_BYTES + 1);
    assert_int_equal(dmv_seen_parse(large, DMV_SEEN_MAX_BYTES + 1, &s, NULL), DMV_TOO_LARGE);
    dmv_text_append(&many,
                    "{\"format\":\"dmv-seen-1\",\"lifelines\":[],\"links\":[],\"names\":{\"names\":[]},"
                    "\"kernel_log\":[\"a\"");
    for (size_t i = 0; i < DMV_SEEN_MAX_LINES; i++)
        dmv_text_append(&many, ",\"a\"");
    dmv_text_append(&many, "]}");
    assert_int_equal(dmv_seen_parse(many.data, many.size, &s, NULL), DMV_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_too_many_lines),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
