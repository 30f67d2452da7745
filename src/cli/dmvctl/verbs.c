/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of verbs, in the order of the help.
 */
#include <string.h>

#include "verb.h"

const DmvVerb *const dmv_verbs[] = {
    &dmv_verb_status,
    &dmv_verb_list,
    &dmv_verb_show,
    &dmv_verb_devices,
    &dmv_verb_why,
    &dmv_verb_why_not,
    &dmv_verb_plan,
    &dmv_verb_impact,
    &dmv_verb_refresh,
    &dmv_verb_install,
    &dmv_verb_import,
    &dmv_verb_remove,
    &dmv_verb_select,
    &dmv_verb_deselect,
    &dmv_verb_undo,
    &dmv_verb_pin,
    &dmv_verb_unpin,
    &dmv_verb_activate,
    &dmv_verb_rollback,
    &dmv_verb_commit,
    &dmv_verb_history,
    &dmv_verb_generations,
    &dmv_verb_verify,
    &dmv_verb_doctor,
    &dmv_verb_check_kernel,
    &dmv_verb_rescan,
    &dmv_verb_monitor,
    &dmv_verb_boot,
    &dmv_verb_health,
    &dmv_verb_stop_guests,
    &dmv_verb_restore_guests,
    &dmv_verb_describe,
    &dmv_verb_help,
    &dmv_verb_version,
    NULL,
};

const DmvVerb *dmv_verb_find(const DmvVerb *const verbs[], const char *name)
{
    for (; *verbs; verbs++)
        if (strcmp((*verbs)->name, name) == 0)
            return *verbs;
    return NULL;
}

static void print_options(const DmvVerb *verb, FILE *out)
{
    if (verb && verb->options[0] != DMV_OPTION_NONE) {
        (void)fputs("\nOptions:\n", out);
        for (size_t i = 0; i < DMV_VERB_OPTIONS_MAX && verb->options[i] != DMV_OPTION_NONE; i++)
            dmv_arguments_print_option(verb->options[i], out);
    }
    (void)fputs("\nCommon options:\n", out);
    for (int i = DMV_OPTION_NONE + 1; i <= DMV_OPTION_COMMON_LAST; i++)
        dmv_arguments_print_option((DmvOption)i, out);
}

static void print_overview(FILE *out)
{
    (void)fputs("Usage: dmvctl [OPTIONS] [VERB [OPTIONS] [OBJECTS]]\n"
                "Choose which release of a kernel driver this host runs, and see what it runs.\n"
                "\nVerbs:\n",
                out);
    for (size_t i = 0; dmv_verbs[i]; i++)
        (void)fprintf(out, "  %-12s %s%s\n", dmv_verbs[i]->name, dmv_verbs[i]->summary,
                      i == 0 ? " (default)" : "");
    print_options(NULL, out);
    (void)fputs("\nA release is written DRIVER/VARIANT@VERSION, as in intel-ice/dell@1.15.5.\n"
                "Objects can be named by driver, module, PCI address, network interface or\n"
                "block device.\n"
                "\nSee dmvctl help VERB, and dmvctl(1) for examples and exit statuses.\n",
                out);
}

/* Names of the columns, wrapped. */
static void print_fields(const DmvColumn *columns, FILE *out)
{
    int used = fprintf(out, "\nFields:");

    for (; columns->name; columns++) {
        int length = (int)strlen(columns->name) + 2;

        if (used + length > 78)
            used = fprintf(out, "\n       ") - 1;
        (void)fputc(' ', out);
        for (const char *p = columns->name; *p; p++)
            (void)fputc(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p, out);
        if (columns[1].name)
            (void)fputc(',', out);
        used += length;
    }
    (void)fputc('\n', out);
}

void dmv_verb_print_help(const DmvVerb *verb, FILE *out)
{
    if (!verb) {
        print_overview(out);
        return;
    }
    (void)fprintf(out, "Usage: dmvctl %s [OPTIONS]%s%s\n\n%s", verb->name, *verb->synopsis ? " " : "",
                  verb->synopsis, verb->help);
    if (verb->columns)
        print_fields(verb->columns, out);
    print_options(verb, out);
}
