/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json-cut.h"
#include "base/text.h"

static const DmvJsonLimits limits = {.size = 4096, .depth = 8, .nodes = 64};

/* Cuts "x" out of a heap copy of exactly the text's size; gives the rest and the cut bytes as "REST|CUT". */
static int cut(const char *text, char **ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    size_t size = strlen(text), n = 99;
    DMV_CLEANUP_FREE char *exact = malloc(size ? size : 1), *rest = NULL;
    const char *p = "";
    int r;

    assert_non_null(exact);
    memcpy(exact, text, size);
    r = dmv_json_cut(exact, size, &limits, "x", &o, &p, &n, &e);
    assert_int_equal(e.code, r);
    assert_int_equal(o != NULL, r == 0);
    *ret = NULL;
    if (r != 0)
        return r;
    assert_int_equal(dmv_json_format(o, &rest, NULL), 0);
    assert_true(p || n == 0);
    assert_true(asprintf(ret, "%s|%.*s", rest, (int)n, p ? p : "") > 0);
    return 0;
}

static void test_cut(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "{}|"},
        {"{\"a\":1}", "{\"a\":1}|"},
        {"{\"x\":1}", "{\"x\":null}|1"},
        {" { \"x\" : [ 1 , {\"y\":2} ] , \"a\":\"b\" } ", "{\"x\":null,\"a\":\"b\"}|[ 1 , {\"y\":2} ]"},
        {"{\"a\":{\"x\":1},\"x\":{}}", "{\"a\":{\"x\":1},\"x\":null}|{}"},
        {"{\"a\":[{\"x\":1}],\"x\":[]}", "{\"a\":[{\"x\":1}],\"x\":null}|[]"},
        {"{\"x\":\"q\\\"\"}", "{\"x\":null}|\"q\\\"\""},
        {"{\"x\":null}", "{\"x\":null}|null"},
        {"{\"x\":{\"x\":{\"x\":1}},\"y\":2}", "{\"x\":null,\"y\":2}|{\"x\":{\"x\":1}}"},
        {"{\"xx\":1,\"\":2}", "{\"xx\":1,\"\":2}|"},
        /* nobody has looked inside yet */
        {"{\"x\":{\"a\":1,\"a\":2}}", "{\"x\":null}|{\"a\":1,\"a\":2}"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *got = NULL;

        assert_int_equal(cut(cases[i][0], &got), 0);
        assert_string_equal(got, cases[i][1]);
    }
}

static void test_cut_refuses(void **state)
{
    static const struct {
        const char *text;
        int want;
    } bad[] = {
        {"", DMV_EMPTY},
        {" ", DMV_MALFORMED},
        {"[]", DMV_MALFORMED},
        {"[{\"x\":1}]", DMV_MALFORMED},
        {"7", DMV_MALFORMED},
        {"null", DMV_MALFORMED},
        {"{\"x\":1", DMV_MALFORMED},
        {"{\"x\":}", DMV_MALFORMED},
        {"{\"x\":tru}", DMV_MALFORMED},
        {"{\"x\":1}}", DMV_MALFORMED},
        {"{\"x\":1,\"x\":2}", DMV_MALFORMED},
        {"{\"a\":1,\"x\":3,\"a\":2}", DMV_MALFORMED},
        {"{\"\\u0078\":1}", DMV_MALFORMED},
        {"{\"a\\n\":1}", DMV_MALFORMED},
        {"{\"x\":[[[[[[[[]]]]]]]]}", DMV_TOO_DEEP},
        {"{\"x\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
         "1,1,1,1,1,1,"
         "1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
         DMV_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_FREE char *got = NULL;
        int r = cut(bad[i].text, &got);

        if (r != bad[i].want)
            print_error("%s: %s\n", bad[i].text, dmv_outcome_reason(r));
        assert_int_equal(r, bad[i].want);
    }
}

/* Cut anywhere else: refused, and never read beyond. */
static void test_truncated(void **state)
{
    static const char text[] = "{\"a\":[1,2,{\"b\":null}],\"x\":[true,\"\\u00e4\",{}],\"c\":\"d\"}";

    (void)state;
    for (size_t n = 1; n < strlen(text); n++) {
        DMV_CLEANUP_FREE char *part = strndup(text, n), *got = NULL;

        assert_int_equal(cut(part, &got), DMV_MALFORMED);
    }
}

/* ---- arrays ---- */

static int append_element(json_object *o, size_t index, void *userdata, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;

    if (json_object_is_type(o, json_type_string))
        return dmv_error_set(reterr, DMV_BUSY, "stopped", NULL, "at %zu", index);
    assert_int_equal(dmv_json_format(o, &text, NULL), 0);
    dmv_text_appendf(userdata, "%zu:%s ", index, text);
    return 0;
}

static int each(const char *text, DmvText *got)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t size = strlen(text);
    DMV_CLEANUP_FREE char *exact = malloc(size ? size : 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, text, size);
    dmv_text_append(got, "");
    r = dmv_json_each(exact, size, &limits, append_element, got, &e);
    assert_int_equal(e.code, r);
    return r;
}

static void test_each(void **state)
{
    static const char *const cases[][2] = {
        {"[]", ""},
        {" [ ] ", ""},
        {"[1]", "0:1 "},
        {"[ 1 , -2.5 , null , true ]", "0:1 1:-2.5 2:null 3:true "},
        {"[{\"a\":[1]},[],{}]", "0:{\"a\":[1]} 1:[] 2:{} "},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_TEXT DmvText got = {0};

        assert_int_equal(each(cases[i][0], &got), 0);
        assert_string_equal(got.data, cases[i][1]);
    }
}

static void test_each_refuses(void **state)
{
    static const struct {
        const char *text;
        int want;
        const char *before;
    } bad[] = {
        {"", DMV_EMPTY, ""},
        {"{}", DMV_MALFORMED, ""},
        {"[", DMV_MALFORMED, ""},
        {"[,1]", DMV_MALFORMED, ""},
        {"[1,]", DMV_MALFORMED, "0:1 "},
        {"[1 2]", DMV_MALFORMED, "0:1 "},
        {"[1}", DMV_MALFORMED, "0:1 "},
        {"[1", DMV_MALFORMED, "0:1 "},
        {"[1]]", DMV_MALFORMED, "0:1 "},
        {"[1,{\"a\":1,\"a\":2}]", DMV_MALFORMED, "0:1 "},
        {"[1,{\"a\":1,\"\\u0061\":2}]", DMV_MALFORMED, "0:1 "},
        {"[1,nul]", DMV_MALFORMED, "0:1 "},
        {"[1,[[[[[[[[[]]]]]]]]]]", DMV_TOO_DEEP, "0:1 "},
        {"[1,\"stop\",2]", DMV_BUSY, "0:1 "},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_TEXT DmvText got = {0};

        assert_int_equal(each(bad[i].text, &got), bad[i].want);
        assert_string_equal(got.data, bad[i].before);
    }
}

/* What changes the bytes of a number has no place where bytes are handed out. */
static void test_wide_integers(void **state)
{
    const DmvJsonLimits wide = {.size = 4096, .depth = 8, .nodes = 64, .wide_integers = true};
    json_object *o = NULL;
    const char *p;
    size_t n;

    (void)state;
    assert_int_equal(dmv_json_cut("{}", 2, &wide, "x", &o, &p, &n, NULL), -EINVAL);
    assert_int_equal(dmv_json_each("[]", 2, &wide, append_element, NULL, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_cut_refuses),
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_each),
        cmocka_unit_test(test_each_refuses), cmocka_unit_test(test_wide_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
