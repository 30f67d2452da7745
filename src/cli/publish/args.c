/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command lines by a table. See args.h. */
#include "cli/publish/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"

#define VALUE_HELP 'h'
#define VALUE_FIRST 256
#define HELP_COLUMN 28

static int usage_error(const DmvArgsSpec *spec, DmvError *reterr, const char *why, const char *object)
{
    DMV_CLEANUP_FREE char *next = NULL;

    if (asprintf(&next, "see dmv-publish %s --help", spec->command) < 0)
        return -ENOMEM;
    return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot read the command line", next, "%s%s%s%s", why,
                         object ? " \"" : "", object ? object : "", object ? "\"" : "");
}

static void print_help(const DmvArgsSpec *spec)
{
    printf("Usage: dmv-publish %s %s%s\n\n", spec->command, spec->operands,
           spec->n_args ? " [OPTION...]" : "");
    for (size_t i = 0; i < spec->n_args; i++) {
        const DmvArg *a = &spec->args[i];
        int n = printf("  --%s%s%s%s", a->name,
                       !a->value                  ? ""
                       : a->type == DMV_ARG_MAYBE ? "[="
                                                  : " ",
                       a->value ? a->value : "", a->type == DMV_ARG_MAYBE ? "]" : "");

        printf("%s%*s%s\n", n < HELP_COLUMN ? "" : "\n", n < HELP_COLUMN ? HELP_COLUMN - n : HELP_COLUMN, "",
               a->help);
    }
    printf("  --help%*sshow this text\n", HELP_COLUMN - 8, "");
}

static int has_arg(DmvArgType type)
{
    return type == DMV_ARG_FLAG ? no_argument : type == DMV_ARG_MAYBE ? optional_argument : required_argument;
}

static int store(const DmvArgsSpec *spec, const DmvArg *a, const char *value, DmvError *reterr)
{
    uint64_t number = 0;

    switch (a->type) {
    case DMV_ARG_FLAG:
        *(bool *)a->ret = true;
        return 0;
    case DMV_ARG_STRING:
        *(const char **)a->ret = value;
        return 0;
    case DMV_ARG_INT:
        if (dmv_parse_u64(value, INT32_MAX, &number) < 0)
            return usage_error(spec, reterr, "this is no number that fits:", value);
        *(int64_t *)a->ret = (int64_t)number;
        return 0;
    case DMV_ARG_LIST:
    case DMV_ARG_MAYBE:
        return dmv_strv_push((char ***)a->ret, value ? value : "");
    }
    return -EINVAL;
}

static int parse_options(const DmvArgsSpec *spec, int argc, char **argv, bool *ret_done, DmvError *reterr)
{
    DMV_CLEANUP_FREE struct option *options = calloc(spec->n_args + 2, sizeof(*options));
    int value, r = 0;

    if (!options)
        return -ENOMEM;
    for (size_t i = 0; i < spec->n_args; i++)
        options[i] =
            (struct option){spec->args[i].name, has_arg(spec->args[i].type), NULL, VALUE_FIRST + (int)i};
    options[spec->n_args] = (struct option){"help", no_argument, NULL, VALUE_HELP};
    optind = 0;
    while (r == 0 && (value = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (value == VALUE_HELP) {
            print_help(spec);
            *ret_done = true;
            return 0;
        }
        if (value == ':')
            return usage_error(spec, reterr, "a value is missing after", argv[optind - 1]);
        if (value == '?')
            return usage_error(spec, reterr, "there is no option", argv[optind - 1]);
        r = store(spec, &spec->args[value - VALUE_FIRST], optarg, reterr);
    }
    return r;
}

int dmv_args_parse(const DmvArgsSpec *spec, int argc, char **argv, const char **ret_operands, bool *ret_done,
                   DmvError *reterr)
{
    int r = parse_options(spec, argc, argv, ret_done, reterr);

    if (r != 0 || *ret_done)
        return r;
    if (argc - optind != spec->n_operands)
        return usage_error(spec, reterr,
                           argc - optind < spec->n_operands ? "something is missing; wanted:"
                                                            : "there is more than was asked for; wanted:",
                           spec->operands);
    for (int i = 0; i < spec->n_operands; i++)
        ret_operands[i] = argv[optind + i];
    return 0;
}
