/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The intent: what the admin asked for.
 *
 * Kept apart from what is installed or planned, so that it survives both: a selection whose release has
 * vanished is still the selection, and status says that it cannot be met.
 */
#include "model/intent.h"

#include <errno.h>
#include <string.h>

static const char *const kind_table[] = {
    [DMV_SELECT_INBOX] = "inbox",
    [DMV_SELECT_RECOMMENDED] = "recommended",
    [DMV_SELECT_RELEASE] = "release",
};
_Static_assert(DMV_N_ELEMENTS(kind_table) == DMV_SELECT_MAX, "a kind of selection has no name");

static void selection_deinit(DmvSelection *s)
{
    free(s->driver);
    free(s->variant);
    free(s->version);
    free(s->because);
    free(s->pin_reason);
    *s = (DmvSelection){0};
}

void dmv_intent_deinit(DmvIntent *i)
{
    for (size_t k = 0; k < i->n; k++)
        selection_deinit(&i->items[k]);
    free(i->items);
    *i = (DmvIntent){0};
}

static int selection_copy(const DmvSelection *s, DmvSelection *ret)
{
    ret->kind = s->kind;
    ret->pinned = s->pinned;
    ret->pin_until = s->pin_until;
    if (dmv_set_string(&ret->driver, s->driver) < 0 || dmv_set_string(&ret->variant, s->variant) < 0 ||
        dmv_set_string(&ret->version, s->version) < 0 || dmv_set_string(&ret->because, s->because) < 0 ||
        dmv_set_string(&ret->pin_reason, s->pin_reason) < 0)
        return -ENOMEM;
    return 0;
}

int dmv_intent_copy(const DmvIntent *i, DmvIntent *ret)
{
    DMV_CLEANUP_INTENT DmvIntent copy = {0};

    for (size_t k = 0; k < i->n; k++) {
        DmvSelection *s = DMV_ARRAY_ADD(copy.items, copy.n);

        if (!s || selection_copy(&i->items[k], s) < 0)
            return -ENOMEM;
    }
    *ret = copy;
    copy = (DmvIntent){0};
    return 0;
}

bool dmv_selection_is_same(const DmvSelection *a, const DmvSelection *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a->driver, b->driver) == 0 && a->kind == b->kind && dmv_streq(a->variant, b->variant) &&
           dmv_streq(a->version, b->version);
}

bool dmv_selection_equal(const DmvSelection *a, const DmvSelection *b)
{
    return dmv_selection_is_same(a, b) && (!a || (a->pinned == b->pinned && a->pin_until == b->pin_until));
}

static bool compare(const DmvIntent *a, const DmvIntent *b,
                    bool (*equal)(const DmvSelection *, const DmvSelection *))
{
    if (a->n != b->n)
        return false;
    for (size_t k = 0; k < a->n; k++)
        if (!equal(&a->items[k], &b->items[k]))
            return false;
    return true;
}

bool dmv_intent_equal(const DmvIntent *a, const DmvIntent *b)
{
    return compare(a, b, dmv_selection_equal);
}

bool dmv_intent_is_same(const DmvIntent *a, const DmvIntent *b)
{
    return compare(a, b, dmv_selection_is_same);
}

DmvSelection *dmv_intent_find(const DmvIntent *i, const char *driver)
{
    for (size_t k = 0; k < i->n; k++)
        if (strcmp(i->items[k].driver, driver) == 0)
            return &i->items[k];
    return NULL;
}

/* The selections of @i that @other does not have just so. */
static int subtract(const DmvIntent *i, const DmvIntent *other, DmvIntent *ret)
{
    DMV_CLEANUP_INTENT DmvIntent rest = {0};

    for (size_t k = 0; k < i->n; k++) {
        DmvSelection *s;

        if (dmv_selection_equal(&i->items[k], dmv_intent_find(other, i->items[k].driver)))
            continue;
        s = DMV_ARRAY_ADD(rest.items, rest.n);
        if (!s || selection_copy(&i->items[k], s) < 0)
            return -ENOMEM;
    }
    *ret = rest;
    rest = (DmvIntent){0};
    return 0;
}

