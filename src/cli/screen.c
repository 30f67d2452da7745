/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a command line tool writes.
 *
 * The pretty form of JSON is made from the compact one by inserting white space, so there is one formatter
 * that decides what is representable (base/json.h) and no second opinion about escapes.
 */
#include "screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

static bool want_color(DmvColorMode color, bool tty)
{
    const char *term = getenv("TERM");

    if (color != DMV_COLOR_AUTO)
        return color == DMV_COLOR_ALWAYS;
    return tty && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

static unsigned terminal_width(int fd)
{
    struct winsize size;

    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void dmv_screen_init(DmvScreen *s, const char *program, DmvOutputMode mode, DmvColorMode color)
{
    *s = (DmvScreen){.out = stdout, .err = stderr, .program = program, .mode = mode};
    s->out_tty = isatty(STDOUT_FILENO);
    s->err_tty = isatty(STDERR_FILENO);
    s->color = want_color(color, s->out_tty);
    s->width = terminal_width(s->out_tty ? STDOUT_FILENO : STDERR_FILENO);
    if (mode == DMV_OUTPUT_JSON)
        s->mode = s->out_tty ? DMV_OUTPUT_JSON_PRETTY : DMV_OUTPUT_JSON_SHORT;
}

const char *dmv_screen_paint(const DmvScreen *s, DmvPaint paint)
{
    static const char *const sequences[] = {
        [DMV_PAINT_NONE] = "\033[0m", [DMV_PAINT_GOOD] = "\033[32m", [DMV_PAINT_WARN] = "\033[33m",
        [DMV_PAINT_BAD] = "\033[31m", [DMV_PAINT_HEAD] = "\033[1m",
    };

    return s->color ? sequences[paint] : "";
}

void dmv_screen_next(const DmvScreen *s, const char *format, ...)
{
    va_list ap;

    (void)fflush(s->out); /* the hint comes last, wherever both streams lead */
    (void)fputs("next: ", s->err);
    va_start(ap, format);
    (void)vfprintf(s->err, format, ap);
    va_end(ap);
    (void)fputc('\n', s->err);
}

static void break_line(DmvText *t, unsigned depth)
{
    dmv_text_append(t, "\n");
    for (unsigned i = 0; i < depth; i++)
        dmv_text_append(t, "  ");
}

/* What a structural character of the compact form becomes. */
static void pretty_structure(DmvText *t, const char *p, unsigned *depth)
{
    bool closes = *p == '}' || *p == ']', opens = *p == '{' || *p == '[';

    if (opens && (p[1] == '}' || p[1] == ']')) {
        dmv_text_append_bytes(t, p, 1);
        return;
    }
    if (closes && p[-1] != '{' && p[-1] != '[')
        break_line(t, --*depth);
    dmv_text_append_bytes(t, p, 1);
    if (opens)
        break_line(t, ++*depth);
    else if (*p == ',')
        break_line(t, *depth);
    else if (*p == ':')
        dmv_text_append(t, " ");
}

/* Appends one character of a string literal. Return: the bytes it took. */
static size_t string_character(DmvText *t, const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f) {
        dmv_text_appendf(t, "\\u00%02x", u[1]);
        return 2;
    }
    if (*p == '\\' && p[1]) {
        dmv_text_append_bytes(t, p, 2);
        return 2;
    }
    dmv_text_append_bytes(t, p, 1);
    return 1;
}

static void rewrite(DmvText *t, const char *compact, bool pretty)
{
    bool in_string = false;
    unsigned depth = 0;

    for (const char *p = compact; *p;) {
        if (*p == '"')
            in_string = !in_string;
        if (in_string && *p != '"') {
            p += string_character(t, p);
            continue;
        }
        if (pretty && strchr("{}[],:", *p))
            pretty_structure(t, p, &depth);
        else
            dmv_text_append_bytes(t, p, 1);
        p++;
    }
}

int dmv_screen_json(const DmvScreen *s, json_object *o)
{
    DMV_CLEANUP_FREE char *compact = NULL, *text = NULL;
    DmvText t = {0};
    int r;

    r = dmv_json_format(o, &compact, NULL);
    if (r < 0)
        return r;
    rewrite(&t, compact, s->mode == DMV_OUTPUT_JSON_PRETTY);
    dmv_text_append(&t, "\n");
    r = dmv_text_take(&t, &text, NULL);
    if (r < 0)
        return r;
    return fputs(text, s->out) < 0 ? -EIO : 0;
}

int dmv_screen_flush(const DmvScreen *s)
{
    (void)fflush(s->err);
    errno = 0;
    if (fflush(s->out) != 0)
        return errno ? -errno : -EIO;
    return ferror(s->out) ? -ENODATA : 0;
}
