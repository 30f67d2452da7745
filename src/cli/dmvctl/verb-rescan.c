/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl rescan: what an update agent calls after it changed packages or kernels.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = a->now ? dmv_json_add_bool(params, "now", true) : 0;

    (void)object;
    (void)reterr;
    return r == 0 && a->accept_guests ? dmv_json_add_bool(params, "acceptGuests", true) : r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    (void)a;
    for (size_t i = 0; i < dmv_reply_count(reply, "changes"); i++)
        (void)fprintf(s->out, "%s\n", dmv_reply_string_at(reply, "changes", i));
    if (!dmv_reply_bool(reply, "changed"))
        (void)fputs("nothing to change\n", s->out);
    else if (dmv_reply_count(reply, "changes") == 0)
        (void)fputs("something has to change\n", s->out);
    if (dmv_reply_bool(reply, "staged"))
        dmv_screen_next(s, "dmvctl plan shows what is staged; reboot, or dmvctl activate");
    else if (dmv_reply_bool(reply, "rebootNeeded"))
        dmv_screen_next(s, "reboot: the kernel still runs what it loaded before");
    return 0;
}

const DmvVerb dmv_verb_rescan = {
    .name = "rescan",
    .synopsis = "",
    .summary = "look at the host again after packages or kernels changed",
    .help = "Looks at hardware, kernels, packages and trees again, plans again, and says what\n"
            "changed. To be called after packages or kernels were installed or removed.\n",
    .options = {DMV_OPTION_NOW, DMV_OPTION_ACCEPT_GUESTS},
    .method = "Rescan",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = render,
};
