/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a worker says of modules: it is refused, or it comes back as it was. */
#include "base/json.h"
#include "fuzz.h"
#include "model/inspection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DmvJsonLimits limits = {.size = 1 << 20, .depth = 16, .nodes = 10000};
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL, *third = NULL;
    DMV_CLEANUP_INSPECTION DmvInspection first = {0}, second = {0};

    if (dmv_json_parse((const char *)data, size, &limits, &o, NULL) != 0 || !o ||
        dmv_inspection_read(o, &first, NULL) != 0)
        return 0;
    again = dmv_inspection_render(&first);
    must(again && dmv_inspection_read(again, &second, NULL) == 0);
    third = dmv_inspection_render(&second);
    must(json_object_equal(again, third));
    return 0;
}
