/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a new index what depmod makes of the tree, or of what it could read of it?
 *
 * depmod does not look whether readdir(3) has failed: from a folder that cannot be read to its end it takes
 * what came before, and exits 0. So it does without modules.order and modules.builtin. Such an index is good
 * for the modules that anybody asked about, and may lack the one of the root disk. So the old index says what
 * there was: what it names and is still there has to be in the new one, and where something else differs that
 * nobody has asked for, depmod has to say it twice.
 */
#include "daemon/apply/complete.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
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

static const char *const judged[DMV_INDEX_N_JUDGED] = {
    [DMV_INDEX_MODULES] = "modules.dep",
    [DMV_INDEX_BUILTIN] = "modules.builtin.bin",
    [DMV_INDEX_BUILTIN_ALIAS] = "modules.builtin.alias.bin",
};

/* The modules of an index: the paths before the colons, as they are in its text. */
typedef struct Modules {
    char *text;
    char **paths; /* point into it, in its order */
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
    return 0;
}

static void sort_by_name(Modules *m)
{
    if (m->n > 1)
        qsort(m->paths, m->n, sizeof(*m->paths), compare_paths);
}

/* Return: 0; -ENOENT if there is no such text; -ENOMEM. */
static int read_modules(const DmvIndexJudged *j, Modules *ret)
{
    if (!j->data[DMV_INDEX_MODULES])
        return -ENOENT;
    ret->text = strdup(j->data[DMV_INDEX_MODULES]);
    return ret->text ? split(ret) : -ENOMEM;
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

int dmv_index_find_missing(int folder, const DmvIndexJudged *before, const DmvIndexJudged *now, char **ret)
{
    DMV_CLEANUP(modules_deinit) Modules old = {0};
    DMV_CLEANUP(modules_deinit) Modules new = {0};
    int e = read_modules(before, &old);

    if (e == -ENOENT)
        return dmv_set_string(ret, NULL);
    if (e == 0)
        e = read_modules(now, &new);
    sort_by_name(&new);
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

/* ---- what no choice of variants explains ---- */

void dmv_index_judged_deinit(DmvIndexJudged *j)
{
    for (size_t i = 0; i < DMV_INDEX_N_JUDGED; i++)
        free(j->data[i]);
    *j = (DmvIndexJudged){0};
}

int dmv_index_read_judged(int folder, DmvIndexJudged *ret)
{
    DMV_CLEANUP_INDEX_JUDGED DmvIndexJudged j = {0};

    for (size_t i = 0; i < DMV_INDEX_N_JUDGED; i++) {
        int e = dmv_fs_read_file(folder, judged[i], INDEX_MAX, &j.data[i], &j.size[i]);

        if (e < 0 && e != -ENOENT)
            return e;
    }
    *ret = j;
    j = (DmvIndexJudged){0};
    return 0;
}

static bool is_same_file(const DmvIndexJudged *a, const DmvIndexJudged *b, size_t i)
{
    if (!a->data[i] || !b->data[i])
        return a->data[i] == b->data[i];
    return a->size[i] == b->size[i] && memcmp(a->data[i], b->data[i], a->size[i]) == 0;
}

bool dmv_index_is_same(const DmvIndexJudged *a, const DmvIndexJudged *b)
{
    for (size_t i = 0; i < DMV_INDEX_N_JUDGED; i++)
        if (!is_same_file(a, b, i))
            return false;
    return true;
}

typedef struct Rank {
    const char *path;
    size_t size;
    size_t at;
} Rank;

/* A path without what a compression adds to it. */
static size_t plain_size(const char *path)
{
    const char *end = strstr(path, ".ko");

    return end ? (size_t)(end - path) + 3 : strlen(path);
}

static int compare_ranks(const void *a, const void *b)
{
    const Rank *x = a, *y = b;
    int c = memcmp(x->path, y->path, x->size < y->size ? x->size : y->size);

    return c ? c : x->size < y->size ? -1 : x->size > y->size;
}

/* The lines of @text, which is cut into them, in the order of the paths. */
static int rank(char *text, Rank **ret, size_t *ret_n)
{
    DMV_CLEANUP_FREE Rank *ranks = NULL;
    size_t n = 0;

    for (char *line; (line = strsep(&text, "\n"));) {
        Rank *r = line[0] ? DMV_ARRAY_ADD(ranks, n) : NULL;

        if (!line[0])
            continue;
        if (!r)
            return -ENOMEM;
        *r = (Rank){line, plain_size(line), n - 1};
    }
    if (n > 1)
        qsort(ranks, n, sizeof(*ranks), compare_ranks);
    *ret = DMV_TAKE_PTR(ranks);
    *ret_n = n;
    return 0;
}

/* What has no rank comes behind all that have one. */
static bool is_in_order(const Modules *m, const Rank *ranks, size_t n)
{
    size_t last = 0;

    for (size_t i = 0; i < m->n; i++) {
        const Rank wanted = {m->paths[i], plain_size(m->paths[i]), 0};
        const Rank *r = n > 0 ? bsearch(&wanted, ranks, n, sizeof(*ranks), compare_ranks) : NULL;
        size_t at = r ? r->at : SIZE_MAX;

        if (at < last)
            return false;
        last = at;
    }
    return true;
}

int dmv_index_is_explained(const DmvIndexJudged *before, const DmvIndexJudged *now, const char *order)
{
    DMV_CLEANUP(modules_deinit) Modules m = {0};
    DMV_CLEANUP_FREE char *text = strdup(order ? order : "");
    DMV_CLEANUP_FREE Rank *ranks = NULL;
    size_t n = 0;
    int e = text ? 0 : -ENOMEM;

    for (size_t i = DMV_INDEX_BUILTIN; e == 0 && i < DMV_INDEX_N_JUDGED; i++)
        if (!is_same_file(before, now, i))
            return 0;
    if (e == 0)
        e = read_modules(now, &m);
    if (e == 0)
        e = rank(text, &ranks, &n);
    return e < 0 ? e : is_in_order(&m, ranks, n);
}
