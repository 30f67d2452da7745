/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever is taken can be written, is taken again, and is then written the same. */
#include <string.h>

#include "base/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DmvJsonLimits limits = {.size = 4096, .depth = 16, .nodes = 1000};
    DMV_CLEANUP_JSON json_object *first = NULL;
    DMV_CLEANUP_JSON json_object *second = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_FREE char *again = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t text_size, again_size;

    if (size == 0)
        return 0;
    limits.plain_integers = data[0] & 1;
    limits.wide_integers = data[0] & 2;
    if (dmv_json_parse((const char *)data + 1, size - 1, &limits, &first, &e) != 0) {
        must(!first && e.why);
        return 0;
    }
    must(dmv_json_format(first, &text, &text_size) == 0);
    must(strlen(text) == text_size);
    limits.size = SIZE_MAX; /* what is escaped grows */
    must(dmv_json_parse(text, text_size, &limits, &second, NULL) == 0);
    must(dmv_json_format(second, &again, &again_size) == 0);
    must(text_size == again_size && memcmp(text, again, text_size) == 0);
    return 0;
}
