/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * import: the catalog of a driver disk becomes that of its stream, by the same judgement as one that was
 * fetched, and then the releases on the disk that fit this host are installed, one after the other. What is
 * wrong with one of them is said of that one.
 *
 * Which stream a disk is of nobody is asked: its catalog says it, and counts only if that stream's keys have
 * signed it. So every stream of the host judges it, and nothing of it is parsed before.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/installing.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "model/import.h"

typedef struct Import {
    int disk;
    bool any_hardware, dry_run;
    bool watched; /* somebody waits for the answer */
    DmvStream *stream;
    int64_t version; /* of the disk's catalog */
    DmvImport found;
    size_t at;              /* the release in hand */
    DmvJsonBuilder results; /* one a release, in the order of @found */
    size_t n_installed;
    bool starting, over; /* the release in hand is just being begun; it has ended meanwhile */
} Import;

static void import_free(void *data)
{
    Import *x = data;

    (void)dmv_close(x->disk);
    dmv_import_deinit(&x->found);
    json_object_put(dmv_jb_end(&x->results));
    free(x);
}

static void import_failed(DmvJob *j, int code, DmvError *e)
{
    e->code = code;
    if (!e->why)
        (void)dmv_error_set(e, code, NULL, NULL, "%s", dmv_error_words(NULL, code));
    (void)dmv_error_set_what(e, "cannot import the driver disk");
    dmv_log_event(LOG_WARNING, DMV_MESSAGE_CATALOG_REFUSED, "import", j->object, code, "driver disk: %s",
                  e->why);
    dmv_job_finish(j, e, NULL, -1);
}

/* ---- one release ---- */

static void import_next(DmvJob *j);

/* @result: "installed", "present", "skipped" or "refused". */
static void add_result(Import *x, const char *result, char *const *kernels, const DmvError *e)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "release", x->found.releases[x->at].name);
    dmv_jb_string(&b, "result", result);
    dmv_jb_strv(&b, "kernels", kernels);
    if (e && e->code != 0) {
        dmv_jb_string(&b, "reason", dmv_outcome_reason(e->code));
        dmv_jb_string(&b, "why", e->why);
        dmv_jb_string(&b, "next", e->next);
    }
    dmv_jb_add(&x->results, dmv_jb_end(&b));
}

static void on_installed(DmvJob *j, DmvError *e)
{
    Import *x = j->data;

    dmv_state_record(j->m, j->uid, "install", j->installing->name, e ? e->code : 0, e ? e->why : NULL,
                     "driver disk", -1);
    x->n_installed += !e;
    add_result(x, e ? "refused" : "installed", j->installing->kernels, e);
    x->over = true;
    if (x->starting)
        return;
    x->at++;
    import_next(j);
}

/* Of the kernels that lack the release, those that the disk has a package for. */
static int choose(const DmvImportRelease *f, const DmvViewRelease *r, DmvInstalling *y)
{
    DMV_CLEANUP_STRV char **lacking = NULL;
    int e = dmv_installing_kernels(r, &lacking);

    for (size_t i = 0; e == 0 && f->kernels && f->kernels[i]; i++) {
        if (!dmv_strv_contains(lacking, f->kernels[i]))
            continue;
        e = dmv_strv_push(&y->kernels, f->kernels[i]);
        if (e == 0)
            e = dmv_strv_push(&y->paths, f->paths[i]);
    }
    return e;
}

/* May the release in hand be installed from this disk? */
static int check(const DmvJob *j, DmvViewRelease **ret, DmvError *e)
{
    const Import *x = j->data;
    const DmvImportRelease *f = &x->found.releases[x->at];
    DmvViewRelease *r = NULL;
    int code = dmv_view_find_release(&j->m->view, f->name, NULL, &r, e);

    if (code == 0 && r->source && r->source->catalog != x->stream->catalog)
        code = dmv_error_set(e, DMV_CONFLICT, NULL, NULL, "stream %s has a release of that name, too",
                             r->source->catalog->stream);
    if (code == 0)
        code = dmv_method_check_install(r, x->any_hardware, e);
    if (code == 0 && !f->kernels)
        code = dmv_error_set(e, DMV_NO_KERNEL_RELEASE, NULL, NULL,
                             "the disk has no package of it for an installed kernel");
    *ret = r;
    return code;
}

/* Nothing is wrong with the disk or the release: it is not for this host, or its publisher has withdrawn it.
 */
static bool is_no_fault(int code)
{
    return code == DMV_NO_HARDWARE || code == DMV_NO_KERNEL_RELEASE || code == DMV_REVOKED;
}

