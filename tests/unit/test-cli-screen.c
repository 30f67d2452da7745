/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Screens, tables, progress, and what failures become: rendered into memory. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/call.h"
#include "cli/progress.h"
#include "cli/reply.h"
#include "cli/screen.h"
#include "cli/table.h"

typedef struct Memory {
    DmvScreen screen;
    char *out, *err;
    size_t out_size, err_size;
} Memory;

static void memory_init(Memory *m)
{
    *m = (Memory){.screen = {.program = "tool"}};
    m->screen.out = open_memstream(&m->out, &m->out_size);
    m->screen.err = open_memstream(&m->err, &m->err_size);
    assert_non_null(m->screen.out);
    assert_non_null(m->screen.err);
}

static void memory_deinit(Memory *m)
{
    (void)fclose(m->screen.out);
    (void)fclose(m->screen.err);
    free(m->out);
    free(m->err);
}

#define MEMORY DMV_CLEANUP(memory_deinit) Memory

static void expect_out(Memory *m, const char *want)
{
    assert_int_equal(fflush(m->screen.out), 0);
    assert_string_equal(m->out, want);
}

static void expect_err(Memory *m, const char *want)
{
    assert_int_equal(fflush(m->screen.err), 0);
    assert_string_equal(m->err, want);
}

static json_object *json(const char *text)
{
    static const DmvJsonLimits limits = {.size = 4096, .depth = 16, .nodes = 256};
    json_object *o = NULL;

    assert_int_equal(dmv_json_parse(text, strlen(text), &limits, &o, NULL), 0);
    return o;
}

static void test_json_forms(void **state)
{
    DMV_CLEANUP_JSON json_object *o = json("{\"a\":[1,{}, [],{\"b\":\"{x}, :\\\"\"}],\"c\":null}");
    MEMORY shorter, pretty;

    (void)state;
    memory_init(&shorter);
    memory_init(&pretty);
    shorter.screen.mode = DMV_OUTPUT_JSON_SHORT;
    pretty.screen.mode = DMV_OUTPUT_JSON_PRETTY;
    assert_int_equal(dmv_screen_json(&shorter.screen, o), 0);
    expect_out(&shorter, "{\"a\":[1,{},[],{\"b\":\"{x}, :\\\"\"}],\"c\":null}\n");
    assert_int_equal(dmv_screen_json(&pretty.screen, o), 0);
    expect_out(&pretty,
               "{\n  \"a\": [\n    1,\n    {},\n    [],\n    {\n      \"b\": \"{x}, :\\\"\"\n    }\n  ],\n"
               "  \"c\": null\n}\n");
}

static void test_json_escapes_what_terminals_obey(void **state)
{
    DMV_CLEANUP_JSON json_object *o =
        json_object_new_string("\xc2\x9b\xc2\x80\xc2\x9f\xc2\xa0\x7f\033\xc3\xa9\\");
    MEMORY m;

    (void)state;
    memory_init(&m);
    m.screen.mode = DMV_OUTPUT_JSON_SHORT;
    assert_int_equal(dmv_screen_json(&m.screen, o), 0);
    expect_out(&m, "\"\\u009b\\u0080\\u009f\xc2\xa0\\u007f\\u001b\xc3\xa9\\\\\"\n");
}

static const DmvColumn columns[] = {
    {"NAME", 0}, {"N", DMV_COLUMN_RIGHT}, {"MORE", DMV_COLUMN_HIDDEN}, {NULL, 0}};

static void fill(const DmvScreen *s, const char *fields, bool headings)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;

    assert_int_equal(dmv_table_new(s, columns, fields, headings, &t), 0);
    assert_int_equal(dmv_table_add(t, (const char *const[]){"long name", "7", "x"}), 0);
    dmv_table_paint(t, 0, DMV_PAINT_BAD);
    assert_int_equal(dmv_table_add(t, (const char *const[]){NULL, "12", ""}), 0);
    assert_int_equal(dmv_table_n_lines(t), 2);
    assert_int_equal(dmv_table_print(t), 0);
}

