/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface definition language of Varlink: one parser, whose result serves introspection and the
 * validation of parameters. Pure: bytes and trees in, verdicts out.
 */
#ifndef DMV_VARLINK_IDL_H
#define DMV_VARLINK_IDL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "dmv/outcome.h"

/* More bytes than this are no interface definition. */
#define VL_IDL_SIZE_MAX (256u * 1024u)
/* How deeply containers and anonymous structs of a definition may be nested. */
#define VL_IDL_DEPTH_MAX 32u

typedef enum VlKind {
    VL_KIND_BOOL,
    VL_KIND_INT,
    VL_KIND_FLOAT,
    VL_KIND_STRING,
    VL_KIND_OBJECT, /* any JSON object */
    VL_KIND_ANY,    /* any value but null */
    VL_KIND_STRUCT,
    VL_KIND_ENUM,
    VL_KIND_ARRAY,
    VL_KIND_MAP,
    VL_KIND_NAMED,
} VlKind;

typedef struct VlType VlType;

typedef struct VlField {
    char *name;
    VlType *type; /* NULL for a value of an enum */
} VlField;

struct VlType {
    VlKind kind;
    bool nullable;
    VlType *element; /* of an array or a map */
    VlField *fields; /* of a struct or an enum */
    size_t n_fields;
    char *name;          /* as written, of a named type */
    const VlType *named; /* what the name stands for */
};

typedef enum VlSymbolKind {
    VL_SYMBOL_TYPE,
    VL_SYMBOL_METHOD,
    VL_SYMBOL_ERROR,
} VlSymbolKind;

typedef struct VlSymbol {
    VlSymbolKind kind;
    char *name;
    VlType *type;       /* of a type; the parameters of an error or a method */
    VlType *out;        /* the output of a method */
    bool requires_more; /* the comment before the method ends in the line that systemd agreed on */
    bool supports_more;
} VlSymbol;

typedef struct VlInterface {
    char *name;
    VlSymbol *symbols;
    size_t n_symbols;
} VlInterface;

/**
 * vl_interface_parse() - read an interface definition
 * @data: the text, need not end in a NUL
 * @size: how many bytes
 * @ret: the interface, freed with vl_interface_free()
 * @reterr: filled on a refusal with the line, may be NULL
 *
 * The whole grammar of UAPI.20 is taken, `any` included; lines end in LF. Undefined types, duplicate names of
 * members, fields and values, and errors or methods used as types are refused.
 *
 * Return: 0, DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_MALFORMED, or -ENOMEM.
 */
int vl_interface_parse(const char *data, size_t size, VlInterface **ret, DmvError *reterr);
VlInterface *vl_interface_free(VlInterface *i);
static inline void vl_cleanup_interface(VlInterface **i)
{
    *i = vl_interface_free(*i);
}

/* Return: the member with that name and kind, or NULL. */
const VlSymbol *vl_interface_find(const VlInterface *i, VlSymbolKind kind, const char *name);

/**
 * vl_type_validate() - is a value what a definition asks for?
 * @type: the type, usually the struct of a method's parameters
 * @value: the value, NULL for null
 * @ret_where: what is wrong, as "field", "field.inner", "field[3]" or "field.key"; "" for @value itself.
 * Owned by the caller, only set when 1 is returned.
 *
 * An integer is a JSON number without fraction and exponent; a float takes both. An absent field is a null
 * one. An undeclared field is wrong.
 *
 * Return: 0 if it is, 1 if not, -ENOMEM.
 */
int vl_type_validate(const VlType *type, json_object *value, char **ret_where);

/* `[A-Za-z]([-]*[A-Za-z0-9])*(\.[A-Za-z0-9]([-]*[A-Za-z0-9])*)+` */
bool vl_interface_name_is_valid(const char *s, size_t length);
/* An interface's name, a dot, and the name of a member. */
bool vl_qualified_name_is_valid(const char *s);

#endif
