/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl select: what a driver shall be.
 *
 * The second word may be "recommended", "inbox", or what would stand behind the slash: `select intel-ice
 * dell` and `select intel-ice/dell` are the same.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "selection.h"
#include "verb.h"

static int add_object(json_object *params, const char *driver, const char *variant)
{
    DMV_CLEANUP_FREE char *object = NULL;

    if (asprintf(&object, "%s/%s", driver, variant) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    return dmv_json_add_string(params, "object", object);
}

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    const char *second = dmv_arguments_object(a, 1);
    bool word = second && (strcmp(second, "recommended") == 0 || strcmp(second, "inbox") == 0);
    int r;

    if (second && !word && (strchr(object, '/') || strchr(object, '@')))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, "dmvctl help select",
                             "%s names a variant already, so %s can only be recommended or inbox", object,
                             second);
    if (!second || word) {
        r = dmv_json_add_string(params, "object", object);
        if (r == 0)
            r = dmv_json_add_string(params, "selection", second);
    } else {
        r = add_object(params, object, second);
    }
    if (r == 0 && a->any_hardware)
        r = dmv_json_add_bool(params, "anyHardware", true);
    return r != 0 ? r : dmv_selection_request(a, params);
}

const DmvVerb dmv_verb_select = {
    .name = "select",
    .synopsis = "DRIVER[/VARIANT[@VERSION]] [recommended|inbox]",
    .summary = "select what a driver shall be",
    .help = "Selects a release of a driver, or \"recommended\" (what the catalog recommends,\n"
            "now and later), or \"inbox\" (the kernel's own). The next reboot switches to it,\n"
            "or dmvctl activate, or --now at once; a module that is loaded stays loaded. The\n"
            "release must be installed. The variant can be a word of its own: dmvctl select\n"
            "intel-ice dell. What the host needs to come back (its root disk, its management\n"
            "interface) is not changed without --accept-lifeline, and with --now not what a\n"
            "guest of a Xen host runs on without --accept-guests.\n",
    .min_objects = 1,
    .max_objects = 2,
    .options = {DMV_OPTION_NOW, DMV_OPTION_ANY_HARDWARE, DMV_OPTION_BECAUSE, DMV_OPTION_DRY_RUN,
                DMV_OPTION_ACCEPT_LIFELINE, DMV_OPTION_ACCEPT_GUESTS},
    .method = "Select",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = dmv_selection_render,
};
