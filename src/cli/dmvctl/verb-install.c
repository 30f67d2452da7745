/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl install: bring releases into the store.
 */
#include <limits.h>

#include "base/json.h"
#include "cli/reply.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = dmv_json_add_string(params, "release", object);

    (void)reterr;
    if (r == 0 && a->any_hardware)
        r = dmv_json_add_bool(params, "anyHardware", true);
    if (r == 0 && a->dry_run)
        r = dmv_json_add_bool(params, "dryRun", true);
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    const char *release = dmv_reply_string_or(reply, "release", "the release");
    size_t n = dmv_reply_count(reply, "kernels");

    (void)fprintf(s->out, "%s %s", a->dry_run ? "would install" : "installed", release);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(s->out, "%s %s", i == 0 ? " for kernel" : ",",
                      dmv_reply_string_at(reply, "kernels", i));
    (void)fprintf(s->out, "%s\n", n == 0 ? ": nothing to do, it is there for every kernel" : "");
    if (!a->dry_run)
        dmv_screen_next(s, "dmvctl select %s", release);
    return 0;
}

const DmvVerb dmv_verb_install = {
    .name = "install",
    .synopsis = "RELEASE...",
    .summary = "install releases for all kernels that they support",
    .help = "Downloads and verifies releases and puts them into the store. What the host\n"
            "loads does not change: see dmvctl select. VARIANT and VERSION may be left out\n"
            "where only one fits.\n",
    .min_objects = 1,
    .max_objects = UINT_MAX,
    .options = {DMV_OPTION_ANY_HARDWARE, DMV_OPTION_DRY_RUN},
    .method = "Install",
    .flags = DMV_VERB_JOB | DMV_VERB_EACH,
    .request = request,
    .render = render,
};
