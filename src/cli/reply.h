/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading replies of the daemon.
 *
 * A reply may come from a newer daemon: unknown members and values are normal, and a member of another type
 * than expected counts as absent. Nothing here fails, so that a screen shows what it understands.
 */
#ifndef DMV_CLI_REPLY_H
#define DMV_CLI_REPLY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The string member @key of @o, borrowed; NULL if @o has none. @o may be NULL in every function here. */
const char *dmv_reply_string(json_object *o, const char *key);
/* The same, with a fallback that is never NULL for an absent or empty one. */
const char *dmv_reply_string_or(json_object *o, const char *key, const char *fallback);
bool dmv_reply_bool(json_object *o, const char *key);
int64_t dmv_reply_int(json_object *o, const char *key, int64_t fallback);
bool dmv_reply_has(json_object *o, const char *key);
/* The object or array member, borrowed, or NULL. */
json_object *dmv_reply_object(json_object *o, const char *key);
json_object *dmv_reply_array(json_object *o, const char *key);

/* Elements of an array member: how many, and one of them (NULL beyond the end). */
size_t dmv_reply_count(json_object *o, const char *key);
json_object *dmv_reply_at(json_object *o, const char *key, size_t i);
/* Element @i of an array of strings, "" if it is none. */
const char *dmv_reply_string_at(json_object *o, const char *key, size_t i);

/* Appends the strings of an array member to @t, with @separator between them. Return: how many there were. */
size_t dmv_reply_join(DmvText *t, json_object *o, const char *key, const char *separator);

/**
 * dmv_reply_sanitize() - make every string of a reply safe for a terminal, in place
 * @o: the reply, may be NULL
 *
 * Names of devices and versions of modules are bytes that hardware and vendors chose: an escape sequence
 * among them must not reach the terminal of an admin. The names of members are never printed and stay as they
 * are.
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_reply_sanitize(json_object *o);

#endif
