/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings and the file of a stream: refused with a reason and without effect, or within their ranges. */
#include <string.h>

#include "base/settings.h"
#include "base/text.h"
#include "fuzz.h"

static bool is_list(char *const *list)
{
    for (; list && *list; list++)
        if ((*list)[0] == '\0')
            return false;
    return true;
}

static void try_settings(const char *data, size_t size)
{
    DMV_CLEANUP_SETTINGS DmvSettings s = {0}, defaults = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    dmv_settings_init(&s);
    dmv_settings_init(&defaults);
    if (dmv_settings_parse("dmv.conf", data, size, &s, &e) != 0) {
        must(e.why != NULL && memcmp(&s, &defaults, sizeof(s)) == 0);
        return;
    }
    must(s.max_catalog > 0 && s.max_catalog <= defaults.max_catalog);
    must(is_list(s.alternate_kernels) && is_list(s.management));
}

static void try_stream(const char *data, size_t size)
{
    DmvStreamConf c = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (dmv_stream_conf_parse("x.conf", "x", data, size, &c, &e) != 0)
        must(e.why != NULL && !c.name && !c.urls && !c.root && !c.ca);
    else
        must(dmv_name_is_valid(c.name) && is_list(c.urls));
    dmv_stream_conf_deinit(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_settings((const char *)data, size);
    try_stream((const char *)data, size);
    return 0;
}
