/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"

static const DmvJsonLimits limits = {.size = 4096, .depth = 8, .nodes = 64};

/* From a heap copy of exactly that size, so that a sanitizer sees a read beyond it. */
static int parse_bytes(const char *data, size_t size, const DmvJsonLimits *l, json_object **ret, DmvError *e)
{
    DMV_CLEANUP_FREE char *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, data, size);
    return dmv_json_parse(copy, size, l, ret, e);
}

static void check(const char *data, size_t size, int want)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    int r = parse_bytes(data, size, &limits, &o, &e);

    if (r != want)
        print_error("input: %s\n", data);
    assert_int_equal(r, want);
    assert_int_equal(e.code, want);
    assert_true(want == 0 || e.why);
    assert_true(want == 0 || !o);
}

static void test_refuses_what_is_not_json(void **state)
{
    static const char *const bad[] = {
        " ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "['a']",
        "{1:1}",
        "{,}",
        "nul",
        "nulll",
        "True",
        "TRUE",
        "tru",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1.e1",
        "0x1",
        "1_0",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u\"",
        "\"a\tb\"",
        "\"a\nb\"",
        "\"\\u0000\"",
        "{\"a\\u0000b\":1}",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800x\"",
        "\"\\udc00\\ud800\"",
        "\"\xc0\xaf\"",
        "\"\xc1\xbf\"",
        "\"\xe0\x80\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\x80\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xe2\x82\"",
        "\"\xf0\x9f\x98\"",
        "\xef\xbb\xbf{}",
        "{} x",
        "{}{}",
        "1 2",
        "// c\n1",
        "/* c */ 1",
        "{}\f",
        "\v1",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999999999",
        "1e400",
        "-1e999",
        "[1e309]",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        check(bad[i], strlen(bad[i]), DMV_MALFORMED);
    check("{}\0", 3, DMV_MALFORMED);
    check("\0", 1, DMV_MALFORMED);
    check("\"a\0b\"", 5, DMV_MALFORMED);
    check("\"\\\0\"", 4, DMV_MALFORMED);
    check("", 0, DMV_EMPTY);
}

static void test_takes_what_is_json(void **state)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        {"null", "null"},
        {"true", "true"},
        {" false\n", "false"},
        {"0", "0"},
        {"-0", "0"},
        {"\t-12 ", "-12"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1.5", "1.5"},
        {"1E3", "1E3"},
        {"\"\"", "\"\""},
        {"\"a/b\\/c\"", "\"a/b/c\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80\"", "\"\xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80\""},
        {"\"\x7f\"", "\"\\u007f\""},
        {"{\"\x7f\":[\"\\u007f\"]}", "{\"\\u007f\":[\"\\u007f\"]}"},
        {"\"\\b\\f\\n\\r\\t\\\"\\\\\"", "\"\\b\\f\\n\\r\\t\\\"\\\\\""},
        {"[ ]", "[]"},
        {"{ }", "{}"},
        {" { \"a\" : [ 1 , { \"b\" : null } ] , \"\" : { } } ", "{\"a\":[1,{\"b\":null}],\"\":{}}"},
        {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++) {
        DMV_CLEANUP_JSON json_object *o = NULL;
        DMV_CLEANUP_FREE char *text = NULL;
        size_t size = 0;

        assert_int_equal(parse_bytes(good[i].in, strlen(good[i].in), &limits, &o, NULL), 0);
        assert_int_equal(dmv_json_format(o, &text, &size), 0);
        assert_string_equal(text, good[i].out);
        assert_int_equal(size, strlen(good[i].out));
    }
}

static void test_every_cut_is_refused(void **state)
{
    static const char whole[] =
        "{\"a\":[1,-2.5e3,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":true,\"d\":null}}";

    (void)state;
    check(whole, sizeof(whole) - 1, 0);
    for (size_t n = 1; n < sizeof(whole) - 1; n++)
        check(whole, n, DMV_MALFORMED);
}

static void test_duplicate_members(void **state)
{
    static const char *const bad[] = {
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]",
        "{\"a\":{\"b\":1},\"a\":{\"c\":1}}",
        "{\"\":1,\"\":2}",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        check(bad[i], strlen(bad[i]), DMV_MALFORMED);
}

static void test_limits(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        int want;
    } rows[] = {
        {"[1,2]", 5, 0},  {"[1,2] ", 5, DMV_TOO_LARGE},  {"[1,2,3]", 100, DMV_TOO_LARGE},
        {"[[]]", 100, 0}, {"[[[]]]", 100, DMV_TOO_DEEP}, {"{\"a\":{\"b\":{", 100, DMV_TOO_DEEP},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        const DmvJsonLimits l = {.size = rows[i].size, .depth = 2, .nodes = 3};
        DMV_CLEANUP_JSON json_object *o = NULL;

        assert_int_equal(parse_bytes(rows[i].text, strlen(rows[i].text), &l, &o, NULL), rows[i].want);
    }
}

