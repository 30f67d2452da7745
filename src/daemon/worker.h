/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Workers: another process at the end of a socket. On a host the service manager starts them from socket
 * units; under a root, or where there is no such socket, the daemon spawns them itself.
 */
#ifndef DMV_DAEMON_WORKER_H
#define DMV_DAEMON_WORKER_H

#include "daemon/manager.h"

typedef struct DmvWorker DmvWorker;
typedef enum DmvWorkerKind { DMV_WORKER_FETCH, DMV_WORKER_APPLY, DMV_WORKER_GUEST } DmvWorkerKind;

/**
 * DmvWorkerReply - a reply of a worker
 * @code: 0; the outcome that the worker refused with; DMV_WORKER_FAILED when it went away, hung or talked
 * nonsense
 * @params: of a reply, else NULL; borrowed
 * @fds: take one by setting its slot to -1
 * @e: the worker's words when @code is not 0; may be moved out
 */
typedef void (*DmvWorkerReply)(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                               bool continues, DmvError *e);

int dmv_worker_new(DmvManager *m, DmvWorkerKind kind, DmvWorker **ret, DmvError *reterr);
/* Ends it: a fetch or a guest worker at once, an apply worker when it has finished or undone what it was
 * doing; one that was given up has ended. No callback comes after this. */
DmvWorker *dmv_worker_free(DmvWorker *w);
/* False: it has ended, or was given up, without having been asked to. */
bool dmv_worker_is_there(const DmvWorker *w);
/**
 * dmv_worker_read() - the members of a reply
 * @params: as the callback got it
 * @fields: of json.h
 *
 * Return: 0; DMV_WORKER_FAILED if it is not what was asked for, also in its types; -ENOMEM.
 */
int dmv_worker_read(json_object *params, const DmvJsonField *fields, size_t n_fields, DmvError *reterr);
/* Gives every later call of a guest worker that much more: it waits for a channel, or saves a guest's memory,
 * without a word. */
void dmv_worker_allow(DmvWorker *w, uint64_t usec);
/**
 * dmv_worker_call() - one call; the next one when its last reply has come
 * @params: taken over
 * @fd: goes with it, or -1
 * @more: there may be replies before the last one
 *
 * A worker that says nothing for as long as the settings allow (worker-timeout), or whose words never end, is
 * given up: killed if it is our child, with DMV_WORKER_FAILED to the callback. Every later call fails then.
 *
 * Return: 0 or a negative errno (-ENOTCONN: it is gone).
 */
int dmv_worker_call(DmvWorker *w, const char *method, json_object *params, int fd, bool more,
                    DmvWorkerReply cb, void *userdata);

#endif
