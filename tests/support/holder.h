/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another process that holds a lock of fcntl(2), as package managers do. Failures end the program. */
#ifndef DMV_TESTS_HOLDER_H
#define DMV_TESTS_HOLDER_H

#include <sys/types.h>

/* Makes the file if it is missing. Returns when the lock is held. */
pid_t holder_start(const char *path);
void holder_stop(pid_t pid);

#endif
