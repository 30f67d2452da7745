/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program in which allocations fail when they are told to: every one that is made in it, by libc, json-c,
 * OpenSSL and systemd, too. Linked into tests/unit/test-alloc-*.c alone.
 */
#ifndef DMV_TEST_ALLOCKIT_H
#define DMV_TEST_ALLOCKIT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * AllocScenario - what is tried
 * @input: the scenario's own
 * @ret: a text that says what came of it, owned by the caller; untouched unless the result is 0
 *
 * Makes everything that it needs itself, and leaves nothing behind.
 *
 * Return: 0, an outcome, or a negative errno.
 */
typedef int (*AllocScenario)(const void *input, char **ret);

/**
 * alloc_try_each() - run a scenario as often as it allocates, with another allocation failing each time
 * @name: for messages
 *
 * Once with that allocation alone and once with all that follow failing. The result has to be -ENOMEM, or the
 * same as with enough memory (an outcome may have lost its words); nothing may be left allocated; and the
 * same scenario has to give the same result afterwards. Ends the test otherwise.
 *
 * Where there are more than 300 allocations a sample of them is taken, unless DMV_ALLOC_ALL is set; the seed
 * is printed, and taken from DMV_ALLOC_SEED.
 */
void alloc_try_each(const char *name, AllocScenario scenario, const void *input);

/* json-c's parser does not look at what strdup() gives it for the name of a member, and dies: so nothing
 * fails inside of it, unless it is told to with values that have no members. */
void alloc_spare_parser(bool spare);

/* How many failures were tried in this process. */
size_t alloc_n_tried(void);

/* The same by hand: the @nth allocation from now on fails (from 1), or that and all after it. */
void alloc_fail(size_t nth, bool all_after);
/* No more fails. Return: did one fail? */
bool alloc_stop(void);
/* Allocations that were not freed yet. */
long alloc_n_live(void);

#endif
