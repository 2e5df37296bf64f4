/* SPDX-License-Identifier: GPL-3.0-or-later
 * For LD_PRELOAD: shows a process a wall clock that is SKEW_MS milliseconds ahead. Lab nodes share one kernel and its clock, and a time
 * namespace leaves the wall clock alone. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = syscall(SYS_clock_gettime, clock, now);
    const char *skew = getenv("SKEW_MS");

    if (failed == 0 && clock == CLOCK_REALTIME && skew != NULL) {
        long long nanoseconds = (long long)now->tv_sec * 1000000000 + now->tv_nsec + atoll(skew) * 1000000;
        now->tv_sec = nanoseconds / 1000000000;
        now->tv_nsec = nanoseconds % 1000000000;
    }
    return failed;
}
