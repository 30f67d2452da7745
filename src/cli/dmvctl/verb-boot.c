/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl boot: what dmv-boot.service tells early in a boot.
 */
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TEXT DmvText line = {0};

    (void)a;
    dmv_render_boot_line(&line, dmv_reply_object(reply, "boot"));
    (void)fprintf(s->out, "%s\n", line.data ? line.data : "");
    if (dmv_reply_bool(reply, "restored"))
        dmv_screen_next(s, "dmvctl status says why the drivers before were put back");
    return 0;
}

const DmvVerb dmv_verb_boot = {
    .name = "boot",
    .synopsis = "",
    .summary = "tell of a boot, before its drivers are loaded",
    .help = "For dmv-boot.service: counts the boot of a trial, finishes what is under way,\n"
            "and puts the drivers before back if the trial has used up its attempts. See\n"
            "dmv-boot(7).\n",
    .method = "Boot",
    .flags = DMV_VERB_JOB,
    .render = render,
};
