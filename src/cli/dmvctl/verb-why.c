/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl why: the reasons behind what the host does.
 */
#include <string.h>

#include "base/json.h"
#include "cli/reply.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)a;
    (void)reterr;
    return dmv_json_add_string(params, "object", object);
}

static DmvPaint kind_paint(const char *kind)
{
    if (strcmp(kind, "ok") == 0)
        return DMV_PAINT_GOOD;
    return strcmp(kind, "problem") == 0 ? DMV_PAINT_BAD : DMV_PAINT_NONE;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    size_t n = dmv_reply_count(reply, "reasons");
    bool problem = false;

    (void)a;
    (void)fprintf(s->out, "%s%s%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD),
                  dmv_reply_string_or(reply, "object", "?"), dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < n; i++) {
        json_object *reason = dmv_reply_at(reply, "reasons", i);
        const char *kind = dmv_reply_string_or(reason, "kind", "note");

        (void)fprintf(s->out, "  %s%-8s%s %s\n", dmv_screen_paint(s, kind_paint(kind)), kind,
                      dmv_screen_paint(s, DMV_PAINT_NONE), dmv_reply_string_or(reason, "text", ""));
        problem = problem || strcmp(kind, "problem") == 0;
    }
    if (problem) {
        dmv_screen_next(s, "dmvctl doctor says what to do about problems");
    }
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
