/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See lists.h. */
#include "lists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

void assert_list(char *const *list, const char *want)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_append(&t, "");
    for (; list && *list; list++)
        dmv_text_appendf(&t, "%s%s", t.size > 0 ? " " : "", *list);
    assert_string_equal(t.data, want);
}
