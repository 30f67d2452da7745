/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Undo.
 *
 * By what is wanted, not by what was done: an entry can be taken back when its drivers are as it left them.
 * So what others did to other drivers since stays, what was changed back since is no conflict, and an undo
 * can be undone as any other change.
 */
#include "model/history-undo.h"

#include <errno.h>
#include <string.h>

void dmv_history_undo_deinit(DmvHistoryUndo *u)
{
    dmv_intent_deinit(&u->intent);
    dmv_intent_deinit(&u->before);
    dmv_intent_deinit(&u->after);
    free(u->undone);
    free(u->skipped);
    *u = (DmvHistoryUndo){0};
}

/* An entry that may have changed the intent, and does not say how. */
static bool is_unrecorded(const DmvHistoryEntry *e)
{
    return !e->has_changes && dmv_history_is_change(e->action) && strcmp(e->outcome, "ok") == 0;
}

static bool has_changed(const DmvHistoryEntry *e)
{
    return e->before.n + e->after.n > 0;
}

/* Somebody asked for another intent. The boot machine goes back by itself, and to take that back would be to
 * bring in again what has failed: that is only done where it is named. */
static bool is_wish(const DmvHistoryEntry *e)
{
    return dmv_history_is_change(e->action) && (has_changed(e) || is_unrecorded(e));
}

int dmv_history_undo_last(const DmvHistory *h, int64_t *ret, DmvError *reterr)
{
    for (size_t i = h->n; i > 0; i--)
        if (is_wish(&h->items[i - 1])) {
            *ret = h->items[i - 1].number;
            return 0;
        }
    return dmv_error_set(reterr, DMV_NOTHING_TO_UNDO, NULL, "dmvctl history",
                         "nobody has changed what is wanted, as far as the history goes back");
}

static int check_range(const DmvHistory *h, int64_t first, int64_t last, DmvError *reterr)
{
    int64_t oldest = h->n > 0 ? h->items[0].number : 0;
    size_t n = 0;

    if (first < 1 || first > last)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, "dmvctl history shows the numbers",
                             "%lld..%lld is no range of entries", (long long)first, (long long)last);
    for (size_t i = 0; i < h->n; i++)
        n += h->items[i].number >= first && h->items[i].number <= last;
    if (n == (uint64_t)(last - first) + 1)
        return 0;
    if (oldest > first)
        return dmv_error_set(reterr, DMV_NO_SUCH_ENTRY, NULL, "dmvctl history --all",
                             "entry %lld is not kept any more, the oldest one is %lld", (long long)first,
                             (long long)oldest);
    return dmv_error_set(reterr, DMV_NO_SUCH_ENTRY, NULL, "dmvctl history --all",
                         "the history ends with entry %lld, or misses some before it",
                         (long long)h->last.number);
}

/* The newest entry behind @i that changed a driver. */
static const DmvHistoryEntry *changed_later(const DmvHistory *h, size_t i, const char *driver)
{
    for (size_t k = h->n; k > i + 1; k--)
        if (dmv_intent_find(&h->items[k - 1].before, driver) ||
            dmv_intent_find(&h->items[k - 1].after, driver))
            return &h->items[k - 1];
    return NULL;
}

static int refuse_conflict(const DmvHistory *h, size_t i, const char *driver, const DmvSelection *is,
                           const DmvSelection *left, DmvError *reterr)
{
    const DmvHistoryEntry *later = changed_later(h, i, driver);
    DMV_CLEANUP_FREE char *now = dmv_selection_to_string(is), *then = dmv_selection_to_string(left);

    if (!now || !then)
        return -ENOMEM;
    (void)dmv_error_set(reterr, DMV_CONFLICT, NULL, NULL,
                        "%s was changed since: entry %lld left it at %s%s, it is %s%s", driver,
                        (long long)h->items[i].number, then, left && left->pinned ? " with a pin" : "", now,
                        is && is->pinned ? " with a pin" : "");
    if (later)
        dmv_error_set_next(reterr, "take entry %lld (%s) back too, or select what you want",
                           (long long)later->number, later->action);
    else
        dmv_error_set_next(reterr, "dmvctl select %s: say what you want", driver);
    return DMV_CONFLICT;
}

