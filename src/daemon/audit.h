/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files with findings share. */
#ifndef DMV_DAEMON_AUDIT_H
#define DMV_DAEMON_AUDIT_H

#include "daemon/manager.h"

typedef struct DmvAudit {
    DmvJsonBuilder list;
    bool clean; /* every finding so far is ok */
} DmvAudit;

/* Adds a finding. @severity: ok, warning or error; @next: what to do about it, or NULL; @why NULL: lack of
 * memory lost the words. */
void dmv_audit_add(DmvAudit *a, const char *severity, const char *object, int code, const char *next,
                   const char *why);

#endif
