/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding things in a View by the names that people use: driver, module, address, interface, disk, release.
 */
#include <errno.h>
#include <string.h>

#include "model/resolve.h"

DmvViewDriver *dmv_view_driver(const DmvView *v, const char *name)
{
    for (size_t i = 0; i < v->n_drivers; i++)
        if (strcmp(v->drivers[i].name, name) == 0)
            return &v->drivers[i];
    return NULL;
}

DmvViewRelease *dmv_view_driver_release(const DmvViewDriver *d, const char *variant, const char *version)
{
    for (size_t i = 0; i < d->n_releases; i++)
        if (strcmp(d->releases[i].variant, variant) == 0 && strcmp(d->releases[i].version, version) == 0)
            return &d->releases[i];
    return NULL;
}

const DmvDevice *dmv_view_device(const DmvView *v, const char *object)
{
    const DmvWorld *w = v->facts.world;

    for (size_t i = 0; i < w->n_devices; i++) {
        const DmvDevice *d = &w->devices[i];
        const char *disk = dmv_starts_with(object, "/dev/") ? object + strlen("/dev/") : object;

        if (strcmp(d->slot, object) == 0 ||
            (dmv_starts_with(d->slot, "0000:") && strcmp(d->slot + 5, object) == 0) ||
            dmv_strv_contains(d->interfaces, object) || dmv_strv_contains(d->blocks, disk))
            return d;
    }
    return NULL;
}

bool dmv_view_driver_has_module(const DmvViewDriver *d, const char *module)
{
    for (size_t i = 0; i < d->n_modules; i++)
        if (dmv_module_name_equal(d->modules[i].name, module))
            return true;
    return false;
}

/* Among several drivers for one device, the one whose module is bound to it. */
static bool driver_is_bound(const DmvViewDriver *d, const DmvDevice *device)
{
    return device && device->module && dmv_view_driver_has_module(d, device->module);
}

static int ambiguous(const char *object, char *const *names, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_FREE char *list = NULL;

    for (size_t i = 0; names[i]; i++)
        dmv_text_appendf(&t, "%s%s", i ? ", " : "", names[i]);
    if (dmv_text_take(&t, &list, NULL) < 0)
        return -ENOMEM;
    return dmv_error_set(reterr, DMV_AMBIGUOUS, NULL, "name one of them", "%s can mean several things: %s",
                         object, list);
}

int dmv_view_find(const DmvView *v, const char *object, DmvViewDriver **ret, DmvError *reterr)
{
    const DmvDevice *device = dmv_view_device(v, object);
    DMV_CLEANUP_STRV char **names = NULL;
    DmvViewDriver *found = dmv_view_driver(v, object), *bound = NULL;
    size_t n = 0;

    for (size_t i = 0; !found && i < v->n_drivers; i++) {
        DmvViewDriver *d = &v->drivers[i];
        size_t length = strlen(d->name);

        if (strncmp(object, d->name, length) == 0 && (object[length] == '/' || object[length] == '@')) {
            *ret = d;
            return 0;
        }
        if (!(device && dmv_strv_contains(d->slots, device->slot)) && !dmv_view_driver_has_module(d, object))
            continue;
        if (driver_is_bound(d, device))
            bound = d;
        *ret = d;
        n++;
        if (dmv_strv_push(&names, d->name) < 0)
            return -ENOMEM;
    }
    if (found || bound || n == 1) {
        *ret = found ? found : bound ? bound : *ret;
        return 0;
    }
    if (n > 1)
        return ambiguous(object, names, reterr);
    if (device)
        return dmv_error_set(reterr, DMV_NO_SUCH_DRIVER, NULL, "dmvctl devices --all shows what is there",
                             "no catalog and no installed release has a driver for device %s", device->slot);
    return dmv_error_set(
        reterr, DMV_NO_SUCH_OBJECT, NULL, "dmvctl list --all and dmvctl devices show what there is",
        "%s is no driver, module, PCI address, network interface or disk that is known here", object);
}

/* Splits DRIVER[/VARIANT][@VERSION]; the pieces are owned by the caller. */
static int split_release(const char *spec, char **driver, char **variant, char **version)
{
    const char *slash = strchr(spec, '/'), *at = strchr(slash ? slash : spec, '@');
    const char *driver_end = slash ? slash : at ? at : spec + strlen(spec);

    *driver = strndup(spec, (size_t)(driver_end - spec));
    if (slash)
        *variant = strndup(slash + 1, at ? (size_t)(at - slash - 1) : strlen(slash + 1));
    if (at)
        *version = strdup(at + 1);
    if (!*driver || (slash && !*variant) || (at && !*version))
        return -ENOMEM;
    return 0;
}

static bool release_names_are_valid(const char *driver, const char *variant, const char *version)
{
    return dmv_name_is_valid(driver) && (!variant || dmv_name_is_valid(variant)) &&
           (!version || dmv_name_is_valid(version));
}

/* The release that fits what was said of it. Releases are sorted newest first within a variant, so for a
 * variant alone the first that can be used is the newest. */
