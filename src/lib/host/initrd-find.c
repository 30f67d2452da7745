/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where distributions put the images of a kernel.
 *
 *   boot/initrd.img-KVER                Debian
 *   boot/initramfs-KVER.img             Fedora, Enterprise Linux, XenServer
 *   boot/initrd-KVER[.img]              SUSE, XCP-ng
 *   ...kdump.img, ...-kdump, ...-fallback.img
 *                                       what kexec-tools and mkinitcpio put beside them
 *   var/lib/kdump/                      the same names, Debian's kdump-tools, and where /boot is read-only
 *   BOOT/TOKEN/KVER/initrd*             systemd's kernel-install; BOOT is boot, boot/efi or efi
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/initrd.h"

static const char *const flat_folders[] = {"boot", "var/lib/kdump"};
static const char *const token_folders[] = {"boot", "boot/efi", "efi"};
static const char *const beginnings[] = {"initrd.img-", "initramfs-", "initrd-"};
static const char *const endings[] = {"",       ".img",       "kdump",     "kdump.img",
                                      "-kdump", "-kdump.img", "-fallback", "-fallback.img"};

typedef struct Finder {
    const DmvRoots *roots;
    const char *kver;
    char **paths;
    char **places; /* where the paths lead, in any order */
} Finder;

static void finder_deinit(Finder *f)
{
    dmv_strv_free(f->paths);
    dmv_strv_free(f->places);
}

static bool is_image_of(const char *name, const char *kver)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(beginnings); i++) {
        const char *rest = name + strlen(beginnings[i]);

        if (!dmv_starts_with(name, beginnings[i]) || !dmv_starts_with(rest, kver))
            continue;
        for (size_t k = 0; k < DMV_N_ELEMENTS(endings); k++)
            if (strcmp(rest + strlen(kver), endings[k]) == 0)
                return true;
    }
    return false;
}

/* Takes a path unless another name of the same file was taken. */
static int add(Finder *f, const char *path)
{
    DMV_CLEANUP_FREE char *place = NULL;
    struct stat st;
    bool exists = false;
    int r = dmv_fs_resolve(f->roots->fd, path, &place, &exists);

    if (r == -ENOMEM)
        return r;
    if (r < 0 || !exists || fstatat(f->roots->fd, place, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(st.st_mode) || dmv_strv_contains(f->places, place))
        return 0;
    r = dmv_strv_push(&f->places, place);
    return r == 0 ? dmv_strv_push(&f->paths, path) : r;
}

static int join_and_add(Finder *f, const char *folder, const char *name)
{
    DMV_CLEANUP_FREE char *path = NULL;

    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return add(f, path);
}

/* A folder that cannot be listed has no images for us; only what is wrong beyond that is an error. */
static int list(const Finder *f, const char *folder, DmvFsEntry **ret, size_t *ret_n)
{
    int r = dmv_fs_list(f->roots->fd, folder, ret, ret_n);

    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EXDEV ? 0 : r;
}

static int find_flat(Finder *f, const char *folder)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = list(f, folder, &entries, &n);

    for (size_t i = 0; r == 0 && i < n; i++)
        if (is_image_of(entries[i].name, f->kver))
            r = join_and_add(f, folder, entries[i].name);
    dmv_fs_entries_free(entries, n);
    return r;
}

static int find_in_token(Finder *f, const char *boot, const char *token)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r;

    if (asprintf(&folder, "%s/%s/%s", boot, token, f->kver) < 0) {
        folder = NULL;
        return -ENOMEM;
    }
    r = list(f, folder, &entries, &n);
    for (size_t i = 0; r == 0 && i < n; i++)
        if ((dmv_starts_with(entries[i].name, "initrd") || dmv_starts_with(entries[i].name, "initramfs")) &&
            !strstr(entries[i].name, ".dmv-")) /* what a transaction keeps beside an image is none */
            r = join_and_add(f, folder, entries[i].name);
    dmv_fs_entries_free(entries, n);
    return r;
}

static int find_tokens(Finder *f, const char *boot)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = list(f, boot, &entries, &n);

    for (size_t i = 0; r == 0 && i < n; i++)
        if (entries[i].kind == DMV_FS_FOLDER)
            r = find_in_token(f, boot, entries[i].name);
    dmv_fs_entries_free(entries, n);
    return r;
}

int dmv_initrd_find(const DmvRoots *r, const char *kver, char ***ret_paths)
{
    __attribute__((cleanup(finder_deinit))) Finder f = {.roots = r, .kver = kver};
    int e = dmv_kernel_name_is_valid(kver) ? 0 : -EINVAL;

    for (size_t i = 0; e == 0 && i < DMV_N_ELEMENTS(flat_folders); i++)
        e = find_flat(&f, flat_folders[i]);
    for (size_t i = 0; e == 0 && i < DMV_N_ELEMENTS(token_folders); i++)
        e = find_tokens(&f, token_folders[i]);
    if (e < 0)
        return e;
    dmv_strv_sort(f.paths);
    *ret_paths = DMV_TAKE_PTR(f.paths);
    return 0;
}
