/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Worlds made in memory. The ranking follows depmod.d(5): an override line for a file that is there beats
 * everything; else the search order, in which a folder that is not named counts as "built-in"; equal ranks
 * fall to the path that sorts first. */
#include "worldkit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "model/depmodconf.h"

#define MODULES "usr/lib/modules"

static char *copy(const char *s)
{
    char *c = s ? strdup(s) : NULL;

    if (s && !c)
        abort();
    return c;
}

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

DmvKernel *world_add_kernel(DmvWorld *w, const char *release, bool running)
{
    DmvKernel *k = need(DMV_ARRAY_ADD(w->kernels, w->n_kernels));

    k->release = copy(release);
    k->running = running;
    k->has_index = true;
    if (running)
        w->running_kernel = copy(release);
    return k;
}

DmvModuleFile *world_add_file(DmvKernel *k, const char *path, const char *target)
{
    DmvModuleFile *f = need(DMV_ARRAY_ADD(k->files, k->n_files));
    char name[65];

    if (!dmv_module_name_from_file(path, name, sizeof(name)))
        abort();
    f->name = copy(name);
    f->path = copy(path);
    f->tree = dmv_tree_of_path(path);
    f->target = copy(target);
    f->ours = target && (strstr(target, "dmv/store/") || dmv_starts_with(target, "../dmv/"));
    return f;
}

DmvDevice *world_add_device(DmvWorld *w, const char *slot, unsigned vendor, unsigned device,
                            const char *module)
{
    DmvDevice *d = need(DMV_ARRAY_ADD(w->devices, w->n_devices));

    d->slot = copy(slot);
    d->vendor = (uint16_t)vendor;
    d->device = (uint16_t)device;
    d->subvendor = 0x1028;
    d->subdevice = 1;
    d->class_id = 0x020000;
    d->driver = copy(module);
    d->module = copy(module);
    if (asprintf(&d->modalias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc02sc00i00", vendor, device, d->subvendor,
                 d->subdevice) < 0)
        abort();
    return d;
}

DmvInstalled *world_add_installed(DmvWorld *w, const char *driver, const char *variant, const char *version,
                                  const char *kernel, const char *tier, DmvOrigin origin,
                                  const char *const modules[])
{
    DmvInstalled *x = need(DMV_ARRAY_ADD(w->installed, w->n_installed));

    x->driver = copy(driver);
    x->variant = copy(variant);
    x->version = copy(version);
    x->kernel = copy(kernel);
    x->tier = copy(tier);
    x->type = copy("network");
    x->origin = origin;
    if ((origin == DMV_ORIGIN_STORE
             ? asprintf(&x->folder, "usr/lib/dmv/store/%s/%s/%s/%s", kernel, driver, variant, version)
             : asprintf(&x->folder, MODULES "/%s/dmv/%s/%s", kernel, driver, variant)) < 0)
        abort();
    for (size_t i = 0; modules[i]; i++) {
        DmvInstalledModule *m = need(DMV_ARRAY_ADD(x->modules, x->n_modules));
        char name[65];

        if (!dmv_module_name_from_file(modules[i], name, sizeof(name)))
            abort();
        m->file = copy(modules[i]);
        m->info.name = copy(name);
        if (asprintf(&m->info.build_id, "%s-%s-%s-%s", name, variant, version, kernel) < 0)
            abort();
    }
    return x;
}

void world_add_lifeline(DmvWorld *w, DmvLifelineKind kind, const char *what, const char *slot,
                        const char *module)
{
    DmvLifeline *l = need(DMV_ARRAY_ADD(w->lifelines, w->n_lifelines));

    l->kind = kind;
    l->what = copy(what);
    if (asprintf(&l->chain, "%s on %s", what, slot ? slot : "nothing") < 0 ||
        (slot && dmv_strv_push(&l->slots, slot) < 0) || (module && dmv_strv_push(&l->modules, module) < 0))
        abort();
}

