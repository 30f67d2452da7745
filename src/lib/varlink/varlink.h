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
    unsigned max_connections;                     /* 0: 64; one in eight is kept for root */
    unsigned max_connections_per_uid;             /* 0: 32; root is exempt up to the total */
    uint64_t frame_timeout_usec;                  /* an unfinished frame older than this closes; 0: 30 s */
    uint64_t write_timeout_usec;                  /* no progress with output queued; 0: 60 s */
    bool accept_fds; /* take descriptors from clients that may call privileged methods (else they are closed)
                      */
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
    /* Any peer but uid 0 (or the server's own uid) gets PermissionDenied, unless an authorizer lets it. */
    VL_PRIVILEGED = 1 << 0,
};

/**
 * vl_server_new() - a server without sockets and interfaces, but with org.varlink.service
 * @event: the loop that it lives on; a reference is kept
 * @config: copied, strings included; NULL for the defaults
 * @ret: the server, freed with vl_server_free()
 *
 * Return: 0 or a negative errno.
 */
int vl_server_new(sd_event *event, const VlConfig *config, VlServer **ret);

/**
 * vl_server_free() - end all connections and free the server
 * @s: the server, may be NULL; not from within one of its handlers or callbacks
 *
 * Calls that are still kept get their cancel hook, and may be released later.
 *
 * Return: NULL.
 */
VlServer *vl_server_free(VlServer *s);

/**
 * vl_server_listen_auto() - take the sockets that a service manager passed (sd_listen_fds protocol)
 * @s: the server
 *
 * A descriptor counts if it is named "varlink", or if it is the only one. It may listen or be connected
 * already.
 *
 * Return: how many descriptors were taken (0: not activated), or a negative errno.
 */
int vl_server_listen_auto(VlServer *s);

/**
 * vl_server_listen() - bind and listen on a path
 * @s: the server
 * @path: absolute; a stale socket is replaced, anything else is left alone. Longer than 107 bytes is fine.
 * @mode: of the socket file; it is never wider, not even for a moment
 *
 * Return: 0; -EADDRINUSE if somebody listens there or it is no socket; -EINVAL for a relative path; another
 * errno.
 */
int vl_server_listen(VlServer *s, const char *path, mode_t mode);

/**
 * vl_server_add_connection() - serve one connected socket
 * @s: the server
 * @fd: owned by the server from then on, also on failure
 *
 * Return: 0; -EUSERS above a limit on connections; another negative errno.
 */
int vl_server_add_connection(VlServer *s, int fd);

/**
 * vl_server_add_interface() - offer an interface
 * @s: the server
 * @idl: its definition, valid for as long as the server; GetInterfaceDescription returns it byte for byte
 *
 * Return: 0; -EINVAL for a definition that cannot be read (the reason goes to the journal at debug level);
 * -EEXIST; -ENOMEM.
 */
int vl_server_add_interface(VlServer *s, const char *idl);

/**
 * vl_server_bind() - say who answers a method
 * @s: the server
 * @method: qualified name; the interface may be added before or afterwards
 * @handler: see VlHandler
 * @flags: VL_PRIVILEGED or 0
 * @userdata: for the handler
 *
 * Return: 0; -EINVAL for a name that is none; -EEXIST; -ENOMEM.
 */
int vl_server_bind(VlServer *s, const char *method, VlHandler handler, unsigned flags, void *userdata);

/**
 * vl_server_check() - is every declared method bound, and every bound method declared?
 * @s: the server
 *
 * Return: 0, or -ENOENT (which methods are not goes to the journal at debug level).
 */
int vl_server_check(VlServer *s);

/**
 * vl_server_set_failure() - the error for handlers that return a negative errno
 * @s: the server
 * @error_id: qualified name; its parameters are {"errno": N}. Default: io.systemd.System, which varlinkctl
 * knows.
 *
 * Return: 0; -EINVAL for a name that is none; -ENOMEM.
 */
int vl_server_set_failure(VlServer *s, const char *error_id);

/**
 * VlAuthorizer - may a peer make a call of a method that is VL_PRIVILEGED, although it is not root?
 * @call: keep it with vl_call_ref(), and answer later by vl_call_allow() or an error. Nothing has looked at
 * it but for its method.
 * @params: as they came, not validated; never NULL, borrowed
 *
 * Return: 0 when answered or kept; a negative errno makes the server answer with the error of
 * vl_server_set_failure(). Without vl_call_allow() the handler never has the call.
 */
