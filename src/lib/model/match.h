/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which releases support which device: an index over pci_ids and modalias patterns.
 *
 * Exact vendor:device pairs sit in a hash table, so that matching a device costs the same with a hundred ids
 * and with a million. Patterns that do not fix both (vendor-wide, class) are few and are tried one by one.
 */
#ifndef DMV_MODEL_MATCH_H
#define DMV_MODEL_MATCH_H

#include "model/world.h"

typedef struct DmvMatcher DmvMatcher;

int dmv_matcher_new(DmvMatcher **ret);
DmvMatcher *dmv_matcher_free(DmvMatcher *m);

/* Adds everything in @ids under @key (an index that the caller knows). Return: 0, or -ENOMEM. */
int dmv_matcher_add(DmvMatcher *m, const DmvModuleIds *ids, size_t key);
/* Adds one pattern for modaliases under @key. Return: 0, or -ENOMEM. */
int dmv_matcher_add_alias(DmvMatcher *m, const char *pattern, size_t key);

/**
 * dmv_matcher_find() - the keys that a device matches
 * @m: the index
 * @d: the device
 * @ret: keys in ascending order without repeats; owned by the caller (free())
 * @ret_n: how many
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_matcher_find(const DmvMatcher *m, const DmvDevice *d, size_t **ret, size_t *ret_n);

/* Does one device match one entry of pci_ids / one pattern? Pure; what the index must agree with. */
bool dmv_pci_id_matches(const DmvPciId *id, const DmvDevice *d);
bool dmv_alias_matches(const char *pattern, const char *modalias);
/* Does one device match any id or alias of @ids? */
bool dmv_module_ids_match(const DmvModuleIds *ids, const DmvDevice *d);

#endif
