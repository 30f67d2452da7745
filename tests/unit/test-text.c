/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"

static void test_append(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    char *text = NULL;
    size_t size = 99;

    (void)state;
    assert_int_equal(dmv_text_take(&t, &text, &size), 0); /* nothing is an empty text */
    assert_string_equal(text, "");
    assert_int_equal(size, 0);
    free(text);
    dmv_text_append(&t, "a");
    dmv_text_appendf(&t, "%d-%s", 7, "b");
    dmv_text_append_bytes(&t, "\0x", 2);
    dmv_text_append_bytes(&t, NULL, 0);
    assert_int_equal(dmv_text_take(&t, &text, &size), 0);
    assert_int_equal(size, 6);
    assert_memory_equal(text, "a7-b\0x\0", 7);
    free(text);
    assert_null(t.data);
    assert_int_equal(t.size, 0);
}

static void test_append_much(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    (void)state;
    for (size_t i = 0; i < 10000; i++) {
        dmv_text_append(&t, "0123456789");
        assert_int_equal(t.data[t.size], '\0');
    }
    assert_int_equal(t.size, 100000);
    for (size_t i = 0; i < t.size; i++)
        assert_int_equal(t.data[i], '0' + i % 10);
}

static void test_append_fails(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    char *text = NULL;

    (void)state;
    dmv_text_append(&t, "a");
    dmv_text_append_bytes(&t, "x", SIZE_MAX - 1); /* more than there can be; nothing is read */
    assert_int_equal(t.error, -ENOMEM);
    dmv_text_append(&t, "b");
    assert_int_equal(dmv_text_take(&t, &text, NULL), -ENOMEM);
    assert_null(text);
    assert_null(t.data);
    assert_int_equal(t.error, 0);
}

static void test_lists(void **state)
{
    DMV_CLEANUP_STRV char **v = NULL;
    DMV_CLEANUP_STRV char **copy = NULL;
    DMV_CLEANUP_STRV char **none = NULL;

    (void)state;
    assert_int_equal(dmv_strv_length(NULL), 0);
    assert_false(dmv_strv_contains(NULL, "a"));
    dmv_strv_sort(NULL);
    assert_null(dmv_strv_free(NULL));
    assert_int_equal(dmv_strv_copy(NULL, &none), 0);
    assert_null(none);

    assert_int_equal(dmv_strv_push(&v, "b"), 0);
    assert_int_equal(dmv_strv_push(&v, "c"), 0);
    assert_int_equal(dmv_strv_push(&v, "a"), 0);
    assert_int_equal(dmv_strv_push_unique(&v, "c"), 0);
    assert_int_equal(dmv_strv_push(&v, "b"), 0);
    assert_int_equal(dmv_strv_push_unique(&v, "d"), 0);
    assert_int_equal(dmv_strv_length(v), 5);
    assert_true(dmv_strv_contains(v, "d"));
    assert_false(dmv_strv_contains(v, "e"));
    dmv_strv_sort(v);
    assert_int_equal(dmv_strv_copy(v, &copy), 0);
    assert_string_equal(copy[0], "a");
    assert_string_equal(copy[1], "b");
    assert_string_equal(copy[2], "b");
    assert_string_equal(copy[3], "c");
    assert_string_equal(copy[4], "d");
    assert_null(copy[5]);
    assert_ptr_not_equal(copy[0], v[0]);

    dmv_strv_sort_unique(NULL);
    dmv_strv_sort_unique(v);
    assert_int_equal(dmv_strv_length(v), 4);
    assert_string_equal(v[1], "b");
    assert_string_equal(v[2], "c");
    assert_int_equal(dmv_strv_pushf_unique(&v, "%c", 'd'), 0);
    assert_int_equal(dmv_strv_pushf_unique(&v, "%s%d", "e", 1), 0);
    assert_int_equal(dmv_strv_length(v), 5);
    assert_string_equal(v[4], "e1");
}

