/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl health: what dmv-commit.service tells when the host is up.
 */
#include <errno.h>
#include <limits.h>

#include "base/json.h"
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = a->objects && a->objects[0] ? dmv_json_add_strv(params, "problems", a->objects) : 0;

    (void)object;
    (void)reterr;
    if (r == 0 && a->waited != UINT64_MAX)
        r = dmv_json_add_int(params, "waited", a->waited < INT64_MAX ? (int64_t)a->waited : INT64_MAX);
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TEXT DmvText line = {0};
    int64_t wait = dmv_reply_int(reply, "wait", 0), settle = dmv_reply_int(reply, "settle", 0);

    (void)a;
    dmv_render_finding_list(s, reply, NULL, NULL);
    (void)fprintf(s->out, "health is %s\n", dmv_reply_bool(reply, "healthy") ? "good" : "bad");
    dmv_render_boot_line(&line, dmv_reply_object(reply, "boot"));
    (void)fprintf(s->out, "%s\n", line.data ? line.data : "");
    if (wait > 0)
        (void)fprintf(s->out, "a report in %lld seconds can end the trial\n", (long long)wait);
    if (settle > 0)
        (void)fprintf(s->out, "nothing is reported yet: what is missing may come in %lld seconds\n",
                      (long long)settle);
    if (dmv_reply_bool(reply, "reboot"))
        dmv_screen_next(s, "reboot: the kernel still runs the drivers that were gone back from");
    return 0;
}

static int status(const DmvArguments *a, json_object *reply)
{
    (void)a;
    if (dmv_reply_bool(reply, "reboot"))
        return DMV_EXIT_PENDING;
    return dmv_reply_bool(reply, "healthy") ? DMV_EXIT_OK : DMV_EXIT_DIFFERENT;
}

const DmvVerb dmv_verb_health = {
    .name = "health",
    .synopsis = "[PROBLEM...]",
    .summary = "report the health of the drivers, and of what is named",
    .help = "For dmv-commit.service: judges the host's health, and reports it. What is named\n"
            "on the command line was found wrong by somebody else. A trial in good health is\n"
            "committed, one in bad health is gone back from. With --waited nothing is\n"
            "reported while something may still come up. The exit status is 0 for good\n"
            "health, 10 for bad, and 11 if the host has to be rebooted now. See dmv-boot(7).\n",
    .max_objects = UINT_MAX,
    .options = {DMV_OPTION_WAITED},
    .method = "Health",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = render,
    .status = status,
};
