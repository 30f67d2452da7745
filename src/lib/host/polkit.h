/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * polkit(8): may a process do something that is root's? Asked over D-Bus, on the loop, so that a slow answer
 * holds up nobody else. Whatever goes wrong is no permission.
 */
#ifndef DMV_HOST_POLKIT_H
#define DMV_HOST_POLKIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "dmv/outcome.h"

typedef struct DmvPolkit DmvPolkit;
typedef struct DmvPolkitCheck DmvPolkitCheck;

/* How long a question may stay open, and one that waits for somebody to type a password. */
#define DMV_POLKIT_ANSWER_SECONDS 25
#define DMV_POLKIT_PASSWORD_SECONDS 300

typedef struct DmvPolkitConfig {
    const char
        *address; /* of the bus, as D-Bus writes it; NULL: the system's, whatever the environment says */
    uint64_t answer_usec;   /* 0: DMV_POLKIT_ANSWER_SECONDS */
    uint64_t password_usec; /* 0: DMV_POLKIT_PASSWORD_SECONDS */
} DmvPolkitConfig;

typedef struct DmvPolkitQuestion {
    const char *action; /* id of the action */
    const char *method; /* told to the rules as the detail "method" */
    uid_t uid;          /* of the process, as the kernel said */
    pid_t pid;          /* the same process twice: older versions of polkit look at the number only */
    int pidfd;          /* duplicated */
    bool interactive;   /* somebody may be asked for a password */
} DmvPolkitQuestion;

/**
 * DmvPolkitAnswer - what came of a question
 * @code: 0: allowed; DMV_DENIED; DMV_AUTHENTICATION_REQUIRED: somebody would have to type a password;
 * DMV_NO_AUTHORITY: there is no answer, or none that can be understood; -ENOMEM
 * @e: the words, borrowed; empty after 0
 * @userdata: as it was given
 *
 * Called by the loop, once, and never after dmv_polkit_cancel(). The check is gone by then.
 */
typedef void (*DmvPolkitAnswer)(int code, DmvError *e, void *userdata);

/**
 * dmv_polkit_new() - nothing is connected yet
 * @event: the loop; a reference is kept
 * @config: copied; NULL for the defaults
 * @ret: freed with dmv_polkit_free()
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_polkit_new(sd_event *event, const DmvPolkitConfig *config, DmvPolkit **ret);
/* @p may be NULL. No check may be open any more. Return: NULL. */
DmvPolkit *dmv_polkit_free(DmvPolkit *p);

/**
 * dmv_polkit_check() - ask
 * @p: how to reach it; connects if need be, and parts when no question is open any more
 * @q: copied
 * @cb: gets the answer
 * @userdata: for @cb
 * @ret: the check, valid until @cb is called or it is cancelled
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_NO_AUTHORITY if there is no bus; -ENOMEM or another errno. @cb is only called after 0.
 */
int dmv_polkit_check(DmvPolkit *p, const DmvPolkitQuestion *q, DmvPolkitAnswer cb, void *userdata,
                     DmvPolkitCheck **ret, DmvError *reterr);

/* Gives a question up, and tells polkit, so that nobody is asked for a password any more. @c may be NULL.
 * Return: NULL. */
DmvPolkitCheck *dmv_polkit_cancel(DmvPolkitCheck *c);

#endif
