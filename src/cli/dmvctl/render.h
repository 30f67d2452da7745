/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pieces of screens that several verbs share. Strings of the replies are safe for a terminal already.
 */
#ifndef DMVCTL_RENDER_H
#define DMVCTL_RENDER_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/text.h"
#include "cli/screen.h"

/* A release without the driver's name in front: "dell@1.15.5" of "intel-ice/dell@1.15.5". Borrowed. */
const char *dmv_render_short(const char *release, const char *driver);

/* Appends @word, with ", " before it unless it is the first. */
void dmv_render_word(DmvText *t, const char *word);

/* "label      " in a fixed width, painted as a heading. */
void dmv_render_label(const DmvScreen *s, const char *label);

/* The words for the state of a Release: "active, selected, installed". */
void dmv_render_release_state(DmvText *t, json_object *release);

/* What a Release asks a trial for: "2 boots, 24 h"; nothing if it does not ask. */
void dmv_render_trial(DmvText *t, json_object *release);

/* The words for the state of a Driver, "ok" if there is nothing to say, and how bad it is. */
DmvPaint dmv_render_driver_state(DmvText *t, json_object *driver);

/* What is selected for a Driver: a release, "inbox", or "recommended (dell@1.15.5)". */
void dmv_render_selection(DmvText *t, json_object *driver);

/* Where the modules of a Driver will come from at the next load: releases without the driver's name. */
void dmv_render_next_load(DmvText *t, json_object *driver);

/* The list of Problem in member "problems", with a heading; nothing if it is empty. Return: how many there
 * are. */
size_t dmv_render_problem_list(const DmvScreen *s, json_object *reply);

/* One line a Stream of member "streams". Return: how many are not "ok". */
size_t dmv_render_streams(const DmvScreen *s, json_object *reply);

/* A Generation in one line: "7, good, since 2026-11-23T03:00:00Z". */
void dmv_render_generation_line(DmvText *t, json_object *generation);

/* A BootState in one line: "trial, attempt 1 of 2, back to generation 3 if it fails". */
void dmv_render_boot_line(DmvText *t, json_object *boot);

/* "nothing to change: ..." for a plan without steps. */
void dmv_render_unchanged(const DmvScreen *s, int64_t generation);

/* Members "predictions" and "steps": what a plan changes. Return: how many modules change. */
size_t dmv_render_plan(const DmvScreen *s, json_object *reply);

/* Members "object" and "reasons", a line each. Return: is one of them a problem? */
bool dmv_render_reasons(const DmvScreen *s, json_object *reply);

/* Member "lifelines" of a change: what it touches that the host needs to come back, as a warning. Return: how
 * many there are. */
size_t dmv_render_touched(const DmvScreen *s, json_object *reply);

/* Member "findings", a line each, with what to do under it. @ret_errors, @ret_warnings: how many; may be
 * NULL.
 */
void dmv_render_finding_list(const DmvScreen *s, json_object *reply, size_t *ret_errors,
                             size_t *ret_warnings);

/* Members "clean" and "findings". @ok: what to say if there is none. */
void dmv_render_findings(const DmvScreen *s, json_object *reply, const char *ok);

/* DMV_EXIT_DIFFERENT unless member "clean" is true. */
int dmv_render_findings_status(json_object *reply);

#endif
