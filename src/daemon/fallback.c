/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is there a way back from the next boot, whatever becomes of it?
 *
 * A driver that is loaded from the root filesystem is gone back from by dmv-boot.service, before it is loaded
 * again. One in the initrd may keep that from ever running: there only an entry of the boot loader helps that
 * is used once, and of which the default entry knows nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/boot.h"
#include "host/bootfiles.h"
#include "host/bootloader.h"
#include "host/initrd.h"

/* What goes back, and what finds out that it has to. */
static const char *const units[] = {
    "etc/systemd/system/sysinit.target.wants/dmv-boot.service",
    "etc/systemd/system/multi-user.target.wants/dmv-commit.service",
};

static int check_units(const DmvRoots *r, DmvError *reterr)
{
    struct stat st;

    for (size_t i = 0; i < DMV_N_ELEMENTS(units); i++)
        if (fstatat(r->fd, units[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            return dmv_error_set(reterr, DMV_NOT_INSTALLED, NULL,
                                 "systemctl enable dmv-boot.service dmv-commit.service", "%s is not enabled",
                                 strrchr(units[i], '/') + 1);
    return 0;
}

static int bootable_kernels(const DmvManager *m, char ***ret)
{
    DMV_CLEANUP_STRV char **kernels = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < m->world.n_kernels; i++) {
        DMV_CLEANUP_FREE char *file = NULL;

        r = dmv_boot_kernel_find(&m->roots, m->world.kernels[i].release, NULL, &file);
        if (r == 0 && file)
            r = dmv_strv_push(&kernels, m->world.kernels[i].release);
    }
    if (r == 0)
        *ret = DMV_TAKE_PTR(kernels);
    return r;
}

int dmv_boot_check_entry(const DmvManager *m, DmvError *reterr)
{
    DMV_CLEANUP_BOOTLOADER DmvBootloader b = {0};
    DMV_CLEANUP_STRV char **kernels = NULL;
    int r;

    if (!m->roots.running || !m->world.running_kernel)
        return dmv_error_set(reterr, DMV_CONFLICT, NULL, NULL, "this root is not the system that runs");
    r = dmv_bootloader_find(&m->roots, &b);
    if (r == 0 && !b.folder)
        return dmv_error_set(reterr, DMV_NOT_INSTALLED, NULL, NULL, "there is no GRUB");
    if (r == 0)
        r = bootable_kernels(m, &kernels);
    if (r == 0)
        r = dmv_bootloader_check(&m->roots, &b, reterr);
    if (r == 0)
        r = dmv_bootloader_check_default(&m->roots, &b, kernels, m->world.running_kernel, reterr);
    return r;
}

/* ---- which images hold it ---- */

static bool holds_one(const DmvInitrd *image, const char *kernel, char *const *modules)
{
    for (; *modules; modules++)
        if (dmv_initrd_module(image, kernel, *modules))
            return true;
    return false;
}

/* An image that cannot be read may hold anything. */
static int find_holder(const DmvManager *m, const char *kernel, char *const *modules, char **ret)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    int r = dmv_initrd_find(&m->roots, kernel, &paths);

    for (char **p = paths; r == 0 && p && *p && !*ret; p++) {
        DMV_CLEANUP_INITRD DmvInitrd image = {0};
        int read = dmv_initrd_read(&m->roots, *p, &image, NULL);

        if (read == -ENOMEM)
            return read;
        if (read != 0 || holds_one(&image, kernel, modules))
            r = dmv_set_string(ret, *p);
    }
    return r;
}

int dmv_boot_check_fallback(const DmvManager *m, const DmvLifelineChanges *c, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError why = {0};
    DMV_CLEANUP_FREE char *holder = NULL;
    int r = dmv_boot_applies(m) ? check_units(&m->roots, reterr)
                                : dmv_error_set(reterr, DMV_CONFLICT, NULL, NULL, "nothing boots this root");

    if (r != 0)
        return r;
    r = dmv_boot_check_entry(m, &why);
    if (r == 0 || r == -ENOMEM)
        return r;
    for (size_t i = 0; i < c->n; i++)
        for (char **k = c->items[i].kernels; k && *k; k++) {
            int e = holder ? 0 : find_holder(m, *k, c->items[i].modules, &holder);

            if (e < 0)
                return e;
        }
    if (!holder)
        return 0;
    return dmv_error_set(reterr, r, NULL, why.next,
                         "%s holds it, and it cannot be tried by an entry of its own: %s", holder,
                         why.why ? why.why : strerror(-r));
}
