/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything below a folder as text, to compare before and after. */
#ifndef DMV_TESTS_SNAPSHOT_H
#define DMV_TESTS_SNAPSHOT_H

#include "scratch.h"

/* A line for everything below <scratch>/<path>, sorted: kind, mode, path, and the target of a link or the
 * SHA-256 of a file. Owned by the caller. Failures end the test. */
char *snapshot(const Scratch *s, const char *path);
/* Fails the test, showing the lines that differ, unless the folder is as @before says. */
void snapshot_assert_same(const Scratch *s, const char *path, const char *before);

#endif
