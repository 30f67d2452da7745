/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the initrd images of a kernel hold of the modules that its devices need.
 *
 * Images are read here, in the worker, because they are large and made by others. Of the hundreds of modules
 * in one only those leave this process that a present device would be given; and only their files in the tree
 * are read for a build-id to compare.
 */
#include "daemon/apply/images.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "host/initrd-build.h"
#include "host/initrd.h"
#include "host/observe.h"

/* The copy that loads: of the same path as in the tree, or the first. */
static const DmvInitrdModule *find_copy(const DmvInitrd *image, const char *kernel, const DmvAction *a)
{
    for (size_t i = 0; a->path && i < image->n_modules; i++)
        if (dmv_streq(image->modules[i].kernel, kernel) && strcmp(image->modules[i].path, a->path) == 0)
            return &image->modules[i];
    return dmv_initrd_module(image, kernel, a->module);
}

static bool has_copy(const DmvImageOutlook *x, const char *module)
{
    for (size_t i = 0; i < x->n_copies; i++)
        if (dmv_module_name_equal(x->copies[i].module, module))
            return true;
    return false;
}

static int add_copies(const DmvInitrd *image, const char *kernel, const DmvLookups *all, DmvImageOutlook *x)
{
    for (size_t i = 0; i < all->n; i++)
        for (size_t a = 0; a < all->items[i].n_actions; a++) {
            const DmvAction *action = &all->items[i].actions[a];
            const DmvInitrdModule *m = has_copy(x, action->module) ? NULL : find_copy(image, kernel, action);
            DmvCopy *c;

            if (!m)
                continue;
            c = DMV_ARRAY_ADD(x->copies, x->n_copies);
            if (!c || dmv_set_string(&c->module, action->module) < 0 ||
                dmv_set_string(&c->path, m->path) < 0 || dmv_set_string(&c->build_id, m->build_id) < 0)
                return -ENOMEM;
        }
    return 0;
}

static int add_image(const DmvRoots *r, const char *path, DmvOutlook *o)
{
    DMV_CLEANUP_INITRD DmvInitrd image = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvImageOutlook *x = DMV_ARRAY_ADD(o->images, o->n_images);
    int result = x ? dmv_set_string(&x->path, path) : -ENOMEM;

    if (result == 0)
        result = dmv_initrd_read(r, path, &image, &e);
    if (result == -ENOMEM)
        return result;
    if (result != 0)
        return dmv_set_string(&x->problem, dmv_error_words(&e, result));
    if (dmv_initrd_is_main(path, o->kernel))
        result = dmv_set_string(&x->builder, dmv_initrd_builder(r, image.maker));
    if (result == 0)
        result = dmv_strv_copy(image.blacklist, &x->blacklist);
    if (result == 0)
        result = add_copies(&image, o->kernel, &o->next, x);
    return result == 0 ? add_copies(&image, o->kernel, &o->now, x) : result;
}

static bool is_in_an_image(const DmvOutlook *o, const char *module)
{
    for (size_t i = 0; i < o->n_images; i++)
        if (has_copy(&o->images[i], module))
            return true;
    return false;
}

/* A file without a build-id, or none at all, cannot be compared: it stays without. */
static int read_build_id(const char *folder, DmvAction *a)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo info = {0};
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    if (asprintf(&path, "%s/%s", folder, a->path) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return 0;
    r = dmv_module_read(fd, &info, NULL);
    if (r == 0)
        r = dmv_set_string(&a->build_id, info.build_id);
    return r == -ENOMEM ? r : 0;
}

static int read_build_ids(const DmvOutlook *o, const char *folder, DmvLookups *all)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < all->n; i++)
        for (size_t a = 0; r == 0 && a < all->items[i].n_actions; a++)
            if (all->items[i].actions[a].path && is_in_an_image(o, all->items[i].actions[a].module))
                r = read_build_id(folder, &all->items[i].actions[a]);
    return r;
}

int dmv_forecast_images(const DmvRoots *r, const char *now, const char *next, DmvOutlook *o)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    int result = dmv_initrd_find(r, o->kernel, &paths);

    if (result < 0 && result != -ENOMEM)
        return dmv_strv_push(&o->problems, "its initrd images cannot be looked for");
    for (char **p = paths; result == 0 && p && *p; p++)
        result = add_image(r, *p, o);
    if (result == 0)
        result = read_build_ids(o, now, &o->now);
    return result == 0 ? read_build_ids(o, next, &o->next) : result;
}
