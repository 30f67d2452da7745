/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generations, and the few moves that are allowed between their states: staged -> trial -> good or bad.
 */
#include "model/generation.h"

#include <errno.h>
#include <string.h>

static const char *const state_table[] = {
    [DMV_GENERATION_STAGED] = "staged",
    [DMV_GENERATION_TRIAL] = "trial",
    [DMV_GENERATION_GOOD] = "good",
    [DMV_GENERATION_BAD] = "bad",
};
_Static_assert(DMV_N_ELEMENTS(state_table) == DMV_GENERATION_MAX, "a state has no name");

const char *dmv_generation_state_to_string(DmvGenerationState s)
{
    return s >= 0 && s < DMV_GENERATION_MAX ? state_table[s] : "invalid";
}

void dmv_generation_deinit(DmvGeneration *g)
{
    free(g->reason);
    dmv_intent_deinit(&g->intent);
    *g = (DmvGeneration){0};
}

void dmv_generations_deinit(DmvGenerations *g)
{
    for (size_t i = 0; i < g->n; i++)
        dmv_generation_deinit(&g->items[i]);
    free(g->items);
    *g = (DmvGenerations){0};
}

DmvGeneration *dmv_generations_find(const DmvGenerations *g, int64_t number)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].number == number)
            return &g->items[i];
    return NULL;
}

DmvGeneration *dmv_generations_staged(const DmvGenerations *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].state == DMV_GENERATION_STAGED)
            return &g->items[i];
    return NULL;
}

static void drop_at(DmvGenerations *g, size_t i)
{
    dmv_generation_deinit(&g->items[i]);
    memmove(&g->items[i], &g->items[i + 1], (g->n - i - 1) * sizeof(g->items[0]));
    g->n--;
}

/* Room for one more that never has to be given back: dmv_array_grow() counts on growing by one from empty. */
static DmvGeneration *append(DmvGenerations *g)
{
    DmvGeneration *items = reallocarray(g->items, g->n + 1, sizeof(*items));

    if (!items)
        return NULL;
    g->items = items;
    memset(&items[g->n], 0, sizeof(*items));
    return &items[g->n++];
}

const DmvGeneration *dmv_generations_left(const DmvGenerations *g)
{
    for (size_t i = g->n; i > 0; i--) {
        const DmvGeneration *x = &g->items[i - 1];

        if (x->state != DMV_GENERATION_STAGED)
            return x->state == DMV_GENERATION_BAD && x->number != g->current ? x : NULL;
    }
    return NULL;
}

int dmv_generations_stage(DmvGenerations *g, const DmvIntent *intent, int64_t now, DmvGeneration **ret)
{
    DmvGeneration *staged = dmv_generations_staged(g);
    DmvIntent copy = {0};
    int r = dmv_intent_copy(intent, &copy);

    if (r < 0)
        return r;
    if (!staged) {
        int64_t number = g->n > 0 ? g->items[g->n - 1].number + 1 : 1;

        if (number <= g->current)
            number = g->current + 1;
        staged = append(g);
        if (!staged) {
            dmv_intent_deinit(&copy);
            return -ENOMEM;
        }
        staged->number = number;
        staged->state = DMV_GENERATION_STAGED;
    }
    dmv_intent_deinit(&staged->intent);
    staged->intent = copy;
    staged->created = now;
    if (ret)
        *ret = staged;
    return 0;
}

void dmv_generations_unstage(DmvGenerations *g)
{
    DmvGeneration *staged = dmv_generations_staged(g);

    if (staged)
        drop_at(g, (size_t)(staged - g->items));
}

void dmv_generations_activated(DmvGenerations *g, int64_t now)
{
    DmvGeneration *staged = dmv_generations_staged(g);

    if (!staged)
        return;
    staged->state = DMV_GENERATION_TRIAL;
    staged->activated = now;
    g->current = staged->number;
}

void dmv_generations_restored(DmvGenerations *g, int64_t number)
{
    g->current = number;
}

int dmv_generations_commit(DmvGenerations *g)
{
    DmvGeneration *current = dmv_generations_find(g, g->current);

    if (!current)
        return DMV_NO_SUCH_GENERATION;
    current->state = DMV_GENERATION_GOOD;
    (void)dmv_set_string(&current->reason, NULL);
    return 0;
}