int dmv_intent_diff(const DmvIntent *from, const DmvIntent *to, DmvIntent *ret_before, DmvIntent *ret_after)
{
    DmvIntent before = {0};
    int r = subtract(from, to, &before);

    if (r == 0)
        r = subtract(to, from, ret_after);
    if (r < 0) {
        dmv_intent_deinit(&before);
        return r;
    }
    *ret_before = before;
    return 0;
}

/* The selection of a driver, made (as inbox) and put in its place if it is missing. */
static DmvSelection *obtain(DmvIntent *i, const char *driver)
{
    DmvSelection *s = dmv_intent_find(i, driver), fresh = {0};
    size_t at = 0;

    if (s)
        return s;
    if (dmv_set_string(&fresh.driver, driver) < 0)
        return NULL;
    if (!DMV_ARRAY_ADD(i->items, i->n)) {
        selection_deinit(&fresh);
        return NULL;
    }
    while (at + 1 < i->n && strcmp(i->items[at].driver, driver) < 0)
        at++;
    memmove(&i->items[at + 1], &i->items[at], (i->n - 1 - at) * sizeof(i->items[0]));
    i->items[at] = fresh;
    return &i->items[at];
}

int dmv_intent_select(DmvIntent *i, const char *driver, DmvSelectionKind kind, const char *variant,
                      const char *version, const char *because)
{
    DMV_CLEANUP_FREE char *v = variant ? strdup(variant) : NULL;
    DMV_CLEANUP_FREE char *x = version ? strdup(version) : NULL;
    DMV_CLEANUP_FREE char *b = because ? strdup(because) : NULL;
    DmvSelection *s;

    if ((variant && !v) || (version && !x) || (because && !b) || !(s = obtain(i, driver)))
        return -ENOMEM;
    free(s->variant);
    free(s->version);
    free(s->because);
    s->kind = kind;
    s->variant = DMV_TAKE_PTR(v);
    s->version = DMV_TAKE_PTR(x);
    s->because = DMV_TAKE_PTR(b);
    return 0;
}

int dmv_intent_pin(DmvIntent *i, const char *driver, const char *reason, int64_t until)
{
    DmvSelection *s = dmv_intent_find(i, driver);

    if (!s)
        return -ENOENT;
    if (dmv_set_string(&s->pin_reason, reason) < 0)
        return -ENOMEM;
    s->pinned = true;
    s->pin_until = until;
    return 0;
}

int dmv_intent_unpin(DmvIntent *i, const char *driver)
{
    DmvSelection *s = dmv_intent_find(i, driver);

    if (!s)
        return -ENOENT;
    (void)dmv_set_string(&s->pin_reason, NULL);
    s->pinned = false;
    s->pin_until = 0;
    return 0;
}

int dmv_intent_put(DmvIntent *i, const char *driver, const DmvSelection *s)
{
    DmvSelection *old = dmv_intent_find(i, driver), fresh = {0};

    if (!s) {
        if (old) {
            selection_deinit(old);
            memmove(old, old + 1, (size_t)(&i->items[--i->n] - old) * sizeof(*old));
        }
        return 0;
    }
    if (selection_copy(s, &fresh) < 0 || !(old = obtain(i, driver))) {
        selection_deinit(&fresh);
        return -ENOMEM;
    }
    selection_deinit(old);
    *old = fresh;
    return 0;
}

bool dmv_selection_is_pinned(const DmvSelection *s, int64_t now)
{
    return s && s->pinned && (s->pin_until == 0 || now < s->pin_until);
}

char *dmv_selection_to_string(const DmvSelection *s)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    char *ret = NULL;

    if (!s)
        dmv_text_append(&t, "none");
    else if (s->kind == DMV_SELECT_RELEASE)
        dmv_text_appendf(&t, "%s@%s", s->variant, s->version);
    else
        dmv_text_append(&t, kind_table[s->kind]);
    return dmv_text_take(&t, &ret, NULL) == 0 ? ret : NULL;
}

