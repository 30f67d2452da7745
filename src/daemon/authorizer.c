/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may change something without being root: polkit says so, for the process that made the connection.
 *
 * The call is kept while polkit decides, and nothing has looked at it by then; when it is allowed it begins
 * as any other call does, in the state that the host has at that moment. The process is the pidfd that the
 * kernel took down with the connection: it is looked at before polkit is asked, and by vl_call_allow() before
 * the method runs. Since it has not ended in between, its process id has meant nobody else in between either,
 * and that is what older versions of polkit go by. A kernel that does not hand out that pidfd leaves changes
 * to root.
 */
#include "daemon/authorizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/methods.h"
#include "host/polkit.h"
#include "model/action.h"

typedef struct Open {
    DmvAuthorizer *authorizer;
    struct Open *next, **link;
    VlCall *call;
    DmvPolkitCheck *check;
    const char *action;
} Open;

struct DmvAuthorizer {
    DmvManager *manager;
    DmvPolkit *polkit;
    Open *open;
};

static Open *open_free(Open *o)
{
    if (o->link) {
        *o->link = o->next;
        if (o->next)
            o->next->link = o->link;
    }
    (void)dmv_polkit_cancel(o->check);
    (void)vl_call_unref(o->call);
    free(o);
    return NULL;
}
DMV_DEFINE_CLEANUP(Open *, cleanup_open, open_free);

static const char *method_of(const VlCall *call)
{
    return strrchr(vl_call_method(call), '.') + 1;
}

static const char *what_helps(int code)
{
    if (code == DMV_DENIED)
        return "run this as root, or have it allowed: dmvd(8), AUTHORISATION";
    if (code == DMV_AUTHENTICATION_REQUIRED)
        return "run this as root, or where somebody can type a password: dmvctl at a terminal";
    return "run this as root";
}

/* Answers with the error. Whoever asks without end could push everything else out of the journal, and polkit
 * has one of its own: so no more than a debug message. */
static int refuse(VlCall *call, DmvError *e, int code)
{
    const VlPeerInfo *peer = vl_call_peer(call);

    e->code = code;
    dmv_error_set_next(e, "%s", what_helps(code));
    dmv_log(LOG_DEBUG, "%s by user %lld (process %lld) is refused: %s", method_of(call), (long long)peer->uid,
            (long long)peer->pid, dmv_error_words(e, code));
    return dmv_reply_error(call, e);
}

static int explain_process(DmvError *e, int process)
{
    return dmv_error_set(
        e, DMV_NO_AUTHORITY, NULL, NULL, "only root may do that, and polkit cannot be asked: %s",
        process == -ENODATA ? "this kernel does not say which process has connected (Linux 6.5 does)"
                            : "the process that has connected has ended");
}

static void on_answer(int code, DmvError *e, void *userdata)
{
    DMV_CLEANUP(cleanup_open) Open *o = userdata;
    const VlPeerInfo *peer = vl_call_peer(o->call);
    int r;

    o->check = NULL;
    vl_call_set_hooks(o->call, NULL, NULL);
    if (code == 0 && o->authorizer->manager->leaving)
        code = dmv_error_set(e, DMV_UNREACHABLE, NULL, "try again", "the daemon is stopping");
    if (code != 0) {
        (void)refuse(o->call, e, code);
        return;
    }
    dmv_log(LOG_INFO, "%s by user %lld (process %lld) is allowed by polkit (%s)", method_of(o->call),
            (long long)peer->uid, (long long)peer->pid, o->action);
    r = vl_call_allow(o->call);
    if (r < 0)
        (void)refuse(o->call, e, explain_process(e, r));
}

static void on_cancel(VlCall *call, void *userdata)
{
    (void)call;
    (void)open_free(userdata);
}

static int check_room(const DmvAuthorizer *a, uid_t uid, DmvError *e)
{
    unsigned n = 0;

    for (const Open *o = a->open; o; o = o->next)
        n += vl_call_peer(o->call)->uid == uid;
    if (n < DMV_AUTHORIZER_OPEN_MAX)
        return 0;
    return dmv_error_set(e, DMV_BUSY, NULL, "try again when they are answered",
                         "polkit is being asked about %u calls of yours already", n);
}

static int begin(DmvAuthorizer *a, VlCall *call, const char *action, bool interactive, DmvError *e)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};
    DMV_CLEANUP(cleanup_open) Open *o = calloc(1, sizeof(*o));
    const VlPeerInfo *peer = vl_call_peer(call);
    DmvPolkitQuestion q = {.action = action,
                           .method = method_of(call),
                           .uid = peer->uid,
                           .pid = peer->pid,
                           .pidfd = vl_call_process(call),
                           .interactive = interactive};
    int r;

    if (!o)
        return -ENOMEM;
    if (q.pidfd < 0)
        return explain_process(e, q.pidfd);
    r = dmv_polkit_check(a->polkit, &q, on_answer, o, &o->check, e);
    if (r != 0)
        return r;
    o->authorizer = a;
    o->call = vl_call_ref(call);
    o->action = action;
    o->next = a->open;
    o->link = &a->open;
    if (o->next)
        o->next->link = &o->next;
    a->open = o;
    vl_call_set_hooks(call, &hooks, DMV_TAKE_PTR(o));
    return 0;
}

/* Nothing was validated yet: what is no boolean is none, and refused later. */
static bool says(json_object *params, const char *member)
{
    json_object *v = NULL;

    return json_object_object_get_ex(params, member, &v) && json_object_is_type(v, json_type_boolean) &&
           json_object_get_boolean(v);
}

static int authorize(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvAuthorizer *a = userdata;
    const char *action = NULL;
    int r = dmv_action_find(method_of(call), says(params, "now"), &action);

    if (r != 0)
        r = dmv_error_set(&e, DMV_DENIED, NULL, "run this as root", "only root may do that");
    if (r == 0)
        r = check_room(a, vl_call_peer(call)->uid, &e);
    if (r == 0)
        r = begin(a, call, action, says(params, "allowInteractiveAuthentication"), &e);
    return r == 0 ? 0 : refuse(call, &e, r);
}

DMV_DEFINE_CLEANUP(DmvAuthorizer *, cleanup_authorizer, dmv_authorizer_free);

int dmv_authorizer_new(DmvManager *m)
{
    DMV_CLEANUP(cleanup_authorizer) DmvAuthorizer *a = calloc(1, sizeof(*a));
    int r;

    if (!a)
        return -ENOMEM;
    a->manager = m;
    r = dmv_polkit_new(m->event, NULL, &a->polkit);
    if (r < 0)
        return r;
    vl_server_set_authorizer(m->server, authorize, a);
    m->authorizer = DMV_TAKE_PTR(a);
    return 0;
}

DmvAuthorizer *dmv_authorizer_free(DmvAuthorizer *a)
{
    if (!a)
        return NULL;
    while (a->open)
        (void)open_free(a->open);
    (void)dmv_polkit_free(a->polkit);
    free(a);
    return NULL;
}