void world_add_id(DmvInstalled *x, const char *file, unsigned vendor, unsigned device)
{
    DmvModuleIds *ids = need(DMV_ARRAY_ADD(x->ids, x->n_ids));
    DmvPciId *id = need(DMV_ARRAY_ADD(ids->ids, ids->n_ids));

    ids->file = copy(file);
    *id = (DmvPciId){vendor, device, DMV_PCI_ANY, DMV_PCI_ANY};
}

/* ---- symbols ---- */

#define VERMAGIC_REST " SMP mod_unload modversions "

static DmvSymbol *make_symbols(DmvArena *a, const char *const texts[], size_t *ret_n)
{
    DmvSymbol *symbols;
    size_t n = 0;

    while (texts && texts[n])
        n++;
    symbols = need(dmv_arena_alloc(a, n + 1, sizeof(*symbols)));
    for (size_t i = 0; i < n; i++) {
        const char *equals = need(strchr(texts[i], '='));

        symbols[i].name = need(dmv_arena_copy(a, texts[i], (size_t)(equals - texts[i])));
        symbols[i].crc = (uint32_t)strtoul(equals + 1, NULL, 10);
    }
    *ret_n = n;
    return symbols;
}

void world_set_symbols(DmvInstalledModule *m, const char *kernel, const char *const needs[],
                       const char *const exports[])
{
    DmvModuleSymbols *s = &m->symbols;
    char vermagic[256];

    dmv_module_symbols_deinit(s);
    if (dmv_arena_new(&s->arena) < 0)
        abort();
    (void)snprintf(vermagic, sizeof(vermagic), "%s" VERMAGIC_REST, kernel);
    s->vermagic = need(dmv_arena_copy(s->arena, vermagic, strlen(vermagic)));
    s->versioned = true;
    s->needs = make_symbols(s->arena, needs, &s->n_needs);
    s->exports = make_symbols(s->arena, exports, &s->n_exports);
}

void world_set_abi(DmvKernel *k, bool complete, const char *const exports[])
{
    char vermagic[256];

    k->abi = dmv_kabi_free(k->abi);
    (void)snprintf(vermagic, sizeof(vermagic), "%s" VERMAGIC_REST, k->release);
    if (dmv_kabi_new(&k->abi) < 0 || dmv_kabi_set_vermagic(k->abi, vermagic) < 0)
        abort();
    dmv_kabi_set_complete(k->abi, complete);
    for (size_t i = 0; exports && exports[i]; i++) {
        const char *equals = need(strchr(exports[i], '='));

        if (dmv_kabi_add(k->abi, exports[i], (size_t)(equals - exports[i]),
                         (uint32_t)strtoul(equals + 1, NULL, 10), DMV_KABI_EXPORT, "vmlinux") != 0)
            abort();
    }
}

/* ---- apply ---- */

static void drop_file(DmvKernel *k, const char *path)
{
    for (size_t i = 0; i < k->n_files; i++)
        if (strcmp(k->files[i].path, path) == 0) {
            free(k->files[i].name);
            free(k->files[i].path);
            free(k->files[i].target);
            free(k->files[i].build_id);
            /* the array must not shrink below what its growth expects: the last one moves into the hole, and
             * stays as an empty entry that no lookup matches */
            k->files[i] = k->files[k->n_files - 1];
            k->n_files--;
            k->files = need(reallocarray(k->files, 4096, sizeof(k->files[0])));
            return;
        }
}

static void put_link(DmvKernel *k, const char *path, const char *target)
{
    DmvModuleFile f = {0};
    char name[65];

    drop_file(k, path);
    if (!dmv_module_name_from_file(path, name, sizeof(name)))
        abort();
    k->files = need(reallocarray(k->files, 4096, sizeof(k->files[0])));
    f.name = copy(name);
    f.path = copy(path);
    f.target = copy(target);
    f.tree = dmv_tree_of_path(path);
    f.ours = true;
    k->files[k->n_files++] = f;
}

