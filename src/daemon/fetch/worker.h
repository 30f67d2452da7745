/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fetch worker: io.dmv.Fetch on one connection. A job blocks for minutes in libraries, so it runs beside
 * the event loop, never inside of it, and lets the loop turn whenever a library calls back: that is how
 * progress gets out and how a client that went away ends a transfer.
 */
#ifndef DMV_FETCH_WORKER_H
#define DMV_FETCH_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "dmv/outcome.h"
#include "varlink/varlink.h"

typedef struct DmvFetchWorker {
    sd_event *event;
    VlServer *server;
    const char *folder; /* the private folder, absolute */
    int dirfd;          /* the same */
    unsigned n_jobs;    /* names the folders of jobs */
    bool over;          /* the connection is gone */

    /* the job that waits or runs; NULL: none */
    VlCall *call;
    json_object *params;
    int (*job)(struct DmvFetchWorker *w, DmvError *reterr);
    const char *phase; /* what is told, or NULL for a job without phases */
    bool cancelled;
    uint64_t told_usec; /* when progress was told last */
} DmvFetchWorker;

/**
 * dmv_fetch_worker_run() - serve the passed socket until it is closed
 * @folder: absolute path of the private folder
 *
 * Return: 0, or a negative errno: -ENOTCONN without a socket.
 */
int dmv_fetch_worker_run(const char *folder);

/* The jobs, in job-catalog.c, job-disk.c, job-package.c and job-owners.c. They answer @w->call themselves
 * when they succeed, and return an outcome or an errno otherwise. */
int dmv_fetch_job_catalog(DmvFetchWorker *w, DmvError *reterr);
int dmv_fetch_job_disk(DmvFetchWorker *w, DmvError *reterr);
int dmv_fetch_job_package(DmvFetchWorker *w, DmvError *reterr);
int dmv_fetch_job_owners(DmvFetchWorker *w, DmvError *reterr);

/* Makes a folder of the job's own below the private one. @ret_name: relative to it, owned. Return: 0 or a
 * negative errno. */
int dmv_fetch_make_folder(DmvFetchWorker *w, const char *kind, mode_t mode, char **ret_name);

/* A callback for dmv_repo_*() and dmv_disk_*(): tells progress at most ten times a second. Negative when the
 * client is gone.
 */
int dmv_fetch_progress(uint64_t done, uint64_t total, void *worker);

/* Begins a phase and tells it at once. Return: 0, DMV_CANCELLED. */
int dmv_fetch_begin_phase(DmvFetchWorker *w, const char *phase, uint64_t total);

#endif
