/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inspect(): the bytes of all modules of a host, and of the copies in its images, a piece at a time, so that
 * what was found leaves in between and a daemon that goes away ends it early.
 */
#ifndef DMV_APPLY_INSPECT_H
#define DMV_APPLY_INSPECT_H

#include <systemd/sd-event.h>

#include "daemon/apply/request.h"
#include "host/roots.h"
#include "varlink/varlink.h"

typedef struct DmvInspecting DmvInspecting;

/* @roots is borrowed, @q is taken over. The call is answered by this from here on. Return: 0 or a negative
 * errno. */
int dmv_inspecting_new(sd_event *event, const DmvRoots *roots, VlCall *call, DmvInspectRequest *q,
                       DmvInspecting **ret);
DmvInspecting *dmv_inspecting_free(DmvInspecting *i);

#endif
