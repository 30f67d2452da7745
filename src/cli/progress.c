/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Progress of a job.
 */
#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "reply.h"

/* Counts below this are kernels or files; above it they are bytes. A Job does not say which. */
#define SMALLEST_BYTES 65536

static void append_amount(DmvText *t, int64_t done, int64_t total)
{
    char have[16], want[16];

    if (done < 0 || total <= 0)
        return;
    done = done > total ? total : done;
    dmv_text_appendf(t, " %u%%", (unsigned)((double)done * 100 / (double)total));
    if (total < SMALLEST_BYTES) {
        dmv_text_appendf(t, " (%lld of %lld)", (long long)done, (long long)total);
        return;
    }
    dmv_format_bytes((uint64_t)done, have);
    dmv_format_bytes((uint64_t)total, want);
    dmv_text_appendf(t, " (%s of %s)", have, want);
}

static int format_job(json_object *job, bool amount, char **ret)
{
    const char *object = dmv_reply_string(job, "object");
    DMV_CLEANUP_FREE char *raw = NULL;
    DmvText t = {0};
    int r;

    dmv_text_append(&t, dmv_reply_string_or(job, "action", "job"));
    if (object)
        dmv_text_appendf(&t, " %s", object);
    dmv_text_appendf(&t, ": %s", dmv_reply_string_or(job, "phase", "working"));
    if (amount)
        append_amount(&t, dmv_reply_int(job, "done", -1), dmv_reply_int(job, "total", -1));
    r = dmv_text_take(&t, &raw, NULL);
    if (r < 0)
        return r;
    *ret = dmv_sanitize(raw);
    return *ret ? 0 : -ENOMEM;
}

/* A line that is longer than the terminal could not be taken back. */
static void cut_line(char *line, unsigned width)
{
    unsigned used = 0;

    for (char *p = line; width > 0 && *p; p++) {
        used += ((unsigned char)*p & 0xc0) != 0x80;
        if (used == width) {
            *p = '\0';
            return;
        }
    }
}

int dmv_progress_show(DmvProgress *p, json_object *job)
{
    DMV_CLEANUP_FREE char *line = NULL;
    int r;

    if (!job)
        return 0;
    r = format_job(job, p->screen->err_tty, &line);
    if (r < 0)
        return r;
    if (p->screen->err_tty)
        cut_line(line, p->screen->width);
    if (dmv_streq(p->last, line))
        return 0;
    if (p->screen->err_tty)
        (void)fprintf(p->screen->err, "\r\033[K%s", line);
    else
        (void)fprintf(p->screen->err, "%s\n", line);
    (void)fflush(p->screen->err);
    p->line_open = p->screen->err_tty;
    free(p->last);
    p->last = DMV_TAKE_PTR(line);
    return 0;
}

void dmv_progress_end(DmvProgress *p)
{
    if (p->line_open)
        (void)fputs("\r\033[K", p->screen->err);
    (void)fflush(p->screen->err);
    p->line_open = 0;
    free(p->last);
    p->last = NULL;
}
