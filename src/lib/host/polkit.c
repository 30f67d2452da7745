/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * polkit over sd-bus: org.freedesktop.PolicyKit1.Authority, as its reference manual describes it.
 *
 * The connection is made for the first question and ends with the last one. Until the bus has let us in
 * questions wait in a list, because sd-bus would wait for that itself when a descriptor is to be sent. Every
 * question has a timer of its own that counts from the beginning, so a bus that hangs, an authority that
 * does, and one that cannot be started come to the same end.
 *
 * The start time of the process is left to polkit (0): a daemon that sees only its own processes in /proc
 * cannot read it. It needs none: who asks holds the pidfd, and looks whether the process has ended before the
 * answer counts.
 */
#include "host/polkit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/text.h"

#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"
#define SERVICE "org.freedesktop.PolicyKit1"
#define PATH "/org/freedesktop/PolicyKit1/Authority"
#define AUTHORITY "org.freedesktop.PolicyKit1.Authority"
#define LOCAL "org.freedesktop.DBus.Local"
#define SECONDS UINT64_C(1000000)
#define ALLOW_USER_INTERACTION 1u

struct DmvPolkit {
    sd_event *event;
    char *address;
    uint64_t answer_usec, password_usec;
    sd_bus *bus;
    sd_event_source *parting; /* closes the bus, outside of what the bus is doing */
    bool connected;
    uint64_t last_id;
    DmvPolkitCheck *checks;
};

struct DmvPolkitCheck {
    DmvPolkit *polkit;
    DmvPolkitCheck *next, **link;
    char *action, *method;
    uid_t uid;
    pid_t pid;
    int pidfd;
    bool interactive;
    char id[24];       /* what polkit is told to cancel */
    sd_bus_slot *slot; /* the call; NULL: it waits for the connection */
    sd_event_source *timer;
    DmvPolkitAnswer cb;
    void *userdata;
};

static DmvPolkitCheck *check_free(DmvPolkitCheck *c)
{
    DmvPolkit *p = c->polkit;

    if (c->link) {
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
    }
    if (!p->checks && p->bus)
        (void)sd_event_source_set_enabled(p->parting, SD_EVENT_ONESHOT);
    (void)sd_bus_slot_unref(c->slot);
    (void)sd_event_source_disable_unref(c->timer);
    (void)dmv_close(c->pidfd);
    free(c->action);
    free(c->method);
    free(c);
    return NULL;
}
DMV_DEFINE_CLEANUP(DmvPolkitCheck *, cleanup_check, check_free);

/* The one way a check ends, except by its owner. @e is emptied. */
static void end(DmvPolkitCheck *c, int code, DmvError *e)
{
    DmvPolkitAnswer cb = c->cb;
    void *userdata = c->userdata;

    (void)check_free(c);
    cb(code, e, userdata);
    dmv_error_clear(e);
}

static int no_authority(DmvError *e, const char *why, const char *detail)
{
    return dmv_error_set(e, DMV_NO_AUTHORITY, NULL, NULL, "only root may do that, and polkit %s%s%s", why,
                         detail ? ": " : "", detail ? detail : "");
}

/* ---- the answer ---- */

static int judge(const DmvPolkitCheck *c, bool authorized, bool challenge, DmvError *e)
{
    if (authorized && challenge)
        return no_authority(e, "contradicts itself", NULL);
    if (authorized)
        return 0;
    if (!challenge)
        return dmv_error_set(e, DMV_DENIED, NULL, NULL,
                             "only root may do that, and polkit does not allow it to you (%s)", c->action);
    return dmv_error_set(e, DMV_AUTHENTICATION_REQUIRED, NULL, NULL,
                         c->interactive
                             ? "%s needs a password, and there is no agent in your session to ask for it"
                             : "%s needs a password, and nobody is to be asked",
                         c->action);
}

