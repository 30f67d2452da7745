/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * install and remove: for every kernel that the release has a package for and is not installed for, the fetch
 * worker downloads, verifies and unpacks, and the apply worker compares everything with the catalog again and
 * publishes. Either all kernels get it or none.
 */
#include <errno.h>
#include <string.h>

#include "daemon/job.h"
#include "daemon/log.h"

typedef struct Install {
    const DmvStream *stream;
    char *driver, *variant, *version, *name;
    char **kernels; /* to install for */
    size_t at;      /* the one in hand */
    char **certificates, **keys;
    size_t undo; /* published ones still to be withdrawn after a failure */
    DmvError failure;
} Install;

static void install_free(void *data)
{
    Install *x = data;

    free(x->driver);
    free(x->variant);
    free(x->version);
    free(x->name);
    dmv_strv_free(x->kernels);
    dmv_strv_free(x->certificates);
    dmv_strv_free(x->keys);
    dmv_error_clear(&x->failure);
    free(x);
}

static const DmvPackage *package_in_hand(const Install *x)
{
    const DmvRelease *r = x->stream->catalog
                              ? dmv_catalog_release(x->stream->catalog, x->driver, x->variant, x->version)
                              : NULL;

    return r ? dmv_release_package(r, x->kernels[x->at]) : NULL;
}

static json_object *render_files(const DmvPackage *p, bool with_proof)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < p->n_files; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "path", p->files[i].path);
        dmv_jb_int(&b, "size", (int64_t)p->files[i].size);
        dmv_jb_string(&b, "sha256", p->files[i].sha256);
        dmv_jb_string(&b, "buildId", with_proof ? p->files[i].build_id : NULL);
        dmv_jb_string(&b, "signer", with_proof ? p->files[i].signer : NULL);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static void add_identity(DmvJsonBuilder *b, const Install *x, bool with_version)
{
    dmv_jb_string(b, "driver", x->driver);
    dmv_jb_string(b, "variant", x->variant);
    if (with_version)
        dmv_jb_string(b, "version", x->version);
    dmv_jb_string(b, "kernel", x->kernels[x->at]);
}

/* ---- the end ---- */

static void install_done(DmvJob *j)
{
    Install *x = j->data;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJsonBuilder b = {0};
    int r = dmv_manager_look(j->m);

    if (r < 0)
        (void)dmv_error_set(&e, r, NULL, "dmvctl rescan",
                            "it is installed, but the host cannot be looked at: %s", strerror(-r));
    dmv_log_event(LOG_NOTICE, DMV_MESSAGE_RELEASE_INSTALLED, "install", x->name, 0, "%s is installed",
                  x->name);
    dmv_jb_object(&b);
    dmv_jb_string(&b, "release", x->name);
    dmv_jb_strv(&b, "kernels", x->kernels);
    dmv_manager_publish(j->m, "world_changed", x->name, NULL);
    dmv_job_finish(j, r < 0 ? &e : NULL, dmv_jb_end(&b), -1);
}

static void withdraw_next(DmvJob *j);

static void on_withdrawn(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code != 0)
        dmv_log(LOG_WARNING, "a release that was half installed stays, ignoring: %s",
                e->why ? e->why : dmv_outcome_reason(code));
    withdraw_next(j);
}

/* After a failure: what was published for earlier kernels goes away again, then the job ends. */
static void withdraw_next(DmvJob *j)
{
    Install *x = j->data;
    DmvJsonBuilder b = {0};

    if (x->undo > 0) {
        x->at = --x->undo;
        dmv_jb_object(&b);
        add_identity(&b, x, true);
        if (dmv_worker_call(j->apply, "Unpublish", dmv_jb_end(&b), -1, false, on_withdrawn, j) == 0)
            return;
    }
    if (dmv_manager_look(j->m) < 0)
        dmv_log(LOG_ERR, "out of memory");
    dmv_job_finish(j, &x->failure, NULL, -1);
}

static void install_failed(DmvJob *j, int code, DmvError *e)
{
    Install *x = j->data;

    e->code = code;
    if (!e->why)
        (void)dmv_error_set(e, code, NULL, NULL, "%s", code < 0 ? strerror(-code) : dmv_outcome_reason(code));
    (void)dmv_error_set_what(e, "cannot install %s for kernel %s", x->name, x->kernels[x->at]);
    dmv_error_set_next(e, "nothing was installed; dmvctl list shows the other releases of %s", x->driver);
    dmv_error_move(&x->failure, e);
    dmv_log_event(LOG_WARNING, DMV_MESSAGE_RELEASE_REFUSED, "install", x->name, code, "%s: %s", x->name,
                  x->failure.why);
    j->fetch = dmv_worker_free(j->fetch);
    x->undo = j->apply ? x->at : 0;
    j->can_cancel = false;
    withdraw_next(j);
}

