/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line of the history: an entry as a JSON object.
 *
 * Members are only ever added: a line that was written before one of them is read without it.
 */
#include "model/history-line.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

/* A line has to be readable again: its texts are made printable UTF-8, and so short that five of them and the
 * reasons of DMV_HISTORY_MAX_SELECTIONS, escaped, stay below the limit of a line. */
#define MAX_TEXT ((size_t)4096)
#define MAX_REASON ((size_t)256)

static const DmvJsonLimits line_limits = {
    .size = 256 * 1024, .depth = 6, .nodes = 2048, .plain_integers = true};

void dmv_history_entry_deinit(DmvHistoryEntry *e)
{
    free(e->action);
    free(e->object);
    free(e->outcome);
    free(e->detail);
    free(e->because);
    dmv_intent_deinit(&e->before);
    dmv_intent_deinit(&e->after);
    *e = (DmvHistoryEntry){0};
}

bool dmv_history_is_change(const char *action)
{
    static const char *const actions[] = {"select", "deselect", "pin", "unpin", "rollback", "undo"};

    for (size_t i = 0; i < DMV_N_ELEMENTS(actions); i++)
        if (strcmp(actions[i], action) == 0)
            return true;
    return false;
}

/* ---- reading ---- */

static int read_changes(json_object *before, json_object *after, DmvHistoryEntry *e, DmvError *reterr)
{
    int r;

    if (!before && !after)
        return 0;
    if (!before || !after)
        return dmv_error_set(reterr, DMV_MALFORMED, NULL, NULL, "\"%s\" is missing",
                             before ? "after" : "before");
    r = dmv_intent_from_json(before, &e->before, reterr);
    if (r == 0)
        r = dmv_intent_from_json(after, &e->after, reterr);
    e->has_changes = r == 0;
    return r;
}

int dmv_history_line_parse(const char *line, size_t size, DmvHistoryEntry *ret, DmvHistoryLink *ret_link,
                           DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DmvHistoryEntry e = {.uid = -1, .generation = -1};
    DmvHistoryLink link = {0};
    json_object *before = NULL, *after = NULL;
    const char *previous = NULL;
    const DmvJsonField fields[] = {
        {"number", DMV_JSON_INT, DMV_JSON_REQUIRED, &e.number},
        {"time", DMV_JSON_INT, DMV_JSON_REQUIRED, &e.time},
        {"action", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &e.action},
        {"object", DMV_JSON_STRDUP, 0, &e.object},
        {"outcome", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &e.outcome},
        {"detail", DMV_JSON_STRDUP, 0, &e.detail},
        {"because", DMV_JSON_STRDUP, 0, &e.because},
        {"uid", DMV_JSON_INT, 0, &e.uid},
        {"generation", DMV_JSON_INT, 0, &e.generation},
        {"before", DMV_JSON_OBJECT, 0, &before},
        {"after", DMV_JSON_OBJECT, 0, &after},
        {"begins", DMV_JSON_BOOL, 0, &link.begins},
        {"previous", DMV_JSON_STRING, DMV_JSON_REQUIRED, &previous},
    };
    int r = dmv_json_parse(line, size, &line_limits, &o, reterr);

    if (r == 0)
        r = dmv_json_read(o, "entry", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r == 0 && !dmv_is_hex(previous, sizeof(link.previous) - 1))
        r = dmv_error_set(reterr, DMV_MALFORMED, NULL, NULL, "\"previous\" is no hash");
    if (r == 0)
        r = read_changes(before, after, &e, reterr);
    if (r != 0) {
        dmv_history_entry_deinit(&e);
        return r;
    }
    memcpy(link.previous, previous, sizeof(link.previous));
    *ret = e;
    *ret_link = link;
    return 0;
}

/* ---- writing ---- */

static int copy_text(const char *from, size_t max, char **ret)
{
    char *copy = from ? dmv_sanitize(from) : NULL;
    size_t end = max;

    if (from && !copy)
        return -ENOMEM;
    if (copy && strlen(copy) > max) {
        while (end > 0 && ((unsigned char)copy[end] & 0xc0) == 0x80) /* not in the middle of a character */
            end--;
        copy[end] = '\0';
    }
    free(*ret);
    *ret = copy;
    return 0;
}

