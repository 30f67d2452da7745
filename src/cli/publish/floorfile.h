/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trust/floor.json: hosts that are given the folder from now on take no catalog that is older than the one
 * that is in the repository. */
#ifndef DMV_PUBLISH_FLOORFILE_H
#define DMV_PUBLISH_FLOORFILE_H

#include "cli/publish/publisher.h"

/* Writes it from the bundle. Return: 0; what hosts would refuse the bundle with; a negative errno with
 * @reterr.
 */
int dmv_floorfile_save(const DmvPublisher *p, DmvError *reterr);

#endif
