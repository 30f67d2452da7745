/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shell lines and the hostile web server for tests that work with real tools. Failures to start anything end
 * the test. */
#ifndef DMV_TESTS_SHELL_H
#define DMV_TESTS_SHELL_H

#include <sys/types.h>

/* A formatted text, owned by the caller. */
char *shell_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Runs a line with /bin/sh. Return: the exit status, or -1 after a death by signal. */
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* tests/support/hostile-http.py, as long as it is held. */
typedef struct Webserver {
    pid_t pid;
    int hold; /* closing it ends the server */
    int port;
} Webserver;

/* Serves <dir>/repo; with https by <dir>/tls.pem and <dir>/tls.key. */
void webserver_start(Webserver *s, const char *dir, int https);
/* The same by http on another address of this host, such as "::1". */
void webserver_start_at(Webserver *s, const char *dir, const char *address);
/* {0} is fine. */
void webserver_stop(Webserver *s);

#endif
