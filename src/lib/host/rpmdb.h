/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the RPM database of a root lies, whether it changed, and a private copy of it. What is in it is none
 * of this file's business: only librpm reads that, in the fetch worker (trust/package/owners.h).
 */
#ifndef DMV_HOST_RPMDB_H
#define DMV_HOST_RPMDB_H

#include "dmv/outcome.h"
#include "host/roots.h"

typedef struct DmvRpmdb {
    int fd;         /* its folder */
    char *path;     /* the same, relative to the root */
    char *identity; /* changes whenever the database does; compared, never read */
} DmvRpmdb;

#define DMV_RPMDB_NULL ((DmvRpmdb){.fd = -1})

/**
 * dmv_rpmdb_find() - the database of a root
 * @r: the root
 * @ret: free with dmv_rpmdb_deinit()
 *
 * Looked for where this build's rpm keeps it (DMV_RPM_DBPATH), in usr/lib/sysimage/rpm, then in var/lib/rpm.
 *
 * Return: 0; DMV_OWNERS_UNKNOWN if there is none, or it cannot be looked at; -ENOMEM.
 */
int dmv_rpmdb_find(const DmvRoots *r, DmvRpmdb *ret, DmvError *reterr);
void dmv_rpmdb_deinit(DmvRpmdb *d);

/**
 * dmv_rpmdb_copy() - copy the files of a database
 * @from: folder of the database; only read from
 * @to: an empty private folder
 * @ret_backend: what librpm calls this kind of database; static
 *
 * A database that changes meanwhile is copied again.
 *
 * Return: 0; DMV_OWNERS_UNKNOWN if there is no database, or it cannot be read.
 */
int dmv_rpmdb_copy(int from, int to, const char **ret_backend, DmvError *reterr);

#endif
