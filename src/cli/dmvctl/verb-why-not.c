/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl why-not: what keeps a release from being what the host runs.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)a;
    (void)reterr;
    return dmv_json_add_string(params, "release", object);
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    const char *next = dmv_reply_string(reply, "next");

    (void)a;
    (void)dmv_render_reasons(s, reply);
    (void)fprintf(s->out, "\n%s\n", dmv_reply_string_or(reply, "decisive", ""));
    if (next)
        dmv_screen_next(s, "%s", next);
    return 0;
}

const DmvVerb dmv_verb_why_not = {
    .name = "why-not",
    .synopsis = "RELEASE",
    .summary = "explain what keeps a release from being used",
    .help = "Says for one release what matched which device, for which kernels it can be\n"
            "loaded and for which not, what its catalog says, where it is installed, and what\n"
            "is selected instead. Ends with the one thing that decides, and the command that\n"
            "would change it. Changes nothing.\n",
    .min_objects = 1,
    .max_objects = 1,
    .method = "WhyNot",
    .request = request,
    .render = render,
};
