/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outlooks on the wire between the worker and the daemon: both directions in one file, so that they stay in
 * step.
 */
#include "model/outlook.h"

#include <errno.h>

#include "base/jsonbuild.h"

void dmv_outlook_deinit(DmvOutlook *o)
{
    for (size_t i = 0; i < o->n_images; i++) {
        DmvImageOutlook *x = &o->images[i];

        for (size_t c = 0; c < x->n_copies; c++) {
            free(x->copies[c].module);
            free(x->copies[c].path);
            free(x->copies[c].build_id);
        }
        free(x->copies);
        free(x->path);
        free(x->builder);
        free(x->problem);
        dmv_strv_free(x->blacklist);
    }
    free(o->images);
    dmv_lookups_deinit(&o->now);
    dmv_lookups_deinit(&o->next);
    dmv_strv_free(o->problems);
    free(o->kernel);
    *o = (DmvOutlook){0};
}

/* ---- rendering ---- */

static json_object *render_action(const DmvAction *a)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "module", a->module);
    dmv_jb_string(&b, "path", a->path);
    dmv_jb_string(&b, "install", a->install);
    dmv_jb_string(&b, "buildId", a->build_id);
    dmv_jb_bool(&b, "direct", a->direct);
    return dmv_jb_end(&b);
}

