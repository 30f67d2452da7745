/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of outcomes, and the error that carries the words for a person.
 *
 * Codes and words are kept apart on purpose: a code is compared, mapped and tested; words are only shown.
 */
#include "dmv/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const struct {
    const char *reason;
    const char *varlink_error;
    int exit_status;
} outcome_table[] = {[DMV_OK] = {"ok", "", DMV_EXIT_OK},
#define X(symbol, reason, error, status) [DMV_##symbol] = {reason, error, status},
                     DMV_OUTCOMES(X)
#undef X
};

_Static_assert(sizeof(outcome_table) / sizeof(outcome_table[0]) == DMV_OUTCOME_MAX, "an outcome has no row");

static int is_known(int code)
{
    return code >= 0 && code < DMV_OUTCOME_MAX;
}

const char *dmv_outcome_reason(int code)
{
    if (code == -ENOSPC || code == -EDQUOT)
        return outcome_table[DMV_NO_SPACE].reason;
    if (code == -EROFS)
        return outcome_table[DMV_READ_ONLY].reason;
    return outcome_table[is_known(code) ? code : DMV_FAILED].reason;
}

const char *dmv_error_words(const DmvError *e, int code)
{
    if (e && e->why)
        return e->why;
    return code < 0 ? strerror(-code) : dmv_outcome_reason(code);
}

const char *dmv_error_next(const DmvError *e)
{
    if (e->next)
        return e->next;
    if (e->code == -EDQUOT)
        return "free some space there or raise the quota, and try again";
    if (e->code == -ENOSPC || e->code == DMV_NO_SPACE)
        return "free some space on that filesystem and try again";
    if (e->code == -EROFS || e->code == DMV_READ_ONLY)
        return "make the filesystem writable and try again";
    return NULL;
}

int dmv_outcome_from_reason(const char *reason)
{
    for (int i = 0; reason && i < DMV_OUTCOME_MAX; i++)
        if (strcmp(outcome_table[i].reason, reason) == 0)
            return i;
    return DMV_FAILED;
}

const char *dmv_outcome_varlink_error(int code)
{
    if (code == -ENOSPC || code == -EDQUOT)
        return outcome_table[DMV_NO_SPACE].varlink_error;
    if (code == -EPERM || code == -EACCES)
        return outcome_table[DMV_DENIED].varlink_error;
    if (code == -EROFS)
        return outcome_table[DMV_READ_ONLY].varlink_error;
    return outcome_table[is_known(code) && code != DMV_OK ? code : DMV_FAILED].varlink_error;
}

int dmv_outcome_exit_status(int code)
{
    if (code == -EPERM || code == -EACCES)
        return DMV_EXIT_DENIED;
    return outcome_table[is_known(code) ? code : DMV_FAILED].exit_status;
}

__attribute__((format(printf, 1, 0))) static char *format_text(const char *format, va_list ap)
{
    return format ? dmv_vformat(format, ap) : NULL;
}

int dmv_error_set(DmvError *e, int code, const char *what, const char *next, const char *why_format, ...)
{
    va_list ap;
    DmvError fresh = {.code = code};

    if (!e)
        return code;
    va_start(ap, why_format);
    fresh.why = format_text(why_format, ap);
    va_end(ap);
    fresh.what = what ? strdup(what) : NULL;
    fresh.next = next ? strdup(next) : NULL;
    dmv_error_move(e, &fresh);
    return code;
}

int dmv_error_set_what(DmvError *e, const char *what_format, ...)
{
    va_list ap;
    char *what;

    if (!e)
        return 0;
    va_start(ap, what_format);
    what = format_text(what_format, ap);
    va_end(ap);
    free(e->what);
    e->what = what;
    return e->code;
}

void dmv_error_set_next(DmvError *e, const char *next_format, ...)
{
    va_list ap;

    if (!e || e->next)
        return;
    va_start(ap, next_format);
    e->next = format_text(next_format, ap);
    va_end(ap);
}

void dmv_error_move(DmvError *to, DmvError *from)
{
    if (!from || to == from)
        return;
    if (!to) {
        dmv_error_clear(from);
        return;
    }
    dmv_error_clear(to);
    *to = *from;
    *from = (DmvError){0};
}

void dmv_error_clear(DmvError *e)
{
    if (!e)
        return;
    free(e->what);
    free(e->why);
    free(e->next);
    *e = (DmvError){0};
}
