/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands on which driver, and what a plan does to it. */
#include "model/lifeline.h"

#include <errno.h>
#include <string.h>

#include "model/reach.h"

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

/* ---- drivers ---- */

static bool stands_on(const DmvLifeline *l, const DmvViewDriver *d)
{
    bool found = dmv_strv_meet(d->slots, l->slots);

    for (size_t i = 0; !found && i < d->n_modules; i++)
        found = dmv_modules_contain(l->modules, d->modules[i].name);
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

static int find_change(const DmvReaches *reaches, DmvLifelineChange *c)
{
    for (size_t i = 0; i < reaches->n; i++) {
        const DmvReach *r = &reaches->items[i];

        if (dmv_reach_touches(r, c->lifeline->slots, c->lifeline->modules) &&
            (dmv_strv_push_unique(&c->modules, r->change->module) < 0 ||
             dmv_strv_push_unique(&c->kernels, r->change->kernel) < 0))
            return -ENOMEM;
    }
    return 0;
}

int dmv_plan_lifelines(const DmvPlan *p, const DmvView *v, DmvLifelineChanges *ret)
{
    DMV_CLEANUP_LIFELINE_CHANGES DmvLifelineChanges all = {0};
    DMV_CLEANUP_REACHES DmvReaches reaches = {0};
    const DmvWorld *w = v->facts.world;

    if (dmv_plan_reaches(p, v, &reaches) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < w->n_lifelines; i++) {
        DMV_CLEANUP(change_deinit) DmvLifelineChange c = {.lifeline = &w->lifelines[i]};
        DmvLifelineChange *place;
        int r = find_change(&reaches, &c);

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
