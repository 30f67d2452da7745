/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renderings of the View: list, show, status and driver-tool are the same data in another dress.
 */
#include "model/render.h"

#include <errno.h>
#include <string.h>

#include "model/adopted.h"
#include "model/lifeline.h"

json_object *dmv_render_problems(const DmvProblems *p)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < p->n; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "object", p->items[i].object ? p->items[i].object : "");
        dmv_jb_string(&b, "reason", dmv_outcome_reason(p->items[i].code));
        dmv_jb_string(&b, "why", p->items[i].why ? p->items[i].why : "");
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

/* ---- devices ---- */

static json_object *drivers_for_slot(const DmvView *v, const char *slot)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < v->n_drivers; i++)
        if (dmv_strv_contains(v->drivers[i].slots, slot))
            dmv_jb_add_string(&list, v->drivers[i].name);
    return dmv_jb_end(&list);
}

static json_object *render_device(const DmvView *v, const DmvDevice *d)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "slot", d->slot);
    dmv_jb_hex(&b, "vendorId", d->vendor, 4);
    dmv_jb_hex(&b, "deviceId", d->device, 4);
    dmv_jb_hex(&b, "subvendorId", d->subvendor, 4);
    dmv_jb_hex(&b, "subdeviceId", d->subdevice, 4);
    dmv_jb_hex(&b, "classId", d->class_id, 6);
    dmv_jb_string(&b, "vendor", d->vendor_name);
    dmv_jb_string(&b, "device", d->device_name);
    dmv_jb_string(&b, "class", d->class_name);
    dmv_jb_string(&b, "modalias", d->modalias);
    dmv_jb_string(&b, "boundDriver", d->driver);
    dmv_jb_string(&b, "module", d->module);
    dmv_jb_strv(&b, "interfaces", d->interfaces);
    dmv_jb_strv(&b, "blocks", d->blocks);
    dmv_jb_string(&b, "physicalFunction", d->physfn);
    dmv_jb_int(&b, "virtualFunctions", (int64_t)d->n_vfs);
    dmv_jb_value(&b, "drivers", drivers_for_slot(v, d->slot));
    dmv_jb_value(&b, "lifelines", dmv_render_lifelines_of_slot(v->facts.world, d->slot));
    return dmv_jb_end(&b);
}

json_object *dmv_render_devices(const DmvView *v, bool all)
{
    const DmvWorld *w = v->facts.world;
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < w->n_devices; i++)
        if (all || !w->devices[i].physfn)
            dmv_jb_add(&list, render_device(v, &w->devices[i]));
    return dmv_jb_end(&list);
}

/* ---- drivers ---- */

bool dmv_filter_passes(DmvFilter f, const DmvViewRelease *r)
{
    switch (f) {
    case DMV_FILTER_ALL:
        return true;
    case DMV_FILTER_INSTALLED:
        return r->n_installed > 0;
    case DMV_FILTER_FITTING:
        return r->verdict == DMV_VERDICT_FITS || r->n_installed > 0 || r->selected || r->active;
    }
    return false;
}

static int64_t download_size(const DmvViewRelease *r)
{
    int64_t sum = 0;

    for (size_t p = 0; r->catalog && p < r->catalog->n_packages; p++) {
        const DmvPackage *x = &r->catalog->packages[p];
        bool there = !dmv_strv_contains(r->kernels, x->kernel);

        for (size_t i = 0; !there && i < r->n_installed; i++)
            there = strcmp(r->installed[i]->kernel, x->kernel) == 0;
        if (!there)
            sum += (int64_t)x->size;
    }
    return sum;
}

static json_object *installed_kernels(const DmvViewRelease *r)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < r->n_installed; i++)
        dmv_jb_add_string(&list, r->installed[i]->kernel);
    return dmv_jb_end(&list);
}

