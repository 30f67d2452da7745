/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ends a transaction at one of its boundaries, by a failure or by the death of its process. */
#ifndef DMV_TESTS_STOPPER_H
#define DMV_TESTS_STOPPER_H

#include <stdbool.h>

#include "daemon/apply/transaction.h"

typedef struct Stopper {
    int stop_at; /* number of the boundary */
    int seen;
    int failure; /* returned there; 0: the process ends there */
} Stopper;

/* The boundary hook; @userdata is a Stopper. */
int stopper_stop(const char *name, void *userdata);

typedef int (*StopperWork)(const DmvRoots *r, const DmvTransactionOptions *options);

/* Does the work in a process that dies at a boundary. Return: false if there was no such boundary. */
bool stopper_die_at(const DmvRoots *r, StopperWork work, int at);

#endif
