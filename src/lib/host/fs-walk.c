/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * openat2(2) with RESOLVE_BENEATH by hand: for kernels before 5.6 (XCP-ng's is 4.19), and for units whose
 * filter takes the call away (RestrictSUIDSGID= does).
 *
 * The way down is a stack of descriptors, so ".." goes back to a folder that was passed, whatever was renamed
 * meanwhile, and no further than to the start. Each component is opened without following a link; a link's
 * text is put in front of what is left of the path.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs-internal.h"

/* As the kernel's MAXSYMLINKS. */
#define LINKS_MAX 40
#define DEPTH_MAX 128

typedef struct Walk {
    int start;            /* borrowed */
    int stack[DEPTH_MAX]; /* folders below it that were passed */
    size_t depth;
    char *rest; /* of the path */
    unsigned links;
    bool follow;
} Walk;

static void walk_deinit(Walk *w)
{
    while (w->depth > 0)
        (void)dmv_close(w->stack[--w->depth]);
    free(w->rest);
}

static int here(const Walk *w)
{
    return w->depth > 0 ? w->stack[w->depth - 1] : w->start;
}

/* Takes the next component off the path. @ret_last: nothing but slashes is left; @ret_folder: and there are
 * some, so it has to be a folder. Return: the component, owned; NULL for lack of memory. */
static char *take_component(Walk *w, bool *ret_last, bool *ret_folder)
{
    size_t n = strcspn(w->rest, "/"), slashes = strspn(w->rest + n, "/");
    char *name = strndup(w->rest, n);

    memmove(w->rest, w->rest + n + slashes, strlen(w->rest + n + slashes) + 1);
    *ret_last = w->rest[0] == '\0';
    *ret_folder = slashes > 0;
    return name;
}

/* Return: 0; -EXDEV for an absolute target; -ELOOP for one link too many; another negative errno. */
static int put_link(Walk *w, const char *name, bool last, bool folder)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(here(w), name, target, sizeof(target) - 1);
    char *rest = NULL;

    if (n < 0)
        return -errno;
    target[n] = '\0';
    if (!w->follow || ++w->links > LINKS_MAX)
        return -ELOOP;
    if (target[0] == '/')
        return -EXDEV;
    if (asprintf(&rest, "%s%s%s", target, last && !folder ? "" : "/", w->rest) < 0)
        return -ENOMEM;
    free(w->rest);
    w->rest = rest;
    return 0;
}

static bool is_link(int dirfd, const char *name)
{
    struct stat st;

    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

static int enter(Walk *w, const char *name)
{
    int fd;

    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        if (w->depth == 0)
            return -EXDEV;
        (void)dmv_close(w->stack[--w->depth]);
        return 0;
    }
    if (w->depth == DEPTH_MAX)
        return -ENAMETOOLONG;
    fd = openat(here(w), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    w->stack[w->depth++] = fd;
    return 0;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Opens what the path ends in. Return: a descriptor; a negative errno. */
static int open_last(const Walk *w, const char *name, int flags, mode_t mode)
{
    int fd = openat(here(w), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);

    return fd < 0 ? -errno : fd;
}

/* One component. Return: 0: go on; 1: @ret is open; a negative errno. */
static int step(Walk *w, int flags, mode_t mode, int *ret)
{
    bool last, folder;
    DMV_CLEANUP_FREE char *name = take_component(w, &last, &folder);
    bool wants_link = last && !folder && (flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL));
    int r;

    if (!name)
        return -ENOMEM;
    /* only O_PATH opens a link itself */
    if (!is_dots(name) && is_link(here(w), name) && !(wants_link && w->follow))
        return put_link(w, name, last, folder);
    if (!last || is_dots(name)) {
        r = enter(w, name);
        if (r < 0 || !last)
            return r;
        *ret = open_last(w, ".", flags, mode);
    } else {
        *ret = open_last(w, name, flags | (folder ? O_DIRECTORY : 0), mode);
    }
    return *ret < 0 ? *ret : 1;
}

int dmv_fs_walk(int dirfd, const char *path, int flags, mode_t mode, bool follow)
{
    DMV_CLEANUP(walk_deinit) Walk w = {.start = dirfd, .rest = strdup(path), .follow = follow};
    int fd = -1, r = 0;

    if (!w.rest)
        return -ENOMEM;
    if (path[0] == '/')
        return -EXDEV;
    while (r == 0)
        r = step(&w, flags, mode, &fd);
    return r < 0 ? r : fd;
}
