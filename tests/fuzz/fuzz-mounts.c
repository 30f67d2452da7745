/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mountinfo and swaps: a line is a mount or is counted, and what is looked up is one of them. */
#include "fuzz.h"
#include "model/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_MOUNTS DmvMounts m = {0};
    DMV_CLEANUP_STRV char **partitions = NULL, **files = NULL;
    size_t lines = 1;

    must(dmv_mounts_parse((const char *)data, size, &m) == 0);
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    must(m.n + m.n_odd <= lines);
    for (size_t i = 0; i < m.n; i++) {
        DMV_CLEANUP_FREE char *value = NULL;

        must(m.items[i].point[0] == '/' && m.items[i].type && m.items[i].source);
        must(dmv_mounts_at(&m, m.items[i].point) && dmv_mounts_of_path(&m, m.items[i].point));
        must(dmv_mount_option(m.items[i].options, "addr", &value) == 0);
    }
    must(dmv_swaps_parse((const char *)data, size, &partitions, &files) == 0);
    for (char **p = partitions; p && *p; p++)
        must((*p)[0] == '/');
    return 0;
}
