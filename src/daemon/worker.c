/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Workers. Whatever a worker does (crash, exit, flood, lie) costs its job and nothing else: every reply is a
 * code, and a broken connection is one of them.
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

static const struct {
    const char *executable, *interface, *socket;
} kinds[] = {
    [DMV_WORKER_FETCH] = {"dmv-fetch", DMV_FETCH_INTERFACE, "run/dmv/" DMV_FETCH_INTERFACE},
    [DMV_WORKER_APPLY] = {"dmv-apply", DMV_APPLY_INTERFACE, "run/dmv/" DMV_APPLY_INTERFACE},
};

typedef struct Call {
    DmvWorker *worker; /* NULL: nobody wants the answer any more */
    DmvWorkerReply cb;
    void *userdata;
} Call;

struct DmvWorker {
    DmvManager *m;
    DmvWorkerKind kind;
    VlPeer *peer;
    pid_t pid; /* 0: not our child */
    Call *current;
};

static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata)
{
    const char *name = userdata;

    if (si->si_code != CLD_EXITED || si->si_status != 0)
        dmv_log(LOG_DEBUG, "worker %s[%d] ended with %s %d", name, (int)si->si_pid,
                si->si_code == CLD_EXITED ? "status" : "signal", si->si_status);
    (void)sd_event_source_unref(source);
    return 0;
}

/* Reaps the child whenever it ends, independent of who still talks to it. */
static int watch_child(DmvManager *m, pid_t pid, const char *name)
{
    sd_event_source *source = NULL;
    union {
        const char *in;
        void *out;
    } cookie = {.in = name};

    return sd_event_add_child(m->event, &source, pid, WEXITED, on_child, cookie.out);
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

static int spawn(DmvManager *m, DmvWorkerKind kind, int *ret_fd, pid_t *ret_pid)
{
    DMV_CLEANUP_FREE char *path = NULL;
    const char *argv[8];
    size_t n = 0;
    int r;

    if (asprintf(&path, "%s/%s", m->libexec, kinds[kind].executable) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (kind == DMV_WORKER_APPLY) {
        argv[n++] = "--root";
        argv[n++] = m->roots.root[0] ? m->roots.root : "/";
        if (m->roots.procfs && !m->roots.running) {
            argv[n++] = "--procfs";
            argv[n++] = m->roots.procfs;
        }
    }
    argv[n] = NULL;
    r = dmv_spawn_worker(path, argv, ret_fd, ret_pid);
    if (r == 0)
        r = watch_child(m, *ret_pid, kinds[kind].executable);
    return r;
}

int dmv_worker_new(DmvManager *m, DmvWorkerKind kind, DmvWorker **ret, DmvError *reterr)
{
    DmvWorker *w = calloc(1, sizeof(*w));
    int fd = m->roots.running ? connect_socket(m, kinds[kind].socket) : -ENOENT, r = 0;

    if (!w) {
        (void)dmv_close(fd);
        return -ENOMEM;
    }
    w->m = m;
    w->kind = kind;
    if (fd < 0)
        r = spawn(m, kind, &fd, &w->pid);
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
    if (w->pid > 0 && w->kind == DMV_WORKER_FETCH)
        (void)kill(w->pid, SIGKILL);
    (void)vl_peer_free(w->peer);
    free(w);
    return NULL;
}

/* The worker's words become ours; every field is text that another process wrote. */
static int refused(const char *error, json_object *params, const char *executable, DmvError *e)
{
    const char *reason = NULL, *what = NULL, *why = NULL, *next = NULL;
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
    return dmv_error_set(e, dmv_outcome_from_reason(reason), what, next, "%s", why ? why : reason);
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
        if (w)
            w->current = NULL;
        free(call);
    }
    if (w)
        cb(data, code, error ? NULL : params, fds, n_fds, continues, &e);
}

int dmv_worker_call(DmvWorker *w, const char *method, json_object *params, int fd, bool more,
                    DmvWorkerReply cb, void *userdata)
{
    DMV_CLEANUP_FREE char *qualified = NULL;
    Call *call = params && !w->current ? calloc(1, sizeof(*call)) : NULL;
    int r;

    if (!call || asprintf(&qualified, "%s.%s", kinds[w->kind].interface, method) < 0) {
        qualified = NULL;
        free(call);
        if (params)
            json_object_put(params);
        return -ENOMEM;
    }
    *call = (Call){.worker = w, .cb = cb, .userdata = userdata};
    w->current = call;
    r = vl_peer_call(w->peer, qualified, params, &fd, fd >= 0 ? 1 : 0, more, on_reply, call);
    if (r < 0) {
        w->current = NULL;
        free(call);
    }
    return r;
}
