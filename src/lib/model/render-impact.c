/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests and what a change means for them, as io.dmv.Manager says it. */
#include "model/impact.h"
#include "model/render.h"

static json_object *render_device(const DmvImpactDevice *d)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "kind", dmv_backing_kind_to_string(d->device->kind));
    dmv_jb_string(&b, "what", d->device->what);
    dmv_jb_string(&b, "target", d->device->target);
    dmv_jb_string(&b, "chain", d->footing ? d->footing->chain : NULL);
    dmv_jb_strv(&b, "devices", d->footing ? d->footing->slots : NULL);
    dmv_jb_strv(&b, "modules", d->footing ? d->footing->modules : NULL);
    dmv_jb_strv(&b, "drivers", d->drivers);
    if (d->device->kind == DMV_BACKING_PCI) {
        dmv_jb_string(&b, "boundDriver", d->function ? d->function->driver : NULL);
        dmv_jb_strv(&b, "unusedDrivers", d->unused);
    }
    dmv_jb_string(&b, "unknown", d->footing ? d->footing->unknown : NULL);
    return dmv_jb_end(&b);
}

static json_object *render_told_by(unsigned channels)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (int k = 0; k < DMV_CHANNEL_MAX; k++)
        if (channels & (1u << k))
            dmv_jb_add_string(&list, dmv_channel_kind_to_string((DmvChannelKind)k));
    return dmv_jb_end(&list);
}

static json_object *render_guest(const DmvGuestImpact *g)
{
    DmvJsonBuilder b = {0}, devices = {0};

    dmv_jb_array(&devices);
    for (size_t i = 0; i < g->n_devices; i++)
        dmv_jb_add(&devices, render_device(&g->devices[i]));
    dmv_jb_object(&b);
    dmv_jb_string(&b, "name", g->guest->name);
    dmv_jb_string(&b, "uuid", g->guest->uuid);
    if (g->guest->id >= 0)
        dmv_jb_int(&b, "id", g->guest->id);
    dmv_jb_string(&b, "state", dmv_guest_state_to_string(g->guest->state));
    dmv_jb_string(&b, "type", g->guest->type);
    dmv_jb_string(&b, "boot", g->guest->boot);
    dmv_jb_value(&b, "channels", render_told_by(g->guest->channels));
    dmv_jb_value(&b, "devices", dmv_jb_end(&devices));
    dmv_jb_strv(&b, "modules", g->modules);
    dmv_jb_strv(&b, "kernels", g->kernels);
    return dmv_jb_end(&b);
}

static bool is_running(const DmvGuestImpact *g)
{
    return g->guest->state == DMV_GUEST_RUNNING;
}

static bool is_now(const DmvImpact *i, const DmvGuestImpact *g)
{
    (void)i;
    return is_running(g) && g->now;
}

static bool is_at_reboot(const DmvImpact *i, const DmvGuestImpact *g)
{
    return is_running(g) && i->reboot;
}

static bool is_defined(const DmvImpact *i, const DmvGuestImpact *g)
{
    (void)i;
    return !is_running(g) && g->reached;
}

static bool is_passed(const DmvImpact *i, const DmvGuestImpact *g)
{
    (void)i;
    return g->passed;
}

void dmv_render_impact(DmvJsonBuilder *b, const DmvImpact *i)
{
    static const struct {
        const char *key;
        bool (*is_in)(const DmvImpact *i, const DmvGuestImpact *g);
    } classes[] = {
        {"now", is_now}, {"reboot", is_at_reboot}, {"defined", is_defined}, {"passedThrough", is_passed}};

    dmv_jb_bool(b, "rebootNeeded", i->reboot);
    for (size_t c = 0; c < DMV_N_ELEMENTS(classes); c++) {
        DmvJsonBuilder list = {0};

        dmv_jb_array(&list);
        for (size_t k = 0; k < i->n; k++)
            if (classes[c].is_in(i, &i->items[k]))
                dmv_jb_add(&list, render_guest(&i->items[k]));
        dmv_jb_value(b, classes[c].key, dmv_jb_end(&list));
    }
    dmv_jb_strv(b, "reserved", i->reserved);
    dmv_jb_value(b, "problems", dmv_render_problems(&i->problems));
}

json_object *dmv_render_channels(const DmvGuests *g)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (int k = 0; k < DMV_CHANNEL_MAX; k++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "channel", dmv_channel_kind_to_string((DmvChannelKind)k));
        dmv_jb_string(&b, "state", dmv_channel_state_to_string(g->channels[k].state));
        dmv_jb_string(&b, "gave", g->channels[k].gave);
        dmv_jb_string(&b, "why", g->channels[k].why);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}
