/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forecast as the JSON of io.dmv.Manager.
 */
#include "model/render-forecast.h"

#include <errno.h>
#include <stdio.h>

#include "base/jsonbuild.h"

static json_object *render_bounds(const DmvBound *items, size_t n)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < n; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "module", items[i].module);
        dmv_jb_string(&b, "path", items[i].path);
        dmv_jb_string(&b, "release", items[i].release);
        dmv_jb_string(&b, "install", items[i].install);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static void add_name(DmvJsonBuilder *b, const DmvDevice *d)
{
    DMV_CLEANUP_FREE char *name = NULL;

    if (!d->vendor_name || !d->device_name)
        return;
    if (asprintf(&name, "%s %s", d->vendor_name, d->device_name) < 0) {
        name = NULL;
        b->error = -ENOMEM;
    }
    dmv_jb_string(b, "name", name);
}

json_object *dmv_render_device_forecasts(const DmvForecast *f)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < f->n_devices; i++) {
        const DmvDeviceForecast *x = &f->devices[i];
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "kernel", x->kernel);
        dmv_jb_string(&b, "slot", x->device->slot);
        add_name(&b, x->device);
        dmv_jb_string(&b, "class", x->device->class_name);
        dmv_jb_strv(&b, "interfaces", x->device->interfaces);
        dmv_jb_strv(&b, "blocks", x->device->blocks);
        dmv_jb_value(&b, "now", render_bounds(x->now, x->n_now));
        dmv_jb_value(&b, "next", render_bounds(x->next, x->n_next));
        dmv_jb_bool(&b, "changed", x->changed);
        dmv_jb_strv(&b, "notes", x->notes);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static json_object *render_copies(const DmvImageForecast *x)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < x->n_copies; i++) {
        const DmvCopyForecast *c = &x->copies[i];
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "module", c->module);
        dmv_jb_strv(&b, "devices", c->slots);
        dmv_jb_string(&b, "buildId", c->build_id);
        dmv_jb_string(&b, "release", c->release);
        dmv_jb_string(&b, "nextRelease", c->next_release);
        dmv_jb_bool(&b, "stale", c->stale);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

json_object *dmv_render_image_forecasts(const DmvForecast *f)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < f->n_images; i++) {
        const DmvImageForecast *x = &f->images[i];
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "kernel", x->kernel);
        dmv_jb_string(&b, "path", x->path);
        dmv_jb_value(&b, "modules", render_copies(x));
        dmv_jb_bool(&b, "stale", x->stale);
        dmv_jb_string(&b, "problem", x->problem);
        dmv_jb_string(&b, "next", x->next);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}
