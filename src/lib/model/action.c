/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods and their actions.
 *
 * There are few actions, by what may come of them: something new is known (refresh), something lies on the
 * disk that nothing loads (install), the next boot loads it (select), the trees change now (activate). Who
 * may do the last may choose, too: going back restores what was selected then.
 */
#include "model/action.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define REFRESH "io.dmv.refresh"
#define INSTALL "io.dmv.install"
#define SELECT "io.dmv.select"
#define ACTIVATE "io.dmv.activate"

static const struct {
    const char *method;
    const char *action; /* NULL: only root */
    const char *now;    /* the action if it shall take effect at once; NULL: the same */
} methods[] = {
    {"Refresh", REFRESH, NULL},
    {"Rescan", REFRESH, ACTIVATE},
    {"Install", INSTALL, NULL},
    {"Remove", INSTALL, NULL},
    {"Select", SELECT, ACTIVATE},
    {"Deselect", SELECT, ACTIVATE},
    {"Undo", SELECT, ACTIVATE},
    {"Pin", SELECT, NULL},
    {"Unpin", SELECT, NULL},
    {"Activate", ACTIVATE, NULL},
    {"Rollback", ACTIVATE, NULL},
    {"Commit", ACTIVATE, NULL},
    /* carries a descriptor, and those are taken from root alone */
    {"Import", NULL, NULL},
    /* the units' */
    {"Boot", NULL, NULL},
    {"Health", NULL, NULL},
    {"StopGuests", NULL, NULL},
    {"RestoreGuests", NULL, NULL},
};

int dmv_action_find(const char *method, bool now, const char **ret)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(methods); i++) {
        if (strcmp(methods[i].method, method) != 0)
            continue;
        if (!methods[i].action)
            return DMV_DENIED;
        *ret = now && methods[i].now ? methods[i].now : methods[i].action;
        return 0;
    }
    return -ENOENT;
}
