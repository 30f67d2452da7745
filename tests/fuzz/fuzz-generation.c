/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of generations, a NUL between two of them: what is taken is in order and says the same again, and
 * whatever is asked of it keeps what a host may have to go back to.
 */
#include <string.h>

#include "fuzz.h"
#include "model/generation.h"

static const DmvJsonLimits limits = {.size = 1 << 20, .depth = 8, .nodes = 100000, .plain_integers = true};

static void add(DmvGenerations *all, const char *data, size_t size)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t n = all->n;

    if (dmv_json_parse(data, size, &limits, &o, NULL) != 0)
        return;
    if (dmv_generations_add_json(all, o, &e) != 0)
        must(e.why != NULL && all->n == n);
    else
        must(all->n == n + 1);
}

static void write_again(const DmvGeneration *g)
{
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL;
    DMV_CLEANUP_FREE char *first = NULL, *second = NULL;
    DmvGenerations copy = {0};

    must(dmv_generation_to_json(g, &o) == 0 && dmv_generations_add_json(&copy, o, NULL) == 0);
    must(copy.n == 1 && dmv_generation_to_json(&copy.items[0], &again) == 0);
    must(dmv_json_format(o, &first, NULL) == 0 && dmv_json_format(again, &second, NULL) == 0);
    must(strcmp(first, second) == 0);
    dmv_generations_deinit(&copy);
}

static void use(DmvGenerations *all)
{
    DMV_CLEANUP_FREE int64_t *forgotten = NULL;
    int64_t target = 0, current = all->n > 0 ? all->items[all->n / 2].number : 0;
    size_t n_forgotten = 0;

    all->current = current;
    all->fallback = all->n > 0 ? all->items[0].number : 0;
    if (dmv_generations_rollback_target(all, &target) == 0)
        must(target == 0 || (target < current && dmv_generations_find(all, target)));
    must(dmv_generations_prune(all, 2, &forgotten, &n_forgotten) == 0);
    must(current == 0 || dmv_generations_find(all, current));
    must(all->fallback == 0 || dmv_generations_find(all, all->fallback));
    must(target == 0 || dmv_generations_find(all, target));
    for (size_t i = 0; i < n_forgotten; i++)
        must(!dmv_generations_find(all, forgotten[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    DmvGenerations all = {0};

    for (size_t at = 0; at < size;) {
        const char *nul = memchr(text + at, '\0', size - at);
        size_t n = nul ? (size_t)(nul - text) - at : size - at;

        add(&all, text + at, n);
        at += n + 1;
    }
    for (size_t i = 0; i < all.n; i++) {
        must(all.items[i].number > 0 && (i == 0 || all.items[i - 1].number < all.items[i].number));
        write_again(&all.items[i]);
    }
    use(&all);
    dmv_generations_deinit(&all);
    return 0;
}
