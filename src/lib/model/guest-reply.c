/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reply of io.dmv.Guest.Read(): both directions in one file, so that they stay in step. */
#include "model/guest-reply.h"

#include <errno.h>
#include <string.h>

#include "base/jsonbuild.h"
#include "base/text.h"
#include "model/render.h"

#define WHAT "the guest worker's reply cannot be read"

/* ---- writing ---- */

static json_object *render_devices(const DmvGuest *g)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < g->n_devices; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "kind", dmv_backing_kind_to_string(g->devices[i].kind));
        dmv_jb_string(&b, "what", g->devices[i].what);
        dmv_jb_string(&b, "target", g->devices[i].target);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static json_object *render_guest(const DmvGuest *g)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "name", g->name);
    dmv_jb_string(&b, "uuid", g->uuid);
    if (g->id >= 0)
        dmv_jb_int(&b, "id", g->id);
    dmv_jb_string(&b, "state", dmv_guest_state_to_string(g->state));
    dmv_jb_string(&b, "type", g->type);
    dmv_jb_string(&b, "boot", g->boot);
    dmv_jb_value(&b, "devices", render_devices(g));
    return dmv_jb_end(&b);
}

json_object *dmv_guest_reply_render(const DmvGuests *g, DmvChannelKind kind)
{
    const DmvChannel *c = &g->channels[kind];
    DmvJsonBuilder b = {0}, guests = {0};

    dmv_jb_array(&guests);
    for (size_t i = 0; i < g->n; i++)
        dmv_jb_add(&guests, render_guest(&g->items[i]));
    dmv_jb_object(&b);
    dmv_jb_string(&b, "state", dmv_channel_state_to_string(c->state));
    dmv_jb_string(&b, "gave", c->gave);
    dmv_jb_string(&b, "why", c->why);
    dmv_jb_value(&b, "guests", dmv_jb_end(&guests));
    dmv_jb_value(&b, "problems", dmv_render_problems(&g->problems));
    return dmv_jb_end(&b);
}

/* ---- reading ---- */

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "%s", why);
}

static int too_large(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL, "%s", why);
}

/* All words together, NULL for one that is not there. Return: 0; DMV_MALFORMED; -ENOMEM. */
static int check_printable(const char *const *words, size_t n, DmvError *reterr)
{
    for (size_t i = 0; i < n; i++) {
        DMV_CLEANUP_FREE char *shown = words[i] ? dmv_sanitize(words[i]) : NULL;

        if (words[i] && !shown)
            return -ENOMEM;
        if (words[i] && strcmp(shown, words[i]) != 0)
            return malformed(reterr, "it has words that are not printable");
    }
    return 0;
}

