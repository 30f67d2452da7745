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
#include <stdlib.h>
#include <string.h>

#include "host/ground.h"
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
    DmvGround ground;
} Host;

static void host_deinit(Host *h)
{
    dmv_ground_deinit(&h->ground);
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

/* ---- what is mounted ---- */

/* The mount of a point of the root that is meant: the host's own, or, when that is a folder of this host in
 * which something is mounted (an installer's target), the one below it. */
static const DmvMount *mount_of_root(const Host *h, const char *point)
{
    const char *root = h->roots->root;
    DMV_CLEANUP_FREE char *path = NULL;

    if (!root[0] || !dmv_mounts_at(&h->ground.mounts, root))
        return dmv_mounts_at(&h->ground.mounts, point);
    if (strcmp(point, "/") == 0)
        return dmv_mounts_at(&h->ground.mounts, root);
    if (asprintf(&path, "%s%s", root, point) < 0) {
        path = NULL;
        return NULL;
    }
    return dmv_mounts_at(&h->ground.mounts, path);
}

static bool same_filesystem(const DmvMount *a, const DmvMount *b)
{
    return a->major == b->major && a->minor == b->minor && strcmp(a->source, b->source) == 0;
}

static int observe_mounts(Host *h)
{
    const DmvMount *root = mount_of_root(h, "/");

    for (size_t i = 0; i < DMV_N_ELEMENTS(points); i++) {
        DMV_CLEANUP_DESCENT DmvDescent d = dmv_ground_descent(&h->ground);
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
        DMV_CLEANUP_DESCENT DmvDescent d = dmv_ground_descent(&h->ground);

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
                                 : dmv_routes_default(&h->ground.routes, &names);

    if (r == 0 && !names && h->ground.has_routes)
        r = add_problem(
            h, "management", DMV_LIFELINE,
            "there is no default route, so it is not known by which interface this host is reached; "
            "management= in dmv.conf(5) can name it");
    for (char **n = names; r == 0 && n && *n; n++) {
        DMV_CLEANUP_DESCENT DmvDescent d = dmv_ground_descent(&h->ground);

        if (strcmp(*n, "none") == 0) /* as the setting says it */
            continue;
        r = dmv_descent_interface(&d, *n);
        if (r == 0)
            r = add_lifeline(h, &d, DMV_LIFELINE_MANAGEMENT, *n);
    }
    return r;
}

/* ---- all of it ---- */

static int read_swaps(Host *h)
{
    DMV_CLEANUP_FREE char *data = NULL;
    DMV_CLEANUP_STRV char **partitions = NULL, **files = NULL;
    size_t size = 0;
    int r = dmv_ground_file(&h->ground, "swaps", DMV_ROUTES_MAX_BYTES, &data, &size);

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
    int r = 0;

    for (size_t i = 0; r == 0 && i < h->world->n_lifelines; i++)
        r = dmv_ground_add_needed(&h->ground, &h->world->lifelines[i].modules);
    return r;
}

int dmv_observe_lifelines(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP(host_deinit) Host h = {.roots = r, .world = w, .ground = DMV_GROUND_NULL};
    int e;

    if (!r->sysfs || !r->procfs)
        return 0;
    e = dmv_ground_read(r, "lifeline", &w->problems, &h.ground);
    if (e < 0)
        return e == -ENOENT ? 0 : e;
    e = observe_mounts(&h);
    if (e == 0)
        e = read_swaps(&h);
    if (e == 0)
        e = observe_management(&h);
    return e == 0 ? add_needed_modules(&h) : e;
}
