/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What it costs to verify one release, and the share of each stage.
 *
 * usage: bench-trust STREAM-FOLDER SCRATCH-FOLDER
 *
 * The first is a folder of dmv-publish with one release of one package, the second one to unpack and publish
 * into. Stages that one function does in one go are told apart by a call that ends early: librpm's verdict
 * and the header by a catalog that names another package, copying and hashing by what judging the same folder
 * takes. Times are the best of some rounds, files come from the page cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../support/benchkit.h"
#include "base/hash.h"
#include "base/text.h"
#include "daemon/apply/judge.h"
#include "host/fs.h"
#include "model/catalog.h"
#include "trust/bundle.h"
#include "trust/modsig.h"
#include "trust/package/rpm.h"

#define ROUNDS 9
#define FILE_MAX_SIZE ((size_t)256 << 20)

typedef struct Input {
    char *stream, *scratch; /* folders */
    char *rpm;              /* path of the package */
    DmvCatalog *catalog;
    const DmvRelease *release;
    DmvPackageKeys *keys;
    DmvPublishRequest request;
    DmvRoots roots;
} Input;

typedef enum Stage {
    STAGE_HASH,      /* size and SHA-256 of the package */
    STAGE_SIGNATURE, /* keyring, librpm's verdict, header policy */
    STAGE_UNPACK,    /* payload, hash of each file */
    STAGE_MODSIG,    /* signatures of the modules */
    STAGE_JUDGE,     /* ELF, name, vermagic, aliases, info.json */
    STAGE_COPY,      /* into the store: copied, hashed again, synced, renamed */
    STAGE_MAX,
} Stage;

static const char *const stage_names[] = {
    [STAGE_HASH] = "SHA-256 of the package",
    [STAGE_SIGNATURE] = "its signature and header",
    [STAGE_UNPACK] = "unpacking, hash of each file",
    [STAGE_MODSIG] = "signatures of modules",
    [STAGE_JUDGE] = "ELF and info.json",
    [STAGE_COPY] = "copy into the store, hashed and synced",
};
_Static_assert(DMV_N_ELEMENTS(stage_names) == STAGE_MAX, "a stage has no name");

/* The one file of a pattern, relative to the stream's folder. Owned. */
static char *only(const Input *in, const char *pattern)
{
    char *full = NULL;
    glob_t g;

    bench_check("memory", asprintf(&full, "%s/%s", in->stream, pattern) < 0 ? -ENOMEM : 0);
    bench_check(pattern, glob(full, 0, NULL, &g) == 0 && g.gl_pathc == 1 ? 0 : -ENOENT);
    free(full);
    full = strdup(g.gl_pathv[0]);
    globfree(&g);
    bench_check("memory", full ? 0 : -ENOMEM);
    return full;
}

static char *read_only_file(const Input *in, const char *pattern, size_t *ret_size)
{
    DMV_CLEANUP_FREE char *path = only(in, pattern);
    DMV_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = NULL;

    bench_check(path, fd < 0 ? -errno : dmv_fs_read_fd(fd, FILE_MAX_SIZE, &data, ret_size));
    return data;
}

/* ---- the input ---- */

static void read_catalog(Input *in)
{
    size_t n_root, n_bundle;
    DMV_CLEANUP_FREE char *root = read_only_file(in, "trust/root.json", &n_root);
    DMV_CLEANUP_FREE char *bundle = read_only_file(in, "repo/repodata/*dmv.yaml", &n_bundle);
    DMV_CLEANUP_TRUST_STATE DmvTrustState trusted = {0};
    DMV_CLEANUP_BUNDLE DmvBundleResult b = {0};

    bench_check("root", dmv_trust_state_from_root(root, n_root, &trusted, NULL));
    bench_check("bundle",
                dmv_bundle_verify(bundle, n_bundle, &trusted, "bench", time(NULL), false, &b, NULL));
    bench_check("catalog", dmv_catalog_parse(b.catalog, b.catalog_size, &in->catalog, NULL));
    bench_check("one release", in->catalog->n_releases == 1 ? 0 : -EINVAL);
    in->release = &in->catalog->releases[0];
    bench_check("one package", in->release->n_packages == 1 ? 0 : -EINVAL);
}

static void make_request(Input *in)
{
    const DmvPackage *p = &in->release->packages[0];
    DmvPublishRequest *q = &in->request;
    size_t n;
    DMV_CLEANUP_FREE char *der = read_only_file(in, "trust/modules/*.der", &n);

    q->driver = in->release->driver;
    q->variant = in->release->variant;
    q->version = in->release->version;
    q->kernel = p->kernel;
    q->require_signature = true;
    bench_check("certificate", dmv_certificates_new(&q->certificates));
    bench_check("certificate", dmv_certificates_add(q->certificates, der, n, NULL));
    for (size_t i = 0; i < p->n_files; i++) {
        DmvPublishFile *f = DMV_ARRAY_ADD(q->files, q->n_files);

        bench_check("memory", f ? 0 : -ENOMEM);
        *f = (DmvPublishFile){.path = p->files[i].path,
                              .size = p->files[i].size,
                              .sha256 = p->files[i].sha256,
                              .build_id = p->files[i].build_id,
                              .signer = p->files[i].signer};
    }
}

static DmvPackageKeys *make_keyring(const Input *in)
{
    size_t n;
    DMV_CLEANUP_FREE char *key = read_only_file(in, "trust/rpm/*.asc", &n);
    DmvPackageKeys *k = NULL;

    bench_check("keyring", dmv_package_keys_new(&k));
    bench_check("keyring", dmv_package_keys_add(k, key, n, time(NULL), NULL));
    return k;
}

