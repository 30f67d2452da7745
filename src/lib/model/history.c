/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history, append-only and chained by hashes.
 *
 * A torn or foreign tail must neither hide what came before nor stop new entries: parsing keeps the good part
 * of each file and says where it ends, and the next entry chains to the last good line.
 *
 * The chain says nothing of its own end: a tail that is taken off in whole lines, or a file that is written
 * anew from its beginning, is only noticed by a line that is known from elsewhere (DmvHistoryMark).
 */
#include "model/history.h"

#include <errno.h>
#include <string.h>

#include "model/history-line.h"

#define GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

void dmv_history_init(DmvHistory *h)
{
    *h = (DmvHistory){0};
    memcpy(h->last.hash, GENESIS, sizeof(h->last.hash));
}

void dmv_history_deinit(DmvHistory *h)
{
    for (size_t i = 0; i < h->n; i++)
        dmv_history_entry_deinit(&h->items[i]);
    free(h->items);
    for (size_t i = 0; i < h->n_breaks; i++)
        free(h->breaks[i].why);
    free(h->breaks);
    *h = (DmvHistory){0};
}

static int add_break(DmvHistory *h, DmvHistoryPart part, bool tail, const char *why)
{
    DMV_CLEANUP_FREE char *copy = strdup(why);
    DmvHistoryBreak *b = copy ? DMV_ARRAY_ADD(h->breaks, h->n_breaks) : NULL;

    if (!b)
        return -ENOMEM;
    *b = (DmvHistoryBreak){part, tail, DMV_TAKE_PTR(copy)};
    if (tail && part == DMV_HISTORY_LIVE)
        h->torn = true;
    return 0;
}

int dmv_history_add_break(DmvHistory *h, DmvHistoryPart part, const char *why)
{
    return add_break(h, part, true, why);
}

void dmv_history_mended(DmvHistory *h)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n_breaks; i++)
        if (h->breaks[i].tail && h->breaks[i].part == DMV_HISTORY_LIVE)
            free(h->breaks[i].why);
        else
            h->breaks[n++] = h->breaks[i];
    h->n_breaks = n;
    h->torn = false;
}

/* Where the reading of one file is. */
typedef struct Reading {
    DmvHistory *h;
    DmvHistoryPart part;
    const char *data;
    size_t size;
    size_t at;   /* first byte of the line in hand */
    size_t line; /* its number, from 1 */
    bool no_older;
    const DmvHistoryMark *known;
} Reading;

static int add_break_here(const Reading *x, bool tail, const char *why)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    int r;

    dmv_text_appendf(&t, "line %zu, at byte %zu, where entry %lld belongs: %s", x->line, x->at,
                     (long long)x->h->last.number + 1, why);
    r = dmv_text_take(&t, &text, NULL);
    return r == 0 ? add_break(x->h, x->part, tail, text) : r;
}

/* What follows the last newline. */
static int describe_rest(const Reading *x, DmvError *reterr)
{
    size_t rest = x->size - x->at, zeros = 0;

    while (zeros < rest && x->data[x->at + zeros] == '\0')
        zeros++;
    if (zeros == rest)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL,
                             "%zu bytes of zero, as a loss of power leaves them", rest);
    return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "the line is cut off after %zu bytes", rest);
}

/* Does the line continue the one before it, in the same file or in the older one? */
static int check_chain(const Reading *x, const DmvHistoryEntry *e, const DmvHistoryLink *link,
                       DmvError *reterr)
{
    const DmvHistoryMark *last = &x->h->last;

    if (strcmp(link->previous, last->hash) != 0)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL,
                             "it does not continue the line before it, whose hash is %.16s..., but one with "
                             "%.16s...",
                             last->hash, link->previous);
    if (e->number != last->number + 1)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "its number is %lld instead of %lld",
                             (long long)e->number, (long long)last->number + 1);
    if (link->begins && x->line > 1)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL,
                             "it is the first line of a file: those before it are not of this one");
    return 0;
}

/* The first line of a file may begin anew: of the older one it does, of the live one that is a break, but a
 * break between two files of which each is good. Return: 0, or -ENOMEM. */
static int begin_anew(const Reading *x, const DmvHistoryEntry *e, const DmvHistoryLink *link)
{
    DmvHistoryMark *last = &x->h->last;
    bool genesis = e->number == 1 && strcmp(link->previous, GENESIS) == 0;
    int r = 0;

    if (x->line > 1 || (!link->begins && !genesis) ||
        (e->number == last->number + 1 && strcmp(link->previous, last->hash) == 0))
        return 0;
    if (x->part == DMV_HISTORY_LIVE)
        r = add_break_here(x, false,
                           x->no_older ? "the file before it is missing"
                                       : "it does not continue the end of the file before it");
    last->number = e->number - 1;
    memcpy(last->hash, link->previous, sizeof(last->hash));
    return r;
}

/* The mark is compared when its line comes by. */
static int check_mark(const Reading *x)
{
    const DmvHistoryMark *last = &x->h->last;

    if (!x->known || last->number != x->known->number || strcmp(last->hash, x->known->hash) == 0)
        return 0;
    return add_break_here(x, false,
                          "the line before it is another one than was there when the state was stored");
}

