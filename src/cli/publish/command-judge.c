/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-publish recommend and revoke: what a publisher thinks of a release once it is out. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/describe.h"
#include "cli/publish/sidecar.h"

static bool is_recommended(json_object *release)
{
    json_object *v = NULL;

    return json_object_object_get_ex(release, "recommended", &v) && json_object_get_boolean(v);
}

/* Are two releases of one driver meant for the same machines? */
static bool are_rivals(json_object *a, json_object *b)
{
    json_object *dmi_a = NULL, *dmi_b = NULL;

    (void)json_object_object_get_ex(a, "dmi", &dmi_a);
    (void)json_object_object_get_ex(b, "dmi", &dmi_b);
    return dmv_streq(dmv_sidecar_string(a, "driver"), dmv_sidecar_string(b, "driver")) &&
           (dmi_a == dmi_b || json_object_equal(dmi_a, dmi_b));
}

static int drop_recommendation(const DmvPublisher *p, json_object *release, DmvError *reterr)
{
    DMV_CLEANUP_RELEASE_NAME DmvReleaseName n = {0};
    int r = dmv_sidecar_name(release, &n, reterr);

    json_object_object_del(release, "recommended");
    return r != 0 ? r : dmv_sidecar_write(p, &n, release, reterr);
}

/* One recommendation for a driver and a kind of machine: the others lose theirs. */
static int drop_rivals(const DmvPublisher *p, json_object *release, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *all = NULL;
    int r = dmv_sidecar_read_all(p, &all, reterr);

    for (size_t i = 0; r == 0 && i < json_object_array_length(all); i++) {
        json_object *other = json_object_array_get_idx(all, i);

        if (is_recommended(other) && are_rivals(other, release))
            r = drop_recommendation(p, other, reterr);
    }
    return r;
}

static int open_release(const char *const operands[2], DmvPublisher *p, DmvReleaseName *n, json_object **ret,
                        DmvError *reterr)
{
    int r = dmv_publisher_open(operands[0], p, reterr);

    if (r == 0)
        r = dmv_release_name_parse(operands[1], n, reterr);
    return r != 0 ? r : dmv_sidecar_read(p, n, ret, reterr);
}

int dmv_command_recommend(int argc, char **argv, DmvError *reterr)
{
    bool undo = false, done = false;
    const DmvArg args[] = {{"undo", DMV_ARG_FLAG, &undo, NULL, "recommend it no longer"}};
    const DmvArgsSpec spec = {"recommend", "DIR DRIVER/VARIANT@VERSION", 2, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    DMV_CLEANUP_RELEASE_NAME DmvReleaseName n = {0};
    DMV_CLEANUP_JSON json_object *release = NULL;
    const char *operands[2] = {NULL, NULL};
    int r = dmv_args_parse(&spec, argc, argv, operands, &done, reterr);

    if (r != 0 || done)
        return r;
    r = open_release(operands, &p, &n, &release, reterr);
    if (r == 0 && !undo)
        r = drop_rivals(&p, release, reterr);
    if (r != 0)
        return r;
    json_object_object_del(release, "recommended");
    if (!undo && dmv_json_add_bool(release, "recommended", true) < 0)
        return -ENOMEM;
    r = dmv_sidecar_write(&p, &n, release, reterr);
    if (r == 0)
        printf("%s is %s recommended; hosts will know after dmv-publish publish\n", operands[1],
               undo ? "no longer" : "now");
    return r;
}

int dmv_command_revoke(int argc, char **argv, DmvError *reterr)
{
    bool undo = false, done = false;
    const char *reason = NULL;
    const DmvArg args[] = {
        {"reason", DMV_ARG_STRING, &reason, "TEXT", "what a person is told (required)"},
        {"undo", DMV_ARG_FLAG, &undo, NULL, "approve it again"},
    };
    const DmvArgsSpec spec = {"revoke", "DIR DRIVER/VARIANT@VERSION", 2, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    DMV_CLEANUP_RELEASE_NAME DmvReleaseName n = {0};
    DMV_CLEANUP_JSON json_object *release = NULL;
    const char *operands[2] = {NULL, NULL};
    int r = dmv_args_parse(&spec, argc, argv, operands, &done, reterr);

    if (r != 0 || done)
        return r;
    if (!undo && (!reason || !*reason))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot revoke", "say --reason TEXT",
                             "nobody would know why");
    if (!undo && !dmv_describe_is_plain_text(reason))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot revoke", "use one line of UTF-8",
                             "the reason is no plain text");
    r = open_release(operands, &p, &n, &release, reterr);
    if (r != 0)
        return r;
    json_object_object_del(release, "revoked");
    if (!undo) {
        json_object_object_del(release, "recommended");
        if (dmv_json_add_string(release, "revoked", reason) < 0)
            return -ENOMEM;
    }
    r = dmv_sidecar_write(&p, &n, release, reterr);
    if (r == 0)
        printf("%s is %s; hosts will know after dmv-publish publish\n", operands[1],
               undo ? "approved again" : "revoked");
    return r;
}
