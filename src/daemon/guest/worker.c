/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Server and calls of the guest worker.
 *
 * libvirt and libxenstore wait for as long as their daemons are silent, and cannot be asked to give up. So a
 * call runs to its end before the next one is read, and an alarm ends the process if that is too long: it has
 * nothing to tidy up. Waiting for a guest to shut down is done by the loop.
 */
#include "daemon/guest/worker.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/jsonbuild.h"
#include "config.h"
#include "daemon/guest/confine.h"
#include "daemon/guest/read.h"
#include "dmv/interface.h"
#include "model/guest-reply.h"

#define INTERFACE DMV_GUEST_INTERFACE

#define REQUEST_MAX ((size_t)64 * 1024)
/* dmvd takes no more than 8 MiB. */
#define OUTPUT_MAX ((size_t)7 * 1024 * 1024)
/* How often a guest that shuts down is looked at. */
#define LOOK_USEC ((uint64_t)500 * 1000)

/* A guest that shuts down, and who waits for it. */
typedef struct Stop {
    VlCall *call; /* NULL: nobody waits */
    char *guest;
    uint64_t began;   /* microseconds of the monotonic clock */
    uint64_t seconds; /* that it has */
    sd_event_source *timer;
} Stop;

struct DmvGuestWorker {
    sd_event *event;
    VlServer *server;
    DmvGuestSources sources;
    unsigned seconds;    /* that a step has */
    bool has_read;       /* it has told what a channel knows, and will do nothing else */
    DmvLibvirt *libvirt; /* it stops guests */
    Stop stop;
};

static uint64_t now_usec(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Whole seconds since then. */
static uint64_t seconds_since(uint64_t usec)
{
    return (now_usec() - usec) / 1000000;
}

/* ---- answers ---- */

static int refuse(VlCall *call, int code, const DmvError *e)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "reason", dmv_outcome_reason(code));
    dmv_jb_string(&b, "what", e->what);
    dmv_jb_string(&b, "why", dmv_error_words(e, code));
    dmv_jb_string(&b, "next", e->next);
    return vl_call_error(call, INTERFACE ".Refused", dmv_jb_end(&b));
}

static int refuse_for(VlCall *call, int code, const char *why)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)dmv_error_set(&e, code, NULL, NULL, "%s", why);
    return refuse(call, code, &e);
}

/* ---- reading ---- */

static bool is_asked(DmvChannelKind kind)
{
    return kind == DMV_CHANNEL_LIBVIRT || kind == DMV_CHANNEL_XENSTORE || kind == DMV_CHANNEL_CONFIG;
}

static int on_read(VlCall *call, json_object *params, void *userdata)
{
    DmvGuestWorker *w = userdata;
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvChannelKind kind =
        dmv_channel_kind_from_string(json_object_get_string(json_object_object_get(params, "channel")));
    int64_t seconds = json_object_get_int64(json_object_object_get(params, "timeout"));
    int r;

    if (!is_asked(kind))
        return vl_call_error_invalid(call, "channel");
    if (seconds < 1 || seconds > DMV_GUEST_READ_SECONDS_MAX)
        return vl_call_error_invalid(call, "timeout");
    if (w->has_read || w->libvirt)
        return refuse_for(call, DMV_INVALID_REQUEST, "a worker asks one channel once");
    w->has_read = true;
    (void)alarm((unsigned)seconds + 1); /* a moment after the caller has given it up */
    r = dmv_guest_read_channel(&w->sources, kind, &g, &e);
    (void)alarm(0);
    if (r < 0)
        return refuse(call, r, &e);
    r = vl_call_reply(call, dmv_guest_reply_render(&g, kind));
    return r == -E2BIG ? refuse_for(call, DMV_TOO_LARGE, "the channel tells more than can be taken") : r;
}

/* ---- stopping ---- */

/* The connection that takes orders; made once, as root. That there is no libvirt is not that it does not know
 * a guest. */
