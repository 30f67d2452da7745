/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What kernels export and what releases need, for those of a World of which it has to be known
 * (model/fit.h).
 *
 * Without a symvers file a kernel's table costs a look into each of its thousands of modules. So none is made
 * that nobody asks for, and one that was made is kept as long as all files that it came from are the same.
 */
#ifndef DMV_HOST_ABI_H
#define DMV_HOST_ABI_H

#include "host/roots.h"
#include "model/world.h"

/* Tables that were made before. */
typedef struct DmvAbiCache DmvAbiCache;

/* Return: 0, or -ENOMEM. */
int dmv_abi_cache_new(DmvAbiCache **ret);
DmvAbiCache *dmv_abi_cache_free(DmvAbiCache *c);

/**
 * dmv_observe_abi() - fill `abi` and `symbols` where they are needed
 * @r: the root
 * @cache: tables to use again; those that are not needed any more are dropped. May be NULL
 * @w: the World, observed and sorted, with its alternate kernels marked
 *
 * What cannot be read becomes a problem of the World.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_observe_abi(const DmvRoots *r, DmvAbiCache *cache, DmvWorld *w);

/* The symbols of the modules of one release, unless they are known. Return: 0, or -ENOMEM. */
int dmv_observe_symbols(const DmvRoots *r, DmvInstalled *x, DmvProblems *problems);

#endif
