/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl undo: takes back what entries of the history changed.
 *
 * The numbers are those of `dmvctl history`; ranges are written as dnf writes them.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "cli/reply.h"
#include "guests.h"
#include "render.h"
#include "selection.h"
#include "verb.h"

static int add_number(json_object *params, const char *key, const char *text, DmvError *reterr)
{
    uint64_t number;

    if (dmv_parse_u64(text, INT32_MAX, &number) < 0)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL,
                             "dmvctl undo last, dmvctl undo N, or dmvctl undo N..M",
                             "\"%s\" is not the number of an entry of the history", text);
    return dmv_json_add_int(params, key, (int64_t)number);
}

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    const char *dots = strstr(object, "..");
    DMV_CLEANUP_FREE char *first = dots ? strndup(object, (size_t)(dots - object)) : strdup(object);
    int r = first ? 0 : -ENOMEM;

    if (r == 0 && strcmp(object, "last") != 0)
        r = add_number(params, "first", first, reterr);
    if (r == 0 && dots)
        r = add_number(params, "last", dots + 2, reterr);
    return r != 0 ? r : dmv_selection_request(a, params);
}

static void print_numbers(const DmvScreen *s, json_object *reply, const char *key, const char *words)
{
    size_t n = dmv_reply_count(reply, key);

    if (n == 0)
        return;
    (void)fprintf(s->out, "%s entr%s", words, n == 1 ? "y" : "ies");
    for (size_t i = 0; i < n; i++)
        (void)fprintf(s->out, "%s %lld", i > 0 ? "," : "",
                      (long long)json_object_get_int64(dmv_reply_at(reply, key, i)));
    (void)fputc('\n', s->out);
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    int r;

    print_numbers(s, reply, "undone", a->dry_run ? "would take back" : "took back");
    print_numbers(s, reply, "skipped", "nothing to take back in");
    for (size_t i = 0; i < dmv_reply_count(reply, "changes"); i++) {
        json_object *c = dmv_reply_at(reply, "changes", i);

        (void)fprintf(
            s->out, "  %s: %s%s -> %s%s\n", dmv_reply_string_or(c, "driver", "?"),
            dmv_reply_string_or(c, "before", "?"), dmv_reply_bool(c, "pinnedBefore") ? " (pinned)" : "",
            dmv_reply_string_or(c, "after", "?"), dmv_reply_bool(c, "pinnedAfter") ? " (pinned)" : "");
    }
    (void)dmv_render_plan(s, reply);
    (void)dmv_render_touched(s, reply);
    r = dmv_render_guests(s, reply);
    if (r == 0 && !a->dry_run)
        dmv_selection_print_next(s, reply);
    return r;
}

const DmvVerb dmv_verb_undo = {
    .name = "undo",
    .synopsis = "last|N|N..M",
    .summary = "take back changes that the history names",
    .help = "Takes back what entries of the history did to what is wanted, the newest first,\n"
            "as one change: select, deselect, pin, unpin, rollback, and undo itself. \"last\"\n"
            "is the last one of these. Entries that changed nothing that is wanted, such as\n"
            "install, are skipped. A driver that was changed since is refused, unless that\n"
            "change is taken back too, and so is a pinned one; then nothing is done. The next\n"
            "reboot switches to it, or dmvctl activate, or --now at once.\n",
    .min_objects = 1,
    .max_objects = 1,
    .options = {DMV_OPTION_NOW, DMV_OPTION_BECAUSE, DMV_OPTION_DRY_RUN, DMV_OPTION_ACCEPT_LIFELINE,
                DMV_OPTION_ACCEPT_GUESTS},
    .method = "Undo",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = render,
};
