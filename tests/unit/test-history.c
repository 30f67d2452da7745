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

#define HISTORY DMV_CLEANUP_HISTORY DmvHistory
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static int parse(const char *data, size_t size, DmvHistory *ret)
{
    return dmv_history_parse(NULL, 0, data, size, NULL, ret);
}

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
    assert_int_equal(e.number, h->last.number);
    dmv_text_append_bytes(file, line, size);
    dmv_history_entry_deinit(&e);
}

static void test_empty(void **state)
{
    HISTORY h = {0};

    (void)state;
    dmv_history_init(&h);
    assert_string_equal(h.last.hash, ZEROS);
    dmv_history_deinit(&h);
    assert_int_equal(parse("", 0, &h), 0);
    assert_int_equal(h.n, 0);
    assert_int_equal(h.n_breaks, 0);
    assert_string_equal(h.last.hash, ZEROS);
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
    assert_string_equal(h.last.hash, hash);
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
    assert_int_equal(parse(file.data, file.size, &again), 0);
    assert_int_equal(again.n_breaks, 0);
    assert_int_equal(again.n, 9);
    assert_int_equal(again.good_bytes, file.size);
    assert_int_equal(again.last.number, 9);
    assert_string_equal(again.last.hash, h.last.hash);
    assert_string_equal(again.items[8].action, "activate");
    assert_null(again.items[8].detail);
    assert_int_equal(again.items[8].uid, 0);
    assert_int_equal(again.items[8].generation, -1);

    /* and goes on */
    append(&again, &file, "remove", NULL);
    dmv_history_deinit(&h);
    assert_int_equal(parse(file.data, file.size, &h), 0);
    assert_int_equal(h.n_breaks, 0);
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
    assert_int_equal(parse(file.data, file.size, &again), 0);
    assert_int_equal(again.n_breaks, 0);
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
        assert_int_equal(parse(file.data, file.size, &got), 0);
        file.data[at] ^= 1;
        if (got.n_breaks == 0)
            fail_msg("byte %zu was changed, and nobody saw it", at);
        assert_true(got.n == line || got.n == line + 1);
        assert_int_equal(got.good_bytes, ends[got.n]);
        assert_int_equal(got.last.number, (int64_t)got.n);
    }
}

static void assert_broken(const char *data, size_t size, size_t n, size_t good, const char *why)
{
    HISTORY h = {0};

    assert_int_equal(parse(data, size, &h), 0);
    assert_int_equal(h.n, n);
    assert_int_equal(h.good_bytes, good);
    assert_true(h.torn);
    assert_int_equal(h.n_breaks, 1);
    assert_int_equal(h.breaks[0].part, DMV_HISTORY_LIVE);
    assert_true(h.breaks[0].tail);
    if (!strstr(h.breaks[0].why, why))
        fail_msg("\"%s\" does not say \"%s\"", h.breaks[0].why, why);
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

    assert_broken(file.data, first + 10, 1, first, "entry 2 belongs: the line is cut off after 10 bytes");
    assert_broken(file.data, first - 1, 0, 0,
                  "line 1, at byte 0, where entry 1 belongs: the line is cut off");
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
    assert_int_equal(parse(file.data, file.size, &broken), 0);
    assert_true(broken.torn);
    file.size = broken.good_bytes;
    append(&broken, &file, "activate", NULL);
    assert_int_equal(parse(file.data, file.size, &again), 0);
    assert_int_equal(again.n_breaks, 0);
    assert_int_equal(again.n, 2);
    assert_int_equal(again.items[1].number, 2);
}

/* ---- breaks ---- */

#define N_LINES 4

/* A history of some lines, and where each ends. */
static void make(DmvHistory *h, DmvText *file, size_t ends[N_LINES + 1])
{
    dmv_history_init(h);
    ends[0] = 0;
    for (size_t i = 1; i <= N_LINES; i++) {
        append(h, file, i % 2 ? "select" : "activate", "what came of it");
        ends[i] = file->size;
    }
}

static void assert_says(const DmvHistory *h, size_t i, const char *why)
{
    assert_true(i < h->n_breaks);
    if (!strstr(h->breaks[i].why, why))
        fail_msg("\"%s\" does not say \"%s\"", h->breaks[i].why, why);
}

