/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What it costs to find the releases for 1,024 devices: as a share of parsing the catalog of 10,000 releases
 * (100,000 ids) that they are looked up in, and with ten times the ids against that.
 *
 * Half of the devices have a driver (with 50 versions) in the catalog, half have none. Times are the best of
 * many rounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/largecatalog.h"
#include "../support/trustkit.h"
#include "model/catalog.h"

#define N_DEVICES 1024
#define N_RELEASES 10000
#define PARSE_ROUNDS 5
#define FIND_ROUNDS 50

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "bench-match: %s failed\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    need(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0, "clock");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_devices(DmvDevice *devices)
{
    for (size_t i = 0; i < N_DEVICES; i++) {
        DmvPciId id = large_catalog_id(i * 97 % N_RELEASES, i % LARGE_CATALOG_IDS);
        DmvDevice *d = &devices[i];

        *d = (DmvDevice){
            .vendor = (uint16_t)id.vendor, .device = (uint16_t)id.device, .subvendor = 1, .subdevice = 2};
        if (i % 2 == 1)
            d->vendor = 0x8086;
        need(asprintf(&d->modalias, "pci:v%08Xd%08Xsv00000001sd00000002bc02sc00i00", d->vendor, d->device) >
                 0,
             "memory");
    }
}

/* What a catalog's matcher holds, without the catalog: it may have more ids than a catalog may have bytes. */
static DmvMatcher *make_matcher(size_t n_releases)
{
    char *class_aliases[] = {(char *)(uintptr_t) "pci:v*d*sv*sd*bc01sc08i02*", NULL};
    DmvMatcher *m = NULL;

    need(dmv_matcher_new(&m) == 0, "memory");
    for (size_t i = 0; i < n_releases; i++) {
        DmvPciId ids[LARGE_CATALOG_IDS];
        DmvModuleIds module = {
            .ids = ids, .n_ids = LARGE_CATALOG_IDS, .aliases = i % 1000 == 0 ? class_aliases : NULL};

        for (size_t k = 0; k < LARGE_CATALOG_IDS; k++)
            ids[k] = large_catalog_id(i, k);
        need(dmv_matcher_add(m, &module, i) == 0, "memory");
    }
    return m;
}

/* Seconds for all devices. @ret_n counts the matches, so that both sizes can be seen to do the same. */
static double find_all(const DmvMatcher *m, const DmvDevice *devices, size_t *ret_n)
{
    double best = 0;

    for (size_t round = 0; round < FIND_ROUNDS; round++) {
        double start = now(), took;

        *ret_n = 0;
        for (size_t i = 0; i < N_DEVICES; i++) {
            size_t *keys = NULL, n = 0;

            need(dmv_matcher_find(m, &devices[i], &keys, &n) == 0, "find");
            *ret_n += n;
            free(keys);
        }
        took = now() - start;
        if (round == 0 || took < best)
            best = took;
    }
    return best;
}

static double parse_once(const char *payload)
{
    DmvCatalog *c = NULL;
    double start = now(), took;

    need(dmv_catalog_parse(payload, strlen(payload), &c, NULL) == 0, "parse");
    took = now() - start;
    dmv_catalog_free(c);
    return took;
}

static double parse(void)
{
    char *releases = large_catalog_releases(N_RELEASES), *payload = trust_catalog(1, "bench", NULL, releases);
    double best = parse_once(payload);

    for (size_t round = 1; round < PARSE_ROUNDS; round++) {
        double took = parse_once(payload);

        best = took < best ? took : best;
    }
    free(releases);
    free(payload);
    return best;
}

int main(void)
{
    static DmvDevice devices[N_DEVICES];
    size_t n = 0, n_large = 0;
    double parsing = parse(), finding, finding_large;
    DmvMatcher *m = make_matcher(N_RELEASES), *large = make_matcher(10 * N_RELEASES);

    make_devices(devices);
    finding = find_all(m, devices, &n);
    finding_large = find_all(large, devices, &n_large);
    (void)printf("match: %d devices\n\n", N_DEVICES);
    (void)printf("%-40s %9.3f ms\n", "parse of 10,000 releases, 100,000 ids", parsing * 1e3);
    (void)printf("%-40s %9.3f ms, %zu matches\n", "match against 100,000 ids", finding * 1e3, n);
    (void)printf("%-40s %9.3f ms, %zu matches\n", "match against 1,000,000 ids", finding_large * 1e3,
                 n_large);
    (void)printf("\nmatch: %.2f %% of the parse (goal: below 1 %%)\n", finding / parsing * 100);
    (void)printf("ten times the ids: %.2f x the time (goal: at most 1.2)\n", finding_large / finding);
    for (size_t i = 0; i < N_DEVICES; i++)
        free(devices[i].modalias);
    dmv_matcher_free(m);
    dmv_matcher_free(large);
    return finding / parsing < 0.01 && finding_large / finding <= 1.2 ? 0 : 1;
}
