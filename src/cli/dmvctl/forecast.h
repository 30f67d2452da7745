/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of `dmvctl plan` about devices and initrd images. */
#ifndef DMVCTL_FORECAST_H
#define DMVCTL_FORECAST_H

#include <json-c/json.h>
#include <stdbool.h>

#include "cli/screen.h"

/* Members "devices" and "initrds" of a Plan() reply: what changes first; the rest with @all, else how many
 * there are. Nothing if the reply has neither. Return: 0 or -ENOMEM. */
int dmv_render_forecast(const DmvScreen *s, json_object *reply, bool all);

#endif
