/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The publisher's folder: one stream, with its keys, what was released, and the repository that hosts read.
 *
 *     publish.json              settings of the stream
 *     keys/                     private keys, 0700: root.*.pem, catalog.*.pem, module.pem, gnupg/
 *     trust/                    what a host's /etc/dmv/trust wants: root.json, floor.json, rpm/KEYID.asc,
 *                               modules/SKID.der
 *     roots/N.json              every root there ever was, as a signed envelope
 *     releases/D@V@X.json       what the catalog says of release D/V@X
 *     catalog.json              payload of the newest catalog; catalog.dsse.json: signed
 *     bundle.json               root history and signed catalog: the record "dmv" of the repository
 *     repo/                     the repository: Packages/, repodata/
 *
 * Every path below is relative to the folder's descriptor; its absolute path exists for the programs that are
 * run.
 */
#ifndef DMV_PUBLISH_PUBLISHER_H
#define DMV_PUBLISH_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/json.h"
#include "dmv/outcome.h"

#define DMV_PUBLISH_SETTINGS "publish.json"
#define DMV_PUBLISH_KEYS "keys"
#define DMV_PUBLISH_GNUPG "keys/gnupg"
#define DMV_PUBLISH_MODULE_KEY "keys/module.pem"
#define DMV_PUBLISH_ROOTS "roots"
#define DMV_PUBLISH_RELEASES "releases"
#define DMV_PUBLISH_CATALOG "catalog.json"
#define DMV_PUBLISH_CATALOG_SIGNED "catalog.dsse.json"
#define DMV_PUBLISH_BUNDLE "bundle.json"
#define DMV_PUBLISH_REPO "repo"
#define DMV_PUBLISH_PACKAGES "Packages"
#define DMV_PUBLISH_TRUST "trust"
#define DMV_PUBLISH_FLOOR "trust/floor.json"

/* A catalog's life: hosts are expected to take updates within half a year. A root's: five years. */
#define DMV_PUBLISH_CATALOG_DAYS 190
#define DMV_PUBLISH_ROOT_DAYS (5 * 365)

typedef struct DmvPublisher {
    int fd;               /* the folder */
    char *path;           /* its absolute path */
    char *stream;         /* name of the stream */
    char *scheme;         /* of new keys: "ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384" */
    int64_t catalog_days; /* life of a catalog */
    char *gpg_key;        /* fingerprint of the key that signs packages, upper-case hex */
    char *module_signer;  /* subject key id of the certificate that signs modules, lower-case hex */
} DmvPublisher;

#define DMV_PUBLISHER_NULL \
    {                      \
        .fd = -1           \
    }

/**
 * dmv_publisher_open() - a publisher's folder with its settings
 * @dir: path of the folder
 * @ret: filled; DMV_PUBLISHER_NULL before
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_NO_SUCH_OBJECT if this is no publisher's folder; DMV_MALFORMED; a negative errno.
 */
int dmv_publisher_open(const char *dir, DmvPublisher *ret, DmvError *reterr);

/**
 * dmv_publisher_create() - a new folder; settings are to be filled and saved
 *
 * Return: 0; DMV_INVALID_REQUEST if there is a part of a stream in it already, or its path has characters
 * that the package tools would read as something else; a negative errno.
 */
int dmv_publisher_create(const char *dir, DmvPublisher *ret, DmvError *reterr);
/* Removes what was made since dmv_publisher_create(), which saw to it that nothing of it had been there
 * before. */
void dmv_publisher_undo_create(const DmvPublisher *p);
int dmv_publisher_save(const DmvPublisher *p, DmvError *reterr);
void dmv_publisher_deinit(DmvPublisher *p);
#define DMV_CLEANUP_PUBLISHER DMV_CLEANUP(dmv_publisher_deinit)

/* "<folder>/<relative>" as a new string, NULL for lack of memory. */
char *dmv_publisher_path(const DmvPublisher *p, const char *relative);

/* Reads a JSON file of the folder. Return: 0; DMV_NO_SUCH_OBJECT, DMV_MALFORMED, ... with @reterr; -ENOMEM,
 * -errno. */
int dmv_publisher_read_json(const DmvPublisher *p, const char *path, json_object **ret, DmvError *reterr);
/* Puts a JSON file in place. Return: 0, or a negative errno with @reterr. */
int dmv_publisher_write_json(const DmvPublisher *p, const char *path, json_object *o, DmvError *reterr);
/* Puts bytes in place; missing folders are made. Return: 0, or a negative errno with @reterr. */
int dmv_publisher_write(const DmvPublisher *p, const char *path, const void *data, size_t size, mode_t mode,
                        DmvError *reterr);

/**
 * dmv_publish_now() - the time that goes into what is published, seconds since the epoch
 *
 * The clock, unless SOURCE_DATE_EPOCH says otherwise (reproducible-builds.org): then the same input gives the
 * same bytes.
 */
int64_t dmv_publish_now(void);

/**
 * dmv_publish_run() - run a program to its end
 * @what: what it is run for, for the error
 * @argv: see dmv_spawn_wait()
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_TOOL_FAILED with what it said; a negative errno with @reterr.
 */
int dmv_publish_run(const char *what, const char *const argv[], DmvError *reterr);

#endif
