/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl activate: apply the plan.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "guests.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = a->dry_run ? dmv_json_add_bool(params, "dryRun", true) : 0;

    (void)object;
    (void)reterr;
    if (r == 0 && a->accept_lifeline)
        r = dmv_json_add_bool(params, "acceptLifeline", true);
    if (r == 0 && a->accept_guests)
        r = dmv_json_add_bool(params, "acceptGuests", true);
    return r == 0 && a->shutdown ? dmv_json_add_bool(params, "shutdown", true) : r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    long long generation = (long long)dmv_reply_int(reply, "generation", 0);
    size_t n = dmv_reply_count(reply, "kernels");
    int r;

    if (!dmv_reply_bool(reply, "changed")) {
        dmv_render_unchanged(s, generation);
    } else {
        (void)fprintf(s->out, "generation %lld %s", generation,
                      a->dry_run ? "would be applied" : "is applied");
        for (size_t i = 0; i < n; i++)
            (void)fprintf(s->out, "%s %s", i == 0 ? " to kernel" : ",",
                          dmv_reply_string_at(reply, "kernels", i));
        (void)fputc('\n', s->out);
    }
    (void)dmv_render_touched(s, reply);
    r = dmv_render_guests(s, reply);
    if (r < 0)
        return r;
    if (a->dry_run)
        dmv_screen_next(s, "dmvctl plan shows the steps");
    else if (dmv_reply_bool(reply, "rebootNeeded"))
        dmv_screen_next(s, "reboot, or reload the modules: the kernel still runs what it loaded before");
    else
        dmv_screen_next(s, "dmvctl status");
    return 0;
}

const DmvVerb dmv_verb_activate = {
    .name = "activate",
    .synopsis = "",
    .summary = "apply the plan now, all of it or nothing",
    .help = "Switches the module trees to what is selected, rebuilds the indexes, and checks\n"
            "the result with the real index. If anything fails, all is as before. Modules\n"
            "that are loaded stay loaded.\n",
    .options = {DMV_OPTION_DRY_RUN, DMV_OPTION_ACCEPT_LIFELINE, DMV_OPTION_ACCEPT_GUESTS,
                DMV_OPTION_SHUTDOWN},
    .method = "Activate",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = render,
};
