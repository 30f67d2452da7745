/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that is freed at once: what a catalog holds are some hundred thousand strings and arrays that live
 * and die together.
 */
#ifndef DMV_MODEL_ARENA_H
#define DMV_MODEL_ARENA_H

#include <stddef.h>

#include "base/cleanup.h"

typedef struct DmvArena DmvArena;

/* Return: 0, or -ENOMEM. */
int dmv_arena_new(DmvArena **ret);
DmvArena *dmv_arena_free(DmvArena *a);

/* Zeroed room for @n elements of @size bytes, aligned for every type but vectors; NULL for lack of memory. */
void *dmv_arena_alloc(DmvArena *a, size_t n, size_t size);

/* A copy of @size bytes and a NUL; NULL for lack of memory. */
char *dmv_arena_copy(DmvArena *a, const char *s, size_t size);

static inline void dmv_cleanup_arena(DmvArena **a)
{
    *a = dmv_arena_free(*a);
}
#define DMV_CLEANUP_ARENA DMV_CLEANUP(dmv_cleanup_arena)

#endif
