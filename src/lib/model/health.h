/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Health: did the host come up with its drivers as it should? Judged from what was observed before and after;
 * no I/O, no clock.
 */
#ifndef DMV_MODEL_HEALTH_H
#define DMV_MODEL_HEALTH_H

#include "model/lifeline.h"
#include "model/names.h"

typedef enum DmvHealthLevel {
    DMV_HEALTH_OK,      /* looked at, and as it should be */
    DMV_HEALTH_WARNING, /* worth a look; no reason to go back */
    DMV_HEALTH_FATAL,   /* go back */
    DMV_HEALTH_MAX,
    DMV_HEALTH_INVALID = -1,
} DmvHealthLevel;
/* As severities of the interface: "ok", "warning", "error". */
const char *dmv_health_level_to_string(DmvHealthLevel l);

/* What time can do for what is bad. */
typedef enum DmvHealthTime {
    DMV_HEALTH_STAYS,   /* nothing */
    DMV_HEALTH_SETTLES, /* a link, what comes with one, an initialization: it may still come */
    DMV_HEALTH_FOLLOWS, /* it may be bad because of something that settles */
} DmvHealthTime;

typedef struct DmvHealthFinding {
    DmvHealthLevel level;
    bool lifeline_lost; /* the host may not be reached any more: worth a reboot by itself */
    DmvHealthTime time;
    char *object; /* driver, slot, interface, lifeline or check */
    char *why;
} DmvHealthFinding;

typedef struct DmvHealth {
    DmvHealthFinding *items;
    size_t n;
} DmvHealth;

void dmv_health_deinit(DmvHealth *h);
#define DMV_CLEANUP_HEALTH DMV_CLEANUP(dmv_health_deinit)

/* Everything that is judged, borrowed. "Before" is what the host looked like when all was good; nothing is
 * said about what is not there. Every pointer but @view may be NULL. */
typedef struct DmvHealthFacts {
    const DmvView *view; /* now, by the intent of the generation in place */
    const DmvLifeline *lifelines_before;
    size_t n_lifelines_before;
    char *const *links_before, *const *links_now;       /* interfaces that have a carrier */
    char *const *kernel_log_before, *const *kernel_log; /* lines of that boot, and of this one */
    const DmvNames *names_before, *names_now;
    bool allow_renames;
    const char *before_problem;     /* why nothing is known of before */
    const char *kernel_log_problem; /* why not all of the kernel's words are known */
    char *const *told;              /* what others found wrong, "OBJECT: WHY" or just why */
} DmvHealthFacts;

/**
 * dmv_health_judge() - judge
 * @f: borrowed
 * @ret: must be empty before; free with dmv_health_deinit()
 *
 * Finds, in this order: of every selected driver, whether the running kernel has loaded the selected release,
 * and whether each device that it has a module of it for has a driver; of every lifeline, whether its devices
 * are bound, and whether it still is one; interfaces that had a carrier and have none (a reason to go back
 * only for devices of selected drivers and of lifelines); lines of the kernel in which a probe or a firmware
 * failed for a device or module of a selected driver (a reason only if it did not say the same before); names
 * that changed (a reason for those of interfaces, and for what is gone of selected drivers and of lifelines,
 * unless that is allowed); what others found.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_health_judge(const DmvHealthFacts *f, DmvHealth *ret);

/* The worst of all; DMV_HEALTH_OK if there is none. */
DmvHealthLevel dmv_health_worst(const DmvHealth *h);
bool dmv_health_lifeline_lost(const DmvHealth *h);
/* Is it bad only because of what may still come, and of what may be bad because of that? */
bool dmv_health_may_settle(const DmvHealth *h);
/* What is fatal in words, "OBJECT: WHY", owned by the caller; NULL: nothing. Return: 0, or -ENOMEM. */
int dmv_health_problems(const DmvHealth *h, char ***ret);

/* Does a line of the kernel say that a probe or a firmware failed? */
bool dmv_health_is_failure(const char *line);

#endif