/* A file that ends anywhere gives the whole lines before that and nothing else, and the next entry goes on
 * there.
 */
static void test_every_cut(void **state)
{
    HISTORY h = {0};
    DMV_CLEANUP_TEXT DmvText file = {0};
    size_t ends[N_LINES + 1], whole = 0;

    (void)state;
    make(&h, &file, ends);
    for (size_t cut = 0; cut <= file.size; cut++) {
        HISTORY got = {0}, again = {0};
        DMV_CLEANUP_TEXT DmvText rest = {0};

        while (whole < N_LINES && ends[whole + 1] <= cut)
            whole++;
        assert_int_equal(parse(file.data, cut, &got), 0);
        assert_int_equal(got.n, whole);
        assert_int_equal(got.good_bytes, ends[whole]);
        assert_int_equal(got.torn, cut != ends[whole]);
        assert_int_equal(got.n_breaks, got.torn);
        dmv_text_append_bytes(&rest, file.data, got.good_bytes);
        append(&got, &rest, "remove", NULL);
        assert_int_equal(parse(rest.data, rest.size, &again), 0);
        assert_int_equal(again.n_breaks, 0);
        assert_int_equal(again.n, whole + 1);
    }
}

/* The same with what a loss of power may leave behind: the length is there and the bytes are not. */
static void test_zeros_from_anywhere(void **state)
{
    HISTORY h = {0};
    DMV_CLEANUP_TEXT DmvText file = {0};
    size_t ends[N_LINES + 1], whole = 0;

    (void)state;
    make(&h, &file, ends);
    for (size_t cut = 0; cut < file.size; cut++) {
        HISTORY got = {0};
        DMV_CLEANUP_TEXT DmvText zeroed = {0};

        while (ends[whole + 1] <= cut)
            whole++;
        dmv_text_append_bytes(&zeroed, file.data, file.size);
        memset(zeroed.data + cut, 0, file.size - cut);
        assert_int_equal(parse(zeroed.data, zeroed.size, &got), 0);
        assert_int_equal(got.n, whole);
        assert_true(got.torn);
        assert_says(&got, 0,
                    cut == ends[whole] ? "bytes of zero, as a loss of power leaves them" : "cut off");
    }
}

static void test_where_it_breaks(void **state)
{
    HISTORY h = {0}, got = {0};
    DMV_CLEANUP_TEXT DmvText file = {0}, t = {0};
    DMV_CLEANUP_FREE char *want = NULL;
    size_t ends[N_LINES + 1];

    (void)state;
    make(&h, &file, ends);

    /* a line that was taken out */
    dmv_text_append_bytes(&t, file.data, ends[1]);
    dmv_text_append_bytes(&t, file.data + ends[2], ends[4] - ends[2]);
    assert_int_equal(parse(t.data, t.size, &got), 0);
    assert_int_equal(got.n, 1);
    assert_true(asprintf(&want, "line 2, at byte %zu, where entry 2 belongs: it does not continue", ends[1]) >
                0);
    assert_says(&got, 0, want);
    assert_says(&got, 0, "whose hash is ");

    /* garbage between two lines */
    dmv_text_deinit(&t);
    dmv_history_deinit(&got);
    dmv_text_append_bytes(&t, file.data, ends[2]);
    dmv_text_append(&t, "\x01\xff garbage\n");
    dmv_text_append_bytes(&t, file.data + ends[2], ends[4] - ends[2]);
    assert_int_equal(parse(t.data, t.size, &got), 0);
    assert_int_equal(got.n, 2);
    assert_says(&got, 0, "line 3, at byte ");
}

/* Somebody changes a line and gives the ones behind it new hashes, up to a line that is known from elsewhere.
 */
