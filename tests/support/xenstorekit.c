/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xenstorekit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

void xenstore_add(XenstoreKit *kit, const char *path, const char *value)
{
    XenstoreNode *n = need(DMV_ARRAY_ADD(kit->nodes, kit->n));

    n->path = need(strdup(path));
    n->value = need(strdup(value));
    kit->is_sorted = false;
}

/* A path without a slash at its end, a blank on both sides of '=', quotes around the value. */
static void add_line(XenstoreKit *kit, char *line)
{
    char *middle = strstr(line, " = \""), *end = strrchr(line, '"');

    if (line[0] != '/' || !middle || end < middle + 4)
        return;
    *middle = *end = '\0';
    xenstore_add(kit, line, middle + 4);
}

void xenstore_add_text(XenstoreKit *kit, const char *text, size_t size)
{
    DMV_CLEANUP_FREE char *copy = need(strndup(text, size));
    char *rest = copy, *line;

    while ((line = strsep(&rest, "\n")))
        add_line(kit, line);
}

void xenstore_add_file(XenstoreKit *kit, const char *path)
{
    DMV_CLEANUP_FCLOSE FILE *f = need(fopen(path, "re"));
    DMV_CLEANUP_FREE char *line = NULL;
    size_t allocated = 0;

    while (getline(&line, &allocated, f) >= 0)
        xenstore_add_text(kit, line, strlen(line));
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

void xenstore_remove(XenstoreKit *kit, const char *path)
{
    size_t kept = 0;

    for (size_t i = 0; i < kit->n; i++) {
        if (!is_below(kit->nodes[i].path, path)) {
            kit->nodes[kept++] = kit->nodes[i];
            continue;
        }
        free(kit->nodes[i].path);
        free(kit->nodes[i].value);
    }
    kit->n = kept;
}

void xenstore_deinit(XenstoreKit *kit)
{
    for (size_t i = 0; i < kit->n; i++) {
        free(kit->nodes[i].path);
        free(kit->nodes[i].value);
    }
    free(kit->nodes);
    *kit = (XenstoreKit){0};
}

/* ---- the reader ---- */

static int compare(const void *a, const void *b)
{
    return strcmp(((const XenstoreNode *)a)->path, ((const XenstoreNode *)b)->path);
}

static int ask(XenstoreKit *kit)
{
    kit->n_questions++;
    if (kit->before && !kit->is_still)
        kit->before(kit, kit->n_questions);
    if (!kit->is_sorted && kit->n > 0)
        qsort(kit->nodes, kit->n, sizeof(*kit->nodes), compare);
    kit->is_sorted = true;
    return kit->fails_with;
}

/* The first node that is not before @path. */
static size_t find(const XenstoreKit *kit, const char *path)
{
    size_t low = 0, high = kit->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(kit->nodes[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int list(const char *path, char ***ret, void *userdata)
{
    XenstoreKit *kit = userdata;
    DMV_CLEANUP_FREE char *prefix = NULL;
    char **names = NULL;
    size_t n = 0, allocated = 0, length = strlen(path) + 1;
    int r = ask(kit);

    if (r < 0)
        return r;
    if (asprintf(&prefix, "%s/", path) < 0)
        abort();
    for (size_t i = find(kit, prefix); i < kit->n && strncmp(kit->nodes[i].path, prefix, length) == 0; i++) {
        const char *name = kit->nodes[i].path + length;
        size_t size = strcspn(name, "/");

        if (n > 0 && strlen(names[n - 1]) == size && strncmp(names[n - 1], name, size) == 0)
            continue;
        if (n + 2 > allocated) {
            allocated = allocated ? 2 * allocated : 16;
            names = need(reallocarray(names, allocated, sizeof(*names)));
        }
        names[n++] = need(strndup(name, size));
        names[n] = NULL;
    }
    *ret = names;
    return 0;
}

/* What lies on the way to a node is one, and is empty. */
static int get(const char *path, char **ret, void *userdata)
{
    XenstoreKit *kit = userdata;
    int r = ask(kit);
    size_t i = r == 0 ? find(kit, path) : 0;

    if (r < 0)
        return r;
    if (i >= kit->n || !is_below(kit->nodes[i].path, path))
        return -ENOENT;
    *ret = need(strdup(strcmp(kit->nodes[i].path, path) == 0 ? kit->nodes[i].value : ""));
    return 0;
}

static int begin(void *userdata)
{
    XenstoreKit *kit = userdata;

    kit->is_still = kit->begins_with == 0;
    return kit->begins_with;
}

static void end(void *userdata)
{
    XenstoreKit *kit = userdata;

    kit->is_still = false;
}

DmvXenstoreReader xenstore_reader(XenstoreKit *kit, bool has_transactions)
{
    return (DmvXenstoreReader){.get = get,
                               .list = list,
                               .begin = has_transactions ? begin : NULL,
                               .end = has_transactions ? end : NULL,
                               .userdata = kit};
}
