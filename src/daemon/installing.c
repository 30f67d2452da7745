/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A chain of callbacks: fetch, publish, the next kernel; or, after a failure, withdraw what was published.
 * Packages are looked up in the catalog again whenever they are needed, since a look may have replaced it.
 */
#include "daemon/installing.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/log.h"

DmvInstalling *dmv_installing_free(DmvInstalling *x)
{
    if (!x)
        return NULL;
    free(x->driver);
    free(x->variant);
    free(x->version);
    free(x->name);
    dmv_strv_free(x->kernels);
    dmv_strv_free(x->paths);
    dmv_strv_free(x->certificates);
    dmv_strv_free(x->keys);
    dmv_error_clear(&x->failure);
    free(x);
    return NULL;
}

static const DmvPackage *package_in_hand(const DmvInstalling *x)
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

static void add_identity(DmvJsonBuilder *b, const DmvInstalling *x, bool with_version)
{
    dmv_jb_string(b, "driver", x->driver);
    dmv_jb_string(b, "variant", x->variant);
    if (with_version)
        dmv_jb_string(b, "version", x->version);
    dmv_jb_string(b, "kernel", x->kernels[x->at]);
}

/* ---- the end ---- */

static void withdraw_next(DmvJob *j);

/* One that has died is replaced: the apply worker keeps nothing between two calls. */
static int have_apply(DmvJob *j, DmvError *e)
{
    if (j->apply && !dmv_worker_is_there(j->apply))
        j->apply = dmv_worker_free(j->apply);
    return j->apply ? 0 : dmv_worker_new(j->m, DMV_WORKER_APPLY, &j->apply, e);
}

static void tell_what_stays(DmvJob *j, int code, const DmvError *e)
{
    DmvInstalling *x = j->installing;

    dmv_log(LOG_WARNING, "a release that was half installed stays, ignoring: %s", dmv_error_words(e, code));
    dmv_error_set_next(&x->failure, "it stays for kernel %s: dmvctl remove %s", x->kernels[x->at], x->name);
}

static void on_withdrawn(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code != 0)
        tell_what_stays(j, code, e);
    withdraw_next(j);
}

/* After a failure: what was published for earlier kernels goes away again, then it is over. */
static void withdraw_next(DmvJob *j)
{
    DmvInstalling *x = j->installing;

    while (x->undo > 0) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        DmvJsonBuilder b = {0};
        int r = have_apply(j, &e);

        x->at = --x->undo;
        if (r == 0) {
            dmv_jb_object(&b);
            add_identity(&b, x, true);
            r = dmv_worker_call(j->apply, "Unpublish", dmv_jb_end(&b), -1, false, on_withdrawn, j);
        }
        if (r == 0)
            return;
        tell_what_stays(j, r, &e);
    }
    j->apply = dmv_worker_free(j->apply); /* it may be what has failed */
    x->done(j, &x->failure);
}

/* @n_published: for so many kernels it is in the store. */
static void install_failed(DmvJob *j, size_t n_published, int code, DmvError *e)
{
    DmvInstalling *x = j->installing;

    e->code = code;
    if (!e->why)
        (void)dmv_error_set(e, code, NULL, NULL, "%s", dmv_error_words(NULL, code));
    (void)dmv_error_set_what(e, "cannot install %s for kernel %s", x->name, x->kernels[x->at]);
    dmv_error_set_next(e, "nothing was installed; dmvctl list shows the other releases of %s", x->driver);
    dmv_error_move(&x->failure, e);
    dmv_log_event(LOG_WARNING, DMV_MESSAGE_RELEASE_REFUSED, j->action, x->name, code, "%s: %s", x->name,
                  x->failure.why);
    j->fetch = dmv_worker_free(j->fetch);
    x->undo = n_published;
    j->can_cancel = false;
    withdraw_next(j);
}

/* ---- one kernel ---- */

static void install_next(DmvJob *j);

/* What the apply worker says is looked at. Return: 0; DMV_WORKER_FAILED if it is not so; a negative errno. */
static int check_published(const DmvJob *j, DmvError *e)
{
    const DmvInstalling *x = j->installing;
    DMV_CLEANUP_FREE char *folder = NULL;
    struct stat st;

    if (asprintf(&folder, DMV_STORE_DIR "/%s/%s/%s/%s", x->kernels[x->at], x->driver, x->variant,
                 x->version) < 0)
        return folder = NULL, -ENOMEM;
    if (fstatat(j->m->roots.fd, folder, &st, 0) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    return dmv_error_set(e, DMV_WORKER_FAILED, NULL, NULL,
                         "dmv-apply says that it made %s, which is not there", folder);
}

/* The folder of a fetch worker goes with it, and then it is not the package that lacks a file. */
static int judge_source(const DmvJob *j, int code, DmvError *e)
{
    if (code != DMV_RPM_MISSING_FILE || dmv_worker_is_there(j->fetch))
        return code;
    dmv_error_clear(e);
    return dmv_error_set(e, DMV_WORKER_FAILED, NULL, "journalctl -u dmvd may say more",
                         "dmv-fetch went away while what it has unpacked was read");
}

static void on_published(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    DmvInstalling *x = j->installing;

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code != 0) {
        install_failed(j, x->at, judge_source(j, code, e), e);
        return;
    }
    code = check_published(j, e);
    if (code != 0) {
        install_failed(j, code == DMV_WORKER_FAILED ? x->at : x->at + 1, code, e);
        return;
    }
    j->fetch = dmv_worker_free(j->fetch); /* its folder lived as long as its connection */
    x->at++;
    install_next(j);
}

