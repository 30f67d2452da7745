/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files that use libkmod share. */
#ifndef DMV_HOST_KMOD_INTERNAL_H
#define DMV_HOST_KMOD_INTERNAL_H

#include <libkmod.h>
#include <string.h>

static inline void dmv_cleanup_kmod_list(struct kmod_list **l)
{
    if (*l)
        (void)kmod_module_unref_list(*l);
}

static inline void dmv_cleanup_kmod_module(struct kmod_module **m)
{
    if (*m)
        (void)kmod_module_unref(*m);
}

/* What a module's path is relative to the folder of its index, or as it is if it lies elsewhere; NULL of
 * NULL. */
static inline const char *dmv_kmod_relative_path(const char *folder, const char *path)
{
    size_t n = strlen(folder);

    return path && strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

#endif
