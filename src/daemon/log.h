/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's log: the journal with fields where there is one, standard error elsewhere. A failure is logged
 * once, where it stops being an error; libraries do not log.
 */
#ifndef DMV_DAEMON_LOG_H
#define DMV_DAEMON_LOG_H

#include <stdbool.h>
#include <syslog.h>

#include "dmv/outcome.h"

/* Message ids of the state changes; data/dmv.catalog says what an admin does about each. */
#define DMV_MESSAGE_GENERATION_ACTIVATED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a01"
#define DMV_MESSAGE_CHANGE_UNDONE "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a02"
#define DMV_MESSAGE_CATALOG_REFUSED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a03"
#define DMV_MESSAGE_CATALOG_ACCEPTED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a04"
#define DMV_MESSAGE_RELEASE_INSTALLED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a05"
#define DMV_MESSAGE_RELEASE_REFUSED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a06"
#define DMV_MESSAGE_INTENT_CHANGED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a07"
#define DMV_MESSAGE_STATE_BROKEN "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a08"
#define DMV_MESSAGE_BOOT_ALARM "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a09"
#define DMV_MESSAGE_TRUST_DAMAGED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a0a"
#define DMV_MESSAGE_RELEASE_REVOKED "6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a0b"

/* Decides where to write: call it once. @terse: one caller gets every failure as its answer, and need not
 * read it twice. */
void dmv_log_init(bool terse);
void dmv_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With MESSAGE_ID, DMV_OBJECT, DMV_REASON, DMV_ACTION. Strings but @message_id may be NULL. */
void dmv_log_event(int priority, const char *message_id, const char *action, const char *object, int code,
                   const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
