/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl help: without a daemon.
 */
#include "cli/reply.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    const char *name = dmv_arguments_object(a, 0);
    const DmvVerb *verb = name ? dmv_verb_find(dmv_verbs, name) : NULL;

    (void)reply;
    if (name && !verb) {
        DMV_CLEANUP_FREE char *safe = dmv_sanitize(name);

        (void)fprintf(s->err, "%s: %s: no such verb\n  next: dmvctl help\n", s->program, safe ? safe : "?");
        return DMV_EXIT_USAGE;
    }
    dmv_verb_print_help(verb, s->out);
    return DMV_EXIT_OK;
}

const DmvVerb dmv_verb_help = {
    .name = "help",
    .synopsis = "[VERB]",
    .summary = "show this, or the help of a verb",
    .help = "Shows the verbs, or the help of one.\n",
    .max_objects = 1,
    .render = render,
};
