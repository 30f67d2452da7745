/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests: words, what makes two of them one, and finding.
 *
 * No channel sees all. libvirt knows what it has defined and not what xl(1) has started, XenStore knows what
 * runs, and a file in /etc/xen has no UUID most of the time. So one guest comes in parts, and which parts are
 * one is decided here only.
 */
#include "model/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/routes.h"

/* ---- words ---- */

/* The index of a word in a table, or -1, which is the invalid value of each of the enums. */
static int find_word(const char *const *words, int n, const char *s)
{
    for (int i = 0; s && i < n; i++)
        if (strcmp(words[i], s) == 0)
            return i;
    return -1;
}

static const char *find_name(const char *const *words, int n, int i)
{
    return i >= 0 && i < n ? words[i] : NULL;
}

static const char *const channel_kinds[DMV_CHANNEL_MAX] = {[DMV_CHANNEL_LIBVIRT] = "libvirt",
                                                           [DMV_CHANNEL_XENSTORE] = "xenstore",
                                                           [DMV_CHANNEL_HYPERVISOR] = "hypervisor",
                                                           [DMV_CHANNEL_CONFIG] = "config",
                                                           [DMV_CHANNEL_XEND] = "xend"};

static const char *const channel_states[DMV_CHANNEL_STATE_MAX] = {
    [DMV_CHANNEL_ABSENT] = "absent",     [DMV_CHANNEL_OK] = "ok",         [DMV_CHANNEL_FAILED] = "failed",
    [DMV_CHANNEL_OBSOLETE] = "obsolete", [DMV_CHANNEL_UNSAFE] = "unsafe",
};

static const char *const guest_states[DMV_GUEST_STATE_MAX] = {
    [DMV_GUEST_RUNNING] = "running",
    [DMV_GUEST_DEFINED] = "defined",
};

static const char *const backing_kinds[DMV_BACKING_MAX] = {
    [DMV_BACKING_INTERFACE] = "interface", [DMV_BACKING_BLOCK] = "block",
    [DMV_BACKING_FILE] = "file",           [DMV_BACKING_PCI] = "pci",
    [DMV_BACKING_OTHER] = "other",
};

const char *dmv_channel_kind_to_string(DmvChannelKind k)
{
    return find_name(channel_kinds, DMV_CHANNEL_MAX, k);
}

DmvChannelKind dmv_channel_kind_from_string(const char *s)
{
    return (DmvChannelKind)find_word(channel_kinds, DMV_CHANNEL_MAX, s);
}

const char *dmv_channel_state_to_string(DmvChannelState s)
{
    return find_name(channel_states, DMV_CHANNEL_STATE_MAX, s);
}

DmvChannelState dmv_channel_state_from_string(const char *s)
{
    return (DmvChannelState)find_word(channel_states, DMV_CHANNEL_STATE_MAX, s);
}

const char *dmv_guest_state_to_string(DmvGuestState s)
{
    return find_name(guest_states, DMV_GUEST_STATE_MAX, s);
}

DmvGuestState dmv_guest_state_from_string(const char *s)
{
    return (DmvGuestState)find_word(guest_states, DMV_GUEST_STATE_MAX, s);
}

const char *dmv_backing_kind_to_string(DmvBackingKind k)
{
    return find_name(backing_kinds, DMV_BACKING_MAX, k);
}

DmvBackingKind dmv_backing_kind_from_string(const char *s)
{
    return (DmvBackingKind)find_word(backing_kinds, DMV_BACKING_MAX, s);
}

static bool is_absolute_path(const char *s)
{
    size_t n = strlen(s);

    return s[0] == '/' && n < 4096 && !strstr(s, "/../") && !dmv_ends_with(s, "/..");
}

bool dmv_backing_is_valid(DmvBackingKind kind, const char *what)
{
    switch (kind) {
    case DMV_BACKING_INTERFACE:
        return dmv_interface_name_is_valid(what);
    case DMV_BACKING_BLOCK:
    case DMV_BACKING_FILE:
        return is_absolute_path(what);
    case DMV_BACKING_PCI:
        return dmv_slot_is_valid(what);
    case DMV_BACKING_OTHER:
        return what[0] != '\0';
    case DMV_BACKING_MAX:
    case DMV_BACKING_INVALID:
        break;
    }
    return false;
}

