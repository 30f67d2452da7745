/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of /proc/keys and of lockdown. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/module-policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_kernel_keys_deinit) DmvKernelKeys keys = {0};
    DMV_CLEANUP_FREE char *text = strndup((const char *)data, size);

    must(text && dmv_kernel_keys_parse((const char *)data, size, &keys) == 0);
    for (size_t i = 0; i < keys.n; i++)
        must(keys.items[i].is_ring || (keys.items[i].subject && keys.items[i].id));
    (void)dmv_lockdown_parse(text);
    return 0;
}
