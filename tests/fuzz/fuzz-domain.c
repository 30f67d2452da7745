/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain descriptions: refused with a reason, or a guest of which the worker's reply can be made and read. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "guest/domain.h"
#include "model/guest-reply.h"

static char *bridge_of(const char *network, void *userdata)
{
    (void)userdata;
    return network[0] == 'd' ? strdup(network) : NULL;
}

static void check_reply(DmvGuest *g)
{
    DmvGuests all = {.items = g, .n = 1};
    DMV_CLEANUP_GUESTS DmvGuests copy = {0};
    DMV_CLEANUP_JSON json_object *o = dmv_guest_reply_render(&all, DMV_CHANNEL_LIBVIRT);

    must(o != NULL);
    must(dmv_guest_reply_read(o, DMV_CHANNEL_LIBVIRT, &copy, NULL) == 0);
    must(copy.n == 1 && copy.items[0].n_devices == g->n_devices && copy.items[0].id == g->id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_domain_parse((const char *)data, size, "xen", bridge_of, NULL, &g, &e);

    must(r >= 0);
    if (r > 0) {
        must(e.code == r && e.why != NULL && g.name == NULL);
        return 0;
    }
    must(g.name != NULL && g.type != NULL && g.n_devices <= DMV_GUEST_DEVICES_MAX);
    if (g.id != 0) /* the control domain, which libvirt.c leaves out */
        check_reply(&g);
    return 0;
}
