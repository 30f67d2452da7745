/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lifelines and the footings of guests are both looked for with. Files of procfs and sysfs only. */
#include "host/ground.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/fs.h"

#define UDEV_DATABASE "run/udev/data"

/* ---- procfs ---- */

static int add_problem(const DmvGround *g, const char *what, int code, const char *why)
{
    DMV_CLEANUP_FREE char *object = NULL;

    if (asprintf(&object, "%s %s", g->object, what) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    (void)dmv_problem_add(g->problems, object, code, "%s", why);
    return 0;
}

int dmv_ground_file(const DmvGround *g, const char *path, size_t max, char **ret, size_t *ret_size)
{
    int r = dmv_fs_read_file(g->procfs, path, max, ret, ret_size);

    *ret = r < 0 ? NULL : *ret;
    return r < 0 && r != -ENOENT && r != -ENOMEM ? add_problem(g, path, r, strerror(-r)) : r;
}

static int read_mounts(DmvGround *g)
{
    static const char *const paths[] = {"self/mountinfo", "1/mountinfo"};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = -ENOENT;

    for (size_t i = 0; r == -ENOENT && i < DMV_N_ELEMENTS(paths); i++)
        r = dmv_ground_file(g, paths[i], DMV_MOUNTS_MAX_BYTES, &data, &size);
    if (r == 0 && data)
        r = dmv_mounts_parse(data, size, &g->mounts);
    if (r == 0 && g->mounts.n_odd > 0)
        r = add_problem(g, "mounts", DMV_MALFORMED, "mountinfo has lines that are no mounts");
    return r == -ENOENT ? 0 : r;
}

static int read_routes(DmvGround *g)
{
    static const struct {
        const char *path;
        int (*parse)(const char *data, size_t size, DmvRoutes *r);
    } files[] = {{"net/route", dmv_routes_parse_v4}, {"net/ipv6_route", dmv_routes_parse_v6}};

    for (size_t i = 0; i < DMV_N_ELEMENTS(files); i++) {
        DMV_CLEANUP_FREE char *data = NULL;
        size_t size = 0;
        int r = dmv_ground_file(g, files[i].path, DMV_ROUTES_MAX_BYTES, &data, &size);

        if (r == -ENOENT)
            continue;
        g->has_routes = g->has_routes || data;
        if (r == 0 && data)
            r = files[i].parse(data, size, &g->routes);
        if (r < 0)
            return r;
    }
    return 0;
}

int dmv_ground_read(const DmvRoots *r, const char *object, DmvProblems *problems, DmvGround *g)
{
    int e;

    g->object = object;
    g->problems = problems;
    g->sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g->procfs = open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (g->sysfs < 0 || g->procfs < 0)
        return -errno;
    g->udev = dmv_fs_open(r->fd, UDEV_DATABASE, O_PATH | O_DIRECTORY, 0);
    e = read_mounts(g);
    return e == 0 ? read_routes(g) : e;
}

void dmv_ground_deinit(DmvGround *g)
{
    for (size_t i = 0; g->holders && g->modules && g->modules[i]; i++)
        dmv_strv_free(g->holders[i]);
    free(g->holders);
    dmv_strv_free(g->modules);
    dmv_mounts_deinit(&g->mounts);
    dmv_routes_deinit(&g->routes);
    (void)dmv_close(g->sysfs);
    (void)dmv_close(g->procfs);
    (void)dmv_close(g->udev);
    *g = (DmvGround)DMV_GROUND_NULL;
}

/* ---- modules that modules need ---- */

static int read_holders(DmvGround *g)
{
    const DmvDescent d = dmv_ground_descent(g);
    int r = dmv_descent_list(&d, "module", "", false, &g->modules);

    if (r < 0)
        return r;
    g->holders = calloc(dmv_strv_length(g->modules) + 1, sizeof(*g->holders));
    if (!g->holders)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && g->modules && g->modules[i]; i++) {
        DMV_CLEANUP_FREE char *module = dmv_descent_join("module", g->modules[i]);
        DMV_CLEANUP_FREE char *folder = module ? dmv_descent_join(module, "holders") : NULL;

        r = folder ? dmv_descent_list(&d, folder, "", false, &g->holders[i]) : -ENOMEM;
    }
    return r;
}

/* A module is added for each that is there already and holds it. Return: 1 if something was added, 0,
 * -ENOMEM. */
static int add_round(const DmvGround *g, char ***modules)
{
    int added = 0;

    for (size_t i = 0; g->modules && g->modules[i]; i++)
        for (char *const *h = g->holders[i]; h && *h; h++)
            if (dmv_strv_contains(*modules, *h) && !dmv_strv_contains(*modules, g->modules[i])) {
                if (dmv_strv_push(modules, g->modules[i]) < 0)
                    return -ENOMEM;
                added = 1;
            }
    return added;
}

int dmv_ground_add_needed(DmvGround *g, char ***modules)
{
    int r = g->holders || !*modules ? 0 : read_holders(g);

    if (r < 0)
        return r;
    do
        r = *modules ? add_round(g, modules) : 0;
    while (r > 0);
    dmv_strv_sort(*modules);
    return r;
}