static void test_deepest(void **state)
{
    const DmvJsonLimits l = {.size = 1000, .depth = 1000, .nodes = 1000};
    char nested[131];

    (void)state;
    for (unsigned depth = 64; depth <= 65; depth++) {
        DMV_CLEANUP_JSON json_object *o = NULL;

        memset(nested, '[', depth);
        memset(nested + depth, ']', depth);
        assert_int_equal(parse_bytes(nested, 2 * (size_t)depth, &l, &o, NULL),
                         depth == 64 ? 0 : DMV_TOO_DEEP);
    }
}

static void test_plain_integers(void **state)
{
    static const char *const bad[] = {"-1", "-0", "1.0", "1e3", "1000000000000000", "9223372036854775807"};
    const DmvJsonLimits l = {.size = 100, .depth = 2, .nodes = 10, .plain_integers = true};
    DMV_CLEANUP_JSON json_object *o = NULL;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        assert_int_equal(parse_bytes(bad[i], strlen(bad[i]), &l, &o, NULL), DMV_MALFORMED);
    assert_int_equal(parse_bytes("999999999999999", 15, &l, &o, NULL), 0);
    assert_true(json_object_get_int64(o) == 999999999999999);
}

static void test_wide_integers(void **state)
{
    static const char text[] = " {\"a\":99999999999999999999,\"b\":[-9223372036854775809,7],\"c\":\"x\"} ";
    const DmvJsonLimits l = {.size = 100, .depth = 2, .nodes = 10, .wide_integers = true};
    DMV_CLEANUP_JSON json_object *o = NULL;
    json_object *b;

    (void)state;
    assert_int_equal(parse_bytes(text, sizeof(text) - 1, &l, &o, NULL), 0);
    assert_true(json_object_is_type(json_object_object_get(o, "a"), json_type_double));
    assert_true(json_object_get_double(json_object_object_get(o, "a")) > 9.9e19);
    b = json_object_object_get(o, "b");
    assert_true(json_object_is_type(json_object_array_get_idx(b, 0), json_type_double));
    assert_int_equal(json_object_get_int64(json_object_array_get_idx(b, 1)), 7);
    assert_string_equal(json_object_get_string(json_object_object_get(o, "c")), "x");
}

static void test_error_says_where(void **state)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    json_object *o = NULL;

    (void)state;
    assert_int_equal(dmv_json_parse("{\"a\":tru}", 9, &limits, &o, &e), DMV_MALFORMED);
    assert_string_equal(e.why, "byte 5: not a value");
}

static void test_format_refuses(void **state)
{
    json_object *bad[] = {
        json_object_new_double(NAN),          json_object_new_double(INFINITY),
        json_object_new_string("\xc0\xaf"),   json_object_new_string("\xed\xa0\x80"),
        json_object_new_string_len("a\0", 2), json_object_new_uint64(UINT64_MAX),
    };
    DMV_CLEANUP_FREE char *text = NULL;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_JSON json_object *array = json_object_new_array();
        DMV_CLEANUP_JSON json_object *o = json_object_new_object();

        json_object_array_add(array, bad[i]);
        json_object_object_add(o, "x", json_object_get(array));
        assert_int_equal(dmv_json_format(o, &text, NULL), -EINVAL);
    }
    {
        DMV_CLEANUP_JSON json_object *o = json_object_new_object();

        json_object_object_add(o, "\xff", NULL);
        assert_int_equal(dmv_json_format(o, &text, NULL), -EINVAL);
    }
    assert_null(text);
}

static json_object *must_parse(const char *text)
{
    json_object *o = NULL;

    assert_int_equal(dmv_json_parse(text, strlen(text), &limits, &o, NULL), 0);
    return o;
}

typedef struct Row {
    const char *s;
    char *dup;
    char **list;
    int64_t i;
    bool b;
    json_object *o, *a, *any;
} Row;

static int read_row(const char *text, Row *row, bool allow_unknown, DmvError *e)
{
    DMV_CLEANUP_JSON json_object *o = must_parse(text);
    const DmvJsonField fields[] = {
        {"s", DMV_JSON_STRING, DMV_JSON_REQUIRED, &row->s},
        {"dup", DMV_JSON_STRDUP, DMV_JSON_NON_EMPTY, &row->dup},
        {"list", DMV_JSON_STRV, DMV_JSON_NON_EMPTY, &row->list},
        {"i", DMV_JSON_INT, 0, &row->i},
        {"b", DMV_JSON_BOOL, 0, &row->b},
        {"o", DMV_JSON_OBJECT, 0, &row->o},
        {"a", DMV_JSON_ARRAY, 0, &row->a},
        {"any", DMV_JSON_ANY, 0, &row->any},
    };

    return dmv_json_read(o, "row[1]", fields, DMV_N_ELEMENTS(fields), allow_unknown, e);
}

