/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the aliases of a module to what a catalog says of the hardware it drives. */
#ifndef DMV_PUBLISH_IDS_H
#define DMV_PUBLISH_IDS_H

#include <json-c/json.h>

#include "model/world.h"

/**
 * dmv_ids_from_alias() - the entry of pci_ids that says what an alias says
 * @alias: as modinfo shows it, such as "pci:v00008086d000010D3sv*sd*bc*sc*i*"
 * @ret: filled
 *
 * Return: true, or false if pci_ids cannot say it: another bus, a class, no exact form.
 */
bool dmv_ids_from_alias(const char *alias, DmvPciId *ret);

/* Can a catalog hold this pattern? Printable ASCII without blanks, at most 256 characters. */
bool dmv_ids_is_pattern(const char *alias);

/* All aliases of a module file that a catalog can hold, sorted into @ret->ids and @ret->aliases, without
 * repeats. Return: 0, -ENOMEM.
 */
int dmv_ids_from_aliases(const char *file, char *const *aliases, DmvModuleIds *ret);

/* Adds what @ids says to members "pci_ids" and "aliases" of a release, keeping what is there. Return: 0,
 * -ENOMEM. */
int dmv_ids_add_to_release(json_object *release, const DmvModuleIds *ids);

#endif
