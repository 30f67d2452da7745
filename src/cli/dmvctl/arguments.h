/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of dmvctl: one table of options, from which parsing and help are made.
 */
#ifndef DMVCTL_ARGUMENTS_H
#define DMVCTL_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/screen.h"
#include "dmv/outcome.h"

typedef enum DmvOption {
    DMV_OPTION_NONE, /* ends a list */
    /* common to all verbs */
    DMV_OPTION_HELP,
    DMV_OPTION_VERSION,
    DMV_OPTION_JSON,
    DMV_OPTION_COLOR,
    DMV_OPTION_TIMEOUT,
    DMV_OPTION_HOST,
    DMV_OPTION_ADDRESS,
    DMV_OPTION_ROOT,
    DMV_OPTION_SYSFS,
    DMV_OPTION_PROCFS,
    DMV_OPTION_COMMON_LAST = DMV_OPTION_PROCFS,
    /* of single verbs */
    DMV_OPTION_ALL,
    DMV_OPTION_INSTALLED,
    DMV_OPTION_AVAILABLE,
    DMV_OPTION_UNCLAIMED,
    DMV_OPTION_FIELDS,
    DMV_OPTION_NO_HEADINGS,
    DMV_OPTION_NOW,
    DMV_OPTION_STAGED,
    DMV_OPTION_ANY_HARDWARE,
    DMV_OPTION_ALLOW_STALE,
    DMV_OPTION_ACCEPT_LIFELINE,
    DMV_OPTION_ACCEPT_GUESTS,
    DMV_OPTION_ACCEPT_REVOKED,
    DMV_OPTION_BECAUSE,
    DMV_OPTION_UNTIL,
    DMV_OPTION_DRY_RUN,
    DMV_OPTION_LIMIT,
    DMV_OPTION_CHECK,
    DMV_OPTION_SHUTDOWN,
    DMV_OPTION_WAITED,
    DMV_OPTION_DETAILED_EXIT_CODE,
    DMV_OPTION_MAX,
} DmvOption;

typedef struct DmvVerb DmvVerb;

/* What the user asked for. Strings are borrowed from argv or the environment unless said otherwise. */
typedef struct DmvArguments {
    const DmvVerb *verb; /* NULL only after a refusal */
    bool named;          /* the verb was named, not the default */
    char **objects;      /* what follows the verb; owned */
    char **forwarded;    /* the options as given, in the long form, without --host; owned */

    bool help, version;
    DmvOutputMode mode;
    DmvColorMode color;
    uint64_t timeout; /* seconds; UINT64_MAX: not given */
    const char *host, *address, *root, *sysfs, *procfs;

    bool all, installed, available, unclaimed;
    const char *fields;
    bool no_headings;
    bool now, staged, any_hardware, allow_stale, accept_lifeline, accept_guests, accept_revoked, dry_run,
        check, shutdown, detailed_exit_code;
    const char *because;
    char until[21];  /* YYYY-MM-DDTHH:MM:SSZ, or empty */
    uint64_t limit;  /* 0: not given */
    uint64_t waited; /* seconds; UINT64_MAX: not given */
} DmvArguments;

/**
 * dmv_arguments_parse() - read the command line
 * @argc: number of words
 * @argv: the words, permuted by this
 * @verbs: all verbs, NULL-terminated; the first one is meant when none is named
 * @a: filled, also in part on a refusal; free with dmv_arguments_deinit()
 * @reterr: filled on a refusal
 *
 * Options may stand before or behind the verb; those of single verbs only behind. Does not look at the
 * environment.
 *
 * Return: 0, DMV_INVALID_REQUEST, or -ENOMEM.
 */
int dmv_arguments_parse(int argc, char **argv, const DmvVerb *const verbs[], DmvArguments *a,
                        DmvError *reterr);

/* Fills in DMV_ADDRESS, DMV_ROOT, DMV_SYSFS and DMV_PROCFS where the command line does not say anything else.
 */
void dmv_arguments_environment(DmvArguments *a);

void dmv_arguments_deinit(DmvArguments *a);
#define DMV_CLEANUP_ARGUMENTS DMV_CLEANUP(dmv_arguments_deinit)

/* Prints what an option is, for a list of options in a help text. */
void dmv_arguments_print_option(DmvOption option, FILE *out);

/* Object @i of the command line, or NULL. */
const char *dmv_arguments_object(const DmvArguments *a, size_t i);

#endif
