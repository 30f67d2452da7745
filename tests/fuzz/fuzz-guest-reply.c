/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guest worker says, and the memory of saved guests: refused with a reason, or written again it says
 * the same. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/guest-reply.h"
#include "model/guest-stop.h"

static char *format(json_object *o)
{
    char *text = NULL;

    must(o != NULL && dmv_json_format(o, &text, NULL) == 0);
    return text;
}

static void read_reply(json_object *o)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0}, copy = {0};
    DMV_CLEANUP_JSON json_object *once = NULL, *twice = NULL;
    DMV_CLEANUP_FREE char *a = NULL, *b = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_guest_reply_read(o, DMV_CHANNEL_CONFIG, &g, &e);

    must(r >= 0);
    if (r > 0) {
        must(e.code == r && e.why != NULL && g.n == 0);
        return;
    }
    for (size_t i = 0; i < g.n; i++)
        for (size_t d = 0; d < g.items[i].n_devices; d++)
            must(dmv_backing_is_valid(g.items[i].devices[d].kind, g.items[i].devices[d].what));
    once = dmv_guest_reply_render(&g, DMV_CHANNEL_CONFIG);
    must(dmv_guest_reply_read(once, DMV_CHANNEL_CONFIG, &copy, NULL) == 0);
    twice = dmv_guest_reply_render(&copy, DMV_CHANNEL_CONFIG);
    a = format(once);
    b = format(twice);
    must(strcmp(a, b) == 0);
}

static void read_stops(const char *data, size_t size)
{
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops s = {0}, copy = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_guest_stops_parse(data, size, &s, &e);

    must(r >= 0);
    if (r > 0) {
        must(e.code == r && e.why != NULL && s.n == 0);
        return;
    }
    must(dmv_guest_stops_to_json(&s, &o) == 0);
    must((o != NULL) == (s.n > 0));
    if (!o)
        return;
    text = format(o);
    must(dmv_guest_stops_parse(text, strlen(text), &copy, NULL) == 0);
    must(copy.n == s.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DmvJsonLimits limits = {.size = 1 << 20, .depth = 8, .nodes = 100000};
    DMV_CLEANUP_JSON json_object *o = NULL;

    if (dmv_json_parse((const char *)data, size, &limits, &o, NULL) == 0)
        read_reply(o);
    read_stops((const char *)data, size);
    return 0;
}
