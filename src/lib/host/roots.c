/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place that turns "the running system" into paths. Everything else is handed a DmvRoots.
 */
#include "roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

static const char live_sysfs[] = "/sys";
static const char live_procfs[] = "/proc";

/* The canonical form of a folder's path. */
static int resolve_folder(const char *path, char **ret)
{
    DMV_CLEANUP_FREE char *real = realpath(path, NULL);
    struct stat st;

    if (!real || stat(real, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    *ret = DMV_TAKE_PTR(real);
    return 0;
}

/* A folder that was named has to be there; the running system's is taken as it is. */
static int choose(const char *named, const char *live, bool running, char **ret)
{
    if (named)
        return resolve_folder(named, ret);
    return running ? dmv_set_string(ret, live) : 0;
}

/* On a merged system /lib is a link to usr/lib; on an older one it is a folder of its own that holds the
 * modules. */
static const char *modules_folder(int fd)
{
    struct stat st;

    if (fstatat(fd, "lib", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
        fstatat(fd, "lib/modules", &st, 0) == 0 && S_ISDIR(st.st_mode))
        return "lib/modules";
    return "usr/lib/modules";
}

static int fill(DmvRoots *r, const char *root, const char *sysfs, const char *procfs)
{
    int e = resolve_folder(root ? root : "/", &r->root);

    if (e < 0)
        return e;
    r->fd = open(r->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->fd < 0)
        return -errno;
    r->running = dmv_streq(r->root, "/");
    if (r->running)
        r->root[0] = '\0';
    e = choose(sysfs, live_sysfs, r->running, &r->sysfs);
    if (e == 0)
        e = choose(procfs, live_procfs, r->running, &r->procfs);
    if (e == 0)
        e = dmv_set_string(&r->modules, modules_folder(r->fd));
    r->live_sysfs = dmv_streq(r->sysfs, live_sysfs);
    return e;
}

int dmv_roots_init(DmvRoots *r, const char *root, const char *sysfs, const char *procfs)
{
    int e;

    *r = (DmvRoots){.fd = -1};
    e = fill(r, root, sysfs, procfs);
    if (e < 0)
        dmv_roots_deinit(r);
    return e;
}

void dmv_roots_deinit(DmvRoots *r)
{
    if (r->root) /* {0} is fine: descriptor 0 is not ours then */
        (void)dmv_close(r->fd);
    free(r->root);
    free(r->sysfs);
    free(r->procfs);
    free(r->modules);
    dmv_strv_free(r->management);
    *r = (DmvRoots){.fd = -1};
}

char *dmv_roots_path(const DmvRoots *r, const char *relative)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", r->root, relative) < 0 ? NULL : path;
}

char *dmv_roots_kernel_path(const DmvRoots *r, const char *kver, const char *rest)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s%s%s", r->modules, kver, rest ? "/" : "", rest ? rest : "") < 0 ? NULL
                                                                                                 : path;
}

bool dmv_roots_lies_in_variant(const char *path)
{
    static const char *const folders[] = DMV_VARIANT_FOLDERS;

    for (size_t i = 0; i < DMV_N_ELEMENTS(folders); i++) {
        size_t n = strlen(folders[i]);

        if (strncmp(path, folders[i], n) == 0 && path[n] == '/' && path[n + 1])
            return true;
    }
    return false;
}
