/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a new index have all that the old one had?
 *
 * depmod does not look whether readdir(3) has failed: from a folder that cannot be read to its end it takes
 * what came before, and exits 0. Such an index is good for the modules that anybody asked about, and may lack
 * the one of the root disk. So the old index says what there was; what it names and is still there has to be
 * in the new one.
 */
#include "daemon/apply/complete.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "daemon/apply/keep.h"
#include "host/fs.h"

/* Of the largest distribution kernel it has 600 KiB. */
#define INDEX_MAX ((size_t)16 * 1024 * 1024)
#define INDEX_TEXT "modules.dep"

/* The modules of an index: the paths before the colons, as they are in its text. */
typedef struct Modules {
    char *text;
    char **paths; /* point into it, sorted by name of the module */
    size_t n;
} Modules;

static void modules_deinit(Modules *m)
{
    free(m->paths);
    free(m->text);
    *m = (Modules){0};
}

/* The order of the names of modules, where '-' is '_' and what comes after the first dot does not count. */
static int compare(const char *a, const char *b)
{
    const char *x = strrchr(a, '/'), *y = strrchr(b, '/');

    for (x = x ? x + 1 : a, y = y ? y + 1 : b;; x++, y++) {
        int c = *x == '-' ? '_' : *x == '.' ? 0 : (unsigned char)*x;
        int d = *y == '-' ? '_' : *y == '.' ? 0 : (unsigned char)*y;

        if (c != d || c == 0)
            return c - d;
    }
}

static int compare_paths(const void *a, const void *b)
{
    return compare(*(char *const *)a, *(char *const *)b);
}

static int split(Modules *m)
{
    char *next = m->text;

    for (char *line; (line = strsep(&next, "\n"));) {
        char *colon = strchr(line, ':');
        char **path = colon ? DMV_ARRAY_ADD(m->paths, m->n) : NULL;

        if (!colon)
            continue;
        if (!path)
            return -ENOMEM;
        *colon = '\0';
        *path = line;
    }
    if (m->n > 1)
        qsort(m->paths, m->n, sizeof(*m->paths), compare_paths);
    return 0;
}

/* Return: 0, -ENOENT if there is no such index, or another negative errno. */
static int read_modules(int kernel, const char *path, Modules *ret)
{
    int r = dmv_fs_read_file(kernel, path, INDEX_MAX, &ret->text, NULL);

    return r < 0 ? r : split(ret);
}

/* What lies there depmod may be told to leave out, or is not shown. */
static bool is_of_variant(const char *path)
{
    static const char *const variants[] = DMV_VARIANT_FOLDERS;

    for (size_t i = 0; i < DMV_N_ELEMENTS(variants); i++) {
        size_t n = strlen(variants[i]);

        if (strncmp(path, variants[i], n) == 0 && path[n] == '/')
            return true;
    }
    return false;
}

static const char *find_missing(int kernel, const Modules *before, const Modules *now)
{
    struct stat st;

    for (size_t i = 0; i < before->n; i++) {
        const char *path = before->paths[i];

        if (now->n > 0 && bsearch(&path, now->paths, now->n, sizeof(*now->paths), compare_paths))
            continue;
        if (!is_of_variant(path) && fstatat(kernel, path, &st, 0) == 0)
            return path;
    }
    return NULL;
}

int dmv_index_find_missing(const DmvRoots *r, const char *kver, char **ret)
{
    DMV_CLEANUP(modules_deinit) Modules before = {0};
    DMV_CLEANUP(modules_deinit) Modules now = {0};
    DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(r, kver, NULL);
    DMV_CLEANUP_CLOSE int kernel =
        folder ? dmv_fs_open_nolinks(r->fd, folder, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;
    int e = kernel < 0 ? kernel : read_modules(kernel, DMV_KEEP_DIR "/" INDEX_TEXT, &before);

    if (e == -ENOENT)
        return dmv_set_string(ret, NULL);
    if (e == 0)
        e = read_modules(kernel, INDEX_TEXT, &now);
    return e < 0 ? e : dmv_set_string(ret, find_missing(kernel, &before, &now));
}

int dmv_index_check_folders(const DmvRoots *r, const char *kver, const char *path)
{
    DMV_CLEANUP_FREE char *folder = dmv_roots_kernel_path(r, kver, path);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    int e = folder ? 0 : -ENOMEM;

    for (; e == 0 && slash && strlen(folder) > strlen(r->modules); slash = strrchr(folder, '/')) {
        DmvFsEntry *entries = NULL;
        size_t n = 0;

        *slash = '\0';
        e = dmv_fs_list_unsorted(r->fd, folder, &entries, &n);
        dmv_fs_entries_free(entries, n);
    }
    return e;
}
