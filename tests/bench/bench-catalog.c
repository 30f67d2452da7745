/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a catalog of 10,000 releases with 100,000 ids costs, as ratios to json-c alone on the same bytes.
 *
 * usage: bench-catalog [RELEASES]
 *
 * Every measurement runs in a child of its own, so that one does not warm up another's memory; times are the
 * best of several children. Memory is the child's peak beyond what it holds before the work, divided by the
 * payload's bytes: "with bundle" counts the bundle that the caller holds, too.
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/largecatalog.h"
#include "../support/trustkit.h"
#include "base/hash.h"
#include "base/json-cut.h"
#include "model/catalog.h"
#include "trust/bundle.h"
#include "trust/dsse.h"

#define ROUNDS 7
#define STREAM "bench"

static TrustPublisher publisher;
static DmvTrustState trusted;
static char *payload, *bundle;
static size_t payload_size, bundle_size;

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "bench-catalog: %s failed\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    need(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0, "clock");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_input(size_t n)
{
    char *releases = large_catalog_releases(n);

    payload = trust_catalog(1, STREAM, NULL, releases);
    payload_size = strlen(payload);
    free(releases);
    trust_publisher_init(&publisher);
    need(dmv_trust_state_from_root(publisher.root, strlen(publisher.root), &trusted, NULL) == 0, "root");
    bundle = trust_publisher_bundle(&publisher, payload);
    bundle_size = strlen(bundle);
}

/* ---- what is measured; each returns what it made, so that nothing is freed inside the time ---- */

static void *run_json_c(void)
{
    json_tokener *t = json_tokener_new();
    json_object *o = json_tokener_parse_ex(t, payload, (int)payload_size);

    need(o != NULL, "json-c");
    return o;
}

static DmvBundleResult result;

static void *run_verify(void)
{
    need(dmv_bundle_verify(bundle, bundle_size, &trusted, STREAM, TRUSTKIT_NOW, false, &result, NULL) == 0,
         "verify");
    return &result;
}

static void *run_parse(void)
{
    DmvCatalog *c = NULL;

    need(dmv_catalog_parse(payload, payload_size, &c, NULL) == 0, "parse");
    return c;
}

static void *run_both(void)
{
    DmvCatalog *c = NULL;

    (void)run_verify();
    need(dmv_catalog_parse(result.catalog, result.catalog_size, &c, NULL) == 0, "parse");
    return c;
}

static void *run_scan(void)
{
    static const DmvJsonLimits limits = {
        .size = 48u << 20, .depth = 12, .nodes = 16u << 20, .plain_integers = true};
    json_object *o = NULL;
    const char *cut = NULL;
    size_t n = 0;

    need(dmv_json_cut(payload, payload_size, &limits, "releases", &o, &cut, &n, NULL) == 0, "scan");
    return o;
}

static void *run_envelope(void)
{
    static DmvEnvelope e;
    const char *at = strstr(bundle, "\"catalog\":") + strlen("\"catalog\":");

    need(dmv_envelope_parse(at, bundle_size - (size_t)(at - bundle) - 1, DMV_CATALOG_TYPE, 48u << 20, &e,
                            NULL) == 0,
         "envelope");
    return &e;
}

static void *run_sha256(void)
{
    static char hex[DMV_SHA256_HEX];

    need(dmv_sha256_hex(payload, payload_size, hex) == 0, "sha256");
    return hex;
}

/* ---- children ---- */

typedef struct Cost {
    double seconds;
    double bytes; /* peak beyond the start */
} Cost;

static long status_kb(const char *field)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long kb = -1;

    need(f != NULL, "/proc/self/status");
    while (kb < 0 && fgets(line, sizeof(line), f))
        if (strncmp(line, field, strlen(field)) == 0)
            kb = strtol(line + strlen(field), NULL, 10);
    (void)fclose(f);
    need(kb >= 0, field);
    return kb;
}

static Cost run_child(void *(*work)(void))
{
    Cost *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
         cost;
    int status = 0;
    pid_t pid;

    need(shared != MAP_FAILED, "mmap");
    pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0) {
        long before = status_kb("VmRSS:");
        struct rusage usage;
        double start = now();
        void *made = work();

        shared->seconds = now() - start;
        need(made != NULL && getrusage(RUSAGE_SELF, &usage) == 0, "work");
        shared->bytes = (double)(usage.ru_maxrss - before) * 1024;
        _exit(0);
    }
    need(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "child");
    cost = *shared;
    (void)munmap(shared, sizeof(*shared));
    return cost;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void *(*work)(void);
    } stages[] = {
        {"json-c alone, whole tree", run_json_c},
        {"verify + parse", run_both},
        {"  dmv_bundle_verify", run_verify},
        {"    envelope: scan, base64", run_envelope},
        {"    sha256", run_sha256},
        {"    scan of the payload", run_scan},
        {"  dmv_catalog_parse", run_parse},
    };
    enum { N_STAGES = sizeof(stages) / sizeof(stages[0]) };
    Cost best[N_STAGES];
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;

    make_input(n);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < N_STAGES; i++) {
            Cost c = run_child(stages[i].work);

            if (round == 0 || c.seconds < best[i].seconds)
                best[i].seconds = c.seconds;
            if (round == 0 || c.bytes > best[i].bytes)
                best[i].bytes = c.bytes;
        }
    (void)printf("catalog: %zu releases, %zu ids, payload %.1f MB, bundle %.1f MB\n\n", n,
                 n * LARGE_CATALOG_IDS, (double)payload_size / 1e6, (double)bundle_size / 1e6);
    (void)printf("%-28s %9s %9s %14s\n", "", "ms", "x json-c", "peak/payload");
    for (size_t i = 0; i < N_STAGES; i++)
        (void)printf("%-28s %9.1f %9.2f %14.2f\n", stages[i].name, best[i].seconds * 1e3,
                     best[i].seconds / best[0].seconds, best[i].bytes / (double)payload_size);
    (void)printf("\nverify + parse: %.2f x json-c alone (goal: at most 2)\n",
                 best[1].seconds / best[0].seconds);
    (void)printf("peak with the bundle in memory: %.2f x the payload (goal: at most 6)\n",
                 (best[1].bytes + (double)bundle_size) / (double)payload_size);
    return best[1].seconds <= 2 * best[0].seconds &&
                   best[1].bytes + (double)bundle_size <= 6 * (double)payload_size
               ? 0
               : 1;
}
