/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See inspect.h. Everything is read with the worker's rights, nothing is decided here. */
#include "daemon/apply/inspect.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "daemon/shared/inspect.h"
#include "host/initrd.h"

/* Files a turn: a reply has some 20 KiB then, and leaves a few times a second. */
#define BATCH 64

struct DmvInspecting {
    const DmvRoots *roots;
    VlCall *call;
    DmvInspectRequest request;
    char **next_file;   /* of the request */
    char **next_kernel; /* of the request */
    sd_event_source *source;
};

DMV_DEFINE_CLEANUP(DmvInspecting *, cleanup_inspecting, dmv_inspecting_free);

static void let_go(DmvInspecting *i)
{
    if (i->call)
        vl_call_set_hooks(i->call, NULL, NULL);
    i->call = vl_call_unref(i->call); /* one that was not answered fails by that */
}

DmvInspecting *dmv_inspecting_free(DmvInspecting *i)
{
    if (!i)
        return NULL;
    (void)sd_event_source_disable_unref(i->source);
    dmv_inspect_request_deinit(&i->request);
    let_go(i);
    free(i);
    return NULL;
}

/* ---- images ---- */

static int add_copies(const DmvInitrd *image, DmvInspectedImage *x)
{
    for (size_t i = 0; i < image->n_modules; i++) {
        const DmvInitrdModule *m = &image->modules[i];
        DmvInspected *c;

        if (!dmv_streq(m->kernel, x->kernel)) /* that kernel does not boot by this image */
            continue;
        c = DMV_ARRAY_ADD(x->copies, x->n_copies);
        if (!c || dmv_set_string(&c->path, m->path) < 0 || dmv_set_string(&c->sha256, m->sha256) < 0 ||
            dmv_set_string(&c->build_id, m->build_id) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int inspect_image(const DmvRoots *r, const char *kernel, const char *path, DmvInspection *ret)
{
    DMV_CLEANUP_INITRD DmvInitrd image = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvInspectedImage *x = DMV_ARRAY_ADD(ret->images, ret->n_images);
    int result = x ? dmv_set_string(&x->path, path) : -ENOMEM;

    if (result == 0)
        result = dmv_set_string(&x->kernel, kernel);
    if (result == 0)
        result = dmv_initrd_read_hashed(r, path, &image, &e);
    if (result == 0)
        return add_copies(&image, x);
    if (result == -ENOMEM)
        return result;
    return dmv_set_string(&x->problem, dmv_error_words(&e, result));
}

static int inspect_images(const DmvRoots *r, const char *kernel, DmvInspection *ret)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    int result = dmv_initrd_find(r, kernel, &paths);

    if (result < 0 && result != -ENOMEM) {
        DmvInspectedImage *x = DMV_ARRAY_ADD(ret->images, ret->n_images);

        return x && dmv_set_string(&x->path, "boot") == 0 && dmv_set_string(&x->kernel, kernel) == 0
                   ? dmv_set_string(&x->problem, strerror(-result))
                   : -ENOMEM;
    }
    for (char **p = paths; result == 0 && p && *p; p++)
        result = inspect_image(r, kernel, *p, ret);
    return result;
}

/* ---- turns ---- */

static int inspect_files(DmvInspecting *i, DmvInspection *ret)
{
    int r = 0;

    for (size_t n = 0; r == 0 && n < BATCH && i->next_file && *i->next_file; n++) {
        DmvInspected *x = DMV_ARRAY_ADD(ret->files, ret->n_files);

        r = x ? dmv_inspect_module(i->roots->fd, *i->next_file++, i->request.certificates, x) : -ENOMEM;
    }
    return r;
}

static bool is_done(const DmvInspecting *i)
{
    return !(i->next_file && *i->next_file) && !(i->next_kernel && *i->next_kernel);
}

/* Return: 1 with the last reply, 0 before, a negative errno. */
static int take_turn(DmvInspecting *i)
{
    DMV_CLEANUP_INSPECTION DmvInspection found = {0};
    bool last = is_done(i);
    json_object *reply;
    int r = 0;

    if (i->next_file && *i->next_file)
        r = inspect_files(i, &found);
    else if (!last)
        r = inspect_images(i->roots, *i->next_kernel++, &found);
    reply = r == 0 ? dmv_inspection_render(&found) : NULL;
    if (!reply)
        return -ENOMEM;
    if (last)
        return vl_call_reply(i->call, reply) < 0 ? -EIO : 1;
    r = vl_call_notify(i->call, reply);
    if (r > 0) /* on_drain() goes on */
        r = sd_event_source_set_enabled(i->source, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

static void on_drain(VlCall *call, void *userdata)
{
    const DmvInspecting *i = userdata;

    (void)call;
    (void)sd_event_source_set_enabled(i->source, SD_EVENT_ON);
}

/* Whoever cannot be told is gone, and the loop ends with the connection. */
static int on_turn(sd_event_source *source, void *userdata)
{
    DmvInspecting *i = userdata;
    int r = take_turn(i);

    if (r == 0)
        return 0;
    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    let_go(i);
    return 0;
}

int dmv_inspecting_new(sd_event *event, const DmvRoots *roots, VlCall *call, DmvInspectRequest *q,
                       DmvInspecting **ret)
{
    static const VlCallHooks hooks = {.drain = on_drain};
    DMV_CLEANUP(cleanup_inspecting) DmvInspecting *i = calloc(1, sizeof(*i));
    int r;

    if (!i)
        return -ENOMEM;
    i->roots = roots;
    i->call = vl_call_ref(call);
    i->request = *q;
    *q = (DmvInspectRequest){0};
    i->next_file = i->request.files;
    i->next_kernel = i->request.kernels;
    vl_call_set_hooks(call, &hooks, i);
    r = sd_event_add_defer(event, &i->source, on_turn, i);
    if (r >= 0)
        r = sd_event_source_set_priority(i->source, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_source_set_enabled(i->source, SD_EVENT_ON);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(i);
    return 0;
}
