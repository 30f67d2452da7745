/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * why and why-not: the trace of the decision, in words. Nothing is decided here: every line repeats what
 * resolve and plan have found. That of one release is model/trace.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/manager.h"
#include "model/adopted.h"
#include "model/forecast.h"
#include "model/lifeline.h"
#include "model/render.h"
#include "model/trace.h"

__attribute__((format(printf, 3, 4))) static void say(DmvJsonBuilder *list, const char *kind,
                                                      const char *format, ...)
{
    DMV_CLEANUP_FREE char *text = NULL;
    DmvJsonBuilder b = {0};
    va_list ap;

    va_start(ap, format);
    text = dmv_vformat(format, ap);
    va_end(ap);
    if (!text) {
        list->error = -ENOMEM;
        return;
    }
    dmv_jb_object(&b);
    dmv_jb_string(&b, "kind", kind);
    dmv_jb_string(&b, "text", text);
    dmv_jb_add(list, dmv_jb_end(&b));
}

static void say_binding(DmvJsonBuilder *list, const DmvKernel *k, const DmvBinding *b)
{
    const DmvIndexEntry *e = b->modules ? dmv_kernel_index(k, b->modules[0]) : NULL;

    if (!b->modules)
        say(list, "note", "the index of kernel %s has no module for it", k->release);
    else
        say(list, "note", "the index of kernel %s gives module %s for it, from %s", k->release, b->modules[0],
            e && e->path ? e->path : "the kernel itself");
}

static void say_device(DmvJsonBuilder *list, const DmvManager *m, const DmvDevice *d)
{
    say(list, "note", "device %s is %s %s (%04x:%04x), class %06x", d->slot,
        d->vendor_name ? d->vendor_name : "unknown", d->device_name ? d->device_name : "device", d->vendor,
        d->device, d->class_id);
    if (d->driver)
        say(list, "ok", "it is driven by %s now%s%s", d->driver, d->module ? ", module " : "",
            d->module ? d->module : "");
    else
        say(list, "note", "no driver is bound to it now");
    for (size_t i = 0; i < m->world.n_lifelines; i++)
        if (dmv_lifeline_has_slot(&m->world.lifelines[i], d->slot))
            say(list, "note", "it is a lifeline, the host needs it to come back: %s",
                m->world.lifelines[i].chain);
    for (size_t k = 0; k < m->world.n_kernels; k++)
        for (size_t b = 0; b < m->world.kernels[k].n_bindings; b++)
            if (strcmp(m->world.kernels[k].bindings[b].slot, d->slot) == 0)
                say_binding(list, &m->world.kernels[k], &m->world.kernels[k].bindings[b]);
}

static void say_bound(DmvJsonBuilder *list, const DmvDeviceForecast *x)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    for (size_t i = 0; i < x->n_next; i++) {
        const DmvBound *b = &x->next[i];

        dmv_text_appendf(&t, "%s%s from %s%s%s%s", i > 0 ? ", " : "", b->module,
                         b->install ? "an install rule"
                         : b->path  ? b->path
                                    : "the kernel itself",
                         b->release ? " (" : "", b->release ? b->release : "", b->release ? ")" : "");
    }
    if (t.error < 0)
        list->error = t.error;
    else
        say(list, x->n_next > 0 ? "ok" : "problem", "kernel %s would load %s at the next boot%s", x->kernel,
            t.data ? t.data : "nothing", x->changed ? ", once the plan is activated" : "");
}

/* What modprobe would do for it after the plan, and what in modprobe.d matters. */
static void say_forecast(DmvJsonBuilder *list, const DmvForecast *f, const DmvDevice *d)
{
    for (size_t i = 0; i < f->n_devices; i++) {
        if (f->devices[i].device != d)
            continue;
        say_bound(list, &f->devices[i]);
        for (char **n = f->devices[i].notes; n && *n; n++)
            say(list, "note", "kernel %s: %s", f->devices[i].kernel, *n);
    }
    for (size_t i = 0; i < f->n_images; i++)
        for (size_t c = 0; c < f->images[i].n_copies; c++)
            if (f->images[i].copies[c].stale && dmv_strv_contains(f->images[i].copies[c].slots, d->slot))
                say(list, "problem", "%s has another %s (%s) than the kernel's tree (%s): %s",
                    f->images[i].path, f->images[i].copies[c].module,
                    f->images[i].copies[c].release ? f->images[i].copies[c].release : "unknown",
                    f->images[i].copies[c].next_release ? f->images[i].copies[c].next_release : "nothing",
                    f->images[i].next);
}

static void say_lifelines(DmvJsonBuilder *list, const DmvViewDriver *d)
{
    for (char **chain = d->lifelines; chain && *chain; chain++)
        say(list, "note", "a lifeline stands on %s: %s", d->name, *chain);
}

