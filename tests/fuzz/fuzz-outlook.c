/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a worker says of a kernel: it is refused, or it comes back as it was. */
#include "base/json.h"
#include "fuzz.h"
#include "model/outlook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DmvJsonLimits limits = {.size = 1 << 20, .depth = 16, .nodes = 10000};
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL, *third = NULL;
    DMV_CLEANUP_OUTLOOK DmvOutlook outlook = {0}, second = {0};

    if (dmv_json_parse((const char *)data, size, &limits, &o, NULL) != 0 || !o ||
        dmv_outlook_read(o, &outlook, NULL) != 0)
        return 0;
    again = dmv_outlook_render(&outlook);
    must(again && dmv_outlook_read(again, &second, NULL) == 0);
    third = dmv_outlook_render(&second);
    must(json_object_equal(again, third));
    return 0;
}