static int open_libvirt(DmvGuestWorker *w, DmvError *e)
{
    int r;

    if (w->has_read)
        return dmv_error_set(e, DMV_INVALID_REQUEST, NULL, NULL, "a worker that has asked stops nothing");
    if (w->libvirt)
        return 0;
    if (!w->sources.libvirt)
        return dmv_error_set(e, DMV_UNREACHABLE, NULL, NULL, "this root is not the running system");
    r = dmv_libvirt_open(w->sources.libvirt, true, &w->libvirt, e);
    if (r == 0)
        return dmv_guest_leave_root(e);
    return r == DMV_NO_SUCH_OBJECT ? (e->code = DMV_UNREACHABLE) : r;
}

static json_object *render_stop(int64_t waited, bool is_final, bool has_stopped)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_int(&b, "waited", waited);
    if (is_final)
        dmv_jb_bool(&b, "stopped", has_stopped);
    return dmv_jb_end(&b);
}

static void end_stop(Stop *s)
{
    if (s->call)
        vl_call_set_hooks(s->call, NULL, NULL);
    s->call = vl_call_unref(s->call);
    s->timer = sd_event_source_disable_unref(s->timer);
    free(s->guest);
    s->guest = NULL;
}

/* What it was told it may do later; nobody waits for that. */
static void on_cancel(VlCall *call, void *userdata)
{
    DmvGuestWorker *w = userdata;

    (void)call;
    end_stop(&w->stop);
}

static int look(DmvGuestWorker *w)
{
    Stop *s = &w->stop;
    DMV_CLEANUP_ERROR DmvError e = {0};
    uint64_t waited = seconds_since(s->began);
    bool runs = true;
    int r;

    (void)alarm(w->seconds);
    r = dmv_libvirt_is_running(w->libvirt, s->guest, &runs, &e);
    (void)alarm(0);
    if (r != 0)
        (void)refuse(s->call, r, &e);
    else if (!runs || waited >= s->seconds)
        (void)vl_call_reply(s->call, render_stop((int64_t)waited, true, !runs));
    else
        return vl_call_notify(s->call, render_stop((int64_t)waited, false, false)) < 0 ? -EPIPE : 1;
    return 0;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    DmvGuestWorker *w = userdata;
    int r = look(w);

    (void)usec;
    if (r > 0 && sd_event_source_set_time_relative(source, LOOK_USEC) >= 0 &&
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
        return 0;
    end_stop(&w->stop);
    return 0;
}

/* Asks it to shut down, and goes on when it has. */
static int begin_stop(DmvGuestWorker *w, VlCall *call, const char *guest, int64_t seconds, DmvError *e)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};
    Stop *s = &w->stop;
    int r = dmv_libvirt_shutdown(w->libvirt, guest, e);

    if (r == 0)
        r = dmv_set_string(&s->guest, guest);
    if (r == 0)
        r = sd_event_add_time_relative(w->event, &s->timer, CLOCK_MONOTONIC, 0, 0, on_look, w);
    if (r < 0 || (r > 0 && !s->timer)) {
        end_stop(s);
        return r;
    }
    s->call = vl_call_ref(call);
    s->began = now_usec();
    s->seconds = (uint64_t)seconds;
    vl_call_set_hooks(call, &hooks, w);
    return 0;
}

/* libvirt tells nothing while it saves, and cannot be asked how long it will take. */
static int save(DmvGuestWorker *w, VlCall *call, const char *guest, int64_t seconds, DmvError *e)
{
    uint64_t began = now_usec();
    int r;

    (void)alarm((unsigned)seconds);
    r = dmv_libvirt_save(w->libvirt, guest, e);
    (void)alarm(0);
    return r == 0 ? vl_call_reply(call, render_stop((int64_t)seconds_since(began), true, true)) : r;
}

