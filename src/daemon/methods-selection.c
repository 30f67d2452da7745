/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* select, deselect, pin, unpin: changes of the intent. */
#include <errno.h>
#include <string.h>

#include "daemon/guests.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "dmv/interface.h"
#include "model/render.h"

typedef struct Select {
    const char *object, *selection, *because;
    bool now, any_hardware, dry_run, accept_lifeline, accept_guests;
} Select;

/* What the request means: a driver and what it shall be. */
static int resolve_request(DmvManager *m, const Select *s, DmvIntent *intent, DmvViewDriver **ret,
                           DmvError *e)
{
    DmvViewRelease *release = NULL;
    bool inbox = s->selection && strcmp(s->selection, "inbox") == 0;
    bool recommended = s->selection && strcmp(s->selection, "recommended") == 0;
    int r;

    if (s->selection && !inbox && !recommended)
        return dmv_error_set(e, DMV_INVALID_REQUEST, NULL,
                             "say recommended, inbox, or DRIVER/VARIANT@VERSION", "\"%s\" is no selection",
                             s->selection);
    r = s->selection ? dmv_view_find(&m->view, s->object, ret, e)
                     : dmv_view_find_release(&m->view, s->object, ret, &release, e);
    if (r == 0)
        r = dmv_method_check_pin(*ret, e);
    if (r == 0 && recommended)
        release = (*ret)->recommended;
    if (r == 0 && recommended && !release)
        r = dmv_error_set(e, DMV_NO_SUCH_RELEASE, NULL, "dmvctl list shows what there is",
                          "no catalog recommends a release of %s that fits this host", (*ret)->name);
    if (r == 0 && release)
        r = dmv_method_check_release(release, s->any_hardware, e);
    if (r == 0 && release)
        r = dmv_method_check_kernel(release, e);
    if (r == 0 && release)
        r = dmv_method_check_installed(release, e);
    if (r == 0)
        r = dmv_intent_copy(&m->intent, intent);
    if (r == 0)
        r = dmv_intent_select(intent, (*ret)->name,
                              inbox         ? DMV_SELECT_INBOX
                              : recommended ? DMV_SELECT_RECOMMENDED
                                            : DMV_SELECT_RELEASE,
                              inbox || recommended ? NULL : release->variant,
                              inbox || recommended ? NULL : release->version, s->because);
    return r;
}

/* The common part of the answers to select and deselect; @plan NULL leaves the steps out. */
static json_object *selection_reply(DmvManager *m, const char *driver, const DmvPlan *plan)
{
    const DmvViewDriver *d = dmv_view_driver(&m->view, driver);
    DMV_CLEANUP_FREE char *selection = dmv_selection_to_string(d ? d->selection : NULL);
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "driver", driver);
    dmv_jb_string(&b, "selection", selection);
    dmv_jb_bool(&b, "staged", d && dmv_plan_changes_driver(&m->plan, d));
    dmv_jb_bool(&b, "rebootNeeded", d && (d->reboot_needed || dmv_plan_changes_driver(&m->plan, d)));
    if (plan) {
        dmv_jb_value(&b, "steps", dmv_render_steps(plan));
        dmv_jb_value(&b, "predictions", dmv_render_predictions(plan));
        dmv_jb_value(&b, "lifelines", dmv_method_lifelines(m));
        dmv_guests_add_plan(m, &b);
    }
    return dmv_jb_end(&b);
}

static json_object *after_select_now(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    (void)changed;
    (void)kernels;
    return selection_reply(m, userdata, NULL);
}

/* Are guests asked for, to refuse it or to be in the answer? */
static bool concerns_guests(const DmvManager *m, const Select *s)
{
    const DmvConsent consent = {.now = s->now, .accept_guests = s->accept_guests};

    return dmv_method_concerns_guests(m, &consent, s->dry_run);
}

static json_object *would_select(DmvManager *m, const void *userdata)
{
    return selection_reply(m, userdata, &m->plan);
}

static int change_selection(DmvManager *m, VlCall *call, const Select *s, const char *verb)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    DMV_CLEANUP_FREE char *driver = NULL;
    const DmvConsent consent = {
        .now = s->now, .accept_lifeline = s->accept_lifeline, .accept_guests = s->accept_guests};
    DmvViewDriver *d = NULL;
    int r = dmv_method_check_free(m, &e);

    if (r == 0)
        r = resolve_request(m, s, &intent, &d, &e);
    if (r == 0)
        r = dmv_set_string(&driver, d->name);
    if (r == 0 && s->dry_run) {
        r = dmv_method_try(m, call, &intent, &consent, would_select, driver, &e);
        return r == 0 ? 0 : dmv_method_fail(call, &e, r, verb, s->object);
    }
    if (r == 0)
        r = dmv_manager_ask_intent(m, &intent, &consent, &e);
    if (r != 0)
        return dmv_method_fail(call, &e, r, verb, s->object);
    {
        const DmvGeneration *staged = dmv_generations_staged(&m->generations);
        DMV_CLEANUP_FREE char *what = dmv_selection_to_string(dmv_intent_find(&m->intent, driver));

        dmv_state_record(m, dmv_method_uid(call), verb, driver, 0, what, s->because,
                         staged ? staged->number : -1);
        dmv_log_event(LOG_NOTICE, DMV_MESSAGE_INTENT_CHANGED, verb, driver, 0, "%s shall be %s", driver,
                      what ? what : "");
    }
    dmv_manager_publish(m, "generation_changed", driver, NULL);
    if (!s->now)
        return dmv_reply(call, selection_reply(m, driver, &m->plan));
    r = dmv_job_apply(m, call, "activate", driver, s->because, after_select_now, strdup(driver), &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "activate", driver);
}