/* Return: true if the job goes on when a worker answers. */
static bool begin(DmvJob *j)
{
    Import *x = j->data;
    DMV_CLEANUP(dmv_cleanup_installing) DmvInstalling *y = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvViewRelease *r = NULL;
    int code = check(j, &r, &e);

    if (code == 0)
        code = dmv_installing_new(j->m, r, x->stream, &y);
    if (code == 0)
        code = choose(&x->found.releases[x->at], r, y);
    if (code != 0) {
        e.code = code;
        if (!e.why)
            (void)dmv_error_set(&e, code, NULL, NULL, "%s", strerror(-code));
        add_result(x, is_no_fault(code) ? "skipped" : "refused", NULL, &e);
        return false;
    }
    if (!y->kernels || x->dry_run) {
        add_result(x, y->kernels ? "installed" : "present", y->kernels, NULL);
        return false;
    }
    /* for the progress; without memory it goes on under the stream's name */
    (void)dmv_set_string(&j->object, y->name);
    y->disk = x->disk;
    y->after_others = x->n_installed > 0;
    x->starting = true;
    x->over = false;
    dmv_installing_start(j, DMV_TAKE_PTR(y), on_installed);
    x->starting = false;
    return !x->over;
}

/* ---- the end ---- */

static json_object *render(Import *x)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "stream", x->stream->conf.name);
    dmv_jb_int(&b, "catalogVersion", x->version);
    dmv_jb_value(&b, "releases", dmv_jb_end(&x->results));
    dmv_jb_strv(&b, "unknown", x->found.unknown);
    return dmv_jb_end(&b);
}

static void finish(DmvJob *j)
{
    Import *x = j->data;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = x->n_installed > 0 ? dmv_manager_look(j->m) : 0;

    (void)dmv_set_string(&j->object, x->stream->conf.name);
    if (r < 0)
        (void)dmv_error_set(&e, r, NULL, "dmvctl rescan",
                            "it is imported, but the host cannot be looked at: %s", strerror(-r));
    if (!x->dry_run)
        dmv_manager_publish(j->m, "catalog_refreshed", x->stream->conf.name, NULL);
    if (x->n_installed > 0)
        dmv_manager_publish(j->m, "world_changed", NULL, NULL);
    dmv_job_finish(j, r < 0 ? &e : NULL, render(x), -1);
}

static void import_next(DmvJob *j)
{
    Import *x = j->data;

    /* who went away in the middle gets no more than what was begun */
    for (; x->at < x->found.n_releases && (j->call || !x->watched); x->at++)
        if (begin(j))
            return;
    finish(j);
}

/* ---- the catalog ---- */

static int match(DmvJob *j, const DmvCatalog *c, char *const *paths, DmvError *e)
{
    Import *x = j->data;

    x->version = c->version;
    return dmv_import_match(&j->m->view, c, paths, &x->found, e);
}

/* How far a bundle got with a stream. Behind the check of the name it is that stream's, whatever is wrong. */
static int rank(int code)
{
    switch (code) {
    case DMV_ROLLBACK:
    case DMV_EQUIVOCATION:
    case DMV_CATALOG_EXPIRED:
        return 3;
    case DMV_WRONG_STREAM:
        return 2;
    case DMV_NO_ROOT:
        return 0;
    default:
        return code < 0 ? 3 : 1;
    }
}

/* @ret: the catalog of a dry run, which nothing is stored of; NULL otherwise. */
static int try_stream(DmvJob *j, DmvStream *s, const char *data, size_t size, DmvCatalog **ret, DmvError *e)
{
    DMV_CLEANUP_BUNDLE DmvBundleResult b = {0};
    int r;

    if (!((Import *)j->data)->dry_run)
        return dmv_stream_accept(j->m, s, data, size, false, NULL, e);
    r = dmv_stream_check_trust(s, e);
    if (r == 0)
        r = dmv_bundle_verify(data, size, &s->trust, s->conf.name, dmv_manager_now(), false, &b, e);
    return r == 0 ? dmv_catalog_parse(b.catalog, b.catalog_size, ret, e) : r;
}

/* Finds the stream whose keys have signed the disk's catalog under that stream's name. */
static int find_stream(DmvJob *j, const char *data, size_t size, DmvCatalog **ret, DmvError *reterr)
{
    Import *x = j->data;
    DmvManager *m = j->m;
    int best = -1, r = 0;

    for (size_t i = 0; i < m->n_streams && best < 3; i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};

        if (!m->streams[i].conf.enabled)
            continue;
        r = try_stream(j, &m->streams[i], data, size, ret, &e);
        if (r == 0)
            x->stream = &m->streams[i];
        if (r == 0 || r == -ENOMEM)
            return r;
        if (rank(r) <= best)
            continue;
        best = rank(r);
        e.code = r;
        dmv_error_move(reterr, &e);
    }
    return best >= 0 ? reterr->code
                     : dmv_error_set(reterr, DMV_NO_SUCH_STREAM, NULL,
                                     "put the disk's stream into /etc/dmv/streams.d, see dmv.conf(5)",
                                     "this host has no stream that it could be of");
}

