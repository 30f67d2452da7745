/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names: which interface and which disk the kernel has at which place of the hardware. Another driver may
 * find the same ports under other names or in another order, and what is configured by name is then another
 * card.
 */
#ifndef DMV_MODEL_NAMES_H
#define DMV_MODEL_NAMES_H

#include "base/json.h"
#include "base/text.h"

typedef enum DmvNameKind {
    DMV_NAME_INTERFACE,
    DMV_NAME_DISK,
    DMV_NAME_MAX,
    DMV_NAME_INVALID = -1,
} DmvNameKind;
/* "interface", "disk". */
const char *dmv_name_kind_to_string(DmvNameKind k);

typedef struct DmvName {
    DmvNameKind kind;
    char *slot;    /* PCI function */
    char *place;   /* where on it: "port-0" of a card, "ata-2", "scsi-0:1:0", "nvme-1"; "" where there is only
                      one */
    char *name;    /* "eth0", "sda" */
    char *mac;     /* permanent MAC of an interface; NULL: not known, or a disk */
    int64_t order; /* rank of an interface among all, as the kernel made them; 0 of a disk */
} DmvName;

typedef struct DmvNames {
    DmvName *items; /* sorted by kind, slot, place, name */
    size_t n;
} DmvNames;

void dmv_names_deinit(DmvNames *n);
#define DMV_CLEANUP_NAMES DMV_CLEANUP(dmv_names_deinit)
/* Puts them into their order. */
void dmv_names_sort(DmvNames *n);

/* The names as a JSON object, and back. Return: 0; DMV_MALFORMED; -ENOMEM. */
int dmv_names_to_json(const DmvNames *n, json_object **ret);
int dmv_names_from_json(json_object *o, DmvNames *ret, DmvError *reterr);

typedef enum DmvNameChange {
    DMV_NAME_RENAMED,   /* the same place has another name */
    DMV_NAME_GONE,      /* the place has none any more */
    DMV_NAME_NEW,       /* a place that had none */
    DMV_NAME_REORDERED, /* the same name, but others come before it now */
    DMV_NAME_CHANGE_MAX,
    DMV_NAME_CHANGE_INVALID = -1,
} DmvNameChange;
/* "renamed", "gone", "new", "reordered". */
const char *dmv_name_change_to_string(DmvNameChange c);

typedef struct DmvNameDifference {
    DmvNameChange change;
    const DmvName *before, *now; /* borrowed; NULL where there is none */
} DmvNameDifference;

/**
 * dmv_names_compare() - what became of the names
 * @before, @now: borrowed
 * @ret: in the order of @before, new ones at the end; owned by the caller (free())
 * @ret_n: how many
 *
 * A port is the same if it is at the same place; or, when that is gone, an interface of the same kind with
 * the same MAC (the bus was numbered anew).
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_names_compare(const DmvNames *before, const DmvNames *now, DmvNameDifference **ret, size_t *ret_n);

#endif