static void say_selection(DmvJsonBuilder *list, const DmvViewDriver *d)
{
    DMV_CLEANUP_FREE char *what = dmv_selection_to_string(d->selection);

    if (!d->selection) {
        say(list, "note", "nothing was selected for %s: its modules are as the host has them", d->name);
        return;
    }
    if (!what) {
        list->error = -ENOMEM;
        return;
    }
    say(list, "ok", "selected: %s%s%s%s", what, d->selection->because ? " (" : "",
        d->selection->because ? d->selection->because : "", d->selection->because ? ")" : "");
    if (d->pinned)
        say(list, "note", "it is pinned%s%s", d->selection->pin_reason ? ": " : "",
            d->selection->pin_reason ? d->selection->pin_reason : "");
    if (d->outdated)
        say(list, "note", "it is older than what is recommended: %s", d->recommended->name);
    for (size_t t = 0; t < d->n_targets; t++)
        if (d->targets[t].installed &&
            strcmp(dmv_installed_built_for(d->targets[t].installed), d->targets[t].kernel->release) != 0)
            say(list, "ok", "kernel %s takes the one that was built for kernel %s: every symbol is the same",
                d->targets[t].kernel->release, dmv_installed_built_for(d->targets[t].installed));
        else if (d->targets[t].problem)
            say(list, "problem", "kernel %s loads its own driver: %s", d->targets[t].kernel->release,
                d->targets[t].problem);
}

static void say_running(DmvJsonBuilder *list, const DmvViewDriver *d)
{
    for (size_t i = 0; i < d->n_modules; i++) {
        const DmvViewModule *x = &d->modules[i];

        if (!x->loaded)
            say(list, "note", "module %s is not loaded; the running kernel would load %s", x->name,
                x->next ? x->next : "nothing");
        else if (!x->release)
            say(list, "note",
                "module %s is loaded, but neither its build-id nor a note says which release it is", x->name);
        else
            say(list, dmv_streq(x->release, x->next) || !x->next ? "ok" : "note",
                "module %s is loaded from %s (known by %s); the next load takes %s", x->name, x->release,
                x->proof ? x->proof : "nothing", x->next ? x->next : "an unknown file");
    }
    if (d->reboot_needed)
        say(list, "note", "what is loaded is not what would be loaded next: a reboot is needed");
}

static void say_plan(DmvJsonBuilder *list, const DmvManager *m, const DmvViewDriver *d)
{
    for (size_t i = 0; i < m->plan.n_predictions; i++) {
        const DmvPrediction *p = &m->plan.predictions[i];

        for (size_t k = 0; k < d->n_modules; k++)
            if (dmv_module_name_equal(d->modules[k].name, p->module))
                say(list, p->changed ? "note" : "ok", "kernel %s loads %s for %s%s%s", p->kernel,
                    p->now ? p->now : "nothing", p->module, p->changed ? ", and after activation " : "",
                    p->changed ? (p->next ? p->next : "nothing") : "");
    }
}

/* @module NULL: all of them. Return: how many there were. */
static size_t say_adopted(DmvJsonBuilder *list, const DmvAdopted *items, size_t n, const char *module)
{
    size_t said = 0;

    for (size_t i = 0; i < n; i++) {
        const DmvAdopted *a = &items[i];
        DMV_CLEANUP_FREE char *owner = dmv_adopted_owner_words(a), *effect = dmv_adopted_effect_words(a);

        if (module && !dmv_module_name_equal(a->file->name, module))
            continue;
        if (!owner || !effect) {
            list->error = -ENOMEM;
            return said;
        }
        say(list, "note", "kernel %s has %s of %s, tier %s; %s", a->kernel->release, a->file->path, owner,
            dmv_tier_to_string(a->tier), effect);
        for (char **s = a->inconsistencies; s && *s; s++)
            say(list, "problem", "%s: %s", a->file->path, *s);
        said++;
    }
    return said;
}

static void say_release(DmvJsonBuilder *list, const DmvViewRelease *r)
{
    bool fits = r->verdict == DMV_VERDICT_FITS;

    for (size_t i = 0; r->reasons && r->reasons[i]; i++)
        say(list, !fits && i == r->why ? "problem" : "note", "%s: %s", r->name, r->reasons[i]);
    if (r->catalog)
        say(list, "note", "%s: stream %s lists it with sequence %lld, tier %s%s", r->name,
            r->source->catalog->stream, (long long)r->catalog->sequence, r->catalog->tier,
            r->recommended ? ", and recommends it" : "");
    say(list, fits ? "ok" : "problem", "%s: %s", r->name,
        fits ? "it can be chosen" : dmv_verdict_to_string(r->verdict));
}

