/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forecast of the plan.
 *
 * It is no job: it changes nothing, so it neither takes the one place nor waits for it. While a job changes
 * the trees there is nothing to look at, and nobody is made to wait for it: the answer is the plan alone,
 * with the reason. One worker at most is at it; all who ask wait for the same one. A failure is kept for a
 * while, too, because anybody may ask.
 */
#include "daemon/forecast.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/worker.h"
#include "model/render.h"

/* Less than a client waits for a reply. */
#define TIMEOUT_USEC (UINT64_C(30) * 1000000)
/* A worker that hangs ends when depmod's time is up; until then no other one is put beside it. */
#define KEEP_FAILURE_SEC 300

typedef struct Waiter {
    VlCall *call;
    DmvForecastAnswer answer;
    char *object;
} Waiter;

struct DmvForecaster {
    DmvManager *m;
    DmvWorker *worker; /* at it, or NULL */
    sd_event_source *timeout, *again;
    DmvOutlook *outlooks; /* that came until now */
    size_t n_outlooks;
    Waiter *waiters;
    size_t n_waiters;
    bool known; /* @forecast is one */
    DmvForecast forecast;
    char *failure; /* why there is none, or NULL */
    time_t failed; /* CLOCK_MONOTONIC, seconds */
};

static time_t monotonic_sec(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* ---- those who wait ---- */

static void waiter_deinit(Waiter *w)
{
    vl_call_set_hooks(w->call, NULL, NULL);
    w->call = vl_call_unref(w->call);
    free(w->object);
}

static int answer_one(DmvForecaster *f, VlCall *call, DmvForecastAnswer answer, const char *object,
                      const char *problem)
{
    return answer(f->m, call, f->known && !problem ? &f->forecast : NULL, problem, object);
}

/* The list is taken first: an answer may make somebody ask again. */
static void answer_all(DmvForecaster *f, const char *problem)
{
    Waiter *waiters = DMV_TAKE_PTR(f->waiters);
    size_t n = f->n_waiters;

    f->n_waiters = 0;
    for (size_t i = 0; i < n; i++) {
        int r = answer_one(f, waiters[i].call, waiters[i].answer, waiters[i].object, problem);
        DmvError e = {.code = r};

        if (r < 0)
            (void)dmv_reply_error(waiters[i].call, &e);
        waiter_deinit(&waiters[i]);
    }
    free(waiters);
}

static void on_cancel(VlCall *call, void *userdata)
{
    DmvForecaster *f = userdata;

    for (size_t i = 0; i < f->n_waiters; i++)
        if (f->waiters[i].call == call) {
            Waiter gone = f->waiters[i];

            f->waiters[i] = f->waiters[--f->n_waiters];
            waiter_deinit(&gone);
            return;
        }
}

static int add_waiter(DmvForecaster *f, VlCall *call, DmvForecastAnswer answer, const char *object)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};
    DMV_CLEANUP_FREE char *copy = NULL;
    Waiter *w = NULL;
    int r = dmv_set_string(&copy, object);

    if (r == 0)
        w = DMV_ARRAY_ADD(f->waiters, f->n_waiters);
    if (!w)
        return -ENOMEM;
    *w = (Waiter){.call = vl_call_ref(call), .answer = answer, .object = DMV_TAKE_PTR(copy)};
    vl_call_set_hooks(call, &hooks, f);
    return 0;
}

/* ---- the worker ---- */

static void drop_worker(DmvForecaster *f)
{
    f->worker = dmv_worker_free(f->worker);
    f->timeout = sd_event_source_disable_unref(f->timeout);
    for (size_t i = 0; i < f->n_outlooks; i++)
        dmv_outlook_deinit(&f->outlooks[i]);
    free(f->outlooks);
    f->outlooks = NULL;
    f->n_outlooks = 0;
}

static void forget_failure(DmvForecaster *f)
{
    free(f->failure);
    f->failure = NULL;
}

static void fail(DmvForecaster *f, const char *why)
{
    drop_worker(f);
    dmv_log(LOG_WARNING, "there is no forecast: %s", why);
    if (dmv_set_string(&f->failure, why) < 0)
        f->failure = NULL;
    f->failed = monotonic_sec();
    answer_all(f, f->failure ? f->failure : "out of memory");
}

static void succeed(DmvForecaster *f)
{
    int r = dmv_forecast(&f->m->view, &f->m->plan, f->outlooks, f->n_outlooks, &f->forecast);

    if (r < 0) {
        fail(f, strerror(-r));
        return;
    }
    drop_worker(f);
    f->known = true;
    answer_all(f, NULL);
}