static void test_arrays(void **state)
{
    DMV_CLEANUP_FREE uint32_t *a = NULL;
    size_t n = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t *x = DMV_ARRAY_ADD(a, n);

        assert_non_null(x);
        assert_int_equal(*x, 0);
        *x = i;
    }
    assert_int_equal(n, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(a[i], i);
}

static void test_comparisons(void **state)
{
    (void)state;
    assert_int_equal(dmv_strcmp0(NULL, NULL), 0);
    assert_true(dmv_strcmp0(NULL, "") < 0);
    assert_true(dmv_strcmp0("", NULL) > 0);
    assert_true(dmv_strcmp0("a", "b") < 0);
    assert_true(dmv_streq(NULL, NULL));
    assert_false(dmv_streq(NULL, ""));
    assert_true(dmv_streq("a", "a"));
    assert_true(dmv_starts_with("abc", "ab"));
    assert_true(dmv_starts_with("abc", ""));
    assert_false(dmv_starts_with("ab", "abc"));
    assert_true(dmv_ends_with("abc", "bc"));
    assert_true(dmv_ends_with("abc", ""));
    assert_false(dmv_ends_with("bc", "abc"));
    assert_false(dmv_ends_with("abc", "b"));
}

static void test_set_string(void **state)
{
    char *s = NULL;

    (void)state;
    assert_int_equal(dmv_set_string(&s, "a"), 0);
    assert_int_equal(dmv_set_string(&s, s), 0); /* a copy of itself */
    assert_string_equal(s, "a");
    assert_int_equal(dmv_set_string(&s, NULL), 0);
    assert_null(s);
}

static void test_close(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    errno = EXDEV;
    assert_int_equal(dmv_close(fd), -1);
    assert_int_equal(dmv_close(-1), -1);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* A text of @n times the same character. */
static const char *times(char c, size_t n)
{
    static char text[2048];

    assert_true(n < sizeof(text));
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "0", "intel-ice", "1.15.5", "a_b+c~d.e-", "Z"};
    static const char *const bad[] = {"",    ".",   "..",  "-a",  "_a",  ".a",       "+a",   "~a",
                                      "a/b", "a b", "a\n", "a@b", "a:b", "\xc3\xa4", "a\x7f"};

    (void)state;
    assert_false(dmv_name_is_valid(NULL));
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++) {
        assert_true(dmv_name_is_valid(good[i]));
        assert_true(dmv_kernel_name_is_valid(good[i]));
    }
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        assert_false(dmv_name_is_valid(bad[i]));
        assert_false(dmv_kernel_name_is_valid(bad[i]));
    }
    assert_true(dmv_name_is_valid(times('a', 64)));
    assert_false(dmv_name_is_valid(times('a', 65)));
    assert_true(dmv_kernel_name_is_valid(times('a', 127)));
    assert_false(dmv_kernel_name_is_valid(times('a', 128)));
    assert_true(dmv_kernel_name_is_valid("6.1.0-50-amd64"));
    assert_true(dmv_kernel_name_is_valid("4.19.0+1"));
}

static void test_module_names(void **state)
{
    (void)state;
    assert_false(dmv_module_name_is_valid(NULL));
    assert_false(dmv_module_name_is_valid(""));
    assert_true(dmv_module_name_is_valid("ice"));
    assert_true(dmv_module_name_is_valid("_x-1"));
    assert_false(dmv_module_name_is_valid("-x"));
    assert_false(dmv_module_name_is_valid("a.b"));
    assert_true(dmv_module_name_is_valid(times('a', 64)));
    assert_false(dmv_module_name_is_valid(times('a', 65)));

    assert_true(dmv_module_name_equal("snd-hda_intel", "snd_hda-intel"));
    assert_true(dmv_module_name_equal("", ""));
    assert_false(dmv_module_name_equal("ice", "ic"));
    assert_false(dmv_module_name_equal("ic", "ice"));
    assert_false(dmv_module_name_equal("ice", "Ice"));
}

