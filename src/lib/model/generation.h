/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generations: every plan that was applied or waits to be, with the intent that it came from. Going back is
 * planning with the intent of an earlier one.
 */
#ifndef DMV_MODEL_GENERATION_H
#define DMV_MODEL_GENERATION_H

#include "model/intent.h"

typedef enum DmvGenerationState {
    DMV_GENERATION_STAGED, /* waits for the next reboot or for activate */
    DMV_GENERATION_TRIAL,  /* applied, not proven yet */
    DMV_GENERATION_GOOD,   /* committed */
    DMV_GENERATION_BAD,    /* was gone back from */
    DMV_GENERATION_MAX,
    DMV_GENERATION_INVALID = -1,
} DmvGenerationState;
const char *dmv_generation_state_to_string(DmvGenerationState s);

typedef struct DmvGeneration {
    int64_t number; /* from 1; 0 is the host before dmv */
    DmvGenerationState state;
    int64_t created, activated; /* seconds since the epoch; activated is 0 while staged */
    char *reason;               /* why it is bad, or NULL */
    DmvIntent intent;
} DmvGeneration;

typedef struct DmvGenerations {
    DmvGeneration *items; /* ascending by number */
    size_t n;
    int64_t current;  /* the one that the trees show; 0: none yet */
    int64_t fallback; /* the one that a boot may have to go back to; 0: none. Never forgotten */
} DmvGenerations;

void dmv_generation_deinit(DmvGeneration *g);
void dmv_generations_deinit(DmvGenerations *g);
DmvGeneration *dmv_generations_find(const DmvGenerations *g, int64_t number);
/* The one that is staged, or NULL; there is at most one. */
DmvGeneration *dmv_generations_staged(const DmvGenerations *g);

/* The generation that was gone back from, if nothing was applied since: the newest one that was applied is
 * bad and not the current one. NULL if there is none. */
const DmvGeneration *dmv_generations_left(const DmvGenerations *g);

/* Makes @intent the staged generation: replaces the staged one's intent, or adds a number. @ret: it,
 * borrowed. Return: 0, or -ENOMEM. */
int dmv_generations_stage(DmvGenerations *g, const DmvIntent *intent, int64_t now, DmvGeneration **ret);
/* Drops the staged generation, if there is one. */
void dmv_generations_unstage(DmvGenerations *g);
/* The staged generation was applied: it is the current one, on trial. */
void dmv_generations_activated(DmvGenerations *g, int64_t now);
/* An earlier generation is the current one again; 0: the host before dmv. */
void dmv_generations_restored(DmvGenerations *g, int64_t number);
/* Return: 0, or DMV_NO_SUCH_GENERATION if nothing was applied yet. */
int dmv_generations_commit(DmvGenerations *g);
/* Marks a generation bad, with the reason. Return: 0, DMV_NO_SUCH_GENERATION, -ENOMEM. */
int dmv_generations_mark_bad(DmvGenerations *g, int64_t number, const char *reason);

/**
 * dmv_generations_rollback_target() - where `rollback` without a number goes
 * @ret: the highest number below the current one that is not bad and not staged, good ones preferred to trial
 * ones; 0 (the host before dmv) if there is none
 *
 * Return: 0, or DMV_NOTHING_TO_ROLL_BACK if nothing was applied yet.
 */
int dmv_generations_rollback_target(const DmvGenerations *g, int64_t *ret);

/* Forgets all but the newest @keep, never the current, the fallback, the staged, or what rollback would go
 * to. @forgotten collects the numbers (owned by the caller, may be NULL). Return: 0, or -ENOMEM. */
int dmv_generations_prune(DmvGenerations *g, size_t keep, int64_t **forgotten, size_t *n_forgotten);

int dmv_generation_to_json(const DmvGeneration *g, json_object **ret);
/* Adds the generation that @o says. Return: 0; DMV_MALFORMED; -ENOMEM. */
int dmv_generations_add_json(DmvGenerations *g, json_object *o, DmvError *reterr);

#endif
