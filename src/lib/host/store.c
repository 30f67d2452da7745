/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Installed releases: those in the store, and those that other packages put into a kernel's folder.
 *
 * A release is a folder with an info.json. Whatever is wrong with one becomes its `problem`: it is shown, it
 * cannot be selected, and the others are as they were. In the store the path is part of the identity, because
 * the apply worker made it from the catalog; a release that says to be another one than its path is not to be
 * trusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"
#include "model/info.h"

#define INFO_MAX ((size_t)1024 * 1024)
#define FIRMWARE "firmware"
#define MAX_DEPTH 8
/* Far more than any driver has. */
#define MAX_FILES 4096
/* kernel, driver, variant, version */
#define MAX_LEVELS 4

typedef struct Place {
    const DmvRoots *roots;
    DmvWorld *world;
    DmvOrigin origin;
    const char *kernel;            /* of adopted releases; NULL: the first level says it */
    unsigned levels;               /* folders from the base down to a release */
    const char *names[MAX_LEVELS]; /* on the way down */
} Place;

__attribute__((format(printf, 2, 3))) static int set_problem(DmvInstalled *i, const char *format, ...)
{
    va_list ap;

    if (i->problem) /* the first one is the cause */
        return 0;
    va_start(ap, format);
    i->problem = dmv_vformat(format, ap);
    va_end(ap);
    return i->problem ? 0 : -ENOMEM;
}

/* A reading failed: perhaps it is only now that it does. */
static void note_failure(DmvInstalled *i, int r)
{
    if (dmv_may_pass(r))
        i->unseen = r;
}

/* ---- what the folder holds ---- */

/* A FIFO or a device is not even opened. */
static int add_module(int fd, const char *path, DmvFsKind kind, DmvInstalled *i)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_CLOSE int file = -1;
    DmvInstalledModule *m = DMV_ARRAY_ADD(i->modules, i->n_modules);
    int r;

    if (!m || dmv_set_string(&m->file, path) < 0)
        return -ENOMEM;
    if (kind == DMV_FS_ELSE)
        return dmv_set_string(&m->problem, "it is no regular file");
    file = dmv_fs_open(fd, path, O_RDONLY | O_NONBLOCK, 0);
    r = file < 0 ? file : dmv_module_read(file, &m->info, &error);
    note_failure(i, r);
    if (r == 0 || r == -ENOMEM)
        return r;
    return dmv_set_string(&m->problem, dmv_error_words(&error, r));
}

static int collect(int fd, const char *folder, unsigned depth, DmvInstalled *i);

