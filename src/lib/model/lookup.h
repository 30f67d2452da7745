/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What modprobe would do for a device or a name, as plain data: the outcome of a lookup in one index with
 * the settings of modprobe.d. Filled by host/lookup.c, judged by forecast.c.
 */
#ifndef DMV_MODEL_LOOKUP_H
#define DMV_MODEL_LOOKUP_H

#include "base/text.h"

/* One action, in the order of the actions. */
typedef struct DmvAction {
    char *module;   /* kernel's name */
    char *path;     /* relative to the kernel's folder; NULL: built in, or an install rule without a file */
    char *install;  /* words of the install rule that takes the place of loading it, or NULL */
    char *build_id; /* of the file, where somebody asked for it, or NULL */
    bool direct;    /* asked for; else a dependency or a softdep of it */
} DmvAction;

/* What is asked for one modalias or name. */
typedef struct DmvLookup {
    char *key;
    DmvAction *actions;
    size_t n_actions;
    char **blacklisted; /* modules that match and are passed over, as udev does */
    char **softdeps;    /* "MODULE pre: A B post: C", of the modules that match */
    char *problem;      /* why libkmod gave up, or NULL */
} DmvLookup;

/* All of one index. */
typedef struct DmvLookups {
    DmvLookup *items; /* sorted by key */
    size_t n;
} DmvLookups;

void dmv_lookups_deinit(DmvLookups *l);
#define DMV_CLEANUP_LOOKUPS DMV_CLEANUP(dmv_lookups_deinit)
/* Sorts by key. */
void dmv_lookups_sort(DmvLookups *l);
/* NULL where there is none. */
const DmvLookup *dmv_lookups_find(const DmvLookups *l, const char *key);

#endif
