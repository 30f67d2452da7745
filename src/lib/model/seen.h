/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seen: what the host looked like when all was good, kept over the reboot so that health can be judged by
 * comparison. It is no more than a memory: without it less is noticed, and nothing is refused.
 */
#ifndef DMV_MODEL_SEEN_H
#define DMV_MODEL_SEEN_H

#include "model/names.h"
#include "model/world.h"

#define DMV_SEEN_MAX_BYTES ((size_t)4 << 20)
/* Lines of the kernel that are kept: a host that is in good health has few that say a failure. */
#define DMV_SEEN_MAX_LINES ((size_t)256)

typedef struct DmvSeen {
    DmvLifeline *lifelines; /* as in the World, without modules */
    size_t n_lifelines;
    char **links; /* interfaces that had a carrier */
    DmvNames names;
    char **kernel_log; /* lines in which a probe or a firmware failed all the same */
} DmvSeen;

void dmv_seen_deinit(DmvSeen *s);
#define DMV_CLEANUP_SEEN DMV_CLEANUP(dmv_seen_deinit)

/* As it is stored; of the lines of the kernel the first ones. Return: 0, or -ENOMEM. */
int dmv_seen_to_json(const DmvSeen *s, json_object **ret);

/**
 * dmv_seen_parse() - read what is stored
 * @data: the bytes, need not end in a NUL
 * @size: how many, at most DMV_SEEN_MAX_BYTES
 * @ret: must be empty before; free with dmv_seen_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP; DMV_MALFORMED if it is not what dmv_seen_to_json()
 * makes; -ENOMEM.
 */
int dmv_seen_parse(const char *data, size_t size, DmvSeen *ret, DmvError *reterr);

#endif
