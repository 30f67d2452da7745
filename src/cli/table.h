/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables for people and for scripts: aligned columns, cut to the terminal's width and never when piped.
 */
#ifndef DMV_CLI_TABLE_H
#define DMV_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "dmv/outcome.h"
#include "screen.h"

enum {
    DMV_COLUMN_RIGHT = 1 << 0,  /* numbers */
    DMV_COLUMN_SHRINK = 1 << 1, /* may be cut on a terminal that is too narrow */
    DMV_COLUMN_HIDDEN = 1 << 2, /* shown only when asked for by name */
    DMV_COLUMN_WRAP = 1 << 3,   /* may go on in the next line on a terminal that is too narrow */
};

typedef struct DmvColumn {
    const char *name; /* upper case; the field is the same in lower case */
    unsigned flags;
} DmvColumn;

/* The columns of a table end with a NULL name. */
#define DMV_COLUMNS_MAX 24

typedef struct DmvTable DmvTable;

/**
 * dmv_table_check_fields() - are these columns of the table?
 * @columns: all columns
 * @fields: names separated by commas, or NULL for all that are not hidden
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0, or DMV_INVALID_REQUEST.
 */
int dmv_table_check_fields(const DmvColumn *columns, const char *fields, DmvError *reterr);

/**
 * dmv_table_new() - an empty table
 * @s: where it will be printed; must outlive the table
 * @columns: all columns
 * @fields: which of them, in which order (see dmv_table_check_fields()), or NULL
 * @headings: print the names of the columns
 * @ret: the table, owned by the caller
 *
 * Return: 0, DMV_INVALID_REQUEST, or a negative errno.
 */
int dmv_table_new(const DmvScreen *s, const DmvColumn *columns, const char *fields, bool headings,
                  DmvTable **ret);
DmvTable *dmv_table_free(DmvTable *t);
DMV_DEFINE_CLEANUP(DmvTable *, dmv_cleanup_table, dmv_table_free);
#define DMV_CLEANUP_TABLE DMV_CLEANUP(dmv_cleanup_table)

/**
 * dmv_table_add() - one line
 * @t: the table
 * @cells: a text for every column, hidden ones too, in the order of the columns; NULL or empty becomes "-"
 *
 * Return: 0 or a negative errno.
 */
int dmv_table_add(DmvTable *t, const char *const cells[]);

/* Paints a cell of the last line; @column counts all columns. Nothing happens if it is not shown. */
void dmv_table_paint(DmvTable *t, size_t column, DmvPaint paint);

size_t dmv_table_n_lines(const DmvTable *t);

/* Prints the table; nothing at all if it has no line. Return: 0 or a negative errno. */
int dmv_table_print(DmvTable *t);

#endif
