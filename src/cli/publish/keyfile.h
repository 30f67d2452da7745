/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the private keys of root and catalog lie: keys/ROLE.ID.pem, or folders that were named. */
#ifndef DMV_PUBLISH_KEYFILE_H
#define DMV_PUBLISH_KEYFILE_H

#include "cli/publish/publisher.h"
#include "cli/publish/signkey.h"

/* Writes a key as keys/PREFIX.<first 16 digits of its id>.pem, 0600. Return: 0, or a negative errno. */
int dmv_keyfile_save(const DmvPublisher *p, const char *prefix, const DmvSignkey *k, DmvError *reterr);

/**
 * dmv_keyfile_load() - all keys of a role that are at hand
 * @p: the publisher's folder
 * @prefix: "root" or "catalog"
 * @folders: further folders with PREFIX.*.pem in them, such as a stick that lies in a safe; may be NULL
 * @ret: appended to
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_BAD_KEY; a negative errno.
 */
int dmv_keyfile_load(const DmvPublisher *p, const char *prefix, char *const *folders, DmvSignkeys *ret,
                     DmvError *reterr);

#endif
