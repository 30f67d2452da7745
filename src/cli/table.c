/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables. The only file that knows libsmartcols.
 */
#include "table.h"

#include <ctype.h>
#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

struct DmvTable {
    const DmvScreen *screen;
    struct libscols_table *table;
    struct libscols_line *last;
    size_t n_columns;              /* of all columns */
    int position[DMV_COLUMNS_MAX]; /* of a column among those shown, -1 if it is not */
    size_t shown[DMV_COLUMNS_MAX]; /* the columns shown, in order */
    size_t n_shown;
    size_t n_lines;
    unsigned flags[DMV_COLUMNS_MAX]; /* of the columns shown */
    size_t width[DMV_COLUMNS_MAX];   /* of the longest cell of those, then of the column */
    size_t word[DMV_COLUMNS_MAX];    /* of the longest word in them */
};

static size_t count_columns(const DmvColumn *columns)
{
    size_t n = 0;

    while (n < DMV_COLUMNS_MAX && columns[n].name)
        n++;
    return n;
}

static ssize_t find_column(const DmvColumn *columns, const char *name, size_t length)
{
    for (size_t i = 0; i < count_columns(columns); i++)
        if (strlen(columns[i].name) == length && strncasecmp(columns[i].name, name, length) == 0)
            return (ssize_t)i;
    return -ENOENT;
}

static int refuse_field(const DmvColumn *columns, const char *name, size_t length, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText names = {0};
    DMV_CLEANUP_FREE char *what = NULL;

    for (size_t i = 0; i < count_columns(columns); i++) {
        dmv_text_append(&names, i ? "," : "");
        for (const char *p = columns[i].name; *p; p++)
            dmv_text_appendf(&names, "%c", tolower((unsigned char)*p));
    }
    if (asprintf(&what, "no field '%.*s'", (int)length, name) < 0)
        what = NULL;
    return dmv_error_set(reterr, DMV_INVALID_REQUEST, what, NULL, "there are %s",
                         names.data ? names.data : "");
}

/* Splits "a,b,c" into indexes. */
static int parse_fields(const DmvColumn *columns, const char *fields, size_t *shown, size_t *n,
                        DmvError *reterr)
{
    *n = 0;
    for (const char *p = fields;;) {
        size_t length = strcspn(p, ",");
        ssize_t i = find_column(columns, p, length);

        if (i < 0 || *n == DMV_COLUMNS_MAX)
            return refuse_field(columns, p, length, reterr);
        shown[(*n)++] = (size_t)i;
        if (!p[length])
            return 0;
        p += length + 1;
    }
}

int dmv_table_check_fields(const DmvColumn *columns, const char *fields, DmvError *reterr)
{
    size_t shown[DMV_COLUMNS_MAX], n;

    return fields ? parse_fields(columns, fields, shown, &n, reterr) : 0;
}

static int choose_columns(DmvTable *t, const DmvColumn *columns, const char *fields)
{
    t->n_columns = count_columns(columns);
    if (fields)
        return parse_fields(columns, fields, t->shown, &t->n_shown, NULL);
    for (size_t i = 0; i < t->n_columns; i++)
        if (!(columns[i].flags & DMV_COLUMN_HIDDEN))
            t->shown[t->n_shown++] = i;
    return 0;
}

