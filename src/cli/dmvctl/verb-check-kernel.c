/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl check-kernel: would this kernel load what is selected? Asked before it is installed.
 */
#include "base/json.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)a;
    (void)reterr;
    return dmv_json_add_string(params, "kernel", object);
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    (void)a;
    dmv_render_findings(s, reply, "no selected driver would be left behind");
    return 0;
}

static int status(const DmvArguments *a, json_object *reply)
{
    (void)a;
    return dmv_render_findings_status(reply);
}

const DmvVerb dmv_verb_check_kernel = {
    .name = "check-kernel",
    .synopsis = "KERNEL",
    .summary = "would this kernel load what is selected?",
    .help = "Says for every selected driver whether there is a release of it for a kernel,\n"
            "which need not be installed yet. The exit status is 10 if a driver would be left\n"
            "behind. To be asked before a kernel is updated. Changes nothing.\n",
    .min_objects = 1,
    .max_objects = 1,
    .method = "CheckKernel",
    .request = request,
    .render = render,
    .status = status,
};
