/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all verbs of dmvctl have in common. */
#ifndef DMVCTL_RUN_H
#define DMVCTL_RUN_H

#include "verb.h"

/**
 * dmv_run() - do what the command line says
 * @argc: number of words
 * @argv: the words
 * @verbs: all verbs, NULL-terminated
 *
 * Return: the exit status (enum DmvExit).
 */
int dmv_run(int argc, char **argv, const DmvVerb *const verbs[]);

#endif
