/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stored names: refused, or read and written again as they are; nothing differs from itself. */
#include "fuzz.h"
#include "model/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DmvJsonLimits limits = {
        .size = 1 << 20, .depth = 8, .nodes = 100000, .plain_integers = true};
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL;
    DMV_CLEANUP_NAMES DmvNames n = {0}, copy = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE DmvNameDifference *differences = NULL;
    size_t n_differences = 0;
    int r;

    if (dmv_json_parse((const char *)data, size, &limits, &o, NULL) != 0)
        return 0;
    r = dmv_names_from_json(o, &n, &e);
    must(r >= 0);
    if (r > 0) {
        must(e.code == r && n.n == 0);
        return 0;
    }
    must(dmv_names_to_json(&n, &again) == 0 && dmv_names_from_json(again, &copy, NULL) == 0 && copy.n == n.n);
    must(dmv_names_compare(&n, &copy, &differences, &n_differences) == 0 && n_differences == 0);
    return 0;
}
