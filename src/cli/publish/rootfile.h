/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Roots: which keys may sign what, version after version. */
#ifndef DMV_PUBLISH_ROOTFILE_H
#define DMV_PUBLISH_ROOTFILE_H

#include "cli/publish/publisher.h"
#include "cli/publish/signkey.h"
#include "trust/bundle.h"

typedef struct DmvRootRole {
    char **ids; /* key ids, in the order in which people count them */
    int64_t threshold;
} DmvRootRole;

typedef struct DmvRootfile {
    int64_t version;
    int64_t expires;   /* seconds since the epoch */
    json_object *keys; /* key id to {"scheme", "spki"}: public keys of both roles */
    DmvRootRole root, catalog;
} DmvRootfile;

void dmv_rootfile_deinit(DmvRootfile *r);
#define DMV_CLEANUP_ROOTFILE DMV_CLEANUP(dmv_rootfile_deinit)

/* Appends a key to a role and its public part to the keys. Return: 0, -ENOMEM. */
int dmv_rootfile_add_key(DmvRootfile *r, DmvRootRole *role, const DmvSignkey *k);
/* Puts another key in the place of the @n-th (from 1) of a role. Return: 0; DMV_INVALID_REQUEST; -ENOMEM. */
int dmv_rootfile_replace_key(DmvRootfile *r, DmvRootRole *role, size_t n, const DmvSignkey *k,
                             DmvError *reterr);

/* The payload that says this. Keys that no role names are left out. @ret is owned. Return: 0, -ENOMEM. */
int dmv_rootfile_format(const DmvRootfile *r, char **ret, size_t *ret_size);
/* Reads a payload of our own. Return: 0; DMV_MALFORMED, ...; -ENOMEM. */
int dmv_rootfile_parse(const char *data, size_t size, DmvRootfile *ret, DmvError *reterr);

/* The newest root of the folder. Return: 0; DMV_NO_ROOT; DMV_MALFORMED, ...; a negative errno. */
int dmv_rootfile_newest(const DmvPublisher *p, DmvRootfile *ret, DmvError *reterr);

/**
 * dmv_rootfile_save() - sign a root, keep it in roots/, and make it the root that new hosts are given
 * @p: the folder
 * @r: the new root
 * @before: the root before it, whose threshold it has to meet as well; NULL for the first
 * @keys: private keys at hand
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_ROOT_OLD_KEYS, DMV_ROOT_NEW_KEYS if too few keys of the old or of the new root are at hand;
 * a negative errno.
 */
int dmv_rootfile_save(const DmvPublisher *p, const DmvRootfile *r, const DmvRootfile *before,
                      const DmvSignkeys *keys, DmvError *reterr);

/* All roots as envelopes, ascending: a JSON array, owned. Return: 0; DMV_NO_ROOT, ...; -ENOMEM. */
int dmv_rootfile_history(const DmvPublisher *p, json_object **ret, DmvError *reterr);

/* Judges a bundle as a host would that was given the very first root: the one that has to follow the most of
 * them.
 * @roots: what dmv_rootfile_history() gave. @allow_stale: take an expired catalog. Return: as
 * dmv_bundle_verify(). */
int dmv_rootfile_judge_bundle(const DmvPublisher *p, json_object *roots, const char *data, size_t size,
                              bool allow_stale, DmvBundleResult *ret, DmvError *reterr);

#endif
