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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"
#include "host/roots.h"

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

/* Return: 0, -ENOENT if there is no index, or another negative errno. */
static int read_modules(int folder, Modules *ret)
{
    int r = dmv_fs_read_file(folder, INDEX_TEXT, INDEX_MAX, &ret->text, NULL);

    return r < 0 ? r : split(ret);
}

/* Variants depmod may be told to leave out, or is not shown. */
static const char *find_missing(int folder, const Modules *before, const Modules *now)
{
    struct stat st;

    for (size_t i = 0; i < before->n; i++) {
        const char *path = before->paths[i];

        if (now->n > 0 && bsearch(&path, now->paths, now->n, sizeof(*now->paths), compare_paths))
            continue;
        if (!dmv_roots_lies_in_variant(path) && fstatat(folder, path, &st, 0) == 0)
            return path;
    }
    return NULL;
}

int dmv_index_find_missing(int folder, int before, char **ret)
{
    DMV_CLEANUP(modules_deinit) Modules old = {0};
    DMV_CLEANUP(modules_deinit) Modules new = {0};
    int e = read_modules(before, &old);

    if (e == -ENOENT)
        return dmv_set_string(ret, NULL);
    if (e == 0)
        e = read_modules(folder, &new);
    return e < 0 ? e : dmv_set_string(ret, find_missing(folder, &old, &new));
}

int dmv_index_check_folders(int folder, const char *path)
{
    DMV_CLEANUP_FREE char *parent = NULL;
    int e = asprintf(&parent, "./%s", path) < 0 ? -ENOMEM : 0;

    if (e < 0)
        parent = NULL;
    for (char *slash = NULL; e == 0 && (slash = strrchr(parent, '/'));) {
        DmvFsEntry *entries = NULL;
        size_t n = 0;

        *slash = '\0';
        e = dmv_fs_list_unsorted(folder, parent, &entries, &n);
        dmv_fs_entries_free(entries, n);
    }
    return e;
}
