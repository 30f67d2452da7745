/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Workers. Whatever a worker does (crash, exit, hang, flood, lie) costs its job and nothing else: every reply
 * is a code, and a broken connection is one of them.
 *
 * One that hangs is given up: it is killed if it is our child, and what it answers later nobody hears. An
 * apply worker, too. It may be in the middle of a change, but then its journal says so, and the recovery that
 * follows undoes it; as long as it lives it holds the lock and nothing can be changed. One that a unit
 * started we cannot kill: the unit does, later.
 */
#include "daemon/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"
#include "dmv/interface.h"
#include "host/spawn.h"

/* A reply of a worker holds progress, a few words, or what one kernel would load for 1,000 devices: a KiB
 * each, now and next. Data comes as descriptors. */
#define MAX_REPLY (8 * 1024 * 1024)
/* In one call. A plan has at most 20,000 steps and a word for each, a transfer ten words a second. */
#define MAX_MESSAGES 100000u
/* What a fetch worker does beside a transfer, which has its own deadline, and all of a call: as its unit
 * says. */
#define FETCH_SILENCE_USEC ((uint64_t)10 * 60 * 1000000)
#define FETCH_TOTAL_USEC ((uint64_t)2 * 3600 * 1000000)
/* What a guest worker has beside what its caller allows: it starts, takes one step with libvirt and answers.
 * Before the worker's own alarm. */
#define GUEST_SILENCE_USEC ((uint64_t)30 * 1000000)

static const struct {
    const char *executable, *interface, *socket;
} kinds[] = {
    [DMV_WORKER_FETCH] = {"dmv-fetch", DMV_FETCH_INTERFACE, "run/dmv/" DMV_FETCH_INTERFACE},
    [DMV_WORKER_APPLY] = {"dmv-apply", DMV_APPLY_INTERFACE, "run/dmv/" DMV_APPLY_INTERFACE},
    [DMV_WORKER_GUEST] = {"dmv-guest", DMV_GUEST_INTERFACE, "run/dmv/" DMV_GUEST_INTERFACE},
};

typedef struct Call {
    DmvWorker *worker; /* NULL: nobody wants the answer any more */
    DmvWorkerReply cb;
    void *userdata;
    uint64_t began; /* by the monotonic clock */
    unsigned n_messages;
} Call;

/* Lives until it is reaped, independent of who still talks to it. */
typedef struct Child {
    DmvWorker *worker; /* NULL: nobody talks to it any more */
    sd_event_source *source;
} Child;

struct DmvWorker {
    DmvManager *m;
    DmvWorkerKind kind;
    VlPeer *peer;           /* NULL: it was given up */
    Child *child;           /* NULL: not our child, or it has ended */
    sd_event_source *timer; /* of the call that runs */
    uint64_t allowance;     /* what a call may take beside the time that it has anyway */
    Call *current;
};

static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata)
{
    Child *c = userdata;

    if (si->si_code != CLD_EXITED || si->si_status != 0)
        dmv_log(LOG_DEBUG, "worker %d ended with %s %d", (int)si->si_pid,
                si->si_code == CLD_EXITED ? "status" : "signal", si->si_status);
    if (c->worker)
        c->worker->child = NULL;
    (void)sd_event_source_unref(source);
    free(c);
    return 0;
}

static int watch_child(DmvWorker *w, pid_t pid)
{
    DMV_CLEANUP_FREE Child *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return -ENOMEM;
    r = sd_event_add_child(w->m->event, &c->source, pid, WEXITED, on_child, c);
    if (r < 0)
        return r;
    c->worker = w;
    w->child = DMV_TAKE_PTR(c);
    return 0;
}

/* By the event source, which knows whether the process id is still that of the child. */
static void kill_child(DmvWorker *w)
{
    if (w->child)
        (void)sd_event_source_send_child_signal(w->child->source, SIGKILL, NULL, 0);
}