/* ---- one kernel ---- */

static void install_next(DmvJob *j);

static void on_published(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    Install *x = j->data;

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code != 0) {
        install_failed(j, code, e);
        return;
    }
    j->fetch = dmv_worker_free(j->fetch); /* its folder lived as long as its connection */
    x->at++;
    install_next(j);
}

static int publish(DmvJob *j, int folder, DmvError *e)
{
    Install *x = j->data;
    const DmvPackage *p = package_in_hand(x);
    DmvJsonBuilder b = {0};
    int r = 0;

    if (!p)
        return dmv_error_set(e, DMV_WORLD_MOVED, NULL, "try again", "the catalog has changed meanwhile");
    if (!j->apply)
        r = dmv_worker_new(j->m, DMV_WORKER_APPLY, &j->apply, e);
    if (r != 0)
        return r;
    dmv_job_progress(j, "publish", -1, -1);
    dmv_jb_object(&b);
    add_identity(&b, x, true);
    dmv_jb_value(&b, "files", render_files(p, true));
    dmv_jb_strv(&b, "certificates", x->certificates);
    dmv_jb_bool(&b, "requireSignature", true);
    return dmv_worker_call(j->apply, "Publish", dmv_jb_end(&b), folder, false, on_published, j);
}

static void on_unpacked(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                        bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    const char *phase = NULL;
    int64_t done = -1, total = -1;
    const DmvJsonField fields[] = {{"phase", DMV_JSON_STRING, 0, &phase},
                                   {"done", DMV_JSON_INT, 0, &done},
                                   {"total", DMV_JSON_INT, 0, &total}};

    if (code == 0)
        code = dmv_json_read(params, "reply", fields, DMV_N_ELEMENTS(fields), true, e);
    if (code == 0 && continues) {
        dmv_job_progress(j, phase, done, total);
        return;
    }
    if (code == 0 && n_fds < 1)
        code = dmv_error_set(e, DMV_WORKER_FAILED, NULL, NULL, "the fetch worker sent no folder");
    if (code == 0) {
        j->can_cancel = false;
        code = publish(j, fds[0], e);
    }
    if (code != 0)
        install_failed(j, code, e);
}

static int fetch(DmvJob *j, DmvError *e)
{
    Install *x = j->data;
    const DmvPackage *p = package_in_hand(x);
    DmvJsonBuilder b = {0};
    int r;

    if (!p)
        return dmv_error_set(e, DMV_WORLD_MOVED, NULL, "try again", "the catalog has changed meanwhile");
    r = dmv_worker_new(j->m, DMV_WORKER_FETCH, &j->fetch, e);
    if (r != 0)
        return r;
    j->can_cancel = x->at == 0;
    dmv_job_progress(j, "download", 0, (int64_t)p->size);
    dmv_jb_object(&b);
    dmv_jb_value(&b, "source", dmv_fetch_source(j->m, x->stream, j->m->settings.max_package));
    add_identity(&b, x, false);
    dmv_jb_string(&b, "nevra", p->nevra);
    dmv_jb_string(&b, "href", p->href);
    dmv_jb_int(&b, "size", (int64_t)p->size);
    dmv_jb_string(&b, "sha256", p->sha256);
    dmv_jb_string(&b, "signer", p->signer);
    dmv_jb_int(&b, "unpacked", (int64_t)p->unpacked);
    dmv_jb_value(&b, "files", render_files(p, false));
    dmv_jb_exact_strv(&b, "keys", x->keys);
    return dmv_worker_call(j->fetch, "FetchPackage", dmv_jb_end(&b), -1, true, on_unpacked, j);
}

static void install_next(DmvJob *j)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    Install *x = j->data;
    int r;

    if (!x->kernels || !x->kernels[x->at]) {
        install_done(j);
        return;
    }
    r = fetch(j, &e);
    if (r != 0)
        install_failed(j, r, &e);
}

/* ---- the beginning ---- */

/* Kernels that the release has a package for and is not installed for yet. */
static int kernels_to_do(const DmvViewRelease *r, char ***ret)
{
    DMV_CLEANUP_STRV char **kernels = NULL;

    for (char **k = r->kernels; k && *k; k++) {
        bool there = !dmv_release_package(r->catalog, *k);

        for (size_t i = 0; i < r->n_installed; i++)
            there = there || (strcmp(r->installed[i]->kernel, *k) == 0 && !r->installed[i]->problem);
        if (!there && dmv_strv_push(&kernels, *k) < 0)
            return -ENOMEM;
    }
    *ret = DMV_TAKE_PTR(kernels);
    return 0;
}

