/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl commit: the generation works.
 */
#include "cli/reply.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    (void)a;
    (void)fprintf(s->out, "generation %lld is good\n", (long long)dmv_reply_int(reply, "generation", 0));
    return 0;
}

const DmvVerb dmv_verb_commit = {
    .name = "commit",
    .synopsis = "",
    .summary = "declare the current generation good",
    .help = "Ends the trial of the current generation: later rollbacks come back to it.\n",
    .method = "Commit",
    .render = render,
};
