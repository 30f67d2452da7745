/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What select, deselect and undo have in common.
 */
#include "selection.h"

#include <string.h>

#include "base/json.h"
#include "cli/reply.h"
#include "guests.h"
#include "render.h"

int dmv_selection_request(const DmvArguments *a, json_object *params)
{
    int r = 0;

    if (a->now)
        r = dmv_json_add_bool(params, "now", true);
    if (r == 0)
        r = dmv_json_add_string(params, "because", a->because);
    if (r == 0 && a->dry_run)
        r = dmv_json_add_bool(params, "dryRun", true);
    if (r == 0 && a->accept_lifeline)
        r = dmv_json_add_bool(params, "acceptLifeline", true);
    if (r == 0 && a->accept_guests)
        r = dmv_json_add_bool(params, "acceptGuests", true);
    return r;
}

void dmv_selection_print_next(const DmvScreen *s, json_object *reply)
{
    if (dmv_reply_bool(reply, "staged"))
        dmv_screen_next(s, "dmvctl activate applies it now, or reboot; dmvctl plan shows what will change");
    else if (dmv_reply_bool(reply, "rebootNeeded"))
        dmv_screen_next(s, "applied; the kernel still runs the old one until a reboot");
    else
        dmv_screen_next(s, "nothing to do: it is in effect");
}

int dmv_selection_render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    const char *driver = dmv_reply_string_or(reply, "driver", "the driver");
    const char *selection = dmv_reply_string_or(reply, "selection", "inbox");
    int r;

    (void)fprintf(s->out, "%s: %s %s%s\n", driver, a->dry_run ? "would select" : "selected",
                  dmv_render_short(selection, driver),
                  strcmp(selection, "inbox") == 0 ? ", the kernel's own driver" : "");
    (void)dmv_render_plan(s, reply);
    (void)dmv_render_touched(s, reply);
    r = dmv_render_guests(s, reply);
    if (r == 0 && !a->dry_run)
        dmv_selection_print_next(s, reply);
    return r;
}