static int fill(DmvManager *m, Install *x, const DmvViewRelease *r)
{
    int e = kernels_to_do(r, &x->kernels);

    x->stream = dmv_streams_find(m, r->source->catalog->stream);
    if (e == 0 && (dmv_set_string(&x->driver, r->driver) < 0 || dmv_set_string(&x->variant, r->variant) < 0 ||
                   dmv_set_string(&x->version, r->version) < 0 || dmv_set_string(&x->name, r->name) < 0))
        e = -ENOMEM;
    if (e == 0)
        e = dmv_stream_rpm_keys(m, x->stream->conf.name, &x->keys);
    if (e == 0)
        e = dmv_stream_module_certificates(m, x->stream->conf.name, &x->certificates);
    return e;
}

int dmv_job_install(DmvManager *m, VlCall *call, const DmvViewRelease *r, DmvError *reterr)
{
    DmvJob *j;
    Install *x;
    int e = dmv_job_new(m, call, "install", r->name, &j, reterr);

    if (e != 0)
        return e;
    x = calloc(1, sizeof(*x));
    j->data = x;
    j->free_data = x ? install_free : NULL;
    e = x ? fill(m, x, r) : -ENOMEM;
    if (e < 0) {
        DMV_CLEANUP_ERROR DmvError error = {0};

        (void)dmv_error_set(&error, e, "cannot install", NULL,
                            "the keys below /etc/dmv/trust cannot be read: %s", strerror(-e));
        dmv_job_finish(j, &error, NULL, -1);
        return 0;
    }
    install_next(j);
    return 0;
}

/* ---- remove ---- */

static void remove_next(DmvJob *j);

static void on_removed(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                       bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    Install *x = j->data;

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code == 0) {
        x->at++;
        remove_next(j);
        return;
    }
    e->code = code;
    (void)dmv_error_set_what(e, "cannot remove %s for kernel %s", x->name, x->kernels[x->at]);
    if (dmv_manager_look(j->m) < 0)
        dmv_log(LOG_ERR, "out of memory");
    dmv_job_finish(j, e, NULL, -1);
}

static void remove_next(DmvJob *j)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    Install *x = j->data;
    DmvJsonBuilder b = {0};
    int r;

    dmv_jb_object(&b);
    if (x->kernels && x->kernels[x->at]) {
        dmv_job_progress(j, "remove", (int64_t)x->at, -1);
        add_identity(&b, x, true);
        r = dmv_worker_call(j->apply, "Unpublish", dmv_jb_end(&b), -1, false, on_removed, j);
        if (r == 0)
            return;
    } else {
        dmv_jb_string(&b, "release", x->name);
        dmv_jb_strv(&b, "kernels", x->kernels);
        r = dmv_manager_look(j->m);
        if (r == 0) {
            dmv_manager_publish(j->m, "world_changed", x->name, NULL);
            dmv_job_finish(j, NULL, dmv_jb_end(&b), -1);
            return;
        }
        json_object_put(dmv_jb_end(&b));
    }
    (void)dmv_error_set(&e, r, "cannot remove", NULL, "%s", strerror(-r));
    dmv_job_finish(j, &e, NULL, -1);
}

int dmv_job_remove(DmvManager *m, VlCall *call, const DmvViewRelease *r, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJob *j;
    Install *x;
    int code = dmv_job_new(m, call, "remove", r->name, &j, reterr);

    if (code != 0)
        return code;
    x = calloc(1, sizeof(*x));
    j->data = x;
    j->free_data = x ? install_free : NULL;
    if (!x || dmv_set_string(&x->driver, r->driver) < 0 || dmv_set_string(&x->variant, r->variant) < 0 ||
        dmv_set_string(&x->version, r->version) < 0 || dmv_set_string(&x->name, r->name) < 0)
        code = -ENOMEM;
    for (size_t i = 0; code == 0 && i < r->n_installed; i++)
        if (r->installed[i]->origin == DMV_ORIGIN_STORE)
            code = dmv_strv_push(&x->kernels, r->installed[i]->kernel);
    if (code == 0)
        code = dmv_worker_new(m, DMV_WORKER_APPLY, &j->apply, &e);
    if (code != 0) {
        e.code = code;
        dmv_job_finish(j, &e, NULL, -1);
        return 0;
    }
    remove_next(j);
    return 0;
}