static void test_a_known_line(void **state)
{
    HISTORY h = {0}, forged = {0};
    DMV_CLEANUP_TEXT DmvText file = {0}, other = {0};
    DmvHistoryMark known = {.number = 3};
    size_t ends[N_LINES + 1];

    (void)state;
    make(&h, &file, ends);
    assert_int_equal(dmv_sha256_hex(file.data + ends[2], ends[3] - ends[2] - 1, known.hash), 0);
    dmv_history_init(&forged);
    for (size_t i = 1; i <= N_LINES; i++)
        append(&forged, &other, i == 2 ? "commit" : i % 2 ? "select" : "activate", "what came of it");

    for (size_t n = 0; n <= N_LINES; n++) {
        HISTORY got = {0};

        assert_int_equal(dmv_history_parse(NULL, 0, file.data, ends[n], &known, &got), 0);
        assert_int_equal(got.n_breaks, n < 3);
        assert_false(got.torn);
        if (n < 3)
            assert_says(&got, 0, "but entry 3 was there when the state was stored");
    }
    {
        HISTORY got = {0}, unnoticed = {0};

        assert_int_equal(dmv_history_parse(NULL, 0, other.data, other.size, &known, &got), 0);
        assert_int_equal(got.n, N_LINES); /* all that can be read is kept */
        assert_int_equal(got.n_breaks, 1);
        assert_false(got.torn);
        assert_says(&got, 0, "another one than was there when the state was stored");
        assert_int_equal(parse(other.data, other.size, &unnoticed), 0);
        assert_int_equal(unnoticed.n_breaks, 0);
    }
}

/* ---- two files ---- */

/* What stands on the disk. */
typedef struct Files {
    DmvText older, live;
    bool has_older;
} Files;

static void rotate(DmvHistory *h, Files *f)
{
    dmv_text_deinit(&f->older);
    f->older = f->live;
    f->live = (DmvText){0};
    f->has_older = true;
    dmv_history_rotated(h);
}

static void files_deinit(Files *f)
{
    dmv_text_deinit(&f->older);
    dmv_text_deinit(&f->live);
}

static int parse_files(const Files *f, const DmvHistoryMark *known, DmvHistory *ret)
{
    return dmv_history_parse(f->has_older ? f->older.data : NULL, f->older.size, f->live.data, f->live.size,
                             known, ret);
}

static void test_the_chain_goes_across_files(void **state)
{
    HISTORY h = {0};
    __attribute__((cleanup(files_deinit))) Files f = {0};

    (void)state;
    dmv_history_init(&h);
    for (int64_t i = 1; i <= 40; i++) {
        HISTORY got = {0}, between = {0};
        int64_t oldest = i <= 10 ? 1 : (i - 1) / 5 * 5 - 4;

        if (i > 1 && i % 5 == 1) {
            rotate(&h, &f);
            assert_int_equal(parse_files(&f, &h.last, &between), 0); /* as a crash may leave it */
            assert_int_equal(between.n_breaks, 0);
            assert_int_equal(between.n, between.n_older);
            assert_int_equal(between.last.number, i - 1);
        }
        append(&h, &f.live, "select", NULL);
        assert_int_equal(parse_files(&f, &h.last, &got), 0);
        assert_int_equal(got.n_breaks, 0);
        assert_int_equal(got.n, h.n);
        assert_int_equal(got.n_older, h.n_older);
        assert_int_equal(got.good_bytes, h.good_bytes);
        assert_string_equal(got.last.hash, h.last.hash);
        assert_int_equal(got.items[0].number, oldest);
        assert_int_equal(got.items[got.n - 1].number, i);
    }
}

