/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adopted modules and offered updates. */
#include "adopted.h"

#include <stdio.h>

#include "base/text.h"
#include "cli/reply.h"
#include "cli/table.h"
#include "render.h"

enum { PATH, TIER, PACKAGE, EFFECT };

static const DmvColumn columns[] = {
    [PATH] = {"FILE", DMV_COLUMN_WRAP},
    [TIER] = {"TIER", 0},
    [PACKAGE] = {"PACKAGE", DMV_COLUMN_WRAP},
    [EFFECT] = {"EFFECT", DMV_COLUMN_WRAP},
    {NULL, 0},
};

static int add_file(DmvTable *t, json_object *a)
{
    DMV_CLEANUP_TEXT DmvText file = {0}, package = {0}, effect = {0};
    size_t odd = dmv_reply_count(a, "inconsistencies");
    int r;

    dmv_text_appendf(&file, "%s %s", dmv_reply_string_or(a, "kernel", "?"),
                     dmv_reply_string_or(a, "path", "?"));
    if (dmv_reply_join(&package, a, "packages", ", ") == 0)
        dmv_text_append(&package, dmv_reply_bool(a, "ownerKnown") ? "none" : "not known");
    dmv_text_append(&effect, dmv_reply_string_or(a, "words", "?"));
    if (odd > 0)
        dmv_text_append(&effect, "; ");
    (void)dmv_reply_join(&effect, a, "inconsistencies", "; ");
    r = dmv_table_add(t, (const char *const[]){
                             [PATH] = file.data,
                             [TIER] = dmv_reply_string_or(a, "tier", "?"),
                             [PACKAGE] = package.data,
                             [EFFECT] = effect.data,
                         });
    if (r == 0 && odd > 0)
        dmv_table_paint(t, EFFECT, DMV_PAINT_WARN);
    return r;
}

static int add_files(DmvTable *t, json_object *o)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < dmv_reply_count(o, "adopted"); i++)
        r = add_file(t, dmv_reply_at(o, "adopted", i));
    return r;
}

int dmv_render_adopted_files(const DmvScreen *s, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    int r = dmv_table_new(s, columns, NULL, true, &t);

    for (size_t i = 0; r == 0 && i < dmv_reply_count(reply, "drivers"); i++)
        r = add_files(t, dmv_reply_at(reply, "drivers", i));
    if (r == 0)
        r = add_files(t, reply);
    if (r != 0 || dmv_table_n_lines(t) == 0)
        return r;
    (void)fprintf(s->out, "\n%sinstalled by others%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD),
                  dmv_screen_paint(s, DMV_PAINT_NONE));
    return dmv_table_print(t);
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
