/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sysfs as text. Written against the folder and not against the running kernel, because a recorded host is a
 * folder of the same shape. Nothing that it says is trusted to be text or to be there.
 */
#include "sysfs.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/fs.h"

/* The attribute's line without blanks at its end. */
static int read_line(int dirfd, const char *name, char **ret)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t n = 0;
    int r = dmv_fs_read_file(dirfd, name, DMV_SYSFS_ATTRIBUTE_MAX, &text, &n);

    if (r < 0)
        return r;
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        text[--n] = '\0';
    *ret = DMV_TAKE_PTR(text);
    return 0;
}

int dmv_sysfs_text(int dirfd, const char *name, char **ret)
{
    DMV_CLEANUP_FREE char *line = NULL;
    int r = read_line(dirfd, name, &line);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (!line[0])
        return 0;
    *ret = dmv_sanitize(line);
    return *ret ? 0 : -ENOMEM;
}

int dmv_sysfs_number(int dirfd, const char *name, uint32_t max, uint32_t *ret)
{
    DMV_CLEANUP_FREE char *line = NULL;
    int r = read_line(dirfd, name, &line);
    const char *p = line;
    uint64_t v = 0;

    if (r < 0)
        return r;
    if (dmv_starts_with(p, "0x"))
        p += 2;
    if (!p[0] || strlen(p) > 8 || strspn(p, "0123456789abcdefABCDEF") != strlen(p))
        return -EINVAL;
    for (; *p; p++)
        v = v * 16 +
            (uint64_t)(isdigit((unsigned char)*p) ? *p - '0' : tolower((unsigned char)*p) - 'a' + 10);
    if (v > max)
        return -ERANGE;
    *ret = (uint32_t)v;
    return 0;
}

int dmv_sysfs_link_name(int dirfd, const char *name, char **ret)
{
    DMV_CLEANUP_FREE char *target = NULL, *clean = NULL;
    const char *slash;
    int r = dmv_fs_read_link(dirfd, name, &target);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    slash = strrchr(target, '/');
    clean = dmv_sanitize(slash ? slash + 1 : target);
    if (!clean)
        return -ENOMEM;
    *ret = DMV_TAKE_PTR(clean);
    return 0;
}

bool dmv_sysfs_is_module(int fd)
{
    static const char *const signs[] = {"initstate", "srcversion", "notes"};
    struct stat st;

    for (size_t i = 0; i < DMV_N_ELEMENTS(signs); i++)
        if (fstatat(fd, signs[i], &st, 0) == 0)
            return true;
    return false;
}