static void test_tables(void **state)
{
    MEMORY all, some, color, empty;
    DMV_CLEANUP_TABLE DmvTable *t = NULL;

    (void)state;
    memory_init(&all);
    memory_init(&some);
    memory_init(&color);
    memory_init(&empty);
    fill(&all.screen, NULL, true);
    expect_out(&all, "NAME       N\nlong name  7\n-         12\n");
    fill(&some.screen, "more,name", false);
    expect_out(&some, "x long name\n- -\n");
    color.screen.color = true;
    fill(&color.screen, "name", false);
    assert_int_equal(fflush(color.screen.out), 0);
    assert_non_null(strstr(color.out, "\033[31mlong name"));
    assert_int_equal(dmv_table_new(&empty.screen, columns, NULL, true, &t), 0);
    assert_int_equal(dmv_table_print(t), 0);
    expect_out(&empty, "");
}

static void test_a_long_table_is_not_cut(void **state)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    char cell[301];
    MEMORY m;

    (void)state;
    memory_init(&m);
    memset(cell, 'x', sizeof(cell) - 1);
    cell[sizeof(cell) - 1] = '\0';
    assert_int_equal(dmv_table_new(&m.screen,
                                   (const DmvColumn[]){{"A", DMV_COLUMN_SHRINK}, {"B", 0}, {NULL, 0}}, NULL,
                                   false, &t),
                     0);
    assert_int_equal(dmv_table_add(t, (const char *const[]){cell, cell}), 0);
    assert_int_equal(dmv_table_print(t), 0);
    assert_int_equal(fflush(m.screen.out), 0);
    assert_int_equal(m.out_size, 602);
}

static void test_a_terminal_wraps_at_words(void **state)
{
    static const DmvColumn wide[] = {{"A", DMV_COLUMN_WRAP}, {"B", DMV_COLUMN_WRAP}, {"C", 0}, {NULL, 0}};
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    MEMORY m;

    (void)state;
    memory_init(&m);
    m.screen.out_tty = true;
    m.screen.width = 24;
    assert_int_equal(dmv_table_new(&m.screen, wide, NULL, true, &t), 0);
    assert_int_equal(
        dmv_table_add(t, (const char *const[]){"one, two, three", "\xc3\xa9\xc3\xa9 four five", "last"}), 0);
    assert_int_equal(dmv_table_add(t, (const char *const[]){"x", "y", "z"}), 0);
    assert_int_equal(dmv_table_print(t), 0);
    expect_out(&m, "A      B            C\n"
                   "one,   \xc3\xa9\xc3\xa9 four five last\n"
                   "two,                \n"
                   "three               \n"
                   "x      y            z\n");
}

static void test_fields_that_are_not_there(void **state)
{
    static const char *const bad[] = {"", ",", "name,", ",name", "nam", "names", "name;n"};
    DmvTable *t = NULL;

    (void)state;
    assert_int_equal(dmv_table_check_fields(columns, NULL, NULL), 0);
    assert_int_equal(dmv_table_check_fields(columns, "N,more,name,n", NULL), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(dmv_table_check_fields(columns, bad[i], &e), DMV_INVALID_REQUEST);
        assert_string_equal(e.why, "there are name,n,more");
        assert_int_equal(dmv_table_new(NULL, columns, bad[i], true, &t), DMV_INVALID_REQUEST);
    }
}

static void show(DmvProgress *p, const char *text)
{
    DMV_CLEANUP_JSON json_object *job = json(text);

    assert_int_equal(dmv_progress_show(p, job), 0);
}

#define JOB(rest) "{\"action\":\"install\",\"object\":\"a/b@1\",\"phase\":" rest "}"

