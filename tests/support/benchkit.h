/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the measurements in tests/bench share. */
#ifndef DMV_TESTS_BENCHKIT_H
#define DMV_TESTS_BENCHKIT_H

/* Seconds of a clock that only goes on. */
double bench_now(void);
/* Ends the program with the words for @r, an outcome or a negative errno, unless it is 0. */
void bench_check(const char *what, int r);

#endif
