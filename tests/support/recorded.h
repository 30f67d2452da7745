/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recorded hosts (tests/hosts) for unit tests. */
#ifndef DMV_TESTS_RECORDED_H
#define DMV_TESTS_RECORDED_H

#include "scratch.h"

/* Writes the sysfs of tests/hosts/<name>.host to <scratch>/<folder>/sys, and its procfs to
 * <scratch>/<folder>/proc. */
void recorded_host(const Scratch *s, const char *name, const char *folder);
/* The same from the text of a .host file. */
void recorded_text(const Scratch *s, const char *text, const char *folder);

#endif
