/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lifelines: what is mounted where the host needs it, what it swaps to, by which interface it is reached;
 * each followed down to PCI functions (block.c, net.c), and the modules that drive those with the modules
 * that they need.
 *
 * Looks at files of procfs and sysfs only and starts no process: it runs at every look of the daemon and
 * after every hotplug event.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/descent.h"
#include "host/fs.h"
#include "host/observe.h"

/* What is needed, by where it is mounted. */
static const struct {
    const char *point;
    DmvLifelineKind kind;
} points[] = {
    {"/", DMV_LIFELINE_ROOT},    {"/boot", DMV_LIFELINE_BOOT}, {"/boot/efi", DMV_LIFELINE_BOOT},
    {"/efi", DMV_LIFELINE_BOOT}, {"/usr", DMV_LIFELINE_USR},   {"/var", DMV_LIFELINE_VAR},
};

typedef struct Host {
    const DmvRoots *roots;
    DmvWorld *world;
    int sysfs, procfs;
    DmvMounts mounts;
    DmvRoutes routes;
    bool has_routes; /* the file is there */
} Host;

static void host_deinit(Host *h)
{
    (void)dmv_close(h->sysfs);
    (void)dmv_close(h->procfs);
    dmv_mounts_deinit(&h->mounts);
    dmv_routes_deinit(&h->routes);
}

static int add_problem(Host *h, const char *what, int code, const char *why)
{
    DMV_CLEANUP_FREE char *object = NULL;

    if (asprintf(&object, "lifeline %s", what) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    (void)dmv_problem_add(&h->world->problems, object, code, "%s", why);
    return 0;
}

/* ---- the modules that those need ---- */

/* <sysfs>/module/M/holders names the modules that need M: M is added for each that is there already. Return:
 * 1 if something was added, 0, -ENOMEM. */
static int add_needed(DmvDescent *d, char *const *all, char *const *const *holders)
{
    int added = 0;

    for (size_t i = 0; all && all[i]; i++)
        for (char *const *h = holders[i]; h && *h; h++)
            if (dmv_strv_contains(d->modules, *h) && !dmv_strv_contains(d->modules, all[i])) {
                if (dmv_strv_push(&d->modules, all[i]) < 0)
                    return -ENOMEM;
                added = 1;
            }
    return added;
}

typedef struct Holders {
    char **modules;
    char ***of; /* one list a module */
} Holders;

static void holders_deinit(Holders *h)
{
    for (size_t i = 0; h->of && h->modules && h->modules[i]; i++)
        dmv_strv_free(h->of[i]);
    free(h->of);
    dmv_strv_free(h->modules);
}

static int read_holders(const DmvDescent *d, Holders *ret)
{
    int r = dmv_descent_list(d, "module", "", false, &ret->modules);

    if (r < 0)
        return r;
    ret->of = calloc(dmv_strv_length(ret->modules) + 1, sizeof(*ret->of));
    if (!ret->of)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && ret->modules && ret->modules[i]; i++) {
        DMV_CLEANUP_FREE char *module = dmv_descent_join("module", ret->modules[i]);
        DMV_CLEANUP_FREE char *folder = module ? dmv_descent_join(module, "holders") : NULL;

        r = folder ? dmv_descent_list(d, folder, "", false, &ret->of[i]) : -ENOMEM;
    }
    return r;
}

/* ---- one lifeline ---- */

static int report_unknown(Host *h, const DmvDescent *d, const char *what)
{
    DMV_CLEANUP_TEXT DmvText why = {0};

    if (d->n_ends > 0 && dmv_strv_length(d->unknown) == 0)
        return 0;
    dmv_text_append(&why,
                    d->n_ends > 0 ? "not all that carries it is known" : "what carries it is not known");
    for (char **u = d->unknown; u && *u; u++)
        dmv_text_appendf(&why, "%s%s", u == d->unknown ? ": " : "; ", *u);
    return why.error ? why.error : add_problem(h, what, DMV_LIFELINE, why.data);
}

