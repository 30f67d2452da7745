/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: order, their stored form, and comparison. */
#include "model/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char *const kind_names[] = {[DMV_NAME_INTERFACE] = "interface", [DMV_NAME_DISK] = "disk"};
_Static_assert(DMV_N_ELEMENTS(kind_names) == DMV_NAME_MAX, "a kind has no name");

static const char *const change_names[] = {
    [DMV_NAME_RENAMED] = "renamed",
    [DMV_NAME_GONE] = "gone",
    [DMV_NAME_NEW] = "new",
    [DMV_NAME_REORDERED] = "reordered",
};
_Static_assert(DMV_N_ELEMENTS(change_names) == DMV_NAME_CHANGE_MAX, "a change has no name");

const char *dmv_name_kind_to_string(DmvNameKind k)
{
    return k >= 0 && k < DMV_NAME_MAX ? kind_names[k] : "invalid";
}

const char *dmv_name_change_to_string(DmvNameChange c)
{
    return c >= 0 && c < DMV_NAME_CHANGE_MAX ? change_names[c] : "invalid";
}

static void name_deinit(DmvName *n)
{
    free(n->slot);
    free(n->place);
    free(n->name);
    free(n->mac);
    *n = (DmvName){0};
}

void dmv_names_deinit(DmvNames *n)
{
    for (size_t i = 0; i < n->n; i++)
        name_deinit(&n->items[i]);
    free(n->items);
    *n = (DmvNames){0};
}

static int compare_names(const void *a, const void *b)
{
    const DmvName *x = a, *y = b;
    int c = (x->kind > y->kind) - (x->kind < y->kind);

    if (c == 0)
        c = dmv_strcmp0(x->slot, y->slot);
    if (c == 0)
        c = dmv_strcmp0(x->place, y->place);
    if (c == 0)
        c = dmv_strcmp0(x->name, y->name);
    if (c == 0)
        c = dmv_strcmp0(x->mac, y->mac);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

void dmv_names_sort(DmvNames *n)
{
    if (n->n > 1)
        qsort(n->items, n->n, sizeof(n->items[0]), compare_names);
}

/* ---- the stored form ---- */

static int name_to_json(const DmvName *n, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int r = dmv_json_add_string(o, "kind", dmv_name_kind_to_string(n->kind));

    if (r == 0)
        r = dmv_json_add_string(o, "slot", n->slot);
    if (r == 0)
        r = dmv_json_add_string(o, "place", n->place);
    if (r == 0)
        r = dmv_json_add_string(o, "name", n->name);
    if (r == 0)
        r = dmv_json_add_string(o, "mac", n->mac);
    if (r == 0 && n->kind == DMV_NAME_INTERFACE)
        r = dmv_json_add_int(o, "order", n->order);
    if (r == 0)
        *ret = DMV_TAKE_PTR(o);
    return r;
}

int dmv_names_to_json(const DmvNames *n, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object(), *list = json_object_new_array();
    int r = o && list ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < n->n; i++) {
        json_object *item = NULL;

        r = name_to_json(&n->items[i], &item);
        if (r == 0 && json_object_array_add(list, item) != 0) {
            json_object_put(item);
            r = -ENOMEM;
        }
    }
    if (r == 0)
        r = dmv_json_add(o, "names", DMV_TAKE_PTR(list));
    if (r == 0)
        *ret = DMV_TAKE_PTR(o);
    return r;
}

static int name_from_json(json_object *o, const char *where, DmvName *n, DmvError *reterr)
{
    const char *kind = NULL;
    const DmvJsonField fields[] = {
        {"kind", DMV_JSON_STRING, DMV_JSON_REQUIRED, &kind},
        {"slot", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &n->slot},
        {"place", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &n->place},
        {"name", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &n->name},
        {"mac", DMV_JSON_STRDUP, DMV_JSON_NON_EMPTY, &n->mac},
        {"order", DMV_JSON_INT, 0, &n->order},
    };
    int r = dmv_json_read(o, where, fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    n->kind = DMV_NAME_INVALID;
    for (int k = 0; k < DMV_NAME_MAX; k++)
        if (strcmp(kind_names[k], kind) == 0)
            n->kind = (DmvNameKind)k;
    return n->kind != DMV_NAME_INVALID && n->order >= 0
               ? 0
               : dmv_error_set(reterr, DMV_MALFORMED, "the names cannot be read", NULL,
                               "%s: kind \"%s\", order %lld", where, kind, (long long)n->order);
}

int dmv_names_from_json(json_object *o, DmvNames *ret, DmvError *reterr)
{
    DMV_CLEANUP_NAMES DmvNames all = {0};
    json_object *list = NULL;
    const DmvJsonField fields[] = {{"names", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &list}};
    int r = dmv_json_read(o, "names", fields, DMV_N_ELEMENTS(fields), false, reterr);

    for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++) {
        DMV_CLEANUP_TEXT DmvText where = {0};
        DmvName *place = DMV_ARRAY_ADD(all.items, all.n);

        dmv_text_appendf(&where, "names[%zu]", i);
        if (!place || where.error)
            return -ENOMEM;
        r = name_from_json(json_object_array_get_idx(list, i), where.data, place, reterr);
    }
    if (r != 0)
        return r;
    dmv_names_sort(&all);
    *ret = all;
    all = (DmvNames){0};
    return 0;
}

