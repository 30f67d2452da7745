/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates and catalogs. See vouchers.h. */
#include "daemon/vouchers.h"

#include <errno.h>
#include <string.h>

#include "daemon/shared/inspect.h"
#include "model/enforce.h"

void dmv_vouchers_deinit(DmvVouchers *v)
{
    (void)dmv_certificates_free(v->stream);
    (void)dmv_certificates_free(v->kernel);
    (void)dmv_certificates_free(v->all);
    dmv_strv_free(v->texts);
    dmv_problems_deinit(&v->problems);
    *v = (DmvVouchers){0};
}

/* ---- certificates ---- */

/* One that cannot be used is a problem: the others count all the same. Return: 0 or -ENOMEM. */
static int add_certificate(const char *text, DmvCertificates *c, DmvVouchers *v)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_certificates_add_base64(c, text, &e);

    if (r == 0)
        r = dmv_certificates_add_base64(v->all, text, &e);
    if (r == 0)
        return dmv_strv_push(&v->texts, text);
    if (r == -ENOMEM)
        return r;
    (void)dmv_problem_add(&v->problems, DMV_TRUST_SITE_DIR, r, "a certificate for modules cannot be used: %s",
                          e.why ? e.why : dmv_outcome_reason(r));
    return 0;
}

static int add_certificates(char *const *texts, DmvCertificates *c, DmvVouchers *v)
{
    int r = 0;

    for (; r == 0 && texts && *texts; texts++)
        r = add_certificate(*texts, c, v);
    return r;
}

/* Of every stream, each once: most streams have those of the site. */
static int stream_certificates(const DmvManager *m, char ***ret)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < m->n_streams; i++) {
        DMV_CLEANUP_STRV char **own = NULL;

        r = dmv_stream_module_certificates(m, m->streams[i].conf.name, &own);
        for (char **t = own; r == 0 && t && *t; t++)
            r = dmv_strv_push_unique(ret, *t);
    }
    return r;
}

int dmv_vouchers_load(const DmvManager *m, DmvVouchers *ret)
{
    DMV_CLEANUP_VOUCHERS DmvVouchers v = {0};
    DMV_CLEANUP_STRV char **stream = NULL, **kernel = NULL;
    int r = dmv_certificates_new(&v.stream);

    if (r == 0)
        r = dmv_certificates_new(&v.kernel);
    if (r == 0)
        r = dmv_certificates_new(&v.all);
    if (r == 0)
        r = stream_certificates(m, &stream);
    if (r == 0)
        r = add_certificates(stream, v.stream, &v);
    if (r == 0)
        r = dmv_stream_kernel_certificates(m, &kernel);
    if (r == 0)
        r = add_certificates(kernel, v.kernel, &v);
    if (r < 0)
        return r;
    *ret = v;
    v = (DmvVouchers){0};
    return 0;
}

static DmvVoucher voucher_of(const DmvVouchers *v, const DmvSignature *s)
{
    if (s->code != 0)
        return DMV_VOUCHER_NOBODY;
    return dmv_certificates_have(v->stream, s->signer)   ? DMV_VOUCHER_STREAM
           : dmv_certificates_have(v->kernel, s->signer) ? DMV_VOUCHER_KERNEL
                                                         : DMV_VOUCHER_NOBODY;
}

/* ---- catalogs ---- */

static const DmvCatalogFile *file_of_package(const DmvPackage *p, const char *path)
{
    for (size_t i = 0; p && i < p->n_files; i++)
        if (strcmp(p->files[i].path, path) == 0)
            return &p->files[i];
    return NULL;
}

/* What the catalogs say of a file of a release. */
typedef struct Listing {
    bool catalogs;       /* there are some */
    const char *sha256;  /* of several the one that the file has; NULL: none lists it */
    const char *revoked; /* why the release was withdrawn, by any of them, or NULL */
} Listing;

static Listing look_up(const DmvManager *m, const DmvInstalled *x, const char *file, const char *sha256)
{
    Listing l = {0};

    for (size_t i = 0; i < m->n_streams; i++) {
        const DmvCatalog *c = m->streams[i].catalog;
        const DmvRelease *r = c ? dmv_catalog_release(c, x->driver, x->variant, x->version) : NULL;
        const DmvCatalogFile *f = r ? file_of_package(dmv_release_package(r, x->kernel), file) : NULL;

        l.catalogs = l.catalogs || c;
        if (f && (!l.sha256 || dmv_streq(f->sha256, sha256)))
            l.sha256 = f->sha256;
        if (r && r->revoked)
            l.revoked = r->revoked;
    }
    return l;
}

static bool package_has(const DmvPackage *p, const char *sha256)
{
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i].sha256, sha256) == 0)
            return true;
    return false;
}

