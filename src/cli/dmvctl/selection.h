/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What select, deselect and undo have in common. */
#ifndef DMVCTL_SELECTION_H
#define DMVCTL_SELECTION_H

#include <json-c/json.h>

#include "arguments.h"
#include "cli/screen.h"

/* Adds now, because, dryRun, acceptLifeline and acceptGuests, as far as they were given. Return: 0 or
 * -ENOMEM. */
int dmv_selection_request(const DmvArguments *a, json_object *params);

/* Says what follows from a reply with staged and rebootNeeded. */
void dmv_selection_print_next(const DmvScreen *s, json_object *reply);

/* Shows the reply of Select() or Deselect(). Return: 0. */
int dmv_selection_render(const DmvScreen *s, const DmvArguments *a, json_object *reply);

#endif
