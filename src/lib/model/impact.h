/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Impact: what a change of drivers means for the guests of a Xen host. No I/O, no clock.
 *
 * Two things can happen to a guest that runs. At a reboot every one of them goes down, whatever it stands on.
 * And a module that changes is another file for the next load only: the guest goes on, and loses what the
 * module drives for as long as somebody reloads it. So there are two lists, and neither says that something
 * happens by itself.
 */
#ifndef DMV_MODEL_IMPACT_H
#define DMV_MODEL_IMPACT_H

#include "base/jsonbuild.h"
#include "model/guest.h"
#include "model/plan.h"

/* ---- the question ---- */

/* What changes. {0}: nothing. */
typedef struct DmvImpactSubject {
    bool anything;        /* whatever there is, which gives the map of what stands on what */
    const DmvPlan *plan;  /* what it changes, and what the kernel has not taken over yet of plans before it */
    char *const *slots;   /* without a plan: devices */
    char *const *modules; /* without a plan: modules */
} DmvImpactSubject;

/* The modules of a driver, for a subject: a new list. Return: 0, or -ENOMEM. */
int dmv_impact_driver_modules(const DmvViewDriver *d, char ***ret);

/* ---- the answer ---- */

/* A device of a guest by which the change reaches it; all but the lists is borrowed. */
typedef struct DmvImpactDevice {
    const DmvGuestDevice *device;
    const DmvFooting *footing; /* NULL: none is known */
    const DmvDevice *function; /* of one that was given to the guest; NULL: none, or it is not there */
    char **drivers;            /* that drive what is under it, by their names in the View; sorted */
    char **unused; /* of a function that was given to the guest: drivers of the host that would drive it;
                      sorted */
} DmvImpactDevice;

typedef struct DmvGuestImpact {
    const DmvGuest *guest;
    DmvImpactDevice *devices; /* in the order of the guest: those that the change reaches, and functions that
                                 were given to it which the change is about */
    size_t n_devices;
    char **modules; /* under them that change, sorted; NULL: what it stands on stays as it is */
    char **kernels; /* for which they do, sorted; only with a plan */
    bool reached; /* the change reaches something that it stands on; every guest, where anything may change */
    bool now;     /* it does for the kernel that runs */
    bool passed;  /* a function that the change is about was given to it */
} DmvGuestImpact;

typedef struct DmvImpact {
    DmvGuestImpact *items; /* one a guest, in the order of DmvGuests */
    size_t n;
    bool changes;         /* there is something that has not been put in place yet */
    bool reboot;          /* only a reboot makes the kernel take it over */
    bool unknown;         /* set by the caller: this is the control domain, and no channel tells who runs */
    char **reserved;      /* functions that are kept for guests, and that no guest is known to have; sorted */
    DmvProblems problems; /* devices of which is not known what they stand on, channels that gave nothing */
} DmvImpact;
void dmv_impact_deinit(DmvImpact *i);
#define DMV_CLEANUP_IMPACT DMV_CLEANUP(dmv_impact_deinit)

/**
 * dmv_impact() - what a change means for the guests
 * @v: the View
 * @g: the guests, @f: what they stand on
 * @s: what changes
 * @ret: must be empty before; borrows from @v, @g, @f and @s; free with dmv_impact_deinit()
 *
 * A change reaches a device of a guest if it drives something under it now, if a kernel's index gives it for
 * a device under it, or if the release that it comes from, now or next, supports one (dmv_plan_reaches()).
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_impact(const DmvView *v, const DmvGuests *g, const DmvFootings *f, const DmvImpactSubject *s,
               DmvImpact *ret);

/* ---- the policy ---- */

/* What becomes of guests that run before a reboot takes over a change: guests policy= in dmv.conf(5). */
typedef enum DmvGuestPolicy {
    DMV_GUEST_POLICY_REPORT,   /* it is said, and done */
    DMV_GUEST_POLICY_REFUSE,   /* nothing is made ready that a reboot would take over */
    DMV_GUEST_POLICY_SHUTDOWN, /* they are shut down */
    DMV_GUEST_POLICY_SAVE,     /* they are saved, and restored afterwards */
    DMV_GUEST_POLICY_MAX,
    DMV_GUEST_POLICY_INVALID = -1,
} DmvGuestPolicy;
/* "report", "refuse", "shutdown", "save"; NULL for anything else. */
const char *dmv_guest_policy_to_string(DmvGuestPolicy p);

/**
 * dmv_impact_check() - may this change be made?
 * @i: what it means
 * @policy: of the settings
 * @now: at once, without a reboot in between
 * @accepted: somebody said that guests may be affected
 * @reterr: filled on a refusal, may be NULL
 *
 * At once, a driver that carries a guest which runs is not changed without a word, whatever the policy.
 * Otherwise only DMV_GUEST_POLICY_REFUSE refuses, as long as any guest runs: the reboot ends all of them.
 * Where nobody tells who runs, somebody may.
 *
 * Return: 0; DMV_GUESTS_AFFECTED naming the first guest, and what to do.
 */
int dmv_impact_check(const DmvImpact *i, DmvGuestPolicy policy, bool now, bool accepted, DmvError *reterr);

/* ---- renderings, as those of render.h ---- */

/* Adds the members of GuestImpacts in io.dmv.Manager to an object. */
void dmv_render_impact(DmvJsonBuilder *b, const DmvImpact *i);
json_object *dmv_render_channels(const DmvGuests *g);

#endif