static json_object *render_lookups(const DmvLookups *l)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < l->n; i++) {
        DmvJsonBuilder b = {0}, actions = {0};

        dmv_jb_array(&actions);
        for (size_t a = 0; a < l->items[i].n_actions; a++)
            dmv_jb_add(&actions, render_action(&l->items[i].actions[a]));
        dmv_jb_object(&b);
        dmv_jb_exact(&b, "key", l->items[i].key);
        dmv_jb_value(&b, "actions", dmv_jb_end(&actions));
        dmv_jb_strv(&b, "blacklisted", l->items[i].blacklisted);
        dmv_jb_strv(&b, "softdeps", l->items[i].softdeps);
        dmv_jb_string(&b, "problem", l->items[i].problem);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static json_object *render_image(const DmvImageOutlook *x)
{
    DmvJsonBuilder b = {0}, copies = {0};

    dmv_jb_array(&copies);
    for (size_t i = 0; i < x->n_copies; i++) {
        DmvJsonBuilder c = {0};

        dmv_jb_object(&c);
        dmv_jb_string(&c, "module", x->copies[i].module);
        dmv_jb_string(&c, "path", x->copies[i].path);
        dmv_jb_string(&c, "buildId", x->copies[i].build_id);
        dmv_jb_add(&copies, dmv_jb_end(&c));
    }
    dmv_jb_object(&b);
    dmv_jb_string(&b, "path", x->path);
    dmv_jb_value(&b, "copies", dmv_jb_end(&copies));
    dmv_jb_strv(&b, "blacklist", x->blacklist);
    dmv_jb_string(&b, "builder", x->builder);
    dmv_jb_string(&b, "problem", x->problem);
    return dmv_jb_end(&b);
}

json_object *dmv_outlook_render(const DmvOutlook *o)
{
    DmvJsonBuilder b = {0}, images = {0};

    dmv_jb_array(&images);
    for (size_t i = 0; i < o->n_images; i++)
        dmv_jb_add(&images, render_image(&o->images[i]));
    dmv_jb_object(&b);
    dmv_jb_string(&b, "kernel", o->kernel);
    if (o->has_now)
        dmv_jb_value(&b, "now", render_lookups(&o->now));
    if (o->has_next)
        dmv_jb_value(&b, "next", render_lookups(&o->next));
    dmv_jb_value(&b, "images", dmv_jb_end(&images));
    dmv_jb_strv(&b, "problems", o->problems);
    return dmv_jb_end(&b);
}

/* ---- reading ---- */

static int read_action(json_object *o, DmvLookup *l, DmvError *reterr)
{
    DmvAction *a = DMV_ARRAY_ADD(l->actions, l->n_actions);

    if (!a)
        return -ENOMEM;
    {
        const DmvJsonField fields[] = {
            {"module", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &a->module},
            {"path", DMV_JSON_STRDUP, 0, &a->path},
            {"install", DMV_JSON_STRDUP, 0, &a->install},
            {"buildId", DMV_JSON_STRDUP, 0, &a->build_id},
            {"direct", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &a->direct},
        };

        return dmv_json_read(o, "action", fields, DMV_N_ELEMENTS(fields), false, reterr);
    }
}

static int read_lookup(json_object *o, DmvLookups *all, DmvError *reterr)
{
    DmvLookup *l = DMV_ARRAY_ADD(all->items, all->n);
    json_object *actions = NULL;
    int r;

    if (!l)
        return -ENOMEM;
    {
        const DmvJsonField fields[] = {
            {"key", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &l->key},
            {"actions", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&actions},
            {"blacklisted", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&l->blacklisted},
            {"softdeps", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&l->softdeps},
            {"problem", DMV_JSON_STRDUP, 0, &l->problem},
        };

        r = dmv_json_read(o, "lookup", fields, DMV_N_ELEMENTS(fields), false, reterr);
    }
    for (size_t i = 0; r == 0 && i < json_object_array_length(actions); i++)
        r = read_action(json_object_array_get_idx(actions, i), l, reterr);
    return r;
}

/* Every item has a key before they are sorted by it, also after a failure. */
static int read_lookups(json_object *list, DmvLookups *ret, bool *ret_has, DmvError *reterr)
{
    int r = 0;

    for (size_t i = 0; list && r == 0 && i < json_object_array_length(list); i++)
        r = read_lookup(json_object_array_get_idx(list, i), ret, reterr);
    if (r == 0)
        dmv_lookups_sort(ret);
    *ret_has = list != NULL;
    return r;
}

static int read_copy(json_object *o, DmvImageOutlook *x, DmvError *reterr)
{
    DmvCopy *c = DMV_ARRAY_ADD(x->copies, x->n_copies);

    if (!c)
        return -ENOMEM;
    {
        const DmvJsonField fields[] = {
            {"module", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &c->module},
            {"path", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &c->path},
            {"buildId", DMV_JSON_STRDUP, 0, &c->build_id},
        };

        return dmv_json_read(o, "copy", fields, DMV_N_ELEMENTS(fields), false, reterr);
    }
}

static int read_image(json_object *o, DmvOutlook *ret, DmvError *reterr)
{
    DmvImageOutlook *x = DMV_ARRAY_ADD(ret->images, ret->n_images);
    json_object *copies = NULL;
    int r;

    if (!x)
        return -ENOMEM;
    {
        const DmvJsonField fields[] = {
            {"path", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &x->path},
            {"copies", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&copies},
            {"blacklist", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&x->blacklist},
            {"builder", DMV_JSON_STRDUP, 0, &x->builder},
            {"problem", DMV_JSON_STRDUP, 0, &x->problem},
        };

        r = dmv_json_read(o, "image", fields, DMV_N_ELEMENTS(fields), false, reterr);
    }
    for (size_t i = 0; r == 0 && i < json_object_array_length(copies); i++)
        r = read_copy(json_object_array_get_idx(copies, i), x, reterr);
    return r;
}

int dmv_outlook_read(json_object *reply, DmvOutlook *ret, DmvError *reterr)
{
    json_object *now = NULL, *next = NULL, *images = NULL;
    const DmvJsonField fields[] = {
        {"kernel", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->kernel},
        {"now", DMV_JSON_ARRAY, 0, (void *)&now},
        {"next", DMV_JSON_ARRAY, 0, (void *)&next},
        {"images", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&images},
        {"problems", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&ret->problems},
    };
    int r = dmv_json_read(reply, "outlook", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0)
        r = read_lookups(now, &ret->now, &ret->has_now, reterr);
    if (r == 0)
        r = read_lookups(next, &ret->next, &ret->has_next, reterr);
    for (size_t i = 0; r == 0 && i < json_object_array_length(images); i++)
        r = read_image(json_object_array_get_idx(images, i), ret, reterr);
    return r;
}
