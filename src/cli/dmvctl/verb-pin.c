/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl pin: keep a selection.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = dmv_json_add_string(params, "driver", object);

    (void)reterr;
    if (r == 0)
        r = dmv_json_add_string(params, "because", a->because);
    if (r == 0 && a->until[0])
        r = dmv_json_add_string(params, "until", a->until);
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    const char *driver = dmv_reply_string_or(reply, "driver", "the driver");

    (void)fprintf(s->out, "%s is pinned to %s%s%.10s\n", driver,
                  dmv_render_short(dmv_reply_string_or(reply, "selection", "inbox"), driver),
                  a->until[0] ? " until " : "", a->until);
    dmv_screen_next(s, "dmvctl unpin %s lets it be changed again", driver);
    return 0;
}

const DmvVerb dmv_verb_pin = {
    .name = "pin",
    .synopsis = "DRIVER",
    .summary = "keep the selection of a driver from being changed",
    .help = "Nothing changes the selection of a pinned driver: not a new recommendation, not\n"
            "dmvctl select. Give a reason: it is shown to whoever is refused.\n",
    .min_objects = 1,
    .max_objects = 1,
    .options = {DMV_OPTION_BECAUSE, DMV_OPTION_UNTIL},
    .method = "Pin",
    .request = request,
    .render = render,
};