/* ---- comparison ---- */

static bool same_place(const DmvName *a, const DmvName *b)
{
    return a->kind == b->kind && dmv_streq(a->slot, b->slot) && dmv_streq(a->place, b->place);
}

static bool same_mac(const DmvName *a, const DmvName *b)
{
    return a->kind == b->kind && a->mac && b->mac && strcmp(a->mac, b->mac) == 0;
}

typedef bool (*Same)(const DmvName *a, const DmvName *b);

/* Pairs what is the same; of several at one place those of the same name first. */
static void pair(const DmvNames *before, const DmvNames *now, Same same, bool by_name, size_t *partner,
                 bool *taken)
{
    for (size_t i = 0; i < before->n; i++)
        for (size_t k = 0; partner[i] == SIZE_MAX && k < now->n; k++)
            if (!taken[k] && same(&before->items[i], &now->items[k]) &&
                (!by_name || dmv_streq(before->items[i].name, now->items[k].name))) {
                partner[i] = k;
                taken[k] = true;
            }
}

/* Does an interface that came later before come earlier now? */
static bool is_overtaken(const DmvNames *before, const DmvNames *now, const size_t *partner, size_t i)
{
    for (size_t k = 0; k < before->n; k++)
        if (partner[k] != SIZE_MAX && before->items[k].kind == DMV_NAME_INTERFACE &&
            before->items[k].order > before->items[i].order &&
            now->items[partner[k]].order < now->items[partner[i]].order)
            return true;
    return false;
}

/* Return: the change, or DMV_NAME_CHANGE_INVALID: none. */
static DmvNameChange judge(const DmvNames *before, const DmvNames *now, const size_t *partner, size_t i)
{
    if (partner[i] == SIZE_MAX)
        return DMV_NAME_GONE;
    if (!dmv_streq(before->items[i].name, now->items[partner[i]].name))
        return DMV_NAME_RENAMED;
    return before->items[i].kind == DMV_NAME_INTERFACE && is_overtaken(before, now, partner, i)
               ? DMV_NAME_REORDERED
               : DMV_NAME_CHANGE_INVALID;
}

int dmv_names_compare(const DmvNames *before, const DmvNames *now, DmvNameDifference **ret, size_t *ret_n)
{
    DMV_CLEANUP_FREE size_t *partner = calloc(before->n + 1, sizeof(*partner));
    DMV_CLEANUP_FREE bool *taken = calloc(now->n + 1, sizeof(*taken));
    DMV_CLEANUP_FREE DmvNameDifference *all = calloc(before->n + now->n + 1, sizeof(*all));
    size_t n = 0;

    if (!partner || !taken || !all)
        return -ENOMEM;
    for (size_t i = 0; i < before->n; i++)
        partner[i] = SIZE_MAX;
    pair(before, now, same_place, true, partner, taken);
    pair(before, now, same_place, false, partner, taken);
    pair(before, now, same_mac, false, partner, taken);
    for (size_t i = 0; i < before->n; i++) {
        DmvNameChange change = judge(before, now, partner, i);

        if (change != DMV_NAME_CHANGE_INVALID)
            all[n++] = (DmvNameDifference){change, &before->items[i],
                                           partner[i] == SIZE_MAX ? NULL : &now->items[partner[i]]};
    }
    for (size_t k = 0; k < now->n; k++)
        if (!taken[k])
            all[n++] = (DmvNameDifference){DMV_NAME_NEW, NULL, &now->items[k]};
    *ret = DMV_TAKE_PTR(all);
    *ret_n = n;
    return 0;
}
