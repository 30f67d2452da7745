/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "benchkit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dmv/outcome.h"

double bench_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void bench_check(const char *what, int r)
{
    if (r == 0)
        return;
    (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
                  r < 0 ? strerror(-r) : dmv_outcome_reason(r));
    exit(1);
}