void world_apply(DmvWorld *w, const DmvPlan *p)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const DmvStep *s = &p->steps[i];

        for (size_t k = 0; k < w->n_kernels; k++) {
            char prefix[256];

            (void)snprintf(prefix, sizeof(prefix), MODULES "/%s/", w->kernels[k].release);
            if (!s->path || !dmv_starts_with(s->path, prefix))
                continue;
            if (s->kind == DMV_STEP_LINK)
                put_link(&w->kernels[k], s->path + strlen(prefix), s->content);
            if (s->kind == DMV_STEP_UNLINK)
                drop_file(&w->kernels[k], s->path + strlen(prefix));
        }
        if (s->kind == DMV_STEP_WRITE || s->kind == DMV_STEP_REMOVE) {
            free(w->depmod_conf);
            w->depmod_conf = copy(s->content);
        }
    }
    world_depmod(w);
}

/* ---- depmod ---- */

static int rank_of(const char *conf, const char *path)
{
    DMV_CLEANUP_FREE char *line = NULL;
    const char *search = conf ? strstr(conf, "search ") : NULL;
    char *state = NULL;
    int rank = 0, builtin = 99;

    search = search ? search + 7 : "updates extra built-in weak-updates";
    line = need(strndup(search, strcspn(search, "\n")));
    for (char *word = strtok_r(line, " ", &state); word; word = strtok_r(NULL, " ", &state), rank++) {
        size_t n = strlen(word);

        if (strcmp(word, "built-in") == 0)
            builtin = rank;
        else if (strncmp(path, word, n) == 0 && path[n] == '/')
            return rank;
    }
    return builtin;
}

static bool overridden_to(const char *conf, const char *kernel, const DmvModuleFile *f)
{
    const char *slash = strrchr(f->path, '/');
    DMV_CLEANUP_FREE char *pattern = need(dmv_depmod_kernel_pattern(kernel));
    DMV_CLEANUP_FREE char *line = NULL;

    if (!slash) /* in no folder that a line could name */
        return false;
    /* as the file is called, not as the module is */
    if (asprintf(&line, "override %.*s %s %.*s\n", (int)strcspn(slash + 1, "."), slash + 1, pattern,
                 (int)(slash - f->path), f->path) < 0)
        abort();
    return conf && strstr(conf, line) != NULL;
}

static const DmvModuleFile *winner(const DmvWorld *w, const DmvKernel *k, const char *module)
{
    const DmvModuleFile *best = NULL;

    for (size_t i = 0; i < k->n_files; i++) {
        const DmvModuleFile *f = &k->files[i];
        int a, b;

        if (f->dangling || strcmp(f->name, module) != 0)
            continue;
        if (overridden_to(w->depmod_conf, k->release, f))
            return f;
        if (!best) {
            best = f;
            continue;
        }
        a = rank_of(w->depmod_conf, f->path);
        b = rank_of(w->depmod_conf, best->path);
        if (a < b || (a == b && strcmp(f->path, best->path) < 0))
            best = f;
    }
    return best;
}

void world_depmod(DmvWorld *w)
{
    for (size_t n = 0; n < w->n_kernels; n++) {
        DmvKernel *k = &w->kernels[n];

        for (size_t i = 0; i < k->n_index; i++) {
            free(k->index[i].module);
            free(k->index[i].path);
        }
        free(k->index);
        k->index = NULL;
        k->n_index = 0;
        for (size_t i = 0; i < k->n_files; i++) {
            const DmvModuleFile *f = winner(w, k, k->files[i].name);
            bool there = false;
            DmvIndexEntry *e;

            for (size_t x = 0; x < k->n_index; x++)
                there = there || strcmp(k->index[x].module, k->files[i].name) == 0;
            if (there || !f)
                continue;
            e = need(DMV_ARRAY_ADD(k->index, k->n_index));
            e->module = copy(f->name);
            e->path = copy(f->path);
        }
    }
    dmv_world_sort(w);
}

const char *world_effective(const DmvWorld *w, const char *kernel, const char *module)
{
    const DmvKernel *k = dmv_world_kernel(w, kernel);
    const DmvIndexEntry *e = k ? dmv_kernel_index(k, module) : NULL;

    return e ? e->path : NULL;
}