static int on_select(VlCall *call, json_object *params, void *userdata)
{
    Select s = {0};
    const DmvJsonField fields[] = {
        {"object", DMV_JSON_STRING, DMV_JSON_REQUIRED, &s.object},
        {"selection", DMV_JSON_STRING, 0, &s.selection},
        {"now", DMV_JSON_BOOL, 0, &s.now},
        {"anyHardware", DMV_JSON_BOOL, 0, &s.any_hardware},
        {"because", DMV_JSON_STRING, 0, &s.because},
        {"dryRun", DMV_JSON_BOOL, 0, &s.dry_run},
        {"acceptLifeline", DMV_JSON_BOOL, 0, &s.accept_lifeline},
        {"acceptGuests", DMV_JSON_BOOL, 0, &s.accept_guests},
    };

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (concerns_guests(userdata, &s) && dmv_guests_wait(userdata, call, params, on_select))
        return 0;
    return change_selection(userdata, call, &s, "select");
}

static int on_deselect(VlCall *call, json_object *params, void *userdata)
{
    Select s = {.selection = "inbox"};
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &s.object},
        {"now", DMV_JSON_BOOL, 0, &s.now},
        {"because", DMV_JSON_STRING, 0, &s.because},
        {"dryRun", DMV_JSON_BOOL, 0, &s.dry_run},
        {"acceptLifeline", DMV_JSON_BOOL, 0, &s.accept_lifeline},
        {"acceptGuests", DMV_JSON_BOOL, 0, &s.accept_guests},
    };

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (concerns_guests(userdata, &s) && dmv_guests_wait(userdata, call, params, on_deselect))
        return 0;
    return change_selection(userdata, call, &s, "deselect");
}

/* ---- pins ---- */

static int reply_selection(VlCall *call, DmvManager *m, const char *driver)
{
    DMV_CLEANUP_FREE char *selection = dmv_selection_to_string(dmv_intent_find(&m->intent, driver));
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "driver", driver);
    dmv_jb_string(&b, "selection", selection);
    return dmv_reply(call, dmv_jb_end(&b));
}

/* A pin belongs to the intent, not to a plan: it is stored without a new generation. */
static int change_pin(DmvManager *m, VlCall *call, const char *verb, const char *object, const char *because,
                      const char *until)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *driver = NULL;
    DmvViewDriver *d = NULL;
    bool pin = strcmp(verb, "pin") == 0;
    int64_t end = 0;
    int r = dmv_method_check_free(m, &e);

    if (r == 0 && until && dmv_parse_time(until, &end) < 0)
        return vl_call_error_invalid(call, "until");
    if (r == 0)
        r = dmv_view_find(&m->view, object, &d, &e);
    if (r == 0 && !d->selection) {
        r = dmv_error_set(&e, DMV_NOT_INSTALLED, NULL, NULL, "nothing is selected for %s", d->name);
        dmv_error_set_next(&e, "dmvctl select %s inbox, or a release of it", d->name);
    }
    if (r == 0)
        r = dmv_set_string(&driver, d->name);
    if (r == 0)
        r = pin ? dmv_intent_pin(&m->intent, driver, because, end) : dmv_intent_unpin(&m->intent, driver);
    if (r == 0)
        r = dmv_state_save(m);
    if (r == 0)
        r = dmv_manager_think(m);
    if (r != 0)
        return dmv_method_fail(call, &e, r, verb, object);
    dmv_state_record(m, dmv_method_uid(call), verb, driver, 0, until, because, -1);
    return reply_selection(call, m, driver);
}

static int on_pin(VlCall *call, json_object *params, void *userdata)
{
    const char *driver = NULL, *because = NULL, *until = NULL;
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &driver},
        {"because", DMV_JSON_STRING, 0, &because},
        {"until", DMV_JSON_STRING, 0, &until},
    };

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    return change_pin(userdata, call, "pin", driver, because, until);
}

static int on_unpin(VlCall *call, json_object *params, void *userdata)
{
    const char *driver = NULL;
    const DmvJsonField fields[] = {{"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &driver}};

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    return change_pin(userdata, call, "unpin", driver, NULL, NULL);
}

int dmv_methods_bind_selection(DmvManager *m)
{
    static const DmvMethod methods[] = {
        {DMV_INTERFACE ".Select", on_select},
        {DMV_INTERFACE ".Deselect", on_deselect},
        {DMV_INTERFACE ".Pin", on_pin},
        {DMV_INTERFACE ".Unpin", on_unpin},
    };

    return dmv_methods_bind(m, methods, DMV_N_ELEMENTS(methods));
}
