/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stopping guests: the order, and its memory on the disk. */
#include "model/guest-stop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FORMAT "dmv-guests-1"
#define WHAT "the memory of saved guests cannot be read"
/* A guest that uses a guest that uses ... A circle, which Xen does not allow, ends here, too. */
#define MAX_RANK 16u

static const DmvJsonLimits limits = {
    .size = DMV_GUEST_STOPS_MAX_BYTES, .depth = 4, .nodes = 5 * DMV_GUESTS_MAX + 16, .plain_integers = true};

static const char *const fates[DMV_GUEST_FATE_MAX] = {
    [DMV_GUEST_RUNS] = "runs",   [DMV_GUEST_STOPPED] = "stopped",   [DMV_GUEST_SAVING] = "saving",
    [DMV_GUEST_SAVED] = "saved", [DMV_GUEST_RESTORED] = "restored", [DMV_GUEST_LOST] = "lost",
};

const char *dmv_guest_fate_to_string(DmvGuestFate f)
{
    return f >= 0 && f < DMV_GUEST_FATE_MAX ? fates[f] : NULL;
}

DmvGuestFate dmv_guest_fate_from_string(const char *s)
{
    for (int f = 0; s && f < DMV_GUEST_FATE_MAX; f++)
        if (strcmp(fates[f], s) == 0)
            return (DmvGuestFate)f;
    return DMV_GUEST_FATE_INVALID;
}

static void stop_deinit(DmvGuestStop *s)
{
    free(s->name);
    free(s->uuid);
    free(s->why);
    *s = (DmvGuestStop){0};
}

void dmv_guest_stops_deinit(DmvGuestStops *s)
{
    for (size_t i = 0; i < s->n; i++)
        stop_deinit(&s->items[i]);
    free(s->items);
    *s = (DmvGuestStops){0};
}

const char *dmv_guest_stop_key(const DmvGuestStop *s)
{
    return s->uuid ? s->uuid : s->name;
}

/* ---- the order ---- */

/* A running guest, and after how many others it goes at least. */
typedef struct Ranked {
    const DmvGuest *guest;
    unsigned rank;
} Ranked;

/* The domain that has the backend of a device: "domain 5" by XenStore, "domain storage" by libvirt. */
static const char *backend_of(const DmvGuestDevice *d)
{
    static const char prefix[] = "domain ";

    return d->kind == DMV_BACKING_OTHER && dmv_starts_with(d->what, prefix) ? d->what + strlen(prefix) : NULL;
}

static Ranked *find_backend(Ranked *items, size_t n, const char *domain)
{
    uint64_t id = 0;
    bool is_number = dmv_parse_u64(domain, INT32_MAX, &id) == 0;

    for (size_t i = 0; i < n; i++)
        if ((is_number && items[i].guest->id == (int64_t)id) || strcmp(items[i].guest->name, domain) == 0)
            return &items[i];
    return NULL;
}

/* Whose backends @x uses goes later. Return: something has moved. */
static bool push_backends(Ranked *items, size_t n, const Ranked *x)
{
    bool moved = false;

    for (size_t d = 0; d < x->guest->n_devices; d++) {
        const char *domain = backend_of(&x->guest->devices[d]);
        Ranked *backend = domain ? find_backend(items, n, domain) : NULL;

        if (backend && backend != x && backend->rank <= x->rank && x->rank < MAX_RANK) {
            backend->rank = x->rank + 1;
            moved = true;
        }
    }
    return moved;
}

static int compare_ranked(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->guest->name, y->guest->name);
}

static void order(Ranked *items, size_t n)
{
    bool moved = true;

    while (moved) {
        moved = false;
        for (size_t i = 0; i < n; i++)
            moved = push_backends(items, n, &items[i]) || moved;
    }
    if (n > 1)
        qsort(items, n, sizeof(*items), compare_ranked);
}

static bool has_function(const DmvGuest *g)
{
    for (size_t i = 0; i < g->n_devices; i++)
        if (g->devices[i].kind == DMV_BACKING_PCI)
            return true;
    return false;
}

static int add_stop(DmvGuestStops *s, const DmvGuest *g, bool save)
{
    DmvGuestStop *x = DMV_ARRAY_ADD(s->items, s->n);

    if (!x)
        return -ENOMEM;
    x->save = save && !has_function(g);
    x->fate = DMV_GUEST_RUNS;
    return dmv_set_string(&x->name, g->name) < 0 || dmv_set_string(&x->uuid, g->uuid) < 0 ? -ENOMEM : 0;
}

int dmv_guest_stops_plan(const DmvGuests *g, bool save, DmvGuestStops *ret)
{
    DMV_CLEANUP_FREE Ranked *items = calloc(g->n + 1, sizeof(*items));
    size_t n = 0;
    int r = 0;

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].state == DMV_GUEST_RUNNING)
            items[n++].guest = &g->items[i];
    order(items, n);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_stop(ret, items[i].guest, save);
    return r;
}