static void on_reply(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                     DmvError *e)
{
    DmvForecaster *f = userdata;
    DmvOutlook *o;

    (void)fds;
    (void)n_fds;
    if (code == 0 && !continues) {
        succeed(f);
        return;
    }
    if (code == 0) {
        o = DMV_ARRAY_ADD(f->outlooks, f->n_outlooks);
        code = o ? dmv_outlook_read(params, o, e) : -ENOMEM;
    }
    if (code != 0)
        fail(f, dmv_error_words(e, code));
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    fail(userdata, "the lookups did not end in time");
    return 0;
}

static json_object *make_request(const DmvManager *m)
{
    DMV_CLEANUP_STRV char **keys = NULL;
    DmvJsonBuilder b = {0}, kernels = {0};

    if (dmv_forecast_keys(&m->world, &keys) < 0)
        return NULL;
    dmv_jb_array(&kernels);
    for (size_t i = 0; i < m->world.n_kernels; i++)
        if (dmv_kernel_is_usable(&m->world.kernels[i]))
            dmv_jb_add_string(&kernels, m->world.kernels[i].release);
    dmv_jb_object(&b);
    dmv_jb_value(&b, "steps", dmv_render_steps(&m->plan));
    dmv_jb_value(&b, "kernels", dmv_jb_end(&kernels));
    dmv_jb_exact_strv(&b, "keys", keys);
    return dmv_jb_end(&b);
}

static void start(DmvForecaster *f)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_worker_new(f->m, DMV_WORKER_APPLY, &f->worker, &e);

    forget_failure(f);
    if (r == 0)
        r = sd_event_add_time_relative(f->m->event, &f->timeout, CLOCK_MONOTONIC, TIMEOUT_USEC, 0, on_timeout,
                                       f);
    if (r >= 0 && f->worker)
        r = dmv_worker_call(f->worker, "Forecast", make_request(f->m), -1, true, on_reply, f);
    if (r != 0)
        fail(f, e.why ? e.why : strerror(r < 0 ? -r : EIO));
}

/* ---- the calls ---- */

static const char *why_not_now(const DmvManager *m)
{
    if (m->job && m->job->changes_trees)
        return "the module trees are being changed: ask again when that is done";
    return NULL;
}

static DmvForecaster *forecaster(DmvManager *m)
{
    if (!m->forecaster) {
        m->forecaster = calloc(1, sizeof(*m->forecaster));
        if (m->forecaster)
            m->forecaster->m = m;
    }
    return m->forecaster;
}

int dmv_forecast_ask(DmvManager *m, VlCall *call, DmvForecastAnswer answer, const char *object)
{
    DmvForecaster *f = forecaster(m);
    const char *problem = why_not_now(m);
    int r;

    if (!f)
        return -ENOMEM;
    if (f->failure && monotonic_sec() - f->failed < KEEP_FAILURE_SEC && !f->worker)
        problem = problem ? problem : f->failure;
    if (f->known || problem)
        return answer_one(f, call, answer, object, problem);
    r = add_waiter(f, call, answer, object);
    if (r == 0 && !f->worker && !f->again)
        start(f);
    return r;
}

/* In a turn of its own, when the plan is there again. */
static int on_again(sd_event_source *source, void *userdata)
{
    DmvForecaster *f = userdata;
    const char *problem = why_not_now(f->m);

    (void)source;
    f->again = sd_event_source_unref(f->again);
    if (f->m->plan_error.code != 0)
        problem = "there is no plan any more";
    if (problem)
        answer_all(f, problem);
    else if (f->n_waiters > 0)
        start(f);
    return 0;
}

void dmv_forecast_forget(DmvManager *m)
{
    DmvForecaster *f = m->forecaster;

    if (!f)
        return;
    drop_worker(f);
    dmv_forecast_deinit(&f->forecast);
    f->known = false;
    forget_failure(f);
    if (f->n_waiters > 0 && !f->again && sd_event_add_defer(m->event, &f->again, on_again, f) < 0)
        answer_all(f, "out of memory");
}

void dmv_forecast_end(DmvManager *m)
{
    DmvForecaster *f = m->forecaster;

    if (!f)
        return;
    drop_worker(f);
    f->again = sd_event_source_disable_unref(f->again);
    for (size_t i = 0; i < f->n_waiters; i++)
        waiter_deinit(&f->waiters[i]);
    free(f->waiters);
    dmv_forecast_deinit(&f->forecast);
    forget_failure(f);
    free(f);
    m->forecaster = NULL;
}
