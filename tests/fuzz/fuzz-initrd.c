/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An initrd image from anywhere: refused with a reason, or read. */
#include "fuzz.h"
#include "host/initrd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_initrd_parse(data, size, &i, &e);

    must(r >= 0);
    if (r > 0)
        must(e.code == r && e.why && !i.modules && !i.blacklist);
    for (size_t m = 0; m < i.n_modules; m++)
        must(i.modules[m].name && i.modules[m].path && i.modules[m].kernel);
    return 0;
}
