/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hostile server's bytes for the blocking client and for the asynchronous one. */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "varlink/varlink.h"

static int on_reply(const char *error, json_object *params, bool continues, void *userdata)
{
    (void)userdata;
    must(json_object_is_type(params, json_type_object));
    must(!error || (*error && !continues));
    return 0;
}

static void on_peer_reply(VlPeer *p, const char *error, json_object *params, int *fds, unsigned n_fds,
                          bool continues, void *userdata)
{
    unsigned *open_calls = userdata;

    (void)p;
    (void)fds;
    must(n_fds == 0);
    must((error && !*error) == !params);
    if (!continues) {
        must(*open_calls > 0);
        --*open_calls;
    }
}

/* A socket that holds these bytes and then ends. Return: -1 if they do not fit. */
static int make_socket(const uint8_t *data, size_t size)
{
    int pair[2];
    bool good;

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    good = size == 0 || send(pair[1], data, size, MSG_NOSIGNAL) == (ssize_t)size;
    close(pair[1]);
    return good ? pair[0] : dmv_close(pair[0]);
}

static void run_client(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(vl_cleanup_client) VlClient *c = NULL;
    int fd = make_socket(data, size), r = 0;

    if (fd < 0)
        return;
    must(vl_client_new(fd, &c) == 0);
    for (unsigned i = 0; i < 4 && r == 0; i++)
        r = vl_client_call(c, "a.b.C", NULL, NULL, 0, i % 2 ? VL_CALL_MORE : 0, on_reply, NULL);
}

static void run_peer(const uint8_t *data, size_t size)
{
    static sd_event *event;
    unsigned open_calls = 0;
    VlPeer *p = NULL;
    int fd = make_socket(data, size);

    if (fd < 0)
        return;
    if (!event)
        must(sd_event_default(&event) >= 0);
    must(vl_peer_new(event, fd, 4096, &p) == 0);
    for (unsigned i = 0; i < 4; i++) {
        open_calls++;
        must(vl_peer_call(p, "a.b.C", NULL, NULL, 0, i % 2, on_peer_reply, &open_calls) == 0);
    }
    for (unsigned i = 0; i < 1000 && open_calls > 0; i++)
        must(sd_event_run(event, 0) >= 0);
    must(open_calls == 0);
    vl_peer_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run_client(data, size);
    run_peer(data, size);
    return 0;
}