static void test_progress_elsewhere_is_a_line_for_every_phase(void **state)
{
    MEMORY m;
    DmvProgress p = {.screen = &m.screen};

    (void)state;
    memory_init(&m);
    assert_int_equal(dmv_progress_show(&p, NULL), 0);
    show(&p, JOB("\"download\",\"done\":0,\"total\":100"));
    show(&p, JOB("\"download\",\"done\":50,\"total\":100"));
    show(&p, JOB("\"ver\\u001bify\""));
    show(&p, "{}");
    dmv_progress_end(&p);
    expect_err(&m, "install a/b@1: download\ninstall a/b@1: ver?ify\njob: working\n");
    expect_out(&m, "");
}

static void test_progress_on_a_terminal_is_one_line(void **state)
{
    MEMORY m;
    DmvProgress p = {.screen = &m.screen};

    (void)state;
    memory_init(&m);
    m.screen.err_tty = true;
    show(&p, JOB("\"download\",\"done\":1048576,\"total\":4194304"));
    show(&p, JOB("\"depmod\",\"done\":1,\"total\":3"));
    show(&p, JOB("\"depmod\",\"done\":9,\"total\":3"));
    show(&p, JOB("\"depmod\",\"done\":-1,\"total\":0"));
    dmv_progress_end(&p);
    expect_err(
        &m,
        "\r\033[Kinstall a/b@1: download 25% (1.0 MiB of 4.0 MiB)\r\033[Kinstall a/b@1: depmod 33% (1 of 3)"
        "\r\033[Kinstall a/b@1: depmod 100% (3 of 3)\r\033[Kinstall a/b@1: depmod\r\033[K");
}

static void test_progress_is_not_wider_than_the_terminal(void **state)
{
    MEMORY m;
    DmvProgress p = {.screen = &m.screen};

    (void)state;
    memory_init(&m);
    m.screen.err_tty = true;
    m.screen.width = 12;
    show(&p, JOB("\"download\""));
    dmv_progress_end(&p);
    expect_err(&m, "\r\033[Kinstall a/b\r\033[K");
}

static void test_replies_of_any_shape(void **state)
{
    DMV_CLEANUP_JSON json_object *o =
        json("{\"s\":\"\",\"n\":1.5,\"i\":-7,\"b\":true,\"a\":[\"x\",1,null],\"z\":null}");
    DMV_CLEANUP_TEXT DmvText t = {0};

    (void)state;
    assert_string_equal(dmv_reply_string(o, "s"), "");
    assert_string_equal(dmv_reply_string_or(o, "s", "empty"), "empty");
    assert_null(dmv_reply_string(o, "i"));
    assert_null(dmv_reply_string(NULL, "s"));
    assert_int_equal(dmv_reply_int(o, "i", 0), -7);
    assert_int_equal(dmv_reply_int(o, "n", 3), 3);
    assert_true(dmv_reply_bool(o, "b"));
    assert_false(dmv_reply_bool(o, "i"));
    assert_true(dmv_reply_has(o, "n"));
    assert_false(dmv_reply_has(o, "z"));
    assert_int_equal(dmv_reply_count(o, "a"), 3);
    assert_int_equal(dmv_reply_count(o, "s"), 0);
    assert_null(dmv_reply_at(o, "a", 3));
    assert_string_equal(dmv_reply_string_at(o, "a", 1), "");
    assert_int_equal(dmv_reply_join(&t, o, "a", "+"), 3);
    assert_string_equal(t.data, "x++");
    assert_null(dmv_reply_array(o, "b"));
    assert_null(dmv_reply_object(o, "a"));
    assert_int_equal(dmv_reply_count(dmv_reply_array(o, "a"), "a"), 0);
}

