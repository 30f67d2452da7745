/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adopted modules and offered updates. */
#include "adopted.h"

#include <stdio.h>

#include "base/text.h"
#include "cli/reply.h"
#include "render.h"

static void print_file(const DmvScreen *s, json_object *a)
{
    (void)fprintf(s->out, "  %s/%s: %s, %s; %s\n", dmv_reply_string_or(a, "kernel", "?"),
                  dmv_reply_string_or(a, "path", "?"), dmv_reply_string_or(a, "tier", "?"),
                  dmv_reply_string_or(a, "owner", "?"), dmv_reply_string_or(a, "words", "?"));
    for (size_t i = 0; i < dmv_reply_count(a, "inconsistencies"); i++) {
        const char *text = json_object_get_string(dmv_reply_at(a, "inconsistencies", i));

        (void)fprintf(s->out, "    %s%s%s\n", dmv_screen_paint(s, DMV_PAINT_WARN), text ? text : "?",
                      dmv_screen_paint(s, DMV_PAINT_NONE));
    }
}

static size_t print_files(const DmvScreen *s, json_object *o, size_t before)
{
    size_t n = dmv_reply_count(o, "adopted");

    if (n > 0 && before == 0)
        (void)fprintf(s->out, "\n%sinstalled by others%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD),
                      dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < n; i++)
        print_file(s, dmv_reply_at(o, "adopted", i));
    return before + n;
}

void dmv_render_adopted_files(const DmvScreen *s, json_object *reply)
{
    size_t n = 0;

    for (size_t i = 0; i < dmv_reply_count(reply, "drivers"); i++)
        n = print_files(s, dmv_reply_at(reply, "drivers", i), n);
    (void)print_files(s, reply, n);
}

size_t dmv_render_updates(const DmvScreen *s, json_object *reply)
{
    size_t n = 0;

    for (size_t i = 0; i < dmv_reply_count(reply, "drivers"); i++) {
        json_object *driver = dmv_reply_at(reply, "drivers", i);

        for (size_t k = 0; k < dmv_reply_count(driver, "releases"); k++) {
            json_object *release = dmv_reply_at(driver, "releases", k);

            if (!dmv_reply_bool(release, "update"))
                continue;
            dmv_render_label(s, n == 0 ? "updates" : "");
            (void)fprintf(s->out, "%s\n", dmv_reply_string_or(release, "name", "?"));
            n++;
        }
    }
    return n;
}