static void test_breaks_across_files(void **state)
{
    HISTORY h = {0};
    __attribute__((cleanup(files_deinit))) Files f = {0}, g = {0};
    size_t first = 0;

    (void)state;
    dmv_history_init(&h);
    for (int i = 0; i < 15; i++) {
        if (i == 5 || i == 10)
            rotate(&h, &f);
        append(&h, &f.live, "select", NULL);
        if (i == 5)
            first = f.live.size;
    }
    {
        HISTORY got = {0}; /* the older file is gone */

        assert_int_equal(dmv_history_parse(NULL, 0, f.live.data, f.live.size, NULL, &got), 0);
        assert_int_equal(got.n, 5);
        assert_false(got.torn);
        assert_int_equal(got.n_breaks, 1);
        assert_says(&got, 0, "line 1, at byte 0, where entry 1 belongs: the file before it is missing");
    }
    {
        HISTORY got = {0}; /* its first line is */

        assert_int_equal(dmv_history_parse(f.older.data + first, f.older.size - first, f.live.data,
                                           f.live.size, NULL, &got),
                         0);
        assert_int_equal(got.n, 5);
        assert_false(got.torn);
        assert_int_equal(got.n_breaks, 2);
        assert_int_equal(got.breaks[0].part, DMV_HISTORY_OLDER);
        assert_says(&got, 0, "line 1, at byte 0");
        assert_int_equal(got.breaks[1].part, DMV_HISTORY_LIVE);
        assert_says(&got, 1, "it does not continue the end of the file before it");
    }
    {
        HISTORY got = {0}; /* its end is: the live one is as good as before */

        assert_int_equal(
            dmv_history_parse(f.older.data, f.older.size - 1, f.live.data, f.live.size, NULL, &got), 0);
        assert_int_equal(got.n, 9);
        assert_int_equal(got.n_older, 4);
        assert_false(got.torn);
        assert_int_equal(got.n_breaks, 2);
        assert_says(&got, 0, "line 5, at byte ");
        append(&got, &g.live, "select", NULL);
        assert_int_equal(got.items[9].number, 16);
    }
    {
        HISTORY got = {0}; /* two files as one */
        DMV_CLEANUP_TEXT DmvText both = {0};

        dmv_text_append_bytes(&both, f.older.data, f.older.size);
        dmv_text_append_bytes(&both, f.live.data, f.live.size);
        assert_int_equal(dmv_history_parse(both.data, both.size, "", 0, NULL, &got), 0);
        assert_int_equal(got.n, 5);
        assert_says(&got, 0, "it is the first line of a file");
    }
}

static void test_full(void **state)
{
    DmvHistory h = {.n = DMV_HISTORY_MAX_ENTRIES + 3, .n_older = 4};

    (void)state;
    assert_false(dmv_history_is_full(&h));
    h.n_older = 3;
    assert_true(dmv_history_is_full(&h));
    h = (DmvHistory){.good_bytes = DMV_HISTORY_MAX_BYTES - 1};
    assert_false(dmv_history_is_full(&h));
    h.good_bytes++;
    assert_true(dmv_history_is_full(&h));
}

static void test_mended(void **state)
{
    HISTORY h = {0};

    (void)state;
    dmv_history_init(&h);
    assert_int_equal(dmv_history_add_break(&h, DMV_HISTORY_OLDER, "older"), 0);
    assert_false(h.torn);
    assert_int_equal(dmv_history_add_break(&h, DMV_HISTORY_LIVE, "live"), 0);
    assert_true(h.torn);
    dmv_history_mended(&h);
    assert_false(h.torn);
    assert_int_equal(h.n_breaks, 1);
    assert_string_equal(h.breaks[0].why, "older");
}

/* ---- what an entry did to the intent ---- */

