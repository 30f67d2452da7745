/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "model/note.h"

#define CLEANUP_NOTE DMV_CLEANUP(dmv_note_deinit)

static void put(DmvText *t, uint32_t v)
{
    const uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};

    dmv_text_append_bytes(t, bytes, sizeof(bytes));
}

static void pad(DmvText *t)
{
    while (t->size % 4)
        dmv_text_append_bytes(t, "", 1);
}

/* A record as some generator writes it: @name_size says whether the NUL is counted. */
static void record(DmvText *t, uint32_t name_size, const char *name, uint32_t type, const char *value)
{
    put(t, name_size);
    put(t, (uint32_t)strlen(value) + 1);
    put(t, type);
    dmv_text_append_bytes(t, name, name_size);
    pad(t);
    dmv_text_append_bytes(t, value, strlen(value) + 1);
    pad(t);
}

static void test_both_sizes_of_the_name(void **state)
{
    (void)state;
    for (uint32_t name_size = 9; name_size <= 10; name_size++) {
        DMV_CLEANUP_TEXT DmvText t = {0};
        CLEANUP_NOTE DmvNote n = {0};

        record(&t, name_size, "XenServer", 2, "1.15.5");
        record(&t, name_size, "XenServer", 3, "7");
        record(&t, name_size, "XenServer", 1, "dell");
        assert_int_equal(dmv_note_parse(t.data, t.size, &n), 0);
        assert_string_equal(n.variant, "dell");
        assert_string_equal(n.version, "1.15.5");
        assert_string_equal(n.release, "7");
    }
}

static void test_some_records_only(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    CLEANUP_NOTE DmvNote n = {0}, none = {0};

    (void)state;
    record(&t, 6, "Other", 1, "not ours");
    record(&t, 10, "XenServer", 9, "a type of the future");
    record(&t, 9, "XenServer", 1, "generic");
    assert_int_equal(dmv_note_parse(t.data, t.size, &n), 0);
    assert_string_equal(n.variant, "generic");
    assert_null(n.version);
    assert_null(n.release);
    assert_int_equal(dmv_note_parse("", 0, &none), 0);
    assert_null(none.variant);
}

static void test_padding_at_the_end(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    CLEANUP_NOTE DmvNote cut = {0}, filled = {0};

    (void)state;
    record(&t, 10, "XenServer", 1, "ab"); /* 3 bytes and one of padding */
    assert_int_equal(dmv_note_parse(t.data, t.size - 1, &cut), 0);
    assert_string_equal(cut.variant, "ab");
    dmv_text_append_bytes(&t, "\0\0\0\0", 4);
    assert_int_equal(dmv_note_parse(t.data, t.size, &filled), 0);
    assert_string_equal(filled.variant, "ab");
}

static void test_repeated(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    CLEANUP_NOTE DmvNote n = {0}, contradiction = {0};

    (void)state;
    record(&t, 10, "XenServer", 1, "dell");
    record(&t, 9, "XenServer", 1, "dell");
    assert_int_equal(dmv_note_parse(t.data, t.size, &n), 0);
    assert_string_equal(n.variant, "dell");
    record(&t, 9, "XenServer", 1, "alt");
    assert_int_equal(dmv_note_parse(t.data, t.size, &contradiction), DMV_MALFORMED);
    assert_null(contradiction.variant);
}

/* Cut anywhere inside a record it is malformed, and nothing is read beyond the end (ASan). */
static void test_truncated(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    (void)state;
    record(&t, 10, "XenServer", 1, "variant-name");
    for (size_t n = 1; n < t.size - 3; n++) {
        DMV_CLEANUP_FREE char *exact = malloc(n);
        CLEANUP_NOTE DmvNote note = {0};

        assert_non_null(exact);
        memcpy(exact, t.data, n);
        assert_int_equal(dmv_note_parse(exact, n, &note), DMV_MALFORMED);
        assert_null(note.variant);
    }
}

