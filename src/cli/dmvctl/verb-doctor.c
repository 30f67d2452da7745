/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl doctor: every known trap, and the way out of each.
 */
#include "render.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    (void)a;
    dmv_render_findings(s, reply, "no known trap was found");
    return 0;
}

static int status(const DmvArguments *a, json_object *reply)
{
    (void)a;
    return dmv_render_findings_status(reply);
}

const DmvVerb dmv_verb_doctor = {
    .name = "doctor",
    .synopsis = "",
    .summary = "look for every known trap, and say what to do",
    .help = "Looks for dangling links, competing files, selections that cannot be met,\n"
            "streams without a good catalog and every other known trap, and says what to do\n"
            "about each. The exit status is 10 if something was found. Changes nothing.\n",
    .method = "Doctor",
    .render = render,
    .status = status,
};
