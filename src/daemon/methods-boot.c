/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boot and Health: what the units tell of a boot, and what they have to do. */
#include <errno.h>

#include "daemon/boot.h"
#include "daemon/health.h"
#include "daemon/job.h"
#include "daemon/methods.h"
#include "dmv/interface.h"

/* Seconds after which links are looked at again while they may still come up. */
#define SETTLE_STEP 5

static json_object *after_boot(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    DmvJsonBuilder b = {0};

    (void)userdata;
    dmv_jb_object(&b);
    dmv_jb_value(&b, "boot", dmv_boot_render(&m->boot));
    dmv_jb_bool(&b, "restored", changed);
    dmv_jb_strv(&b, "kernels", kernels);
    return dmv_jb_end(&b);
}

static int on_boot(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvManager *m = userdata;
    char id[DMV_BOOT_ID_SIZE];
    DmvBootActions actions;
    DmvBootEvent event;
    int r = dmv_method_check_free(m, &e);

    (void)params;
    if (r == 0)
        r = dmv_boot_event(m, DMV_BOOT_ON_BOOT, id, &event, &e);
    if (r == 0)
        r = dmv_boot_tell(m, &event, &actions, &e);
    if (r == 0 && !actions.set)
        return dmv_reply(call, after_boot(m, false, NULL, NULL));
    if (r == 0)
        r = dmv_job_boot(m, call, &(DmvBootTask){.action = "boot", .actions = actions, .reply = after_boot},
                         &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "take note of", "the boot");
}

static json_object *render_findings(const DmvHealth *h)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < h->n; i++) {
        const DmvHealthFinding *x = &h->items[i];
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "severity", dmv_health_level_to_string(x->level));
        dmv_jb_string(&b, "object", x->object);
        dmv_jb_string(&b, "reason", dmv_outcome_reason(x->level == DMV_HEALTH_OK ? DMV_OK : DMV_UNHEALTHY));
        dmv_jb_string(&b, "why", x->why);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

/* @wait, @settle: as in the interface, 0: not there. */
static json_object *health_reply(DmvManager *m, int64_t wait, int64_t settle)
{
    DMV_CLEANUP_STRV char **problems = NULL;
    DmvJsonBuilder b = {0};

    if (dmv_health_problems(&m->health, &problems) < 0)
        return NULL;
    dmv_jb_object(&b);
    dmv_jb_bool(&b, "healthy", problems == NULL);
    dmv_jb_strv(&b, "problems", problems);
    dmv_jb_value(&b, "findings", render_findings(&m->health));
    dmv_jb_value(&b, "boot", dmv_boot_render(&m->boot));
    dmv_jb_bool(&b, "reboot", dmv_boot_wants_reboot(m));
    if (wait > 0)
        dmv_jb_int(&b, "wait", wait);
    if (settle > 0)
        dmv_jb_int(&b, "settle", settle);
    return dmv_jb_end(&b);
}

/* Good health with nothing under way any more is the measure of the next boot. */
static void keep_measure(DmvManager *m)
{
    if (dmv_health_worst(&m->health) != DMV_HEALTH_FATAL)
        dmv_health_remember(m);
}

static json_object *after_health(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    (void)changed;
    (void)kernels;
    (void)userdata;
    keep_measure(m);
    return health_reply(m, 0, 0);
}

/* Seconds until links should be looked at again; 0: what was found counts. @waited: -1: the caller does not
 * wait. */
static int64_t seconds_to_settle(const DmvManager *m, int64_t waited)
{
    int64_t left = (int64_t)m->settings.boot_settle - waited;

    if (waited < 0 || left <= 0 || !dmv_health_may_settle(&m->health))
        return 0;
    return left < SETTLE_STEP ? left : SETTLE_STEP;
}

static int join(char *const *words, const char *separator, char **ret)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_append(&t, "");
    for (char *const *w = words; w && *w; w++)
        dmv_text_appendf(&t, "%s%s", w == words ? "" : separator, *w);
    return dmv_text_take(&t, ret, NULL);
}

/* What was judged becomes a report. */
static int tell_health(DmvManager *m, DmvBootEvent *event, DmvBootActions *ret, DmvError *e)
{
    DMV_CLEANUP_STRV char **problems = NULL;
    DMV_CLEANUP_FREE char *reason = NULL;
    int r = dmv_health_problems(&m->health, &problems);

    if (r == 0)
        r = join(problems, "; ", &reason);
    if (r < 0)
        return r;
    event->kind = problems ? DMV_BOOT_ON_UNHEALTHY : DMV_BOOT_ON_HEALTHY;
    event->reason = reason;
    event->lifeline_lost = dmv_health_lifeline_lost(&m->health);
    return dmv_boot_tell(m, event, ret, e);
}

static int on_health(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_STRV char **told = NULL;
    DmvManager *m = userdata;
    char id[DMV_BOOT_ID_SIZE];
    DmvBootActions actions;
    DmvBootEvent event;
    int64_t waited = -1, settle;
    const DmvJsonField fields[] = {{"problems", DMV_JSON_STRV, 0, &told},
                                   {"waited", DMV_JSON_INT, 0, &waited}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dmv_method_check_free(m, &e);
    if (r == 0)
        r = dmv_boot_event(m, DMV_BOOT_ON_HEALTHY, id, &event, &e);
    if (r == 0)
        r = dmv_manager_look(m);
    if (r == 0)
        r = dmv_health_look(m, id, told);
    settle = r == 0 ? seconds_to_settle(m, waited) : 0;
    if (settle > 0)
        return dmv_reply(call, health_reply(m, 0, settle));
    if (r == 0)
        r = tell_health(m, &event, &actions, &e);
    if (r == 0 && !actions.set) {
        keep_measure(m);
        return dmv_reply(call, health_reply(m, actions.wait, 0));
    }
    if (r == 0)
        r = dmv_job_boot(m, call,
                         &(DmvBootTask){.action = "health", .actions = actions, .reply = after_health}, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "take note of", "the host's health");
}

int dmv_methods_bind_boot(DmvManager *m)
{
    static const DmvMethod methods[] = {
        {DMV_INTERFACE ".Boot", on_boot},
        {DMV_INTERFACE ".Health", on_health},
    };

    return dmv_methods_bind(m, methods, DMV_N_ELEMENTS(methods));
}
