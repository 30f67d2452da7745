/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the traces of block devices and of interfaces share: the words, the circles, and the way up from a
 * device's folder to its PCI function. */
#include "host/trace.h"

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

#define VIRTUAL "devices/virtual/"

void dmv_trace_deinit(DmvTrace *t)
{
    dmv_text_deinit(&t->chain);
    dmv_strv_free(t->slots);
    dmv_strv_free(t->modules);
    dmv_strv_free(t->seen);
    dmv_strv_free(t->unknown);
    *t = (DmvTrace){.sysfs = -1};
}

/* ---- sysfs ---- */

char *dmv_trace_join(const char *a, const char *b)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", a, b) < 0 ? NULL : path;
}

int dmv_trace_resolve(const DmvTrace *t, const char *path, char **ret)
{
    DMV_CLEANUP_FREE char *where = NULL;
    bool exists = false;
    int r = dmv_fs_resolve(t->sysfs, path, &where, &exists);

    *ret = NULL;
    if (r == -ENOMEM)
        return r;
    if (r == 0 && exists)
        *ret = DMV_TAKE_PTR(where);
    return 0;
}

int dmv_trace_text(const DmvTrace *t, const char *folder, const char *name, char **ret)
{
    DMV_CLEANUP_FREE char *path = dmv_trace_join(folder, name);
    int r = path ? dmv_sysfs_text(t->sysfs, path, ret) : -ENOMEM;

    if (r < 0)
        *ret = NULL;
    return r == -ENOMEM ? r : 0;
}

bool dmv_trace_has(const DmvTrace *t, const char *folder, const char *name)
{
    DMV_CLEANUP_FREE char *path = dmv_trace_join(folder, name);
    struct stat st;

    return path && fstatat(t->sysfs, path, &st, 0) == 0;
}

int dmv_trace_list(const DmvTrace *t, const char *folder, const char *prefix, bool cut, char ***ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DmvFsEntry *entries = NULL;
    size_t n = 0, skip = cut ? strlen(prefix) : 0;
    int r = dmv_fs_list(t->sysfs, folder, &entries, &n);

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

int dmv_trace_enter(DmvTrace *t, const char *kind, const char *name)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(name), *station = NULL;
    bool again;

    if (!clean || asprintf(&station, "%s %s", kind, name) < 0) {
        station = NULL;
        return -ENOMEM;
    }
    dmv_text_append(&t->chain, clean);
    again = dmv_strv_contains(t->seen, station);
    if (again || t->depth >= DMV_TRACE_MAX_DEPTH || dmv_strv_length(t->seen) >= DMV_TRACE_MAX_STATIONS)
        return t->chain.error;
    return dmv_strv_push(&t->seen, station) < 0 || t->chain.error ? -ENOMEM : 1;
}

int dmv_trace_unknown(DmvTrace *t, const char *format, ...)
{
    DMV_CLEANUP_FREE char *why = NULL, *clean = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&why, format, ap);
    va_end(ap);
    if (n < 0) {
        why = NULL;
        return -ENOMEM;
    }
    clean = dmv_sanitize(why);
    return clean ? dmv_strv_push_unique(&t->unknown, clean) : -ENOMEM;
}

/* Forgets what a branch said that led nowhere. */
static void cut_back(DmvTrace *t, size_t words, size_t n_unknown)
{
    t->chain.size = words;
    if (t->chain.data)
        t->chain.data[words] = '\0';
    for (size_t i = dmv_strv_length(t->unknown); i > n_unknown; i--) {
        free(t->unknown[i - 1]);
        t->unknown[i - 1] = NULL;
    }
}

int dmv_trace_each(DmvTrace *t, char *const *names, DmvTraceStep step, bool optional)
{
    bool first = true;
    int r = 0;

    t->depth++;
    for (; r == 0 && names && *names; names++) {
        size_t words = t->chain.size, n_unknown = dmv_strv_length(t->unknown), n_ends = t->n_ends;

        dmv_text_append(&t->chain, first ? " on " : " and ");
        r = step(t, *names);
        if (r == 0 && optional && t->n_ends == n_ends)
            cut_back(t, words, n_unknown);
        else
            first = false;
    }
    t->depth--;
    return r;
}

