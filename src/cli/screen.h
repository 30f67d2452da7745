/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a command line tool writes: data to one stream, messages to another, with or without colour.
 *
 * Everything that is printed goes through a DmvScreen, so that tests render into memory.
 */
#ifndef DMV_CLI_SCREEN_H
#define DMV_CLI_SCREEN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum DmvOutputMode {
    DMV_OUTPUT_TEXT,
    DMV_OUTPUT_JSON, /* pretty on a terminal, short elsewhere */
    DMV_OUTPUT_JSON_SHORT,
    DMV_OUTPUT_JSON_PRETTY,
} DmvOutputMode;

typedef enum DmvColorMode { DMV_COLOR_AUTO, DMV_COLOR_ALWAYS, DMV_COLOR_NEVER } DmvColorMode;

/* What a colour means. A word always says the same: colour is never alone. */
typedef enum DmvPaint {
    DMV_PAINT_NONE,
    DMV_PAINT_GOOD,
    DMV_PAINT_WARN,
    DMV_PAINT_BAD,
    DMV_PAINT_HEAD
} DmvPaint;

typedef struct DmvScreen {
    FILE *out; /* data */
    FILE *err; /* messages and progress */
    const char *program;
    DmvOutputMode mode; /* never DMV_OUTPUT_JSON: that is resolved by dmv_screen_init() */
    bool color;         /* on out */
    bool out_tty, err_tty;
    unsigned width; /* columns of the terminal; 0: no terminal, or not known */
} DmvScreen;

/**
 * dmv_screen_init() - the screen of this process
 * @s: filled
 * @program: name that messages begin with, borrowed
 * @mode: text or a kind of JSON
 * @color: automatic means: on a terminal, unless NO_COLOR is set or TERM is "dumb"
 */
void dmv_screen_init(DmvScreen *s, const char *program, DmvOutputMode mode, DmvColorMode color);

/* The sequence that starts a colour, "" without colour; NULL-safe end: DMV_PAINT_NONE resets. */
const char *dmv_screen_paint(const DmvScreen *s, DmvPaint paint);

/* One line "next: ..." that says what to do next; to the messages, behind all data. */
void dmv_screen_next(const DmvScreen *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * dmv_screen_json() - print a value as JSON in the mode of the screen, and a newline
 * @s: the screen
 * @o: the value
 *
 * Control characters beyond ASCII (U+0080 ... U+009F) are escaped, because terminals obey some of them.
 *
 * Return: 0 or a negative errno (-EINVAL: not representable).
 */
int dmv_screen_json(const DmvScreen *s, json_object *o);

/* Writes what is buffered. Return: 0, or a negative errno if data was lost (disk full, closed pipe);
 * -ENODATA if it was lost earlier, for a reason that is not known any more. */
int dmv_screen_flush(const DmvScreen *s);

#endif
