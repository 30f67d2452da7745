/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What server, connection, call, service and monitor share. Nobody outside of this folder includes it.
 *
 * Who points to whom: a server owns its connections. A connection and its current call know each other, and
 * neither owns the other: a call lives as long as somebody holds a reference, a connection as long as its
 * server wants. Whoever ends first clears both pointers. A connection is only freed by the event loop, at the
 * end of its pump, or with its server; so a callback may do whatever it wants.
 */
#ifndef DMV_VARLINK_INTERNAL_H
#define DMV_VARLINK_INTERNAL_H

#include "idl.h"
#include "message.h"
#include "stream.h"
#include "varlink.h"

#define VL_SERVICE "org.varlink.service"

/* Output of one connection above which a producer has to wait. */
#define VL_HIGH_WATER ((size_t)256 * 1024)
/* Calls of one connection that are begun before the others have their turn. */
#define VL_CALLS_PER_TURN 64

typedef struct VlConnection VlConnection;

typedef struct VlServed {
    const char *text;
    VlInterface *interface;
} VlServed;

typedef struct VlBinding {
    char *method;
    VlHandler handler;
    unsigned flags;
    void *userdata;
    const VlSymbol *symbol; /* NULL as long as no interface declares it */
} VlBinding;

struct VlServer {
    sd_event *event;
    VlConfig config;  /* with every 0 replaced by the default */
    char *strings[4]; /* what config.vendor ... config.url point to */
    char *failure;
    VlServed *served;
    size_t n_served;
    VlBinding *bindings; /* sorted by method */
    size_t n_bindings;
    sd_event_source **listeners;
    size_t n_listeners;
    sd_event_source *accept_pause; /* runs out when accepting is tried again */
    VlConnection *connections;
    unsigned n_connections;
    void (*on_connections)(unsigned n, void *userdata);
    void *on_connections_userdata;
    void (*on_call)(void *userdata);
    void *on_call_userdata;
    VlAuthorizer authorizer;
    void *authorizer_userdata;
    int (*on_failure)(VlCall *call, int error, void *userdata);
    void *on_failure_userdata;
    void (*on_mismatch)(const char *method, const char *error, const char *where, void *userdata);
    void *on_mismatch_userdata;
    bool stopping;
};

struct VlConnection {
    VlServer *server;
    VlConnection *next, **link;
    VlStream stream;
    VlPeerInfo peer;
    int process;  /* pidfd of the peer, or -1 */
    VlCall *call; /* the one that is being answered */
    sd_event_source *io, *defer, *timer;
    uint64_t partial_since, blocked_since; /* CLOCK_MONOTONIC, 0: not the case */
    bool pumping;
    bool hangup;  /* the peer is gone in both directions */
    bool closing; /* nothing more is read, what is queued is still written */
    bool dead;    /* ends at the end of the pump */
};

struct VlCall {
    unsigned refs;
    VlConnection *connection; /* NULL once answered or gone */
    VlMessage message;
    VlFds fds;
    VlPeerInfo peer;
    VlCallHooks hooks;
    void *userdata;
    bool drain_wanted;
    bool asked; /* an authorizer decides whether it goes on */
};

/* Owns @fd, also on failure. */
int vl_connection_new(VlServer *s, int fd);
VlConnection *vl_connection_free(VlConnection *c);
/* Ends @c at the next turn of the loop. */
void vl_connection_kill(VlConnection *c);
/* Has the loop look after @c: something was queued, or its call has ended. */
void vl_connection_wake(VlConnection *c);

/* Takes over @m and @fds. Return: the call, current on @c, with one reference; or NULL for lack of memory. */
VlCall *vl_call_new(VlConnection *c, VlMessage *m, VlFds *fds);
/* Parts a call from its connection, which is about to go, and tells who answers it. */
void vl_call_cancel(VlCall *c);
/* Sends what is formatted already, as vl_call_notify() does. */
int vl_call_notify_text(VlCall *c, const char *text, size_t size);
/* The error that the server has for handlers that failed. */
int vl_call_fail(VlCall *c, int error);

/* Finds, checks and runs what a call asks for. */
void vl_server_dispatch(VlServer *s, VlCall *c);
/* Checks and runs what a call asks for that an authorizer has let pass. */
void vl_server_proceed(VlServer *s, VlCall *c);
/* Tells about an answer that is not what the interface declares, if anybody wants to know. */
void vl_server_check_answer(VlServer *s, const VlCall *c, const char *error, json_object *params);
int vl_service_bind(VlServer *s);
/* May that peer call what is VL_PRIVILEGED, and send descriptors? */
bool vl_peer_is_privileged(const VlPeerInfo *peer);
/* Who is at the other end of @fd. */
VlPeerInfo vl_peer_ask(int fd);
/* A pidfd of the process that connected @fd, owned by the caller; -1: the kernel does not say. */
int vl_peer_ask_process(int fd);
/* Has the process not ended? */
bool vl_process_is_alive(int pidfd);
/* Tells the owner about a changed number of connections. */
void vl_server_connections_changed(VlServer *s);

#endif
