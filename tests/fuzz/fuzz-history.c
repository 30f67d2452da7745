/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history: whatever stands in the file, the good beginning is kept, the break is told, and the next entry
 * continues it. What comes behind the first NUL is put into that entry.
 *
 * No fuzzer finds a hash by chance: lines are chained here before they are read, where the first byte says
 * so.
 */
#include <string.h>

#include "base/json.h"
#include "fuzz.h"
#include "model/history.h"

#define GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

/* The same lines, each with the hash of the one before where it has "previous":"". */
static void chain(const char *data, size_t size, DmvText *t)
{
    static const char hole[] = "\"previous\":\"\"";
    char hash[DMV_SHA256_HEX] = GENESIS;

    for (size_t at = 0; at < size;) {
        const char *line = data + at, *end = memchr(line, '\n', size - at);
        size_t n = end ? (size_t)(end - line) : size - at, start = t->size;
        const char *found = memmem(line, n, hole, strlen(hole));
        size_t before = found ? (size_t)(found - line) + strlen(hole) - 1 : n;

        dmv_text_append_bytes(t, line, before);
        if (found)
            dmv_text_append(t, hash);
        dmv_text_append_bytes(t, line + before, n - before);
        must(t->error == 0 && dmv_sha256_hex(t->data ? t->data + start : "", t->size - start, hash) == 0);
        if (end)
            dmv_text_append(t, "\n");
        at += n + 1;
    }
}

static void check(const char *data, size_t size, const char *words)
{
    DmvHistory h, again;
    char action[] = "select", outcome[] = "ok";
    DmvHistoryEntry e = {.action = action, .outcome = outcome, .uid = 0, .generation = -1};
    DMV_CLEANUP_FREE char *line = NULL, *file = NULL, *because = strdup(words);
    size_t line_size = 0, good;

    must(dmv_history_parse(NULL, 0, data, size, NULL, &h) == 0 && because);
    must(h.good_bytes <= size && h.torn == (h.good_bytes < size));
    must(h.n == 0 || h.last.number == h.items[h.n - 1].number);
    good = h.good_bytes;
    e.because = because;
    must(dmv_history_append(&h, &e, &line, &line_size) == 0 && line_size > 0 && line[line_size - 1] == '\n');
    file = malloc(good + line_size);
    must(file != NULL);
    if (good > 0)
        memcpy(file, data, good);
    memcpy(file + good, line, line_size);
    must(dmv_history_parse(NULL, 0, file, good + line_size, NULL, &again) == 0);
    must(!again.torn && again.n == h.n && strcmp(again.last.hash, h.last.hash) == 0);
    dmv_history_deinit(&again);
    dmv_history_deinit(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *nul = size > 0 ? memchr(text, '\0', size) : NULL;
    size_t n = nul ? (size_t)(nul - text) : size;
    DMV_CLEANUP_FREE char *words = nul ? strndup(nul + 1, size - n - 1) : strdup("");
    DMV_CLEANUP_TEXT DmvText chained = {0};

    must(words != NULL);
    if (n > 0 && text[0] == '*') {
        chain(text + 1, n - 1, &chained);
        check(chained.data ? chained.data : "", chained.size, words);
    } else {
        check(text, n, words);
    }
    return 0;
}