static int on_stop(VlCall *call, json_object *params, void *userdata)
{
    DmvGuestWorker *w = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *guest = json_object_get_string(json_object_object_get(params, "guest"));
    bool is_saved = json_object_get_boolean(json_object_object_get(params, "save"));
    int64_t seconds = json_object_get_int64(json_object_object_get(params, "timeout"));
    int r;

    if (seconds < 1 || seconds > DMV_GUEST_STOP_SECONDS_MAX)
        return vl_call_error_invalid(call, "timeout");
    if (w->stop.call)
        return refuse_for(call, DMV_BUSY, "another guest is being stopped");
    (void)alarm(w->seconds);
    r = open_libvirt(w, &e);
    if (r == 0)
        r = is_saved ? save(w, call, guest, seconds, &e) : begin_stop(w, call, guest, seconds, &e);
    (void)alarm(0);
    return r != 0 ? refuse(call, r, &e) : 0;
}

static int on_restore(VlCall *call, json_object *params, void *userdata)
{
    DmvGuestWorker *w = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJsonBuilder b = {0};
    int64_t id = 0;
    int r;

    (void)alarm(DMV_GUEST_RESTORE_SECONDS);
    r = open_libvirt(w, &e);
    if (r == 0)
        r = dmv_libvirt_restore(w->libvirt, json_object_get_string(json_object_object_get(params, "guest")),
                                &id, &e);
    (void)alarm(0);
    if (r != 0)
        return refuse(call, r, &e);
    dmv_jb_object(&b);
    dmv_jb_int(&b, "id", id);
    return vl_call_reply(call, dmv_jb_end(&b));
}

/* ---- the server ---- */

static void on_connections(unsigned n, void *userdata)
{
    const DmvGuestWorker *w = userdata;

    if (n == 0)
        (void)sd_event_exit(w->event, 0);
}

static int make_server(DmvGuestWorker *w)
{
    static const struct {
        const char *name;
        VlHandler handler;
    } methods[] = {
        {INTERFACE ".Read", on_read}, {INTERFACE ".Stop", on_stop}, {INTERFACE ".Restore", on_restore}};
    const VlConfig config = {.vendor = "dmv",
                             .product = "dmv-guest",
                             .version = DMV_VERSION,
                             .url = "",
                             .max_request = REQUEST_MAX,
                             .max_output = OUTPUT_MAX,
                             .max_connections = 1};
    int r = vl_server_new(w->event, &config, &w->server);

    if (r == 0)
        r = vl_server_add_interface(w->server, dmv_interface_guest);
    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(methods); i++)
        r = vl_server_bind(w->server, methods[i].name, methods[i].handler, VL_PRIVILEGED, w);
    if (r == 0)
        r = vl_server_check(w->server);
    if (r < 0)
        return r;
    vl_server_on_connections(w->server, on_connections, w);
    r = vl_server_listen_auto(w->server);
    return r == 0 ? -ENOTCONN : r < 0 ? r : 0;
}

int dmv_guest_worker_new(sd_event *event, const DmvRoots *roots, const DmvGuestOptions *options,
                         DmvGuestWorker **ret)
{
    __attribute__((cleanup(dmv_cleanup_guest_worker))) DmvGuestWorker *w = calloc(1, sizeof(*w));
    int r;

    if (!w)
        return -ENOMEM;
    w->event = sd_event_ref(event);
    w->seconds = options->seconds ? options->seconds : DMV_GUEST_CALL_SECONDS;
    w->sources = (DmvGuestSources){.roots = roots,
                                   .libvirt = options->libvirt,
                                   .xenstore = options->xenstore,
                                   .has_xenstore = options->xenstore || roots->running};
    if (!options->libvirt && roots->running)
        w->sources.libvirt = DMV_LIBVIRT_URI;
    r = make_server(w);
    if (r == 0)
        *ret = DMV_TAKE_PTR(w);
    return r;
}

DmvGuestWorker *dmv_guest_worker_free(DmvGuestWorker *w)
{
    if (!w)
        return NULL;
    end_stop(&w->stop);
    (void)vl_server_free(w->server);
    (void)dmv_libvirt_free(w->libvirt);
    (void)sd_event_unref(w->event);
    free(w);
    return NULL;
}
