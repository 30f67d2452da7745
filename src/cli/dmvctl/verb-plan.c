/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl plan: what would change, before it does.
 */
#include "cli/reply.h"
#include "forecast.h"
#include "guests.h"
#include "render.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    bool changed = dmv_reply_bool(reply, "changed");
    int r;

    if (!changed)
        dmv_render_unchanged(s, dmv_reply_int(reply, "generation", 0));
    (void)dmv_render_plan(s, reply);
    r = dmv_render_forecast(s, reply, a->all);
    if (r < 0)
        return r;
    (void)dmv_render_touched(s, reply);
    r = dmv_render_guests(s, reply);
    if (r < 0)
        return r;
    (void)dmv_render_problem_list(s, reply);
    if (changed)
        dmv_screen_next(s, "dmvctl activate applies this now; a reboot does, too");
    return 0;
}

static int status(const DmvArguments *a, json_object *reply)
{
    return a->detailed_exit_code && dmv_reply_bool(reply, "changed") ? DMV_EXIT_DIFFERENT : DMV_EXIT_OK;
}

const DmvVerb dmv_verb_plan = {
    .name = "plan",
    .synopsis = "",
    .summary = "what would change: files, and what every kernel loads",
    .help = "Shows for every kernel and module the file that is loaded now and the one that\n"
            "would be loaded next, the steps that lead there, for every device what it would\n"
            "be driven by at the next boot, now and next, and the lifelines and guests that\n"
            "are touched. Changes nothing.\n",
    .options = {DMV_OPTION_ALL, DMV_OPTION_DETAILED_EXIT_CODE},
    .method = "Plan",
    .render = render,
    .status = status,
};
