/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Progress of a job: one line that changes on a terminal, a line for every phase elsewhere.
 */
#ifndef DMV_CLI_PROGRESS_H
#define DMV_CLI_PROGRESS_H

#include <json-c/json.h>

#include "screen.h"

typedef struct DmvProgress {
    const DmvScreen *screen;
    char *last;    /* what was printed last */
    int line_open; /* the cursor is behind a line that will change */
} DmvProgress;

/* Shows a Job of io.dmv.Manager, which may be NULL: then nothing happens. Return: 0 or -ENOMEM. */
int dmv_progress_show(DmvProgress *p, json_object *job);
/* Removes an open line, so that something else can be printed. */
void dmv_progress_end(DmvProgress *p);

#endif
