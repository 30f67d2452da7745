/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmvctl stop-guests and restore-guests: what units of these names do before a reboot and after it. */
#include "cli/reply.h"
#include "guests.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    size_t n = dmv_reply_count(reply, "guests");
    const char *none = dmv_reply_string(reply, "why");

    (void)a;
    for (size_t i = 0; i < n; i++) {
        json_object *g = dmv_reply_at(reply, "guests", i);
        const char *why = dmv_reply_string(g, "why");

        (void)fprintf(s->out, "%s: %s%s%s\n", dmv_reply_string(g, "name"), dmv_reply_string(g, "fate"),
                      why ? ": " : "", why ? why : "");
    }
    if (dmv_render_guest_problems(s, reply) == 0 && n == 0)
        (void)fprintf(s->out, "no guests%s%s\n", none ? ": " : "", none ? none : "");
    return 0;
}

/* Is there one with that, of which somebody has to know? */
static int status(const DmvArguments *a, json_object *reply)
{
    (void)a;
    if (dmv_reply_count(reply, "problems") > 0)
        return DMV_EXIT_FAILED;
    for (size_t i = 0; i < dmv_reply_count(reply, "guests"); i++)
        if (dmv_reply_string(dmv_reply_at(reply, "guests", i), "why"))
            return DMV_EXIT_FAILED;
    return DMV_EXIT_OK;
}

const DmvVerb dmv_verb_stop_guests = {
    .name = "stop-guests",
    .synopsis = "",
    .summary = "shut down or save guests before a reboot",
    .help = "For dmv-stop-guests.service: if the next boot loads other drivers, and if policy=\n"
            "of [guests] says so, the guests that run are shut down or saved, one after the\n"
            "other. One that does not stop in time goes on running, and is named; so is one\n"
            "that libvirt does not know, because xl has started it. See dmv-guests(7).\n",
    .method = "StopGuests",
    .flags = DMV_VERB_JOB,
    .render = render,
    .status = status,
};

const DmvVerb dmv_verb_restore_guests = {
    .name = "restore-guests",
    .synopsis = "",
    .summary = "bring back the guests that were saved",
    .help = "For dmv-restore-guests.service: brings back what stop-guests has saved, the last\n"
            "one first. One that cannot be brought back now is named, and tried again the\n"
            "next time.\n",
    .method = "RestoreGuests",
    .flags = DMV_VERB_JOB,
    .render = render,
    .status = status,
};
