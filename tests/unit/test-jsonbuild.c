/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/jsonbuild.h"

static void assert_built(DmvJsonBuilder *b, const char *want)
{
    DMV_CLEANUP_JSON json_object *o = dmv_jb_end(b);
    DMV_CLEANUP_FREE char *text = NULL;

    assert_non_null(o);
    assert_null(b->value);
    assert_int_equal(b->error, 0);
    assert_int_equal(dmv_json_format(o, &text, NULL), 0);
    assert_string_equal(text, want);
}

static void test_members(void **state)
{
    char a[] = "a", c[] = "\x01";
    char *const list[] = {a, c, NULL};
    DmvJsonBuilder b = {0};

    (void)state;
    dmv_jb_object(&b);
    assert_built(&b, "{}");
    dmv_jb_object(&b);
    dmv_jb_string(&b, "s", "text");
    dmv_jb_string(&b, "left out", NULL);
    dmv_jb_int(&b, "i", INT64_MIN);
    dmv_jb_bool(&b, "t", true);
    dmv_jb_bool(&b, "f", false);
    dmv_jb_strv(&b, "l", list);
    dmv_jb_strv(&b, "e", NULL);
    dmv_jb_value(&b, "v", json_object_new_int(7));
    assert_built(&b, "{\"s\":\"text\",\"i\":-9223372036854775808,\"t\":true,\"f\":false,\"l\":[\"a\",\"?\"],"
                     "\"e\":[],\"v\":7}");
}

/* Text from outside is made printable, unless its bytes matter. */
static void test_text(void **state)
{
    char newline[] = "a\nb";
    char *const list[] = {newline, NULL};
    DmvJsonBuilder b = {0};

    (void)state;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "clean", newline);
    dmv_jb_string(&b, "bytes", "\xff\xc3\xa4");
    dmv_jb_exact(&b, "exact", newline);
    dmv_jb_exact(&b, "left out", NULL);
    dmv_jb_exact_strv(&b, "list", list);
    dmv_jb_exact_strv(&b, "none", NULL);
    assert_built(
        &b,
        "{\"clean\":\"a?b\",\"bytes\":\"?\xc3\xa4\",\"exact\":\"a\\nb\",\"list\":[\"a\\nb\"],\"none\":[]}");
}

static void test_time_and_hex(void **state)
{
    DmvJsonBuilder b = {0};

    (void)state;
    dmv_jb_object(&b);
    dmv_jb_time(&b, "never", 0);
    dmv_jb_time(&b, "before", -1);
    dmv_jb_time(&b, "then", 1700000000);
    dmv_jb_hex(&b, "four", 0x8086, 4);
    dmv_jb_hex(&b, "six", 0x20000, 6);
    dmv_jb_hex(&b, "wide", UINT64_MAX, 4);
    assert_built(&b, "{\"then\":\"2023-11-14T22:13:20Z\",\"four\":\"8086\",\"six\":\"020000\",\"wide\":"
                     "\"ffffffffffffffff\"}");
}

static void test_array(void **state)
{
    DmvJsonBuilder b = {0}, inner = {0};

    (void)state;
    dmv_jb_array(&b);
    assert_built(&b, "[]");
    dmv_jb_array(&b);
    dmv_jb_add_string(&b, "x\ty");
    dmv_jb_object(&inner);
    dmv_jb_int(&inner, "n", 1);
    dmv_jb_add(&b, dmv_jb_end(&inner));
    assert_built(&b, "[\"x?y\",{\"n\":1}]");
}

/* One missing value spoils the whole, and whatever comes later is still freed (the sanitizers would tell). */
static void test_failure_sticks(void **state)
{
    DmvJsonBuilder b = {0};

    (void)state;
    dmv_jb_object(&b);
    dmv_jb_int(&b, "before", 1);
    dmv_jb_value(&b, "missing", NULL);
    assert_int_equal(b.error, -ENOMEM);
    dmv_jb_value(&b, "after", json_object_new_object());
    dmv_jb_string(&b, "after", "x");
    assert_null(dmv_jb_end(&b));
    assert_int_equal(b.error, 0);

    dmv_jb_array(&b);
    dmv_jb_add(&b, NULL);
    assert_int_equal(b.error, -ENOMEM);
    dmv_jb_add(&b, json_object_new_object());
    dmv_jb_add_string(&b, "x");
    assert_null(dmv_jb_end(&b));

    /* it can be used again */
    dmv_jb_array(&b);
    assert_built(&b, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),        cmocka_unit_test(test_text),
        cmocka_unit_test(test_time_and_hex),   cmocka_unit_test(test_array),
        cmocka_unit_test(test_failure_sticks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
