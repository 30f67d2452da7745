/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl verify: is the host what it was made to be?
 */
#include "render.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    (void)a;
    dmv_render_findings(s, reply, "the disk, the indexes and the kernel are as planned");
    return 0;
}

static int status(const DmvArguments *a, json_object *reply)
{
    (void)a;
    return dmv_render_findings_status(reply);
}

const DmvVerb dmv_verb_verify = {
    .name = "verify",
    .synopsis = "",
    .summary = "compare disk, indexes and kernel with what was planned",
    .help = "Compares what is on the disk, in the indexes and in the kernel with what was\n"
            "planned. The exit status is 10 if something differs. Changes nothing.\n",
    .method = "Verify",
    .render = render,
    .status = status,
};
