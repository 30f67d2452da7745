/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a command line tool reaches a daemon: the one of the host by its socket, or one of its own, started for
 * the call on a socketpair (installer chroots, image builds, tests). Both answer the same calls.
 */
#ifndef DMV_CLI_CONNECT_H
#define DMV_CLI_CONNECT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dmv/outcome.h"
#include "varlink/varlink.h"

typedef struct DmvConnectOptions {
    const char *root, *sysfs, *procfs; /* any of them: start a daemon with these options */
    const char *address;               /* NULL: the socket of the host */
    bool or_start;                     /* nobody listens at the socket of the host: start a daemon */
    uint64_t timeout_usec;             /* without an answer or progress for so long: give up; 0: never */
} DmvConnectOptions;

typedef struct DmvConnection {
    VlClient *client;
    char *address;     /* for messages */
    pid_t child;       /* daemon that was started, else 0 */
    int signal_fd;     /* readable when the user wants to stop */
    sigset_t old_mask; /* signals as they were before */
} DmvConnection;

#define DMV_CONNECTION_NULL ((DmvConnection){.signal_fd = -1})

/**
 * dmv_connect() - connect, or start a daemon
 * @o: what the user asked for
 * @ret: the connection; close it with dmv_connection_close(), also after a failure
 * @reterr: filled on a refusal
 *
 * A daemon is started if a folder is given, or if there is no socket, the caller is root, and either systemd
 * does not run (so nobody could have made one) or @o says so, as for programs that cannot start the service.
 * From here on SIGINT and SIGTERM stop a call instead of the process.
 *
 * Return: 0, DMV_UNREACHABLE, DMV_DENIED, or a negative errno.
 */
int dmv_connect(const DmvConnectOptions *o, DmvConnection *ret, DmvError *reterr);

/**
 * dmv_connection_close() - end the connection and wait for the daemon that was started
 * @c: the connection; DMV_CONNECTION_NULL is fine
 * @reterr: filled if that daemon did not end well, may be NULL
 *
 * Signals work as before while this waits: a second Ctrl-C ends the tool at once.
 *
 * Return: 0, or DMV_UNREACHABLE if the daemon that was started ended with an error.
 */
int dmv_connection_close(DmvConnection *c, DmvError *reterr);

#endif
