/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a verb of dmvctl is: a method of io.dmv.Manager, how its parameters come from the command line, and
 * how its reply is shown. Everything that verbs have in common (options, connecting, errors, JSON, progress)
 * is in run.c.
 */
#ifndef DMVCTL_VERB_H
#define DMVCTL_VERB_H

#include <json-c/json.h>

#include "arguments.h"
#include "cli/screen.h"
#include "cli/table.h"

enum {
    DMV_VERB_JOB = 1 << 0,    /* asks for progress */
    DMV_VERB_EACH = 1 << 1,   /* one call for every object */
    DMV_VERB_STREAM = 1 << 2, /* every reply is shown when it comes, for ever */
    DMV_VERB_FILE = 1 << 3,   /* the first object is a file; the call carries its descriptor */
};

#define DMV_VERB_OPTIONS_MAX 8

struct DmvVerb {
    const char *name;
    const char *synopsis; /* what follows the name: "RELEASE..." */
    const char *summary;  /* one line of at most 60 columns */
    const char *help;     /* paragraphs, at most 80 columns wide */
    unsigned min_objects, max_objects;
    DmvOption options[DMV_VERB_OPTIONS_MAX]; /* besides the common ones */
    const DmvColumn *columns;                /* of its table, if it takes --fields */

    const char *method; /* NULL: no call is made, and render() gets no reply */
    unsigned flags;

    /* Adds the parameters. @object: for DMV_VERB_EACH the object of this call, else the first one or NULL.
     * Return: 0, DMV_INVALID_REQUEST with @reterr, -ENOMEM. NULL: no parameters. */
    int (*request)(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr);
    /* Drops from the reply what was not asked for; for text and JSON alike. NULL: nothing to drop. */
    int (*filter)(const DmvArguments *a, json_object *reply);
    /* Shows the reply, whose strings are safe for a terminal. Return: 0 or a negative errno. */
    int (*render)(const DmvScreen *s, const DmvArguments *a, json_object *reply);
    /* Exit status of a call that worked. NULL: DMV_EXIT_OK. */
    int (*status)(const DmvArguments *a, json_object *reply);
};

extern const DmvVerb dmv_verb_status, dmv_verb_list, dmv_verb_show, dmv_verb_devices, dmv_verb_why,
    dmv_verb_plan, dmv_verb_refresh, dmv_verb_install, dmv_verb_import, dmv_verb_remove, dmv_verb_select,
    dmv_verb_deselect, dmv_verb_pin, dmv_verb_unpin, dmv_verb_activate, dmv_verb_rollback, dmv_verb_commit,
    dmv_verb_boot, dmv_verb_health, dmv_verb_history, dmv_verb_generations, dmv_verb_verify, dmv_verb_rescan,
    dmv_verb_monitor, dmv_verb_doctor, dmv_verb_check_kernel, dmv_verb_describe, dmv_verb_why_not,
    dmv_verb_impact, dmv_verb_undo, dmv_verb_stop_guests, dmv_verb_restore_guests, dmv_verb_help,
    dmv_verb_version;

/* All verbs in the order of the help, NULL-terminated; the first is the default. */
extern const DmvVerb *const dmv_verbs[];

/* Return: the verb of that name, or NULL. */
const DmvVerb *dmv_verb_find(const DmvVerb *const verbs[], const char *name);

/* Prints the overview (@verb is NULL) or the help of a verb. */
void dmv_verb_print_help(const DmvVerb *verb, FILE *out);

#endif