bool dmv_uuid_normalize(const char *s, char ret[DMV_UUID_SIZE])
{
    size_t n = 0, digits = 0;
    bool is_nil = true;

    for (; s && *s; s++) {
        if (*s == '-')
            continue;
        if (!strchr("0123456789abcdefABCDEF", *s) || digits == 32)
            return false;
        if (digits == 8 || digits == 12 || digits == 16 || digits == 20)
            ret[n++] = '-';
        ret[n++] = *s >= 'A' && *s <= 'F' ? (char)(*s - 'A' + 'a') : *s;
        is_nil = is_nil && *s == '0';
        digits++;
    }
    ret[n] = '\0';
    return digits == 32 && !is_nil;
}

/* ---- freeing ---- */

static void device_deinit(DmvGuestDevice *d)
{
    free(d->what);
    free(d->target);
    *d = (DmvGuestDevice){0};
}

void dmv_guest_deinit(DmvGuest *g)
{
    for (size_t i = 0; i < g->n_devices; i++)
        device_deinit(&g->devices[i]);
    free(g->devices);
    free(g->name);
    free(g->uuid);
    free(g->type);
    free(g->boot);
    *g = (DmvGuest){0};
}

void dmv_guests_deinit(DmvGuests *g)
{
    for (size_t i = 0; i < DMV_CHANNEL_MAX; i++) {
        free(g->channels[i].gave);
        free(g->channels[i].why);
    }
    for (size_t i = 0; i < g->n; i++)
        dmv_guest_deinit(&g->items[i]);
    free(g->items);
    dmv_problems_deinit(&g->problems);
    *g = (DmvGuests){0};
}

void dmv_footing_deinit(DmvFooting *f)
{
    free(f->what);
    free(f->chain);
    dmv_strv_free(f->slots);
    dmv_strv_free(f->modules);
    free(f->unknown);
    *f = (DmvFooting){0};
}

void dmv_footings_deinit(DmvFootings *f)
{
    for (size_t i = 0; i < f->n; i++)
        dmv_footing_deinit(&f->items[i]);
    free(f->items);
    *f = (DmvFootings){0};
}

/* ---- devices ---- */

static bool is_storage(DmvBackingKind k)
{
    return k == DMV_BACKING_BLOCK || k == DMV_BACKING_FILE;
}

/* What one channel could not resolve another one may have: the guest calls it the same then. Without that
 * name it is the same if it stands on the same. */
static bool is_same_device(const DmvGuestDevice *a, const DmvGuestDevice *b)
{
    bool is_same_kind = a->kind == b->kind || (is_storage(a->kind) && is_storage(b->kind));

    if (a->target && b->target && strcasecmp(a->target, b->target) != 0)
        return false;
    if (is_same_kind && strcmp(a->what, b->what) == 0)
        return true;
    return a->target && b->target && (a->kind == DMV_BACKING_OTHER || b->kind == DMV_BACKING_OTHER);
}

/* Takes what @b knows better. The node of a block device is a file, too, so the former says more. */
static void unite_devices(DmvGuestDevice *a, DmvGuestDevice *b)
{
    if (a->kind == DMV_BACKING_OTHER && b->kind != DMV_BACKING_OTHER) {
        DmvGuestDevice other = *a;

        *a = *b;
        *b = other;
    }
    if (a->kind == DMV_BACKING_FILE && b->kind == DMV_BACKING_BLOCK)
        a->kind = DMV_BACKING_BLOCK;
    if (!a->target)
        a->target = DMV_TAKE_PTR(b->target);
}

/* @d is empty afterwards, except for lack of memory. */
static int take_device(DmvGuest *g, DmvGuestDevice *d)
{
    DmvGuestDevice *place;

    for (size_t i = 0; i < g->n_devices; i++)
        if (is_same_device(&g->devices[i], d)) {
            unite_devices(&g->devices[i], d);
            device_deinit(d);
            return 0;
        }
    place = DMV_ARRAY_ADD(g->devices, g->n_devices);
    if (!place)
        return -ENOMEM;
    *place = *d;
    *d = (DmvGuestDevice){0};
    return 0;
}

