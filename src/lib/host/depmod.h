/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* depmod(8): the one program that writes a kernel's index, and what this build of it can do. */
#ifndef DMV_HOST_DEPMOD_H
#define DMV_HOST_DEPMOD_H

#include <stdbool.h>

#include "dmv/outcome.h"
#include "host/roots.h"
#include "host/spawn.h"

/**
 * dmv_depmod_run() - make the index of one kernel, in a folder that stands for the root
 * @r: the roots, whose settings below run/, usr/local/lib/, usr/lib/ and lib/ count
 * @base: absolute path; the kernel's folder is <base>/lib/modules/<kver>, and gets the index
 * @conf: absolute path of the folder that stands for etc/depmod.d
 * @kver: kernel release
 * @reterr: filled on a refusal
 *
 * depmod prints some errors and still exits 0 (a dangling link), so every line on its standard error counts
 * as failure. Only modules.order, modules.builtin and modules.builtin.modinfo may be missing: they are the
 * kernel package's, an old kernel has not got all of them, and depmod goes on.
 *
 * Return: 0; DMV_NO_SPACE, DMV_READ_ONLY, DMV_TOOL_FAILED with what it said; a negative errno (-ENOENT: no
 * depmod).
 */
int dmv_depmod_run(const DmvRoots *r, const char *base, const char *conf, const char *kver, DmvError *reterr);
/* Does `depmod --version` name kmod 30 or newer, which knows `exclude`? Return: 0 or a negative errno. */
int dmv_depmod_has_exclude(bool *ret);
/* The same in two: the question, and later what came of it. Free @ret with dmv_spawn_deinit(). */
int dmv_depmod_ask(DmvSpawn *ret);
int dmv_depmod_answer(DmvSpawn *asked, bool *ret);

#endif
