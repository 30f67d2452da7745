/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the index of a kernel gives, by libkmod: the same code and the same files that modprobe(8) and udev
 * use.
 *
 * libkmod is told not to read modprobe.d, because that of this machine says nothing about another root, and
 * an alias or a blacklist there is not what the trees decide.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/kmod-internal.h"
#include "host/observe.h"

#define INDEX_FILE "modules.dep.bin"
/* The same as text, written by the same depmod. A real one has 0.6 MB. */
#define INDEX_TEXT "modules.dep"
#define INDEX_TEXT_MAX ((size_t)64 * 1024 * 1024)

/* The index of one kernel, opened once for all lookups. */
typedef struct Index {
    struct kmod_ctx *ctx;
    char *folder; /* absolute path of the kernel's folder */
} Index;

static void index_deinit(Index *x)
{
    if (x->ctx)
        (void)kmod_unref(x->ctx);
    free(x->folder);
    *x = (Index){0};
}

/* Return: 0; -ENOENT if the kernel has no index; another negative errno if it is damaged. */
static int index_init(Index *x, const DmvRoots *r, const char *kver, bool many)
{
    static const char *const no_configuration[] = {NULL};
    DMV_CLEANUP_FREE char *relative = dmv_roots_kernel_path(r, kver, NULL);
    DMV_CLEANUP_FREE char *file = dmv_roots_kernel_path(r, kver, INDEX_FILE);
    struct stat st;
    int e;

    if (!relative || !file)
        return -ENOMEM;
    if (fstatat(r->fd, file, &st, 0) < 0)
        return -errno;
    x->folder = dmv_roots_path(r, relative);
    x->ctx = x->folder ? kmod_new(x->folder, no_configuration) : NULL;
    if (!x->ctx)
        return -ENOMEM;
    kmod_set_log_priority(x->ctx, 0); /* it would print */
    e = many ? kmod_load_resources(x->ctx) : 0;
    return e < 0 ? e : 0;
}

static int lookup(const Index *x, const char *name, struct kmod_list **ret)
{
    int e = kmod_module_new_from_lookup(x->ctx, name, ret);

    /* libkmod says "not implemented" for an index file that is not there */
    return e == -ENOSYS || e == -ENOENT ? 0 : e;
}

/* ---- names ---- */

/* Return: 1 and the entry when the index knows a module of this name, 0 if not, or a negative errno. */
static int find_name(const Index *x, const char *name, DmvIndexEntry *ret)
{
    DMV_CLEANUP(dmv_cleanup_kmod_list) struct kmod_list *list = NULL;
    struct kmod_list *item;
    int e = lookup(x, name, &list);

    if (e < 0)
        return e;
    kmod_list_foreach(item, list)
    {
        DMV_CLEANUP(dmv_cleanup_kmod_module) struct kmod_module *m = kmod_module_get_module(item);

        if (!dmv_module_name_equal(kmod_module_get_name(m), name))
            continue; /* an alias that happens to be called so */
        if (dmv_set_string(&ret->module, kmod_module_get_name(m)) < 0 ||
            dmv_set_string(&ret->path, dmv_kmod_relative_path(x->folder, kmod_module_get_path(m))) < 0)
            return -ENOMEM;
        return 1;
    }
    return 0;
}

/* An index outlives the files that it was made of: of a package that went without a depmod it still gives the
 * module. */