static void test_hostile_sizes(void **state)
{
    static const uint32_t sizes[] = {UINT32_MAX, UINT32_MAX - 3, 0x7fffffff, 1000};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(sizes); i++) {
        DMV_CLEANUP_TEXT DmvText name = {0}, value = {0};
        CLEANUP_NOTE DmvNote n = {0};

        put(&name, sizes[i]);
        put(&name, 4);
        put(&name, 1);
        dmv_text_append_bytes(&name, "XenServer\0\0\0abc", 16);
        assert_int_equal(dmv_note_parse(name.data, name.size, &n), DMV_MALFORMED);
        put(&value, 10);
        put(&value, sizes[i]);
        put(&value, 1);
        dmv_text_append_bytes(&value, "XenServer\0\0\0abc", 16);
        assert_int_equal(dmv_note_parse(value.data, value.size, &n), DMV_MALFORMED);
    }
}

static void test_bad_values(void **state)
{
    DMV_CLEANUP_TEXT DmvText empty = {0}, endless = {0}, long_one = {0}, odd = {0};
    CLEANUP_NOTE DmvNote n = {0}, shown = {0};
    char big[300];

    (void)state;
    record(&empty, 10, "XenServer", 1, "");
    assert_int_equal(dmv_note_parse(empty.data, empty.size, &n), DMV_MALFORMED);
    put(&endless, 10);
    put(&endless, 4);
    put(&endless, 1);
    dmv_text_append_bytes(&endless, "XenServer\0\0\0abcd", 16);
    assert_int_equal(dmv_note_parse(endless.data, endless.size, &n), DMV_MALFORMED);
    memset(big, 'x', sizeof(big));
    big[256] = '\0';
    record(&long_one, 10, "XenServer", 1, big);
    assert_int_equal(dmv_note_parse(long_one.data, long_one.size, &n), DMV_MALFORMED);
    record(&odd, 10, "XenServer", 1, "a\033[31mb");
    assert_int_equal(dmv_note_parse(odd.data, odd.size, &shown), 0);
    assert_string_equal(shown.variant, "a?[31mb");
}

static void test_build_id(void **state)
{
    static const uint8_t note[] = {4, 0, 0,   0,   4,   0, 0,    0,    3,    0,
                                   0, 0, 'G', 'N', 'U', 0, 0xde, 0xad, 0xbe, 0xef};
    uint8_t other[sizeof(note)];
    char *hex = NULL;

    (void)state;
    assert_int_equal(dmv_build_id_parse(note, sizeof(note), &hex), 0);
    assert_string_equal(hex, "deadbeef");
    free(hex);
    hex = NULL;
    assert_int_equal(dmv_build_id_parse(note, sizeof(note) - 1, &hex), DMV_MALFORMED);
    assert_int_equal(dmv_build_id_parse("", 0, &hex), DMV_MALFORMED);
    memcpy(other, note, sizeof(note));
    other[8] = 1;
    assert_int_equal(dmv_build_id_parse(other, sizeof(other), &hex), DMV_MALFORMED);
    memcpy(other, note, sizeof(note));
    other[4] = 0;
    assert_int_equal(dmv_build_id_parse(other, 16, &hex), DMV_MALFORMED);
    assert_null(hex);
}

static void test_format(void **state)
{
    const DmvNote said = {.variant = (char *)"dell", .version = (char *)"1.2", .release = NULL};
    DMV_CLEANUP_FREE void *bytes = NULL;
    CLEANUP_NOTE DmvNote n = {0};
    char big[257];
    const DmvNote too_long = {.variant = big};
    size_t size = 0;

    (void)state;
    assert_int_equal(dmv_note_format(&said, &bytes, &size), 0);
    assert_int_equal(size, 2 * 12 + 2 * 12 + 8 + 4);
    assert_int_equal(((uint8_t *)bytes)[0], 10);
    assert_int_equal(dmv_note_parse(bytes, size, &n), 0);
    assert_string_equal(n.variant, "dell");
    assert_string_equal(n.version, "1.2");
    assert_null(n.release);
    memset(big, 'x', 256);
    big[256] = '\0';
    assert_int_equal(dmv_note_format(&too_long, &bytes, &size), -EINVAL);
    assert_int_equal(dmv_note_format(&(DmvNote){.release = (char *)""}, &bytes, &size), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_sizes_of_the_name),
        cmocka_unit_test(test_some_records_only),
        cmocka_unit_test(test_padding_at_the_end),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_build_id),
        cmocka_unit_test(test_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
