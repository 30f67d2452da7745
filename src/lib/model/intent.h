/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The intent: what the admin asked for, per driver. It names what shall be, never how to get there; a driver
 * that is not in it is none of our business, and its modules stay as the host has them.
 */
#ifndef DMV_MODEL_INTENT_H
#define DMV_MODEL_INTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/text.h"

typedef enum DmvSelectionKind {
    DMV_SELECT_INBOX,       /* the kernel's own driver */
    DMV_SELECT_RECOMMENDED, /* what the catalog recommends, now and later */
    DMV_SELECT_RELEASE,     /* this variant and version */
    DMV_SELECT_MAX,
    DMV_SELECT_INVALID = -1,
} DmvSelectionKind;

typedef struct DmvSelection {
    char *driver;
    DmvSelectionKind kind;
    char *variant, *version; /* of DMV_SELECT_RELEASE */
    char *because;           /* the admin's reason, or NULL */
    bool pinned;
    char *pin_reason;  /* may be NULL */
    int64_t pin_until; /* seconds since the epoch, 0: without end */
} DmvSelection;

typedef struct DmvIntent {
    DmvSelection *items; /* sorted by driver */
    size_t n;
} DmvIntent;

void dmv_intent_deinit(DmvIntent *i);
#define DMV_CLEANUP_INTENT DMV_CLEANUP(dmv_intent_deinit)

int dmv_intent_copy(const DmvIntent *i, DmvIntent *ret);
/* The same driver, wanted to be the same? Pins and reasons do not count. Either may be NULL: nothing is
 * wanted. */
bool dmv_selection_is_same(const DmvSelection *a, const DmvSelection *b);
/* The same, with the same pin? Reasons do not count. */
bool dmv_selection_equal(const DmvSelection *a, const DmvSelection *b);
/* Same selections and pins? Reasons do not count. */
bool dmv_intent_equal(const DmvIntent *a, const DmvIntent *b);
/* Same selections? Pins and reasons do not count: they change no driver. */
bool dmv_intent_is_same(const DmvIntent *a, const DmvIntent *b);
DmvSelection *dmv_intent_find(const DmvIntent *i, const char *driver);

/**
 * dmv_intent_diff() - what lies between two intents
 * @ret_before: of @from, the drivers that @to has otherwise or has not; empty
 * @ret_after: of @to, the drivers that @from has otherwise or has not; empty
 *
 * Return: 0, or -ENOMEM (the outputs are untouched then).
 */
int dmv_intent_diff(const DmvIntent *from, const DmvIntent *to, DmvIntent *ret_before, DmvIntent *ret_after);
/* A driver becomes exactly what @s says, with its pin; NULL: it leaves the intent. @s is not of @i. Return:
 * 0, or -ENOMEM (then nothing is changed). */
int dmv_intent_put(DmvIntent *i, const char *driver, const DmvSelection *s);

/**
 * dmv_intent_select() - ask for something
 * @variant, @version: of DMV_SELECT_RELEASE, else NULL
 * @because: may be NULL
 *
 * A pin stays as it is: whether it forbids the change is the caller's question (dmv_selection_is_pinned()).
 *
 * Return: 0, or -ENOMEM (then nothing is changed).
 */
int dmv_intent_select(DmvIntent *i, const char *driver, DmvSelectionKind kind, const char *variant,
                      const char *version, const char *because);
/* Return: 0, -ENOENT if the driver is not in the intent, -ENOMEM. */
int dmv_intent_pin(DmvIntent *i, const char *driver, const char *reason, int64_t until);
int dmv_intent_unpin(DmvIntent *i, const char *driver);

/* Is there a pin that has not ended? @s may be NULL. */
bool dmv_selection_is_pinned(const DmvSelection *s, int64_t now);
/* "inbox", "recommended" or "VARIANT@VERSION"; "none" for NULL. Owned by the caller, NULL for lack of memory.
 */
char *dmv_selection_to_string(const DmvSelection *s);

/* The intent as a JSON object, and back. Return: 0; DMV_MALFORMED; -ENOMEM. */
int dmv_intent_to_json(const DmvIntent *i, json_object **ret);
int dmv_intent_from_json(json_object *o, DmvIntent *ret, DmvError *reterr);

#endif
