/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl refresh: fetch and verify the catalogs.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = dmv_json_add_string(params, "stream", object);

    (void)reterr;
    if (r == 0 && a->allow_stale)
        r = dmv_json_add_bool(params, "allowStale", true);
    return r;
}

static void print_changes(const DmvScreen *s, json_object *reply, const char *key, const char *word)
{
    for (size_t i = 0; i < dmv_reply_count(reply, key); i++)
        (void)fprintf(s->out, "%-8s %s\n", word, dmv_reply_string_at(reply, key, i));
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    size_t bad = dmv_render_streams(s, reply), added = dmv_reply_count(reply, "added");

    (void)a;
    print_changes(s, reply, "added", "new");
    print_changes(s, reply, "removed", "gone");
    if (bad > 0)
        dmv_screen_next(s, "dmvctl refresh again: %zu stream%s not up to date, see above", bad,
                        bad == 1 ? " is" : "s are");
    else if (added > 0)
        dmv_screen_next(s, "dmvctl list shows what fits this host");
    return 0;
}

const DmvVerb dmv_verb_refresh = {
    .name = "refresh",
    .synopsis = "[STREAM]",
    .summary = "fetch and verify the catalogs of the streams",
    .help = "Fetches the signed catalogs of all streams, or of one. Installs nothing.\n",
    .max_objects = 1,
    .options = {DMV_OPTION_ALLOW_STALE},
    .method = "Refresh",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = render,
};