static int publish(DmvJob *j, int folder, DmvError *e)
{
    DmvInstalling *x = j->installing;
    const DmvPackage *p = package_in_hand(x);
    DmvJsonBuilder b = {0};
    int r;

    if (!p)
        return dmv_error_set(e, DMV_WORLD_MOVED, NULL, "try again", "the catalog has changed meanwhile");
    r = have_apply(j, e);
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
        code = dmv_worker_read(params, fields, DMV_N_ELEMENTS(fields), e);
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
        install_failed(j, j->installing->at, code, e);
}

static void add_source(DmvJsonBuilder *b, const DmvManager *m, const DmvInstalling *x)
{
    if (x->disk < 0) {
        dmv_jb_value(b, "source", dmv_fetch_source(m, x->stream, m->settings.max_package));
        return;
    }
    dmv_jb_string(b, "diskPath", x->paths[x->at]);
    dmv_jb_int(b, "diskDeadline", dmv_fetch_deadline(m));
}

static int fetch(DmvJob *j, DmvError *e)
{
    DmvInstalling *x = j->installing;
    const DmvPackage *p = package_in_hand(x);
    DmvJsonBuilder b = {0};
    int r;

    if (!p)
        return dmv_error_set(e, DMV_WORLD_MOVED, NULL, "try again", "the catalog has changed meanwhile");
    r = dmv_worker_new(j->m, DMV_WORKER_FETCH, &j->fetch, e);
    if (r != 0)
        return r;
    j->can_cancel = x->at == 0 && !x->after_others;
    dmv_job_progress(j, x->disk >= 0 ? "read" : "download", 0, (int64_t)p->size);
    dmv_jb_object(&b);
    add_source(&b, j->m, x);
    add_identity(&b, x, false);
    dmv_jb_string(&b, "nevra", p->nevra);
    dmv_jb_string(&b, "href", p->href);
    dmv_jb_int(&b, "size", (int64_t)p->size);
    dmv_jb_string(&b, "sha256", p->sha256);
    dmv_jb_string(&b, "signer", p->signer);
    dmv_jb_int(&b, "unpacked", (int64_t)p->unpacked);
    dmv_jb_value(&b, "files", render_files(p, false));
    dmv_jb_exact_strv(&b, "keys", x->keys);
    dmv_jb_int(&b, "now", dmv_trust_time(dmv_manager_now(), x->stream->trust.clock_floor));
    return dmv_worker_call(j->fetch, "FetchPackage", dmv_jb_end(&b), x->disk, true, on_unpacked, j);
}

static void install_next(DmvJob *j)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvInstalling *x = j->installing;
    int r;

    if (!x->kernels || !x->kernels[x->at]) {
        dmv_log_event(LOG_NOTICE, DMV_MESSAGE_RELEASE_INSTALLED, j->action, x->name, 0, "%s is installed",
                      x->name);
        x->done(j, NULL);
        return;
    }
    r = fetch(j, &e);
    if (r != 0)
        install_failed(j, j->installing->at, r, &e);
}

/* ---- the beginning ---- */

int dmv_installing_kernels(const DmvViewRelease *r, char ***ret)
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

int dmv_installing_new(const DmvManager *m, const DmvViewRelease *r, const DmvStream *s, DmvInstalling **ret)
{
    DMV_CLEANUP(dmv_cleanup_installing) DmvInstalling *x = calloc(1, sizeof(*x));
    int e = 0;

    if (!x)
        return -ENOMEM;
    x->stream = s;
    x->disk = -1;
    if (dmv_set_string(&x->driver, r->driver) < 0 || dmv_set_string(&x->variant, r->variant) < 0 ||
        dmv_set_string(&x->version, r->version) < 0 || dmv_set_string(&x->name, r->name) < 0)
        return -ENOMEM;
    e = dmv_stream_rpm_keys(m, s->conf.name, &x->keys);
    if (e == 0)
        e = dmv_stream_module_certificates(m, s->conf.name, &x->certificates);
    if (e == 0)
        *ret = DMV_TAKE_PTR(x);
    return e;
}

void dmv_installing_start(DmvJob *j, DmvInstalling *x, DmvInstallingDone done)
{
    (void)dmv_installing_free(j->installing);
    j->installing = x;
    x->done = done;
    install_next(j);
}
