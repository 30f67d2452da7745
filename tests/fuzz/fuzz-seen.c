/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of the last good boot: refused with a reason, or written again it says the same. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/seen.h"

static char *write_seen(const DmvSeen *s)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    char *text = NULL;

    must(dmv_seen_to_json(s, &o) == 0);
    must(dmv_json_format(o, &text, NULL) == 0);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_FREE char *text = NULL, *again = NULL;
    DMV_CLEANUP_SEEN DmvSeen s = {0}, copy = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_seen_parse((const char *)data, size, &s, &e);

    must(r >= 0);
    if (r > 0) {
        must(e.code == r && e.why != NULL && s.n_lifelines == 0 && s.names.n == 0);
        return 0;
    }
    must(dmv_strv_length(s.kernel_log) <= DMV_SEEN_MAX_LINES);
    text = write_seen(&s);
    /* what has a name that cannot be shown is written as it can */
    must(dmv_seen_parse(text, strlen(text), &copy, NULL) == 0);
    must(copy.n_lifelines == s.n_lifelines && copy.names.n == s.names.n);
    again = write_seen(&copy);
    must(strcmp(text, again) == 0);
    return 0;
}
