/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors of system calls in the words of the apply worker.
 *
 * A full disk and a read-only one are things that an admin can do something about, so they leave the worker
 * as outcomes; everything else stays the errno that it was.
 */
#include "daemon/apply/failure.h"

#include <errno.h>
#include <stddef.h>

int dmv_failure(DmvError *e, int code, const char *doing, const char *path)
{
    const char *next = dmv_error_next(&(DmvError){.code = code});
    int outcome = code;

    if (code == -ENOSPC || code == -EDQUOT)
        outcome = DMV_NO_SPACE;
    else if (code == -EROFS)
        outcome = DMV_READ_ONLY;
    else if (code == -EXDEV || code == -ELOOP)
        next = "a symbolic link lies in the way; dmv follows none there";
    return dmv_error_set(e, outcome, NULL, next, "cannot %s %s: %s", doing, path,
                         dmv_error_words(NULL, code));
}
