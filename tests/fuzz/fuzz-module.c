/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module from anywhere: refused with a reason, or read; never anything in between. */
#include "fuzz.h"
#include "host/observe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo info = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_module_parse(data, size, &info, &e);

    must(r >= 0);
    if (r > 0)
        must(e.code == r && e.why && !info.name && !info.build_id && !info.aliases);
    else
        must(info.size == size);
    return 0;
}
