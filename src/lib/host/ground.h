/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ground: what descents need before they begin, read once for many of them: the folders of sysfs, procfs and
 * udev, what is mounted, the routes, and afterwards which modules need which.
 */
#ifndef DMV_HOST_GROUND_H
#define DMV_HOST_GROUND_H

#include "host/descent.h"
#include "host/roots.h"
#include "model/world.h"

typedef struct DmvGround {
    int sysfs, procfs; /* descriptors of the folders */
    int udev;          /* of udev's database, -1: there is none */
    DmvMounts mounts;
    DmvRoutes routes;
    bool has_routes;       /* the kernel has a table of them */
    char **modules;        /* all that are there; read when somebody asks for needed ones */
    char ***holders;       /* of each of them: the modules that need it */
    const char *object;    /* what a problem is about, before the file: "lifeline" */
    DmvProblems *problems; /* where problems go; borrowed */
} DmvGround;
#define DMV_GROUND_NULL                       \
    {                                         \
        .sysfs = -1, .procfs = -1, .udev = -1 \
    }

/**
 * dmv_ground_read() - read it
 * @r: the roots; both sysfs and procfs must be known
 * @object: first word of the object of a problem
 * @problems: for files that cannot be read or have odd lines; borrowed as long as @g lives
 * @g: DMV_GROUND_NULL before; free with dmv_ground_deinit() in any case
 *
 * Return: 0; -ENOENT if there is no sysfs or no procfs; another negative errno.
 */
int dmv_ground_read(const DmvRoots *r, const char *object, DmvProblems *problems, DmvGround *g);
void dmv_ground_deinit(DmvGround *g);
#define DMV_CLEANUP_GROUND DMV_CLEANUP(dmv_ground_deinit)

/* A file of procfs. Return: 0; -ENOENT (nothing is said); 0 with *ret NULL after a problem; -ENOMEM. */
int dmv_ground_file(const DmvGround *g, const char *path, size_t max, char **ret, size_t *ret_size);

/* A descent from here. */
static inline DmvDescent dmv_ground_descent(const DmvGround *g)
{
    return (DmvDescent){.sysfs = g->sysfs, .udev = g->udev, .mounts = &g->mounts, .routes = &g->routes};
}

/* Adds to @modules the modules that those need, by <sysfs>/module/NAME/holders, and sorts them. Return: 0 or
 * -ENOMEM. */
int dmv_ground_add_needed(DmvGround *g, char ***modules);

#endif
