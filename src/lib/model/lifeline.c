/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands on which driver, and what a plan does to it. */
#include "model/lifeline.h"

#include <errno.h>
#include <string.h>

static const char *const kind_names[] = {
    [DMV_LIFELINE_ROOT] = "root", [DMV_LIFELINE_BOOT] = "boot", [DMV_LIFELINE_USR] = "usr",
    [DMV_LIFELINE_VAR] = "var",   [DMV_LIFELINE_SWAP] = "swap", [DMV_LIFELINE_MANAGEMENT] = "management",
};
_Static_assert(DMV_N_ELEMENTS(kind_names) == DMV_LIFELINE_MAX, "a kind of lifeline has no name");

const char *dmv_lifeline_kind_to_string(DmvLifelineKind k)
{
    return k >= 0 && k < DMV_LIFELINE_MAX ? kind_names[k] : "invalid";
}

bool dmv_lifeline_has_slot(const DmvLifeline *l, const char *slot)
{
    return dmv_strv_contains(l->slots, slot);
}

static bool has_module(const DmvLifeline *l, const char *module)
{
    for (char **m = l->modules; m && *m; m++)
        if (dmv_module_name_equal(*m, module))
            return true;
    return false;
}

static bool has_any_slot(const DmvLifeline *l, char *const *slots)
{
    for (; slots && *slots; slots++)
        if (dmv_lifeline_has_slot(l, *slots))
            return true;
    return false;
}

/* ---- drivers ---- */

static bool stands_on(const DmvLifeline *l, const DmvViewDriver *d)
{
    bool found = has_any_slot(l, d->slots);

    for (size_t i = 0; !found && i < d->n_modules; i++)
        found = has_module(l, d->modules[i].name);
    return found;
}

int dmv_lifelines_of_driver(const DmvWorld *w, const DmvViewDriver *d, char ***ret)
{
    DMV_CLEANUP_STRV char **chains = NULL;

    for (size_t i = 0; i < w->n_lifelines; i++)
        if (stands_on(&w->lifelines[i], d) && dmv_strv_push_unique(&chains, w->lifelines[i].chain) < 0)
            return -ENOMEM;
    *ret = DMV_TAKE_PTR(chains);
    return 0;
}

/* ---- plans ---- */

static void change_deinit(DmvLifelineChange *c)
{
    dmv_strv_free(c->modules);
    dmv_strv_free(c->kernels);
    *c = (DmvLifelineChange){0};
}

void dmv_lifeline_changes_deinit(DmvLifelineChanges *c)
{
    for (size_t i = 0; i < c->n; i++)
        change_deinit(&c->items[i]);
    free(c->items);
    *c = (DmvLifelineChanges){0};
}

/* Does the index of a kernel give the module for a device of the lifeline? */
static bool index_gives(const DmvWorld *w, const char *kernel, const char *module, const DmvLifeline *l)
{
    const DmvKernel *k = dmv_world_kernel(w, kernel);

    for (size_t i = 0; k && i < k->n_bindings; i++)
        for (char **m = k->bindings[i].modules; m && *m; m++)
            if (dmv_module_name_equal(*m, module) && dmv_lifeline_has_slot(l, k->bindings[i].slot))
                return true;
    return false;
}

static bool release_supports(const DmvView *v, const char *name, const DmvLifeline *l)
{
    for (size_t d = 0; name && d < v->n_drivers; d++)
        for (size_t r = 0; r < v->drivers[d].n_releases; r++)
            if (strcmp(v->drivers[d].releases[r].name, name) == 0)
                return has_any_slot(l, v->drivers[d].releases[r].slots);
    return false;
}

static bool touches(const DmvPrediction *x, const DmvView *v, const DmvLifeline *l)
{
    return x->changed && (has_module(l, x->module) || index_gives(v->facts.world, x->kernel, x->module, l) ||
                          release_supports(v, x->now_release, l) || release_supports(v, x->next_release, l));
}