static json_object *render_fits(const DmvViewRelease *r)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < r->n_fits; i++) {
        const DmvFit *f = &r->fits[i];
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "kernel", f->kernel->release);
        dmv_jb_string(&b, "fit", dmv_fit_kind_to_string(f->kind));
        if (f->kind == DMV_FIT_COMPATIBLE)
            dmv_jb_string(&b, "builtFor", dmv_installed_built_for(f->installed));
        dmv_jb_string(&b, "why", f->why);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static void render_trial(DmvJsonBuilder *b, const DmvRelease *c)
{
    if (c->trial_boots > 0)
        dmv_jb_int(b, "trialBoots", c->trial_boots);
    if (c->trial_hours > 0)
        dmv_jb_int(b, "trialHours", c->trial_hours);
}

static json_object *render_release(const DmvViewRelease *r, bool staged)
{
    const DmvInstalled *x = r->n_installed > 0 ? r->installed[0] : NULL;
    const DmvRelease *c = r->catalog;
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "name", r->name);
    dmv_jb_string(&b, "driver", r->driver);
    dmv_jb_string(&b, "variant", r->variant);
    dmv_jb_string(&b, "version", r->version);
    dmv_jb_string(&b, "verdict", dmv_verdict_to_string(r->verdict));
    dmv_jb_strv(&b, "reasons", r->reasons);
    if (r->verdict != DMV_VERDICT_FITS)
        dmv_jb_string(&b, "why", r->reasons[r->why]);
    dmv_jb_string(&b, "tier", c ? c->tier : x && x->tier ? x->tier : "supported");
    dmv_jb_string(&b, "status", c ? c->status : x ? x->status : NULL);
    dmv_jb_string(&b, "description", c && c->description ? c->description : x ? x->description : NULL);
    dmv_jb_int(&b, "priority", c ? c->priority : x ? x->priority : 0);
    if (c) {
        dmv_jb_int(&b, "sequence", c->sequence);
        dmv_jb_string(&b, "stream", r->source->catalog->stream);
        dmv_jb_string(&b, "revoked", c->revoked);
        render_trial(&b, c);
        dmv_jb_int(&b, "downloadSize", download_size(r));
    }
    dmv_jb_bool(&b, "recommended", r->recommended);
    if (r->update)
        dmv_jb_bool(&b, "update", true);
    dmv_jb_string(&b, "origin", x ? dmv_origin_to_string(x->origin) : NULL);
    dmv_jb_strv(&b, "kernels", r->kernels);
    dmv_jb_value(&b, "installedFor", installed_kernels(r));
    if (x) /* of what is not installed there is nothing to say that `kernels` does not */
        dmv_jb_value(&b, "kernelFits", render_fits(r));
    dmv_jb_bool(&b, "available", c != NULL);
    dmv_jb_bool(&b, "installed", x != NULL);
    dmv_jb_bool(&b, "selected", r->selected);
    dmv_jb_bool(&b, "staged", staged && r->selected);
    dmv_jb_bool(&b, "active", r->active);
    dmv_jb_strv(&b, "modules", r->modules);
    dmv_jb_strv(&b, "devices", r->slots);
    return dmv_jb_end(&b);
}

static json_object *render_module(const DmvViewModule *m)
{
    const DmvLoaded *l = m->loaded;
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "name", m->name);
    dmv_jb_bool(&b, "loaded", l != NULL);
    dmv_jb_string(&b, "release", m->release);
    dmv_jb_string(&b, "proof", l ? (m->proof ? m->proof : "none") : NULL);
    dmv_jb_string(&b, "version", l ? l->version : NULL);
    dmv_jb_string(&b, "srcversion", l ? l->srcversion : NULL);
    dmv_jb_string(&b, "buildId", l ? l->build_id : NULL);
    dmv_jb_string(&b, "next", m->next);
    return dmv_jb_end(&b);
}

bool dmv_plan_changes_driver(const DmvPlan *p, const DmvViewDriver *d)
{
    for (size_t i = 0; p && d->selection && i < p->n_predictions; i++)
        if (p->predictions[i].changed && dmv_view_driver_has_module(d, p->predictions[i].module))
            return true;
    return false;
}

static void render_pin(DmvJsonBuilder *b, const DmvViewDriver *d)
{
    dmv_jb_bool(b, "pinned", d->pinned);
    if (!d->pinned)
        return;
    dmv_jb_string(b, "pinReason", d->selection->pin_reason);
    dmv_jb_time(b, "pinUntil", d->selection->pin_until);
}

