/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One running call: answering it, now or later.
 *
 * Everything that goes back to a client passes call_send(), so that a oneway call is answered by nobody,
 * errors included, and `continues` only ever follows `more`. A call that nobody answered before its last
 * reference went is answered with the server's failure, so that no client waits for ever.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "internal.h"

VlCall *vl_call_new(VlConnection *c, VlMessage *m, VlFds *fds)
{
    VlCall *call = calloc(1, sizeof(*call));

    if (!call) {
        vl_message_deinit(m);
        vl_fds_close(fds);
        return NULL;
    }
    *call = (VlCall){.refs = 1, .connection = c, .message = *m, .fds = *fds, .peer = c->peer};
    *m = (VlMessage){0};
    fds->n = 0;
    c->call = call;
    return call;
}

VlCall *vl_call_ref(VlCall *c)
{
    c->refs++;
    return c;
}

VlCall *vl_call_unref(VlCall *c)
{
    if (!c)
        return NULL;
    if (c->refs == 1 && c->connection) {
        c->hooks = (VlCallHooks){0};
        (void)vl_call_fail(c, -ENODATA);
    }
    if (--c->refs > 0)
        return NULL;
    if (c->connection) {
        /* not even the failure could be sent */
        c->connection->call = NULL;
        vl_connection_kill(c->connection);
    }
    vl_fds_close(&c->fds);
    vl_message_deinit(&c->message);
    free(c);
    return NULL;
}

const char *vl_call_method(const VlCall *c)
{
    return c->message.method;
}

bool vl_call_wants_more(const VlCall *c)
{
    return c->message.more;
}

const VlPeerInfo *vl_call_peer(const VlCall *c)
{
    return &c->peer;
}

int vl_call_process(const VlCall *c)
{
    if (!c->connection)
        return -ENOTCONN;
    if (c->connection->process < 0)
        return -ENODATA;
    return vl_process_is_alive(c->connection->process) ? c->connection->process : -ESRCH;
}

int vl_call_allow(VlCall *c)
{
    int process = vl_call_process(c);

    if (!c->asked)
        return -EINVAL;
    if (process < 0)
        return process;
    c->asked = false;
    vl_call_set_hooks(c, NULL, NULL);
    vl_server_proceed(c->connection->server, c);
    return 0;
}

int vl_call_take_fd(VlCall *c, unsigned i)
{
    if (i >= c->fds.n || c->fds.fd[i] < 0)
        return -ENOENT;
    return DMV_TAKE_FD(c->fds.fd[i]);
}

void vl_call_set_hooks(VlCall *c, const VlCallHooks *hooks, void *userdata)
{
    c->hooks = hooks ? *hooks : (VlCallHooks){0};
    c->userdata = userdata;
}

/* Parts call and connection after the final answer. */
static void end(VlCall *c)
{
    VlConnection *connection = c->connection;

    c->connection = NULL;
    connection->call = NULL;
    vl_connection_wake(connection);
}

void vl_call_cancel(VlCall *c)
{
    vl_call_ref(c);
    c->connection->call = NULL;
    c->connection = NULL;
    if (c->hooks.cancel)
        c->hooks.cancel(c, c->userdata);
    vl_call_unref(c);
}

/* Return: 1 above the high water mark, 0, or a negative errno. */
static int queue(VlCall *c, const char *text, size_t size, const int *fds, unsigned n_fds)
{
    VlStream *stream = &c->connection->stream;
    int r;

    r = vl_stream_queue(stream, text, size, fds, n_fds);
    if (r == -ENOBUFS)
        vl_connection_kill(c->connection);
    if (r < 0)
        return r;
    return vl_stream_queued(stream) >= VL_HIGH_WATER;
}

static int call_send(VlCall *c, const char *error, json_object *params, const int *fds, unsigned n_fds)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size;
    int r = 0;

    if (!c->connection)
        return -ENOTCONN;
    if (!c->message.oneway) {
        vl_server_check_answer(c->connection->server, c, error, params);
        r = vl_message_format_reply(error, params, false, &text, &size);
        if (r == 0)
            r = queue(c, text, size, fds, n_fds);
        if (r < 0 && r != -ENOTCONN)
            return r;
    }
    end(c);
    return r < 0 ? r : 0;
}

int vl_call_reply(VlCall *c, json_object *params)
{
    return vl_call_reply_fds(c, params, NULL, 0);
}

int vl_call_reply_fds(VlCall *c, json_object *params, const int *fds, unsigned n_fds)
{
    DMV_CLEANUP_JSON json_object *owned = params;

    return call_send(c, NULL, owned, fds, n_fds);
}

int vl_call_error(VlCall *c, const char *id, json_object *params)
{
    DMV_CLEANUP_JSON json_object *owned = params;

    return id ? call_send(c, id, owned, NULL, 0) : -EINVAL;
}

int vl_call_error_invalid(VlCall *c, const char *field)
{
    json_object *params = json_object_new_object();

    if (dmv_json_add_string(params, "parameter", field) < 0) {
        json_object_put(params);
        return -ENOMEM;
    }
    return vl_call_error(c, VL_SERVICE ".InvalidParameter", params);
}

int vl_call_fail(VlCall *c, int error)
{
    const VlServer *s = c->connection ? c->connection->server : NULL;
    json_object *params;

    if (!s)
        return -ENOTCONN;
    if (s->on_failure && s->on_failure(c, error, s->on_failure_userdata) == 0)
        return 0;
    if (!c->connection)
        return -ENOTCONN;
    params = json_object_new_object();
    if (dmv_json_add_int(params, "errno", -(int64_t)error) < 0) {
        json_object_put(params);
        return -ENOMEM;
    }
    return vl_call_error(c, s->failure, params);
}

int vl_call_notify_text(VlCall *c, const char *text, size_t size)
{
    int r;

    if (!c->connection)
        return -ENOTCONN;
    if (!c->message.more)
        return 0;
    r = queue(c, text, size, NULL, 0);
    if (r > 0)
        c->drain_wanted = true;
    vl_connection_wake(c->connection);
    return r;
}

int vl_call_notify(VlCall *c, json_object *params)
{
    DMV_CLEANUP_JSON json_object *owned = params;
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size;
    int r;

    if (!c->connection)
        return -ENOTCONN;
    if (!c->message.more)
        return 0;
    vl_server_check_answer(c->connection->server, c, NULL, owned);
    r = vl_message_format_reply(NULL, owned, true, &text, &size);
    return r < 0 ? r : vl_call_notify_text(c, text, size);
}
