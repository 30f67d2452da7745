/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See recorded.h. */
#include "recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void make_host(const Scratch *s, const char *host, const char *folder)
{
    const char *source = getenv("DMV_SOURCE");
    char tool[1024];

    assert_non_null(source); /* ctest sets it: the top of the source tree */
    assert_true(snprintf(tool, sizeof(tool), "%s/tests/hosts/make-host", source) < (int)sizeof(tool));
    scratch_run("bash", tool, host, scratch_path(s, folder), NULL);
}

void recorded_host(const Scratch *s, const char *name, const char *folder)
{
    const char *source = getenv("DMV_SOURCE");
    char host[1024];

    assert_non_null(source);
    assert_true(snprintf(host, sizeof(host), "%s/tests/hosts/%s.host", source, name) < (int)sizeof(host));
    make_host(s, host, folder);
}

void recorded_text(const Scratch *s, const char *text, const char *folder)
{
    scratch_write(s, "text.host", text);
    make_host(s, scratch_path(s, "text.host"), folder);
}