static int read_device(json_object *o, DmvGuestDevice *d, DmvError *reterr)
{
    const char *kind = NULL;
    const DmvJsonField fields[] = {
        {"kind", DMV_JSON_STRING, DMV_JSON_REQUIRED, &kind},
        {"what", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &d->what},
        {"target", DMV_JSON_STRDUP, DMV_JSON_NON_EMPTY, &d->target},
    };
    int r = dmv_json_read(o, "devices[]", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    d->kind = dmv_backing_kind_from_string(kind);
    if (d->kind == DMV_BACKING_INVALID || !dmv_backing_is_valid(d->kind, d->what))
        return malformed(reterr, "a device stands on what cannot be");
    return check_printable((const char *const[]){d->what, d->target}, 2, reterr);
}

static int read_devices(json_object *list, DmvGuest *g, DmvError *reterr)
{
    size_t n = json_object_array_length(list);
    int r = 0;

    if (n > DMV_GUEST_DEVICES_MAX)
        return too_large(reterr, "a guest has too many devices");
    for (size_t i = 0; r == 0 && i < n; i++) {
        DmvGuestDevice *d = DMV_ARRAY_ADD(g->devices, g->n_devices);

        r = d ? read_device(json_object_array_get_idx(list, i), d, reterr) : -ENOMEM;
    }
    return r;
}

static int check_guest(const DmvGuest *g, DmvError *reterr)
{
    char uuid[DMV_UUID_SIZE];

    if (g->uuid && (!dmv_uuid_normalize(g->uuid, uuid) || strcmp(uuid, g->uuid) != 0))
        return malformed(reterr, "a guest has a UUID in another form");
    if (g->id < -1 || g->id == 0)
        return malformed(reterr, "a guest has a number that none has");
    if (g->state == DMV_GUEST_STATE_INVALID)
        return malformed(reterr, "a guest is in no known state");
    return check_printable((const char *const[]){g->name, g->type, g->boot}, 3, reterr);
}

static int read_guest(json_object *o, DmvChannelKind kind, DmvGuest *g, DmvError *reterr)
{
    const char *state = NULL;
    json_object *devices = NULL;
    const DmvJsonField fields[] = {
        {"name", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &g->name},
        {"uuid", DMV_JSON_STRDUP, 0, &g->uuid},
        {"id", DMV_JSON_INT, 0, &g->id},
        {"state", DMV_JSON_STRING, DMV_JSON_REQUIRED, &state},
        {"type", DMV_JSON_STRDUP, 0, &g->type},
        {"boot", DMV_JSON_STRDUP, 0, &g->boot},
        {"devices", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &devices},
    };
    int r;

    g->id = -1;
    g->channels = 1u << kind;
    r = dmv_json_read(o, "guests[]", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r != 0)
        return r;
    g->state = dmv_guest_state_from_string(state);
    r = check_guest(g, reterr);
    return r == 0 ? read_devices(devices, g, reterr) : r;
}

static int read_guests(json_object *list, DmvChannelKind kind, DmvGuests *g, DmvError *reterr)
{
    size_t n = json_object_array_length(list);
    int r = 0;

    if (n > DMV_GUESTS_MAX)
        return too_large(reterr, "there are too many guests");
    for (size_t i = 0; r == 0 && i < n; i++) {
        DmvGuest *x = DMV_ARRAY_ADD(g->items, g->n);

        r = x ? read_guest(json_object_array_get_idx(list, i), kind, x, reterr) : -ENOMEM;
    }
    return r;
}

static int read_problem(json_object *o, DmvProblems *p, DmvError *reterr)
{
    const char *object = NULL, *reason = NULL, *why = NULL;
    const DmvJsonField fields[] = {
        {"object", DMV_JSON_STRING, DMV_JSON_REQUIRED, &object},
        {"reason", DMV_JSON_STRING, DMV_JSON_REQUIRED, &reason},
        {"why", DMV_JSON_STRING, DMV_JSON_REQUIRED, &why},
    };
    int r = dmv_json_read(o, "problems[]", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0)
        r = check_printable((const char *const[]){object, why}, 2, reterr);
    if (r == 0)
        (void)dmv_problem_add(p, object, dmv_outcome_from_reason(reason), "%s", why);
    return r;
}

static int read_problems(json_object *list, DmvProblems *p, DmvError *reterr)
{
    size_t n = json_object_array_length(list);
    int r = 0;

    if (n > DMV_GUESTS_MAX)
        return too_large(reterr, "there are too many problems");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_problem(json_object_array_get_idx(list, i), p, reterr);
    return r;
}

static int read_reply(json_object *reply, DmvChannelKind kind, DmvGuests *g, DmvError *reterr)
{
    DmvChannel *c = &g->channels[kind];
    const char *state = NULL;
    json_object *guests = NULL, *problems = NULL;
    const DmvJsonField fields[] = {
        {"state", DMV_JSON_STRING, DMV_JSON_REQUIRED, &state},
        {"gave", DMV_JSON_STRDUP, 0, &c->gave},
        {"why", DMV_JSON_STRDUP, 0, &c->why},
        {"guests", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &guests},
        {"problems", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &problems},
    };
    int r = dmv_json_read(reply, "reply", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    c->kind = kind;
    c->state = dmv_channel_state_from_string(state);
    if (c->state == DMV_CHANNEL_STATE_INVALID)
        return malformed(reterr, "the channel is in no known state");
    r = check_printable((const char *const[]){c->gave, c->why}, 2, reterr);
    if (r == 0)
        r = read_guests(guests, kind, g, reterr);
    return r == 0 ? read_problems(problems, &g->problems, reterr) : r;
}

int dmv_guest_reply_read(json_object *reply, DmvChannelKind kind, DmvGuests *ret, DmvError *reterr)
{
    DMV_CLEANUP_GUESTS DmvGuests fresh = {0};
    int r = read_reply(reply, kind, &fresh, reterr);

    if (r != 0)
        return r;
    *ret = fresh;
    fresh = (DmvGuests){0};
    return 0;
}
