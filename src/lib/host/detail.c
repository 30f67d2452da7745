/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only matters for a few: the build-ids of the kernel's own files whose modules are loaded (so that
 * "inbox" is proven like every other release), and the firmware links of each kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "host/fs.h"
#include "host/observe.h"

#define MAX_DEPTH 16

/* A file of the kernel's own that cannot be read proves nothing; that is no problem of anything that was
 * asked for. */
static int read_build_id(const DmvRoots *r, const DmvKernel *k, DmvModuleFile *f)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(r, k->release, f->path);
    DMV_CLEANUP_CLOSE int fd = -1;
    DmvModuleInfo info = {0};
    int e;

    if (!path)
        return -ENOMEM;
    fd = dmv_fs_open(r->fd, path, O_RDONLY, 0);
    e = fd < 0 ? fd : dmv_module_read(fd, &info, NULL);
    if (e == 0)
        e = dmv_set_string(&f->build_id, info.build_id);
    dmv_module_info_deinit(&info);
    return e == -ENOMEM ? e : 0;
}

int dmv_observe_build_ids(const DmvRoots *r, DmvWorld *w)
{
    for (size_t n = 0; n < w->n_kernels; n++) {
        DmvKernel *k = &w->kernels[n];

        for (size_t i = 0; k->running && i < k->n_files; i++) {
            DmvModuleFile *f = &k->files[i];
            bool managed = f->tree == DMV_TREE_KERNEL && !f->build_id && dmv_kernel_index(k, f->name) &&
                           dmv_world_loaded(w, f->name);
            int e = managed ? read_build_id(r, k, f) : 0;

            if (e < 0)
                return e;
        }
    }
    return 0;
}

/* ---- firmware ---- */

static int add_firmware(const DmvRoots *r, DmvKernel *k, const char *folder, const char *path)
{
    DmvFirmwareLink *f = DMV_ARRAY_ADD(k->firmware, k->n_firmware);

    if (!f)
        return -ENOMEM;
    f->path = strdup(path + strlen(folder) + 1);
    return f->path ? dmv_fs_read_link(r->fd, path, &f->target) : -ENOMEM;
}

static int walk_firmware(const DmvRoots *r, DmvKernel *k, const char *folder, const char *path,
                         unsigned depth)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int e = depth > 0 ? dmv_fs_list(r->fd, path, &entries, &n) : -ELOOP;

    for (size_t i = 0; e == 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *child = NULL;

        if (asprintf(&child, "%s/%s", path, entries[i].name) < 0) {
            child = NULL;
            e = -ENOMEM;
        } else if (entries[i].kind == DMV_FS_FOLDER) {
            e = walk_firmware(r, k, folder, child, depth - 1);
        } else if (entries[i].kind == DMV_FS_LINK) {
            e = add_firmware(r, k, folder, child);
        }
    }
    dmv_fs_entries_free(entries, n);
    return e;
}

int dmv_observe_firmware(const DmvRoots *r, DmvWorld *w)
{
    for (size_t i = 0; i < w->n_kernels; i++) {
        DMV_CLEANUP_FREE char *folder = NULL;
        int e;

        if (asprintf(&folder, "%s/%s", DMV_FIRMWARE_DIR, w->kernels[i].release) < 0) {
            folder = NULL;
            return -ENOMEM;
        }
        e = walk_firmware(r, &w->kernels[i], folder, folder, MAX_DEPTH);
        if (e == -ENOMEM)
            return e;
        if (e < 0 && e != -ENOENT)
            (void)dmv_problem_add(&w->problems, folder, e, "the firmware links cannot be read: %s",
                                  strerror(-e));
    }
    return 0;
}
