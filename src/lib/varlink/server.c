/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server: interfaces, bindings, and the way from a call to its handler.
 *
 * The interface text is the only declaration there is: it says which methods exist, what their parameters
 * are, and whether they need `more`. A handler only ever sees calls that passed all of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "internal.h"

static const VlConfig defaults = {
    .max_request = (size_t)256 * 1024,
    .max_output = (size_t)4 * 1024 * 1024,
    .max_connections = 64,
    .max_connections_per_uid = 32,
    .frame_timeout_usec = UINT64_C(30) * 1000 * 1000,
    .write_timeout_usec = UINT64_C(60) * 1000 * 1000,
};

static int copy_config(VlServer *s, const VlConfig *from)
{
    const char **strings[] = {&s->config.vendor, &s->config.product, &s->config.version, &s->config.url};

    s->config = from ? *from : (VlConfig){0};
    for (size_t i = 0; i < DMV_N_ELEMENTS(strings); i++) {
        s->strings[i] = strdup(*strings[i] ? *strings[i] : "");
        if (!s->strings[i])
            return -ENOMEM;
        *strings[i] = s->strings[i];
    }
    if (s->config.max_request == 0)
        s->config.max_request = defaults.max_request;
    if (s->config.max_output == 0)
        s->config.max_output = defaults.max_output;
    if (s->config.max_connections == 0)
        s->config.max_connections = defaults.max_connections;
    if (s->config.max_connections_per_uid == 0)
        s->config.max_connections_per_uid = defaults.max_connections_per_uid;
    if (s->config.frame_timeout_usec == 0)
        s->config.frame_timeout_usec = defaults.frame_timeout_usec;
    if (s->config.write_timeout_usec == 0)
        s->config.write_timeout_usec = defaults.write_timeout_usec;
    return 0;
}

DMV_DEFINE_CLEANUP(VlServer *, cleanup_server, vl_server_free);

int vl_server_new(sd_event *event, const VlConfig *config, VlServer **ret)
{
    DMV_CLEANUP(cleanup_server) VlServer *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return -ENOMEM;
    s->event = sd_event_ref(event);
    r = copy_config(s, config);
    if (r == 0)
        r = vl_server_set_failure(s, "io.systemd.System");
    if (r == 0)
        r = vl_service_bind(s);
    if (r == 0)
        *ret = DMV_TAKE_PTR(s);
    return r;
}

VlServer *vl_server_free(VlServer *s)
{
    if (!s)
        return NULL;
    s->on_connections = NULL;
    vl_server_stop_listening(s);
    while (s->connections)
        vl_connection_free(s->connections);
    sd_event_source_disable_unref(s->accept_pause);
    for (size_t i = 0; i < s->n_bindings; i++)
        free(s->bindings[i].method);
    free(s->bindings);
    for (size_t i = 0; i < s->n_served; i++)
        vl_interface_free(s->served[i].interface);
    free(s->served);
    for (size_t i = 0; i < DMV_N_ELEMENTS(s->strings); i++)
        free(s->strings[i]);
    free(s->failure);
    sd_event_unref(s->event);
    free(s);
    return NULL;
}

/* The interface and the bare name of a qualified method. Return: NULL if there is no such interface. */
static const VlInterface *find_interface(const VlServer *s, const char *method, const char **ret_name)
{
    const char *dot = strrchr(method, '.');

    if (!dot)
        return NULL;
    *ret_name = dot + 1;
    for (size_t i = 0; i < s->n_served; i++) {
        const char *name = s->served[i].interface->name;

        if (strlen(name) == (size_t)(dot - method) && memcmp(name, method, (size_t)(dot - method)) == 0)
            return s->served[i].interface;
    }
    return NULL;
}

static const VlSymbol *find_method(const VlServer *s, const char *method)
{
    const char *name;
    const VlInterface *i = find_interface(s, method, &name);

    return i ? vl_interface_find(i, VL_SYMBOL_METHOD, name) : NULL;
}