typedef int (*VlAuthorizer)(VlCall *call, json_object *params, void *userdata);

/**
 * vl_server_set_authorizer() - say who decides about privileged calls of peers that are not root
 * @s: the server, before it has connections
 * @cb: see VlAuthorizer; NULL: such calls get PermissionDenied
 * @userdata: for @cb
 *
 * Descriptors are taken from nobody but root all the same: they would be held while somebody is asked.
 */
void vl_server_set_authorizer(VlServer *s, VlAuthorizer cb, void *userdata);

/**
 * vl_server_on_failure() - answer calls whose handlers return a negative errno in words of one's own
 * @s: the server
 * @cb: answers the call (vl_call_error()); if it does not, the error of vl_server_set_failure() follows.
 * NULL: nobody.
 * @userdata: for @cb
 */
void vl_server_on_failure(VlServer *s, int (*cb)(VlCall *call, int error, void *userdata), void *userdata);

/**
 * vl_server_on_connections() - be told whenever the number of connections changed
 * @s: the server
 * @cb: called with the number; NULL for nobody. It may not free the server.
 * @userdata: for @cb
 */
void vl_server_on_connections(VlServer *s, void (*cb)(unsigned n, void *userdata), void *userdata);

/**
 * vl_server_on_call() - be told of every call just before its handler has it
 * @s: the server
 * @cb: called when the call is one that the interface allows, so that what it is answered from can be brought
 * up to date. NULL for nobody. It may neither answer nor free the server.
 * @userdata: for @cb
 */
void vl_server_on_call(VlServer *s, void (*cb)(void *userdata), void *userdata);

/**
 * vl_server_on_mismatch() - be told of answers that are not what the interface declares
 * @s: the server
 * @cb: called with the qualified method, the error (NULL for a reply) and what is wrong, as a path like
 *      "drivers[3].name"; "" for an error that is not declared. NULL for nobody, which is also what costs
 * nothing.
 * @userdata: for @cb
 *
 * The answer is sent all the same: a client that does not look at the field is not hurt. It is a fault of
 * ours.
 */
void vl_server_on_mismatch(VlServer *s,
                           void (*cb)(const char *method, const char *error, const char *where,
                                      void *userdata),
                           void *userdata);

/* Return: the number of connections. */
unsigned vl_server_n_connections(const VlServer *s);

/**
 * vl_server_stop_listening() - take no more clients
 * @s: the server
 *
 * Connections live on until their calls are answered and flushed.
 */
void vl_server_stop_listening(VlServer *s);

/* Keeps a call to answer it later. Return: @c. */
VlCall *vl_call_ref(VlCall *c);

/**
 * vl_call_unref() - let go of a call
 * @c: the call, may be NULL
 *
 * A call whose last reference goes unanswered is answered with the server's failure (errno ENODATA), so that
 * no client waits for ever.
 *
 * Return: NULL.
 */
VlCall *vl_call_unref(VlCall *c);
static inline void vl_cleanup_call(VlCall **c)
{
    *c = *c ? vl_call_unref(*c) : NULL;
}

/* The qualified name of the method, valid as long as the call. */
const char *vl_call_method(const VlCall *c);
/* Did the client ask for several replies? */
bool vl_call_wants_more(const VlCall *c);
/* Who calls; valid as long as the call, also when the client is gone. */
const VlPeerInfo *vl_call_peer(const VlCall *c);

/**
 * vl_call_process() - the process that made the connection
 * @c: the call
 *
 * The kernel has to have said it (SO_PEERPIDFD, Linux 6.5): what pidfd_open(2) gives for a process id may be
 * another process by then. It is only asked of peers that an authorizer may have to decide about.
 *
 * Return: a pidfd, borrowed, valid until the loop runs again; -ENODATA if it is not known; -ENOTCONN if the
 * client is gone; -ESRCH if that process has ended.
 */
int vl_call_process(const VlCall *c);

