/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of releases that list and show have in common. */
#ifndef DMVCTL_RELEASE_TABLE_H
#define DMVCTL_RELEASE_TABLE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "cli/table.h"

extern const DmvColumn dmv_release_columns[];

/**
 * dmv_release_table_add() - the releases of a driver, a line each
 * @t: a table of dmv_release_columns
 * @driver: a Driver
 * @inbox: also a line for the kernel's own driver, if that is selected or active
 *
 * Return: 0 or a negative errno.
 */
int dmv_release_table_add(DmvTable *t, json_object *driver, bool inbox);

#endif
