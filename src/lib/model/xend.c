/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs of xend. */
#include "model/xend.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "dmv/outcome.h"

/* ---- the S-expression ---- */

/* Longer words than any setting has are cut: they are none then. */
#define WORD_SIZE 64

typedef struct Reader {
    const char *at, *end;
    char words[2][WORD_SIZE];
    size_t n_words; /* of the list at the top; above 2: it is no setting */
    unsigned depth;
} Reader;

static void skip_comment(Reader *r)
{
    while (r->at < r->end && *r->at != '\n')
        r->at++;
}

static void take_word(Reader *r, const char *word, size_t size)
{
    if (r->depth == 1 && r->n_words < 2) {
        size = size < WORD_SIZE ? size : WORD_SIZE - 1;
        memcpy(r->words[r->n_words], word, size);
        r->words[r->n_words][size] = '\0';
    }
    r->n_words++;
}

static int read_quoted(Reader *r)
{
    const char quote = *r->at, *begin = ++r->at;

    while (r->at < r->end && *r->at != quote)
        r->at += *r->at == '\\' && r->end - r->at > 1 ? 2 : 1;
    if (r->at >= r->end)
        return DMV_MALFORMED;
    take_word(r, begin, (size_t)(r->at - begin));
    r->at++;
    return 0;
}

static void read_plain(Reader *r)
{
    const char *begin = r->at;

    while (r->at < r->end && *r->at && !strchr(" \t\r\n()#'\"", *r->at))
        r->at++;
    if (r->at == begin)
        r->at++; /* a NUL */
    else
        take_word(r, begin, (size_t)(r->at - begin));
}

static int take_setting(const Reader *r, DmvXendConf *c)
{
    bool yes = strcmp(r->words[1], "yes") == 0;
    uint64_t port;

    if (r->n_words != 2)
        return 0;
    if (strcmp(r->words[0], "xend-unix-server") == 0)
        c->unix_server = yes;
    else if (strcmp(r->words[0], "xend-http-server") == 0)
        c->http_server = yes;
    else if (strcmp(r->words[0], "xend-port") == 0) {
        if (dmv_parse_u64(r->words[1], UINT16_MAX, &port) < 0)
            return DMV_MALFORMED;
        c->port = (uint16_t)port;
    }
    return 0;
}

static int read_parenthesis(Reader *r, DmvXendConf *c)
{
    int e = 0;

    if (*r->at++ == '(') {
        if (r->depth++ == 0)
            r->n_words = 0;
        else
            r->n_words = 3; /* a list in a list is no setting */
        return 0;
    }
    if (r->depth == 0)
        return DMV_MALFORMED;
    if (r->depth == 1)
        e = take_setting(r, c);
    r->depth--;
    return e;
}

int dmv_xend_conf_parse(const char *data, size_t size, DmvXendConf *ret)
{
    Reader r = {.at = data, .end = data + size};
    DmvXendConf c = {.port = DMV_XEND_PORT};
    int e = 0;

    while (e == 0 && r.at < r.end) {
        if (*r.at == '#')
            skip_comment(&r);
        else if (*r.at == '(' || *r.at == ')')
            e = read_parenthesis(&r, &c);
        else if (*r.at == '\'' || *r.at == '"')
            e = read_quoted(&r);
        else if (*r.at == ' ' || *r.at == '\t' || *r.at == '\r' || *r.at == '\n')
            r.at++;
        else
            read_plain(&r);
    }
    if (e == 0 && r.depth > 0)
        e = DMV_MALFORMED;
    if (e == 0)
        *ret = c;
    return e;
}

/* ---- sockets ---- */

/* A line: "   0: 00000000:1F40 00000000:0000 0A ...". */
static bool line_listens(const char *line, uint16_t port)
{
    char local[64] = "", remote[64] = "", state[8] = "", end[8];
    const char *colon;

    if (sscanf(line, "%*u: %63s %63s %7s", local, remote, state) != 3 || strcmp(state, "0A") != 0)
        return false;
    colon = strchr(local, ':');
    (void)snprintf(end, sizeof(end), "%04X", (unsigned)port);
    return colon && strcasecmp(colon + 1, end) == 0;
}

bool dmv_tcp_listens(const char *data, size_t size, uint16_t port)
{
    const char *end = data + size;

    while (data < end) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        size_t length = (size_t)((newline ? newline : end) - data);
        char line[256];

        if (length < sizeof(line)) {
            memcpy(line, data, length);
            line[length] = '\0';
            if (line_listens(line, port))
                return true;
        }
        data += length + 1;
    }
    return false;
}
