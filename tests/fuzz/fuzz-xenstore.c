/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * XenStore as text (tests/support/xenstorekit.h): whatever is in it, it becomes guests of which the worker's
 * reply can be made and read, and which can be merged with themselves.
 */
#include <string.h>

#include "../support/xenstorekit.h"
#include "fuzz.h"
#include "model/guest-reply.h"

static void check(DmvGuests *g)
{
    DMV_CLEANUP_GUESTS DmvGuests copy = {0}, again = {0}, merged = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    size_t n;

    for (size_t i = 0; i < g->n; i++) {
        must(g->items[i].id > 0 && g->items[i].name != NULL && g->items[i].state == DMV_GUEST_RUNNING);
        must(g->items[i].n_devices <= DMV_GUEST_DEVICES_MAX);
    }
    o = dmv_guest_reply_render(g, DMV_CHANNEL_XENSTORE);
    must(o != NULL);
    must(dmv_guest_reply_read(o, DMV_CHANNEL_XENSTORE, &copy, NULL) == 0);
    must(dmv_guest_reply_read(o, DMV_CHANNEL_XENSTORE, &again, NULL) == 0);
    must(copy.n == g->n && copy.problems.n == g->problems.n);
    must(dmv_guests_merge(&merged, &copy) == 0);
    n = merged.n;
    must(n <= g->n);
    must(dmv_guests_merge(&merged, &again) == 0);
    must(merged.n == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    XenstoreKit kit = {0};
    DmvXenstoreReader reader = xenstore_reader(&kit, true);

    xenstore_add_text(&kit, (const char *)data, size);
    must(dmv_xenstore_read_tree(&reader, &g) == 0);
    check(&g);
    xenstore_deinit(&kit);
    return 0;
}
