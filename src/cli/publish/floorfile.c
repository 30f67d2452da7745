/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See floorfile.h. */
#include "cli/publish/floorfile.h"

#include <string.h>

#include "base/cleanup.h"
#include "cli/publish/rootfile.h"
#include "host/fs.h"
#include "trust/floor.h"

#define WHAT "cannot write " DMV_PUBLISH_FLOOR
#define BUNDLE_MAX_SIZE ((size_t)64 << 20)

static int judge_bundle(const DmvPublisher *p, DmvBundleResult *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *roots = NULL;
    DMV_CLEANUP_FREE char *bundle = NULL;
    size_t size = 0;
    int r = dmv_fs_read_file(p->fd, DMV_PUBLISH_BUNDLE, BUNDLE_MAX_SIZE, &bundle, &size);

    if (r < 0)
        return dmv_error_set(reterr, r, WHAT, NULL, DMV_PUBLISH_BUNDLE ": %s", strerror(-r));
    r = dmv_rootfile_history(p, &roots, reterr);
    return r == 0 ? dmv_rootfile_judge_bundle(p, roots, bundle, size, true, ret, reterr) : r;
}

int dmv_floorfile_save(const DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_BUNDLE DmvBundleResult b = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    DmvTrustFloor floor = {.stream = p->stream};
    size_t size = 0;
    int r = judge_bundle(p, &b, reterr);

    if (r != 0)
        return r;
    memcpy(floor.key_set, b.state.key_set, sizeof(floor.key_set));
    floor.catalog_version = b.state.catalog_version;
    floor.issued = b.state.clock_floor; /* the first host had none, so this is the catalog's */
    r = dmv_trust_floor_format(&floor, &text, &size);
    return r == 0 ? dmv_publisher_write(p, DMV_PUBLISH_FLOOR, text, size, 0644, reterr) : r;
}
