/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What librpm says: it prints unless somebody listens, and its reasons are nowhere else. */
#ifndef DMV_TRUST_RPM_LOG_H
#define DMV_TRUST_RPM_LOG_H

#include "base/text.h"

/* Starts to collect warnings and errors into @log, up to a few hundred bytes. One listener at a time. */
void dmv_rpm_log_begin(DmvText *log);
/* Ends that. */
void dmv_rpm_log_end(void);
/* What was said, on one line and printable, or @otherwise. Owned; NULL for lack of memory. */
char *dmv_rpm_log_line(DmvText *log, const char *otherwise);

#endif
