/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the descents of block devices and of interfaces share: the words, the circles, and the way up from a
 * device's folder to its PCI function. */
#include "host/descent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "host/fs.h"
#include "host/sysfs.h"
#include "model/world.h"

#define VIRTUAL "devices/virtual/"

void dmv_descent_deinit(DmvDescent *d)
{
    dmv_text_deinit(&d->chain);
    dmv_strv_free(d->slots);
    dmv_strv_free(d->modules);
    dmv_strv_free(d->seen);
    dmv_strv_free(d->unknown);
    *d = (DmvDescent){.sysfs = -1, .udev = -1};
}

/* ---- sysfs ---- */

char *dmv_descent_join(const char *a, const char *b)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", a, b) < 0 ? NULL : path;
}

int dmv_descent_resolve(const DmvDescent *d, const char *path, char **ret)
{
    DMV_CLEANUP_FREE char *where = NULL;
    bool exists = false;
    int r = dmv_fs_resolve(d->sysfs, path, &where, &exists);

    *ret = NULL;
    if (r == -ENOMEM)
        return r;
    if (r == 0 && exists)
        *ret = DMV_TAKE_PTR(where);
    return 0;
}

int dmv_descent_text(const DmvDescent *d, const char *folder, const char *name, char **ret)
{
    DMV_CLEANUP_FREE char *path = dmv_descent_join(folder, name);
    int r = path ? dmv_sysfs_text(d->sysfs, path, ret) : -ENOMEM;

    if (r < 0)
        *ret = NULL;
    return r == -ENOMEM ? r : 0;
}

bool dmv_descent_has(const DmvDescent *d, const char *folder, const char *name)
{
    DMV_CLEANUP_FREE char *path = dmv_descent_join(folder, name);
    struct stat st;

    return path && fstatat(d->sysfs, path, &st, 0) == 0;
}

int dmv_descent_list(const DmvDescent *d, const char *folder, const char *prefix, bool cut, char ***ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DmvFsEntry *entries = NULL;
    size_t n = 0, skip = cut ? strlen(prefix) : 0;
    int r = dmv_fs_list(d->sysfs, folder, &entries, &n);

    if (r < 0)
        r = r == -ENOMEM ? r : 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (dmv_starts_with(entries[i].name, prefix) && entries[i].name[skip])
            r = dmv_strv_push(&names, entries[i].name + skip);
    dmv_fs_entries_free(entries, n);
    if (r == 0)
        *ret = DMV_TAKE_PTR(names);
    return r;
}

/* ---- words and circles ---- */

int dmv_descent_enter(DmvDescent *d, const char *kind, const char *name)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(name), *station = NULL;
    bool again;

    if (!clean || asprintf(&station, "%s %s", kind, name) < 0) {
        station = NULL;
        return -ENOMEM;
    }
    dmv_text_append(&d->chain, clean);
    again = dmv_strv_contains(d->seen, station);
    if (again || d->depth >= DMV_DESCENT_MAX_DEPTH || dmv_strv_length(d->seen) >= DMV_DESCENT_MAX_STATIONS)
        return d->chain.error;
    return dmv_strv_push(&d->seen, station) < 0 || d->chain.error ? -ENOMEM : 1;
}

int dmv_descent_unknown(DmvDescent *d, const char *format, ...)
{
    DMV_CLEANUP_FREE char *why = NULL, *clean = NULL;
    va_list ap;

    va_start(ap, format);
    why = dmv_vformat(format, ap);
    va_end(ap);
    clean = why ? dmv_sanitize(why) : NULL;
    return clean ? dmv_strv_push_unique(&d->unknown, clean) : -ENOMEM;
}

/* Forgets what a branch said that led nowhere. */
static void cut_back(DmvDescent *d, size_t words, size_t n_unknown)
{
    d->chain.size = words;
    if (d->chain.data)
        d->chain.data[words] = '\0';
    for (size_t i = dmv_strv_length(d->unknown); i > n_unknown; i--) {
        free(d->unknown[i - 1]);
        d->unknown[i - 1] = NULL;
    }
}

int dmv_descent_each(DmvDescent *d, char *const *names, DmvDescentStep step, bool optional)
{
    bool first = true;
    int r = 0;

    d->depth++;
    for (; r == 0 && names && *names; names++) {
        size_t words = d->chain.size, n_unknown = dmv_strv_length(d->unknown), n_ends = d->n_ends;

        dmv_text_append(&d->chain, first ? " on " : " and ");
        r = step(d, *names);
        if (r == 0 && optional && d->n_ends == n_ends)
            cut_back(d, words, n_unknown);
        else
            first = false;
    }
    d->depth--;
    return r;
}

int dmv_descent_one(DmvDescent *d, const char *name, DmvDescentStep step)
{
    char *const names[] = {(char *)name, NULL};

    return dmv_descent_each(d, names, step, false);
}

