/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image: what is at a path, and the way to make it so again.
 *
 * The worker runs as root in folders that packages write too. So a parent folder is opened without following
 * any link, and what is found in the way of a link and is not itself a link stays: it belongs to somebody
 * else.
 */
#include "daemon/apply/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/fs.h"

static const char *const kind_names[] = {
    [DMV_IMAGE_ABSENT] = "absent",
    [DMV_IMAGE_LINK] = "link",
    [DMV_IMAGE_FILE] = "file",
    [DMV_IMAGE_FOLDER] = "folder",
};
_Static_assert(DMV_N_ELEMENTS(kind_names) == DMV_IMAGE_MAX_KIND, "a name for every kind");

const char *dmv_image_kind_to_string(DmvImageKind kind)
{
    return kind >= 0 && kind < DMV_IMAGE_MAX_KIND ? kind_names[kind] : NULL;
}

DmvImageKind dmv_image_kind_from_string(const char *s)
{
    for (int i = 0; i < DMV_IMAGE_MAX_KIND; i++)
        if (dmv_streq(s, kind_names[i]))
            return (DmvImageKind)i;
    return DMV_IMAGE_INVALID;
}

void dmv_image_deinit(DmvImage *i)
{
    free(i->data);
    *i = (DmvImage){0};
}

int dmv_image_open_parent(int root, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    DMV_CLEANUP_FREE char *parent = NULL;

    if (!slash || !slash[1])
        return -EINVAL;
    parent = strndup(path, (size_t)(slash - path));
    if (!parent)
        return -ENOMEM;
    *ret_name = slash + 1;
    return dmv_fs_open_nolinks(root, parent, O_RDONLY | O_DIRECTORY, 0);
}

/* What the entry of an open folder is, without its content. */
static int look(int folder, const char *name, DmvImageKind *ret, struct stat *ret_st)
{
    if (fstatat(folder, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return -errno;
        *ret = DMV_IMAGE_ABSENT;
    } else if (S_ISLNK(ret_st->st_mode)) {
        *ret = DMV_IMAGE_LINK;
    } else if (S_ISREG(ret_st->st_mode)) {
        *ret = DMV_IMAGE_FILE;
    } else if (S_ISDIR(ret_st->st_mode)) {
        *ret = DMV_IMAGE_FOLDER;
    } else {
        return -EINVAL;
    }
    return 0;
}

static int read_entry(int folder, const char *name, DmvImage *ret)
{
    DMV_CLEANUP_IMAGE DmvImage image = {0};
    struct stat st;
    int r = look(folder, name, &image.kind, &st);

    if (r < 0)
        return r;
    if (image.kind == DMV_IMAGE_LINK) {
        r = dmv_fs_read_link(folder, name, &image.data);
        if (r < 0)
            return r;
        image.size = strlen(image.data);
    } else if (image.kind == DMV_IMAGE_FILE) {
        r = dmv_fs_read_file(folder, name, DMV_IMAGE_MAX, &image.data, &image.size);
        if (r < 0)
            return r;
        image.mode = st.st_mode & 07777;
    }
    *ret = image;
    image = (DmvImage){0};
    return 0;
}

int dmv_image_read(int root, const char *path, DmvImage *ret)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(root, path, &name);

    if (folder == -ENOENT) {
        *ret = (DmvImage){.kind = DMV_IMAGE_ABSENT};
        return 0;
    }
    if (folder < 0)
        return folder;
    return read_entry(folder, name, ret);
}

bool dmv_image_equal(const DmvImage *a, const DmvImage *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == DMV_IMAGE_LINK || a->kind == DMV_IMAGE_FILE)
        return a->size == b->size && memcmp(a->data, b->data, a->size) == 0 && a->mode == b->mode;
    return true;
}

/* The mode is set by fchmod(2) and not at creation, so that no umask changes what is restored. */
static int write_temporary(int folder, const DmvImage *i)
{
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    fd = openat(folder, DMV_IMAGE_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = dmv_fs_write_all(fd, i->data, i->size);
    if (r < 0)
        return r;
    if (fchmod(fd, i->mode) < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

/* Makes a link or file under the temporary name and renames it. */
static int replace(int folder, const char *name, const DmvImage *i)
{
    int r;

    if (unlinkat(folder, DMV_IMAGE_TEMPORARY, 0) < 0 && errno != ENOENT)
        return -errno;
    if (i->kind == DMV_IMAGE_LINK)
        r = symlinkat(i->data, folder, DMV_IMAGE_TEMPORARY) < 0 ? -errno : 0;
    else
        r = write_temporary(folder, i);
    if (r >= 0 && renameat(folder, DMV_IMAGE_TEMPORARY, folder, name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(folder, DMV_IMAGE_TEMPORARY, 0);
        return r;
    }
    return 1;
}

int dmv_image_replace(int root, const char *path, const DmvImage *i)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(root, path, &name);

    return folder < 0 ? folder : replace(folder, name, i);
}

static int remove_entry(int folder, const char *name, DmvImageKind now)
{
    if (unlinkat(folder, name, now == DMV_IMAGE_FOLDER ? AT_REMOVEDIR : 0) == 0)
        return 1;
    if (now == DMV_IMAGE_FOLDER && (errno == ENOTEMPTY || errno == EEXIST))
        return 0;
    return -errno;
}

int dmv_image_write(int root, const char *path, const DmvImage *i)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(root, path, &name);
    DMV_CLEANUP_IMAGE DmvImage now = {0};
    int r;

    if (folder == -ENOENT && i->kind == DMV_IMAGE_ABSENT)
        return 0;
    if (folder < 0)
        return folder;
    r = read_entry(folder, name, &now);
    if (r < 0)
        return r;
    if (dmv_image_equal(&now, i))
        return 0;
    switch (i->kind) {
    case DMV_IMAGE_ABSENT:
        return remove_entry(folder, name, now.kind);
    case DMV_IMAGE_FOLDER:
        if (now.kind != DMV_IMAGE_ABSENT)
            return -EEXIST;
        return mkdirat(folder, name, 0755) < 0 ? -errno : 1;
    case DMV_IMAGE_LINK:
    case DMV_IMAGE_FILE:
        if (now.kind != DMV_IMAGE_ABSENT && now.kind != i->kind)
            return -EEXIST;
        return replace(folder, name, i);
    case DMV_IMAGE_MAX_KIND:
    case DMV_IMAGE_INVALID:
    default:
        return -EINVAL;
    }
}