json_object *dmv_render_driver(const DmvViewDriver *d, const DmvPlan *plan, DmvFilter filter)
{
    bool staged = dmv_plan_changes_driver(plan, d);
    DMV_CLEANUP_FREE char *selection = dmv_selection_to_string(d->selection);
    DmvJsonBuilder b = {0}, modules = {0}, releases = {0}, adopted = {0};

    dmv_jb_object(&b);
    if (!selection)
        b.error = -ENOMEM;
    dmv_jb_string(&b, "name", d->name);
    dmv_jb_string(&b, "type", d->type);
    dmv_jb_string(&b, "description", d->description);
    dmv_jb_string(&b, "selection", selection);
    dmv_jb_string(&b, "selectedRelease", d->selected ? d->selected->name : NULL);
    dmv_jb_string(&b, "activeRelease", d->active);
    dmv_jb_bool(&b, "rebootNeeded", d->reboot_needed);
    dmv_jb_bool(&b, "staged", staged);
    render_pin(&b, d);
    dmv_jb_string(&b, "recommended", d->recommended ? d->recommended->name : NULL);
    dmv_jb_bool(&b, "outdated", d->outdated);
    dmv_jb_array(&modules);
    for (size_t i = 0; i < d->n_modules; i++)
        dmv_jb_add(&modules, render_module(&d->modules[i]));
    dmv_jb_value(&b, "modules", dmv_jb_end(&modules));
    dmv_jb_strv(&b, "devices", d->slots);
    dmv_jb_bool(&b, "lifeline", d->lifelines != NULL);
    dmv_jb_strv(&b, "lifelines", d->lifelines);
    dmv_jb_array(&releases);
    for (size_t i = 0; i < d->n_releases; i++)
        if (dmv_filter_passes(filter, &d->releases[i]))
            dmv_jb_add(&releases, render_release(&d->releases[i], staged));
    dmv_jb_value(&b, "releases", dmv_jb_end(&releases));
    if (d->n_adopted > 0) {
        dmv_jb_array(&adopted);
        dmv_render_adopted(&adopted, d->adopted, d->n_adopted);
        dmv_jb_value(&b, "adopted", dmv_jb_end(&adopted));
    }
    dmv_jb_value(&b, "problems", dmv_render_problems(&d->problems));
    return dmv_jb_end(&b);
}

static bool driver_passes(DmvFilter filter, const DmvViewDriver *d)
{
    bool wanted = d->selection != NULL && filter != DMV_FILTER_INSTALLED;

    for (size_t k = 0; !wanted && k < d->n_releases; k++)
        wanted = dmv_filter_passes(filter, &d->releases[k]);
    return wanted;
}

json_object *dmv_render_drivers(const DmvView *v, const DmvPlan *plan, DmvFilter filter)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < v->n_drivers; i++)
        if (driver_passes(filter, &v->drivers[i]))
            dmv_jb_add(&list, dmv_render_driver(&v->drivers[i], plan, filter));
    return dmv_jb_end(&list);
}

void dmv_render_other_adopted(DmvJsonBuilder *b, const DmvView *v, DmvFilter filter)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    dmv_render_adopted(&list, v->adopted, v->n_adopted);
    for (size_t i = 0; i < v->n_drivers; i++)
        if (!driver_passes(filter, &v->drivers[i]))
            dmv_render_adopted(&list, v->drivers[i].adopted, v->drivers[i].n_adopted);
    if (list.error == 0 && json_object_array_length(list.value) == 0)
        json_object_put(dmv_jb_end(&list));
    else
        dmv_jb_value(b, "adopted", dmv_jb_end(&list));
}

/* ---- kernels, plans, generations, history ---- */

json_object *dmv_render_kernels(const DmvWorld *w)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < w->n_kernels; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "release", w->kernels[i].release);
        dmv_jb_bool(&b, "running", w->kernels[i].running);
        dmv_jb_bool(&b, "hasIndex", w->kernels[i].has_index);
        dmv_jb_bool(&b, "alternate", w->kernels[i].alternate);
        dmv_jb_bool(&b, "inQuestion", &w->kernels[i] == dmv_world_kernel_in_question(w));
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