static int pick_release(DmvViewDriver *d, const char *spec, const char *variant, const char *version,
                        DmvViewRelease **ret, DmvError *reterr)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DmvViewRelease *first = NULL, *usable = NULL;

    for (size_t i = 0; i < d->n_releases; i++) {
        DmvViewRelease *r = &d->releases[i];

        if ((variant && strcmp(r->variant, variant) != 0) || (version && strcmp(r->version, version) != 0))
            continue;
        first = first ? first : r;
        if (!usable && r->verdict == DMV_VERDICT_FITS)
            usable = r;
        if (dmv_strv_push(&names, r->name) < 0)
            return -ENOMEM;
    }
    if (!first)
        return dmv_error_set(reterr, DMV_NO_SUCH_RELEASE, NULL, "dmvctl show DRIVER lists its releases",
                             "there is no release %s in a catalog or on this host", spec);
    if (!variant && dmv_strv_length(names) > 1)
        return ambiguous(spec, names, reterr);
    *ret = usable ? usable : first;
    return 0;
}

int dmv_view_find_release(const DmvView *v, const char *spec, DmvViewDriver **ret_driver,
                          DmvViewRelease **ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *driver = NULL;
    DMV_CLEANUP_FREE char *variant = NULL;
    DMV_CLEANUP_FREE char *version = NULL;
    DmvViewDriver *d;
    int r = split_release(spec, &driver, &variant, &version);

    if (r < 0)
        return r;
    if (!release_names_are_valid(driver, variant, version))
        return dmv_error_set(
            reterr, DMV_INVALID_NAME, NULL, NULL,
            "\"%s\" is not written as DRIVER/VARIANT@VERSION with names of letters, digits and _.+~-", spec);
    d = dmv_view_driver(v, driver);
    if (!d) {
        r = dmv_view_find(v, driver, &d, reterr);
        if (r != 0)
            return r == DMV_NO_SUCH_OBJECT
                       ? dmv_error_set(reterr, DMV_NO_SUCH_DRIVER, NULL, "dmvctl list --all",
                                       "there is no driver \"%s\"", driver)
                       : r;
    }
    r = pick_release(d, spec, variant, version, ret, reterr);
    if (r == 0 && ret_driver)
        *ret_driver = d;
    return r;
}

/* Links come as ../../../dmv/store/..., ../dmv/..., or absolute; what they have in common with the folder of
 * an installed release is their end. That of the store names the kernel that the release was installed for,
 * which need not be @k; an adopted one lies in the folder of its kernel. */
static const DmvInstalled *installed_of_link(const DmvWorld *w, const DmvKernel *k, const char *target)
{
    bool into_store = strstr(target, "dmv/store/") != NULL;

    while (dmv_starts_with(target, "../") || target[0] == '/')
        target += target[0] == '/' ? 1 : 3;
    for (size_t i = 0; i < w->n_installed; i++) {
        const DmvInstalled *x = &w->installed[i];

        if (!into_store && strcmp(x->kernel, k->release) != 0)
            continue;
        for (size_t m = 0; m < x->n_modules; m++) {
            size_t folder = strlen(x->folder), file = strlen(x->modules[m].file), n = strlen(target);

            if (n <= file + 1 || strcmp(target + n - file, x->modules[m].file) != 0 ||
                target[n - file - 1] != '/')
                continue;
            n -= file + 1;
            if (folder >= n && strncmp(x->folder + folder - n, target, n) == 0 &&
                (folder == n || x->folder[folder - n - 1] == '/'))
                return x;
        }
    }
    return NULL;
}

/* The file of a path: they are sorted by module, so that only those of one name are looked at. */
static const DmvModuleFile *file_of_path(const DmvKernel *k, const char *path)
{
    size_t low = 0, high = k->n_files;
    char name[65];

    if (!dmv_module_name_from_file(path, name, sizeof(name)))
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(k->files[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < k->n_files && strcmp(k->files[low].name, name) == 0; low++)
        if (strcmp(k->files[low].path, path) == 0)
            return &k->files[low];
    return NULL;
}

const DmvInstalled *dmv_file_release(const DmvWorld *w, const DmvKernel *k, const DmvModuleFile *f)
{
    return f->target ? installed_of_link(w, k, f->target) : NULL;
}

int dmv_release_of_path(const DmvWorld *w, const DmvKernel *k, const char *path, char **ret)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    const DmvInstalled *x = NULL;
    const DmvModuleFile *f;

    *ret = NULL;
    if (!path)
        return 0;
    f = file_of_path(k, path);
    if (f)
        x = dmv_file_release(w, k, f);
    if (x)
        dmv_text_appendf(&t, "%s/%s@%s", x->driver, x->variant, x->version);
    else
        dmv_text_append(&t, dmv_tree_of_path(path) == DMV_TREE_KERNEL ? "inbox" : "foreign");
    return dmv_text_take(&t, ret, NULL);
}

const DmvViewDriver *dmv_view_manager(const DmvView *v, const char *module)
{
    for (size_t d = 0; d < v->n_drivers; d++)
        for (size_t m = 0; v->drivers[d].selection && m < v->drivers[d].n_modules; m++)
            if (dmv_module_name_equal(v->drivers[d].modules[m].name, module))
                return &v->drivers[d];
    return NULL;
}

bool dmv_kernel_is_usable(const DmvKernel *k)
{
    for (size_t i = 0; i < k->n_files; i++)
        if (k->files[i].tree == DMV_TREE_KERNEL)
            return true;
    return false;
}

const DmvKernel *dmv_world_kernel_in_question(const DmvWorld *w)
{
    const DmvKernel *running = w->running_kernel ? dmv_world_kernel(w, w->running_kernel) : NULL;
    const DmvKernel *newest = NULL;

    for (size_t i = 0; i < w->n_kernels; i++) {
        const DmvKernel *k = &w->kernels[i];

        if (dmv_kernel_is_usable(k) && (!newest || dmv_compare_releases(k->release, newest->release) > 0))
            newest = k;
    }
    return running ? running : newest;
}
