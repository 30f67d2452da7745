/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All the edges in order: devices first, since the indexes are asked for them; kernels before releases, since
 * adopted ones lie in their folders. What depmod can do is a question to another process, which answers while
 * all of that is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/depmod.h"
#include "host/observe.h"
#include "host/sysfs.h"

typedef int (*Edge)(const DmvRoots *r, DmvWorld *w);

/* What the problems of the hardware are about: paths below sysfs and lifelines, which no path below a root
 * begins like. */
static const char *const hardware_objects[] = {"bus/pci/", "class/", "module/", "lifeline "};

/* The kernel counts what it tells udev: up by one for every device, driver and module that comes, goes or is
 * bound. */
static int observe_uevents(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP_CLOSE int sysfs = r->sysfs ? open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    DMV_CLEANUP_FREE char *text = NULL;
    int e = sysfs < 0 ? 0 : dmv_sysfs_text(sysfs, "kernel/uevent_seqnum", &text);

    if (e == -ENOMEM)
        return e;
    if (!text || dmv_parse_u64(text, UINT64_MAX, &w->uevents) < 0)
        w->uevents = 0;
    return 0;
}

static int observe_policy(const DmvRoots *r, DmvWorld *w)
{
    w->module_policy = calloc(1, sizeof(*w->module_policy));
    return w->module_policy ? dmv_observe_module_policy(r, w->module_policy) : -ENOMEM;
}

bool dmv_observe_is_behind(const DmvRoots *r, const DmvWorld *w)
{
    DmvWorld now = {0};

    return observe_uevents(r, &now) == 0 && now.uevents != w->uevents;
}

static int run(const Edge *edges, size_t n, const DmvRoots *r, DmvWorld *w)
{
    for (size_t i = 0; i < n; i++) {
        int e = edges[i](r, w);

        if (e < 0)
            return e;
    }
    return 0;
}

/* Modules whose place in the index matters: of releases, and of what lies in a tree that can hide the
 * kernel's own. */
static int collect_names(const DmvWorld *w, char *const *more, char ***ret)
{
    int r = dmv_strv_copy(more, ret);

    for (size_t i = 0; r == 0 && i < w->n_installed; i++)
        for (size_t m = 0; r == 0 && m < w->installed[i].n_modules; m++) {
            char name[128];

            if (dmv_module_name_from_file(w->installed[i].modules[m].file, name, sizeof(name)))
                r = dmv_strv_push(ret, name);
        }
    for (size_t i = 0; r == 0 && i < w->n_kernels; i++)
        for (size_t f = 0; r == 0 && f < w->kernels[i].n_files; f++) {
            const DmvModuleFile *file = &w->kernels[i].files[f];

            if (file->target || (file->tree != DMV_TREE_KERNEL && file->tree != DMV_TREE_OTHER))
                r = dmv_strv_push(ret, file->name);
        }
    return r;
}

static int read_host(const DmvRoots *r, char *const *more, DmvWorld *w)
{
    static const Edge edges[] = {observe_uevents,       dmv_observe_pci,       dmv_observe_udev,
                                 dmv_observe_dmi,       dmv_observe_lifelines, dmv_observe_kernels,
                                 dmv_observe_installed, dmv_observe_loaded,    dmv_observe_depmod,
                                 dmv_observe_firmware,  observe_policy};
    DMV_CLEANUP_STRV char **names = NULL;
    int e = run(edges, DMV_N_ELEMENTS(edges), r, w);

    if (e == 0)
        e = collect_names(w, more, &names);
    if (e == 0)
        e = dmv_observe_placed(r, w, &names);
    if (e == 0)
        e = dmv_observe_indexes(r, w, names);
    if (e == 0)
        dmv_world_sort(w);
    return e == 0 ? dmv_observe_build_ids(r, w) : e;
}

