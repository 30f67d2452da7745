/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * info.json: what lies beside the modules of an installed variant. The vendor's format, and our superset of
 * it.
 *
 * Vendor: category, name, version, minor_version, variant, kABI, description, status, priority, pci_ids.
 * Ours adds: dmv {spec, tier, release_version, aliases}. Unknown members are ignored, wrong types of known
 * ones are not.
 */
#ifndef DMV_MODEL_INFO_H
#define DMV_MODEL_INFO_H

#include "model/world.h"

/**
 * dmv_info_parse() - the bytes of an info.json
 * @ret: driver, variant, version, type, description, status, kabi, priority, tier and ids are filled; the
 * rest is left alone. Must be empty before.
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE (above 1 MiB), DMV_TOO_DEEP, DMV_MALFORMED; -ENOMEM.
 */
int dmv_info_parse(const char *data, size_t size, DmvInstalled *ret, DmvError *reterr);
/* The text of an info.json that says this (driver to ids). @ret is owned by the caller. Return: 0, or
 * -ENOMEM. */
int dmv_info_format(const DmvInstalled *i, char **ret, size_t *ret_size);

#endif
