/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl history: who did what, when, and how it went.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

enum { NUMBER, TIME, ACTION, OBJECT, OUTCOME, GENERATION, BECAUSE, DETAIL, UID, N };

static const DmvColumn columns[] = {
    [NUMBER] = {"NUMBER", DMV_COLUMN_RIGHT},
    [TIME] = {"TIME", 0},
    [ACTION] = {"ACTION", 0},
    [OBJECT] = {"OBJECT", 0},
    [OUTCOME] = {"OUTCOME", 0},
    [GENERATION] = {"GENERATION", DMV_COLUMN_RIGHT},
    [BECAUSE] = {"BECAUSE", DMV_COLUMN_WRAP},
    [DETAIL] = {"DETAIL", DMV_COLUMN_WRAP},
    [UID] = {"UID", DMV_COLUMN_HIDDEN | DMV_COLUMN_RIGHT},
    [N] = {NULL, 0},
};

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = dmv_json_add_string(params, "driver", object);

    (void)reterr;
    if (r == 0 && a->limit > 0)
        r = dmv_json_add_int(params, "limit", (int64_t)a->limit);
    if (r == 0 && a->all)
        r = dmv_json_add_bool(params, "all", true);
    return r;
}

static void append_int(DmvText *t, json_object *o, const char *key)
{
    if (dmv_reply_has(o, key))
        dmv_text_appendf(t, "%lld", (long long)dmv_reply_int(o, key, 0));
}

static int add_entry(DmvTable *t, json_object *entry)
{
    DMV_CLEANUP_TEXT DmvText number = {0}, generation = {0}, uid = {0};
    const char *outcome = dmv_reply_string_or(entry, "outcome", "?");
    int r;

    append_int(&number, entry, "number");
    append_int(&generation, entry, "generation");
    append_int(&uid, entry, "uid");
    r = dmv_table_add(t, (const char *const[N]){
                             [NUMBER] = number.data,
                             [TIME] = dmv_reply_string(entry, "time"),
                             [ACTION] = dmv_reply_string(entry, "action"),
                             [OBJECT] = dmv_reply_string(entry, "object"),
                             [OUTCOME] = outcome,
                             [GENERATION] = generation.data,
                             [BECAUSE] = dmv_reply_string(entry, "because"),
                             [DETAIL] = dmv_reply_string(entry, "detail"),
                             [UID] = uid.data,
                         });
    if (r == 0)
        dmv_table_paint(t, OUTCOME, dmv_streq(outcome, "ok") ? DMV_PAINT_GOOD : DMV_PAINT_BAD);
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    int r = dmv_table_new(s, columns, a->fields, !a->no_headings, &t);

    for (size_t i = 0; r == 0 && i < dmv_reply_count(reply, "entries"); i++)
        r = add_entry(t, dmv_reply_at(reply, "entries", i));
    if (r == 0)
        r = dmv_table_print(t);
    if (r != 0)
        return r;
    if (dmv_table_n_lines(t) == 0)
        (void)fputs("Nothing was done yet.\n", s->err);
    (void)dmv_render_problem_list(s, reply);
    return 0;
}

const DmvVerb dmv_verb_history = {
    .name = "history",
    .synopsis = "[DRIVER]",
    .summary = "what was done, newest first",
    .help = "Lists what was done, also what was refused or failed, newest first.\n",
    .max_objects = 1,
    .options = {DMV_OPTION_LIMIT, DMV_OPTION_ALL, DMV_OPTION_FIELDS, DMV_OPTION_NO_HEADINGS},
    .columns = columns,
    .method = "History",
    .request = request,
    .render = render,
};
