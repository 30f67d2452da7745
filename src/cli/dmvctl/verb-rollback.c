/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl rollback: back to an earlier generation.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    uint64_t number;
    int r = 0;

    if (object && dmv_parse_u64(object, INT32_MAX, &number) < 0)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, "dmvctl generations",
                             "%s is not the number of a generation", object);
    if (object)
        r = dmv_json_add_int(params, "generation", (int64_t)number);
    if (r == 0 && a->staged)
        r = dmv_json_add_bool(params, "now", false);
    if (r == 0)
        r = dmv_json_add_string(params, "because", a->because);
    if (r == 0 && a->dry_run)
        r = dmv_json_add_bool(params, "dryRun", true);
    if (r == 0 && a->accept_revoked)
        r = dmv_json_add_bool(params, "acceptRevoked", true);
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    const char *verb = a->dry_run ? "would restore" : a->staged ? "staged" : "restored";

    (void)fprintf(s->out, "%s generation %lld", verb, (long long)dmv_reply_int(reply, "restored", 0));
    if (dmv_reply_has(reply, "generation"))
        (void)fprintf(s->out, " as generation %lld", (long long)dmv_reply_int(reply, "generation", 0));
    (void)fputc('\n', s->out);
    if (dmv_reply_array(reply, "selections") && dmv_reply_count(reply, "selections") == 0)
        (void)fputs("  the kernel's own drivers\n", s->out);
    for (size_t i = 0; i < dmv_reply_count(reply, "selections"); i++)
        (void)fprintf(s->out, "  %s\n", dmv_reply_string_at(reply, "selections", i));
    if (a->dry_run)
        return 0;
    if (a->staged)
        dmv_screen_next(s, "reboot, or dmvctl activate");
    else if (dmv_reply_bool(reply, "rebootNeeded"))
        dmv_screen_next(s, "reboot, or reload the modules: the kernel still runs what it loaded before");
    else
        dmv_screen_next(s, "dmvctl status");
    return 0;
}

const DmvVerb dmv_verb_rollback = {
    .name = "rollback",
    .synopsis = "[GENERATION]",
    .summary = "go back to an earlier generation",
    .help = "Restores the selections and the module trees of an earlier generation: the last\n"
            "good one before the current one, unless a number is given. A release that was\n"
            "revoked since then is only gone back to with --accept-revoked.\n",
    .max_objects = 1,
    .options = {DMV_OPTION_STAGED, DMV_OPTION_BECAUSE, DMV_OPTION_DRY_RUN, DMV_OPTION_ACCEPT_REVOKED},
    .method = "Rollback",
    .flags = DMV_VERB_JOB,
    .request = request,
    .render = render,
};