static int read_answer(const DmvPolkitCheck *c, sd_bus_message *m, DmvError *e)
{
    const sd_bus_error *error = sd_bus_message_get_error(m);
    int authorized = 0, challenge = 0, r;

    if (error) {
        DMV_CLEANUP_FREE char *words = dmv_sanitize(error->message ? error->message : error->name);

        return no_authority(e, "does not decide", words);
    }
    r = sd_bus_message_has_signature(m, "(bba{ss})");
    if (r > 0)
        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_STRUCT, "bba{ss}");
    if (r > 0)
        r = sd_bus_message_read(m, "bb", &authorized, &challenge);
    if (r == -ENOMEM)
        return r;
    return r > 0 ? judge(c, authorized, challenge, e) : no_authority(e, "answers what is no answer", NULL);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvPolkitCheck *c = userdata;
    int r = read_answer(c, m, &e);

    (void)reterr;
    end(c, r, &e);
    return 0;
}

/* ---- the question ---- */

static int add_subject(sd_bus_message *m, const DmvPolkitCheck *c)
{
    return sd_bus_message_append(m, "(sa{sv})", "unix-process", 4, "pid", "u", (uint32_t)c->pid, "start-time",
                                 "t", UINT64_C(0), "uid", "i", (int32_t)c->uid, "pidfd", "h", c->pidfd);
}

static int ask(DmvPolkitCheck *c)
{
    __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
    int r =
        sd_bus_message_new_method_call(c->polkit->bus, &m, SERVICE, PATH, AUTHORITY, "CheckAuthorization");

    if (r >= 0)
        r = add_subject(m, c);
    if (r >= 0)
        r = sd_bus_message_append(m, "sa{ss}us", c->action, 1, "method", c->method,
                                  c->interactive ? ALLOW_USER_INTERACTION : 0u, c->id);
    if (r >= 0)
        r = sd_bus_call_async(c->polkit->bus, &c->slot, m, on_answer, c, UINT64_MAX);
    return r < 0 ? r : 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvPolkitCheck *c = userdata;
    DmvPolkitAnswer cb = c->cb;
    void *cb_userdata = c->userdata;

    (void)source;
    (void)usec;
    (void)no_authority(&e, c->interactive ? "has waited too long for a password" : "does not answer", NULL);
    (void)dmv_polkit_cancel(c);
    cb(DMV_NO_AUTHORITY, &e, cb_userdata);
    return 0;
}

/* ---- the connection ---- */

static void part(DmvPolkit *p)
{
    p->bus = sd_bus_close_unref(p->bus);
    p->connected = false;
}

static int on_parting(sd_event_source *source, void *userdata)
{
    DmvPolkit *p = userdata;

    (void)source;
    if (!p->checks)
        part(p);
    return 0;
}

/* What waits can be asked now. The list is begun anew after a check that cannot be: its owner was told. */
static int on_connected(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
    DmvPolkit *p = userdata;

    (void)m;
    (void)reterr;
    p->connected = true;
    for (DmvPolkitCheck *c = p->checks, *next; c; c = next) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r = c->slot ? 0 : ask(c);

        next = c->next;
        if (r < 0) {
            end(c, no_authority(&e, "cannot be asked", strerror(-r)), &e);
            next = p->checks;
        }
    }
    return 0;
}

/* Questions that were asked have had an error for their answer by now, or will. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
    DmvPolkit *p = userdata;

    (void)m;
    (void)reterr;
    part(p);
    while (p->checks) {
        DMV_CLEANUP_ERROR DmvError e = {0};

        end(p->checks, no_authority(&e, "cannot be asked", "the bus has closed the connection"), &e);
    }
    return 0;
}

static int open_bus(DmvPolkit *p, sd_bus *bus)
{
    int r = sd_bus_set_address(bus, p->address);

    if (r >= 0)
        r = sd_bus_set_bus_client(bus, true);
    if (r >= 0)
        r = sd_bus_set_connected_signal(bus, true);
    if (r >= 0)
        r = sd_bus_match_signal(bus, NULL, LOCAL, NULL, LOCAL, "Connected", on_connected, p);
    if (r >= 0)
        r = sd_bus_match_signal(bus, NULL, LOCAL, NULL, LOCAL, "Disconnected", on_disconnected, p);
    if (r >= 0)
        r = sd_bus_start(bus);
    return r >= 0 ? sd_bus_attach_event(bus, p->event, SD_EVENT_PRIORITY_NORMAL) : r;
}

static int connect_bus(DmvPolkit *p)
{
    __attribute__((cleanup(sd_bus_close_unrefp))) sd_bus *bus = NULL;
    int r;

    if (p->bus)
        return 0;
    r = sd_bus_new(&bus);
    if (r >= 0)
        r = open_bus(p, bus);
    if (r < 0)
        return r;
    p->bus = DMV_TAKE_PTR(bus);
    return 0;
}

/* ---- life ---- */

