/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl generations: what rollback can go back to.
 */
#include <string.h>

#include "cli/reply.h"
#include "render.h"
#include "verb.h"

enum { NUMBER, STATE, CURRENT, CREATED, ACTIVATED, SELECTIONS, REASON, N };

static const DmvColumn columns[] = {
    [NUMBER] = {"NUMBER", DMV_COLUMN_RIGHT},
    [STATE] = {"STATE", 0},
    [CURRENT] = {"CURRENT", 0},
    [CREATED] = {"CREATED", 0},
    [ACTIVATED] = {"ACTIVATED", 0},
    [SELECTIONS] = {"SELECTIONS", DMV_COLUMN_WRAP},
    [REASON] = {"REASON", DMV_COLUMN_WRAP},
    [N] = {NULL, 0},
};

static DmvPaint state_paint(const char *state)
{
    if (strcmp(state, "good") == 0)
        return DMV_PAINT_GOOD;
    return strcmp(state, "bad") == 0 ? DMV_PAINT_BAD : DMV_PAINT_WARN;
}

static int add_generation(DmvTable *t, json_object *generation)
{
    DMV_CLEANUP_TEXT DmvText number = {0}, selections = {0};
    const char *state = dmv_reply_string_or(generation, "state", "?");
    int r;

    dmv_text_appendf(&number, "%lld", (long long)dmv_reply_int(generation, "number", 0));
    if (dmv_reply_join(&selections, generation, "selections", ", ") == 0)
        dmv_text_append(&selections, "the kernel's own drivers");
    r = dmv_table_add(t, (const char *const[N]){
                             [NUMBER] = number.data,
                             [STATE] = state,
                             [CURRENT] = dmv_reply_bool(generation, "current") ? "yes" : NULL,
                             [CREATED] = dmv_reply_string(generation, "created"),
                             [ACTIVATED] = dmv_reply_string(generation, "activated"),
                             [SELECTIONS] = selections.data,
                             [REASON] = dmv_reply_string(generation, "reason"),
                         });
    if (r == 0)
        dmv_table_paint(t, STATE, state_paint(state));
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    int r = dmv_table_new(s, columns, a->fields, !a->no_headings, &t);

    for (size_t i = 0; r == 0 && i < dmv_reply_count(reply, "generations"); i++)
        r = add_generation(t, dmv_reply_at(reply, "generations", i));
    if (r == 0)
        r = dmv_table_print(t);
    if (r != 0)
        return r;
    if (dmv_table_n_lines(t) == 0)
        (void)fputs("There is no generation yet: nothing was ever activated.\n", s->err);
    else if (!a->no_headings)
        dmv_screen_next(s, "dmvctl rollback NUMBER goes back to one of them");
    return 0;
}

const DmvVerb dmv_verb_generations = {
    .name = "generations",
    .synopsis = "",
    .summary = "generations that are kept, newest first",
    .help = "Lists the generations that are kept. Each is a plan that was applied or staged.\n",
    .options = {DMV_OPTION_FIELDS, DMV_OPTION_NO_HEADINGS},
    .columns = columns,
    .method = "ListGenerations",
    .render = render,
};