/* A release of a catalog that has these bytes, revoked or not, as @revoked says; NULL: there is none. */
static const DmvRelease *release_with(const DmvManager *m, const char *sha256, bool revoked)
{
    for (size_t s = 0; sha256 && s < m->n_streams; s++) {
        const DmvCatalog *c = m->streams[s].catalog;

        for (size_t i = 0; c && i < c->n_releases; i++)
            for (size_t p = 0; p < c->releases[i].n_packages; p++)
                if ((c->releases[i].revoked != NULL) == revoked &&
                    package_has(&c->releases[i].packages[p], sha256))
                    return &c->releases[i];
    }
    return NULL;
}

const char *dmv_vouchers_approved(const DmvManager *m, const char *sha256)
{
    const DmvRelease *r = release_with(m, sha256, false);

    return r ? r->driver : NULL;
}

/* Why every release that has these bytes was withdrawn; NULL: one was not, or no catalog has them. */
static const char *revoked_bytes(const DmvManager *m, const char *sha256, const char *approved)
{
    const DmvRelease *r = approved ? NULL : release_with(m, sha256, true);

    return r ? r->revoked : NULL;
}

/* ---- standings ---- */

static bool is_managed(const DmvManager *m, const char *file)
{
    char module[65];

    return dmv_module_name_from_file(file, module, sizeof(module)) &&
           dmv_view_manager(&m->view, module) != NULL;
}

/* Does the intent mean this installed release, for a kernel at least? */
static bool is_in_use(const DmvManager *m, const DmvInstalled *x)
{
    const DmvViewDriver *d = dmv_view_driver(&m->view, x->driver);

    for (size_t i = 0; d && i < d->n_targets; i++)
        if (d->targets[i].installed == x)
            return true;
    return false;
}

int dmv_vouchers_judge_installed(const DmvVouchers *v, const DmvManager *m, const DmvInstalled *x,
                                 const char *file, const DmvInspected *bytes, DmvStandingVerdict *ret)
{
    DMV_CLEANUP_FREE char *name = NULL;
    bool in_store = x->origin == DMV_ORIGIN_STORE;
    const Listing listing = in_store ? look_up(m, x, file, bytes->sha256) : (Listing){0};
    DmvStandingFacts f = {.bytes = bytes,
                          .voucher = voucher_of(v, &bytes->signature),
                          .in_store = in_store,
                          .listed = listing.sha256,
                          .revoked = listing.revoked,
                          .catalogs = listing.catalogs,
                          .in_use = is_in_use(m, x),
                          .managed = is_managed(m, file)};

    if (asprintf(&name, "%s/%s@%s", x->driver, x->variant, x->version) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    f.release = name;
    f.approved = f.listed ? NULL : dmv_vouchers_approved(m, bytes->sha256);
    return dmv_standing_judge(&f, ret);
}

int dmv_vouchers_judge_file(const DmvVouchers *v, const DmvManager *m, const DmvModuleFile *file,
                            const DmvPeers *peers, const DmvInspected *bytes, DmvStandingVerdict *ret)
{
    bool foreign = dmv_module_file_is_foreign(file);
    const char *approved = foreign ? dmv_vouchers_approved(m, bytes->sha256) : NULL;
    const DmvStandingFacts f = {.file = file,
                                .bytes = bytes,
                                .voucher = voucher_of(v, &bytes->signature),
                                .approved = approved,
                                .revoked = foreign ? revoked_bytes(m, bytes->sha256, approved) : NULL,
                                .peers = peers,
                                .managed = is_managed(m, file->path)};

    return dmv_standing_judge(&f, ret);
}

/* ---- enforcement ---- */

static int judge_enforced(const DmvVouchers *v, const DmvManager *m, const DmvEnforced *x, DmvError *reterr)
{
    DMV_CLEANUP(dmv_inspected_deinit) DmvInspected bytes = {0};
    DMV_CLEANUP_STANDING DmvStandingVerdict verdict = {0};
    const DmvPeers none = {0};
    int r = dmv_inspect_module(m->roots.fd, x->path, v->all, &bytes);

    if (r == 0 && x->file)
        r = dmv_vouchers_judge_file(v, m, x->file, &none, &bytes, &verdict);
    else if (r == 0)
        r = dmv_vouchers_judge_installed(v, m, x->installed, x->module, &bytes, &verdict);
    return r == 0 ? dmv_enforce_check(x, &verdict, reterr) : r;
}

int dmv_vouchers_enforce(const DmvManager *m, DmvError *reterr)
{
    DMV_CLEANUP_VOUCHERS DmvVouchers v = {0};
    DmvEnforced *items = NULL;
    size_t n = 0;
    int r = 0;

    if (!m->settings.enforce)
        return 0;
    r = dmv_vouchers_load(m, &v);
    if (r == 0)
        r = dmv_enforce_find(&m->view, m->roots.modules, &items, &n);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = judge_enforced(&v, m, &items[i], reterr);
    dmv_enforced_free(items, n);
    return r;
}