DMV_DEFINE_CLEANUP(DmvPolkit *, cleanup_polkit, dmv_polkit_free);

int dmv_polkit_new(sd_event *event, const DmvPolkitConfig *config, DmvPolkit **ret)
{
    const DmvPolkitConfig defaults = {0};
    DMV_CLEANUP(cleanup_polkit) DmvPolkit *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return -ENOMEM;
    config = config ? config : &defaults;
    p->event = sd_event_ref(event);
    p->answer_usec = config->answer_usec > 0 ? config->answer_usec : DMV_POLKIT_ANSWER_SECONDS * SECONDS;
    p->password_usec =
        config->password_usec > 0 ? config->password_usec : DMV_POLKIT_PASSWORD_SECONDS * SECONDS;
    p->address = strdup(config->address ? config->address : SYSTEM_BUS);
    if (!p->address)
        return -ENOMEM;
    r = sd_event_add_defer(event, &p->parting, on_parting, p);
    if (r >= 0)
        r = sd_event_source_set_enabled(p->parting, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(p);
    return 0;
}

DmvPolkit *dmv_polkit_free(DmvPolkit *p)
{
    if (!p)
        return NULL;
    part(p);
    (void)sd_event_source_disable_unref(p->parting);
    (void)sd_event_unref(p->event);
    free(p->address);
    free(p);
    return NULL;
}

static int check_new(DmvPolkit *p, const DmvPolkitQuestion *q, DmvPolkitCheck **ret)
{
    DMV_CLEANUP(cleanup_check) DmvPolkitCheck *c = calloc(1, sizeof(*c));
    uint64_t limit = q->interactive ? p->password_usec : p->answer_usec;
    int r;

    if (!c)
        return -ENOMEM;
    c->polkit = p;
    c->uid = q->uid;
    c->pid = q->pid;
    c->interactive = q->interactive;
    (void)snprintf(c->id, sizeof(c->id), "dmv-%llu", (unsigned long long)++p->last_id);
    c->pidfd = fcntl(q->pidfd, F_DUPFD_CLOEXEC, 3);
    if (c->pidfd < 0)
        return errno > 0 ? -errno : -EBADF;
    r = dmv_set_string(&c->action, q->action);
    if (r == 0)
        r = dmv_set_string(&c->method, q->method);
    if (r == 0)
        r = sd_event_add_time_relative(p->event, &c->timer, CLOCK_MONOTONIC, limit, 0, on_timeout, c);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(c);
    return 0;
}

int dmv_polkit_check(DmvPolkit *p, const DmvPolkitQuestion *q, DmvPolkitAnswer cb, void *userdata,
                     DmvPolkitCheck **ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_check) DmvPolkitCheck *c = NULL;
    int r = check_new(p, q, &c);

    if (r < 0)
        return r;
    c->cb = cb;
    c->userdata = userdata;
    r = connect_bus(p);
    if (r == 0 && p->connected)
        r = ask(c);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return no_authority(reterr, "cannot be asked",
                            r == -ENOENT ? "there is no D-Bus here" : strerror(-r));
    c->next = p->checks;
    c->link = &p->checks;
    if (c->next)
        c->next->link = &c->next;
    p->checks = c;
    *ret = DMV_TAKE_PTR(c);
    return 0;
}

DmvPolkitCheck *dmv_polkit_cancel(DmvPolkitCheck *c)
{
    if (!c)
        return NULL;
    /* without an answer; if this does not get through either, polkit notices that we have left the bus */
    if (c->slot)
        (void)sd_bus_call_method_async(c->polkit->bus, NULL, SERVICE, PATH, AUTHORITY,
                                       "CancelCheckAuthorization", NULL, NULL, "s", c->id);
    return check_free(c);
}