int dmv_generations_mark_bad(DmvGenerations *g, int64_t number, const char *reason)
{
    DmvGeneration *bad = dmv_generations_find(g, number);

    if (!bad)
        return DMV_NO_SUCH_GENERATION;
    if (dmv_set_string(&bad->reason, reason) < 0)
        return -ENOMEM;
    bad->state = DMV_GENERATION_BAD;
    return 0;
}

int dmv_generations_rollback_target(const DmvGenerations *g, int64_t *ret)
{
    int64_t good = 0, trial = 0;

    if (g->current == 0)
        return DMV_NOTHING_TO_ROLL_BACK;
    for (size_t i = 0; i < g->n && g->items[i].number < g->current; i++) {
        if (g->items[i].state == DMV_GENERATION_GOOD)
            good = g->items[i].number;
        else if (g->items[i].state == DMV_GENERATION_TRIAL)
            trial = g->items[i].number;
    }
    *ret = good > 0 ? good : trial;
    return 0;
}

int dmv_generations_prune(DmvGenerations *g, size_t keep, int64_t **forgotten, size_t *n_forgotten)
{
    int64_t target = 0;

    (void)dmv_generations_rollback_target(g, &target);
    for (size_t i = 0; g->n > keep && i < g->n;) {
        const DmvGeneration *x = &g->items[i];

        if (x->number == g->current || x->number == g->fallback || x->number == target ||
            x->state == DMV_GENERATION_STAGED) {
            i++;
            continue;
        }
        if (forgotten) {
            int64_t *number = DMV_ARRAY_ADD(*forgotten, *n_forgotten);

            if (!number)
                return -ENOMEM;
            *number = x->number;
        }
        drop_at(g, i);
    }
    return 0;
}

int dmv_generation_to_json(const DmvGeneration *g, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    json_object *intent = NULL;
    int r = dmv_json_add_int(o, "number", g->number);

    if (r == 0)
        r = dmv_json_add_string(o, "state", dmv_generation_state_to_string(g->state));
    if (r == 0)
        r = dmv_json_add_int(o, "created", g->created);
    if (r == 0 && g->activated > 0)
        r = dmv_json_add_int(o, "activated", g->activated);
    if (r == 0)
        r = dmv_json_add_string(o, "reason", g->reason);
    if (r == 0)
        r = dmv_intent_to_json(&g->intent, &intent);
    if (r == 0)
        r = dmv_json_add(o, "intent", intent);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

static int read_generation(json_object *o, DmvGeneration *g, DmvError *reterr)
{
    const char *state = NULL;
    json_object *intent = NULL;
    const DmvJsonField fields[] = {
        {"number", DMV_JSON_INT, DMV_JSON_REQUIRED, &g->number},
        {"state", DMV_JSON_STRING, DMV_JSON_REQUIRED, &state},
        {"created", DMV_JSON_INT, DMV_JSON_REQUIRED, &g->created},
        {"activated", DMV_JSON_INT, 0, &g->activated},
        {"reason", DMV_JSON_STRDUP, 0, &g->reason},
        {"intent", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &intent},
    };
    int r = dmv_json_read(o, "generation", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    g->state = DMV_GENERATION_INVALID;
    for (int s = 0; s < DMV_GENERATION_MAX; s++)
        if (strcmp(state_table[s], state) == 0)
            g->state = (DmvGenerationState)s;
    if (g->state == DMV_GENERATION_INVALID || g->number < 1)
        return dmv_error_set(reterr, DMV_MALFORMED, "a generation cannot be read", NULL,
                             "number %lld, state \"%s\"", (long long)g->number, state);
    return dmv_intent_from_json(intent, &g->intent, reterr);
}

int dmv_generations_add_json(DmvGenerations *g, json_object *o, DmvError *reterr)
{
    DmvGeneration fresh = {0};
    size_t at;
    int r = read_generation(o, &fresh, reterr);

    if (r == 0 && dmv_generations_find(g, fresh.number))
        r = dmv_error_set(reterr, DMV_MALFORMED, "a generation cannot be read", NULL,
                          "number %lld is there twice", (long long)fresh.number);
    if (r == 0 && !append(g))
        r = -ENOMEM;
    if (r != 0) {
        dmv_generation_deinit(&fresh);
        return r;
    }
    for (at = g->n - 1; at > 0 && g->items[at - 1].number > fresh.number; at--)
        g->items[at] = g->items[at - 1];
    g->items[at] = fresh;
    return 0;
}
