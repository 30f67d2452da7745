/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bytes of one module file are: the apply worker does it for all, dmvd for the few that a plan is
 * judged by. */
#ifndef DMV_SHARED_INSPECT_H
#define DMV_SHARED_INSPECT_H

#include "model/inspection.h"
#include "trust/modsig.h"

/**
 * dmv_inspect_module() - hash, build-id and signature of a module
 * @dirfd: the root
 * @path: relative to it; links are followed as a process chrooted there would
 * @c: certificates whose signatures are looked for
 * @ret: must be empty before; free with dmv_inspected_deinit(), also on failure
 *
 * What cannot be read is a problem in @ret.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_inspect_module(int dirfd, const char *path, const DmvCertificates *c, DmvInspected *ret);

#endif