/**
 * vl_call_allow() - the answer of an authorizer: the call goes on to its handler
 * @c: a call that the authorizer was asked about; hooks are removed first
 *
 * Return: 0, also if the handler then refused it; -ENOTCONN if the client is gone; -ESRCH if the process that
 * made the connection has ended, and -ENODATA if it is not known: who was asked about is nobody then, so the
 * handler does not have the call, and an error has to follow; -EINVAL if nobody was asked.
 */
int vl_call_allow(VlCall *c);

/**
 * vl_call_take_fd() - a descriptor that came with the call
 * @c: the call
 * @i: which of them, from 0
 *
 * Return: the descriptor, owned by the caller; or -ENOENT.
 */
int vl_call_take_fd(VlCall *c, unsigned i);

/**
 * vl_call_reply() - the final reply
 * @c: the call
 * @params: taken over, also on failure; may be NULL
 *
 * What a oneway call is answered goes nowhere.
 *
 * Return: 0; -ENOTCONN if the client is gone or the call was answered. With -E2BIG (above max_output) and
 * -EINVAL (cannot be written as JSON) the call is not answered and an error may follow.
 */
int vl_call_reply(VlCall *c, json_object *params);

/**
 * vl_call_reply_fds() - the final reply, with descriptors
 * @c: the call
 * @params: taken over, also on failure; may be NULL
 * @fds: duplicated
 * @n_fds: at most VL_MAX_FDS
 *
 * Return: as vl_call_reply(), and what duplicating says.
 */
int vl_call_reply_fds(VlCall *c, json_object *params, const int *fds, unsigned n_fds);

/**
 * vl_call_notify() - one reply of several
 * @c: the call
 * @params: taken over, also on failure; may be NULL
 *
 * Without `more` it goes nowhere, so that a handler can report progress to whoever asked for it.
 *
 * Return: 0; 1 when the output is above the high water mark: wait for the drain hook; -ENOBUFS above
 * max_output (the connection ends); otherwise as vl_call_reply().
 */
int vl_call_notify(VlCall *c, json_object *params);

/**
 * vl_call_error() - the final answer, an error
 * @c: the call
 * @id: qualified name of the error
 * @params: taken over, also on failure; may be NULL
 *
 * Return: as vl_call_reply(); -EINVAL also for a name that is none.
 */
int vl_call_error(VlCall *c, const char *id, json_object *params);

/* The error org.varlink.service.InvalidParameter for that field. Return: as vl_call_error(). */
int vl_call_error_invalid(VlCall *c, const char *field);

typedef struct VlCallHooks {
    void (*drain)(VlCall *c, void *userdata);  /* output fell below half of the high water mark */
    void (*cancel)(VlCall *c, void *userdata); /* the client went away; answering is harmless, -ENOTCONN */
} VlCallHooks;
/**
 * vl_call_set_hooks() - what to do while a call is kept
 * @c: the call
 * @hooks: copied; NULL for none
 * @userdata: for the hooks
 *
 * Hooks are only called by the loop, never from within vl_call_notify() or vl_call_reply().
 */
void vl_call_set_hooks(VlCall *c, const VlCallHooks *hooks, void *userdata);

/**
 * vl_monitor_new() - a set of subscribed calls
 * @s: the server that they come from
 * @ret: the monitor, freed with vl_monitor_free()
 *
 * Every subscriber has a queue of at most 256 events and 256 KiB, coalesced by key; what does not fit is
 * dropped and told by one message {"type":"overflow","dropped":N}.
 *
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int vl_monitor_new(VlServer *s, VlMonitor **ret);

/* Sends every subscriber the final reply and frees the monitor, which may be NULL; before its server. Return:
 * NULL. */
VlMonitor *vl_monitor_free(VlMonitor *m);

/**
 * vl_monitor_subscribe() - keep a call, from within its handler
 * @m: the monitor
 * @c: the call; without `more` it is answered with ExpectedMore
 * @ready: its first reply, taken over
 *
 * Return: 0 or a negative errno.
 */
int vl_monitor_subscribe(VlMonitor *m, VlCall *c, json_object *ready);

/**
 * vl_monitor_publish() - an event for every subscriber
 * @m: the monitor
 * @coalesce_key: in the queue of a slow reader the event takes the place of one with the same key; may be
 * NULL
 * @event: taken over, also on failure
 *
 * Return: 0; -EINVAL if the event cannot be written as JSON; -ENOMEM.
 */