int dmv_guest_add_device(DmvGuest *g, DmvBackingKind kind, const char *what, const char *target)
{
    DmvGuestDevice d = {.kind = dmv_backing_is_valid(kind, what) ? kind : DMV_BACKING_OTHER};
    int r;

    if (g->n_devices >= DMV_GUEST_DEVICES_MAX)
        return DMV_TOO_LARGE;
    d.what = dmv_sanitize(what);
    d.target = target && target[0] ? dmv_sanitize(target) : NULL;
    r = d.what && (d.target || !target || !target[0]) ? take_device(g, &d) : -ENOMEM;
    device_deinit(&d);
    return r;
}

/* ---- merging ---- */

/* Of several that tell of a guest, the one that is believed; a guest of nobody comes last. */
static int first_channel(const DmvGuest *g)
{
    return g->channels ? __builtin_ctz(g->channels) : DMV_CHANNEL_MAX;
}

static int compare_by_name(const void *a, const void *b)
{
    const DmvGuest *x = a, *y = b;
    int c = dmv_strcmp0(x->name, y->name);

    if (c == 0)
        c = dmv_strcmp0(x->uuid, y->uuid);
    return c ? c : first_channel(x) - first_channel(y);
}

static int compare_by_uuid(const void *a, const void *b)
{
    const DmvGuest *x = a, *y = b;
    int c = dmv_strcmp0(x->uuid, y->uuid);

    if (c == 0)
        c = first_channel(x) - first_channel(y);
    return c ? c : dmv_strcmp0(x->name, y->name);
}

static void take_string(char **to, char **from)
{
    if (!*to)
        *to = DMV_TAKE_PTR(*from);
}

/* A guest that was started again between two looks has two numbers, and the higher one is the newer. @b is
 * empty afterwards; what lack of memory takes away are some of its devices. */
static int unite(DmvGuest *a, DmvGuest *b)
{
    int r = 0;

    if (first_channel(b) < first_channel(a)) {
        DmvGuest other = *a;

        *a = *b;
        *b = other;
    }
    for (size_t i = 0; r == 0 && i < b->n_devices; i++)
        r = take_device(a, &b->devices[i]);
    take_string(&a->name, &b->name);
    take_string(&a->uuid, &b->uuid);
    take_string(&a->type, &b->type);
    take_string(&a->boot, &b->boot);
    if (b->state == DMV_GUEST_RUNNING)
        a->state = DMV_GUEST_RUNNING;
    if (b->id > a->id)
        a->id = b->id;
    a->channels |= b->channels;
    dmv_guest_deinit(b);
    return r;
}

/* Removes what unite() has emptied. */
static void close_gaps(DmvGuests *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].name) {
            DmvGuest moved = g->items[i];

            g->items[i] = (DmvGuest){0};
            g->items[n++] = moved;
        }
    g->n = n;
}

/* The array is sorted by UUID. */
static int unite_by_uuid(DmvGuests *g)
{
    size_t first = 0;
    int r = 0;

    for (size_t i = 1; r == 0 && i < g->n; i++) {
        if (g->items[i].uuid && dmv_streq(g->items[first].uuid, g->items[i].uuid))
            r = unite(&g->items[first], &g->items[i]);
        else
            first = i;
    }
    close_gaps(g);
    return r;
}

/* Of @n guests of one name, those without a UUID first: they are one, and the same as one that has one. Which
 * one, if there are several, is the one that runs. */
static int unite_namesakes(DmvGuest *items, size_t n)
{
    size_t n_without = 0, with;
    int r = 0;

    while (n_without < n && !items[n_without].uuid)
        n_without++;
    for (size_t i = 1; r == 0 && i < n_without; i++)
        r = unite(&items[0], &items[i]);
    if (r < 0 || n_without == 0 || n_without == n)
        return r;
    with = n_without;
    while (with < n && items[with].state != DMV_GUEST_RUNNING)
        with++;
    return unite(&items[with < n ? with : n_without], &items[0]);
}

/* The array is sorted by name. */
static int unite_by_name(DmvGuests *g)
{
    int r = 0;

    for (size_t i = 0, n; r == 0 && i < g->n; i += n) {
        for (n = 1; i + n < g->n && dmv_streq(g->items[i].name, g->items[i + n].name); n++)
            ;
        r = unite_namesakes(&g->items[i], n);
    }
    close_gaps(g);
    return r;
}

