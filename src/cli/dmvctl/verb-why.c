/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl why: the reasons behind what the host does.
 */
#include "base/json.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)a;
    (void)reterr;
    return dmv_json_add_string(params, "object", object);
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    (void)a;
    if (dmv_render_reasons(s, reply))
        dmv_screen_next(s, "dmvctl doctor says what to do about problems");
    return 0;
}

const DmvVerb dmv_verb_why = {
    .name = "why",
    .synopsis = "OBJECT",
    .summary = "explain why a driver, device or release is as it is",
    .help = "Explains step by step why a driver is selected or active, why a release fits or\n"
            "does not, or which file a device would get. OBJECT is a driver, a module, a PCI\n"
            "address, a network interface, a block device or a release.\n",
    .min_objects = 1,
    .max_objects = 1,
    .method = "Why",
    .request = request,
    .render = render,
};
