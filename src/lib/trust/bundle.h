/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bundle: root history and catalog of a stream in one signed object, and what a host trusts after it.
 *
 * A bundle is {"format":"dmv-bundle-1","roots":[ENV...],"catalog":ENV}; ENV is a DSSE v1 envelope.
 * Verification is a function of bytes, of what was trusted before, and of the time: it does no I/O. The
 * caller stores what comes back, step by step, before it uses anything.
 */
#ifndef DMV_TRUST_BUNDLE_H
#define DMV_TRUST_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "dmv/outcome.h"

#define DMV_ROOT_TYPE "application/vnd.dmv.root+json"
#define DMV_CATALOG_TYPE "application/vnd.dmv.catalog+json"

/* What a host trusts of one stream. */
typedef struct DmvTrustState {
    char *root; /* payload of the trusted root: the exact bytes */
    size_t root_size;
    int64_t root_version;
    int64_t root_expires;    /* seconds since the epoch */
    int64_t catalog_version; /* of the last accepted catalog; 0: there was none for the current key set */
    char catalog_sha256[65]; /* of its payload, or "" */
    int64_t catalog_floor;   /* no lower version is accepted from the current key set; 0: any is */
    char key_set[65];        /* sha256 over the sorted key ids and the threshold of the catalog role */
    int64_t clock_floor;     /* seconds since the epoch: the latest time that something signed has proven */
} DmvTrustState;

void dmv_trust_state_deinit(DmvTrustState *s);
#define DMV_CLEANUP_TRUST_STATE DMV_CLEANUP(dmv_trust_state_deinit)

/* Makes a state that trusts a root from a file that was shipped or configured (a bare root payload, or an
 * envelope whose own threshold it meets). Return: 0; DMV_NO_ROOT, DMV_MALFORMED, DMV_BELOW_THRESHOLD, ...;
 * -ENOMEM. */
int dmv_trust_state_from_root(const char *data, size_t size, DmvTrustState *ret, DmvError *reterr);

/* To and from the bytes of /var/lib/dmv/trust/<stream>.json. Return: 0; DMV_STATE_BROKEN; -ENOMEM. */
int dmv_trust_state_parse(const char *data, size_t size, DmvTrustState *ret, DmvError *reterr);
int dmv_trust_state_format(const DmvTrustState *s, char **ret, size_t *ret_size);

/* Carries what @from knows over to @to, which trusts a root of the same stream (an installed one that is
 * newer, or the one that was walked to): the time always, the counter of catalog versions and its floor if
 * the same keys sign them. Without it an update of the root would let old catalogs in again. */
void dmv_trust_state_carry_over(const DmvTrustState *from, DmvTrustState *to);

/* Something else than an accepted catalog has shown that the current key set has signed @version, and that it
 * was @time: never less than that from now on. */
void dmv_trust_state_raise(DmvTrustState *s, int64_t version, int64_t time);

/* What to do when something has expired. Every other host may say otherwise: the clock can be wrong, too. */
#define DMV_TRUST_NEXT_EXPIRED \
    "if that is not the time, set the clock; else refresh again later, what is installed goes on working"
#define DMV_TRUST_NEXT_ROOT_EXPIRED \
    "if that is not the time, set the clock; else tell the publisher that a new root is needed"

/* The time to judge by: the clock, but no earlier than @floor, what something signed has proven. */
int64_t dmv_trust_time(int64_t now, int64_t floor);

/**
 * dmv_trust_state_check() - is the catalog that was accepted still good?
 * @expires: of the catalog, seconds since the epoch
 * @now: the clock
 *
 * What dmv_bundle_verify() would say of times if it was given the same bundle again.
 *
 * Return: 0; DMV_ROOT_EXPIRED, DMV_CATALOG_EXPIRED.
 */
int dmv_trust_state_check(const DmvTrustState *s, int64_t expires, int64_t now, DmvError *reterr);

typedef struct DmvBundleResult {
    DmvTrustState
        state; /* what to store; also filled as far as the root chain got when the catalog was refused */
    bool root_moved;      /* state.root is newer than before */
    bool unchanged;       /* the catalog is the one that was trusted already */
    bool expired;         /* accepted only because the caller allowed stale catalogs */
    bool clock_untrusted; /* the clock was behind the floor; the floor was used */
    char *catalog;        /* payload bytes, owned; NULL when refused */
    size_t catalog_size;
} DmvBundleResult;
void dmv_bundle_result_deinit(DmvBundleResult *r);
#define DMV_CLEANUP_BUNDLE DMV_CLEANUP(dmv_bundle_result_deinit)

/**
 * dmv_bundle_verify() - judge a bundle
 * @data: bytes of the bundle
 * @size: how many, at most 64 MiB
 * @before: what is trusted now; must hold a root
 * @stream: the name that the catalog has to carry
 * @now: the clock, seconds since the epoch; fixed once by the caller for the whole refresh
 * @allow_stale: accept an expired catalog (root's decision)
 * @ret: filled; deinit it whatever is returned
 * @reterr: filled on a refusal, may be NULL
 *
 * Order: root chain (N+1 signed by the thresholds of N and of N+1, no gap) -> root expiry -> catalog
 * threshold -> type, spec, stream -> version and equivocation (counter scoped to the catalog key set) ->
 * expiry. A signature counts once for each distinct key.
 *
 * Return: 0 accepted; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_MALFORMED, DMV_WRONG_TYPE, DMV_BAD_BASE64,
 * DMV_BAD_KEY, DMV_BELOW_THRESHOLD, DMV_ROOT_GAP, DMV_ROOT_OLD_KEYS, DMV_ROOT_NEW_KEYS, DMV_ROOT_EXPIRED,
 * DMV_UNKNOWN_SPEC, DMV_WRONG_STREAM, DMV_ROLLBACK, DMV_EQUIVOCATION, DMV_CATALOG_EXPIRED; -ENOMEM.
 */
int dmv_bundle_verify(const char *data, size_t size, const DmvTrustState *before, const char *stream,
                      int64_t now, bool allow_stale, DmvBundleResult *ret, DmvError *reterr);

#endif