static void deinit_row(Row *row)
{
    free(row->dup);
    dmv_strv_free(row->list);
}

static void test_read(void **state)
{
    DMV_CLEANUP(deinit_row) Row row = {.i = 5, .b = true};

    (void)state;
    assert_int_equal(read_row("{\"s\":\"\",\"i\":null}", &row, false, NULL), 0);
    assert_int_equal(row.i, 5);
    assert_true(row.b);
    assert_null(row.any);
    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(
            read_row("{\"s\":\"x\",\"dup\":\"d\",\"list\":[\"p\",\"q\"],\"i\":-7,\"b\":false,\"o\":{},"
                     "\"a\":[],\"any\":1.5}",
                     &row, false, NULL),
            0);
    assert_string_equal(row.dup, "d");
    assert_int_equal(dmv_strv_length(row.list), 2);
    assert_string_equal(row.list[1], "q");
    assert_int_equal(row.i, -7);
    assert_false(row.b);
    assert_non_null(row.o);
    assert_non_null(row.a);
    assert_non_null(row.any);
}

static void test_read_refuses(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"{}", "row[1]: \"s\" is missing"},
        {"{\"s\":null}", "row[1]: \"s\" is missing"},
        {"{\"s\":1}", "row[1]: \"s\" is not a string"},
        {"{\"s\":\"\",\"i\":\"3\"}", "row[1]: \"i\" is not an integer"},
        {"{\"s\":\"\",\"i\":3.0}", "row[1]: \"i\" is not an integer"},
        {"{\"s\":\"\",\"b\":0}", "row[1]: \"b\" is not a boolean"},
        {"{\"s\":\"\",\"o\":[]}", "row[1]: \"o\" is not an object"},
        {"{\"s\":\"\",\"a\":{}}", "row[1]: \"a\" is not an array"},
        {"{\"s\":\"\",\"list\":\"x\"}", "row[1]: \"list\" is not an array of strings"},
        {"{\"s\":\"\",\"list\":[\"x\",null]}", "row[1]: \"list\" is not an array of strings"},
        {"{\"s\":\"\",\"list\":[]}", "row[1]: \"list\" is empty"},
        {"{\"s\":\"\",\"dup\":\"\"}", "row[1]: \"dup\" is empty"},
        {"{\"s\":\"\",\"z\":1}", "row[1]: \"z\" is not known here"},
        {"[]", "row[1] is not an object"},
        {"null", "row[1] is not an object"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP(deinit_row) Row row = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(read_row(bad[i].text, &row, false, &e), DMV_MALFORMED);
        assert_string_equal(e.why, bad[i].why);
    }
    {
        DMV_CLEANUP(deinit_row) Row row = {0};

        assert_int_equal(read_row("{\"s\":\"\",\"z\":1}", &row, true, NULL), 0);
    }
}

static void test_add(void **state)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    DMV_CLEANUP_FREE char *text = NULL;
    char *const list[] = {(char *)"x", (char *)"y", NULL};

    (void)state;
    assert_int_equal(dmv_json_add_string(o, "s", "v"), 0);
    assert_int_equal(dmv_json_add_string(o, "none", NULL), 0);
    assert_int_equal(dmv_json_add_int(o, "i", INT64_MIN), 0);
    assert_int_equal(dmv_json_add_bool(o, "b", true), 0);
    assert_int_equal(dmv_json_add_strv(o, "l", list), 0);
    assert_int_equal(dmv_json_add_strv(o, "e", NULL), 0);
    assert_int_equal(dmv_json_add(o, "x", NULL), -ENOMEM);
    assert_int_equal(dmv_json_add(NULL, "x", json_object_new_object()), -ENOMEM);
    assert_int_equal(dmv_json_format(o, &text, NULL), 0);
    assert_string_equal(text,
                        "{\"s\":\"v\",\"i\":-9223372036854775808,\"b\":true,\"l\":[\"x\",\"y\"],\"e\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_is_not_json),
        cmocka_unit_test(test_takes_what_is_json),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_duplicate_members),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_deepest),
        cmocka_unit_test(test_plain_integers),
        cmocka_unit_test(test_wide_integers),
        cmocka_unit_test(test_error_says_where),
        cmocka_unit_test(test_format_refuses),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_refuses),
        cmocka_unit_test(test_add),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
