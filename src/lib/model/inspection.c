/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inspections on the wire between the worker and the daemon: both directions in one file, so that they stay
 * in step.
 */
#include "model/inspection.h"

#include <errno.h>
#include <stdlib.h>

#include "base/jsonbuild.h"
#include "base/text.h"

void dmv_inspected_deinit(DmvInspected *x)
{
    free(x->path);
    free(x->sha256);
    free(x->build_id);
    free(x->signature.signer);
    free(x->signature.name);
    free(x->signature.key);
    free(x->problem);
    *x = (DmvInspected){0};
}

static void image_deinit(DmvInspectedImage *x)
{
    for (size_t i = 0; i < x->n_copies; i++)
        dmv_inspected_deinit(&x->copies[i]);
    free(x->copies);
    free(x->path);
    free(x->kernel);
    free(x->problem);
    *x = (DmvInspectedImage){0};
}

void dmv_inspection_deinit(DmvInspection *i)
{
    for (size_t k = 0; k < i->n_files; k++)
        dmv_inspected_deinit(&i->files[k]);
    for (size_t k = 0; k < i->n_images; k++)
        image_deinit(&i->images[k]);
    free(i->files);
    free(i->images);
    *i = (DmvInspection){0};
}

int dmv_inspection_append(DmvInspection *to, DmvInspection *from)
{
    for (size_t i = 0; i < from->n_files; i++) {
        DmvInspected *x = DMV_ARRAY_ADD(to->files, to->n_files);

        if (!x)
            return -ENOMEM;
        *x = from->files[i];
        from->files[i] = (DmvInspected){0};
    }
    for (size_t i = 0; i < from->n_images; i++) {
        DmvInspectedImage *x = DMV_ARRAY_ADD(to->images, to->n_images);

        if (!x)
            return -ENOMEM;
        *x = from->images[i];
        from->images[i] = (DmvInspectedImage){0};
    }
    return 0;
}

/* ---- rendering ---- */

static json_object *render_module(const DmvInspected *x)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "path", x->path);
    dmv_jb_string(&b, "sha256", x->sha256);
    dmv_jb_string(&b, "buildId", x->build_id);
    dmv_jb_string(&b, "signature", dmv_outcome_reason(x->signature.code));
    dmv_jb_string(&b, "signer", x->signature.signer);
    dmv_jb_string(&b, "name", x->signature.name);
    dmv_jb_string(&b, "key", x->signature.key);
    dmv_jb_string(&b, "problem", x->problem);
    return dmv_jb_end(&b);
}

static json_object *render_modules(const DmvInspected *items, size_t n)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < n; i++)
        dmv_jb_add(&list, render_module(&items[i]));
    return dmv_jb_end(&list);
}

static json_object *render_image(const DmvInspectedImage *x)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "path", x->path);
    dmv_jb_string(&b, "kernel", x->kernel);
    dmv_jb_value(&b, "copies", render_modules(x->copies, x->n_copies));
    dmv_jb_string(&b, "problem", x->problem);
    return dmv_jb_end(&b);
}

json_object *dmv_inspection_render(const DmvInspection *i)
{
    DmvJsonBuilder b = {0}, images = {0};

    dmv_jb_array(&images);
    for (size_t k = 0; k < i->n_images; k++)
        dmv_jb_add(&images, render_image(&i->images[k]));
    dmv_jb_object(&b);
    dmv_jb_value(&b, "files", render_modules(i->files, i->n_files));
    dmv_jb_value(&b, "images", dmv_jb_end(&images));
    return dmv_jb_end(&b);
}

/* ---- reading ---- */

static int read_module(json_object *o, DmvInspected *x, DmvError *reterr)
{
    const char *signature = NULL;
    const DmvJsonField fields[] = {
        {"path", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &x->path},
        {"sha256", DMV_JSON_STRDUP, 0, &x->sha256},
        {"buildId", DMV_JSON_STRDUP, 0, &x->build_id},
        {"signature", DMV_JSON_STRING, DMV_JSON_REQUIRED, (void *)&signature},
        {"signer", DMV_JSON_STRDUP, 0, &x->signature.signer},
        {"name", DMV_JSON_STRDUP, 0, &x->signature.name},
        {"key", DMV_JSON_STRDUP, 0, &x->signature.key},
        {"problem", DMV_JSON_STRDUP, 0, &x->problem},
    };
    int r = dmv_json_read(o, "module", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0)
        x->signature.code = dmv_outcome_from_reason(signature);
    return r;
}

static int read_modules(json_object *list, DmvInspected **items, size_t *n, DmvError *reterr)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++) {
        DmvInspected *x = DMV_ARRAY_ADD(*items, *n);

        r = x ? read_module(json_object_array_get_idx(list, i), x, reterr) : -ENOMEM;
    }
    return r;
}

static int read_image(json_object *o, DmvInspectedImage *x, DmvError *reterr)
{
    json_object *copies = NULL;
    const DmvJsonField fields[] = {
        {"path", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &x->path},
        {"kernel", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &x->kernel},
        {"copies", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&copies},
        {"problem", DMV_JSON_STRDUP, 0, &x->problem},
    };
    int r = dmv_json_read(o, "image", fields, DMV_N_ELEMENTS(fields), false, reterr);

    return r == 0 ? read_modules(copies, &x->copies, &x->n_copies, reterr) : r;
}

int dmv_inspection_read(json_object *reply, DmvInspection *ret, DmvError *reterr)
{
    json_object *files = NULL, *images = NULL;
    const DmvJsonField fields[] = {
        {"files", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&files},
        {"images", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&images},
    };
    int r = dmv_json_read(reply, "inspection", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0)
        r = read_modules(files, &ret->files, &ret->n_files, reterr);
    for (size_t i = 0; r == 0 && i < json_object_array_length(images); i++) {
        DmvInspectedImage *x = DMV_ARRAY_ADD(ret->images, ret->n_images);

        r = x ? read_image(json_object_array_get_idx(images, i), x, reterr) : -ENOMEM;
    }
    return r;
}
