/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files with findings share. */
#ifndef DMV_DAEMON_AUDIT_H
#define DMV_DAEMON_AUDIT_H

#include "daemon/manager.h"

typedef struct DmvAudit {
    DmvJsonBuilder list;
    bool clean; /* every finding so far is ok */
} DmvAudit;

struct DmvStandingVerdict;
struct DmvInspection;

/* Adds a finding. @severity: ok, warning or error; @next: what to do about it, or NULL. */
void dmv_audit_find(DmvAudit *a, const char *severity, const char *object, int code, const char *next,
                    const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Adds what a verdict on a module has to say, if it has. */
void dmv_audit_find_module(DmvAudit *a, const char *object, const struct DmvStandingVerdict *v);

/**
 * dmv_audit_modules() - audit-modules.c: every module by its bytes
 * @i: what they are
 * @reply: members "modules" and "kernelPolicy" are added
 *
 * Return: 0 or a negative errno.
 */
int dmv_audit_modules(DmvAudit *a, const DmvManager *m, const struct DmvInspection *i, DmvJsonBuilder *reply);

/* audit-guests.c: channels of a Xen host that gave nothing, and what is left of xend. */
void dmv_audit_guests(DmvAudit *a, const DmvManager *m);

#endif
