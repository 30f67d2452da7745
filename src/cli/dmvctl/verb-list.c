/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl list: releases, one a line, with everything that decides between them.
 */
#include "adopted.h"
#include "base/json.h"
#include "cli/reply.h"
#include "release-table.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = 0;

    (void)object;
    (void)reterr;
    if (a->all)
        r = dmv_json_add_bool(params, "all", true);
    if (r == 0 && a->installed)
        r = dmv_json_add_bool(params, "installed", true);
    return r;
}

/* Keeps the available releases, and the drivers that have some. */
static int keep_available(json_object *drivers)
{
    for (size_t i = json_object_array_length(drivers); i-- > 0;) {
        json_object *releases = dmv_reply_array(json_object_array_get_idx(drivers, i), "releases");

        for (size_t j = releases ? json_object_array_length(releases) : 0; j-- > 0;)
            if (!dmv_reply_bool(json_object_array_get_idx(releases, j), "available"))
                json_object_array_del_idx(releases, j, 1);
        if (!releases || json_object_array_length(releases) == 0)
            json_object_array_del_idx(drivers, i, 1);
    }
    return 0;
}

static int filter(const DmvArguments *a, json_object *reply)
{
    json_object *drivers = dmv_reply_array(reply, "drivers");

    return a->available && drivers ? keep_available(drivers) : 0;
}

static void print_next(const DmvScreen *s, const DmvArguments *a, size_t lines)
{
    if (lines > 0)
        dmv_screen_next(s, "dmvctl install RELEASE, dmvctl select RELEASE, or dmvctl show DRIVER");
    else if (a->all)
        dmv_screen_next(s, "no release is known: dmvctl refresh fetches the catalogs");
    else
        dmv_screen_next(
            s, "nothing fits this host: dmvctl list --all shows everything, dmvctl refresh asks the streams");
}

/* What stands beside the releases: updates, selections that are older than what is recommended, and what
 * other packages brought. */
static int print_more(const DmvScreen *s, json_object *reply)
{
    (void)dmv_render_updates(s, reply);
    for (size_t i = 0; i < dmv_reply_count(reply, "drivers"); i++) {
        json_object *d = dmv_reply_at(reply, "drivers", i);

        if (!dmv_reply_bool(d, "outdated"))
            continue;
        dmv_render_label(s, "outdated");
        (void)fprintf(s->out, "%s is selected, and %s is recommended\n",
                      dmv_reply_string_or(d, "selectedRelease", "?"),
                      dmv_reply_string_or(d, "recommended", "?"));
    }
    return dmv_render_adopted_files(s, reply);
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    int r = dmv_table_new(s, dmv_release_columns, a->fields, !a->no_headings, &t);

    for (size_t i = 0; r == 0 && i < dmv_reply_count(reply, "drivers"); i++)
        r = dmv_release_table_add(t, dmv_reply_at(reply, "drivers", i), !a->installed && !a->available);
    if (r == 0)
        r = dmv_table_print(t);
    if (r != 0)
        return r;
    if (!a->no_headings && !a->fields)
        r = print_more(s, reply);
    if (r != 0)
        return r;
    (void)dmv_render_problem_list(s, reply);
    if (!a->no_headings)
        print_next(s, a, dmv_table_n_lines(t));
    return 0;
}

const DmvVerb dmv_verb_list = {
    .name = "list",
    .synopsis = "",
    .summary = "releases of the drivers that this host needs",
    .help = "Lists the releases that fit the hardware of this host, are installed, or are\n"
            "selected. FITS says whether a release can be chosen, and if not, why.\n",
    .options = {DMV_OPTION_ALL, DMV_OPTION_INSTALLED, DMV_OPTION_AVAILABLE, DMV_OPTION_FIELDS,
                DMV_OPTION_NO_HEADINGS},
    .columns = dmv_release_columns,
    .method = "ListDrivers",
    .request = request,
    .filter = filter,
    .render = render,
};
