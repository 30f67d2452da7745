/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes from anywhere: refused, or values that can be written and say the same when they are read again. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_note_deinit) DmvNote first = {0};
    DMV_CLEANUP(dmv_note_deinit) DmvNote second = {0};
    DMV_CLEANUP_FREE void *bytes = NULL;
    DMV_CLEANUP_FREE char *build_id = NULL;
    size_t written;

    if (dmv_build_id_parse(data, size, &build_id) == 0)
        must(dmv_is_hex(build_id, strlen(build_id)) && strlen(build_id) > 0);
    if (dmv_note_parse(data, size, &first) != 0) {
        must(!first.variant && !first.version && !first.release);
        return 0;
    }
    must(dmv_note_format(&first, &bytes, &written) == 0);
    must(dmv_note_parse(bytes, written, &second) == 0);
    must(dmv_streq(first.variant, second.variant) && dmv_streq(first.version, second.version) &&
         dmv_streq(first.release, second.release));
    return 0;
}