static int copy_intent(const DmvIntent *from, DmvIntent *ret)
{
    int r = dmv_intent_copy(from, ret);

    for (size_t i = 0; r == 0 && i < ret->n; i++) {
        r = copy_text(from->items[i].because, MAX_REASON, &ret->items[i].because);
        if (r == 0)
            r = copy_text(from->items[i].pin_reason, MAX_REASON, &ret->items[i].pin_reason);
    }
    return r;
}

static int copy_changes(const DmvHistoryEntry *e, DmvHistoryEntry *ret)
{
    int r;

    if (!e->has_changes || e->before.n + e->after.n > DMV_HISTORY_MAX_SELECTIONS)
        return 0;
    r = copy_intent(&e->before, &ret->before);
    if (r == 0)
        r = copy_intent(&e->after, &ret->after);
    ret->has_changes = r == 0;
    return r;
}

int dmv_history_entry_copy(const DmvHistoryEntry *e, DmvHistoryEntry *ret)
{
    DmvHistoryEntry copy = {.number = e->number, .time = e->time, .uid = e->uid, .generation = e->generation};

    if (copy_text(e->action, MAX_TEXT, &copy.action) < 0 ||
        copy_text(e->object, MAX_TEXT, &copy.object) < 0 ||
        copy_text(e->outcome, MAX_TEXT, &copy.outcome) < 0 ||
        copy_text(e->detail, MAX_TEXT, &copy.detail) < 0 ||
        copy_text(e->because, MAX_TEXT, &copy.because) < 0 || copy_changes(e, &copy) < 0) {
        dmv_history_entry_deinit(&copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

/* Of what changes nothing by its nature nothing is said. */
static int add_changes(json_object *o, const DmvHistoryEntry *e)
{
    json_object *before = NULL, *after = NULL;
    int r;

    if (!e->has_changes || (e->before.n + e->after.n == 0 && !dmv_history_is_change(e->action)))
        return 0;
    r = dmv_intent_to_json(&e->before, &before);
    if (r == 0)
        r = dmv_json_add(o, "before", before);
    if (r == 0)
        r = dmv_intent_to_json(&e->after, &after);
    return r == 0 ? dmv_json_add(o, "after", after) : r;
}

static int entry_to_json(const DmvHistoryEntry *e, const DmvHistoryLink *link, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int r = dmv_json_add_int(o, "number", e->number);

    if (r == 0)
        r = dmv_json_add_int(o, "time", e->time);
    if (r == 0)
        r = dmv_json_add_string(o, "action", e->action);
    if (r == 0)
        r = dmv_json_add_string(o, "object", e->object);
    if (r == 0)
        r = dmv_json_add_string(o, "outcome", e->outcome);
    if (r == 0)
        r = dmv_json_add_string(o, "detail", e->detail);
    if (r == 0)
        r = dmv_json_add_string(o, "because", e->because);
    if (r == 0 && e->uid >= 0)
        r = dmv_json_add_int(o, "uid", e->uid);
    if (r == 0 && e->generation >= 0)
        r = dmv_json_add_int(o, "generation", e->generation);
    if (r == 0)
        r = add_changes(o, e);
    if (r == 0 && link->begins)
        r = dmv_json_add_bool(o, "begins", true);
    if (r == 0)
        r = dmv_json_add_string(o, "previous", link->previous);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

int dmv_history_line_format(const DmvHistoryEntry *e, const DmvHistoryLink *link, char **ret,
                            size_t *ret_size, char ret_hash[DMV_SHA256_HEX])
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *json = NULL;
    DMV_CLEANUP_TEXT DmvText line = {0};
    size_t size = 0;
    int r = entry_to_json(e, link, &o);

    if (r == 0)
        r = dmv_json_format(o, &json, &size);
    if (r == 0)
        r = dmv_sha256_hex(json, size, ret_hash);
    if (r < 0)
        return r;
    dmv_text_append_bytes(&line, json, size);
    dmv_text_append(&line, "\n");
    return dmv_text_take(&line, ret, ret_size);
}
