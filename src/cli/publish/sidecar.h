/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * releases/D@V@X.json: what the catalog says of release D/V@X, ready to be put into it.
 *
 * One file a release, so that a catalog is made by putting them together, and so that a person can see and
 * correct in one place what will be signed.
 */
#ifndef DMV_PUBLISH_SIDECAR_H
#define DMV_PUBLISH_SIDECAR_H

#include "cli/publish/publisher.h"

typedef struct DmvReleaseName {
    char *driver, *variant, *version;
} DmvReleaseName;

void dmv_release_name_deinit(DmvReleaseName *n);
#define DMV_CLEANUP_RELEASE_NAME DMV_CLEANUP(dmv_release_name_deinit)
/* "driver/variant@version". Return: 0; DMV_INVALID_NAME with @reterr; -ENOMEM. */
int dmv_release_name_parse(const char *text, DmvReleaseName *ret, DmvError *reterr);

/* The path of a release's file, relative to the folder, as a new string; NULL for lack of memory. */
char *dmv_sidecar_path(const DmvReleaseName *n);

/* The name that a release's members say. Return: 0; DMV_MALFORMED if one is missing or no name; -ENOMEM. */
int dmv_sidecar_name(json_object *release, DmvReleaseName *ret, DmvError *reterr);

/* Reads a release's file. Return: 0; DMV_NO_SUCH_RELEASE; DMV_MALFORMED; a negative errno. */
int dmv_sidecar_read(const DmvPublisher *p, const DmvReleaseName *n, json_object **ret, DmvError *reterr);
int dmv_sidecar_write(const DmvPublisher *p, const DmvReleaseName *n, json_object *release, DmvError *reterr);

/* All releases, sorted by file name: a JSON array, owned. Each file has to say the release that its name
 * says. Return: 0; DMV_MALFORMED, ...; a negative errno. */
int dmv_sidecar_read_all(const DmvPublisher *p, json_object **ret, DmvError *reterr);

/* Member of a release; NULL or @otherwise where it is missing or of another type. Borrowed. */
const char *dmv_sidecar_string(json_object *release, const char *key);
int64_t dmv_sidecar_int(json_object *release, const char *key, int64_t otherwise);

/* The package for a kernel, borrowed, and its place; NULL if there is none. */
json_object *dmv_sidecar_package(json_object *release, const char *kernel, size_t *ret_index);

#endif
