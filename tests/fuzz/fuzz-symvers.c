/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list of exported symbols: refused as a whole, or taken as a whole. */
#include "fuzz.h"
#include "model/symvers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t lines = 0;
    int r = dmv_symvers_parse((const char *)data, size, &k, &e);

    must(r >= 0);
    if (r > 0) {
        must(e.code == r && e.why && !k);
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    must(data[size - 1] == '\n' && dmv_kabi_size(k) > 0 && dmv_kabi_size(k) <= lines);
    return 0;
}