static int add_lifeline(Host *h, DmvDescent *d, DmvLifelineKind kind, const char *what)
{
    DMV_CLEANUP(dmv_lifeline_deinit) DmvLifeline fresh = {.kind = kind};
    DmvLifeline *place;
    int r;

    fresh.what = dmv_sanitize(what);
    if (!fresh.what)
        return -ENOMEM;
    r = report_unknown(h, d, fresh.what);
    if (r == 0)
        r = dmv_text_take(&d->chain, &fresh.chain, NULL);
    if (r < 0)
        return r;
    fresh.slots = DMV_TAKE_PTR(d->slots);
    fresh.modules = DMV_TAKE_PTR(d->modules);
    dmv_strv_sort(fresh.slots);
    place = DMV_ARRAY_ADD(h->world->lifelines, h->world->n_lifelines);
    if (!place)
        return -ENOMEM;
    *place = fresh;
    fresh = (DmvLifeline){0};
    return 0;
}

static DmvDescent new_descent(const Host *h)
{
    return (DmvDescent){.sysfs = h->sysfs, .mounts = &h->mounts, .routes = &h->routes};
}

/* ---- what is mounted ---- */

/* The mount of a point of the root that is meant: the host's own, or, when that is a folder of this host in
 * which something is mounted (an installer's target), the one below it. */
static const DmvMount *mount_of_root(const Host *h, const char *point)
{
    const char *root = h->roots->root;
    DMV_CLEANUP_FREE char *path = NULL;

    if (!root[0] || !dmv_mounts_at(&h->mounts, root))
        return dmv_mounts_at(&h->mounts, point);
    if (strcmp(point, "/") == 0)
        return dmv_mounts_at(&h->mounts, root);
    if (asprintf(&path, "%s%s", root, point) < 0) {
        path = NULL;
        return NULL;
    }
    return dmv_mounts_at(&h->mounts, path);
}

static bool same_filesystem(const DmvMount *a, const DmvMount *b)
{
    return a->major == b->major && a->minor == b->minor && strcmp(a->source, b->source) == 0;
}

