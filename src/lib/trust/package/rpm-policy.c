/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a signed header may announce. A good signature says who made a package, not that it is what the
 * catalog approved: everything that can be known from the header is judged before a single byte is
 * decompressed, so that a bomb, a device node or a path outside the release's folder never gets as far as a
 * decompressor or a file.
 *
 * librpm allocates what a header says (a symbolic link with a size of 4 GiB ends the process), so kinds are
 * judged here before librpm looks at the archive.
 */
#include <errno.h>
#include <inttypes.h>
#include <rpm/header.h>
#include <rpm/rpmpgp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/text.h"
#include "rpm-internal.h"

/* A driver has some ten files, one with a lot of firmware some hundred. */
#define FILES_MAX 4096

/* One run of dmv_rpm_judge(). */
typedef struct Judge {
    rpmfiles entries;
    const DmvPackage *p;
    DmvError *reterr;
    char *prefix;                   /* "/lib/modules/KERNEL/dmv/DRIVER/VARIANT" */
    size_t top;                     /* length of "/lib/modules/KERNEL/dmv" */
    const DmvCatalogFile **by_path; /* sorted */
    bool *seen;                     /* the same order */
    DmvRpmFiles found;
} Judge;

void dmv_rpm_files_deinit(DmvRpmFiles *f)
{
    free(f->files);
    *f = (DmvRpmFiles){0};
}

static void judge_deinit(Judge *j)
{
    free(j->prefix);
    free(j->by_path);
    free(j->seen);
    dmv_rpm_files_deinit(&j->found);
}

__attribute__((format(printf, 3, 4))) static int refuse(const Judge *j, int outcome, const char *format, ...)
{
    DMV_CLEANUP_FREE char *why = NULL, *clean = NULL;
    va_list ap;

    va_start(ap, format);
    why = dmv_vformat(format, ap);
    va_end(ap);
    clean = why ? dmv_sanitize(why) : NULL;
    return dmv_error_set(j->reterr, outcome, NULL, NULL, "%s", clean ? clean : "not what the catalog says");
}

const char *dmv_rpm_compressor(Header h)
{
    static const char *const known[] = {"gzip", "xz", "zstd"};
    const char *name = headerGetString(h, RPMTAG_PAYLOADCOMPRESSOR);

    for (size_t i = 0; i < DMV_N_ELEMENTS(known); i++)
        if (name && strcmp(name, known[i]) == 0)
            return known[i];
    return NULL;
}

static int judge_identity(const Judge *j, Header h)
{
    DMV_CLEANUP_FREE char *nevra = headerGetAsString(h, RPMTAG_NEVRA);
    const char *format = headerGetString(h, RPMTAG_PAYLOADFORMAT);
    const char *compressor = headerGetString(h, RPMTAG_PAYLOADCOMPRESSOR);

    if (headerIsSource(h))
        return refuse(j, DMV_RPM_SOURCE, "it is a source package");
    if (!dmv_streq(nevra, j->p->nevra))
        return refuse(j, DMV_RPM_WRONG_NEVRA, "it calls itself %s", nevra ? nevra : "nothing");
    if (!dmv_streq(format, "cpio"))
        return refuse(j, DMV_RPM_PAYLOAD, "its payload has the format %s", format ? format : "(none)");
    if (!dmv_rpm_compressor(h))
        return refuse(j, DMV_RPM_PAYLOAD, "its payload is compressed with %s; gzip, xz and zstd are taken",
                      compressor ? compressor : "(none)");
    return 0;
}

/* Folders and the sum of sizes first: a bomb is a bomb, whatever else is wrong with it. */
static int judge_totals(const Judge *j)
{
    unsigned n = rpmfilesFC(j->entries);
    uint64_t sum = 0;

    if (n > FILES_MAX)
        return refuse(j, DMV_RPM_TOO_MANY_FILES, "it has %u files; %d are taken", n, FILES_MAX);
    for (unsigned i = 0; i < n; i++) {
        if (S_ISDIR(rpmfilesFMode(j->entries, (int)i)))
            continue;
        if (__builtin_add_overflow(sum, rpmfilesFSize(j->entries, (int)i), &sum) || sum > j->p->unpacked)
            return refuse(j, DMV_RPM_TOO_LARGE,
                          "it unpacks to more than the %" PRIu64 " bytes of the catalog", j->p->unpacked);
    }
    return 0;
}

/* What only a plain file or folder may be: no link, device, special bit, capability, ghost. */
static int judge_kind(const Judge *j, int i, const char *path)
{
    mode_t mode = rpmfilesFMode(j->entries, i);
    const char *caps = rpmfilesFCaps(j->entries, i);

    if (!S_ISREG(mode) && !S_ISDIR(mode))
        return refuse(j, DMV_RPM_BAD_FILE, "%s is neither a file nor a folder", path);
    if (S_ISREG(mode) && (mode & (S_ISUID | S_ISGID | S_ISVTX)))
        return refuse(j, DMV_RPM_BAD_FILE, "%s has mode %04o", path, mode & 07777u);
    if (caps && caps[0])
        return refuse(j, DMV_RPM_BAD_FILE, "%s has capabilities", path);
    if (rpmfilesFFlags(j->entries, i) & RPMFILE_GHOST)
        return refuse(j, DMV_RPM_BAD_FILE, "%s is a ghost: the package does not bring it", path);
    if (S_ISREG(mode) && rpmfilesFNlink(j->entries, i) > 1)
        return refuse(j, DMV_RPM_BAD_FILE, "%s is a hard link", path);
    return 0;
}

/*
 * The path below the release's folder; "" for that folder itself and those above it up to "dmv", which a
 * package may own. NULL for what lies elsewhere.
 */
