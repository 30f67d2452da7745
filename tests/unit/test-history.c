/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/history.h"

#define HISTORY __attribute__((cleanup(dmv_history_deinit))) DmvHistory
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* Appends an entry and its line to what the file would hold. */
static void append(DmvHistory *h, DmvText *file, const char *action, const char *detail)
{
    DmvHistoryEntry e = {.time = 1700000000, .uid = 0, .generation = -1};
    DMV_CLEANUP_FREE char *line = NULL;
    size_t size = 0;

    assert_int_equal(dmv_set_string(&e.action, action), 0);
    assert_int_equal(dmv_set_string(&e.outcome, "ok"), 0);
    assert_int_equal(dmv_set_string(&e.detail, detail), 0);
    assert_int_equal(dmv_history_append(h, &e, &line, &size), 0);
    assert_int_equal(size, strlen(line));
    assert_int_equal(line[size - 1], '\n');
    assert_int_equal(e.number, h->last_number);
    dmv_text_append_bytes(file, line, size);
    dmv_history_entry_deinit(&e);
}

static void test_empty(void **state)
{
    HISTORY h = {0};

    (void)state;
    dmv_history_init(&h);
    assert_string_equal(h.last_hash, ZEROS);
    dmv_history_deinit(&h);
    assert_int_equal(dmv_history_parse("", 0, &h), 0);
    assert_int_equal(h.n, 0);
    assert_null(h.broken);
    assert_string_equal(h.last_hash, ZEROS);
}

static void test_the_line(void **state)
{
    HISTORY h = {0};
    DMV_CLEANUP_FREE char *line = NULL;
    char action[] = "select", object[] = "ice", outcome[] = "ok", detail[] = "d", because[] = "say \"why\"",
         hash[DMV_SHA256_HEX];
    DmvHistoryEntry e = {.time = 5,
                         .action = action,
                         .object = object,
                         .outcome = outcome,
                         .detail = detail,
                         .because = because,
                         .uid = 1000,
                         .generation = 3};
    size_t size = 0;

    (void)state;
    dmv_history_init(&h);
    assert_int_equal(dmv_history_append(&h, &e, &line, &size), 0);
    assert_string_equal(
        line, "{\"number\":1,\"time\":5,\"action\":\"select\",\"object\":\"ice\",\"outcome\":\"ok\","
              "\"detail\":\"d\",\"because\":\"say \\\"why\\\"\",\"uid\":1000,\"generation\":3,"
              "\"previous\":\"" ZEROS "\"}\n");
    assert_int_equal(dmv_sha256_hex(line, size - 1, hash), 0);
    assert_string_equal(h.last_hash, hash);
    assert_int_equal(h.good_bytes, size);
    assert_int_equal(h.n, 1);
    assert_string_equal(h.items[0].because, because);
    assert_ptr_not_equal(h.items[0].because, because);
}

static void test_there_and_back(void **state)
{
    HISTORY h = {0}, again = {0};
    DMV_CLEANUP_TEXT DmvText file = {0};

    (void)state;
    dmv_history_init(&h);
    for (int i = 0; i < 9; i++)
        append(&h, &file, i % 2 ? "select" : "activate", i % 3 ? NULL : "it's \\ / \x7f \xc3\xa4");
    assert_int_equal(dmv_history_parse(file.data, file.size, &again), 0);
    assert_null(again.broken);
    assert_int_equal(again.n, 9);
    assert_int_equal(again.good_bytes, file.size);
    assert_int_equal(again.last_number, 9);
    assert_string_equal(again.last_hash, h.last_hash);
    assert_string_equal(again.items[8].action, "activate");
    assert_null(again.items[8].detail);
    assert_int_equal(again.items[8].uid, 0);
    assert_int_equal(again.items[8].generation, -1);

    /* and goes on */
    append(&again, &file, "remove", NULL);
    dmv_history_deinit(&h);
    assert_int_equal(dmv_history_parse(file.data, file.size, &h), 0);
    assert_null(h.broken);
    assert_int_equal(h.n, 10);
}