static void test_changes(void **state)
{
    HISTORY h = {0}, got = {0};
    DMV_CLEANUP_FREE char *line = NULL;
    DMV_CLEANUP_TEXT DmvText reason = {0};
    char action[] = "pin", outcome[] = "ok";
    DmvHistoryEntry e = {
        .action = action, .outcome = outcome, .uid = -1, .generation = -1, .has_changes = true};
    size_t size = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        dmv_text_append(&reason, "\"x");
    dmv_history_init(&h);
    assert_int_equal(dmv_intent_select(&e.before, "ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_intent_select(&e.after, "ice", DMV_SELECT_RELEASE, "dell", "1.2", "because"), 0);
    assert_int_equal(dmv_intent_pin(&e.after, "ice", reason.data, 77), 0);
    assert_int_equal(dmv_history_append(&h, &e, &line, &size), 0);
    assert_int_equal(parse(line, size, &got), 0);
    assert_int_equal(got.n_breaks, 0);
    assert_true(got.items[0].has_changes);
    assert_true(dmv_intent_equal(&got.items[0].before, &e.before));
    assert_true(dmv_intent_equal(&got.items[0].after, &e.after));
    assert_string_equal(got.items[0].after.items[0].because, "because");
    assert_int_equal(strlen(got.items[0].after.items[0].pin_reason), 256);
    dmv_intent_deinit(&e.before);
    dmv_intent_deinit(&e.after);
}

/* Whatever fits into an entry can be read again; what does not is not told. */
static void test_as_many_changes_as_fit(void **state)
{
    (void)state;
    for (size_t n = DMV_HISTORY_MAX_SELECTIONS; n <= DMV_HISTORY_MAX_SELECTIONS + 1; n++) {
        HISTORY h = {0}, got = {0};
        DMV_CLEANUP_FREE char *line = NULL;
        DMV_CLEANUP_TEXT DmvText text = {0};
        char action[] = "select", outcome[] = "ok", name[65];
        DmvHistoryEntry e = {.action = action, .outcome = outcome, .uid = -1, .generation = -1};
        size_t size = 0;

        for (int i = 0; i < 3000; i++)
            dmv_text_append(&text, "\"\\");
        dmv_history_init(&h);
        e.has_changes = true;
        e.object = e.detail = e.because = text.data;
        for (size_t i = 0; i < n; i++) {
            (void)snprintf(name, sizeof(name), "%064zu", i);
            assert_int_equal(dmv_intent_select(&e.after, name, DMV_SELECT_RELEASE, name, name, text.data), 0);
            assert_int_equal(dmv_intent_pin(&e.after, name, text.data, 1), 0);
        }
        assert_int_equal(dmv_history_append(&h, &e, &line, &size), 0);
        assert_int_equal(parse(line, size, &got), 0);
        assert_int_equal(got.n_breaks, 0);
        assert_int_equal(got.items[0].has_changes, n == DMV_HISTORY_MAX_SELECTIONS);
        assert_int_equal(h.items[0].has_changes, got.items[0].has_changes);
        dmv_intent_deinit(&e.after);
    }
}

/* Nothing is a change that is known to be none only of what could have been one. */
static void test_no_change(void **state)
{
    static const char *const actions[] = {"refresh", "select"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(actions); i++) {
        HISTORY h = {0}, got = {0};
        DMV_CLEANUP_FREE char *line = NULL, *action = strdup(actions[i]);
        char outcome[] = "ok";
        DmvHistoryEntry e = {.action = action, .outcome = outcome, .uid = -1, .generation = -1};
        size_t size = 0;

        dmv_history_init(&h);
        e.has_changes = true;
        assert_int_equal(dmv_history_append(&h, &e, &line, &size), 0);
        assert_int_equal(parse(line, size, &got), 0);
        assert_int_equal(got.items[0].has_changes, i == 1);
        assert_int_equal(strstr(line, "before") != NULL, i == 1);
    }
}

static void test_has_switch(void **state)
{
    static const struct {
        const char *action, *outcome;
        int64_t generation;
        bool want;
    } cases[] = {
        {"activate", "ok", 7, true}, {"rollback", "ok", 7, true},    {"select", "ok", 7, false},
        {"recover", "ok", 7, false}, {"activate", "busy", 7, false}, {"activate", "ok", 6, false},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        HISTORY h = {0};
        DMV_CLEANUP_FREE char *line = NULL, *action = strdup(cases[i].action),
                              *outcome = strdup(cases[i].outcome);
        DmvHistoryEntry e = {
            .action = action, .outcome = outcome, .uid = -1, .generation = cases[i].generation};
        size_t size = 0;

        dmv_history_init(&h);
        assert_int_equal(dmv_history_append(&h, &e, &line, &size), 0);
        assert_int_equal(dmv_history_has_switch(&h, 7), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_has_switch),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_the_line),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_any_text_is_kept_readable),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_goes_on_after_a_break),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_zeros_from_anywhere),
        cmocka_unit_test(test_where_it_breaks),
        cmocka_unit_test(test_a_known_line),
        cmocka_unit_test(test_the_chain_goes_across_files),
        cmocka_unit_test(test_breaks_across_files),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_mended),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_as_many_changes_as_fit),
        cmocka_unit_test(test_no_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