static int observe(const DmvRoots *r, char *const *more, DmvWorld *w)
{
    DMV_CLEANUP(dmv_spawn_deinit) DmvSpawn asked = DMV_SPAWN_NULL;
    int answer = dmv_depmod_ask(&asked);
    int e = answer == -ENOMEM ? answer : read_host(r, more, w);

    if (e < 0)
        return e;
    if (answer == 0)
        answer = dmv_depmod_answer(&asked, &w->depmod_excludes);
    if (answer < 0 && answer != -ENOMEM)
        (void)dmv_problem_add(&w->problems, "depmod", answer, "it cannot be run: %s", strerror(-answer));
    return answer == -ENOMEM ? answer : 0;
}

int dmv_observe(const DmvRoots *r, char *const *more, DmvWorld *ret)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    int e = observe(r, more, &w);

    if (e < 0)
        return e;
    *ret = w;
    w = (DmvWorld){0};
    return 0;
}

/* ---- hardware anew ---- */

static bool is_about_hardware(const DmvProblem *p)
{
    for (size_t i = 0; p->object && i < DMV_N_ELEMENTS(hardware_objects); i++)
        if (dmv_starts_with(p->object, hardware_objects[i]))
            return true;
    return false;
}

static void drop_problems(DmvProblems *p)
{
    DmvProblems kept = {0};

    for (size_t i = 0; i < p->n; i++) {
        if (is_about_hardware(&p->items[i])) {
            free(p->items[i].object);
            free(p->items[i].why);
        } else {
            p->items[kept.n++] = p->items[i];
        }
    }
    p->n = kept.n;
}

static void drop_hardware(DmvWorld *w)
{
    for (size_t i = 0; i < w->n_devices; i++)
        dmv_device_deinit(&w->devices[i]);
    for (size_t i = 0; i < w->n_loaded; i++)
        dmv_loaded_deinit(&w->loaded[i]);
    for (size_t i = 0; i < w->n_lifelines; i++)
        dmv_lifeline_deinit(&w->lifelines[i]);
    free(w->devices);
    free(w->loaded);
    free(w->lifelines);
    w->devices = NULL;
    w->loaded = NULL;
    w->lifelines = NULL;
    w->n_devices = w->n_loaded = w->n_lifelines = 0;
    w->devices_named = false;
    drop_problems(&w->problems);
}

static void move_hardware(DmvWorld *from, DmvWorld *to)
{
    to->devices = DMV_TAKE_PTR(from->devices);
    to->n_devices = from->n_devices;
    to->loaded = DMV_TAKE_PTR(from->loaded);
    to->n_loaded = from->n_loaded;
    to->lifelines = DMV_TAKE_PTR(from->lifelines);
    to->n_lifelines = from->n_lifelines;
    to->uevents = from->uevents;
    from->n_devices = from->n_loaded = from->n_lifelines = 0;
}

int dmv_observe_hardware(const DmvRoots *r, DmvWorld *w)
{
    static const Edge edges[] = {observe_uevents, dmv_observe_pci, dmv_observe_udev, dmv_observe_lifelines,
                                 dmv_observe_loaded};
    DMV_CLEANUP_WORLD DmvWorld fresh = {0};
    DMV_CLEANUP_STRV char **names = NULL;
    int e = run(edges, DMV_N_ELEMENTS(edges), r, &fresh);

    for (size_t i = 0; e == 0 && i < w->n_kernels; i++)
        for (size_t k = 0; e == 0 && k < w->kernels[i].n_index; k++)
            e = dmv_strv_push_unique(&names, w->kernels[i].index[k].module);
    if (e < 0)
        return e;
    drop_hardware(w);
    move_hardware(&fresh, w);
    for (size_t i = 0; i < fresh.problems.n; i++)
        (void)dmv_problem_add(&w->problems, fresh.problems.items[i].object, fresh.problems.items[i].code,
                              "%s", fresh.problems.items[i].why ? fresh.problems.items[i].why : "");
    e = dmv_observe_indexes(r, w, names);
    dmv_world_sort(w);
    return e == 0 ? dmv_observe_build_ids(r, w) : e;
}
