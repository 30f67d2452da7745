/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl remove: take releases out of the store.
 */
#include <limits.h>

#include "base/json.h"
#include "cli/reply.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = dmv_json_add_string(params, "release", object);

    (void)reterr;
    if (r == 0 && a->dry_run)
        r = dmv_json_add_bool(params, "dryRun", true);
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    size_t n = dmv_reply_count(reply, "kernels");

    (void)fprintf(s->out, "%s %s", a->dry_run ? "would remove" : "removed",
                  dmv_reply_string_or(reply, "release", "the release"));
    for (size_t i = 0; i < n; i++)
        (void)fprintf(s->out, "%s %s", i == 0 ? " for kernel" : ",",
                      dmv_reply_string_at(reply, "kernels", i));
    (void)fputc('\n', s->out);
    return 0;
}

const DmvVerb dmv_verb_remove = {
    .name = "remove",
    .synopsis = "RELEASE...",
    .summary = "remove installed releases that are not selected",
    .help = "Removes releases from the store. One that is selected, staged, active or kept\n"
            "for a rollback is refused, and so is one that a package of the host brought.\n",
    .min_objects = 1,
    .max_objects = UINT_MAX,
    .options = {DMV_OPTION_DRY_RUN},
    .method = "Remove",
    .flags = DMV_VERB_EACH,
    .request = request,
    .render = render,
};