static void test_module_name_from_file(void **state)
{
    static const struct {
        const char *path, *name;
    } good[] = {
        {"ice.ko", "ice"},   {"kernel/drivers/snd-hda-intel.ko", "snd_hda_intel"},
        {"/a/b.ko.xz", "b"}, {"b.ko.zst", "b"},
        {"b.ko.gz", "b"},
    };
    static const char *const bad[] = {"",           "ice",   ".ko",    "a/.ko",  "a/.ko.xz", "ice.ko/",
                                      "ice.ko.bz2", "ice.o", "a.b.ko", "a b.ko", "ice.KO",   "\xc3\xa4.ko"};
    char name[8];

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++) {
        char large[65];

        assert_true(dmv_module_name_from_file(good[i].path, large, sizeof(large)));
        assert_string_equal(large, good[i].name);
    }
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        char large[65];

        if (dmv_module_name_from_file(bad[i], large, sizeof(large)))
            fail_msg("taken: %s", bad[i]);
    }
    assert_true(dmv_module_name_from_file("1234567.ko", name, sizeof(name)));
    assert_false(dmv_module_name_from_file("12345678.ko", name, sizeof(name)));
}

static void test_relative_paths(void **state)
{
    static const char *const good[] = {"a", "a/b", "...", "a/..b", ".a", "a/.b.", "a+b/c~d,e%f"};
    static const char *const bad[] = {"",       "/",   "/a",   "a/",  "a//b",  ".",
                                      "..",     "./a", "../a", "a/.", "a/..",  "a/./b",
                                      "a/../b", "a b", "a\\b", "a\n", "a\x7f", "\xc3\xa4"};

    (void)state;
    assert_false(dmv_relative_path_is_valid(NULL));
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++)
        if (!dmv_relative_path_is_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        if (dmv_relative_path_is_valid(bad[i]))
            fail_msg("taken: %s", bad[i]);
    assert_true(dmv_relative_path_is_valid(times('a', 1024)));
    assert_false(dmv_relative_path_is_valid(times('a', 1025)));
}

static void test_hex(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x7f, 0x80, 0xff};
    char text[9];

    (void)state;
    dmv_hex(bytes, 4, text);
    assert_string_equal(text, "007f80ff");
    dmv_hex(bytes, 0, text);
    assert_string_equal(text, "");
    assert_true(dmv_is_hex("007f80ff", 8));
    assert_true(dmv_is_hex("", 0));
    assert_false(dmv_is_hex("007f80ff", 7));
    assert_false(dmv_is_hex("007f80f", 8));
    assert_false(dmv_is_hex("007F80FF", 8));
    assert_false(dmv_is_hex("007f80fg", 8));
    assert_false(dmv_is_hex(NULL, 0));
}