static int collect_entry(int fd, const char *folder, const DmvFsEntry *entry, unsigned depth, DmvInstalled *i)
{
    DMV_CLEANUP_FREE char *path = NULL;
    bool in_firmware = dmv_starts_with(folder, FIRMWARE) && (folder[8] == '\0' || folder[8] == '/');
    char name[128];

    if (asprintf(&path, "%s%s%s", folder, folder[0] ? "/" : "", entry->name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (entry->kind == DMV_FS_FOLDER)
        return collect(fd, path, depth - 1, i);
    if (i->n_modules + dmv_strv_length(i->firmware) >= MAX_FILES)
        return set_problem(i, "it holds more than %d files", MAX_FILES);
    if (in_firmware)
        return dmv_strv_push(&i->firmware, path + sizeof(FIRMWARE));
    if (dmv_module_name_from_file(entry->name, name, sizeof(name)))
        return add_module(fd, path, entry->kind, i);
    return 0;
}

static int collect(int fd, const char *folder, unsigned depth, DmvInstalled *i)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = depth == 0  ? -ELOOP
            : folder[0] ? dmv_fs_list(fd, folder, &entries, &n)
                        : dmv_fs_list_open(fd, &entries, &n);

    note_failure(i, r);
    if (r < 0 && r != -ENOMEM)
        return set_problem(i, "%s cannot be listed: %s", folder[0] ? folder : "its folder", strerror(-r));
    for (size_t k = 0; r == 0 && k < n; k++)
        r = collect_entry(fd, folder, &entries[k], depth, i);
    dmv_fs_entries_free(entries, n);
    return r;
}

/* ---- what info.json says ---- */

static bool same_identity(const DmvInstalled *a, const DmvInstalled *b)
{
    return dmv_streq(a->driver, b->driver) && dmv_streq(a->variant, b->variant) &&
           dmv_streq(a->version, b->version);
}

/* Takes over what info.json says; in the store not the identity, which is the path's. */
static void adopt(DmvInstalled *i, DmvInstalled *said)
{
    char **const to[] = {&i->type, &i->description, &i->status,  &i->kabi,
                         &i->tier, &i->driver,      &i->variant, &i->version};
    char **const from[] = {&said->type, &said->description, &said->status,  &said->kabi,
                           &said->tier, &said->driver,      &said->variant, &said->version};
    size_t n = DMV_N_ELEMENTS(to) - (i->origin == DMV_ORIGIN_STORE ? 3 : 0);

    for (size_t k = 0; k < n; k++) {
        free(*to[k]);
        *to[k] = DMV_TAKE_PTR(*from[k]);
    }
    i->priority = said->priority;
    i->ids = DMV_TAKE_PTR(said->ids);
    i->n_ids = said->n_ids;
    said->n_ids = 0;
}

static int read_info(int fd, DmvInstalled *i)
{
    DMV_CLEANUP(dmv_installed_deinit) DmvInstalled said = {0};
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = dmv_fs_read_file(fd, "info.json", INFO_MAX, &text, &size);

    note_failure(i, r);
    if (r == -ENOENT)
        return set_problem(i, "info.json is missing");
    if (r < 0)
        return r == -ENOMEM ? r : set_problem(i, "info.json cannot be read: %s", strerror(-r));
    r = dmv_info_parse(text, size, &said, &error);
    if (r < 0)
        return r;
    if (r > 0)
        return set_problem(i, "info.json: %s", error.why ? error.why : dmv_outcome_reason(r));
    if (i->origin == DMV_ORIGIN_STORE && !same_identity(i, &said))
        return set_problem(i, "info.json says that it is %s/%s@%s", said.driver, said.variant, said.version);
    adopt(i, &said);
    return 0;
}

/* ---- is it for this kernel? ---- */

static bool same_release(const char *vermagic, const char *kernel)
{
    size_t n = strlen(kernel);

    return strncmp(vermagic, kernel, n) == 0 && (vermagic[n] == ' ' || vermagic[n] == '\0');
}

/* kABI is the release of a kernel, or some other word that only its author can compare. */
static bool names_kernel(const char *kabi)
{
    return kabi[0] >= '0' && kabi[0] <= '9' && kabi[1] != 'x' && strchr(kabi, '.');
}

/* One that another package manager put here with modules of another kernel: what weak-modules does with
 * links. Whether they fit is not decided here (model/fit.h). Only what is good but for that is asked. */
static int note_other_kernel(DmvInstalled *i, bool problem_before)
{
    const char *first = i->n_modules > 0 ? i->modules[0].info.vermagic : NULL;
    DMV_CLEANUP_FREE char *kernel = first ? strndup(first, strcspn(first, " ")) : NULL;

    if (!first || i->origin == DMV_ORIGIN_STORE || problem_before || !i->problem)
        return 0;
    if (!kernel)
        return -ENOMEM;
    for (size_t k = 0; k < i->n_modules; k++)
        if (!i->modules[k].info.vermagic || !same_release(i->modules[k].info.vermagic, kernel))
            return 0;
    if (i->kabi && names_kernel(i->kabi) && strcmp(i->kabi, kernel) != 0 && strcmp(i->kabi, i->kernel) != 0)
        return 0;
    return dmv_set_string(&i->built_for, kernel);
}

/* The folder says which kernel it is for; neither info.json nor a module may say another one. */
static int check_kernel(DmvInstalled *i)
{
    bool problem_before = i->problem;
    int r = 0;

    if (i->kabi && names_kernel(i->kabi) && strcmp(i->kabi, i->kernel) != 0)
        r = set_problem(i, "info.json: kABI says that it is for kernel %s", i->kabi);
    for (size_t k = 0; r == 0 && k < i->n_modules; k++) {
        const char *vermagic = i->modules[k].info.vermagic;

        if (vermagic && !same_release(vermagic, i->kernel))
            r = set_problem(i, "%s was built for kernel %.*s", i->modules[k].file,
                            (int)strcspn(vermagic, " "), vermagic);
    }
    return r == 0 ? note_other_kernel(i, problem_before) : r;
}

/* A driver is one unit: without one of its modules the others are no use. */
static int check_modules(DmvInstalled *i)
{
    int r = 0;

    for (size_t k = 0; r == 0 && k < i->n_modules; k++)
        if (i->modules[k].problem)
            r = set_problem(i, "%s cannot be used: %s", i->modules[k].file, i->modules[k].problem);
    return r == 0 && i->n_modules == 0 ? set_problem(i, "it holds no module") : r;
}

/* ---- from the base down to a release ---- */

static int set_names(const Place *p, DmvInstalled *i)
{
    bool in_store = p->origin == DMV_ORIGIN_STORE;
    const char *const *names = p->names + (in_store ? 1 : 0);

    if (dmv_set_string(&i->kernel, in_store ? p->names[0] : p->kernel) < 0)
        return -ENOMEM;
    i->driver = dmv_sanitize(names[0]);
    i->variant = dmv_sanitize(names[1]);
    i->version = dmv_sanitize(in_store ? names[2] : ""); /* an adopted folder does not say it */
    return i->driver && i->variant && i->version ? 0 : -ENOMEM;
}

static int observe_release(const Place *p, const char *folder)
{
    DMV_CLEANUP(dmv_installed_deinit) DmvInstalled i = {.origin = p->origin};
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(p->roots->fd, folder, O_RDONLY | O_DIRECTORY, 0);
    DmvInstalled *place;
    int r = set_names(p, &i);

    note_failure(&i, fd);
    if (r == 0)
        r = dmv_set_string(&i.folder, folder);
    if (r == 0 && fd < 0)
        r = set_problem(&i, "its folder cannot be opened: %s", strerror(-fd));
    if (r == 0 && fd >= 0)
        r = read_info(fd, &i);
    if (r == 0 && fd >= 0)
        r = collect(fd, "", MAX_DEPTH, &i);
    if (r == 0)
        r = check_modules(&i);
    if (r == 0)
        r = check_kernel(&i);
    if (r < 0)
        return r;
    place = DMV_ARRAY_ADD(p->world->installed, p->world->n_installed);
    if (!place)
        return -ENOMEM;
    *place = i;
    i = (DmvInstalled){0};
    return 0;
}

int dmv_observe_release(const DmvRoots *r, const char *kernel, const char *driver, const char *variant,
                        const char *version, DmvWorld *w)
{
    const Place p = {.roots = r,
                     .world = w,
                     .origin = DMV_ORIGIN_STORE,
                     .levels = MAX_LEVELS,
                     .names = {kernel, driver, variant, version}};
    DMV_CLEANUP_FREE char *folder = NULL;

    if (asprintf(&folder, "%s/%s/%s/%s/%s", DMV_STORE_DIR, kernel, driver, variant, version) < 0) {
        folder = NULL;
        return -ENOMEM;
    }
    return observe_release(&p, folder);
}

static int descend(Place *p, const char *folder, unsigned level);

static int descend_entry(Place *p, const char *folder, DmvFsEntry *entry, unsigned level)
{
    DMV_CLEANUP_FREE char *path = NULL;

    if (entry->name[0] == '.') /* being published, see the apply worker */
        return 0;
    if (asprintf(&path, "%s/%s", folder, entry->name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (entry->kind != DMV_FS_FOLDER) {
        (void)dmv_problem_add(&p->world->problems, path, DMV_MALFORMED,
                              "this is no folder and belongs to no release");
        return 0;
    }
    p->names[level] = entry->name;
    return level + 1 == p->levels ? observe_release(p, path) : descend(p, path, level + 1);
}

static int descend(Place *p, const char *folder, unsigned level)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(p->roots->fd, folder, &entries, &n);

    if (r == -ENOENT && level == 0) /* nothing is installed there */
        return 0;
    if (r < 0 && r != -ENOMEM) {
        (void)dmv_problem_add(&p->world->problems, folder, r, "this folder cannot be listed: %s",
                              strerror(-r));
        return 0;
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        r = descend_entry(p, folder, &entries[i], level);
    dmv_fs_entries_free(entries, n);
    return r;
}

static int observe_adopted(const DmvRoots *r, DmvWorld *w, const char *kernel)
{
    static const struct {
        const char *folder;
        DmvOrigin origin;
    } layouts[] = {{"dmv", DMV_ORIGIN_DMV}, {"xenserver", DMV_ORIGIN_XENSERVER}};

    for (size_t i = 0; i < DMV_N_ELEMENTS(layouts); i++) {
        DMV_CLEANUP_FREE char *base = dmv_roots_kernel_path(r, kernel, layouts[i].folder);
        Place p = {.roots = r, .world = w, .origin = layouts[i].origin, .kernel = kernel, .levels = 2};
        int e = base ? descend(&p, base, 0) : -ENOMEM;

        if (e < 0)
            return e;
    }
    return 0;
}

int dmv_observe_installed(const DmvRoots *r, DmvWorld *w)
{
    Place p = {.roots = r, .world = w, .origin = DMV_ORIGIN_STORE, .levels = 4};
    int e = descend(&p, DMV_STORE_DIR, 0);

    for (size_t i = 0; e == 0 && i < w->n_kernels; i++)
        e = observe_adopted(r, w, w->kernels[i].release);
    return e;
}
