/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May these bytes become a release? The last gate before the store: signatures, modules, info.json. */
#ifndef DMV_APPLY_JUDGE_H
#define DMV_APPLY_JUDGE_H

#include "daemon/apply/publish.h"

/* Largest module, as dmv_module_parse() takes it. */
#define DMV_JUDGE_MODULE_MAX ((size_t)128 * 1024 * 1024)

/**
 * dmv_judge() - are the files of a folder the release that they shall be?
 * @folder: with all files of @q, whose hashes are right; nobody else can change them
 * @q: what the catalog says
 * @reterr: filled on a refusal, may be NULL; names the file
 *
 * Every module: signature first, then ELF machine, name, vermagic, build-id, and whether its own aliases
 * cover the hardware that info.json claims for it. Modules are plain .ko.
 *
 * Return: 0; DMV_MODULE_* as they are named; DMV_RELEASE_MISMATCH if info.json is missing or says another
 * driver, variant, version or kernel; what dmv_info_parse(), dmv_modsig_verify() and dmv_module_parse()
 * return; a negative errno.
 */
int dmv_judge(int folder, const DmvPublishRequest *q, DmvError *reterr);

#endif