/* Columns of a terminal that a text takes: characters, not bytes. */
static size_t text_width(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static size_t longest_word(const char *s)
{
    size_t longest = 0, n = 0;

    for (; *s; s++) {
        n = *s == ' ' ? 0 : n + (((unsigned char)*s & 0xc0) != 0x80);
        longest = n > longest ? n : longest;
    }
    return longest;
}

static void measure(DmvTable *t, size_t i, const char *text)
{
    size_t width = text_width(text), word = longest_word(text);

    t->width[i] = width > t->width[i] ? width : t->width[i];
    t->word[i] = word > t->word[i] ? word : t->word[i];
}

/* Makes columns that may wrap as narrow as the terminal asks for, but no narrower than their longest word. */
static void fit(DmvTable *t)
{
    size_t sum = t->n_shown > 0 ? t->n_shown - 1 : 0, available = t->screen->out_tty ? t->screen->width : 0;

    for (size_t i = 0; i < t->n_shown; i++)
        sum += t->width[i];
    for (size_t i = 0; available > 0 && sum > available && i < t->n_shown; i++) {
        size_t spare = t->flags[i] & DMV_COLUMN_WRAP ? t->width[i] - t->word[i] : 0;
        size_t cut = sum - available < spare ? sum - available : spare;

        t->width[i] -= cut;
        sum -= cut;
    }
}

/* The library asks for the width that a cell needs at least; here it is told what fit() decided. */
static size_t longest_chunk(const struct libscols_column *column, const char *data, void *userdata)
{
    const size_t *width = userdata;
    size_t n = text_width(data);

    (void)column;
    return n < *width ? n : *width;
}

/* Ends the line at the last blank that fits. Return: what comes in the next line, or NULL. */
static char *next_chunk(const struct libscols_column *column, char *data, void *userdata)
{
    size_t width = scols_column_get_width(column), used = 0;
    char *blank = NULL;

    (void)userdata;
    for (char *p = data; *p; p++) {
        used += ((unsigned char)*p & 0xc0) != 0x80;
        if (*p == ' ' && used <= width + 1)
            blank = p;
    }
    if (used <= width || !blank)
        return NULL;
    *blank = '\0';
    return blank + 1;
}

static int make_columns(DmvTable *t, const DmvColumn *columns, bool headings)
{
    for (size_t i = 0; i < DMV_COLUMNS_MAX; i++)
        t->position[i] = -1;
    for (size_t i = 0; i < t->n_shown; i++) {
        const DmvColumn *c = &columns[t->shown[i]];
        int flags = (c->flags & DMV_COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0) |
                    (c->flags & DMV_COLUMN_SHRINK ? SCOLS_FL_TRUNC : 0) |
                    (c->flags & DMV_COLUMN_WRAP ? SCOLS_FL_WRAP : 0);
        struct libscols_column *column;

        /* a heading that is not printed would still make its column wide */
        t->flags[i] = c->flags;
        measure(t, i, headings ? c->name : "");
        column = scols_table_new_column(t->table, headings ? c->name : "", 0, flags);
        if (!column)
            return -ENOMEM;
        if (c->flags & DMV_COLUMN_WRAP &&
            scols_column_set_wrapfunc(column, longest_chunk, next_chunk, &t->width[i]) < 0)
            return -EINVAL;
        t->position[t->shown[i]] = (int)i;
    }
    return 0;
}

int dmv_table_new(const DmvScreen *s, const DmvColumn *columns, const char *fields, bool headings,
                  DmvTable **ret)
{
    DMV_CLEANUP_TABLE DmvTable *t = calloc(1, sizeof(*t));
    int r;

    if (!t)
        return -ENOMEM;
    t->screen = s;
    t->table = scols_new_table();
    if (!t->table)
        return -ENOMEM;
    r = choose_columns(t, columns, fields);
    if (r == 0)
        r = make_columns(t, columns, headings);
    if (r != 0)
        return r;
    if (scols_table_set_stream(t->table, s->out) < 0 || scols_table_enable_colors(t->table, s->color) < 0 ||
        scols_table_enable_noheadings(t->table, !headings) < 0)
        return -EINVAL;
    (void)scols_table_set_termforce(t->table, s->out_tty ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    if (s->out_tty && s->width > 0)
        (void)scols_table_set_termwidth(t->table, s->width);
    *ret = DMV_TAKE_PTR(t);
    return 0;
}

DmvTable *dmv_table_free(DmvTable *t)
{
    if (!t)
        return NULL;
    if (t->table)
        scols_unref_table(t->table);
    free(t);
    return NULL;
}

int dmv_table_add(DmvTable *t, const char *const cells[])
{
    t->last = scols_table_new_line(t->table, NULL);
    if (!t->last)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_shown; i++) {
        const char *cell = cells[t->shown[i]];

        cell = cell && *cell ? cell : "-";
        if (scols_line_set_data(t->last, i, cell) < 0)
            return -ENOMEM;
        measure(t, i, cell);
    }
    t->n_lines++;
    return 0;
}

void dmv_table_paint(DmvTable *t, size_t column, DmvPaint paint)
{
    struct libscols_cell *cell;

    if (!t->screen->color || !t->last || column >= t->n_columns || t->position[column] < 0)
        return;
    cell = scols_line_get_cell(t->last, (size_t)t->position[column]);
    if (cell)
        (void)scols_cell_set_color(cell, dmv_screen_paint(t->screen, paint));
}

size_t dmv_table_n_lines(const DmvTable *t)
{
    return t->n_lines;
}

int dmv_table_print(DmvTable *t)
{
    if (t->n_lines == 0)
        return 0;
    fit(t);
    return scols_print_table(t->table);
}