static int refuse_pinned(const DmvSelection *s, DmvError *reterr)
{
    (void)dmv_error_set(reterr, DMV_PINNED, NULL, NULL, "%s is pinned%s%s%s", s->driver,
                        s->pin_reason ? " (" : "", s->pin_reason ? s->pin_reason : "",
                        s->pin_reason ? ")" : "");
    dmv_error_set_next(reterr, "dmvctl unpin %s", s->driver);
    return DMV_PINNED;
}

/* Takes back what entry @i did to one driver. */
static int take_back_driver(const DmvHistory *h, size_t i, const char *driver, int64_t now, DmvIntent *intent,
                            DmvError *reterr)
{
    const DmvSelection *is = dmv_intent_find(intent, driver);
    const DmvSelection *was = dmv_intent_find(&h->items[i].before, driver);
    const DmvSelection *left = dmv_intent_find(&h->items[i].after, driver);

    if (!dmv_selection_equal(is, left))
        return refuse_conflict(h, i, driver, is, left, reterr);
    /* an entry that brought the pin takes it along */
    if (dmv_selection_is_pinned(is, now) && (!was || was->pinned) && !dmv_selection_is_same(is, was))
        return refuse_pinned(is, reterr);
    return dmv_intent_put(intent, driver, was);
}

/* Every driver of an entry stands in one of its two intents, or in both. */
static int take_back(const DmvHistory *h, size_t i, int64_t now, DmvIntent *intent, DmvError *reterr)
{
    const DmvHistoryEntry *e = &h->items[i];
    int r = 0;

    if (is_unrecorded(e))
        return dmv_error_set(reterr, DMV_NOT_RECORDED, NULL, "select what you want instead",
                             "entry %lld (%s) does not say what it changed", (long long)e->number, e->action);
    for (size_t k = 0; r == 0 && k < e->after.n; k++)
        r = take_back_driver(h, i, e->after.items[k].driver, now, intent, reterr);
    for (size_t k = 0; r == 0 && k < e->before.n; k++)
        if (!dmv_intent_find(&e->after, e->before.items[k].driver))
            r = take_back_driver(h, i, e->before.items[k].driver, now, intent, reterr);
    return r;
}

static int note_number(DmvHistoryUndo *u, const DmvHistoryEntry *e)
{
    int64_t *slot =
        has_changed(e) ? DMV_ARRAY_ADD(u->undone, u->n_undone) : DMV_ARRAY_ADD(u->skipped, u->n_skipped);

    if (!slot)
        return -ENOMEM;
    *slot = e->number;
    return 0;
}

int dmv_history_undo(const DmvHistory *h, const DmvIntent *intent, int64_t first, int64_t last, int64_t now,
                     DmvHistoryUndo *ret, DmvError *reterr)
{
    DMV_CLEANUP_HISTORY_UNDO DmvHistoryUndo u = {0};
    int r = check_range(h, first, last, reterr);

    if (r == 0)
        r = dmv_intent_copy(intent, &u.intent);
    for (size_t i = h->n; r == 0 && i > 0; i--) {
        if (h->items[i - 1].number < first || h->items[i - 1].number > last)
            continue;
        r = take_back(h, i - 1, now, &u.intent, reterr);
        if (r == 0)
            r = note_number(&u, &h->items[i - 1]);
    }
    if (r == 0 && u.n_undone == 0)
        r = dmv_error_set(reterr, DMV_NOTHING_TO_UNDO, NULL, "dmvctl history",
                          "what is wanted was not changed by %lld..%lld", (long long)first, (long long)last);
    if (r == 0)
        r = dmv_intent_diff(intent, &u.intent, &u.before, &u.after);
    if (r != 0)
        return r;
    *ret = u;
    u = (DmvHistoryUndo){0};
    return 0;
}
