/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A clock that jumps, for tests: LD_PRELOAD of it shifts what a program is told of CLOCK_REALTIME by the
 * seconds in the file DMV_TEST_CLOCK, in which they can change at any time. The machine's clock stays, and so
 * do the other clocks and what the kernel writes itself, the times of files.
 *
 * The file is mapped once, at the start: a worker that has confined itself could not open it any more. So it
 * has to be there before, and has to be written in place.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SIZE 32 /* of the number with all that follows it */

static const char *shift_text;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("DMV_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (map == MAP_FAILED)
        abort(); /* a test must not take the machine's time for its own */
    shift_text = map;
    (void)close(fd);
}

static long shift(void)
{
    return shift_text ? strtol(shift_text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r;

    if (!real_clock_gettime)
        *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    r = real_clock_gettime(clock, ret);
    if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret->tv_sec += shift();
    return r;
}

time_t time(time_t *ret)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec ts = {0};

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    *ret = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
    return 0;
}
