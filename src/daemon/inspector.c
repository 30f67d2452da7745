/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inspections. Like a forecast (forecast.c) it is no job: it changes nothing, so it neither takes the one
 * place nor waits for it. It reads some hundred megabytes, in a worker, and what comes is kept only until
 * those who wait have their answer.
 */
#include "daemon/inspector.h"

#include <errno.h>
#include <string.h>

#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/vouchers.h"
#include "daemon/worker.h"

/* Between two replies; the largest images take a minute. */
#define TIMEOUT_USEC (UINT64_C(180) * 1000000)
#define NOTIFY_USEC UINT64_C(200000)

typedef struct Waiter {
    VlCall *call;
    DmvInspectionAnswer answer;
} Waiter;

struct DmvInspector {
    DmvManager *m;
    DmvWorker *worker; /* at it, or NULL */
    sd_event_source *timeout;
    DmvInspection found;
    size_t total; /* files that were asked for */
    uint64_t last_notify;
    Waiter *waiters;
    size_t n_waiters;
};

/* ---- those who wait ---- */

static void waiter_deinit(Waiter *w)
{
    vl_call_set_hooks(w->call, NULL, NULL);
    w->call = vl_call_unref(w->call);
}

static void answer_all(DmvInspector *x, const DmvInspection *i, const char *problem)
{
    Waiter *waiters = DMV_TAKE_PTR(x->waiters);
    size_t n = x->n_waiters;

    x->n_waiters = 0;
    for (size_t k = 0; k < n; k++) {
        int r = waiters[k].answer(x->m, waiters[k].call, i, problem);
        DmvError e = {.code = r};

        if (r < 0)
            (void)dmv_reply_error(waiters[k].call, &e);
        waiter_deinit(&waiters[k]);
    }
    free(waiters);
}

static void stop(DmvInspector *x)
{
    x->worker = dmv_worker_free(x->worker);
    x->timeout = sd_event_source_disable_unref(x->timeout);
    dmv_inspection_deinit(&x->found);
}

/* Nobody wants to know any more: the worker need not go on. */
static void on_cancel(VlCall *call, void *userdata)
{
    DmvInspector *x = userdata;

    for (size_t i = 0; i < x->n_waiters; i++)
        if (x->waiters[i].call == call) {
            Waiter gone = x->waiters[i];

            x->waiters[i] = x->waiters[--x->n_waiters];
            waiter_deinit(&gone);
            break;
        }
    if (x->n_waiters == 0)
        stop(x);
}

static int add_waiter(DmvInspector *x, VlCall *call, DmvInspectionAnswer answer)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};
    Waiter *w = DMV_ARRAY_ADD(x->waiters, x->n_waiters);

    if (!w)
        return -ENOMEM;
    *w = (Waiter){.call = vl_call_ref(call), .answer = answer};
    vl_call_set_hooks(call, &hooks, x);
    return 0;
}

static json_object *progress(const DmvInspector *x)
{
    DmvJsonBuilder b = {0}, job = {0}, none = {0};

    dmv_jb_object(&job);
    dmv_jb_string(&job, "action", "verify");
    dmv_jb_string(&job, "phase", x->found.n_files < x->total ? "modules" : "initrd images");
    dmv_jb_int(&job, "done", (int64_t)x->found.n_files);
    dmv_jb_int(&job, "total", (int64_t)x->total);
    dmv_jb_array(&none);
    dmv_jb_object(&b);
    dmv_jb_value(&b, "job", dmv_jb_end(&job));
    dmv_jb_bool(&b, "clean", false);
    dmv_jb_value(&b, "findings", dmv_jb_end(&none));
    return dmv_jb_end(&b);
}

static void tell_progress(DmvInspector *x)
{
    uint64_t now = dmv_manager_monotonic();

    if (now - x->last_notify < NOTIFY_USEC)
        return;
    x->last_notify = now;
    for (size_t i = 0; i < x->n_waiters; i++)
        if (vl_call_wants_more(x->waiters[i].call))
            (void)vl_call_notify(x->waiters[i].call, progress(x)); /* the answer does not depend on it */
}

/* ---- the worker ---- */

static void fail(DmvInspector *x, const char *why)
{
    dmv_log(LOG_WARNING, "the modules were not looked at: %s", why);
    x->worker = dmv_worker_free(x->worker);
    x->timeout = sd_event_source_disable_unref(x->timeout);
    answer_all(x, NULL, why);
    stop(x);
}

