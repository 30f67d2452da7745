/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Journal or standard error. See log.h. */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

static bool to_journal;
static int max_priority = LOG_NOTICE;

/* JOURNAL_STREAM names device and inode of the stream that standard error is connected to, if it is the
 * journal's (systemd.exec(5)). */
void dmv_log_init(bool terse)
{
    const char *stream = getenv("JOURNAL_STREAM"), *level = getenv("DMV_LOG_LEVEL");
    unsigned long long device = 0, inode = 0;
    struct stat st;

    to_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                 fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
    max_priority = to_journal ? LOG_INFO : terse ? LOG_ERR : LOG_NOTICE;
    if (level && level[0] >= '0' && level[0] <= '7' && !level[1])
        max_priority = level[0] - '0';
}

__attribute__((format(printf, 6, 0))) static void emit(int priority, const char *message_id,
                                                       const char *action, const char *object, int code,
                                                       const char *format, va_list ap)
{
    DMV_CLEANUP_FREE char *text = priority > max_priority ? NULL : dmv_vformat(format, ap);

    if (!text)
        return;
    if (!to_journal)
        (void)fprintf(stderr, "dmvd: %s\n", text);
    else if (message_id)
        (void)sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priority, "MESSAGE_ID=%s", message_id,
                              "DMV_ACTION=%s", action ? action : "", "DMV_OBJECT=%s", object ? object : "",
                              "DMV_REASON=%s", dmv_outcome_reason(code), NULL);
    else
        (void)sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priority, NULL);
}

void dmv_log(int priority, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    emit(priority, NULL, NULL, NULL, 0, format, ap);
    va_end(ap);
}

void dmv_log_event(int priority, const char *message_id, const char *action, const char *object, int code,
                   const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    emit(priority, message_id, action, object, code, format, ap);
    va_end(ap);
}
