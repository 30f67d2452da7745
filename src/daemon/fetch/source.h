/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The type Source of io.dmv.Fetch: where to fetch from and within which limits. */
#ifndef DMV_FETCH_SOURCE_H
#define DMV_FETCH_SOURCE_H

#include "stream/repo.h"
#include "worker.h"

typedef struct DmvFetchSource {
    char **urls;
    char *ca_file;
    char *folder; /* absolute */
    DmvRepoOptions options;
} DmvFetchSource;

/**
 * dmv_fetch_source_read() - parameters of a call to options of a transfer
 * @w: who gets the progress
 * @source: the member of the call
 * @name: the folder that the transfer may use, relative to the private one
 * @ret: owned, also partly filled on failure
 *
 * Return: 0; DMV_INVALID_REQUEST; -ENOMEM.
 */
int dmv_fetch_source_read(DmvFetchWorker *w, json_object *source, const char *name, DmvFetchSource *ret,
                          DmvError *reterr);
void dmv_fetch_source_deinit(DmvFetchSource *s);

/* Has the kernel end the process when @deadline (microseconds, 1 to a day) has passed: what reads a disk may
 * block, or turn in circles in a library. 0 takes that back. Return: 0, DMV_INVALID_REQUEST. */
int dmv_fetch_set_deadline(int64_t deadline, DmvError *reterr);

/* What is wrong with a call, as DMV_INVALID_REQUEST. */
int dmv_fetch_invalid(DmvError *reterr, const char *why);

#endif
