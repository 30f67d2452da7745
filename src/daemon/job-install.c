/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* install and remove: one release into the store, or out of it, for every kernel. */
#include <errno.h>
#include <string.h>

#include "daemon/installing.h"
#include "daemon/log.h"

static void install_done(DmvJob *j)
{
    const DmvInstalling *x = j->installing;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJsonBuilder b = {0};
    int r = dmv_manager_look(j->m);

    if (r < 0)
        (void)dmv_error_set(&e, r, NULL, "dmvctl rescan",
                            "it is installed, but the host cannot be looked at: %s", strerror(-r));
    dmv_jb_object(&b);
    dmv_jb_string(&b, "release", x->name);
    dmv_jb_strv(&b, "kernels", x->kernels);
    dmv_manager_publish(j->m, "world_changed", x->name, NULL);
    dmv_job_finish(j, r < 0 ? &e : NULL, dmv_jb_end(&b), -1);
}

static void on_installed(DmvJob *j, DmvError *e)
{
    if (!e) {
        install_done(j);
        return;
    }
    if (dmv_manager_look(j->m) < 0)
        dmv_log(LOG_ERR, "out of memory");
    dmv_job_finish(j, e, NULL, -1);
}

int dmv_job_install(DmvManager *m, VlCall *call, const DmvViewRelease *r, DmvError *reterr)
{
    DMV_CLEANUP(dmv_cleanup_installing) DmvInstalling *x = NULL;
    DmvJob *j;
    int e = dmv_job_new(m, call, "install", r->name, &j, reterr);

    if (e != 0)
        return e;
    e = dmv_installing_new(m, r, dmv_streams_find(m, r->source->catalog->stream), &x);
    if (e == 0)
        e = dmv_installing_kernels(r, &x->kernels);
    if (e < 0) {
        DMV_CLEANUP_ERROR DmvError error = {0};

        (void)dmv_error_set(&error, e, "cannot install", NULL,
                            "the keys below /etc/dmv/trust cannot be read: %s", strerror(-e));
        dmv_job_finish(j, &error, NULL, -1);
        return 0;
    }
    dmv_installing_start(j, DMV_TAKE_PTR(x), on_installed);
    return 0;
}

/* ---- remove ---- */

typedef struct Removal {
    char *driver, *variant, *version, *name;
    char **kernels; /* to remove it for */
    size_t at;      /* the one in hand */
} Removal;

static void removal_free(void *data)
{
    Removal *x = data;

    free(x->driver);
    free(x->variant);
    free(x->version);
    free(x->name);
    dmv_strv_free(x->kernels);
    free(x);
}

static void remove_next(DmvJob *j);

static void on_removed(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                       bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    Removal *x = j->data;

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
    Removal *x = j->data;
    DmvJsonBuilder b = {0};
    int r;

    dmv_jb_object(&b);
    if (x->kernels && x->kernels[x->at]) {
        dmv_job_progress(j, "remove", (int64_t)x->at, -1);
        dmv_jb_string(&b, "driver", x->driver);
        dmv_jb_string(&b, "variant", x->variant);
        dmv_jb_string(&b, "version", x->version);
        dmv_jb_string(&b, "kernel", x->kernels[x->at]);
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
    Removal *x;
    int code = dmv_job_new(m, call, "remove", r->name, &j, reterr);

    if (code != 0)
        return code;
    x = calloc(1, sizeof(*x));
    j->data = x;
    j->free_data = x ? removal_free : NULL;
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
