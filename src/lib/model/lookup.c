/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lookups: freeing, ordering and finding.
 */
#include "model/lookup.h"

#include <string.h>

static void action_deinit(DmvAction *a)
{
    free(a->module);
    free(a->path);
    free(a->install);
    free(a->build_id);
}

void dmv_lookups_deinit(DmvLookups *l)
{
    for (size_t i = 0; i < l->n; i++) {
        DmvLookup *x = &l->items[i];

        for (size_t a = 0; a < x->n_actions; a++)
            action_deinit(&x->actions[a]);
        free(x->actions);
        free(x->key);
        free(x->problem);
        dmv_strv_free(x->blacklisted);
        dmv_strv_free(x->softdeps);
    }
    free(l->items);
    *l = (DmvLookups){0};
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const DmvLookup *)a)->key, ((const DmvLookup *)b)->key);
}

void dmv_lookups_sort(DmvLookups *l)
{
    if (l->n > 1)
        qsort(l->items, l->n, sizeof(*l->items), compare);
}

const DmvLookup *dmv_lookups_find(const DmvLookups *l, const char *key)
{
    const DmvLookup wanted = {.key = (char *)key};

    return l->n > 0 ? bsearch(&wanted, l->items, l->n, sizeof(wanted), compare) : NULL;
}
