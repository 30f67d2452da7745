/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the methods that change something share. No verb edits a tree by itself: each changes the intent, and
 * the same plan, apply, verify follows.
 */
#include <errno.h>
#include <string.h>

#include "daemon/boot.h"
#include "daemon/claim.h"
#include "daemon/guests.h"
#include "daemon/job.h"
#include "daemon/methods.h"
#include "model/lifeline.h"

int64_t dmv_method_uid(VlCall *call)
{
    const VlPeerInfo *peer = vl_call_peer(call);

    return peer->known ? (int64_t)peer->uid : -1;
}

int dmv_method_fail(VlCall *call, DmvError *e, int code, const char *verb, const char *object)
{
    e->code = code;
    if (!e->what)
        (void)dmv_error_set_what(e, "cannot %s %s", verb, object);
    return dmv_reply_error(call, e);
}

/* Changes that no job makes still wait for the job that runs. */
int dmv_method_check_free(DmvManager *m, DmvError *e)
{
    int r = dmv_job_check_place(m, e);

    return r == 0 ? dmv_claim_take(m, e) : r;
}

bool dmv_method_concerns_guests(const DmvManager *m, const DmvConsent *consent, bool dry_run)
{
    return !consent->now || dry_run || dmv_guests_may_refuse(m, consent);
}

int dmv_method_check_pin(const DmvViewDriver *d, DmvError *e)
{
    char until[21] = "";

    if (!d->pinned)
        return 0;
    if (d->selection->pin_until > 0)
        dmv_format_time(d->selection->pin_until, until);
    (void)dmv_error_set(e, DMV_PINNED, NULL, NULL, "it is pinned%s%s%s%s%s", until[0] ? " until " : "", until,
                        d->selection->pin_reason ? " (" : "",
                        d->selection->pin_reason ? d->selection->pin_reason : "",
                        d->selection->pin_reason ? ")" : "");
    dmv_error_set_next(e, "dmvctl unpin %s", d->name);
    return DMV_PINNED;
}

/* May this release be chosen? */
int dmv_method_check_release(const DmvViewRelease *r, bool any_hardware, DmvError *e)
{
    static const struct {
        int code;
        bool any_hardware_helps;
        const char *next;
    } rules[] = {
        [DMV_VERDICT_FITS] = {0, false, NULL},
        [DMV_VERDICT_NO_HARDWARE] = {DMV_NO_HARDWARE, true, "--any-hardware does it all the same"},
        [DMV_VERDICT_OTHER_MACHINE] = {DMV_NO_HARDWARE, true, "--any-hardware does it all the same"},
        [DMV_VERDICT_NO_KERNEL] = {DMV_NO_KERNEL_RELEASE, false,
                                   "dmvctl refresh may bring a package for these kernels"},
        [DMV_VERDICT_REVOKED] = {DMV_REVOKED, false, "choose another release: dmvctl list"},
        [DMV_VERDICT_BROKEN] = {DMV_BROKEN_RELEASE, false, "dmvctl remove it, then install it again"},
    };
    if (rules[r->verdict].code == 0 || (any_hardware && rules[r->verdict].any_hardware_helps))
        return 0;
    return dmv_error_set(e, rules[r->verdict].code, NULL, rules[r->verdict].next, "%s: %s", r->name,
                         r->reasons[r->why]);
}

int dmv_method_check_kernel(const DmvViewRelease *r, DmvError *e)
{
    if (!r->refused)
        return 0;
    return dmv_error_set(
        e, DMV_MODULE_KERNEL_REFUSES, NULL,
        "let the kernel know the key that signed it (mokutil --import, then reboot), or select "
        "another release",
        "%s: %s", r->name, r->refused);
}

int dmv_method_check_installed(const DmvViewRelease *r, DmvError *e)
{
    if (r->n_installed > 0)
        return 0;
    (void)dmv_error_set(e, DMV_NOT_INSTALLED, NULL, NULL, "%s is not installed", r->name);
    dmv_error_set_next(e, "dmvctl install %s", r->name);
    return DMV_NOT_INSTALLED;
}

int dmv_method_try(DmvManager *m, VlCall *call, const DmvIntent *intent, const DmvConsent *consent,
                   json_object *(*render)(DmvManager *m, const void *userdata), const void *userdata,
                   DmvError *e)
{
    DmvIntent before = m->intent;
    json_object *reply = NULL;
    int r, back;

    m->intent = *intent;
    r = dmv_manager_think(m);
    if (r == 0 && m->plan_error.code > 0) {
        r = m->plan_error.code;
        dmv_error_move(e, &m->plan_error);
    }
    if (r == 0)
        r = dmv_manager_check_plan(m, consent, e);
    if (r == 0)
        reply = render(m, userdata);
    dmv_view_deinit(&m->view); /* it borrows from the intent that goes */
    m->intent = before;
    back = dmv_manager_think(m);
    if (r == 0 && back < 0)
        r = back;
    if (r == 0)
        return dmv_reply(call, reply);
    if (reply)
        json_object_put(reply);
    return r;
}

json_object *dmv_method_lifelines(const DmvManager *m)
{
    DMV_CLEANUP_LIFELINE_CHANGES DmvLifelineChanges changes = {0};

    return dmv_plan_lifelines(&m->plan, &m->view, &changes) < 0 ? NULL
                                                                : dmv_render_lifeline_changes(&changes);
}

int dmv_methods_bind(DmvManager *m, const DmvMethod *methods, size_t n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = vl_server_bind(m->server, methods[i].name, methods[i].handler, VL_PRIVILEGED, m);
    return r;
}

int dmv_methods_bind_change(DmvManager *m)
{
    int r = dmv_methods_bind_selection(m);

    if (r == 0)
        r = dmv_methods_bind_undo(m);
    if (r == 0)
        r = dmv_methods_bind_release(m);
    if (r == 0)
        r = dmv_methods_bind_boot(m);
    if (r == 0)
        r = dmv_methods_bind_guest_stop(m);
    return r == 0 ? dmv_methods_bind_generation(m) : r;
}
