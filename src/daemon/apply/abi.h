/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links of one kernel into a release that was built for another one.
 *
 * The daemon has decided that it fits, from what it saw some time ago. Whether it does is looked at again
 * here, on the bytes that lie in the store now: a module with other types than the kernel's corrupts memory.
 */
#ifndef DMV_APPLY_ABI_H
#define DMV_APPLY_ABI_H

#include "dmv/outcome.h"
#include "host/roots.h"
#include "model/world.h"

/* What was looked at for one transaction. {0} is empty and ready: nothing is read without such a link. */
typedef struct DmvApplyAbi {
    DmvWorld world;    /* kernels with their tables, releases with their symbols */
    char **known_good; /* "KERNEL FOLDER" that fit */
} DmvApplyAbi;
void dmv_apply_abi_deinit(DmvApplyAbi *a);

/**
 * dmv_apply_abi_check() - may this link be made?
 * @a: what was looked at before
 * @r: the roots
 * @path: of the link, relative to the root; one that dmv_apply_step_check() has let pass
 * @target: where it leads, relative to the root
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0: it stays with its kernel, is firmware, or every module of that release fits the link's kernel;
 * DMV_INVALID_REQUEST for another kernel's adopted variant; what dmv_fit_check() returns; -ENOMEM.
 */
int dmv_apply_abi_check(DmvApplyAbi *a, const DmvRoots *r, const char *path, const char *target,
                        DmvError *reterr);

#endif
