/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses of UNIX sockets. A scratch root can lie deep, and the kernel's limit on the length of a socket's
 * path must not be what stops dmv from working there.
 */
#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static int set_abstract(VlAddress *a, const char *name)
{
    size_t n = strlen(name);

    if (n == 0)
        return -EINVAL;
    if (n >= sizeof(a->sockaddr.un.sun_path))
        return -ENAMETOOLONG;
    memcpy(a->sockaddr.un.sun_path + 1, name, n);
    a->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    return 0;
}

static int set_long_path(VlAddress *a, const char *path)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    const char *slash = strrchr(path, '/');
    int n;

    if (!slash || slash == path)
        return -ENAMETOOLONG;
    folder = strndup(path, (size_t)(slash - path));
    if (!folder)
        return -ENOMEM;
    a->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (a->folder < 0)
        return -errno;
    n = snprintf(a->sockaddr.un.sun_path, sizeof(a->sockaddr.un.sun_path), "/proc/self/fd/%d/%s", a->folder,
                 slash + 1);
    return n < 0 || (size_t)n >= sizeof(a->sockaddr.un.sun_path) ? -ENAMETOOLONG : 0;
}

static int set_path(VlAddress *a, const char *path)
{
    size_t n = strlen(path);

    a->size = sizeof(a->sockaddr.un);
    if (n == 0)
        return -EINVAL;
    if (n >= sizeof(a->sockaddr.un.sun_path))
        return set_long_path(a, path);
    memcpy(a->sockaddr.un.sun_path, path, n + 1);
    return 0;
}

int vl_address_parse(const char *text, VlAddress *ret)
{
    DMV_CLEANUP(vl_address_deinit) VlAddress a = VL_ADDRESS_NULL;
    DMV_CLEANUP_FREE char *name = NULL;
    bool is_unix = dmv_starts_with(text, "unix:");
    int r;

    a.sockaddr.un.sun_family = AF_UNIX;
    name = is_unix ? strndup(text + 5, strcspn(text + 5, ";")) : strdup(text);
    if (!name)
        return -ENOMEM;
    r = is_unix && name[0] == '@' ? set_abstract(&a, name + 1) : set_path(&a, name);
    if (r < 0)
        return r;
    *ret = a;
    a.folder = -1;
    return 0;
}

void vl_address_deinit(VlAddress *a)
{
    a->folder = dmv_close(a->folder);
}