static void test_sanitize(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain ~", "plain ~"},
        {"\x01\t\n\x1b[0m\x7f", "???"
                                "?[0m?"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc2\x80\xc2\x9f\xc2\xa0", "????\xc2\xa0"},    /* C1 controls */
        {"\xc0\x80\xc1\xbf", "????"},                    /* overlong, two bytes */
        {"\xe0\x80\x80\xe0\xa0\x80", "???\xe0\xa0\x80"}, /* three */
        {"\xf0\x80\x80\x80\xf0\x90\x80\x80", "????\xf0\x90\x80\x80"},
        {"\xed\xa0\x80\xed\x9f\xbf", "???\xed\x9f\xbf"}, /* a surrogate */
        {"\xf4\x90\x80\x80\xf4\x8f\xbf\xbf", "????\xf4\x8f\xbf\xbf"},
        {"\xf5\x80\x80\x80\xff\xfe", "??????"},
        {"\x80 \xbf", "? ?"}, /* continuation of nothing */
        {"\xc3", "?"},
        {"\xe2\x82", "??"},
        {"\xf0\x9f\x98", "???"},
        {"\xe2\x82z", "??z"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *got = dmv_sanitize(cases[i].text);

        assert_string_equal(got, cases[i].want);
    }
}

static void test_numbers(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "01", "00", "1x", "0x1", "1.0"};
    uint64_t v = 7;

    (void)state;
    assert_int_equal(dmv_parse_u64(NULL, 10, &v), -EINVAL);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        assert_int_equal(dmv_parse_u64(bad[i], UINT64_MAX, &v), -EINVAL);
    assert_int_equal(dmv_parse_u64("11", 10, &v), -ERANGE);
    assert_int_equal(dmv_parse_u64("18446744073709551616", UINT64_MAX, &v), -ERANGE);
    assert_int_equal(dmv_parse_u64("99999999999999999999999", UINT64_MAX, &v), -ERANGE);
    assert_int_equal(v, 7);
    assert_int_equal(dmv_parse_u64("0", 0, &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(dmv_parse_u64("10", 10, &v), 0);
    assert_int_equal(v, 10);
    assert_int_equal(dmv_parse_u64("18446744073709551615", UINT64_MAX, &v), 0);
    assert_true(v == UINT64_MAX);
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t t;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2023-11-14T22:13:20Z", 1700000000},
        {"2024-02-29T23:59:59Z", 1709251199},
        {"2038-01-19T03:14:08Z", 2147483648},
        {"9999-12-31T23:59:59Z", 253402300799},
        {"1969-12-31T23:59:59Z", -1},
    };
    static const char *const bad[] = {
        "",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20z",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20Z ",
        "2023-11-14T22:13:20.5Z",
        "2023-11-14T22:13:20+00:00",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2023-04-31T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-01-01T24:00:00Z",
        "2023-01-01T00:60:00Z",
        "2023-01-01T00:00:60Z",
        " 023-01-01T00:00:00Z",
        "+023-01-01T00:00:00Z",
    };
    char text[21];
    int64_t t = 5;

    (void)state;
    assert_int_equal(dmv_parse_time(NULL, &t), -EINVAL);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        if (dmv_parse_time(bad[i], &t) != -EINVAL)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(t, 5);
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++) {
        assert_int_equal(dmv_parse_time(good[i].text, &t), 0);
        assert_true(t == good[i].t);
        dmv_format_time(t, text);
        assert_string_equal(text, good[i].text);
    }
    dmv_format_time(253402300800, text); /* the year 10000 does not fit */
    assert_string_equal(text, "----------T--:--:--Z");
    dmv_format_time(INT64_MAX, text);
    assert_string_equal(text, "----------T--:--:--Z");
}

static void test_sizes(void **state)
{
    static const struct {
        uint64_t n;
        const char *want;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1024 * 1024, "1.0 MiB"},
        {UINT64_C(3) << 30, "3.0 GiB"},
        {UINT64_C(5) << 40, "5.0 TiB"},
        {UINT64_MAX, "16777216.0 TiB"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        char text[16];

        dmv_format_bytes(cases[i].n, text);
        assert_string_equal(text, cases[i].want);
    }
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

/* Each is lower than the one after it. */
static void test_releases(void **state)
{
    static const char *const order[] = {"",
                                        "4.19.0+1",
                                        "4.19.227",
                                        "5",
                                        "5.10",
                                        "5.10.0-9",
                                        "5.10.0-9-amd64",
                                        "5.10.0-10",
                                        "5.10.0-a",
                                        "5.10.1",
                                        "6.1.0-50-amd64",
                                        "6.1.0-56-amd64",
                                        "6.1.0-100-amd64",
                                        "18446744073709551617",
                                        "x"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(order); i++)
        for (size_t k = 0; k < DMV_N_ELEMENTS(order); k++)
            if (sign(dmv_compare_releases(order[i], order[k])) != sign((int)i - (int)k))
                fail_msg("%s against %s", order[i], order[k]);
    /* leading zeros do not count, and yet no two different texts are equal */
    assert_true(dmv_compare_releases("5.10.0-009", "5.10.0-10") < 0);
    assert_true(dmv_compare_releases("5.10.0-009", "5.10.0-9") != 0);
    assert_int_equal(sign(dmv_compare_releases("5.10.0-009", "5.10.0-9")),
                     -sign(dmv_compare_releases("5.10.0-9", "5.10.0-009")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_append_much),
        cmocka_unit_test(test_append_fails),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_set_string),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_module_names),
        cmocka_unit_test(test_module_name_from_file),
        cmocka_unit_test(test_relative_paths),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_sanitize),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_releases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
