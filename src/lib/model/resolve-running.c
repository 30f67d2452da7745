/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last pass of resolve: what the kernel runs. By build-id first, by the vendor's note second, never by
 * what the files suggest.
 */
#include <errno.h>
#include <string.h>

#include "model/resolve-internal.h"

static bool release_has_build_id(const DmvViewRelease *r, const char *module, const char *build_id)
{
    char name[65];

    for (size_t i = 0; i < r->n_installed; i++)
        for (size_t m = 0; m < r->installed[i]->n_modules; m++) {
            const DmvModuleInfo *info = &r->installed[i]->modules[m].info;

            if (info->name && info->build_id && dmv_module_name_equal(info->name, module) &&
                strcmp(info->build_id, build_id) == 0)
                return true;
        }
    for (size_t p = 0; r->catalog && p < r->catalog->n_packages; p++)
        for (size_t f = 0; f < r->catalog->packages[p].n_files; f++) {
            const DmvCatalogFile *file = &r->catalog->packages[p].files[f];

            if (file->build_id && strcmp(file->build_id, build_id) == 0 &&
                dmv_module_name_from_file(file->path, name, sizeof(name)) &&
                dmv_module_name_equal(name, module))
                return true;
        }
    return false;
}

static bool is_inbox_build_id(const DmvWorld *w, const char *module, const char *build_id)
{
    for (size_t k = 0; k < w->n_kernels; k++)
        for (size_t i = 0; i < w->kernels[k].n_files; i++) {
            const DmvModuleFile *f = &w->kernels[k].files[i];

            if (f->build_id && f->tree == DMV_TREE_KERNEL && dmv_module_name_equal(f->name, module) &&
                strcmp(f->build_id, build_id) == 0)
                return true;
        }
    return false;
}

/* What the vendor's note says. The version that is loaded may be gone from the disk, after a package was
 * updated in place: the variant is known all the same, and the other version is what needs a reboot. */
static int identify_by_note(const DmvViewDriver *d, DmvViewModule *m)
{
    const char *variant = m->loaded->note_variant;
    const char *version = m->loaded->note_version ? m->loaded->note_version : m->loaded->version;

    if (!variant || !version || !dmv_name_is_valid(variant) || !dmv_name_is_valid(version))
        return 0;
    m->proof = "note";
    if (asprintf(&m->release, "%s/%s@%s", d->name, variant, version) >= 0)
        return 0;
    m->release = NULL;
    return -ENOMEM;
}

static int identify(const DmvWorld *w, const DmvViewDriver *d, DmvViewModule *m)
{
    const DmvLoaded *l = m->loaded;

    for (size_t i = 0; l->build_id && i < d->n_releases; i++)
        if (release_has_build_id(&d->releases[i], m->name, l->build_id)) {
            m->proof = "build_id";
            return dmv_set_string(&m->release, d->releases[i].name);
        }
    if (l->build_id && is_inbox_build_id(w, m->name, l->build_id)) {
        m->proof = "build_id";
        return dmv_set_string(&m->release, "inbox");
    }
    return identify_by_note(d, m);
}

static int look_at_module(const DmvView *v, DmvViewDriver *d, DmvViewModule *m)
{
    const DmvWorld *w = v->facts.world;
    const DmvKernel *kernel = dmv_world_kernel_in_question(w);
    const DmvIndexEntry *next = kernel ? dmv_kernel_index(kernel, m->name) : NULL;
    int r = 0;

    m->loaded = dmv_world_loaded(w, m->name);
    if (next)
        r = dmv_release_of_path(w, kernel, next->path, &m->next);
    if (r == 0 && m->loaded)
        r = identify(w, d, m);
    return r;
}

/* A loaded module that will not be the one that is loaded next. What cannot be identified only counts where
 * somebody selected something. */
static bool module_needs_reboot(const DmvViewDriver *d, const DmvViewModule *m)
{
    if (!m->loaded || !m->next)
        return false;
    return m->release ? strcmp(m->release, m->next) != 0 : d->selection && strcmp(m->next, "foreign") != 0;
}

int dmv_look_at_running(DmvView *v, DmvViewDriver *d)
{
    const DmvWorld *w = v->facts.world;
    /* of a kernel that is not installed below this root, a boot into another one says nothing */
    bool runs_here = w->running_kernel && dmv_world_kernel(w, w->running_kernel);
    bool mixed = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < d->n_modules; i++) {
        DmvViewModule *m = &d->modules[i];

        r = look_at_module(v, d, m);
        if (r < 0)
            break;
        d->reboot_needed = d->reboot_needed || (runs_here && module_needs_reboot(d, m));
        if (!m->release)
            continue;
        /* a variant may bring fewer modules than the driver has: the kernel's own beside it are no mixture */
        if (!d->active || strcmp(d->active, "inbox") == 0)
            r = dmv_set_string(&d->active, m->release);
        else if (strcmp(m->release, "inbox") != 0 && strcmp(d->active, m->release) != 0)
            mixed = true;
    }
    if (mixed) {
        (void)dmv_problem_add(&d->problems, d->name, DMV_CONFLICT,
                              "modules of different releases are loaded together");
        (void)dmv_set_string(&d->active, NULL);
    }
    for (size_t i = 0; d->active && i < d->n_releases; i++)
        d->releases[i].active = strcmp(d->releases[i].name, d->active) == 0;
    v->reboot_needed = v->reboot_needed || d->reboot_needed;
    return r;
}