static const char *relative_path(const Judge *j, const char *path)
{
    size_t n = strlen(j->prefix);
    const char *p = dmv_starts_with(path, "/usr/lib/") ? path + strlen("/usr") : path;
    size_t length = strlen(p);

    if (strncmp(p, j->prefix, n) == 0 && p[n] == '/')
        return p + n + 1;
    if (length >= j->top && length <= n && strncmp(p, j->prefix, length) == 0 &&
        (j->prefix[length] == '/' || j->prefix[length] == '\0'))
        return "";
    return NULL;
}

static int by_path(const void *a, const void *b)
{
    const DmvCatalogFile *const *x = a, *const *y = b;

    return strcmp((*x)->path, (*y)->path);
}

/* Size and digest of the signed header against the catalog. The bytes are hashed again while they are
 * unpacked. */
static int judge_content(const Judge *j, int i, const DmvCatalogFile *f)
{
    char hex[DMV_SHA256_HEX];
    const unsigned char *digest;
    size_t size = 0;
    int algorithm = 0;

    if (rpmfilesFSize(j->entries, i) != f->size)
        return refuse(j, DMV_SIZE_MISMATCH, "%s has %" PRIu64 " bytes, the catalog says %" PRIu64, f->path,
                      (uint64_t)rpmfilesFSize(j->entries, i), f->size);
    digest = rpmfilesFDigest(j->entries, i, &algorithm, &size);
    if (!digest || algorithm != PGPHASHALGO_SHA256 || size != DMV_SHA256_SIZE)
        return refuse(j, DMV_RPM_BAD_FILE, "%s has no SHA-256 digest in the package", f->path);
    dmv_hex(digest, size, hex);
    if (strcmp(hex, f->sha256) != 0)
        return refuse(j, DMV_HASH_MISMATCH, "%s is not the file that the catalog approved", f->path);
    return 0;
}

static int judge_file(Judge *j, int i, const char *relative)
{
    const DmvCatalogFile key = {.path = (char *)relative}, *pkey = &key;
    const DmvCatalogFile **hit = bsearch(&pkey, j->by_path, j->p->n_files, sizeof(*j->by_path), by_path);

    if (!hit)
        return refuse(j, DMV_RPM_EXTRA_FILE, "%s is not in the catalog", relative);
    if (j->seen[hit - j->by_path])
        return refuse(j, DMV_RPM_BAD_FILE, "%s is there twice", relative);
    j->seen[hit - j->by_path] = true;
    j->found.files[i] = *hit;
    return judge_content(j, i, *hit);
}

static int judge_entry(Judge *j, int i)
{
    DMV_CLEANUP_FREE char *path = rpmfilesFN(j->entries, i);
    bool is_dir = S_ISDIR(rpmfilesFMode(j->entries, i));
    const char *relative;
    int r;

    if (!path)
        return refuse(j, DMV_RPM_BAD_PATH, "a file has no name");
    relative = relative_path(j, path);
    if (!relative || (!dmv_relative_path_is_valid(relative) && !(is_dir && relative[0] == '\0')))
        return refuse(j, DMV_RPM_BAD_PATH, "%s does not lie below %s", path, j->prefix);
    r = judge_kind(j, i, path);
    if (r != 0 || is_dir)
        return r;
    return judge_file(j, i, relative);
}

static int judge_init(Judge *j, const char *driver, const char *variant)
{
    size_t n = rpmfilesFC(j->entries);

    if (asprintf(&j->prefix, "/lib/modules/%s/dmv/%s/%s", j->p->kernel, driver, variant) < 0)
        return j->prefix = NULL, -ENOMEM;
    j->top = strlen(j->prefix) - strlen(driver) - strlen(variant) - strlen("//");
    j->by_path = calloc(j->p->n_files + 1, sizeof(*j->by_path));
    j->seen = calloc(j->p->n_files + 1, sizeof(*j->seen));
    j->found = (DmvRpmFiles){.files = calloc(n + 1, sizeof(*j->found.files)), .n = n};
    if (!j->by_path || !j->seen || !j->found.files)
        return -ENOMEM;
    for (size_t i = 0; i < j->p->n_files; i++)
        j->by_path[i] = &j->p->files[i];
    qsort(j->by_path, j->p->n_files, sizeof(*j->by_path), by_path);
    return 0;
}

static int judge_entries(Judge *j)
{
    uint64_t sum = 0;
    int r;

    for (size_t i = 0; i < j->found.n; i++) {
        r = judge_entry(j, (int)i);
        if (r != 0)
            return r;
    }
    for (size_t i = 0; i < j->p->n_files; i++) {
        if (!j->seen[i])
            return refuse(j, DMV_RPM_MISSING_FILE, "%s is missing", j->by_path[i]->path);
        sum += j->by_path[i]->size;
    }
    if (sum != j->p->unpacked)
        return refuse(j, DMV_SIZE_MISMATCH, "its files have %" PRIu64 " bytes, the catalog says %" PRIu64,
                      sum, j->p->unpacked);
    return 0;
}

int dmv_rpm_judge(Header h, rpmfiles entries, const char *driver, const char *variant, const DmvPackage *p,
                  DmvRpmFiles *ret, DmvError *reterr)
{
    __attribute__((cleanup(judge_deinit))) Judge j = {.entries = entries, .p = p, .reterr = reterr};
    int r = judge_identity(&j, h);

    if (r == 0)
        r = judge_totals(&j);
    if (r == 0)
        r = judge_init(&j, driver, variant);
    if (r == 0)
        r = judge_entries(&j);
    if (r != 0)
        return r;
    *ret = j.found;
    j.found = (DmvRpmFiles){0};
    return 0;
}
