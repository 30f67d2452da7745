/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all modules of the host are, by their bytes: read by a worker, anew for everybody who asks, since a
 * file that changed a moment ago is what they ask about.
 */
#ifndef DMV_DAEMON_INSPECTOR_H
#define DMV_DAEMON_INSPECTOR_H

#include "daemon/manager.h"
#include "model/inspection.h"

/**
 * DmvInspectionAnswer - answers a call that waited
 * @i: what was found, borrowed; NULL: nothing was
 * @problem: why not, else NULL
 *
 * Return: 0, or a negative errno, which is answered as a failure.
 */
typedef int (*DmvInspectionAnswer)(DmvManager *m, VlCall *call, const DmvInspection *i, const char *problem);

/**
 * dmv_inspection_ask() - answer a call once the modules were looked at
 * @call: kept until then and told how far it is; a client that goes away is forgotten
 * @answer: called before this returns if it cannot be done now
 *
 * One worker at most is at it; who asks meanwhile gets what that one finds.
 *
 * Return: 0, or a negative errno: then @answer was not called, or has returned that.
 */
int dmv_inspection_ask(DmvManager *m, VlCall *call, DmvInspectionAnswer answer);

/* Frees everything at the end of the manager; calls that wait are answered with a failure. */
void dmv_inspection_end(DmvManager *m);

/* Where a module of an installed release lies, relative to the root. A new string, NULL for lack of memory.
 */
char *dmv_inspection_path(const DmvInstalled *x, const char *file);

#endif
