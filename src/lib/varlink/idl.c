/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parser of interface definitions.
 *
 * The text is ours, but the parser is written for anybody's: it never reads beyond the given bytes, its
 * recursion is limited, and a definition that it takes can be used for validation without further checks.
 */
#include "idl.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

#define REQUIRES_MORE "# [Requires 'more' flag]"
#define SUPPORTS_MORE "# [Supports 'more' flag]"

typedef struct Parser {
    const char *start, *p, *end;
    const char *comment; /* the last comment line before @p, NULL if something else came after it */
    size_t comment_size;
    DmvError *reterr;
} Parser;

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_alnum(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

bool vl_interface_name_is_valid(const char *s, size_t length)
{
    size_t dots = 0;

    if (length == 0 || !is_letter(s[0]) || !is_alnum(s[length - 1]))
        return false;
    for (size_t i = 1; i < length; i++) {
        if (s[i] == '.') {
            /* a label neither starts nor ends with a dash and is not empty */
            if (!is_alnum(s[i - 1]) || !is_alnum(s[i + 1]))
                return false;
            dots++;
        } else if (s[i] != '-' && !is_alnum(s[i])) {
            return false;
        }
    }
    return dots > 0;
}

static bool member_name_is_valid(const char *s, size_t length)
{
    if (length == 0 || !is_upper(s[0]))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_alnum(s[i]))
            return false;
    return true;
}

static bool field_name_is_valid(const char *s, size_t length)
{
    if (length == 0 || !is_letter(s[0]) || s[length - 1] == '_')
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_alnum(s[i]) && (s[i] != '_' || s[i - 1] == '_'))
            return false;
    return true;
}

bool vl_qualified_name_is_valid(const char *s)
{
    const char *dot = s ? strrchr(s, '.') : NULL;

    return dot && vl_interface_name_is_valid(s, (size_t)(dot - s)) &&
           member_name_is_valid(dot + 1, strlen(dot + 1));
}

static int refuse(Parser *p, int code, const char *why)
{
    size_t line = 1;

    for (const char *c = p->start; c < p->p; c++)
        line += *c == '\n';
    return dmv_error_set(p->reterr, code, "cannot read the interface definition", NULL, "line %zu: %s", line,
                         why);
}

static int out_of_memory(Parser *p)
{
    return dmv_error_set(p->reterr, -ENOMEM, "cannot read the interface definition", NULL, "out of memory");
}

static void skip_space(Parser *p)
{
    while (p->p < p->end) {
        if (*p->p == '#') {
            p->comment = p->p;
            while (p->p < p->end && *p->p != '\n')
                p->p++;
            p->comment_size = (size_t)(p->p - p->comment);
        } else if (*p->p == ' ' || *p->p == '\t' || *p->p == '\n') {
            p->p++;
        } else {
            return;
        }
    }
}

static bool at(const Parser *p, char c)
{
    return p->p < p->end && *p->p == c;
}

static bool accept_text(Parser *p, const char *text)
{
    size_t n = strlen(text);

    if ((size_t)(p->end - p->p) < n || memcmp(p->p, text, n) != 0)
        return false;
    p->p += n;
    p->comment = NULL;
    return true;
}

/* A keyword and the white space behind it. */
static bool accept_keyword(Parser *p, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(p->end - p->p) <= n || memcmp(p->p, word, n) != 0 || !strchr(" \t\n", p->p[n]) ||
        p->p[n] == '\0')
        return false;
    p->p += n;
    skip_space(p);
    p->comment = NULL;
    return true;
}

static int expect(Parser *p, const char *text, const char *why)
{
    skip_space(p);
    return accept_text(p, text) ? 0 : refuse(p, DMV_MALFORMED, why);
}

static int parse_name(Parser *p, const char *also, bool (*is_valid)(const char *, size_t), char **ret)
{
    const char *from = p->p;

    while (p->p < p->end && *p->p && (is_alnum(*p->p) || strchr(also, *p->p)))
        p->p++;
    if (!is_valid(from, (size_t)(p->p - from)))
        return refuse(p, DMV_MALFORMED, "a name is missing or not allowed");
    *ret = strndup(from, (size_t)(p->p - from));
    p->comment = NULL;
    return *ret ? 0 : out_of_memory(p);
}

static VlType *type_free(VlType *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < t->n_fields; i++) {
        free(t->fields[i].name);
        type_free(t->fields[i].type);
    }
    free(t->fields);
    free(t->name);
    type_free(t->element);
    free(t);
    return NULL;
}
DMV_DEFINE_CLEANUP(VlType *, cleanup_type, type_free);

static int parse_type(Parser *p, unsigned depth, VlType **ret);