static int look_for_file(const DmvRoots *r, const DmvKernel *k, DmvIndexEntry *entry)
{
    DMV_CLEANUP_FREE char *path = NULL, *resolved = NULL;
    bool exists = false;
    struct stat st;
    int e;

    if (!entry->path || entry->path[0] == '/')
        return 0;
    path = dmv_roots_kernel_path(r, k->release, entry->path);
    if (!path)
        return -ENOMEM;
    if (fstatat(r->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        entry->gone = errno == ENOENT || errno == ENOTDIR;
        return 0;
    }
    e = S_ISLNK(st.st_mode) ? dmv_fs_resolve(r->fd, path, &resolved, &exists) : 0;
    entry->gone = e == 0 && resolved && !exists;
    return e == -ENOMEM ? e : 0;
}

static int fill_index(const Index *x, const DmvRoots *r, DmvKernel *k, char *const *names)
{
    for (; names && *names; names++) {
        DmvIndexEntry entry = {0}, *slot;
        int e = find_name(x, *names, &entry);

        if (e > 0 && look_for_file(r, k, &entry) < 0)
            e = -ENOMEM;
        if (e > 0) {
            slot = DMV_ARRAY_ADD(k->index, k->n_index);
            if (slot) {
                *slot = entry;
                continue;
            }
            e = -ENOMEM;
        }
        free(entry.module);
        free(entry.path);
        if (e < 0)
            return e;
    }
    return 0;
}

/* ---- devices ---- */

static int find_modules(const Index *x, const char *modalias, char ***ret)
{
    DMV_CLEANUP(dmv_cleanup_kmod_list) struct kmod_list *list = NULL;
    struct kmod_list *item;
    int e = lookup(x, modalias, &list);

    if (e < 0)
        return e;
    kmod_list_foreach(item, list)
    {
        DMV_CLEANUP(dmv_cleanup_kmod_module) struct kmod_module *m = kmod_module_get_module(item);

        if (dmv_strv_push_unique(ret, kmod_module_get_name(m)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void drop_bindings(DmvKernel *k)
{
    for (size_t i = 0; i < k->n_bindings; i++) {
        free(k->bindings[i].slot);
        dmv_strv_free(k->bindings[i].modules);
    }
    free(k->bindings);
    k->bindings = NULL;
    k->n_bindings = 0;
}

static void drop_index(DmvKernel *k)
{
    for (size_t i = 0; i < k->n_index; i++) {
        free(k->index[i].module);
        free(k->index[i].path);
    }
    free(k->index);
    k->index = NULL;
    k->n_index = 0;
}

static int fill_bindings(const Index *x, DmvKernel *k, const DmvWorld *w)
{
    for (size_t i = 0; i < w->n_devices; i++) {
        const DmvDevice *d = &w->devices[i];
        DmvBinding *b;
        int e = 0;

        if (d->physfn) /* as its parent */
            continue;
        b = DMV_ARRAY_ADD(k->bindings, k->n_bindings);
        if (!b || dmv_set_string(&b->slot, d->slot) < 0)
            return -ENOMEM;
        if (d->modalias)
            e = find_modules(x, d->modalias, &b->modules);
        if (e < 0)
            return e;
    }
    return 0;
}

/* The names in question and those of every module that a device here would get, sorted, each once. */
static int collect_names(const DmvKernel *k, char *const *names, char ***ret)
{
    DMV_CLEANUP_STRV char **all = NULL;
    size_t n = 0;

    for (; names && *names; names++)
        if (dmv_strv_push(&all, *names) < 0)
            return -ENOMEM;
    for (size_t i = 0; i < k->n_bindings; i++)
        for (char **m = k->bindings[i].modules; m && *m; m++)
            if (dmv_strv_push(&all, *m) < 0)
                return -ENOMEM;
    dmv_strv_sort(all);
    for (size_t i = 0; all && all[i]; i++) {
        if (n > 0 && dmv_module_name_equal(all[n - 1], all[i]))
            free(all[i]);
        else
            all[n++] = all[i];
    }
    if (all)
        all[n] = NULL;
    *ret = DMV_TAKE_PTR(all);
    return 0;
}

static int observe_index(const DmvRoots *r, DmvWorld *w, DmvKernel *k, char *const *names)
{
    DMV_CLEANUP(index_deinit) Index x = {0};
    DMV_CLEANUP_STRV char **all = NULL;
    int e;

    drop_bindings(k);
    drop_index(k);
    e = index_init(&x, r, k->release, true);
    if (e == 0)
        e = fill_bindings(&x, k, w);
    if (e == 0)
        e = collect_names(k, names, &all);
    return e < 0 ? e : fill_index(&x, r, k, all);
}

/* Adds the modules that the text of one index places outside of the kernel's own tree. Those of releases,
 * which an old depmod indexes where they lie, are asked for already. */
static int add_placed(char *text, char ***names)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char name[65];

        if (dmv_starts_with(line, "kernel/") || dmv_starts_with(line, "dmv/") ||
            dmv_starts_with(line, "xenserver/"))
            continue;
        line[strcspn(line, ":")] = '\0';
        if (dmv_module_name_from_file(line, name, sizeof(name)) && dmv_strv_push(names, name) < 0)
            return -ENOMEM;
    }
    return 0;
}

int dmv_observe_placed(const DmvRoots *r, DmvWorld *w, char ***names)
{
    for (size_t i = 0; i < w->n_kernels; i++) {
        DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(r, w->kernels[i].release, INDEX_TEXT);
        DMV_CLEANUP_FREE char *text = NULL;
        int e;

        if (!path)
            return -ENOMEM;
        if (!w->kernels[i].has_index)
            continue;
        e = dmv_fs_read_file(r->fd, path, INDEX_TEXT_MAX, &text, NULL);
        if (e == -ENOMEM || (e == 0 && add_placed(text, names) < 0))
            return -ENOMEM;
        if (e < 0 && e != -ENOENT)
            (void)dmv_problem_add(&w->problems, path, e, "this index cannot be read: %s", strerror(-e));
    }
    return 0;
}

int dmv_observe_indexes(const DmvRoots *r, DmvWorld *w, char *const *names)
{
    for (size_t i = 0; i < w->n_kernels; i++) {
        DmvKernel *k = &w->kernels[i];
        int e;

        if (!k->has_index)
            continue;
        e = observe_index(r, w, k, names);
        if (e == -ENOMEM)
            return e;
        if (e < 0) {
            DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(r, k->release, INDEX_FILE);

            (void)dmv_problem_add(&w->problems, path, e, "the index of this kernel cannot be read: %s",
                                  strerror(-e));
        }
    }
    return 0;
}

int dmv_module_lookup(const DmvRoots *r, const char *kver, const char *name_or_modalias, char **ret_name,
                      char **ret_path)
{
    DMV_CLEANUP(index_deinit) Index x = {0};
    DMV_CLEANUP(dmv_cleanup_kmod_list) struct kmod_list *list = NULL;
    DMV_CLEANUP(dmv_cleanup_kmod_module) struct kmod_module *m = NULL;
    DMV_CLEANUP_FREE char *name = NULL, *path = NULL;
    int e;

    if (!dmv_kernel_name_is_valid(kver))
        return -EINVAL;
    e = index_init(&x, r, kver, false);
    if (e == 0)
        e = lookup(&x, name_or_modalias, &list);
    if (e < 0)
        return e;
    if (!list)
        return DMV_NO_SUCH_OBJECT;
    m = kmod_module_get_module(list);
    if (dmv_set_string(&name, kmod_module_get_name(m)) < 0 ||
        dmv_set_string(&path, dmv_kmod_relative_path(x.folder, kmod_module_get_path(m))) < 0)
        return -ENOMEM;
    *ret_name = DMV_TAKE_PTR(name);
    *ret_path = DMV_TAKE_PTR(path);
    return 0;
}