static void say_trace(DmvJsonBuilder *list, const DmvTrace *t)
{
    for (size_t i = 0; i < t->n; i++)
        say(list, t->lines[i].kind, "%s", t->lines[i].text);
}

static const DmvDevice *device_named(const DmvManager *m, const char *object)
{
    const DmvDevice *d = dmv_world_device(&m->world, object);

    for (size_t i = 0; !d && i < m->world.n_devices; i++)
        if (dmv_strv_contains(m->world.devices[i].interfaces, object) ||
            dmv_strv_contains(m->world.devices[i].blocks, object))
            d = &m->world.devices[i];
    return d;
}

/* A module that no driver is known for, and that others brought. Return: NULL if that is not so. */
static json_object *explain_adopted(const DmvManager *m, const char *module)
{
    DmvJsonBuilder list = {0}, b = {0};

    dmv_jb_array(&list);
    if (say_adopted(&list, m->view.adopted, m->view.n_adopted, module) == 0) {
        json_object_put(dmv_jb_end(&list));
        return NULL;
    }
    dmv_jb_object(&b);
    dmv_jb_string(&b, "object", module);
    dmv_jb_value(&b, "reasons", dmv_jb_end(&list));
    return dmv_jb_end(&b);
}

bool dmv_why_is_device(const DmvManager *m, const char *object)
{
    return device_named(m, object) != NULL;
}

json_object *dmv_why_render(DmvManager *m, const char *object, const DmvForecast *f, DmvError *reterr,
                            int *ret_code)
{
    const DmvDevice *device = device_named(m, object);
    DMV_CLEANUP(dmv_trace_deinit) DmvTrace trace = {0};
    DmvJsonBuilder list = {0}, b = {0};
    DmvViewDriver *d = NULL;
    DmvViewRelease *release = NULL;
    bool is_release = strchr(object, '/') != NULL || strchr(object, '@') != NULL;
    int r = is_release ? dmv_view_find_release(&m->view, object, &d, &release, reterr)
                       : dmv_view_find(&m->view, object, &d, reterr);

    if (r == 0 && release)
        r = dmv_trace_release(&m->view, &m->plan, d, release, &trace);
    *ret_code = device && (r == DMV_NO_SUCH_DRIVER || r == DMV_AMBIGUOUS) ? 0 : r;
    if (r == DMV_NO_SUCH_OBJECT) {
        json_object *adopted = explain_adopted(m, object);

        *ret_code = adopted ? 0 : r;
        return adopted;
    }
    if (*ret_code != 0)
        return NULL;
    dmv_jb_array(&list);
    if (device)
        say_device(&list, m, device);
    if (device && f)
        say_forecast(&list, f, device);
    if (r != 0)
        say(&list, "problem", "%s", reterr->why ? reterr->why : "no driver is known for it");
    say_trace(&list, &trace);
    for (size_t i = 0; r == 0 && !release && i < d->n_releases; i++)
        if (dmv_filter_passes(DMV_FILTER_FITTING, &d->releases[i]))
            say_release(&list, &d->releases[i]);
    if (r == 0 && !release) {
        say_lifelines(&list, d);
        say_selection(&list, d);
        (void)say_adopted(&list, d->adopted, d->n_adopted, NULL);
        say_plan(&list, m, d);
        say_running(&list, d);
    }
    dmv_jb_object(&b);
    dmv_jb_string(&b, "object", r == 0 ? (release ? release->name : d->name) : object);
    dmv_jb_value(&b, "reasons", dmv_jb_end(&list));
    return dmv_jb_end(&b);
}

json_object *dmv_why_not_render(DmvManager *m, const char *release, DmvError *reterr, int *ret_code)
{
    DMV_CLEANUP(dmv_trace_deinit) DmvTrace trace = {0};
    DmvJsonBuilder list = {0}, b = {0};
    DmvViewDriver *d = NULL;
    DmvViewRelease *r = NULL;

    *ret_code = dmv_view_find_release(&m->view, release, &d, &r, reterr);
    if (*ret_code == 0)
        *ret_code = dmv_trace_release(&m->view, &m->plan, d, r, &trace);
    if (*ret_code != 0)
        return NULL;
    dmv_jb_array(&list);
    say_trace(&list, &trace);
    dmv_jb_object(&b);
    dmv_jb_string(&b, "object", r->name);
    dmv_jb_value(&b, "reasons", dmv_jb_end(&list));
    dmv_jb_string(&b, "decisive", trace.decisive);
    dmv_jb_string(&b, "next", trace.next);
    return dmv_jb_end(&b);
}
