/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The World: freeing, ordering and finding.
 *
 * Every array has one order, and that order is defined here only, so that a lookup can be a binary search and
 * two observations of the same host give the same bytes when they are shown.
 */
#include "world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/module-policy.h"

/* ---- problems ---- */

int dmv_problem_add(DmvProblems *p, const char *object, int code, const char *why_format, ...)
{
    DmvProblem *item = DMV_ARRAY_ADD(p->items, p->n);
    va_list ap;

    if (!item) {
        if (p->n > 0)
            p->items[p->n - 1].code = -ENOMEM;
        return code;
    }
    item->code = code;
    item->object = object ? strdup(object) : NULL;
    va_start(ap, why_format);
    item->why = dmv_vformat(why_format, ap);
    va_end(ap);
    if (!item->why || (object && !item->object))
        item->code = -ENOMEM;
    return code;
}

bool dmv_may_pass(int error)
{
    return error == -EIO || error == -EINTR || error == -EAGAIN || error == -ENOMEM || error == -EMFILE ||
           error == -ENFILE;
}

void dmv_problems_deinit(DmvProblems *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->items[i].object);
        free(p->items[i].why);
    }
    free(p->items);
    *p = (DmvProblems){0};
}

/* ---- words ---- */

static const char *const tree_names[DMV_TREE_MAX] = {
    [DMV_TREE_UPDATES] = "updates",   [DMV_TREE_OVERRIDE] = "override", [DMV_TREE_EXTRA] = "extra",
    [DMV_TREE_WEAK] = "weak-updates", [DMV_TREE_KERNEL] = "kernel",     [DMV_TREE_OTHER] = "",
};

const char *dmv_tree_to_string(DmvTree t)
{
    return t >= 0 && t < DMV_TREE_MAX ? tree_names[t] : "";
}

DmvTree dmv_tree_of_path(const char *path)
{
    const char *slash = strchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    for (DmvTree t = 0; n > 0 && t < DMV_TREE_OTHER; t++)
        if (strlen(tree_names[t]) == n && memcmp(tree_names[t], path, n) == 0)
            return t;
    return DMV_TREE_OTHER;
}

static const char *const origin_names[DMV_ORIGIN_MAX] = {
    [DMV_ORIGIN_STORE] = "store",
    [DMV_ORIGIN_DMV] = "dmv",
    [DMV_ORIGIN_XENSERVER] = "xenserver",
};

const char *dmv_origin_to_string(DmvOrigin o)
{
    return o >= 0 && o < DMV_ORIGIN_MAX ? origin_names[o] : "";
}

/* ---- slots ---- */

static bool hex_field(const char **p, size_t min, size_t max, char end)
{
    size_t n = strspn(*p, "0123456789abcdef");

    if (n < min || n > max || (*p)[n] != end)
        return false;
    *p += n + (end ? 1 : 0);
    return true;
}

bool dmv_slot_is_valid(const char *s)
{
    return hex_field(&s, 4, 8, ':') && hex_field(&s, 2, 2, ':') && hex_field(&s, 2, 2, '.') && s[0] >= '0' &&
           s[0] <= '7' && s[1] == '\0';
}

/* ---- freeing ---- */

void dmv_device_deinit(DmvDevice *d)
{
    free(d->slot);
    free(d->vendor_name);
    free(d->device_name);
    free(d->class_name);
    free(d->modalias);
    dmv_strv_free(d->child_modaliases);
    free(d->driver);
    free(d->module);
    free(d->physfn);
    dmv_strv_free(d->interfaces);
    dmv_strv_free(d->blocks);
    *d = (DmvDevice){0};
}

void dmv_lifeline_deinit(DmvLifeline *l)
{
    free(l->what);
    free(l->chain);
    dmv_strv_free(l->slots);
    dmv_strv_free(l->modules);
    *l = (DmvLifeline){0};
}

void dmv_module_info_deinit(DmvModuleInfo *i)
{
    free(i->name);
    free(i->version);
    free(i->vermagic);
    free(i->srcversion);
    free(i->build_id);
    free(i->note_variant);
    free(i->note_version);
    free(i->note_release);
    free(i->sig_signer);
    free(i->sig_key);
    free(i->sig_hash);
    dmv_strv_free(i->aliases);
    dmv_strv_free(i->depends);
    dmv_strv_free(i->firmware);
    *i = (DmvModuleInfo){0};
}