static int find_change(const DmvPlan *p, const DmvView *v, DmvLifelineChange *c)
{
    for (size_t i = 0; i < p->n_predictions; i++) {
        const DmvPrediction *x = &p->predictions[i];

        if (touches(x, v, c->lifeline) && (dmv_strv_push_unique(&c->modules, x->module) < 0 ||
                                           dmv_strv_push_unique(&c->kernels, x->kernel) < 0))
            return -ENOMEM;
    }
    return 0;
}

int dmv_plan_lifelines(const DmvPlan *p, const DmvView *v, DmvLifelineChanges *ret)
{
    DMV_CLEANUP_LIFELINE_CHANGES DmvLifelineChanges all = {0};
    const DmvWorld *w = v->facts.world;

    for (size_t i = 0; i < w->n_lifelines; i++) {
        DMV_CLEANUP(change_deinit) DmvLifelineChange c = {.lifeline = &w->lifelines[i]};
        DmvLifelineChange *place;
        int r = find_change(p, v, &c);

        if (r < 0)
            return r;
        if (!c.modules)
            continue;
        place = DMV_ARRAY_ADD(all.items, all.n);
        if (!place)
            return -ENOMEM;
        *place = c;
        c = (DmvLifelineChange){0};
    }
    *ret = all;
    all = (DmvLifelineChanges){0};
    return 0;
}

static void append_list(DmvText *t, char *const *words)
{
    for (size_t i = 0; words && words[i]; i++)
        dmv_text_appendf(t, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " and ", words[i]);
}

int dmv_lifeline_check(const DmvLifelineChanges *c, const char *stranded, bool accepted, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText why = {0};

    if (c->n == 0 || !stranded || accepted)
        return 0;
    append_list(&why, c->items[0].modules);
    dmv_text_append(&why, " would change for kernel ");
    append_list(&why, c->items[0].kernels);
    dmv_text_appendf(&why, ", and this host needs it to come back (%s)", c->items[0].lifeline->chain);
    if (c->n > 1)
        dmv_text_appendf(&why, ", and for %zu more", c->n - 1);
    dmv_text_appendf(&why, "; nothing would bring it back by itself: %s", stranded);
    return dmv_error_set(reterr, DMV_LIFELINE, NULL,
                         "if you can reach the host another way, by its console, add --accept-lifeline", "%s",
                         why.data ? why.data : "a lifeline would be changed");
}

/* ---- renderings ---- */

static json_object *render_lifeline(const DmvLifeline *l)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "kind", dmv_lifeline_kind_to_string(l->kind));
    dmv_jb_string(&b, "what", l->what);
    dmv_jb_string(&b, "chain", l->chain);
    dmv_jb_strv(&b, "devices", l->slots);
    dmv_jb_strv(&b, "modules", l->modules);
    return dmv_jb_end(&b);
}

json_object *dmv_render_lifelines(const DmvWorld *w)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < w->n_lifelines; i++)
        dmv_jb_add(&list, render_lifeline(&w->lifelines[i]));
    return dmv_jb_end(&list);
}

json_object *dmv_render_lifelines_of_slot(const DmvWorld *w, const char *slot)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < w->n_lifelines; i++)
        if (dmv_lifeline_has_slot(&w->lifelines[i], slot))
            dmv_jb_add_string(&list, w->lifelines[i].what);
    return dmv_jb_end(&list);
}

json_object *dmv_render_lifeline_changes(const DmvLifelineChanges *c)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < c->n; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "kind", dmv_lifeline_kind_to_string(c->items[i].lifeline->kind));
        dmv_jb_string(&b, "what", c->items[i].lifeline->what);
        dmv_jb_string(&b, "chain", c->items[i].lifeline->chain);
        dmv_jb_strv(&b, "modules", c->items[i].modules);
        dmv_jb_strv(&b, "kernels", c->items[i].kernels);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}
