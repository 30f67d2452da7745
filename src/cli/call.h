/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call of io.dmv.Manager, and what a failed one means for the caller's exit status and words.
 */
#ifndef DMV_CLI_CALL_H
#define DMV_CLI_CALL_H

#include <json-c/json.h>
#include <stdbool.h>

#include "connect.h"
#include "dmv/outcome.h"
#include "screen.h"

/* Why a call failed. {0} is empty and valid. */
typedef struct DmvFailure {
    DmvError error; /* its code is the outcome that decides the exit status */
    char *id;       /* the qualified Varlink error */
    char *reason;   /* reason code, possibly one of a newer daemon */
} DmvFailure;

void dmv_failure_clear(DmvFailure *f);
#define DMV_CLEANUP_FAILURE DMV_CLEANUP(dmv_failure_clear)

/* A reply of several. @reply is borrowed. Return: 0, or negative to stop. */
typedef int (*DmvCallNotify)(json_object *reply, void *userdata);

/**
 * dmv_call() - call a method of io.dmv.Manager
 * @c: the connection
 * @method: name of the method without the interface
 * @params: taken over, also on failure; may be NULL
 * @notify: gets every reply but the last; NULL calls without the flag "more"
 * @ret: the last reply, owned by the caller; may hold anything, see reply.h
 * @reterr: filled on every failure
 *
 * Return: 0; a DmvOutcome for an error of the daemon (an unknown reason gets the outcome of its Varlink
 * error), DMV_UNREACHABLE when there is no usable answer, DMV_CANCELLED when the user stopped it; a negative
 * errno that
 * @notify returned.
 */
int dmv_call(DmvConnection *c, const char *method, json_object *params, DmvCallNotify notify, void *userdata,
             json_object **ret, DmvFailure *reterr);
/* The same with a descriptor that goes with the call, duplicated; -1: none. */
int dmv_call_fd(DmvConnection *c, const char *method, json_object *params, int fd, DmvCallNotify notify,
                void *userdata, json_object **ret, DmvFailure *reterr);

/**
 * dmv_failure_set() - make a failure of this side, with the Varlink error and the reason that fit
 * @f: filled
 * @code: a DmvOutcome or a negative errno, not 0
 * @error: words, taken over and emptied; may be NULL
 *
 * Return: @code.
 */
int dmv_failure_set(DmvFailure *f, int code, DmvError *error);

/* {"error":{"id","reason","what","why","next","exit"}}, owned by the caller; NULL for lack of memory. */
json_object *dmv_failure_to_json(const DmvFailure *f);

/* Exit status of the process for that failure. */
int dmv_failure_exit(const DmvFailure *f);

/* Prints "PROGRAM: what: why" and "  next: ..." as text to the messages, or as JSON to the data. Safe for a
 * terminal. */
void dmv_failure_print(const DmvFailure *f, const DmvScreen *s);

#endif