static bool has_field(const VlType *t, const char *name)
{
    /* the last one is what is being added */
    for (size_t i = 0; i + 1 < t->n_fields; i++)
        if (strcmp(t->fields[i].name, name) == 0)
            return true;
    return false;
}

/* One field of a struct or value of an enum; the first one decides which of both it is. */
static int parse_field(Parser *p, unsigned depth, VlType *t)
{
    VlField *f = DMV_ARRAY_ADD(t->fields, t->n_fields);
    bool typed;
    int r;

    if (!f)
        return out_of_memory(p);
    r = parse_name(p, "_", field_name_is_valid, &f->name);
    if (r != 0) {
        t->n_fields--;
        return r;
    }
    if (has_field(t, f->name))
        return refuse(p, DMV_MALFORMED, "a field or value comes twice");
    skip_space(p);
    typed = at(p, ':');
    if (t->n_fields == 1)
        t->kind = typed ? VL_KIND_STRUCT : VL_KIND_ENUM;
    if (typed != (t->kind == VL_KIND_STRUCT))
        return refuse(p, DMV_MALFORMED, "a field needs a type, a value of an enum has none");
    if (!typed)
        return 0;
    p->p++;
    skip_space(p);
    return parse_type(p, depth, &f->type);
}

/* At the opening parenthesis. */
static int parse_fields(Parser *p, unsigned depth, VlType *t)
{
    int r;

    t->kind = VL_KIND_STRUCT;
    p->p++;
    skip_space(p);
    if (at(p, ')')) {
        p->p++;
        return 0;
    }
    for (;;) {
        r = parse_field(p, depth, t);
        if (r != 0)
            return r;
        skip_space(p);
        if (at(p, ')')) {
            p->p++;
            p->comment = NULL;
            return 0;
        }
        if (!at(p, ','))
            return refuse(p, DMV_MALFORMED, "a comma or the end of the fields is missing");
        p->p++;
        skip_space(p);
    }
}

static bool accept_plain_type(Parser *p, VlKind *ret)
{
    static const struct {
        const char *word;
        VlKind kind;
    } plain[] = {
        {"bool", VL_KIND_BOOL},     {"int", VL_KIND_INT},       {"float", VL_KIND_FLOAT},
        {"string", VL_KIND_STRING}, {"object", VL_KIND_OBJECT}, {"any", VL_KIND_ANY},
    };

    for (size_t i = 0; i < DMV_N_ELEMENTS(plain); i++)
        if (accept_text(p, plain[i].word)) {
            *ret = plain[i].kind;
            return p->p == p->end || !(is_alnum(*p->p) || *p->p == '_');
        }
    return false;
}

static int parse_type_into(Parser *p, unsigned depth, VlType *t)
{
    t->nullable = accept_text(p, "?");
    if (depth >= VL_IDL_DEPTH_MAX)
        return refuse(p, DMV_TOO_DEEP, "types are nested too deeply");
    if (at(p, '('))
        return parse_fields(p, depth + 1, t);
    if (accept_text(p, "[]")) {
        t->kind = VL_KIND_ARRAY;
        return parse_type(p, depth + 1, &t->element);
    }
    if (accept_text(p, "[string]")) {
        t->kind = VL_KIND_MAP;
        return parse_type(p, depth + 1, &t->element);
    }
    if (p->p < p->end && is_upper(*p->p)) {
        t->kind = VL_KIND_NAMED;
        return parse_name(p, "", member_name_is_valid, &t->name);
    }
    return accept_plain_type(p, &t->kind) ? 0 : refuse(p, DMV_MALFORMED, "a type is missing");
}

static int parse_type(Parser *p, unsigned depth, VlType **ret)
{
    DMV_CLEANUP(cleanup_type) VlType *t = calloc(1, sizeof(*t));
    int r;

    if (!t)
        return out_of_memory(p);
    r = parse_type_into(p, depth, t);
    if (r == 0)
        *ret = DMV_TAKE_PTR(t);
    return r;
}

/* The parameters of a method or an error: a struct, written here. */
static int parse_parameters(Parser *p, VlType **ret)
{
    int r;

    skip_space(p);
    if (!at(p, '('))
        return refuse(p, DMV_MALFORMED, "an opening parenthesis is missing");
    r = parse_type(p, 0, ret);
    if (r == 0 && (*ret)->kind != VL_KIND_STRUCT)
        return refuse(p, DMV_MALFORMED, "parameters need types");
    return r;
}

static bool comment_is(const Parser *p, const char *line)
{
    return p->comment && p->comment_size == strlen(line) && memcmp(p->comment, line, p->comment_size) == 0;
}

