/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history, append-only and chained by hashes.
 *
 * A torn or foreign tail must neither hide what came before nor stop new entries: parsing keeps the good part
 * and says where it ends, and the next entry chains to the last good line.
 */
#include "model/history.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

#define GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

static const DmvJsonLimits line_limits = {.size = 64 * 1024, .depth = 3, .nodes = 64, .plain_integers = true};

void dmv_history_entry_deinit(DmvHistoryEntry *e)
{
    free(e->action);
    free(e->object);
    free(e->outcome);
    free(e->detail);
    free(e->because);
    *e = (DmvHistoryEntry){0};
}

void dmv_history_init(DmvHistory *h)
{
    *h = (DmvHistory){0};
    memcpy(h->last_hash, GENESIS, sizeof(h->last_hash));
}

void dmv_history_deinit(DmvHistory *h)
{
    for (size_t i = 0; i < h->n; i++)
        dmv_history_entry_deinit(&h->items[i]);
    free(h->items);
    free(h->broken);
    *h = (DmvHistory){0};
}

/* One line without its newline. Return: 0, an outcome if it is no good entry, -ENOMEM. */
static int parse_line(const char *line, size_t size, const DmvHistory *h, DmvHistoryEntry *e,
                      DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    const char *prev = NULL;
    const DmvJsonField fields[] = {
        {"number", DMV_JSON_INT, DMV_JSON_REQUIRED, &e->number},
        {"time", DMV_JSON_INT, DMV_JSON_REQUIRED, &e->time},
        {"action", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &e->action},
        {"object", DMV_JSON_STRDUP, 0, &e->object},
        {"outcome", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &e->outcome},
        {"detail", DMV_JSON_STRDUP, 0, &e->detail},
        {"because", DMV_JSON_STRDUP, 0, &e->because},
        {"uid", DMV_JSON_INT, 0, &e->uid},
        {"generation", DMV_JSON_INT, 0, &e->generation},
        {"previous", DMV_JSON_STRING, DMV_JSON_REQUIRED, &prev},
    };
    int r = dmv_json_parse(line, size, &line_limits, &o, reterr);

    e->uid = e->generation = -1;
    if (r == 0)
        r = dmv_json_read(o, "entry", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r != 0)
        return r;
    if (strcmp(prev, h->last_hash) != 0)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "it does not continue the line before it");
    if (e->number != h->last_number + 1)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "its number is %lld instead of %lld",
                             (long long)e->number, (long long)h->last_number + 1);
    return 0;
}

static int note_break(DmvHistory *h, const DmvError *e)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_appendf(&t, "entry %lld cannot be used: %s", (long long)h->last_number + 1,
                     e->why ? e->why : "malformed");
    return dmv_text_take(&t, &h->broken, NULL);
}

int dmv_history_parse(const char *data, size_t size, DmvHistory *ret)
{
    DmvHistory h;
    int r = 0;

    dmv_history_init(&h);
    while (r == 0 && h.good_bytes < size) {
        DMV_CLEANUP_ERROR DmvError error = {0};
        const char *line = data + h.good_bytes, *end = memchr(line, '\n', size - h.good_bytes);
        DmvHistoryEntry e = {0}, *slot = NULL;

        if (!end)
            r = dmv_error_set(&error, DMV_STATE_BROKEN, NULL, NULL, "the line is cut off");
        else
            r = parse_line(line, (size_t)(end - line), &h, &e, &error);
        if (r == 0)
            r = dmv_sha256_hex(line, (size_t)(end - line), h.last_hash);
        if (r == 0 && !(slot = DMV_ARRAY_ADD(h.items, h.n)))
            r = -ENOMEM;
        if (r != 0) {
            dmv_history_entry_deinit(&e);
            if (r > 0)
                r = note_break(&h, &error);
            break;
        }
        *slot = e;
        h.last_number = e.number;
        h.good_bytes += (size_t)(end - line) + 1;
    }
    if (r < 0) {
        dmv_history_deinit(&h);
        return r;
    }
    *ret = h;
    return 0;
}

static int entry_to_json(const DmvHistoryEntry *e, const char *previous, json_object **ret)
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
        r = dmv_json_add_string(o, "previous", previous);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

/* A line has to be readable again: its texts are made printable UTF-8, and so short that five of them,
 * escaped, stay below the limit of a line. */
#define MAX_TEXT ((size_t)4096)

static int copy_text(const char *from, char **ret)
{
    char *copy = from ? dmv_sanitize(from) : NULL;
    size_t end = MAX_TEXT;

    if (from && !copy)
        return -ENOMEM;
    if (copy && strlen(copy) > MAX_TEXT) {
        while (end > 0 && ((unsigned char)copy[end] & 0xc0) == 0x80) /* not in the middle of a character */
            end--;
        copy[end] = '\0';
    }
    *ret = copy;
    return 0;
}

static int entry_copy(const DmvHistoryEntry *e, DmvHistoryEntry *ret)
{
    DmvHistoryEntry copy = {.number = e->number, .time = e->time, .uid = e->uid, .generation = e->generation};

    if (copy_text(e->action, &copy.action) < 0 || copy_text(e->object, &copy.object) < 0 ||
        copy_text(e->outcome, &copy.outcome) < 0 || copy_text(e->detail, &copy.detail) < 0 ||
        copy_text(e->because, &copy.because) < 0) {
        dmv_history_entry_deinit(&copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

/* The line of an entry with its newline, and the hash that the next one carries. */
static int format_line(const DmvHistoryEntry *e, const char *previous, char **ret, size_t *ret_size,
                       char ret_hash[DMV_SHA256_HEX])
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *json = NULL;
    DMV_CLEANUP_TEXT DmvText line = {0};
    size_t size = 0;
    int r = entry_to_json(e, previous, &o);

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

int dmv_history_append(DmvHistory *h, DmvHistoryEntry *e, char **ret_line, size_t *ret_size)
{
    DMV_CLEANUP_FREE char *line = NULL;
    char hash[DMV_SHA256_HEX];
    DmvHistoryEntry copy = {0}, *slot = NULL;
    size_t size = 0;
    int r;

    e->number = h->last_number + 1;
    r = entry_copy(e, &copy);
    if (r == 0)
        r = format_line(&copy, h->last_hash, &line, &size, hash);
    if (r == 0)
        slot = DMV_ARRAY_ADD(h->items, h->n);
    if (!slot) {
        dmv_history_entry_deinit(&copy);
        return r < 0 ? r : -ENOMEM;
    }
    *slot = copy;
    h->last_number = e->number;
    h->good_bytes += size;
    memcpy(h->last_hash, hash, sizeof(hash));
    *ret_line = DMV_TAKE_PTR(line);
    *ret_size = size;
    return 0;
}
