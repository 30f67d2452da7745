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

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "varlink/message.h"

#define CALL "{\"method\":\"a.b.C\""

static void test_calls(void **state)
{
    static const struct {
        const char *text;
        int n_parameters;
        bool oneway, more, upgrade;
    } rows[] = {
        {CALL "}", 0, false, false, false},
        {CALL ",\"parameters\":null}", 0, false, false, false},
        {CALL ",\"parameters\":{}}", 0, false, false, false},
        {"{\"parameters\":{\"a\":1,\"b\":2},\"method\":\"x\"}", 2, false, false, false},
        {CALL ",\"oneway\":true,\"more\":false}", 0, true, false, false},
        {CALL ",\"more\":true}", 0, false, true, false},
        {CALL ",\"upgrade\":true,\"com.example.x\":{\"y\":[]}}", 0, false, false, true},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};

        assert_int_equal(vl_message_parse_call(rows[i].text, strlen(rows[i].text), &m), 0);
        assert_non_null(m.method);
        assert_non_null(m.parameters);
        assert_int_equal(json_object_object_length(m.parameters), rows[i].n_parameters);
        assert_int_equal(m.oneway, rows[i].oneway);
        assert_int_equal(m.more, rows[i].more);
        assert_int_equal(m.upgrade, rows[i].upgrade);
    }
}

static void test_bad_calls(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "\"x\"",
        "{\"method\":1}",
        "{\"method\":null}",
        CALL,
        CALL ",\"x\":1}",
        CALL ",\"parameters\":1}",
        CALL ",\"parameters\":[]}",
        CALL ",\"parameters\":\"\"}",
        CALL ",\"oneway\":null}",
        CALL ",\"more\":0}",
        CALL ",\"upgrade\":\"true\"}",
        CALL ",\"oneway\":true,\"more\":true}",
        CALL ",\"oneway\":true,\"upgrade\":true}",
        CALL ",\"more\":true,\"upgrade\":true}",
        CALL ",\"error\":\"a.b.C\"}",
        CALL ",\"continues\":false}",
        CALL ",\"method\":\"a.b.C\"}",
        CALL "}}",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        VlMessage m = {0};

        assert_int_equal(vl_message_parse_call(rows[i], strlen(rows[i]), &m), -EBADMSG);
        assert_null(m.object);
    }
}

static void test_too_many_values(void **state)
{
    (void)state;
    for (unsigned n = 19997; n <= 19998; n++) { /* with the object, the name and the two containers */
        DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};
        DMV_CLEANUP_TEXT DmvText t = {0};

        dmv_text_append(&t, CALL ",\"parameters\":");
        dmv_text_append(&t, "{\"a\":[0");
        for (unsigned i = 1; i < n - 1; i++)
            dmv_text_append(&t, ",0");
        dmv_text_append(&t, "]}}");
        assert_int_equal(vl_message_parse_call(t.data, t.size, &m), n == 19997 ? 0 : -EBADMSG);
    }
}

static void test_replies(void **state)
{
    static const struct {
        const char *text, *error;
        bool continues;
        int want;
    } rows[] = {
        {"{}", NULL, false, 0},
        {"{\"parameters\":null}", NULL, false, 0},
        {"{\"continues\":true,\"parameters\":{\"a\":1}}", NULL, true, 0},
        {"{\"continues\":false}", NULL, false, 0},
        {"{\"error\":\"a.b.C\",\"parameters\":{}}", "a.b.C", false, 0},
        {"{\"error\":\"a.b.C\",\"continues\":false}", "a.b.C", false, 0},
        {"{\"x.y\":{}}", NULL, false, 0},
        {"{\"error\":\"a.b.C\",\"continues\":true}", NULL, false, -EBADMSG},
        {"{\"error\":\"a\"}", NULL, false, -EBADMSG},
        {"{\"error\":null}", NULL, false, -EBADMSG},
        {"{\"error\":1}", NULL, false, -EBADMSG},
        {"{\"continues\":null}", NULL, false, -EBADMSG},
        {"{\"parameters\":[]}", NULL, false, -EBADMSG},
        {"{\"method\":\"a.b.C\"}", NULL, false, -EBADMSG},
        {"[]", NULL, false, -EBADMSG},
        {"", NULL, false, -EBADMSG},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};

        assert_int_equal(vl_message_parse_reply(rows[i].text, strlen(rows[i].text), &m), rows[i].want);
        if (rows[i].want < 0)
            continue;
        assert_non_null(m.parameters);
        assert_int_equal(m.continues, rows[i].continues);
        assert_true(dmv_streq(m.error, rows[i].error));
    }
}

static json_object *one(void)
{
    json_object *o = json_object_new_object();

    assert_int_equal(dmv_json_add_int(o, "n", 1), 0);
    return o;
}

static void test_format(void **state)
{
    DMV_CLEANUP_JSON json_object *n = one();
    DMV_CLEANUP_JSON json_object *empty = json_object_new_object();
    DMV_CLEANUP_JSON json_object *array = json_object_new_array();
    DMV_CLEANUP_JSON json_object *nan = json_object_new_object();
    const struct {
        const char *name;
        json_object *params;
        unsigned flags; /* 8: a reply, 9: one that continues */
        int r;
        const char *want;
    } rows[] = {
        {"a.b.C", NULL, 0, 0, CALL "}"},
        {"a.b.C", empty, 0, 0, CALL "}"},
        {"a.b.C", n, 0, 0, CALL ",\"parameters\":{\"n\":1}}"},
        {"a.b.C", n, VL_FLAG_MORE, 0, CALL ",\"parameters\":{\"n\":1},\"more\":true}"},
        {"a.b.C", NULL, VL_FLAG_ONEWAY, 0, CALL ",\"oneway\":true}"},
        {"a.b.C", NULL, VL_FLAG_ONEWAY | VL_FLAG_MORE, -EINVAL, NULL},
        {"a.b.c", NULL, 0, -EINVAL, NULL},
        {NULL, NULL, 0, -EINVAL, NULL},
        {"a.b.C", array, 0, -EINVAL, NULL},
        {"a.b.C", nan, 0, -EINVAL, NULL},
        {NULL, NULL, 8, 0, "{}"},
        {NULL, n, 8, 0, "{\"parameters\":{\"n\":1}}"},
        {NULL, NULL, 9, 0, "{\"continues\":true}"},
        {NULL, n, 9, 0, "{\"parameters\":{\"n\":1},\"continues\":true}"},
        {"a.b.C", NULL, 8, 0, "{\"error\":\"a.b.C\"}"},
        {"a.b.C", n, 8, 0, "{\"error\":\"a.b.C\",\"parameters\":{\"n\":1}}"},
        {"a.b.C", n, 9, -EINVAL, NULL},
        {"a.b", n, 8, -EINVAL, NULL},
        {NULL, array, 8, -EINVAL, NULL},
    };

    (void)state;
    assert_int_equal(dmv_json_add(nan, "x", json_object_new_double(NAN)), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP_FREE char *text = NULL;
        size_t size = 0;
        int r;

        if (rows[i].flags >= 8)
            r = vl_message_format_reply(rows[i].name, rows[i].params, rows[i].flags == 9, &text, &size);
        else
            r = vl_message_format_call(rows[i].name, rows[i].params, rows[i].flags, &text, &size);
        assert_int_equal(r, rows[i].r);
        if (r < 0)
            continue;
        assert_string_equal(text, rows[i].want);
        assert_int_equal(size, strlen(text) + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),           cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_too_many_values), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
