/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* depmod as anybody runs it: on the root itself, with its settings. dmv only runs it over a shadow. */
#ifndef DMV_TEST_PLAIN_DEPMOD_H
#define DMV_TEST_PLAIN_DEPMOD_H

#include <errno.h>

#include "base/cleanup.h"
#include "host/depmod.h"

/* Return: as dmv_depmod_run(). */
static inline int plain_depmod(const DmvRoots *r, const char *kver, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *conf = dmv_roots_path(r, "etc/depmod.d");

    return conf ? dmv_depmod_run(r, r->root, conf, kver, reterr) : -ENOMEM;
}

#endif
