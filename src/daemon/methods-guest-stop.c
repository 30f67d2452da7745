/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* StopGuests and RestoreGuests: what dmv-stop-guests.service and dmv-restore-guests.service ask for. */
#include "daemon/boot.h"
#include "daemon/job-guests.h"
#include "daemon/methods.h"
#include "dmv/interface.h"
#include "host/hypervisor.h"
#include "model/impact.h"

/* Does the next boot load other drivers than run now, or may it be one that goes back? */
static bool reboot_matters(const DmvManager *m)
{
    return dmv_generations_staged(&m->generations) || m->view.reboot_needed ||
           (m->has_boot && m->boot.phase != DMV_BOOT_GOOD);
}

/* Only the control domain has guests. */
static bool is_control(const DmvManager *m)
{
    DMV_CLEANUP(dmv_hypervisor_deinit) DmvHypervisor h = {0};

    return dmv_observe_hypervisor(&m->roots, &h) < 0 || h.control;
}

/* Why no guest is stopped; NULL: they are. */
static const char *why_none(const DmvManager *m)
{
    const int policy = m->settings.guests_policy;

    if (policy != DMV_GUEST_POLICY_SHUTDOWN && policy != DMV_GUEST_POLICY_SAVE)
        return "policy= of guests does not say so";
    if (!is_control(m))
        return "this is no control domain of Xen";
    return reboot_matters(m) ? NULL : "the next boot loads what runs now";
}

static int on_stop_guests(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJsonBuilder b = {0};
    const char *why = why_none(m);
    int r;

    (void)params;
    if (why) {
        dmv_jb_object(&b);
        dmv_jb_string(&b, "why", why);
        return dmv_reply(call, dmv_jb_end(&b));
    }
    r = dmv_job_stop_guests(m, call, m->settings.guests_policy == DMV_GUEST_POLICY_SAVE, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "stop", "the guests");
}

static int on_restore_guests(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_job_restore_guests(userdata, call, &e);

    (void)params;
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "bring back", "the guests");
}

int dmv_methods_bind_guest_stop(DmvManager *m)
{
    static const DmvMethod methods[] = {
        {DMV_INTERFACE ".StopGuests", on_stop_guests},
        {DMV_INTERFACE ".RestoreGuests", on_restore_guests},
    };

    return dmv_methods_bind(m, methods, DMV_N_ELEMENTS(methods));
}
