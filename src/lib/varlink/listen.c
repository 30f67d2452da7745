/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where connections come from: sockets that a service manager passed, or a path.
 *
 * Accepting is the one thing that strangers make a server do for free, so it is limited in rate, and when the
 * process is out of descriptors it pauses: a level-triggered listener would keep the loop busy otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "address.h"
#include "base/text.h"
#include "internal.h"

#define ACCEPTS_PER_TURN 8
/* At most this many turns of accepting in each interval. */
#define ACCEPT_INTERVAL_USEC UINT64_C(100000)
#define ACCEPT_BURST 200
#define PAUSE_USEC UINT64_C(200000)
#define BACKLOG 256

static void enable_listeners(VlServer *s, int enabled)
{
    for (size_t i = 0; i < s->n_listeners; i++)
        (void)sd_event_source_set_enabled(s->listeners[i], enabled);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    enable_listeners(userdata, SD_EVENT_ON);
    return 0;
}

static void pause_accepting(VlServer *s)
{
    if (sd_event_source_set_time_relative(s->accept_pause, PAUSE_USEC) >= 0 &&
        sd_event_source_set_enabled(s->accept_pause, SD_EVENT_ONESHOT) >= 0)
        enable_listeners(s, SD_EVENT_OFF);
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    VlServer *s = userdata;

    (void)source;
    (void)events;
    for (unsigned n = 0; n < ACCEPTS_PER_TURN; n++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (client >= 0)
            (void)vl_connection_new(s, client); /* a connection that cannot be served is closed */
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(s);
            return 0;
        } else if (errno != EINTR && errno != ECONNABORTED)
            return 0;
    }
    return 0;
}

/* The timer exists before it is needed, for it takes a descriptor. */
static int add_pause(VlServer *s)
{
    int r;

    if (s->accept_pause)
        return 0;
    r = sd_event_add_time(s->event, &s->accept_pause, CLOCK_MONOTONIC, UINT64_MAX, 0, on_pause_over, s);
    return r < 0 ? r : sd_event_source_set_enabled(s->accept_pause, SD_EVENT_OFF);
}

/* Owns @fd, also on failure. */
static int add_listener(VlServer *s, int fd)
{
    DMV_CLEANUP_CLOSE int owned = fd;
    sd_event_source **slot;
    int flags, r;

    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    r = add_pause(s);
    if (r < 0)
        return r;
    slot = DMV_ARRAY_ADD(s->listeners, s->n_listeners);
    if (!slot)
        return -ENOMEM;
    r = sd_event_add_io(s->event, slot, fd, EPOLLIN, on_accept, s);
    if (r < 0) {
        s->n_listeners--;
        return r;
    }
    (void)sd_event_source_set_io_fd_own(*slot, 1);
    owned = -1;
    r = sd_event_source_set_ratelimit(*slot, ACCEPT_INTERVAL_USEC, ACCEPT_BURST);
    return r < 0 ? r : 0;
}

/* Whatever a socket is, listening or connected. Owns @fd. */
static int add_socket(VlServer *s, int fd)
{
    int listening = 0;
    socklen_t size = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0) {
        int r = -errno;

        dmv_close(fd);
        return r;
    }
    return listening ? add_listener(s, fd) : vl_server_add_connection(s, fd);
}

int vl_server_listen_auto(VlServer *s)
{
    DMV_CLEANUP_STRV char **names = NULL;
    int n, r, taken = 0;

    n = sd_listen_fds_with_names(1, &names);
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        if (n > 1 && !dmv_streq(names ? names[i] : NULL, "varlink"))
            continue;
        r = add_socket(s, SD_LISTEN_FDS_START + i);
        if (r < 0)
            return r;
        taken++;
    }
    return taken;
}

/* Removes a socket that nobody listens on any more. Return: 0, -EADDRINUSE if somebody does, or what is
 * wrong. */
static int remove_stale(const char *path, const VlAddress *address)
{
    DMV_CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;

    if (fd < 0 || lstat(path, &st) < 0)
        return -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EADDRINUSE;
    if (connect(fd, &address->sockaddr.any, address->size) == 0 || errno != ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(path) < 0 ? -errno : 0;
}

/* The mode is narrowed before the socket has a name and widened afterwards, so that it is never wider than
 * asked. */
static int bind_path(int fd, const char *path, mode_t mode)
{
    DMV_CLEANUP(vl_address_deinit) VlAddress address = VL_ADDRESS_NULL;
    int r;

    r = vl_address_parse(path, &address);
    if (r < 0)
        return r;
    if (fchmod(fd, mode) < 0)
        return -errno;
    if (bind(fd, &address.sockaddr.any, address.size) < 0) {
        if (errno != EADDRINUSE)
            return -errno;
        r = remove_stale(path, &address);
        if (r < 0)
            return r;
        if (bind(fd, &address.sockaddr.any, address.size) < 0)
            return -errno;
    }
    return chmod(path, mode) < 0 ? -errno : 0;
}

int vl_server_listen(VlServer *s, const char *path, mode_t mode)
{
    DMV_CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (fd < 0)
        return -errno;
    if (path[0] != '/')
        return -EINVAL;
    r = bind_path(fd, path, mode);
    if (r < 0)
        return r;
    if (listen(fd, BACKLOG) < 0)
        return -errno;
    return add_listener(s, DMV_TAKE_FD(fd));
}

int vl_server_add_connection(VlServer *s, int fd)
{
    return vl_connection_new(s, fd);
}

void vl_server_stop_listening(VlServer *s)
{
    for (size_t i = 0; i < s->n_listeners; i++)
        sd_event_source_disable_unref(s->listeners[i]);
    free(s->listeners);
    s->listeners = NULL;
    s->n_listeners = 0;
    s->stopping = true;
    for (VlConnection *c = s->connections; c; c = c->next)
        vl_connection_wake(c);
}