void dmv_kernel_deinit(DmvKernel *k)
{
    for (size_t i = 0; i < k->n_files; i++) {
        free(k->files[i].name);
        free(k->files[i].path);
        free(k->files[i].target);
        free(k->files[i].build_id);
        free(k->files[i].leads_to);
        dmv_strv_free(k->files[i].packages);
    }
    for (size_t i = 0; i < k->n_index; i++) {
        free(k->index[i].module);
        free(k->index[i].path);
    }
    for (size_t i = 0; i < k->n_bindings; i++) {
        free(k->bindings[i].slot);
        dmv_strv_free(k->bindings[i].modules);
    }
    for (size_t i = 0; i < k->n_firmware; i++) {
        free(k->firmware[i].path);
        free(k->firmware[i].target);
    }
    k->abi = dmv_kabi_free(k->abi);
    free(k->firmware);
    free(k->files);
    free(k->index);
    free(k->bindings);
    free(k->release);
    *k = (DmvKernel){0};
}

void dmv_loaded_deinit(DmvLoaded *l)
{
    free(l->name);
    free(l->version);
    free(l->srcversion);
    free(l->build_id);
    free(l->note_variant);
    free(l->note_version);
    free(l->note_release);
    free(l->taint);
    *l = (DmvLoaded){0};
}

void dmv_module_ids_deinit(DmvModuleIds *m)
{
    free(m->file);
    free(m->ids);
    dmv_strv_free(m->aliases);
    *m = (DmvModuleIds){0};
}

void dmv_installed_deinit(DmvInstalled *i)
{
    for (size_t k = 0; k < i->n_modules; k++) {
        free(i->modules[k].file);
        free(i->modules[k].problem);
        dmv_module_symbols_deinit(&i->modules[k].symbols);
        dmv_module_info_deinit(&i->modules[k].info);
    }
    for (size_t k = 0; k < i->n_ids; k++)
        dmv_module_ids_deinit(&i->ids[k]);
    free(i->modules);
    free(i->ids);
    free(i->driver);
    free(i->variant);
    free(i->version);
    free(i->kernel);
    free(i->built_for);
    free(i->folder);
    free(i->type);
    free(i->description);
    free(i->status);
    free(i->kabi);
    free(i->tier);
    free(i->problem);
    dmv_strv_free(i->firmware);
    *i = (DmvInstalled){0};
}

void dmv_world_deinit(DmvWorld *w)
{
    for (size_t i = 0; i < w->n_devices; i++)
        dmv_device_deinit(&w->devices[i]);
    for (size_t i = 0; i < w->n_kernels; i++)
        dmv_kernel_deinit(&w->kernels[i]);
    for (size_t i = 0; i < w->n_loaded; i++)
        dmv_loaded_deinit(&w->loaded[i]);
    for (size_t i = 0; i < w->n_lifelines; i++)
        dmv_lifeline_deinit(&w->lifelines[i]);
    for (size_t i = 0; i < w->n_installed; i++)
        dmv_installed_deinit(&w->installed[i]);
    free(w->devices);
    free(w->kernels);
    free(w->loaded);
    free(w->lifelines);
    free(w->installed);
    free(w->dmi_vendor);
    free(w->dmi_product);
    free(w->running_kernel);
    if (w->module_policy)
        dmv_module_policy_deinit(w->module_policy);
    free(w->module_policy);
    free(w->machine);
    free(w->depmod_conf);
    dmv_problems_deinit(&w->problems);
    *w = (DmvWorld){0};
}

/* ---- order ---- */

/* strcmp() for names of modules: '-' counts as '_'. */
static int compare_module_names(const char *a, const char *b)
{
    for (;; a++, b++) {
        unsigned char x = (unsigned char)(*a == '-' ? '_' : *a), y = (unsigned char)(*b == '-' ? '_' : *b);

        if (x != y)
            return x < y ? -1 : 1;
        if (!x)
            return 0;
    }
}

static int compare_devices(const void *a, const void *b)
{
    return dmv_strcmp0(((const DmvDevice *)a)->slot, ((const DmvDevice *)b)->slot);
}

static int compare_kernels(const void *a, const void *b)
{
    return dmv_strcmp0(((const DmvKernel *)a)->release, ((const DmvKernel *)b)->release);
}

static int compare_loaded(const void *a, const void *b)
{
    return compare_module_names(((const DmvLoaded *)a)->name, ((const DmvLoaded *)b)->name);
}

static int compare_lifelines(const void *a, const void *b)
{
    const DmvLifeline *x = a, *y = b;

    return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : dmv_strcmp0(x->what, y->what);
}

static int compare_index(const void *a, const void *b)
{
    return compare_module_names(((const DmvIndexEntry *)a)->module, ((const DmvIndexEntry *)b)->module);
}

static int compare_bindings(const void *a, const void *b)
{
    return dmv_strcmp0(((const DmvBinding *)a)->slot, ((const DmvBinding *)b)->slot);
}