json_object *dmv_render_steps(const DmvPlan *p)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < p->n_steps; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "action", dmv_step_kind_to_string(p->steps[i].kind));
        dmv_jb_string(&b, "path", p->steps[i].path);
        dmv_jb_exact(&b, "content", p->steps[i].content);
        dmv_jb_string(&b, "kernel", p->steps[i].kernel);
        if (p->steps[i].modules)
            dmv_jb_strv(&b, "modules", p->steps[i].modules);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

json_object *dmv_render_predictions(const DmvPlan *p)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < p->n_predictions; i++) {
        const DmvPrediction *x = &p->predictions[i];
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "kernel", x->kernel);
        dmv_jb_string(&b, "module", x->module);
        dmv_jb_string(&b, "now", x->now);
        dmv_jb_string(&b, "next", x->next);
        dmv_jb_string(&b, "nowRelease", x->now_release);
        dmv_jb_string(&b, "nextRelease", x->next_release);
        dmv_jb_bool(&b, "changed", x->changed);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static json_object *selections_of(const DmvIntent *intent)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < intent->n; i++) {
        DMV_CLEANUP_TEXT DmvText t = {0};
        DMV_CLEANUP_FREE char *what = dmv_selection_to_string(&intent->items[i]);
        DMV_CLEANUP_FREE char *line = NULL;

        dmv_text_appendf(&t, "%s %s", intent->items[i].driver, what ? what : "");
        if (!what || dmv_text_take(&t, &line, NULL) < 0)
            list.error = -ENOMEM;
        else
            dmv_jb_add_string(&list, line);
    }
    return dmv_jb_end(&list);
}

json_object *dmv_render_generation(const DmvGenerations *all, const DmvGeneration *g)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_int(&b, "number", g->number);
    dmv_jb_string(&b, "state", dmv_generation_state_to_string(g->state));
    dmv_jb_time(&b, "created", g->created);
    dmv_jb_time(&b, "activated", g->activated);
    dmv_jb_string(&b, "reason", g->reason);
    dmv_jb_value(&b, "selections", selections_of(&g->intent));
    dmv_jb_bool(&b, "current", g->number == all->current);
    return dmv_jb_end(&b);
}

static json_object *change_of(const char *driver, const DmvSelection *before, const DmvSelection *after)
{
    DMV_CLEANUP_FREE char *from = dmv_selection_to_string(before), *to = dmv_selection_to_string(after);
    DmvJsonBuilder b = {0};

    if (!from || !to)
        return NULL;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "driver", driver);
    dmv_jb_string(&b, "before", from);
    dmv_jb_string(&b, "after", to);
    dmv_jb_bool(&b, "pinnedBefore", before && before->pinned);
    dmv_jb_bool(&b, "pinnedAfter", after && after->pinned);
    return dmv_jb_end(&b);
}

json_object *dmv_render_changes(const DmvIntent *before, const DmvIntent *after)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < before->n; i++) {
        const DmvSelection *s = &before->items[i];

        dmv_jb_add(&list, change_of(s->driver, s, dmv_intent_find(after, s->driver)));
    }
    for (size_t i = 0; i < after->n; i++) {
        const DmvSelection *s = &after->items[i];

        if (!dmv_intent_find(before, s->driver))
            dmv_jb_add(&list, change_of(s->driver, NULL, s));
    }
    return dmv_jb_end(&list);
}

json_object *dmv_render_history_entry(const DmvHistoryEntry *e)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_int(&b, "number", e->number);
    dmv_jb_time(&b, "time", e->time);
    dmv_jb_string(&b, "action", e->action);
    dmv_jb_string(&b, "object", e->object);
    dmv_jb_string(&b, "outcome", e->outcome);
    dmv_jb_string(&b, "detail", e->detail);
    dmv_jb_string(&b, "because", e->because);
    if (e->uid >= 0)
        dmv_jb_int(&b, "uid", e->uid);
    if (e->generation >= 0)
        dmv_jb_int(&b, "generation", e->generation);
    if (e->before.n + e->after.n > 0)
        dmv_jb_value(&b, "changes", dmv_render_changes(&e->before, &e->after));
    return dmv_jb_end(&b);
}
