/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Varlink (UAPI.20) on sd-event and json-c: what the daemon, the workers, the command line tools and the
 * tests use. Nothing in this folder knows anything about drivers.
 *
 * Layers: idl (interface text, validation), message (header check and construction), stream (descriptor,
 * buffers, NUL framing, limits), server and call, peer (asynchronous client on sd-event), client (blocking).
 */
#ifndef DMV_VARLINK_H
#define DMV_VARLINK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

typedef struct VlServer VlServer;
typedef struct VlCall VlCall;
typedef struct VlMonitor VlMonitor;
typedef struct VlPeer VlPeer;
typedef struct VlClient VlClient;

/* Most descriptors that may travel with one message. */
#define VL_MAX_FDS 8

typedef struct VlConfig {
    const char *vendor, *product, *version, *url; /* for org.varlink.service.GetInfo */
    size_t max_request;                           /* bytes of one call; 0: 256 KiB */
    size_t max_output;                            /* bytes queued for one connection; 0: 4 MiB */
    unsigned max_connections;                     /* 0: 64 */
    unsigned max_connections_per_uid;             /* 0: 32; root is exempt up to the total */
    uint64_t frame_timeout_usec;                  /* an unfinished frame older than this closes; 0: 30 s */
    uint64_t write_timeout_usec;                  /* no progress with output queued; 0: 60 s */
    bool accept_fds;                              /* take descriptors from clients (else they are closed) */
} VlConfig;

/* Who is at the other end, as the kernel said when the connection was made (SO_PEERCRED). */
typedef struct VlPeerInfo {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    bool known; /* false: not a UNIX socket, or a socketpair made before any credentials */
} VlPeerInfo;

/**
 * VlHandler - answers one call
 * @call: the call; keep it with vl_call_ref() to answer later
 * @params: validated against the interface, never NULL, borrowed
 *
 * Return: 0 when answered or kept; a negative errno makes the server answer with the generic error set by
 * vl_server_set_failure().
 */
typedef int (*VlHandler)(VlCall *call, json_object *params, void *userdata);

enum {
    VL_PRIVILEGED = 1 << 0, /* any peer but uid 0 (or the server's own uid) gets PermissionDenied */
};

int vl_server_new(sd_event *event, const VlConfig *config, VlServer **ret);
VlServer *vl_server_free(VlServer *s);

/**
 * vl_server_listen_auto() - take the sockets that a service manager passed (sd_listen_fds protocol)
 *
 * A descriptor counts if it is named "varlink", or if it is the only one. It may listen or be connected
 * already.
 *
 * Return: how many descriptors were taken (0: not activated), or a negative errno.
 */
int vl_server_listen_auto(VlServer *s);
/* Binds and listens on a path, with that mode. A stale socket file is replaced. Return: 0 or a negative
 * errno. */
int vl_server_listen(VlServer *s, const char *path, mode_t mode);
/* Serves one connected socket; the server owns @fd from then on, also on failure. Return: 0 or a negative
 * errno. */
int vl_server_add_connection(VlServer *s, int fd);
/* @idl must stay valid as long as the server; GetInterfaceDescription returns it byte for byte. */
int vl_server_add_interface(VlServer *s, const char *idl);
int vl_server_bind(VlServer *s, const char *method, VlHandler handler, unsigned flags, void *userdata);
/* Every declared method bound, every bound method declared. Return: 0, or -ENOENT / -EEXIST with a debug
 * message. */
int vl_server_check(VlServer *s);
/* The error (qualified) for handlers that return a negative errno; parameters {"errno": N}. */
int vl_server_set_failure(VlServer *s, const char *error_id);
/* Called whenever the number of connections changed. */
void vl_server_on_connections(VlServer *s, void (*cb)(unsigned n, void *userdata), void *userdata);
unsigned vl_server_n_connections(const VlServer *s);
/* Stops listening; connections live on until their calls are answered and flushed. */
void vl_server_stop_listening(VlServer *s);

