/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that is freed at once. See arena.h. */
#include "arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 << 10)

typedef struct Block {
    struct Block *next;
    size_t used, size; /* bytes behind this header */
} Block;

struct DmvArena {
    Block *blocks; /* the newest first */
};

int dmv_arena_new(DmvArena **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

DmvArena *dmv_arena_free(DmvArena *a)
{
    if (!a)
        return NULL;
    while (a->blocks) {
        Block *next = a->blocks->next;

        free(a->blocks);
        a->blocks = next;
    }
    free(a);
    return NULL;
}

/* Room for @size bytes behind a multiple of @align. What does not fit into a block gets one of its own. */
static void *reserve(DmvArena *a, size_t size, size_t align)
{
    Block *b = a->blocks;
    size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;

    if (!b || at > b->size || size > b->size - at) {
        size_t room = size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE;

        if (room > PTRDIFF_MAX - sizeof(*b))
            return NULL;
        b = malloc(sizeof(*b) + room);
        if (!b)
            return NULL;
        *b = (Block){.size = room};
        at = 0;
        if (room == BLOCK_SIZE || !a->blocks) {
            b->next = a->blocks;
            a->blocks = b;
        } else { /* keep filling the block that has room left */
            b->next = a->blocks->next;
            a->blocks->next = b;
        }
    }
    b->used = at + size;
    return (char *)(b + 1) + at;
}

void *dmv_arena_alloc(DmvArena *a, size_t n, size_t size)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    p = reserve(a, bytes, alignof(void *));
    return p ? memset(p, 0, bytes) : NULL;
}

char *dmv_arena_copy(DmvArena *a, const char *s, size_t size)
{
    char *copy = size < SIZE_MAX ? reserve(a, size + 1, 1) : NULL;

    if (copy) {
        memcpy(copy, s, size);
        copy[size] = '\0';
    }
    return copy;
}
