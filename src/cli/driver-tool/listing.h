/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The listing of driver-tool: the daemon's drivers as the tools of a XenServer host read them, where a driver
 * has variants and a variant has one version.
 */
#ifndef DMV_CLI_DRIVER_TOOL_LISTING_H
#define DMV_CLI_DRIVER_TOOL_LISTING_H

#include <json-c/json.h>

#include "dmv/outcome.h"

/**
 * dmv_listing_make() - the object that -l prints
 * @drivers: reply of ListDrivers
 * @host: reply of Describe
 *
 * What cannot be used is no variant; it is one of the problems, beside those that the daemon names, in
 * "dmv:problems".
 *
 * Return: a new object, or NULL for lack of memory.
 */
json_object *dmv_listing_make(json_object *drivers, json_object *host);

/**
 * dmv_listing_release() - the release that a variant of the listing stands for
 * @drivers, @host: as above
 * @driver, @variant: as the listing calls them
 * @ret: DRIVER/VARIANT@VERSION, borrowed from @drivers
 *
 * Return: 0; DMV_NO_SUCH_DRIVER or DMV_NO_SUCH_RELEASE with @reterr; -ENOMEM.
 */
int dmv_listing_release(json_object *drivers, json_object *host, const char *driver, const char *variant,
                        const char **ret, DmvError *reterr);

#endif
