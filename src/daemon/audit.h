/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files with findings share. */
#ifndef DMV_DAEMON_AUDIT_H
#define DMV_DAEMON_AUDIT_H

#include "daemon/manager.h"

typedef struct DmvAudit {
    DmvJsonBuilder list;
    bool clean; /* every finding so far is ok */
} DmvAudit;

/* Adds a finding. @severity: ok, warning or error; @next: what to do about it, or NULL. */
void dmv_audit_find(DmvAudit *a, const char *severity, const char *object, int code, const char *next,
                    const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
