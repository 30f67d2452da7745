/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ends a transaction at one of its boundaries. See stopper.h. */
#include "stopper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int stopper_stop(const char *name, void *userdata)
{
    Stopper *s = userdata;

    (void)name;
    if (s->seen++ != s->stop_at)
        return 0;
    if (s->failure == 0)
        _exit(42);
    return s->failure;
}

bool stopper_die_at(const DmvRoots *r, StopperWork work, int at)
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        Stopper s = {.stop_at = at};
        const DmvTransactionOptions options = {.boundary = stopper_stop, .userdata = &s};

        _exit(work(r, &options) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 42);
    return WEXITSTATUS(status) == 42;
}
