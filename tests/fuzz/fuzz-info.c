/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An info.json that is taken can be written, and says the same when it is read again. */
#include <string.h>

#include "fuzz.h"
#include "model/info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_installed_deinit) DmvInstalled first = {0};
    DMV_CLEANUP(dmv_installed_deinit) DmvInstalled second = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_FREE char *again = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t text_size, again_size;

    if (dmv_info_parse((const char *)data, size, &first, &e) != 0) {
        must(!first.driver && !first.ids && e.why);
        return 0;
    }
    must(first.driver && first.variant && first.version && first.tier);
    must(dmv_info_format(&first, &text, &text_size) == 0);
    must(dmv_info_parse(text, text_size, &second, NULL) == 0);
    must(dmv_info_format(&second, &again, &again_size) == 0);
    must(text_size == again_size && memcmp(text, again, text_size) == 0);
    return 0;
}