static int compare_files(const void *a, const void *b)
{
    const DmvModuleFile *x = a, *y = b;
    int c = compare_module_names(x->name, y->name);

    return c ? c : strcmp(x->path, y->path);
}

static int compare_identity(const DmvInstalled *x, const DmvInstalled *y)
{
    int c = dmv_strcmp0(x->driver, y->driver);

    if (c == 0)
        c = dmv_strcmp0(x->variant, y->variant);
    if (c == 0)
        c = dmv_strcmp0(x->version, y->version);
    return c ? c : dmv_strcmp0(x->kernel, y->kernel);
}

static int compare_installed(const void *a, const void *b)
{
    const DmvInstalled *x = a, *y = b;
    int c = compare_identity(x, y);

    if (c == 0)
        c = (x->origin > y->origin) - (x->origin < y->origin);
    return c ? c : dmv_strcmp0(x->folder, y->folder);
}

static void sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (n > 1)
        qsort(items, n, size, compare);
}

#define SORT(array, n, compare) sort((array), (n), sizeof(*(array)), (compare))

void dmv_world_sort(DmvWorld *w)
{
    SORT(w->devices, w->n_devices, compare_devices);
    SORT(w->kernels, w->n_kernels, compare_kernels);
    SORT(w->loaded, w->n_loaded, compare_loaded);
    SORT(w->lifelines, w->n_lifelines, compare_lifelines);
    SORT(w->installed, w->n_installed, compare_installed);
    for (size_t i = 0; i < w->n_kernels; i++) {
        DmvKernel *k = &w->kernels[i];

        SORT(k->files, k->n_files, compare_files);
        SORT(k->index, k->n_index, compare_index);
        SORT(k->bindings, k->n_bindings, compare_bindings);
    }
}

/* ---- lookups ---- */

static const void *find(const void *key, const void *items, size_t n, size_t size,
                        int (*compare)(const void *, const void *))
{
    return n > 0 ? bsearch(key, items, n, size, compare) : NULL;
}

const DmvDevice *dmv_world_device(const DmvWorld *w, const char *slot)
{
    const DmvDevice key = {.slot = (char *)slot};

    return find(&key, w->devices, w->n_devices, sizeof(key), compare_devices);
}

const DmvKernel *dmv_world_kernel(const DmvWorld *w, const char *release)
{
    const DmvKernel key = {.release = (char *)release};

    return find(&key, w->kernels, w->n_kernels, sizeof(key), compare_kernels);
}

const DmvLoaded *dmv_world_loaded(const DmvWorld *w, const char *module)
{
    const DmvLoaded key = {.name = (char *)module};

    return find(&key, w->loaded, w->n_loaded, sizeof(key), compare_loaded);
}

/* The first of equals: the same release may lie in the store and in an adopted folder, and the store's
 * counts. */
const DmvInstalled *dmv_world_installed(const DmvWorld *w, const char *driver, const char *variant,
                                        const char *version, const char *kernel)
{
    const DmvInstalled key = {.driver = (char *)driver,
                              .variant = (char *)variant,
                              .version = (char *)version,
                              .kernel = (char *)kernel};
    size_t low = 0, high = w->n_installed;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_identity(&w->installed[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->n_installed && compare_identity(&w->installed[low], &key) == 0 ? &w->installed[low]
                                                                                   : NULL;
}

const DmvIndexEntry *dmv_kernel_index(const DmvKernel *k, const char *module)
{
    const DmvIndexEntry key = {.module = (char *)module};

    return find(&key, k->index, k->n_index, sizeof(key), compare_index);
}

/* Hardware is not among it: some attributes of sysfs cannot be read on any day. */
static bool plans_stand_on(const char *object, const char *modules)
{
    return object && (dmv_starts_with(object, modules) || dmv_starts_with(object, "usr/lib/dmv/store") ||
                      strstr(object, "depmod"));
}

/* depmod that is there and does not answer is told the wrong things, whatever keeps it from that. */
static bool is_unseen(const DmvProblem *p, const char *modules)
{
    if (dmv_streq(p->object, "depmod"))
        return p->code < 0 && p->code != -ENOENT;
    return dmv_may_pass(p->code) && plans_stand_on(p->object, modules);
}

int dmv_world_find_unseen(const DmvWorld *w, const char *modules, const char **ret_object)
{
    for (size_t i = 0; i < w->problems.n; i++) {
        const DmvProblem *p = &w->problems.items[i];

        if (is_unseen(p, modules)) {
            *ret_object = p->object;
            return p->code;
        }
    }
    for (size_t i = 0; i < w->n_installed; i++)
        if (w->installed[i].unseen) {
            *ret_object = w->installed[i].folder;
            return w->installed[i].unseen;
        }
    return 0;
}