int dmv_trace_one(DmvTrace *t, const char *name, DmvTraceStep step)
{
    char *const names[] = {(char *)name, NULL};

    return dmv_trace_each(t, names, step, false);
}

/* ---- from a device upwards ---- */

/* The module of the driver that is bound to a device; NULL: no driver, or one that is built in. @ret_driver:
 * its name, also if it is built in; may be NULL. */
static int driver_of(const DmvTrace *t, const char *path, char **ret_module, char **ret_driver)
{
    DMV_CLEANUP_FREE char *driver = dmv_trace_join(path, "driver");
    DMV_CLEANUP_FREE char *link = driver ? dmv_trace_join(driver, "module") : NULL;
    DMV_CLEANUP_FREE char *module = NULL, *folder = NULL;
    int r = link ? dmv_sysfs_link_name(t->sysfs, link, &module) : -ENOMEM;

    *ret_module = NULL;
    if (r == 0 && ret_driver)
        r = dmv_sysfs_link_name(t->sysfs, driver, ret_driver);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    if (module) {
        DMV_CLEANUP_CLOSE int fd = -1;

        folder = dmv_trace_join("module", module);
        if (!folder)
            return -ENOMEM;
        fd = dmv_fs_open(t->sysfs, folder, O_PATH | O_DIRECTORY, 0);
        if (fd >= 0 && dmv_sysfs_is_module(fd))
            *ret_module = DMV_TAKE_PTR(module);
    }
    return 0;
}

/* A virtual function lives as long as its physical function does. */
static int add_physical_function(DmvTrace *t, const char *path)
{
    DMV_CLEANUP_FREE char *link = dmv_trace_join(path, "physfn"), *where = NULL, *module = NULL;
    const char *slot;
    int r = link ? dmv_trace_resolve(t, link, &where) : -ENOMEM;

    if (r < 0 || !where)
        return r;
    slot = strrchr(where, '/') ? strrchr(where, '/') + 1 : where;
    if (!dmv_sysfs_is_slot(slot))
        return 0;
    dmv_text_appendf(&t->chain, " (a virtual function of %s)", slot);
    r = dmv_strv_push_unique(&t->slots, slot);
    if (r == 0)
        r = driver_of(t, where, &module, NULL);
    return r == 0 && module ? dmv_strv_push_unique(&t->modules, module) : r;
}

/* One PCI function on the way up. Above the first one are bridges, and of those only the ones that a module
 * drives can be lost by a change of drivers (Intel's VMD is one). */
static int add_function(DmvTrace *t, const char *path, const char *slot, bool driven, bool *found)
{
    int r;

    if (*found && !driven)
        return 0;
    dmv_text_appendf(&t->chain, " on %s", slot);
    r = dmv_strv_push_unique(&t->slots, slot);
    if (r == 0 && !*found)
        r = add_physical_function(t, path);
    *found = true;
    return r;
}

int dmv_trace_device(DmvTrace *t, const char *path)
{
    DMV_CLEANUP_FREE char *at = strdup(path);
    bool found = false;
    char *slash;
    int r = at ? 0 : -ENOMEM;

    for (; r == 0 && (slash = strrchr(at, '/')); *slash = '\0') {
        DMV_CLEANUP_FREE char *module = NULL;

        r = driver_of(t, at, &module, NULL);
        if (r == 0 && module)
            r = dmv_strv_push_unique(&t->modules, module);
        if (r == 0 && dmv_sysfs_is_slot(slash + 1))
            r = add_function(t, at, slash + 1, module != NULL, &found);
    }
    t->n_ends += found;
    return r < 0 ? r : t->chain.error;
}

int dmv_trace_other_bus(DmvTrace *t, const char *path)
{
    DMV_CLEANUP_FREE char *at = strdup(path);
    char *slash;

    if (!at)
        return -ENOMEM;
    for (; (slash = strrchr(at, '/')) && !dmv_starts_with(path, VIRTUAL); *slash = '\0') {
        DMV_CLEANUP_FREE char *module = NULL, *driver = NULL;
        int r = driver_of(t, at, &module, &driver);

        if (r < 0)
            return r;
        if (!driver)
            continue;
        dmv_text_appendf(&t->chain, " on %s, which is no PCI device", slash + 1);
        t->n_ends++;
        break;
    }
    return t->chain.error;
}