static bool has_stop(const DmvGuestStop *items, size_t n, const DmvGuestStop *s)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].uuid && s->uuid ? strcmp(items[i].uuid, s->uuid) == 0
                                     : strcmp(items[i].name, s->name) == 0)
            return true;
    return false;
}

int dmv_guest_stops_keep(DmvGuestStops *s, DmvGuestStops *earlier)
{
    size_t n = s->n;

    for (size_t i = 0; i < earlier->n; i++) {
        DmvGuestStop *x;

        if (has_stop(s->items, n, &earlier->items[i]))
            continue;
        x = DMV_ARRAY_ADD(s->items, s->n);
        if (!x)
            return -ENOMEM;
        *x = earlier->items[i];
        earlier->items[i] = (DmvGuestStop){0};
    }
    dmv_guest_stops_deinit(earlier);
    return 0;
}

/* ---- its memory ---- */

static bool is_remembered(const DmvGuestStop *s)
{
    return s->fate == DMV_GUEST_SAVING || s->fate == DMV_GUEST_SAVED;
}

int dmv_guest_stops_to_json(const DmvGuestStops *s, json_object **ret)
{
    DmvJsonBuilder b = {0}, list = {0};
    size_t n = 0;

    dmv_jb_array(&list);
    for (size_t i = 0; i < s->n; i++) {
        DmvJsonBuilder x = {0};

        if (!is_remembered(&s->items[i]))
            continue;
        n++;
        dmv_jb_object(&x);
        dmv_jb_string(&x, "name", s->items[i].name);
        dmv_jb_string(&x, "uuid", s->items[i].uuid);
        dmv_jb_string(&x, "fate", dmv_guest_fate_to_string(s->items[i].fate));
        dmv_jb_add(&list, dmv_jb_end(&x));
    }
    dmv_jb_object(&b);
    dmv_jb_string(&b, "format", FORMAT);
    dmv_jb_value(&b, "guests", dmv_jb_end(&list));
    *ret = dmv_jb_end(&b);
    if (!*ret)
        return -ENOMEM;
    if (n > 0)
        return 0;
    json_object_put(*ret);
    *ret = NULL;
    return 0;
}

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "%s", why);
}

static int read_stop(json_object *o, DmvGuestStop *s, DmvError *reterr)
{
    const char *fate = NULL;
    char uuid[DMV_UUID_SIZE];
    const DmvJsonField fields[] = {
        {"name", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &s->name},
        {"uuid", DMV_JSON_STRDUP, 0, &s->uuid},
        {"fate", DMV_JSON_STRING, DMV_JSON_REQUIRED, &fate},
    };
    int r = dmv_json_read(o, "guests[]", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    s->save = true;
    s->fate = dmv_guest_fate_from_string(fate);
    if (!is_remembered(s))
        return malformed(reterr, "a guest was not saved");
    if (s->uuid && (!dmv_uuid_normalize(s->uuid, uuid) || strcmp(uuid, s->uuid) != 0))
        return malformed(reterr, "a guest has a UUID in another form");
    return 0;
}

static int read_stops(json_object *o, DmvGuestStops *s, DmvError *reterr)
{
    const char *format = NULL;
    json_object *guests = NULL;
    const DmvJsonField fields[] = {
        {"format", DMV_JSON_STRING, DMV_JSON_REQUIRED, &format},
        {"guests", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &guests},
    };
    int r = dmv_json_read(o, "file", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0 && strcmp(format, FORMAT) != 0)
        r = malformed(reterr, "its format is another one");
    for (size_t i = 0; r == 0 && i < json_object_array_length(guests); i++) {
        DmvGuestStop *x = DMV_ARRAY_ADD(s->items, s->n);

        r = x ? read_stop(json_object_array_get_idx(guests, i), x, reterr) : -ENOMEM;
    }
    return r;
}

int dmv_guest_stops_parse(const char *data, size_t size, DmvGuestStops *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops fresh = {0};
    int r = dmv_json_parse(data, size, &limits, &o, reterr);

    if (r == 0)
        r = read_stops(o, &fresh, reterr);
    if (r != 0)
        return r;
    *ret = fresh;
    fresh = (DmvGuestStops){0};
    return 0;
}

/* ---- for people ---- */

void dmv_render_guest_stops(DmvJsonBuilder *b, const DmvGuestStops *s)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < s->n; i++) {
        DmvJsonBuilder x = {0};

        dmv_jb_object(&x);
        dmv_jb_string(&x, "name", s->items[i].name);
        dmv_jb_string(&x, "uuid", s->items[i].uuid);
        dmv_jb_string(&x, "fate", dmv_guest_fate_to_string(s->items[i].fate));
        dmv_jb_string(&x, "why", s->items[i].why);
        dmv_jb_add(&list, dmv_jb_end(&x));
    }
    dmv_jb_value(b, "guests", dmv_jb_end(&list));
}
