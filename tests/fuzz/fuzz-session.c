/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole session with a server: the first byte says in which pieces the rest is sent and how it ends.
 * Afterwards no connection and no call is left.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "varlink/varlink.h"

static VlCall *kept;

static void on_cancel(VlCall *c, void *userdata)
{
    (void)userdata;
    must(c == kept);
    kept = vl_call_unref(kept);
}

static int on_keep(VlCall *c, json_object *params, void *userdata)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};

    int r;

    (void)params;
    (void)userdata;
    must(!kept);
    kept = vl_call_ref(c);
    vl_call_set_hooks(c, &hooks, NULL);
    r = vl_call_notify(c, NULL);
    if (r < 0) /* the server answers it then */
        kept = vl_call_unref(kept);
    return r;
}

static int on_echo(VlCall *c, json_object *params, void *userdata)
{
    (void)userdata;
    return vl_call_reply(c, json_object_get(params));
}

static VlServer *make_server(sd_event *event)
{
    static const char idl[] =
        "interface a.b\ntype T (x: int, y: ?T)\nmethod Echo(t: ?T, e: ?(one, two)) -> (t: ?T)\n"
        "# [Requires 'more' flag]\nmethod Keep() -> ()\nmethod Drop() -> ()\n";
    const VlConfig config = {.max_request = 4096, .max_output = 65536, .accept_fds = true};
    VlServer *s = NULL;

    must(vl_server_new(event, &config, &s) == 0);
    must(vl_server_add_interface(s, idl) == 0);
    must(vl_server_bind(s, "a.b.Echo", on_echo, 0, NULL) == 0);
    must(vl_server_bind(s, "a.b.Keep", on_keep, 0, NULL) == 0);
    must(vl_server_bind(s, "a.b.Drop", on_keep, VL_PRIVILEGED, NULL) == 0);
    return s;
}

/* Turns the loop, and reads what came. Return: false if the server has closed. */
static bool turn(sd_event *event, int fd)
{
    static char buffer[65536];
    ssize_t n;

    for (unsigned i = 0; i < 64; i++)
        if (sd_event_run(event, 0) == 0)
            break;
    do
        n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    while (n > 0);
    return n < 0 && errno == EAGAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sd_event *event;
    static VlServer *server;
    size_t step, at = 1;
    int pair[2];

    if (size < 2)
        return 0;
    if (!server) {
        must(sd_event_default(&event) >= 0);
        server = make_server(event);
    }
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    must(vl_server_add_connection(server, pair[0]) == 0);
    step = 1 + (data[0] & 0x3f) * 4u;
    while (at < size) {
        size_t n = step < size - at ? step : size - at;

        if (send(pair[1], data + at, n, MSG_NOSIGNAL) < 0 || !turn(event, pair[1]))
            break;
        at += n;
    }
    if (data[0] & 0x40)
        (void)shutdown(pair[1], SHUT_WR);
    if (kept && (data[0] & 0x80)) {
        must(vl_call_reply(kept, NULL) == 0);
        kept = vl_call_unref(kept);
    }
    (void)turn(event, pair[1]);
    close(pair[1]);
    for (unsigned i = 0; i < 1000 && vl_server_n_connections(server) > 0; i++) {
        must(sd_event_run(event, 0) >= 0);
        /* a oneway call is not cancelled by its client's leaving */
        if (kept && i > 100) {
            (void)vl_call_reply(kept, NULL);
            kept = vl_call_unref(kept);
        }
    }
    must(vl_server_n_connections(server) == 0);
    kept = vl_call_unref(kept);
    return 0;
}
