/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening to librpm. */
#include "rpm-log.h"

#include <rpm/rpmlog.h>
#include <stdlib.h>
#include <string.h>

/* How much of librpm's talk is kept for the error. */
#define LOG_MAX 400

static int collect(rpmlogRec record, rpmlogCallbackData data)
{
    DmvText *log = data;

    if (rpmlogRecPriority(record) <= RPMLOG_NOTICE && log->size < LOG_MAX)
        dmv_text_append(log, rpmlogRecMessage(record));
    return 0;
}

void dmv_rpm_log_begin(DmvText *log)
{
    (void)rpmlogSetCallback(collect, log);
}

void dmv_rpm_log_end(void)
{
    (void)rpmlogSetCallback(NULL, NULL);
}

char *dmv_rpm_log_line(DmvText *log, const char *otherwise)
{
    DMV_CLEANUP_FREE char *text = NULL;

    if (log->size == 0 || dmv_text_take(log, &text, NULL) < 0)
        return strdup(otherwise);
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
        text[n - 1] = '\0';
    return dmv_sanitize(text);
}