static int read_line(Reading *x, DmvError *reterr)
{
    const char *line = x->data + x->at, *end = memchr(line, '\n', x->size - x->at);
    DmvHistoryEntry e = {0}, *slot = NULL;
    DmvHistoryLink link;
    char hash[DMV_SHA256_HEX];
    int r;

    if (!end)
        return describe_rest(x, reterr);
    r = dmv_history_line_parse(line, (size_t)(end - line), &e, &link, reterr);
    if (r == 0)
        r = begin_anew(x, &e, &link);
    if (r == 0)
        r = check_chain(x, &e, &link, reterr);
    if (r == 0)
        r = dmv_sha256_hex(line, (size_t)(end - line), hash);
    if (r == 0 && !(slot = DMV_ARRAY_ADD(x->h->items, x->h->n)))
        r = -ENOMEM;
    if (r != 0) {
        dmv_history_entry_deinit(&e);
        return r;
    }
    *slot = e;
    x->h->last.number = e.number;
    memcpy(x->h->last.hash, hash, sizeof(hash));
    x->at += (size_t)(end - line) + 1;
    x->line++;
    return check_mark(x);
}

/* Return: 0 (also for a break), or -ENOMEM. */
static int read_part(Reading *x)
{
    while (x->at < x->size) {
        DMV_CLEANUP_ERROR DmvError error = {0};
        int r = read_line(x, &error);

        if (r > 0)
            return add_break_here(x, true, error.why ? error.why : "malformed");
        if (r < 0)
            return r;
    }
    return 0;
}

/* Is the end gone in whole lines? A torn end is told already. */
static int check_end(DmvHistory *h, const DmvHistoryMark *known)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_FREE char *why = NULL;
    int r;

    if (!known || h->torn || known->number <= h->last.number)
        return 0;
    dmv_text_appendf(&t, "it ends with entry %lld, but entry %lld was there when the state was stored",
                     (long long)h->last.number, (long long)known->number);
    r = dmv_text_take(&t, &why, NULL);
    return r == 0 ? add_break(h, DMV_HISTORY_LIVE, false, why) : r;
}

int dmv_history_parse(const char *older, size_t older_size, const char *live, size_t live_size,
                      const DmvHistoryMark *known, DmvHistory *ret)
{
    DMV_CLEANUP_HISTORY DmvHistory h;
    Reading first = {&h, DMV_HISTORY_OLDER, older, older_size, 0, 1, false, known};
    Reading second = {&h, DMV_HISTORY_LIVE, live, live_size, 0, 1, !older, known};
    int r;

    dmv_history_init(&h);
    r = older ? read_part(&first) : 0;
    h.n_older = h.n;
    if (r == 0)
        r = read_part(&second);
    h.good_bytes = second.at;
    if (r == 0)
        r = check_end(&h, known);
    if (r < 0)
        return r;
    *ret = h;
    dmv_history_init(&h);
    return 0;
}

bool dmv_history_is_full(const DmvHistory *h)
{
    return h->good_bytes >= DMV_HISTORY_MAX_BYTES || h->n - h->n_older >= DMV_HISTORY_MAX_ENTRIES;
}

void dmv_history_rotated(DmvHistory *h)
{
    for (size_t i = 0; i < h->n_older; i++)
        dmv_history_entry_deinit(&h->items[i]);
    h->n -= h->n_older;
    if (h->n_older > 0)
        memmove(h->items, h->items + h->n_older, h->n * sizeof(h->items[0]));
    h->n_older = h->n;
    h->good_bytes = 0;
}

int dmv_history_append(DmvHistory *h, DmvHistoryEntry *e, char **ret_line, size_t *ret_size)
{
    DMV_CLEANUP_FREE char *line = NULL;
    DmvHistoryMark mark = {.number = h->last.number + 1};
    DmvHistoryLink link = {.begins = h->good_bytes == 0 && h->last.number > 0};
    DmvHistoryEntry copy = {0}, *slot = NULL;
    size_t size = 0;
    int r;

    memcpy(link.previous, h->last.hash, sizeof(link.previous));
    e->number = mark.number;
    r = dmv_history_entry_copy(e, &copy);
    if (r == 0)
        r = dmv_history_line_format(&copy, &link, &line, &size, mark.hash);
    if (r == 0)
        slot = DMV_ARRAY_ADD(h->items, h->n);
    if (!slot) {
        dmv_history_entry_deinit(&copy);
        return r < 0 ? r : -ENOMEM;
    }
    *slot = copy;
    h->last = mark;
    h->good_bytes += size;
    *ret_line = DMV_TAKE_PTR(line);
    *ret_size = size;
    return 0;
}

/* Of a change of the intent, but for a rollback, the entry names the generation that waits, and of a recovery
 * the one that was undone. */
static bool tells_of_switch(const char *action)
{
    return strcmp(action, "rollback") == 0 ||
           (!dmv_history_is_change(action) && strcmp(action, "recover") != 0);
}

bool dmv_history_has_switch(const DmvHistory *h, int64_t generation)
{
    for (size_t i = h->n; i > 0; i--) {
        const DmvHistoryEntry *e = &h->items[i - 1];

        if (e->generation == generation && strcmp(e->outcome, "ok") == 0 && tells_of_switch(e->action))
            return true;
    }
    return false;
}
