/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl unpin: let a selection be changed again.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)a;
    (void)reterr;
    return dmv_json_add_string(params, "driver", object);
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    const char *driver = dmv_reply_string_or(reply, "driver", "the driver");

    (void)a;
    (void)fprintf(s->out, "%s is not pinned; selected is %s\n", driver,
                  dmv_render_short(dmv_reply_string_or(reply, "selection", "inbox"), driver));
    return 0;
}

const DmvVerb dmv_verb_unpin = {
    .name = "unpin",
    .synopsis = "DRIVER",
    .summary = "undo pin",
    .help = "Lets the selection of a driver be changed again.\n",
    .min_objects = 1,
    .max_objects = 1,
    .method = "Unpin",
    .request = request,
    .render = render,
};
