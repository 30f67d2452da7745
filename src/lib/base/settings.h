/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings: /etc/dmv/dmv.conf and the stream files, INI read by inih. Bytes in, plain data out; a key that is
 * unknown, twice or mistyped refuses its file and says the line. See dmv.conf(5).
 */
#ifndef DMV_BASE_SETTINGS_H
#define DMV_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "dmv/outcome.h"

#define DMV_SETTINGS_MAX_BYTES (64u * 1024)

typedef struct DmvSettings {
    uint64_t idle_timeout;     /* seconds without a client before the daemon leaves; 0: never. Default 30 */
    uint64_t worker_timeout;   /* seconds without a word after which a worker hangs. Default 3600 */
    uint64_t keep_generations; /* default 20 */
    uint64_t fetch_timeout;    /* seconds for one transfer. Default 900 */
    uint64_t max_catalog;      /* bytes of a bundle. Default 64 MiB, at most that */
    uint64_t max_package;      /* bytes of an RPM. Default 1 GiB */
    uint64_t
        boot_attempts;    /* failed boots that end a trial; 0: the machine's default, which is the default */
    uint64_t boot_boots;  /* good boots that a trial needs. Default 1 */
    uint64_t boot_soak;   /* seconds in good health that it needs. Default 0 */
    int boot_reboot;      /* when the host reboots by itself: a DmvBootReboot. Default: lifeline */
    uint64_t boot_settle; /* seconds that links may take to come up. Default 60 */
    bool boot_allow_renames;  /* interfaces may change their names and order. Default false */
    char **alternate_kernels; /* fnmatch(3) patterns of kernel releases. Default: none */
    char **management;       /* interfaces by which the host is reached, or "none"; NULL: those of the default
                                routes */
    bool fallback;           /* something brings the host back from a boot that fails. Default false */
    bool enforce;            /* a plan may leave nothing unverified to a managed driver. Default false */
    int guests_policy;       /* what becomes of guests before a reboot: a DmvGuestPolicy. Default: report */
    uint64_t guests_timeout; /* seconds that a guest has to shut down or to be saved. Default 300 */
    uint64_t guests_wait;    /* seconds that a channel has to tell of guests. Default 20 */
} DmvSettings;

/* The defaults. */
void dmv_settings_init(DmvSettings *s);
void dmv_settings_deinit(DmvSettings *s);
#define DMV_CLEANUP_SETTINGS DMV_CLEANUP(dmv_settings_deinit)

/**
 * dmv_settings_parse() - one file of settings over what @s holds
 * @name: how to call the file in an error
 *
 * A list that the file holds replaces the one before.
 *
 * Return: 0; DMV_BAD_SETTING or DMV_TOO_LARGE (@s is as before); -ENOMEM.
 */
int dmv_settings_parse(const char *name, const char *data, size_t size, DmvSettings *s, DmvError *reterr);

/* A stream as configured. */
typedef struct DmvStreamConf {
    char *name;  /* as in the catalog; default: the file's name without .conf */
    char **urls; /* NULL (url=none): it only comes on driver disks */
    char *root;  /* path of the root below the host's root, or NULL: the usual places */
    char *ca;    /* PEM file for https, or NULL */
    bool enabled;
} DmvStreamConf;

void dmv_stream_conf_deinit(DmvStreamConf *s);
/* @default_name: used when the file has no name=. Return: as above; @ret must be empty. */
int dmv_stream_conf_parse(const char *name, const char *default_name, const char *data, size_t size,
                          DmvStreamConf *ret, DmvError *reterr);

#endif