static void test_replies_are_made_safe(void **state)
{
    DMV_CLEANUP_JSON json_object *o =
        json("{\"a\":[\"\\u001b[2J\",{\"b\":\"x\\ny\",\"c\":\"\\u009b\"}],\"d\":\"\xc3\xa9\"}");
    MEMORY m;

    (void)state;
    memory_init(&m);
    m.screen.mode = DMV_OUTPUT_JSON_SHORT;
    assert_int_equal(dmv_reply_sanitize(o), 0);
    assert_int_equal(dmv_reply_sanitize(NULL), 0);
    assert_int_equal(dmv_screen_json(&m.screen, o), 0);
    assert_int_equal(fflush(m.screen.out), 0);
    assert_null(strstr(m.out, "\\u"));
    assert_null(strstr(m.out, "\\n"));
    assert_non_null(strstr(m.out, "?[2J"));
    assert_non_null(strstr(m.out, "\xc3\xa9"));
}

static void test_failures_of_this_side(void **state)
{
    DMV_CLEANUP_FAILURE DmvFailure refused = {0}, broken = {0};
    DmvError e = {0};
    MEMORY text, object;

    (void)state;
    memory_init(&text);
    memory_init(&object);
    dmv_error_set(&e, DMV_UNREACHABLE, "cannot reach x", "start it", "no\033 socket");
    assert_int_equal(dmv_failure_set(&refused, DMV_UNREACHABLE, &e), DMV_UNREACHABLE);
    assert_null(e.what);
    assert_int_equal(dmv_failure_exit(&refused), DMV_EXIT_UNREACHABLE);
    dmv_failure_print(&refused, &text.screen);
    expect_err(&text, "tool: cannot reach x: no? socket\n  next: start it\n");
    object.screen.mode = DMV_OUTPUT_JSON_SHORT;
    dmv_failure_print(&refused, &object.screen);
    expect_out(
        &object,
        "{\"error\":{\"id\":\"io.dmv.Manager.Unreachable\",\"reason\":\"unreachable\","
        "\"what\":\"cannot reach x\",\"why\":\"no\\u001b socket\",\"next\":\"start it\",\"exit\":5}}\n");
    expect_err(&object, "");

    assert_int_equal(dmv_failure_set(&broken, -ENOMEM, NULL), -ENOMEM);
    assert_int_equal(dmv_failure_exit(&broken), DMV_EXIT_FAILED);
    assert_string_equal(broken.id, "io.dmv.Manager.Failed");
    assert_string_equal(broken.error.why, strerror(ENOMEM));
}

static void test_colour_is_asked_for(void **state)
{
    DmvScreen s;

    (void)state;
    (void)setenv("TERM", "xterm", 1);
    (void)setenv("NO_COLOR", "1", 1);
    dmv_screen_init(&s, "tool", DMV_OUTPUT_TEXT, DMV_COLOR_ALWAYS);
    assert_string_equal(dmv_screen_paint(&s, DMV_PAINT_BAD), "\033[31m");
    dmv_screen_init(&s, "tool", DMV_OUTPUT_JSON_PRETTY, DMV_COLOR_AUTO);
    assert_string_equal(dmv_screen_paint(&s, DMV_PAINT_BAD), "");
    assert_int_equal(s.mode, DMV_OUTPUT_JSON_PRETTY);
    dmv_screen_init(&s, "tool", DMV_OUTPUT_JSON, DMV_COLOR_NEVER);
    assert_int_not_equal(s.mode, DMV_OUTPUT_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_forms),
        cmocka_unit_test(test_json_escapes_what_terminals_obey),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_a_long_table_is_not_cut),
        cmocka_unit_test(test_a_terminal_wraps_at_words),
        cmocka_unit_test(test_fields_that_are_not_there),
        cmocka_unit_test(test_progress_elsewhere_is_a_line_for_every_phase),
        cmocka_unit_test(test_progress_on_a_terminal_is_one_line),
        cmocka_unit_test(test_progress_is_not_wider_than_the_terminal),
        cmocka_unit_test(test_replies_of_any_shape),
        cmocka_unit_test(test_replies_are_made_safe),
        cmocka_unit_test(test_failures_of_this_side),
        cmocka_unit_test(test_colour_is_asked_for),
    };

    assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
