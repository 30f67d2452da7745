/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GuestImpacts on a screen: what a change of drivers means for guests. */
#ifndef DMVCTL_GUESTS_H
#define DMVCTL_GUESTS_H

#include "cli/screen.h"
#include "cli/table.h"

/* Member "guests" of the reply to a change: who is touched when, and by what; nothing without guests. Return:
 * 0 or -ENOMEM. */
int dmv_render_guests(const DmvScreen *s, json_object *reply);

/* Member "problems" of GuestImpacts, with a heading; nothing if it is empty. Return: how many there are. */
size_t dmv_render_guest_problems(const DmvScreen *s, json_object *impacts);

/* The same in one line of a status; nothing without guests that run. */
void dmv_render_guests_line(const DmvScreen *s, json_object *reply);

/* Member "channels": one line each. @all: those that are not there, too. */
void dmv_render_channels_list(const DmvScreen *s, json_object *reply, bool all);

/* What a change means for a guest of a class of GuestImpacts, in a word or two: "reload, reboot". */
const char *dmv_render_guest_effect(json_object *impacts, const char *class, json_object *guest);

/* Calls @each for every guest of GuestImpacts, once, with the class that says most of it, until it returns
 * something else than 0. Return: that, or 0. */
int dmv_guests_each(json_object *impacts,
                    int (*each)(json_object *impacts, const char *class, json_object *guest, void *userdata),
                    void *userdata);

#endif
