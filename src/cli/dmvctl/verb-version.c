/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl version: of this program; the daemon's is in describe.
 */
#include <errno.h>

#include "base/json.h"
#include "dmv/interface.h"
#include "verb.h"

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int r = o ? 0 : -ENOMEM;

    (void)a;
    (void)reply;
    if (s->mode == DMV_OUTPUT_TEXT) {
        (void)fprintf(s->out, "dmvctl %s\n", DMV_VERSION);
        return DMV_EXIT_OK;
    }
    if (r == 0)
        r = dmv_json_add_string(o, "product", DMV_PRODUCT);
    if (r == 0)
        r = dmv_json_add_string(o, "version", DMV_VERSION);
    return r < 0 ? r : dmv_screen_json(s, o);
}

const DmvVerb dmv_verb_version = {
    .name = "version",
    .synopsis = "",
    .summary = "show the version of dmvctl",
    .help = "Shows the version of dmvctl. dmvctl describe shows that of the daemon.\n",
    .render = render,
};
