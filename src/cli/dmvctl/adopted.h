/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What other package managers put into the trees, and updates that are offered: for list, status and show. */
#ifndef DMVCTL_ADOPTED_H
#define DMVCTL_ADOPTED_H

#include <json-c/json.h>

#include "cli/screen.h"

/* Member "adopted" of @reply and of each of its "drivers" as a table with a heading; nothing if there is
 * none. Return: 0 or -ENOMEM. */
int dmv_render_adopted_files(const DmvScreen *s, json_object *reply);

/* "updates", the releases of its "drivers" that are offered as updates; nothing if there are none. Return:
 * how many. */
size_t dmv_render_updates(const DmvScreen *s, json_object *reply);

#endif
