/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Worlds made in memory, and a model of depmod over them, written apart from the planner so that the two can
 * disagree.
 */
#ifndef DMV_TEST_WORLDKIT_H
#define DMV_TEST_WORLDKIT_H

#include "model/plan.h"

/* All of these abort on lack of memory: they are for tests. */
DmvKernel *world_add_kernel(DmvWorld *w, const char *release, bool running);
DmvModuleFile *world_add_file(DmvKernel *k, const char *path, const char *target);
DmvDevice *world_add_device(DmvWorld *w, const char *slot, unsigned vendor, unsigned device,
                            const char *module);
/* A release in the store (or below KERNEL/dmv), with its modules; no ids yet. */
DmvInstalled *world_add_installed(DmvWorld *w, const char *driver, const char *variant, const char *version,
                                  const char *kernel, const char *tier, DmvOrigin origin,
                                  const char *const modules[]);
/* Stands on one device and one module; NULL leaves either out. */
void world_add_lifeline(DmvWorld *w, DmvLifelineKind kind, const char *what, const char *slot,
                        const char *module);
void world_add_id(DmvInstalled *x, const char *file, unsigned vendor, unsigned device);

/* What a module needs and exports, each "NAME=CRC" in decimal digits; built for @kernel, with modversions. */
void world_set_symbols(DmvInstalledModule *m, const char *kernel, const char *const needs[],
                       const char *const exports[]);
/* What a kernel exports, as world_set_symbols(). */
void world_set_abi(DmvKernel *k, bool complete, const char *const exports[]);

/* Does to the World what the steps of a plan would do to a host. */
void world_apply(DmvWorld *w, const DmvPlan *p);
/* What depmod would write: one index entry a module name, by the search order and the overrides of
 * w->depmod_conf (the default order if there is none). */
void world_depmod(DmvWorld *w);
/* The path that the index of a kernel gives for a module, or NULL. */
const char *world_effective(const DmvWorld *w, const char *kernel, const char *module);

#endif