static int selection_to_json(const DmvSelection *s, json_object *array)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int r;

    if (!o)
        return -ENOMEM;
    r = dmv_json_add_string(o, "driver", s->driver);
    if (r == 0)
        r = dmv_json_add_string(o, "select", kind_table[s->kind]);
    if (r == 0)
        r = dmv_json_add_string(o, "variant", s->variant);
    if (r == 0)
        r = dmv_json_add_string(o, "version", s->version);
    if (r == 0)
        r = dmv_json_add_string(o, "because", s->because);
    if (r == 0 && s->pinned) {
        r = dmv_json_add_bool(o, "pinned", true);
        if (r == 0)
            r = dmv_json_add_string(o, "pin_reason", s->pin_reason);
        if (r == 0 && s->pin_until > 0)
            r = dmv_json_add_int(o, "pin_until", s->pin_until);
    }
    if (r == 0 && json_object_array_add(array, o) < 0)
        r = -ENOMEM;
    if (r == 0)
        o = NULL;
    return r;
}

int dmv_intent_to_json(const DmvIntent *i, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    json_object *drivers = json_object_new_array();
    int r = dmv_json_add(o, "drivers", drivers);

    for (size_t k = 0; r == 0 && k < i->n; k++)
        r = selection_to_json(&i->items[k], drivers);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

/* Rules that the types cannot say: which members a kind of selection, and a pin, has. */
static int selection_check(const DmvSelection *s, const char *select, DmvError *reterr)
{
    bool release = s->kind == DMV_SELECT_RELEASE;

    if (s->kind == DMV_SELECT_INVALID)
        return dmv_error_set(reterr, DMV_MALFORMED, "the intent cannot be read", NULL,
                             "unknown selection \"%s\"", select);
    if (!dmv_name_is_valid(s->driver) ||
        (release && (!dmv_name_is_valid(s->variant) || !dmv_name_is_valid(s->version))))
        return dmv_error_set(reterr, DMV_MALFORMED, "the intent cannot be read", NULL,
                             "a name is missing or invalid");
    if (!release && (s->variant || s->version))
        return dmv_error_set(reterr, DMV_MALFORMED, "the intent cannot be read", NULL,
                             "\"%s\" has no variant or version", select);
    if (!s->pinned && (s->pin_reason || s->pin_until != 0))
        return dmv_error_set(reterr, DMV_MALFORMED, "the intent cannot be read", NULL,
                             "\"%s\" has the reason or the end of a pin that is not there", s->driver);
    return 0;
}

static int selection_from_json(json_object *o, DmvIntent *intent, DmvError *reterr)
{
    DmvSelection *s = DMV_ARRAY_ADD(intent->items, intent->n);
    const char *select = NULL;
    int r;

    if (!s)
        return -ENOMEM;
    s->kind = DMV_SELECT_INVALID;
    {
        const DmvJsonField fields[] = {
            {"driver", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &s->driver},
            {"select", DMV_JSON_STRING, DMV_JSON_REQUIRED, &select},
            {"variant", DMV_JSON_STRDUP, 0, &s->variant},
            {"version", DMV_JSON_STRDUP, 0, &s->version},
            {"because", DMV_JSON_STRDUP, 0, &s->because},
            {"pinned", DMV_JSON_BOOL, 0, &s->pinned},
            {"pin_reason", DMV_JSON_STRDUP, 0, &s->pin_reason},
            {"pin_until", DMV_JSON_INT, 0, &s->pin_until},
        };

        r = dmv_json_read(o, "drivers[]", fields, DMV_N_ELEMENTS(fields), false, reterr);
    }
    if (r != 0)
        return r;
    for (int k = 0; k < DMV_SELECT_MAX; k++)
        if (strcmp(kind_table[k], select) == 0)
            s->kind = (DmvSelectionKind)k;
    r = selection_check(s, select, reterr);
    if (r == 0 && intent->n > 1 && strcmp(intent->items[intent->n - 2].driver, s->driver) >= 0)
        r = dmv_error_set(reterr, DMV_MALFORMED, "the intent cannot be read", NULL,
                          "the drivers are not sorted, or \"%s\" is there twice", s->driver);
    return r;
}

int dmv_intent_from_json(json_object *o, DmvIntent *ret, DmvError *reterr)
{
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    json_object *drivers = NULL;
    const DmvJsonField fields[] = {{"drivers", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &drivers}};
    int r = dmv_json_read(o, "intent", fields, DMV_N_ELEMENTS(fields), true, reterr);

    for (size_t k = 0; r == 0 && k < json_object_array_length(drivers); k++)
        r = selection_from_json(json_object_array_get_idx(drivers, k), &intent, reterr);
    if (r != 0)
        return r;
    *ret = intent;
    intent = (DmvIntent){0};
    return 0;
}