/* What is written is read again, whatever a caller puts into an entry. */
static void test_any_text_is_kept_readable(void **state)
{
    HISTORY h = {0}, again = {0};
    DMV_CLEANUP_TEXT DmvText file = {0}, text = {0};

    (void)state;
    dmv_history_init(&h);
    append(&h, &file, "select", "bytes \xff that are \xc3 no text\n");
    for (int i = 0; i < 20000; i++)
        dmv_text_append(&text, "\"\\\xe2\x82\xac");
    append(&h, &file, "select", text.data);
    append(&h, &file, "select", NULL);
    assert_int_equal(dmv_history_parse(file.data, file.size, &again), 0);
    assert_null(again.broken);
    assert_int_equal(again.n, 3);
    assert_string_equal(again.items[0].detail, "bytes ? that are ? no text?");
    assert_true(strlen(again.items[1].detail) > 1000);
    assert_memory_equal(again.items[1].detail, text.data, 1000);
    for (size_t i = 0; i < again.n; i++) /* what memory knows is what the file says */
        assert_true(dmv_streq(again.items[i].detail, h.items[i].detail));
}

/* Every byte of the file counts: wherever one is changed, that line and what follows is not believed, what
 * precedes is. */
static void test_every_byte_counts(void **state)
{
    HISTORY h = {0};
    DMV_CLEANUP_TEXT DmvText file = {0};
    size_t ends[4] = {0};

    (void)state;
    dmv_history_init(&h);
    for (size_t i = 1; i < 4; i++) {
        append(&h, &file, "select", "because");
        ends[i] = file.size;
    }
    for (size_t at = 0; at < ends[2]; at++) { /* the last line is vouched for by nothing after it */
        HISTORY got = {0};
        size_t line = at < ends[1] ? 0 : 1;

        file.data[at] ^= 1;
        assert_int_equal(dmv_history_parse(file.data, file.size, &got), 0);
        file.data[at] ^= 1;
        if (!got.broken)
            fail_msg("byte %zu was changed, and nobody saw it", at);
        assert_true(got.n == line || got.n == line + 1);
        assert_int_equal(got.good_bytes, ends[got.n]);
        assert_int_equal(got.last_number, (int64_t)got.n);
    }
}

static void assert_broken(const char *data, size_t size, size_t n, size_t good, const char *why)
{
    HISTORY h = {0};

    assert_int_equal(dmv_history_parse(data, size, &h), 0);
    assert_int_equal(h.n, n);
    assert_int_equal(h.good_bytes, good);
    assert_non_null(h.broken);
    if (!strstr(h.broken, why))
        fail_msg("\"%s\" does not say \"%s\"", h.broken, why);
}

static void test_broken(void **state)
{
    HISTORY h = {0};
    DMV_CLEANUP_TEXT DmvText file = {0}, cut = {0};
    size_t first;

    (void)state;
    dmv_history_init(&h);
    append(&h, &file, "select", NULL);
    first = file.size;
    append(&h, &file, "activate", NULL);
    append(&h, &file, "remove", NULL);

    assert_broken(file.data, first + 10, 1, first, "entry 2 cannot be used: the line is cut off");
    assert_broken(file.data, first - 1, 0, 0, "entry 1 cannot be used: the line is cut off");
    assert_broken(file.data + first, file.size - first, 0, 0, "it does not continue the line before it");
    dmv_text_append_bytes(&cut, file.data, first);
    dmv_text_append(&cut, "\n");
    assert_broken(cut.data, cut.size, 1, first, "entry 2");
    dmv_text_deinit(&cut);
    dmv_text_append(
        &cut, "{\"number\":1,\"time\":5,\"action\":\"a\",\"outcome\":\"ok\",\"more\":1,\"previous\":\"" ZEROS
              "\"}\n");
    assert_broken(cut.data, cut.size, 0, 0, "more");
    dmv_text_deinit(&cut);
    dmv_text_append(&cut, "{\"number\":2,\"time\":5,\"action\":\"a\",\"outcome\":\"ok\",\"previous\":\"" ZEROS
                          "\"}\n");
    assert_broken(cut.data, cut.size, 0, 0, "its number is 2 instead of 1");
}

/* After a broken tail the next entry chains to the last good line. */
static void test_goes_on_after_a_break(void **state)
{
    HISTORY h = {0}, broken = {0}, again = {0};
    DMV_CLEANUP_TEXT DmvText file = {0};

    (void)state;
    dmv_history_init(&h);
    append(&h, &file, "select", NULL);
    dmv_text_append(&file, "{\"torn");
    assert_int_equal(dmv_history_parse(file.data, file.size, &broken), 0);
    assert_non_null(broken.broken);
    file.size = broken.good_bytes;
    append(&broken, &file, "activate", NULL);
    assert_int_equal(dmv_history_parse(file.data, file.size, &again), 0);
    assert_null(again.broken);
    assert_int_equal(again.n, 2);
    assert_int_equal(again.items[1].number, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_the_line),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_any_text_is_kept_readable),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_goes_on_after_a_break),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
