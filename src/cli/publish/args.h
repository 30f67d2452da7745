/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command lines by a table: a subcommand says what it takes, parsing and --help follow from it. */
#ifndef DMV_PUBLISH_ARGS_H
#define DMV_PUBLISH_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"

typedef enum DmvArgType {
    DMV_ARG_FLAG,   /* bool *: set to true */
    DMV_ARG_STRING, /* const char **, borrowed from argv */
    DMV_ARG_INT,    /* int64_t *: a decimal number, not negative */
    DMV_ARG_LIST,   /* char ***, owned: may repeat */
    DMV_ARG_MAYBE,  /* char ***, owned: may repeat; --name or --name=VALUE, "" without a value */
} DmvArgType;

typedef struct DmvArg {
    const char *name; /* without the dashes */
    DmvArgType type;
    void *ret;
    const char *value; /* how help calls the value, NULL for a flag */
    const char *help;
} DmvArg;

typedef struct DmvArgsSpec {
    const char *command;  /* "release" */
    const char *operands; /* as help shows them: "DIR RELEASE" */
    int n_operands;
    const DmvArg *args;
    size_t n_args;
} DmvArgsSpec;

/**
 * dmv_args_parse() - read a subcommand's command line
 * @spec: what it takes
 * @argc, @argv: the command line from the subcommand's name on
 * @ret_operands: @spec->n_operands strings, borrowed from @argv
 * @ret_done: true if --help was asked for and printed: there is nothing more to do
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_INVALID_REQUEST; -ENOMEM.
 */
int dmv_args_parse(const DmvArgsSpec *spec, int argc, char **argv, const char **ret_operands, bool *ret_done,
                   DmvError *reterr);

#endif