static int parse_member_keyword(Parser *p, VlSymbol *s)
{
    s->requires_more = comment_is(p, REQUIRES_MORE);
    s->supports_more = s->requires_more || comment_is(p, SUPPORTS_MORE);
    if (accept_keyword(p, "type"))
        s->kind = VL_SYMBOL_TYPE;
    else if (accept_keyword(p, "method"))
        s->kind = VL_SYMBOL_METHOD;
    else if (accept_keyword(p, "error"))
        s->kind = VL_SYMBOL_ERROR;
    else
        return refuse(p, DMV_MALFORMED, "neither type, method nor error");
    return 0;
}

static int parse_member(Parser *p, VlInterface *i)
{
    VlSymbol *s = DMV_ARRAY_ADD(i->symbols, i->n_symbols);
    int r;

    if (!s)
        return out_of_memory(p);
    r = parse_member_keyword(p, s);
    if (r == 0)
        r = parse_name(p, "", member_name_is_valid, &s->name);
    if (r != 0)
        return r;
    for (size_t k = 0; k + 1 < i->n_symbols; k++)
        if (strcmp(i->symbols[k].name, s->name) == 0)
            return refuse(p, DMV_MALFORMED, "a type, method or error comes twice");
    if (s->kind != VL_SYMBOL_TYPE) {
        r = parse_parameters(p, &s->type);
    } else {
        skip_space(p);
        if (!at(p, '('))
            return refuse(p, DMV_MALFORMED, "a type is a struct or an enum");
        r = parse_type(p, 0, &s->type);
    }
    if (r != 0 || s->kind != VL_SYMBOL_METHOD)
        return r;
    r = expect(p, "->", "an arrow is missing");
    return r == 0 ? parse_parameters(p, &s->out) : r;
}

/* Finds what the names of types stand for. Return: false if one stands for nothing. */
static bool resolve_type(const VlInterface *i, VlType *t)
{
    if (!t)
        return true;
    if (t->kind == VL_KIND_NAMED) {
        const VlSymbol *s = vl_interface_find(i, VL_SYMBOL_TYPE, t->name);

        t->named = s ? s->type : NULL;
        return s;
    }
    for (size_t k = 0; k < t->n_fields; k++)
        if (!resolve_type(i, t->fields[k].type))
            return false;
    return resolve_type(i, t->element);
}

static int parse_interface(Parser *p, VlInterface *i)
{
    int r;

    skip_space(p);
    if (!accept_keyword(p, "interface"))
        return refuse(p, DMV_MALFORMED, "does not begin with \"interface\"");
    r = parse_name(p, ".-", vl_interface_name_is_valid, &i->name);
    for (skip_space(p); r == 0 && p->p < p->end; skip_space(p))
        r = parse_member(p, i);
    if (r != 0)
        return r;
    for (size_t k = 0; k < i->n_symbols; k++)
        if (!resolve_type(i, i->symbols[k].type) || !resolve_type(i, i->symbols[k].out))
            return dmv_error_set(p->reterr, DMV_MALFORMED, "cannot read the interface definition", NULL,
                                 "%s uses a type that is not defined", i->symbols[k].name);
    return 0;
}

int vl_interface_parse(const char *data, size_t size, VlInterface **ret, DmvError *reterr)
{
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *i = NULL;
    Parser p = {.start = data, .p = data, .reterr = reterr};
    int r;

    if (size == 0)
        return dmv_error_set(reterr, DMV_EMPTY, "cannot read the interface definition", NULL,
                             "there are no bytes");
    if (size > VL_IDL_SIZE_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "cannot read the interface definition", NULL,
                             "%zu bytes, but at most %u are taken", size, VL_IDL_SIZE_MAX);
    p.end = data + size;
    i = calloc(1, sizeof(*i));
    if (!i)
        return out_of_memory(&p);
    r = parse_interface(&p, i);
    if (r == 0)
        *ret = DMV_TAKE_PTR(i);
    return r;
}

VlInterface *vl_interface_free(VlInterface *i)
{
    if (!i)
        return NULL;
    for (size_t k = 0; k < i->n_symbols; k++) {
        free(i->symbols[k].name);
        type_free(i->symbols[k].type);
        type_free(i->symbols[k].out);
    }
    free(i->symbols);
    free(i->name);
    free(i);
    return NULL;
}

const VlSymbol *vl_interface_find(const VlInterface *i, VlSymbolKind kind, const char *name)
{
    for (size_t k = 0; k < i->n_symbols; k++)
        if (i->symbols[k].kind == kind && i->symbols[k].name && strcmp(i->symbols[k].name, name) == 0)
            return &i->symbols[k];
    return NULL;
}
