/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl monitor: events, one a line, until Ctrl-C.
 */
#include "cli/reply.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    static const char *const members[] = {"object", "outcome"};
    json_object *job = dmv_reply_object(reply, "job");

    (void)a;
    (void)fprintf(s->out, "%-20s %s", dmv_reply_string_or(reply, "time", "-"),
                  dmv_reply_string_or(reply, "type", "?"));
    for (size_t i = 0; i < DMV_N_ELEMENTS(members); i++)
        if (dmv_reply_has(reply, members[i]))
            (void)fprintf(s->out, " %s", dmv_reply_string_or(reply, members[i], "-"));
    if (job)
        (void)fprintf(s->out, " %s %s: %s", dmv_reply_string_or(job, "action", "job"),
                      dmv_reply_string_or(job, "object", ""), dmv_reply_string_or(job, "phase", "working"));
    if (dmv_reply_has(reply, "dropped"))
        (void)fprintf(s->out, " %lld events were lost", (long long)dmv_reply_int(reply, "dropped", 0));
    (void)fputc('\n', s->out);
    return 0;
}

const DmvVerb dmv_verb_monitor = {
    .name = "monitor",
    .synopsis = "",
    .summary = "watch for changes until Ctrl-C",
    .help = "Prints a line for every event: changed hardware, catalogs, generations, jobs.\n"
            "With --json every event is one JSON object on one line.\n",
    .method = "Monitor",
    .flags = DMV_VERB_STREAM,
    .render = render,
};
