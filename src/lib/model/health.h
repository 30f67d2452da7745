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

typedef struct DmvHealthFinding {
    DmvHealthLevel level;
    bool lifeline_lost; /* the host may not be reached any more: worth a reboot by itself */
    char *object;       /* driver, slot, interface, lifeline or check */
    char *why;
} DmvHealthFinding;

typedef struct DmvHealth {
    DmvHealthFinding *items;
    size_t n;
} DmvHealth;

void dmv_health_deinit(DmvHealth *h);
#define DMV_CLEANUP_HEALTH DMV_CLEANUP(dmv_health_deinit)

/* Has an interface a carrier? */
typedef struct DmvLink {
    const char *interface;
    bool up;
} DmvLink;

/* What a check of the site said. */
typedef struct DmvSiteCheck {
    const char *name;   /* of the file in /etc/dmv/health.d */
    int status;         /* exit status; below 0: it did not end by itself */
    const char *output; /* what it printed; may be NULL */
} DmvSiteCheck;

/* Everything that is judged, borrowed. "Before" is what the last boot that was good looked like; nothing is
 * said about what is not there. */
typedef struct DmvHealthFacts {
    const DmvView *view; /* now */
    const DmvLifeline *lifelines_before;
    size_t n_lifelines_before;
    const DmvLink *links_before, *links_now;
    size_t n_links_before, n_links_now;
    char *const *kernel_log;                  /* lines of this boot */
    const DmvNames *names_before, *names_now; /* may be NULL */
    bool allow_renames;
    const DmvSiteCheck *checks;
    size_t n_checks;
} DmvHealthFacts;

/**
 * dmv_health_judge() - judge
 * @f: borrowed
 * @ret: must be empty before; free with dmv_health_deinit()
 *
 * Finds, in this order: of every selected driver, whether the running kernel has loaded the selected release;
 * of every lifeline, whether its devices are bound; interfaces that had a carrier and have none (a reason to
 * go back only for devices of selected drivers and of lifelines); lines of the kernel in which a probe or a
 * firmware failed for a device or module of a selected driver; names that changed; checks that failed.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_health_judge(const DmvHealthFacts *f, DmvHealth *ret);

/* The worst of all; DMV_HEALTH_OK if there is none. */
DmvHealthLevel dmv_health_worst(const DmvHealth *h);
bool dmv_health_lifeline_lost(const DmvHealth *h);
/* The first of the worst in words, "OBJECT: WHY", owned by the caller. Return: 0, or -ENOMEM. */
int dmv_health_summary(const DmvHealth *h, char **ret);

/* Does a line of the kernel say that a probe or a firmware failed? */
bool dmv_health_is_failure(const char *line);

#endif