static void on_reply(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                     DmvError *e)
{
    DmvInspector *x = userdata;
    DMV_CLEANUP_INSPECTION DmvInspection part = {0};

    (void)fds;
    (void)n_fds;
    if (code == 0)
        code = dmv_inspection_read(params, &part, e);
    if (code == 0)
        code = dmv_inspection_append(&x->found, &part);
    if (code == 0 && x->found.n_files > x->total)
        code = dmv_error_set(e, DMV_WORKER_FAILED, NULL, NULL, "the worker says more than it was asked for");
    if (code != 0) {
        fail(x, dmv_error_words(e, code));
    } else if (continues) {
        (void)sd_event_source_set_time_relative(x->timeout, TIMEOUT_USEC);
        tell_progress(x);
    } else {
        x->worker = dmv_worker_free(x->worker);
        answer_all(x, &x->found, NULL);
        stop(x);
    }
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    fail(userdata, "the worker that reads them does not answer");
    return 0;
}

/* ---- the question ---- */

char *dmv_inspection_path(const DmvInstalled *x, const char *file)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", x->folder, file) < 0 ? NULL : path;
}

/* Takes @path over. What is no plain path is a problem elsewhere, and cannot be asked for. */
static int push_path(char ***paths, char *path)
{
    DMV_CLEANUP_FREE char *owned = path;

    if (!owned)
        return -ENOMEM;
    return dmv_relative_path_is_valid(owned) ? dmv_strv_push(paths, owned) : 0;
}

/* Every file of every tree; a link to a release is looked at where it leads to. */
static int collect_files(const DmvManager *m, char ***ret)
{
    const DmvWorld *w = &m->world;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_installed; i++)
        for (size_t k = 0; r == 0 && k < w->installed[i].n_modules; k++)
            r = push_path(ret, dmv_inspection_path(&w->installed[i], w->installed[i].modules[k].file));
    for (size_t i = 0; r == 0 && i < w->n_kernels; i++)
        for (size_t k = 0; r == 0 && k < w->kernels[i].n_files; k++) {
            const DmvModuleFile *f = &w->kernels[i].files[k];

            if (!f->dangling && !dmv_file_release(w, &w->kernels[i], f))
                r = push_path(ret, dmv_roots_kernel_path(&m->roots, w->kernels[i].release, f->path));
        }
    return r;
}

static int make_request(DmvInspector *x, json_object **ret)
{
    DMV_CLEANUP_VOUCHERS DmvVouchers v = {0};
    DMV_CLEANUP_STRV char **files = NULL;
    DmvJsonBuilder b = {0}, kernels = {0};
    int r = dmv_vouchers_load(x->m, &v);

    if (r == 0)
        r = collect_files(x->m, &files);
    if (r < 0)
        return r;
    x->total = dmv_strv_length(files);
    dmv_jb_array(&kernels);
    for (size_t i = 0; i < x->m->world.n_kernels; i++)
        dmv_jb_add_string(&kernels, x->m->world.kernels[i].release);
    dmv_jb_object(&b);
    dmv_jb_exact_strv(&b, "files", files);
    dmv_jb_value(&b, "kernels", dmv_jb_end(&kernels));
    dmv_jb_exact_strv(&b, "certificates", v.texts);
    *ret = dmv_jb_end(&b);
    return *ret ? 0 : -ENOMEM;
}

static void start(DmvInspector *x)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    json_object *request = NULL;
    int r = make_request(x, &request);

    if (r == 0)
        r = dmv_worker_new(x->m, DMV_WORKER_APPLY, &x->worker, &e);
    if (r == 0)
        r = sd_event_add_time_relative(x->m->event, &x->timeout, CLOCK_MONOTONIC, TIMEOUT_USEC, 0, on_timeout,
                                       x);
    if (r == 0)
        r = dmv_worker_call(x->worker, "Inspect", DMV_TAKE_PTR(request), -1, true, on_reply, x);
    if (request)
        json_object_put(request);
    if (r != 0)
        fail(x, e.why ? e.why : strerror(r < 0 ? -r : EIO));
}

int dmv_inspection_ask(DmvManager *m, VlCall *call, DmvInspectionAnswer answer)
{
    int r;

    if (m->job && m->job->changes_trees)
        return answer(m, call, NULL, "the module trees are being changed: ask again when that is done");
    if (!m->inspector) {
        m->inspector = calloc(1, sizeof(*m->inspector));
        if (!m->inspector)
            return -ENOMEM;
        m->inspector->m = m;
    }
    r = add_waiter(m->inspector, call, answer);
    if (r == 0 && !m->inspector->worker)
        start(m->inspector);
    return r;
}

void dmv_inspection_end(DmvManager *m)
{
    DmvInspector *x = m->inspector;

    if (!x)
        return;
    stop(x);
    for (size_t i = 0; i < x->n_waiters; i++)
        waiter_deinit(&x->waiters[i]);
    free(x->waiters);
    free(x);
    m->inspector = NULL;
}