int vl_server_add_interface(VlServer *s, const char *idl)
{
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *i = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    VlServed *served;
    int r;

    r = vl_interface_parse(idl, strlen(idl), &i, &e);
    if (r != 0) {
        (void)sd_journal_print(LOG_DEBUG, "%s: %s", e.what, e.why);
        return r < 0 ? r : -EINVAL;
    }
    for (size_t k = 0; k < s->n_served; k++)
        if (strcmp(s->served[k].interface->name, i->name) == 0)
            return -EEXIST;
    served = DMV_ARRAY_ADD(s->served, s->n_served);
    if (!served)
        return -ENOMEM;
    *served = (VlServed){.text = idl, .interface = DMV_TAKE_PTR(i)};
    for (size_t k = 0; k < s->n_bindings; k++)
        s->bindings[k].symbol = find_method(s, s->bindings[k].method);
    return 0;
}

/* Where @method is, or would be, among the sorted bindings. */
static size_t find_binding(const VlServer *s, const char *method, bool *ret_found)
{
    size_t low = 0, high = s->n_bindings;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(method, s->bindings[middle].method);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_found = false;
    return low;
}

int vl_server_bind(VlServer *s, const char *method, VlHandler handler, unsigned flags, void *userdata)
{
    DMV_CLEANUP_FREE char *copy = NULL;
    bool found;
    size_t at;

    if (!vl_qualified_name_is_valid(method) || !handler)
        return -EINVAL;
    at = find_binding(s, method, &found);
    if (found)
        return -EEXIST;
    copy = strdup(method);
    if (!copy || !DMV_ARRAY_ADD(s->bindings, s->n_bindings))
        return -ENOMEM;
    memmove(&s->bindings[at + 1], &s->bindings[at], (s->n_bindings - 1 - at) * sizeof(s->bindings[0]));
    s->bindings[at] = (VlBinding){
        .method = DMV_TAKE_PTR(copy),
        .handler = handler,
        .flags = flags,
        .userdata = userdata,
        .symbol = find_method(s, method),
    };
    return 0;
}

static int check_interface(const VlServer *s, const VlInterface *i)
{
    int result = 0;

    for (size_t k = 0; k < i->n_symbols; k++) {
        DMV_CLEANUP_TEXT DmvText name = {0};
        bool found;

        if (i->symbols[k].kind != VL_SYMBOL_METHOD)
            continue;
        dmv_text_appendf(&name, "%s.%s", i->name, i->symbols[k].name);
        if (name.error < 0)
            return name.error;
        (void)find_binding(s, name.data, &found);
        if (!found) {
            (void)sd_journal_print(LOG_DEBUG, "Varlink method %s is declared, but nobody answers it",
                                   name.data);
            result = -ENOENT;
        }
    }
    return result;
}

int vl_server_check(VlServer *s)
{
    int result = 0;

    for (size_t i = 0; i < s->n_served; i++) {
        int r = check_interface(s, s->served[i].interface);

        if (r < 0)
            result = r;
    }
    for (size_t i = 0; i < s->n_bindings; i++)
        if (!s->bindings[i].symbol) {
            (void)sd_journal_print(LOG_DEBUG, "Varlink method %s is answered, but not declared",
                                   s->bindings[i].method);
            result = -ENOENT;
        }
    return result;
}

int vl_server_set_failure(VlServer *s, const char *error_id)
{
    return vl_qualified_name_is_valid(error_id) ? dmv_set_string(&s->failure, error_id) : -EINVAL;
}

void vl_server_on_connections(VlServer *s, void (*cb)(unsigned n, void *userdata), void *userdata)
{
    s->on_connections = cb;
    s->on_connections_userdata = userdata;
}

unsigned vl_server_n_connections(const VlServer *s)
{
    return s->n_connections;
}

void vl_server_connections_changed(VlServer *s)
{
    if (s->on_connections)
        s->on_connections(s->n_connections, s->on_connections_userdata);
}

void vl_server_on_failure(VlServer *s, int (*cb)(VlCall *call, int error, void *userdata), void *userdata)
{
    s->on_failure = cb;
    s->on_failure_userdata = userdata;
}

void vl_server_on_call(VlServer *s, void (*cb)(void *userdata), void *userdata)
{
    s->on_call = cb;
    s->on_call_userdata = userdata;
}

void vl_server_on_mismatch(VlServer *s,
                           void (*cb)(const char *method, const char *error, const char *where,
                                      void *userdata),
                           void *userdata)
{
    s->on_mismatch = cb;
    s->on_mismatch_userdata = userdata;
}

