/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of what happens when names change under somebody who walks along them. Failures to start anything
 * end the test. */
#ifndef DMV_TESTS_RACE_H
#define DMV_TESTS_RACE_H

#include <sys/types.h>

/* A process that exchanges two names below a folder, over and over, each time at once: there is always
 * something under both. */
pid_t race_start(int dirfd, const char *a, const char *b);
void race_stop(pid_t pid);

/* From here on this process and its children have a kernel without openat2(2). Return: 0, or -1. */
int race_without_openat2(void);

#endif