static void prepare(Input *in, char **argv)
{
    DMV_CLEANUP_FREE char *root = NULL;

    in->stream = argv[1];
    in->scratch = argv[2];
    dmv_crypto_init();
    read_catalog(in);
    make_request(in);
    in->rpm = only(in, "repo/Packages/*.rpm");
    bench_check("memory", asprintf(&root, "%s/root", in->scratch) < 0 ? -ENOMEM : 0);
    bench_check(root, mkdir(root, 0755) < 0 ? -errno : 0);
    bench_check(root, dmv_roots_init(&in->roots, root, NULL, NULL));
}

/* ---- one round ---- */

/* What is measured; a call holds the ones before it that it is compared with. */
typedef struct Times {
    double hash, refused, unpacked, modsig, judged, published;
} Times;

static int open_rpm(const Input *in)
{
    int fd = open(in->rpm, O_RDONLY | O_CLOEXEC);

    bench_check(in->rpm, fd < 0 ? -errno : 0);
    return fd;
}

static double hash_package(const Input *in)
{
    DMV_CLEANUP_CLOSE int fd = open_rpm(in);
    double start = bench_now();
    char hex[DMV_SHA256_HEX];
    uint64_t size;

    bench_check("hash", dmv_fs_copy_hashed(fd, -1, FILE_MAX_SIZE, hex, &size));
    bench_check("hash", strcmp(hex, in->release->packages[0].sha256) == 0 ? 0 : DMV_HASH_MISMATCH);
    return bench_now() - start;
}

/* Unpacks what @p says into a folder. Return: seconds. */
static double unpack(const Input *in, const DmvPackage *p, int folder, int want)
{
    DMV_CLEANUP_CLOSE int fd = open_rpm(in);
    double start = bench_now();
    DmvPackageKeys *k = make_keyring(in);
    int r = dmv_rpm_unpack(fd, k, in->release->driver, in->release->variant, p, folder, NULL);

    (void)dmv_package_keys_free(k);
    bench_check("unpack", r == want ? 0 : r);
    return bench_now() - start;
}

static double verify_modules(const Input *in, int folder)
{
    double took = 0;

    for (size_t i = 0; i < in->request.n_files; i++) {
        DMV_CLEANUP_FREE char *data = NULL;
        double start;
        size_t n;

        if (!dmv_ends_with(in->request.files[i].path, ".ko"))
            continue;
        bench_check("module", dmv_fs_read_file(folder, in->request.files[i].path, FILE_MAX_SIZE, &data, &n));
        start = bench_now();
        bench_check("module", dmv_modsig_verify(data, n, in->request.certificates, NULL, NULL, NULL));
        took += bench_now() - start;
    }
    return took;
}

static Times measure(const Input *in, unsigned round)
{
    DmvPackage other = in->release->packages[0];
    DMV_CLEANUP_FREE char *name = NULL, *published = NULL;
    DMV_CLEANUP_CLOSE int scratch = open(in->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder = -1;
    double start;
    Times t;

    other.nevra = (char *)"other-1-1.noarch";
    bench_check("memory", asprintf(&name, "unpacked-%u", round) < 0 ? -ENOMEM : 0);
    bench_check(name, mkdirat(scratch, name, 0755) < 0 ? -errno : 0);
    folder = openat(scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t.hash = hash_package(in);
    t.refused = unpack(in, &other, folder, DMV_RPM_WRONG_NEVRA);
    t.unpacked = unpack(in, &in->release->packages[0], folder, 0);
    t.modsig = verify_modules(in, folder);
    start = bench_now();
    bench_check("judge", dmv_judge(folder, &in->request, NULL));
    t.judged = bench_now() - start;
    start = bench_now();
    bench_check("publish", dmv_publish(&in->roots, folder, &in->request, &published, NULL));
    t.published = bench_now() - start;
    bench_check("unpublish", dmv_unpublish(&in->roots, in->request.driver, in->request.variant,
                                           in->request.version, in->request.kernel, NULL));
    return t;
}

static void keep_best(double *best, double took)
{
    if (*best == 0 || took < *best)
        *best = took;
}

/* The best of each call over the rounds, and from that the stages: a difference of bests is no best of
 * differences. */
static void measure_stages(const Input *in, double stages[STAGE_MAX])
{
    Times best = {0};

    for (unsigned round = 0; round < ROUNDS; round++) {
        Times t = measure(in, round);

        keep_best(&best.hash, t.hash);
        keep_best(&best.refused, t.refused);
        keep_best(&best.unpacked, t.unpacked);
        keep_best(&best.modsig, t.modsig);
        keep_best(&best.judged, t.judged);
        keep_best(&best.published, t.published);
    }
    stages[STAGE_HASH] = best.hash;
    stages[STAGE_SIGNATURE] = best.refused;
    stages[STAGE_UNPACK] = best.unpacked - best.refused;
    stages[STAGE_MODSIG] = best.modsig;
    stages[STAGE_JUDGE] = best.judged - best.modsig;
    stages[STAGE_COPY] = best.published - best.judged;
}

int main(int argc, char **argv)
{
    double stages[STAGE_MAX], all = 0;
    Input in = {0};

    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench-trust STREAM-FOLDER SCRATCH-FOLDER\n");
        return 2;
    }
    prepare(&in, argv);
    measure_stages(&in, stages);
    for (Stage s = 0; s < STAGE_MAX; s++)
        all += stages[s];
    for (Stage s = 0; s < STAGE_MAX; s++)
        (void)printf("%s: %.2f ms, %.1f %%\n", stage_names[s], stages[s] * 1e3, stages[s] / all * 100);
    (void)printf("release: %.2f ms\n", all * 1e3);
    return 0;
}