static int connect_socket(DmvManager *m, const char *relative)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_path(&m->roots, relative);
    DMV_CLEANUP_CLOSE int fd = -1;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    if (!path || strlen(path) >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    memcpy(sa.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
        return -errno;
    return DMV_TAKE_FD(fd);
}

static int spawn(DmvWorker *w, int *ret_fd)
{
    const DmvManager *m = w->m;
    DMV_CLEANUP_FREE char *path = NULL;
    const char *argv[8];
    size_t n = 0;
    pid_t pid;
    int r;

    if (asprintf(&path, "%s/%s", m->libexec, kinds[w->kind].executable) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (w->kind != DMV_WORKER_FETCH) {
        argv[n++] = "--root";
        argv[n++] = m->roots.root[0] ? m->roots.root : "/";
        if (w->kind == DMV_WORKER_APPLY && m->roots.procfs && !m->roots.running) {
            argv[n++] = "--procfs";
            argv[n++] = m->roots.procfs;
        }
    }
    argv[n] = NULL;
    r = dmv_spawn_worker(path, argv, ret_fd, &pid);
    return r < 0 ? r : watch_child(w, pid);
}

/* Does the service manager start it? In a shutdown it takes every connection to a socket that it is about to
 * stop, and closes it at once. Guests are stopped then, by a daemon of one conversation that starts its guest
 * workers itself; when such a one applies or fetches anything at a shutdown, the sockets of those workers
 * have gone. */
static bool has_unit(const DmvManager *m, DmvWorkerKind kind)
{
    return m->roots.running && !(m->transient && kind == DMV_WORKER_GUEST);
}

int dmv_worker_new(DmvManager *m, DmvWorkerKind kind, DmvWorker **ret, DmvError *reterr)
{
    DmvWorker *w = calloc(1, sizeof(*w));
    int fd = has_unit(m, kind) ? connect_socket(m, kinds[kind].socket) : -ENOENT, r = 0;

    if (!w) {
        (void)dmv_close(fd);
        return -ENOMEM;
    }
    w->m = m;
    w->kind = kind;
    if (fd < 0)
        r = spawn(w, &fd);
    if (r == 0)
        r = vl_peer_new(m->event, fd, MAX_REPLY, &w->peer);
    if (r < 0) {
        (void)dmv_worker_free(w);
        return dmv_error_set(reterr, DMV_WORKER_FAILED, NULL,
                             "check the installation: the workers belong beside dmvd",
                             "%s cannot be started: %s", kinds[kind].executable, strerror(-r));
    }
    *ret = w;
    return 0;
}

DmvWorker *dmv_worker_free(DmvWorker *w)
{
    if (!w)
        return NULL;
    if (w->current)
        w->current->worker = NULL;
    if (w->kind != DMV_WORKER_APPLY)
        kill_child(w);
    if (w->child)
        w->child->worker = NULL;
    w->timer = sd_event_source_disable_unref(w->timer);
    (void)vl_peer_free(w->peer);
    free(w);
    return NULL;
}

bool dmv_worker_is_there(const DmvWorker *w)
{
    return w->peer && vl_peer_is_there(w->peer);
}

/* The worker's words become ours; every field is text that another process wrote. */
static int refused(const char *error, json_object *params, const char *executable, DmvError *e)
{
    const char *reason = NULL, *what = NULL, *why = NULL, *next = NULL;
    int code;
    const DmvJsonField fields[] = {
        {"reason", DMV_JSON_STRING, DMV_JSON_REQUIRED, &reason},
        {"what", DMV_JSON_STRING, 0, &what},
        {"why", DMV_JSON_STRING, 0, &why},
        {"next", DMV_JSON_STRING, 0, &next},
    };

    if (error[0] == '\0')
        return dmv_error_set(e, DMV_WORKER_FAILED, NULL, "journalctl -u dmvd may say more",
                             "%s went away in the middle of it", executable);
    if (!dmv_ends_with(error, ".Refused") ||
        dmv_json_read(params, "error", fields, DMV_N_ELEMENTS(fields), true, NULL) != 0)
        return dmv_error_set(e, DMV_WORKER_FAILED, NULL, NULL, "%s answered with %s", executable, error);
    code = dmv_outcome_from_reason(reason);
    return dmv_error_set(e, code > 0 ? code : DMV_WORKER_FAILED, what, next, "%s", why ? why : reason);
}

int dmv_worker_read(json_object *params, const DmvJsonField *fields, size_t n_fields, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_json_read(params, "reply", fields, n_fields, true, &e);

    return r <= 0 ? r : dmv_error_set(reterr, DMV_WORKER_FAILED, NULL, NULL, "a worker's %s", e.why);
}

/* ---- a call ---- */

/* The worker is over, and so is the call; the callback may free the worker. */
static void give_up(DmvWorker *w, const char *why)
{
    const Call call = *w->current;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int code;

    w->current->worker = NULL;
    w->current = NULL;
    (void)sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
    kill_child(w);
    w->peer = vl_peer_free(w->peer);
    code = dmv_error_set(&e, DMV_WORKER_FAILED, NULL, "journalctl -u dmvd may say more",
                         "%s %s and was given up", kinds[w->kind].executable, why);
    call.cb(call.userdata, code, NULL, NULL, 0, false, &e);
}

static int on_silence(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    give_up(userdata, "took too long");
    return 0;
}

/* The time until the next word. An apply worker may build an image for each kernel, and has no limit for all.
 */
static uint64_t patience(const DmvWorker *w)
{
    const DmvSettings *s = &w->m->settings;
    uint64_t usec = s->worker_timeout * 1000000, transfer = s->fetch_timeout * 1000000 + FETCH_SILENCE_USEC;
    uint64_t gone = dmv_manager_monotonic() - w->current->began;

    if (w->kind == DMV_WORKER_APPLY)
        return usec;
    if (w->kind == DMV_WORKER_GUEST)
        return (usec < GUEST_SILENCE_USEC ? usec : GUEST_SILENCE_USEC) + w->allowance;
    usec = usec < transfer ? usec : transfer;
    if (gone >= FETCH_TOTAL_USEC)
        return 0;
    return usec < FETCH_TOTAL_USEC - gone ? usec : FETCH_TOTAL_USEC - gone;
}

void dmv_worker_allow(DmvWorker *w, uint64_t usec)
{
    w->allowance = usec;
}

static int wait_for_word(DmvWorker *w)
{
    int r;

    if (!w->timer)
        return sd_event_add_time_relative(w->m->event, &w->timer, CLOCK_MONOTONIC, patience(w), 0, on_silence,
                                          w);
    r = sd_event_source_set_time_relative(w->timer, patience(w));
    return r < 0 ? r : sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static void end_call(Call *call)
{
    if (call->worker) {
        call->worker->current = NULL;
        (void)sd_event_source_set_enabled(call->worker->timer, SD_EVENT_OFF);
    }
    free(call);
}

static void on_reply(VlPeer *p, const char *error, json_object *params, int *fds, unsigned n_fds,
                     bool continues, void *userdata)
{
    Call *call = userdata;
    DmvWorker *w = call->worker;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvWorkerReply cb = call->cb;
    void *data = call->userdata;
    int code = 0;

    (void)p;
    if (error)
        code = refused(error, params, w ? kinds[w->kind].executable : "worker", &e);
    if (error || !continues) {
        end_call(call);
    } else if (w && (++call->n_messages > MAX_MESSAGES || wait_for_word(w) < 0)) {
        give_up(w, "talks without an end");
        return;
    }
    if (w)
        cb(data, code, error ? NULL : params, fds, n_fds, continues, &e);
}

int dmv_worker_call(DmvWorker *w, const char *method, json_object *params, int fd, bool more,
                    DmvWorkerReply cb, void *userdata)
{
    DMV_CLEANUP_JSON json_object *owned = params;
    DMV_CLEANUP_FREE char *qualified = NULL;
    Call *call;
    int r;

    if (!w->peer)
        return -ENOTCONN;
    if (!params || w->current || asprintf(&qualified, "%s.%s", kinds[w->kind].interface, method) < 0) {
        qualified = NULL;
        return -ENOMEM;
    }
    call = calloc(1, sizeof(*call));
    if (!call)
        return -ENOMEM;
    *call = (Call){.worker = w, .cb = cb, .userdata = userdata, .began = dmv_manager_monotonic()};
    w->current = call;
    r = wait_for_word(w);
    if (r >= 0)
        r = vl_peer_call(w->peer, qualified, DMV_TAKE_PTR(owned), &fd, fd >= 0 ? 1 : 0, more, on_reply, call);
    if (r < 0)
        end_call(call);
    return r < 0 ? r : 0;
}