VlCall *vl_call_ref(VlCall *c);
VlCall *vl_call_unref(VlCall *c);
static inline void vl_cleanup_call(VlCall **c)
{
    *c = *c ? vl_call_unref(*c) : NULL;
}
const char *vl_call_method(const VlCall *c);
bool vl_call_wants_more(const VlCall *c);
const VlPeerInfo *vl_call_peer(const VlCall *c);
/* Takes descriptor @i of those that came with the call; the caller owns it. Return: it, or -ENOENT. */
int vl_call_take_fd(VlCall *c, unsigned i);
/* The final reply. @params is taken over and may be NULL. Return: 0, -ENOTCONN (peer gone), -E2BIG, ... */
int vl_call_reply(VlCall *c, json_object *params);
/* The same with descriptors, which are duplicated. */
int vl_call_reply_fds(VlCall *c, json_object *params, const int *fds, unsigned n_fds);
/* One reply of several. Return: 0; 1 when above the high water mark: wait for the drain hook; negative errno.
 */
int vl_call_notify(VlCall *c, json_object *params);
/* An error; @id is qualified. @params is taken over and may be NULL. */
int vl_call_error(VlCall *c, const char *id, json_object *params);
/* org.varlink.service.InvalidParameter. */
int vl_call_error_invalid(VlCall *c, const char *field);

typedef struct VlCallHooks {
    void (*drain)(VlCall *c, void *userdata);  /* output fell below half of the high water mark */
    void (*cancel)(VlCall *c, void *userdata); /* the client went away; answering is harmless, -ENOTCONN */
} VlCallHooks;
void vl_call_set_hooks(VlCall *c, const VlCallHooks *hooks, void *userdata);

/* A set of subscribed calls. Every subscriber has a queue of at most 256 events and 256 KiB, coalesced by
 * key; what does not fit is dropped and told by one message {"type":"overflow","dropped":N}. */
int vl_monitor_new(VlServer *s, VlMonitor **ret);
VlMonitor *vl_monitor_free(VlMonitor *m);
/* Keeps the call; @ready is its first reply, taken over. */
int vl_monitor_subscribe(VlMonitor *m, VlCall *c, json_object *ready);
/* @event is taken over; @coalesce_key may be NULL. */
int vl_monitor_publish(VlMonitor *m, const char *coalesce_key, json_object *event);
unsigned vl_monitor_n_subscribers(const VlMonitor *m);

/*
 * Asynchronous client on one connected socket, for the daemon and its workers. Calls are pipelined, replies
 * come in order.
 *
 * @error: NULL for a reply, else the qualified error id; "" when the connection broke (then @params is NULL)
 * @params: never NULL otherwise, borrowed
 * @fds: descriptors that came with the reply; take one by setting its slot to -1, the rest is closed
 */
typedef void (*VlPeerReply)(VlPeer *p, const char *error, json_object *params, int *fds, unsigned n_fds,
                            bool continues, void *userdata);
int vl_peer_new(sd_event *event, int fd, size_t max_reply, VlPeer **ret); /* owns @fd, also on failure */
VlPeer *vl_peer_free(VlPeer *p);                                          /* pending calls get error "" */
int vl_peer_call(VlPeer *p, const char *method, json_object *params, const int *fds, unsigned n_fds,
                 bool more, VlPeerReply cb, void *userdata); /* @params is taken over, @fds duplicated */

/*
 * Blocking client, for the command line tools and tests.
 */
enum { VL_CALL_MORE = 1 << 0, VL_CALL_ONEWAY = 1 << 1 };
/* Return: 0 to go on, negative to stop (the connection is closed, the value returned from vl_client_call()).
 */
typedef int (*VlClientReply)(const char *error, json_object *params, bool continues, void *userdata);

/* @address: a path, "unix:PATH", or "unix:@abstract". Return: 0 or a negative errno. */
int vl_client_connect(const char *address, VlClient **ret);
int vl_client_new(int fd, VlClient **ret); /* owns @fd, also on failure */
VlClient *vl_client_free(VlClient *c);
/* Every reply renews the deadline; 0: wait for ever. Default 45 s. */
void vl_client_set_timeout(VlClient *c, uint64_t usec);
/* A descriptor that is readable when the call shall be given up (-1: none): it then returns -ECANCELED. */
void vl_client_set_cancel_fd(VlClient *c, int fd);
/**
 * vl_client_call() - one call, replies through a callback
 * @params: taken over, may be NULL
 *
 * Return: 0 when the final reply or error was handed to @cb; -ETIMEDOUT, -ECONNRESET, -EBADMSG, -ECANCELED,
 * ...
 */
int vl_client_call(VlClient *c, const char *method, json_object *params, const int *fds, unsigned n_fds,
                   unsigned flags, VlClientReply cb, void *userdata);

static inline void vl_cleanup_client(VlClient **c)
{
    *c = *c ? vl_client_free(*c) : NULL;
}

#endif