static void sort(DmvGuests *g, int (*compare)(const void *a, const void *b))
{
    if (g->n > 1)
        qsort(g->items, g->n, sizeof(*g->items), compare);
}

static void take_channels(DmvGuests *g, DmvGuests *from)
{
    for (int k = 0; k < DMV_CHANNEL_MAX; k++) {
        DmvChannel *to = &g->channels[k], *c = &from->channels[k];

        to->kind = (DmvChannelKind)k;
        if (c->state == DMV_CHANNEL_ABSENT && !c->gave && !c->why)
            continue;
        free(to->gave);
        free(to->why);
        *to = *c;
        to->kind = (DmvChannelKind)k;
        *c = (DmvChannel){0};
    }
}

static int take_problems(DmvProblems *to, DmvProblems *from)
{
    for (size_t i = 0; i < from->n; i++) {
        DmvProblem *p = DMV_ARRAY_ADD(to->items, to->n);

        if (!p)
            return -ENOMEM;
        *p = from->items[i];
        from->items[i] = (DmvProblem){0};
    }
    return 0;
}

static int take_guests(DmvGuests *g, DmvGuests *from)
{
    for (size_t i = 0; i < from->n; i++) {
        DmvGuest *place = DMV_ARRAY_ADD(g->items, g->n);

        if (!place)
            return -ENOMEM;
        *place = from->items[i];
        from->items[i] = (DmvGuest){0};
    }
    return 0;
}

int dmv_guests_merge(DmvGuests *g, DmvGuests *from)
{
    int r = take_problems(&g->problems, &from->problems);

    take_channels(g, from);
    if (r == 0)
        r = take_guests(g, from);
    dmv_guests_deinit(from);
    sort(g, compare_by_uuid);
    if (r == 0)
        r = unite_by_uuid(g);
    sort(g, compare_by_name);
    if (r == 0)
        r = unite_by_name(g);
    sort(g, compare_by_name);
    return r;
}

/* ---- channels of a list ---- */

int dmv_guests_set_channel(DmvGuests *g, DmvChannelKind kind, DmvChannelState state, const char *why)
{
    DmvChannel *c = &g->channels[kind];

    c->kind = kind;
    c->state = state;
    return dmv_set_string(&c->why, why);
}

bool dmv_guests_know_running(const DmvGuests *g)
{
    return g->channels[DMV_CHANNEL_XENSTORE].state == DMV_CHANNEL_OK ||
           g->channels[DMV_CHANNEL_LIBVIRT].state == DMV_CHANNEL_OK;
}

void dmv_guests_collect_problems(const DmvGuests *g, DmvProblems *to)
{
    for (int k = 0; k < DMV_CHANNEL_MAX; k++)
        if (g->channels[k].state == DMV_CHANNEL_FAILED)
            (void)dmv_problem_add(to, dmv_channel_kind_to_string((DmvChannelKind)k), DMV_GUESTS_UNKNOWN,
                                  "guests that only this channel knows are left out: %s",
                                  g->channels[k].why ? g->channels[k].why : "it gave nothing");
    for (size_t i = 0; i < g->problems.n; i++)
        (void)dmv_problem_add(to, g->problems.items[i].object, g->problems.items[i].code, "%s",
                              g->problems.items[i].why);
}

/* ---- finding ---- */

const DmvGuest *dmv_guests_find(const DmvGuests *g, const char *name)
{
    char uuid[DMV_UUID_SIZE];
    bool is_uuid = dmv_uuid_normalize(name, uuid);

    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->items[i].name, name) == 0)
            return &g->items[i];
    for (size_t i = 0; is_uuid && i < g->n; i++)
        if (dmv_streq(g->items[i].uuid, uuid))
            return &g->items[i];
    return NULL;
}

static int compare_footing(const void *key, const void *item)
{
    const DmvGuestDevice *d = key;
    const DmvFooting *f = item;

    return d->kind != f->kind ? (int)d->kind - (int)f->kind : strcmp(d->what, f->what);
}

const DmvFooting *dmv_footings_find(const DmvFootings *f, const DmvGuestDevice *d)
{
    return f->n > 0 ? bsearch(d, f->items, f->n, sizeof(*f->items), compare_footing) : NULL;
}