/* ---- from a device upwards ---- */

/* The module of the driver that is bound to a device; NULL: no driver, or one that is built in. @ret_driver:
 * its name, also if it is built in; may be NULL. */
static int driver_of(const DmvDescent *d, const char *path, char **ret_module, char **ret_driver)
{
    DMV_CLEANUP_FREE char *driver = dmv_descent_join(path, "driver");
    DMV_CLEANUP_FREE char *link = driver ? dmv_descent_join(driver, "module") : NULL;
    DMV_CLEANUP_FREE char *module = NULL, *folder = NULL;
    int r = link ? dmv_sysfs_link_name(d->sysfs, link, &module) : -ENOMEM;

    *ret_module = NULL;
    if (r == 0 && ret_driver)
        r = dmv_sysfs_link_name(d->sysfs, driver, ret_driver);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    if (module) {
        DMV_CLEANUP_CLOSE int fd = -1;

        folder = dmv_descent_join("module", module);
        if (!folder)
            return -ENOMEM;
        fd = dmv_fs_open(d->sysfs, folder, O_PATH | O_DIRECTORY, 0);
        if (fd >= 0 && dmv_sysfs_is_module(fd))
            *ret_module = DMV_TAKE_PTR(module);
    }
    return 0;
}

/* A virtual function lives as long as its physical function does. */
static int add_physical_function(DmvDescent *d, const char *path)
{
    DMV_CLEANUP_FREE char *link = dmv_descent_join(path, "physfn"), *where = NULL, *module = NULL;
    const char *slot;
    int r = link ? dmv_descent_resolve(d, link, &where) : -ENOMEM;

    if (r < 0 || !where)
        return r;
    slot = strrchr(where, '/') ? strrchr(where, '/') + 1 : where;
    if (!dmv_slot_is_valid(slot))
        return 0;
    dmv_text_appendf(&d->chain, " (a virtual function of %s)", slot);
    r = dmv_strv_push_unique(&d->slots, slot);
    if (r == 0)
        r = driver_of(d, where, &module, NULL);
    return r == 0 && module ? dmv_strv_push_unique(&d->modules, module) : r;
}

/* One PCI function on the way up. Above the first one are bridges, and of those only the ones that a module
 * drives can be lost by a change of drivers (Intel's VMD is one). */
static int add_function(DmvDescent *d, const char *path, const char *slot, bool driven, bool *found)
{
    int r;

    if (*found && !driven)
        return 0;
    dmv_text_appendf(&d->chain, " on %s", slot);
    r = dmv_strv_push_unique(&d->slots, slot);
    if (r == 0 && !*found)
        r = add_physical_function(d, path);
    *found = true;
    return r;
}

int dmv_descent_device(DmvDescent *d, const char *path)
{
    DMV_CLEANUP_FREE char *at = strdup(path);
    bool found = false;
    char *slash;
    int r = at ? 0 : -ENOMEM;

    for (; r == 0 && (slash = strrchr(at, '/')); *slash = '\0') {
        DMV_CLEANUP_FREE char *module = NULL;

        r = driver_of(d, at, &module, NULL);
        if (r == 0 && module)
            r = dmv_strv_push_unique(&d->modules, module);
        if (r == 0 && dmv_slot_is_valid(slash + 1))
            r = add_function(d, at, slash + 1, module != NULL, &found);
    }
    d->n_ends += found;
    return r < 0 ? r : d->chain.error;
}

int dmv_descent_given(DmvDescent *d, const char *slot)
{
    DMV_CLEANUP_FREE char *link = NULL, *folder = NULL;
    int r = dmv_descent_enter(d, "function", slot);

    if (r <= 0)
        return r;
    if (!dmv_slot_is_valid(slot))
        return dmv_descent_unknown(d, "\"%s\" is no address of a PCI function", slot);
    link = dmv_descent_join("bus/pci/devices", slot);
    r = link ? dmv_descent_resolve(d, link, &folder) : -ENOMEM;
    if (r < 0)
        return r;
    if (!folder)
        return dmv_descent_unknown(d, "there is no PCI function %s", slot);
    d->n_ends++;
    return add_physical_function(d, folder);
}

int dmv_descent_other_bus(DmvDescent *d, const char *path)
{
    DMV_CLEANUP_FREE char *at = strdup(path);
    char *slash;

    if (!at)
        return -ENOMEM;
    for (; (slash = strrchr(at, '/')) && !dmv_starts_with(path, VIRTUAL); *slash = '\0') {
        DMV_CLEANUP_FREE char *module = NULL, *driver = NULL;
        int r = driver_of(d, at, &module, &driver);

        if (r < 0)
            return r;
        if (!driver)
            continue;
        dmv_text_appendf(&d->chain, " on %s, which is no PCI device", slash + 1);
        d->n_ends++;
        break;
    }
    return d->chain.error;
}
