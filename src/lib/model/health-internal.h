/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of health share. */
#ifndef DMV_MODEL_HEALTH_INTERNAL_H
#define DMV_MODEL_HEALTH_INTERNAL_H

#include "model/health.h"

/* What a finding says besides its words. */
typedef struct DmvHealthVerdict {
    DmvHealthLevel level;
    bool lifeline_lost;
    DmvHealthTime time;
} DmvHealthVerdict;

static const DmvHealthVerdict dmv_health_ok = {.level = DMV_HEALTH_OK},
                              dmv_health_warning = {.level = DMV_HEALTH_WARNING},
                              dmv_health_fatal = {.level = DMV_HEALTH_FATAL},
                              dmv_health_lost = {.level = DMV_HEALTH_FATAL, .lifeline_lost = true};

/* The same, of something that may still come. */
static inline DmvHealthVerdict dmv_health_not_yet(DmvHealthVerdict v)
{
    v.time = DMV_HEALTH_SETTLES;
    return v;
}

/* Adds a finding; its words are made printable. Return: 0, or -ENOMEM. */
int dmv_health_add(DmvHealth *h, DmvHealthVerdict v, const char *object, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* health-compare.c: what an interface of before is called now; as before where that is not known. Borrowed.
 */
const char *dmv_health_name_now(const DmvHealthFacts *f, const char *interface);
/* health-compare.c: one function a question, each adding what it finds. Return: 0, or -ENOMEM. */
int dmv_health_judge_links(const DmvHealthFacts *f, DmvHealth *h);
int dmv_health_judge_kernel_log(const DmvHealthFacts *f, DmvHealth *h);
int dmv_health_judge_names(const DmvHealthFacts *f, DmvHealth *h);

#endif
