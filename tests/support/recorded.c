/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See recorded.h. */
#include "recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void recorded_host(const Scratch *s, const char *name, const char *folder)
{
    const char *source = getenv("DMV_SOURCE");
    char tool[1024], host[1024];

    assert_non_null(source); /* ctest sets it: the top of the source tree */
    assert_true(snprintf(tool, sizeof(tool), "%s/tests/hosts/make-host", source) < (int)sizeof(tool));
    assert_true(snprintf(host, sizeof(host), "%s/tests/hosts/%s.host", source, name) < (int)sizeof(host));
    scratch_run("bash", tool, host, scratch_path(s, folder), NULL);
}