int vl_monitor_publish(VlMonitor *m, const char *coalesce_key, json_object *event);

/* Return: the number of subscribers. */
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

/**
 * vl_peer_new() - a client on a connected socket
 * @event: the loop that it lives on
 * @fd: owned by the peer, also on failure
 * @max_reply: bytes of one reply; 0: 16 MiB
 * @ret: the peer, freed with vl_peer_free()
 *
 * Return: 0 or a negative errno.
 */
int vl_peer_new(sd_event *event, int fd, size_t max_reply, VlPeer **ret);

/* Closes the connection. Pending calls get the error "" before this returns. From a callback too. Return:
 * NULL. */
VlPeer *vl_peer_free(VlPeer *p);

/* Is the other side still there? Asks the socket, so that it need not wait for the loop. */
bool vl_peer_is_there(const VlPeer *p);

/**
 * vl_peer_call() - make a call
 * @p: the peer
 * @method: qualified name
 * @params: taken over, also on failure; may be NULL
 * @fds: duplicated
 * @n_fds: at most VL_MAX_FDS
 * @more: may there be several replies?
 * @cb: called by the loop, for the last time with @continues being false; with "" also by vl_peer_free()
 * @userdata: for @cb
 *
 * Return: 0; -ENOTCONN if the connection is gone; -EINVAL for a bad name or parameters; -E2BIG, -ENOBUFS
 * above 16 MiB; -ENOMEM. @cb is only called after 0.
 */
int vl_peer_call(VlPeer *p, const char *method, json_object *params, const int *fds, unsigned n_fds,
                 bool more, VlPeerReply cb, void *userdata);

/*
 * Blocking client, for the command line tools and tests.
 */
enum { VL_CALL_MORE = 1 << 0, VL_CALL_ONEWAY = 1 << 1 };
/* Return: 0 to go on, negative to stop (the connection is closed, the value returned from vl_client_call()).
 */
typedef int (*VlClientReply)(const char *error, json_object *params, bool continues, void *userdata);

/**
 * vl_client_connect() - connect to a service
 * @address: a path, "unix:PATH", or "unix:@abstract"
 * @ret: the client, freed with vl_client_free()
 *
 * Return: 0; -ENOENT, -ECONNREFUSED and what else connect() says; -ETIMEDOUT if nobody accepts within 45 s.
 */
int vl_client_connect(const char *address, VlClient **ret);
/* The same on a connected socket, which the client owns, also on failure. Return: 0 or a negative errno. */
int vl_client_new(int fd, VlClient **ret);
/* Closes the connection. @c may be NULL. Return: NULL. */
VlClient *vl_client_free(VlClient *c);
/* How long to wait for a reply; every reply renews it. 0: for ever. Default 45 s. */
void vl_client_set_timeout(VlClient *c, uint64_t usec);
/* A descriptor that is readable when the call shall be given up (-1: none): it then returns -ECANCELED. */
void vl_client_set_cancel_fd(VlClient *c, int fd);

/**
 * vl_client_call() - one call, replies through a callback
 * @c: the client
 * @method: qualified name
 * @params: taken over, also on failure; may be NULL
 * @fds: duplicated
 * @n_fds: at most VL_MAX_FDS
 * @flags: VL_CALL_MORE or VL_CALL_ONEWAY, or 0
 * @cb: called for every reply and for an error; never for a oneway call; may be NULL
 * @userdata: for @cb
 *
 * After any failure the connection is closed, and further calls return -ENOTCONN.
 *
 * Return: 0 when the final reply or error was handed to @cb; -ETIMEDOUT; -ECONNRESET if the service closed;
 * -EBADMSG for a reply that is none; -EMSGSIZE for one above 16 MiB; -ECANCELED; what @cb returned, if
 * negative; -EINVAL for a bad call.
 */
int vl_client_call(VlClient *c, const char *method, json_object *params, const int *fds, unsigned n_fds,
                   unsigned flags, VlClientReply cb, void *userdata);

static inline void vl_cleanup_client(VlClient **c)
{
    *c = *c ? vl_client_free(*c) : NULL;
}

#endif
