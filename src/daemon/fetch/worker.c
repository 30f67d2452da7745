/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Server, loop and the frame of a job. Why jobs run beside the loop: see worker.h. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

#define FETCH "io.dmv.Fetch"
/* A package has up to 4096 files with a path and a hash each. */
#define REQUEST_MAX ((size_t)8 * 1024 * 1024)
#define TELL_EVERY_USEC ((uint64_t)100 * 1000)
/* Turns of the loop in one callback: enough to write what is queued and to see a hangup. */
#define TURNS 4

extern const char dmv_interface_fetch[];

DMV_DEFINE_CLEANUP(sd_event *, cleanup_event, sd_event_unref);
DMV_DEFINE_CLEANUP(VlServer *, cleanup_server, vl_server_free);

static uint64_t now_usec(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- progress ---- */

/* Lets the loop write what is queued and notice a client that went away. */
static int turn(DmvFetchWorker *w)
{
    for (int i = 0; i < TURNS && sd_event_run(w->event, 0) > 0; i++)
        ;
    return w->cancelled || w->over ? DMV_CANCELLED : 0;
}

static int tell(DmvFetchWorker *w, uint64_t done, uint64_t total)
{
    DMV_CLEANUP_JSON json_object *params = json_object_new_object();

    w->told_usec = now_usec();
    if (dmv_json_add_string(params, "phase", w->phase) == 0 &&
        dmv_json_add_int(params, "done", (int64_t)done) == 0 &&
        (total == 0 || dmv_json_add_int(params, "total", (int64_t)total) == 0))
        (void)vl_call_notify(w->call, DMV_TAKE_PTR(params)); /* a client that reads slowly misses some */
    return turn(w);
}

int dmv_fetch_progress(uint64_t done, uint64_t total, void *worker)
{
    DmvFetchWorker *w = worker;

    if (now_usec() - w->told_usec < TELL_EVERY_USEC)
        return 0;
    return tell(w, done, total) == 0 ? 0 : -ECANCELED;
}

int dmv_fetch_begin_phase(DmvFetchWorker *w, const char *phase, uint64_t total)
{
    w->phase = phase;
    return tell(w, 0, total);
}

int dmv_fetch_make_folder(DmvFetchWorker *w, const char *kind, mode_t mode, char **ret_name)
{
    DMV_CLEANUP_FREE char *name = NULL;

    if (asprintf(&name, "%s-%u", kind, w->n_jobs++) < 0)
        return name = NULL, -ENOMEM;
    if (mkdirat(w->dirfd, name, mode) < 0)
        return -errno;
    *ret_name = DMV_TAKE_PTR(name);
    return 0;
}

/* ---- jobs ---- */

static void on_cancel(VlCall *call, void *userdata)
{
    DmvFetchWorker *w = userdata;

    (void)call;
    w->cancelled = true;
}

/* There is one connection, and it gets its next call only when this one was answered. */
static int take_job(DmvFetchWorker *w, VlCall *call, json_object *params,
                    int (*job)(DmvFetchWorker *w, DmvError *reterr))
{
    static const VlCallHooks hooks = {.cancel = on_cancel};

    if (w->call)
        return -EBUSY;
    w->call = vl_call_ref(call);
    w->params = json_object_get(params);
    w->job = job;
    w->phase = NULL;
    w->cancelled = false;
    w->told_usec = 0;
    vl_call_set_hooks(call, &hooks, w);
    return 0;
}

static int on_fetch_catalog(VlCall *call, json_object *params, void *userdata)
{
    return take_job(userdata, call, params, dmv_fetch_job_catalog);
}

static int on_read_disk(VlCall *call, json_object *params, void *userdata)
{
    return take_job(userdata, call, params, dmv_fetch_job_disk);
}

static int on_fetch_package(VlCall *call, json_object *params, void *userdata)
{
    return take_job(userdata, call, params, dmv_fetch_job_package);
}

static int on_find_owners(VlCall *call, json_object *params, void *userdata)
{
    return take_job(userdata, call, params, dmv_fetch_job_owners);
}

static void refuse(VlCall *call, int code, const DmvError *e)
{
    DMV_CLEANUP_JSON json_object *params = json_object_new_object();
    const char *why = e->why ? e->why : code < 0 ? strerror(-code) : NULL;

    if (dmv_json_add_string(params, "reason", dmv_outcome_reason(code)) == 0 &&
        dmv_json_add_string(params, "what", e->what) == 0 && dmv_json_add_string(params, "why", why) == 0 &&
        dmv_json_add_string(params, "next", e->next) == 0)
        (void)vl_call_error(call, FETCH ".Refused", DMV_TAKE_PTR(params));
}

static void run_job(DmvFetchWorker *w)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = w->job(w, &e);

    if (r != 0)
        refuse(w->call, r, &e);
    vl_call_set_hooks(w->call, NULL, NULL);
    w->call = vl_call_unref(w->call);
    json_object_put(w->params);
    w->params = NULL;
}

/* ---- the server ---- */

static void on_connections(unsigned n, void *userdata)
{
    DmvFetchWorker *w = userdata;

    if (n == 0)
        w->over = true;
}

static int make_server(DmvFetchWorker *w)
{
    const VlConfig config = {
        .vendor = "dmv",
        .product = "dmv-fetch",
        .version = "1",
        .url = "",
        .max_request = REQUEST_MAX,
        .max_connections = 1,
        .accept_fds = true,
    };
    int r = vl_server_new(w->event, &config, &w->server);

    if (r == 0)
        r = vl_server_add_interface(w->server, dmv_interface_fetch);
    if (r == 0)
        r = vl_server_bind(w->server, FETCH ".FetchCatalog", on_fetch_catalog, 0, w);
    if (r == 0)
        r = vl_server_bind(w->server, FETCH ".ReadDisk", on_read_disk, 0, w);
    if (r == 0)
        r = vl_server_bind(w->server, FETCH ".FetchPackage", on_fetch_package, 0, w);
    if (r == 0)
        r = vl_server_bind(w->server, FETCH ".FindOwners", on_find_owners, 0, w);
    if (r == 0)
        r = vl_server_check(w->server);
    if (r < 0)
        return r;
    vl_server_on_connections(w->server, on_connections, w);
    r = vl_server_listen_auto(w->server);
    return r == 0 ? -ENOTCONN : r < 0 ? r : 0;
}

static int loop(DmvFetchWorker *w)
{
    while (!w->over) {
        int r = sd_event_run(w->event, UINT64_MAX);

        if (r < 0)
            return r;
        if (w->call)
            run_job(w);
    }
    return 0;
}

int dmv_fetch_worker_run(const char *folder)
{
    DMV_CLEANUP(cleanup_event) sd_event *event = NULL;
    DMV_CLEANUP(cleanup_server) VlServer *server = NULL;
    DMV_CLEANUP_CLOSE int dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DmvFetchWorker w = {.folder = folder, .dirfd = dirfd};
    int r;

    if (dirfd < 0)
        return -errno;
    r = sd_event_new(&event);
    if (r < 0)
        return r;
    w.event = event;
    r = make_server(&w);
    server = w.server;
    return r < 0 ? r : loop(&w);
}