/* What an answer has to look like: the method's output, or the parameters of an error of any interface. */
static const VlType *find_answer(const VlServer *s, const VlSymbol *method, const char *error)
{
    const VlInterface *i;
    const VlSymbol *symbol;
    const char *name;

    if (!error)
        return method ? method->out : NULL;
    i = find_interface(s, error, &name);
    symbol = i ? vl_interface_find(i, VL_SYMBOL_ERROR, name) : NULL;
    return symbol ? symbol->type : NULL;
}

void vl_server_check_answer(VlServer *s, const VlCall *c, const char *error, json_object *params)
{
    DMV_CLEANUP_JSON json_object *empty = NULL;
    DMV_CLEANUP_FREE char *where = NULL;
    const VlType *type;

    if (!s->on_mismatch || dmv_streq(error, s->failure))
        return;
    type = find_answer(s, find_method(s, c->message.method), error);
    if (type && !params)
        params = empty = json_object_new_object();
    if (!type || vl_type_validate(type, params, &where) > 0)
        s->on_mismatch(c->message.method, error, where ? where : "", s->on_mismatch_userdata);
}

/* One of the errors of org.varlink.service that have one string as their parameter. */
static int answer(VlCall *c, const char *error, const char *key, const char *value)
{
    json_object *params = json_object_new_object();

    if (dmv_json_add_string(params, key, value) < 0) {
        json_object_put(params);
        return -ENOMEM;
    }
    return vl_call_error(c, error, params);
}

static int answer_unknown(const VlServer *s, VlCall *c)
{
    DMV_CLEANUP_FREE char *interface = NULL;
    const char *method = vl_call_method(c), *name, *dot;
    const VlInterface *i = find_interface(s, method, &name);

    if (i && vl_interface_find(i, VL_SYMBOL_METHOD, name))
        return answer(c, VL_SERVICE ".MethodNotImplemented", "method", method);
    if (i)
        return answer(c, VL_SERVICE ".MethodNotFound", "method", method);
    dot = strrchr(method, '.');
    interface = dot ? strndup(method, (size_t)(dot - method)) : strdup(method);
    if (!interface)
        return -ENOMEM;
    return answer(c, VL_SERVICE ".InterfaceNotFound", "interface", interface);
}

bool vl_peer_is_privileged(const VlPeerInfo *peer)
{
    return peer->known && (peer->uid == 0 || peer->uid == geteuid());
}

void vl_server_set_authorizer(VlServer *s, VlAuthorizer cb, void *userdata)
{
    s->authorizer = cb;
    s->authorizer_userdata = userdata;
}

/* What follows once it is certain that the peer may make the call. */
static int run_permitted(const VlServer *s, const VlBinding *b, VlCall *c)
{
    DMV_CLEANUP_FREE char *where = NULL;
    int r;

    if (b->symbol->requires_more && !c->message.more)
        return vl_call_error(c, VL_SERVICE ".ExpectedMore", NULL);
    r = vl_type_validate(b->symbol->type, c->message.parameters, &where);
    if (r > 0)
        return vl_call_error_invalid(c, where);
    if (r < 0)
        return r;
    if (s->on_call)
        s->on_call(s->on_call_userdata);
    return b->handler(c, c->message.parameters, b->userdata);
}

static const VlBinding *binding_of(const VlServer *s, const VlCall *c)
{
    bool found;
    size_t at = find_binding(s, c->message.method, &found);

    return found ? &s->bindings[at] : NULL;
}

static int run(const VlServer *s, VlCall *c)
{
    const VlBinding *b = binding_of(s, c);

    if (!b || !b->symbol)
        return answer_unknown(s, c);
    if (c->message.upgrade)
        return answer(c, VL_SERVICE ".MethodNotImplemented", "method", c->message.method);
    if (!(b->flags & VL_PRIVILEGED) || vl_peer_is_privileged(&c->peer))
        return run_permitted(s, b, c);
    if (!s->authorizer)
        return vl_call_error(c, VL_SERVICE ".PermissionDenied", NULL);
    c->asked = true;
    return s->authorizer(c, c->message.parameters, s->authorizer_userdata);
}

void vl_server_dispatch(VlServer *s, VlCall *c)
{
    int r = run(s, c);

    if (r < 0 && c->connection)
        (void)vl_call_fail(c, r);
}

void vl_server_proceed(VlServer *s, VlCall *c)
{
    int r = run_permitted(s, binding_of(s, c), c);

    if (r < 0 && c->connection)
        (void)vl_call_fail(c, r);
}
