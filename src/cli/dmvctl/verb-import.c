/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl import: catalog and releases from a driver disk.
 */
#include <string.h>

#include "base/json.h"
#include "cli/reply.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    int r = 0;

    (void)object;
    (void)reterr;
    if (a->any_hardware)
        r = dmv_json_add_bool(params, "anyHardware", true);
    if (r == 0 && a->dry_run)
        r = dmv_json_add_bool(params, "dryRun", true);
    return r;
}

/* Why, without the name that stands before it already. */
static const char *reason_of(json_object *release)
{
    const char *why = dmv_reply_string(release, "why"), *name = dmv_reply_string_or(release, "release", "?");
    size_t n = strlen(name);

    return why && strncmp(why, name, n) == 0 && dmv_starts_with(why + n, ": ") ? why + n + 2 : why;
}

static void print_release(const DmvScreen *s, const DmvArguments *a, json_object *release)
{
    const char *result = dmv_reply_string_or(release, "result", "?");
    const char *why = reason_of(release);
    bool installed = strcmp(result, "installed") == 0;

    if (installed && a->dry_run)
        result = "to install";
    (void)fprintf(s->out, "%-10s %s", result, dmv_reply_string_or(release, "release", "?"));
    for (size_t i = 0; installed && i < dmv_reply_count(release, "kernels"); i++)
        (void)fprintf(s->out, "%s %s", i == 0 ? " for kernel" : ",",
                      dmv_reply_string_at(release, "kernels", i));
    (void)fprintf(s->out, "%s%s\n", why ? ": " : "", why ? why : "");
}

static void print_next(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    for (size_t i = 0; !a->dry_run && i < dmv_reply_count(reply, "releases"); i++) {
        json_object *release = dmv_reply_at(reply, "releases", i);

        if (strcmp(dmv_reply_string_or(release, "result", ""), "installed") == 0)
            dmv_screen_next(s, "dmvctl select %s", dmv_reply_string_or(release, "release", "it"));
    }
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    size_t n = dmv_reply_count(reply, "releases"), n_unknown = dmv_reply_count(reply, "unknown");

    (void)fprintf(s->out, "stream     %s, catalog %lld\n", dmv_reply_string_or(reply, "stream", "?"),
                  (long long)dmv_reply_int(reply, "catalogVersion", 0));
    for (size_t i = 0; i < n; i++)
        print_release(s, a, dmv_reply_at(reply, "releases", i));
    for (size_t i = 0; i < n_unknown; i++)
        (void)fprintf(s->out, "unknown    %s: the catalog does not name it\n",
                      dmv_reply_string_at(reply, "unknown", i));
    if (n + n_unknown == 0)
        (void)fputs("there is no package on the disk\n", s->out);
    print_next(s, a, reply);
    return 0;
}

/* Of the first release that was refused; a package that nobody has approved is no success either. */
static int status(const DmvArguments *a, json_object *reply)
{
    (void)a;
    for (size_t i = 0; i < dmv_reply_count(reply, "releases"); i++) {
        json_object *release = dmv_reply_at(reply, "releases", i);

        if (strcmp(dmv_reply_string_or(release, "result", ""), "refused") == 0)
            return dmv_outcome_exit_status(dmv_outcome_from_reason(dmv_reply_string(release, "reason")));
    }
    return dmv_reply_count(reply, "unknown") > 0 ? dmv_outcome_exit_status(DMV_NOT_IN_CATALOG) : DMV_EXIT_OK;
}

const DmvVerb dmv_verb_import = {
    .name = "import",
    .synopsis = "FILE",
    .summary = "take catalog and releases from a driver disk",
    .help = "Reads a driver disk, a tar or an ISO image: verifies its catalog as one that was\n"
            "fetched, takes it for that of its stream, and installs the releases on it that\n"
            "fit the hardware. What the host loads does not change: see dmvctl select.\n",
    .min_objects = 1,
    .max_objects = 1,
    .options = {DMV_OPTION_ANY_HARDWARE, DMV_OPTION_DRY_RUN},
    .method = "Import",
    .flags = DMV_VERB_JOB | DMV_VERB_FILE,
    .request = request,
    .render = render,
    .status = status,
};