static int observe_mounts(Host *h)
{
    const DmvMount *root = mount_of_root(h, "/");

    for (size_t i = 0; i < DMV_N_ELEMENTS(points); i++) {
        DMV_CLEANUP_DESCENT DmvDescent d = new_descent(h);
        const DmvMount *m = mount_of_root(h, points[i].point);
        int r;

        /* a part of the root that is mounted once more, as service managers do, is no lifeline of its own;
         * nor is a place where something would be mounted if somebody went there */
        if (!m || (m != root && root && same_filesystem(m, root)) || strcmp(m->type, "autofs") == 0)
            continue;
        dmv_text_append(&d.chain, points[i].point);
        r = dmv_descent_mount(&d, m);
        if (r == 0)
            r = add_lifeline(h, &d, points[i].kind, points[i].point);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- swap ---- */

static int observe_swaps(Host *h, char *const *paths, DmvDescentStep step)
{
    int r = 0;

    for (; r == 0 && paths && *paths; paths++) {
        DMV_CLEANUP_DESCENT DmvDescent d = new_descent(h);

        dmv_text_append(&d.chain, "swap");
        r = dmv_descent_one(&d, *paths, step);
        if (r == 0)
            r = add_lifeline(h, &d, DMV_LIFELINE_SWAP, *paths);
    }
    return r;
}

/* ---- management ---- */

static int observe_management(Host *h)
{
    DMV_CLEANUP_STRV char **names = NULL;
    int r = h->roots->management ? dmv_strv_copy(h->roots->management, &names)
                                 : dmv_routes_default(&h->routes, &names);

    if (r == 0 && !names && h->has_routes)
        r = add_problem(
            h, "management", DMV_LIFELINE,
            "there is no default route, so it is not known by which interface this host is reached; "
            "management= in dmv.conf(5) can name it");
    for (char **n = names; r == 0 && n && *n; n++) {
        DMV_CLEANUP_DESCENT DmvDescent d = new_descent(h);

        if (strcmp(*n, "none") == 0) /* as the setting says it */
            continue;
        r = dmv_descent_interface(&d, *n);
        if (r == 0)
            r = add_lifeline(h, &d, DMV_LIFELINE_MANAGEMENT, *n);
    }
    return r;
}

/* ---- all of it ---- */

/* A file of procfs. Return: 0; -ENOENT (nothing is said); 0 with *ret NULL after a problem; -ENOMEM. */
static int read_proc(Host *h, const char *path, size_t max, char **ret, size_t *ret_size)
{
    int r = dmv_fs_read_file(h->procfs, path, max, ret, ret_size);

    *ret = r < 0 ? NULL : *ret;
    return r < 0 && r != -ENOENT && r != -ENOMEM ? add_problem(h, path, r, strerror(-r)) : r;
}

static int read_mounts(Host *h)
{
    static const char *const paths[] = {"self/mountinfo", "1/mountinfo"};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = -ENOENT;

    for (size_t i = 0; r == -ENOENT && i < DMV_N_ELEMENTS(paths); i++)
        r = read_proc(h, paths[i], DMV_MOUNTS_MAX_BYTES, &data, &size);
    if (r == 0 && data)
        r = dmv_mounts_parse(data, size, &h->mounts);
    if (r == 0 && h->mounts.n_odd > 0)
        r = add_problem(h, "mounts", DMV_MALFORMED, "mountinfo has lines that are no mounts");
    return r == -ENOENT ? 0 : r;
}

static int read_routes(Host *h)
{
    static const struct {
        const char *path;
        int (*parse)(const char *data, size_t size, DmvRoutes *r);
    } files[] = {{"net/route", dmv_routes_parse_v4}, {"net/ipv6_route", dmv_routes_parse_v6}};

    for (size_t i = 0; i < DMV_N_ELEMENTS(files); i++) {
        DMV_CLEANUP_FREE char *data = NULL;
        size_t size = 0;
        int r = read_proc(h, files[i].path, DMV_ROUTES_MAX_BYTES, &data, &size);

        if (r == -ENOENT)
            continue;
        h->has_routes = h->has_routes || data;
        if (r == 0 && data)
            r = files[i].parse(data, size, &h->routes);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_swaps(Host *h)
{
    DMV_CLEANUP_FREE char *data = NULL;
    DMV_CLEANUP_STRV char **partitions = NULL, **files = NULL;
    size_t size = 0;
    int r = read_proc(h, "swaps", DMV_ROUTES_MAX_BYTES, &data, &size);

    if (r == 0 && data)
        r = dmv_swaps_parse(data, size, &partitions, &files);
    if (r == 0)
        r = observe_swaps(h, partitions, dmv_descent_node);
    if (r == 0)
        r = observe_swaps(h, files, dmv_descent_file);
    return r == -ENOENT ? 0 : r;
}

static int add_needed_modules(Host *h)
{
    DMV_CLEANUP(holders_deinit) Holders holders = {0};
    DmvDescent d = new_descent(h);
    int r = h->world->n_lifelines > 0 ? read_holders(&d, &holders) : 0;

    for (size_t i = 0; r == 0 && i < h->world->n_lifelines; i++) {
        d.modules = h->world->lifelines[i].modules;
        do
            r = add_needed(&d, holders.modules, (char *const *const *)holders.of);
        while (r > 0);
        dmv_strv_sort(d.modules);
        h->world->lifelines[i].modules = d.modules;
    }
    return r;
}

int dmv_observe_lifelines(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP(host_deinit) Host h = {.roots = r, .world = w, .sysfs = -1, .procfs = -1};
    int e;

    if (!r->sysfs || !r->procfs)
        return 0;
    h.sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    h.procfs = open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (h.sysfs < 0 || h.procfs < 0)
        return errno == ENOENT ? 0 : -errno;
    e = read_mounts(&h);
    if (e == 0)
        e = read_routes(&h);
    if (e == 0)
        e = observe_mounts(&h);
    if (e == 0)
        e = read_swaps(&h);
    if (e == 0)
        e = observe_management(&h);
    return e == 0 ? add_needed_modules(&h) : e;
}