/* As if the catalog was that of its stream; the View is as before afterwards. */
static int look_ahead(DmvJob *j, DmvCatalog *c, char *const *paths, DmvError *e)
{
    Import *x = j->data;
    DmvCatalog *before = x->stream->catalog;
    int r, back;

    x->stream->catalog = c;
    r = dmv_manager_think(j->m);
    if (r == 0)
        r = match(j, c, paths, e);
    for (; r == 0 && x->at < x->found.n_releases; x->at++)
        (void)begin(j);
    x->stream->catalog = before;
    back = dmv_manager_think(j->m);
    return r != 0 ? r : back;
}

static int take_catalog(DmvJob *j, int fd, char *const *paths, DmvError *e)
{
    Import *x = j->data;
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r;

    dmv_job_progress(j, "verify", -1, -1);
    r = dmv_import_check(paths, e);
    if (r == 0)
        r = dmv_fetch_read_bundle(j->m, fd, &data, &size, e);
    if (r == 0)
        r = find_stream(j, data, size, &c, e);
    if (r == 0)
        r = dmv_set_string(&j->object, x->stream->conf.name);
    if (r != 0 || c)
        return r != 0 ? r : look_ahead(j, c, paths, e);
    dmv_log_event(LOG_INFO, DMV_MESSAGE_CATALOG_ACCEPTED, "import", x->stream->conf.name, 0,
                  "stream %s: catalog %lld accepted", x->stream->conf.name,
                  (long long)x->stream->catalog->version);
    r = dmv_manager_look(j->m); /* modules that it names are asked for in the indexes */
    return r == 0 ? match(j, x->stream->catalog, paths, e) : r;
}

static void on_read(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                    DmvError *e)
{
    DmvJob *j = userdata;
    DMV_CLEANUP_STRV char **paths = NULL;
    const char *phase = NULL;
    int64_t done = -1, total = -1;
    const DmvJsonField fields[] = {{"phase", DMV_JSON_STRING, 0, &phase},
                                   {"done", DMV_JSON_INT, 0, &done},
                                   {"total", DMV_JSON_INT, 0, &total},
                                   {"packages", DMV_JSON_STRV, 0, &paths}};

    if (code == 0)
        code = dmv_worker_read(params, fields, DMV_N_ELEMENTS(fields), e);
    if (code == 0 && continues) {
        dmv_job_progress(j, phase, done, total);
        return;
    }
    j->can_cancel = false;
    if (code == 0 && n_fds < 1)
        code = dmv_error_set(e, DMV_WORKER_FAILED, NULL, NULL, "the fetch worker sent no catalog");
    if (code == 0)
        code = take_catalog(j, fds[0], paths, e);
    if (code != 0) {
        import_failed(j, code, e);
        return;
    }
    j->fetch = dmv_worker_free(j->fetch);
    import_next(j);
}

/* ---- the beginning ---- */

static int read_disk(DmvJob *j, DmvError *e)
{
    const Import *x = j->data;
    DmvJsonBuilder b = {0};
    int r = dmv_worker_new(j->m, DMV_WORKER_FETCH, &j->fetch, e);

    if (r != 0)
        return r;
    j->can_cancel = true;
    dmv_job_progress(j, "read", -1, -1);
    dmv_jb_object(&b);
    dmv_jb_int(&b, "maxBytes", (int64_t)j->m->settings.max_catalog);
    dmv_jb_int(&b, "deadline", dmv_fetch_deadline(j->m));
    return dmv_worker_call(j->fetch, "ReadDisk", dmv_jb_end(&b), x->disk, true, on_read, j);
}

int dmv_job_import(DmvManager *m, VlCall *call, int disk, bool any_hardware, bool dry_run, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = disk;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJob *j;
    Import *x;
    int r = dmv_job_new(m, call, "import", NULL, &j, reterr);

    if (r != 0)
        return r;
    j->only_looks = dry_run;
    x = calloc(1, sizeof(*x));
    if (x) {
        *x = (Import){.disk = DMV_TAKE_FD(fd),
                      .any_hardware = any_hardware,
                      .dry_run = dry_run,
                      .watched = call != NULL};
        j->data = x;
        j->free_data = import_free;
        dmv_jb_array(&x->results);
    }
    r = x ? read_disk(j, &e) : -ENOMEM;
    if (r != 0)
        import_failed(j, r, &e);
    return 0;
}
