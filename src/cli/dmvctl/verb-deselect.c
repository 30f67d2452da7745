/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl deselect: back to the kernel's own driver.
 */
#include "base/json.h"
#include "selection.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = dmv_json_add_string(params, "driver", object);

    (void)reterr;
    return r != 0 ? r : dmv_selection_request(a, params);
}

const DmvVerb dmv_verb_deselect = {
    .name = "deselect",
    .synopsis = "DRIVER",
    .summary = "go back to the kernel's own driver",
    .help = "Gives a driver back to the kernel: the same as dmvctl select DRIVER inbox.\n",
    .min_objects = 1,
    .max_objects = 1,
    .options = {DMV_OPTION_NOW, DMV_OPTION_BECAUSE, DMV_OPTION_DRY_RUN, DMV_OPTION_ACCEPT_LIFELINE,
                DMV_OPTION_ACCEPT_GUESTS},
    .method = "Deselect",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = dmv_selection_render,
};
