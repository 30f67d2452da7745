/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A service for tests of the wire: org.varlink.certification, which the clients of other implementations know
 * how to call, and org.example.probe, whose methods are slow, large or refuse.
 *
 * Usage: cert-service [--listen PATH] [--max-connections N] [--max-per-uid N]; without --listen it takes the
 * sockets that it is activated with, and leaves with the last connection if none of them listens.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "varlink/varlink.h"

#define CERTIFICATION "org.varlink.certification"
#define N_MORE 10

static const char certification_idl[] =
    "# The interface that implementations of Varlink are tested against.\n"
    "interface " CERTIFICATION "\n"
    "\n"
    "type Interface (\n"
    "  foo: ?[]?[string](foo, bar, baz),\n"
    "  anon: (foo: bool, bar: bool)\n"
    ")\n"
    "\n"
    "type MyType (\n"
    "  object: object,\n"
    "  enum: (one, two, three),\n"
    "  struct: (first: int, second: string),\n"
    "  array: []string,\n"
    "  dictionary: [string]string,\n"
    "  stringset: [string](),\n"
    "  nullable: ?string,\n"
    "  nullable_array_struct: ?[](first: int, second: string),\n"
    "  interface: Interface\n"
    ")\n"
    "\n"
    "method Start() -> (client_id: string)\n"
    "method Test01(client_id: string) -> (bool: bool)\n"
    "method Test02(client_id: string, bool: bool) -> (int: int)\n"
    "method Test03(client_id: string, int: int) -> (float: float)\n"
    "method Test04(client_id: string, float: float) -> (string: string)\n"
    "method Test05(client_id: string, string: string) -> (bool: bool, int: int, float: float, string: "
    "string)\n"
    "method Test06(client_id: string, bool: bool, int: int, float: float, string: string)\n"
    "  -> (struct: (bool: bool, int: int, float: float, string: string))\n"
    "method Test07(client_id: string, struct: (bool: bool, int: int, float: float, string: string))\n"
    "  -> (map: [string]string)\n"
    "method Test08(client_id: string, map: [string]string) -> (set: [string]())\n"
    "method Test09(client_id: string, set: [string]()) -> (mytype: MyType)\n"
    "# [Requires 'more' flag]\n"
    "method Test10(client_id: string, mytype: MyType) -> (string: string)\n"
    "method Test11(client_id: string, last_more_replies: []string) -> ()\n"
    "method End(client_id: string) -> (all_ok: bool)\n"
    "\n"
    "error ClientIdError ()\n"
    "error CertificationError (wants: object, got: object)\n";

static const char probe_idl[] = "# What the tests of the wire call.\n"
                                "interface org.example.probe\n"
                                "\n"
                                "method Echo(text: ?string, number: ?int, object: ?object) ->\n"
                                "  (text: ?string, number: ?int, object: ?object)\n"
                                "# Answers after some milliseconds.\n"
                                "method Slow(msec: int) -> ()\n"
                                "# Answers count times with that many bytes.\n"
                                "# [Requires 'more' flag]\n"
                                "method Stream(count: int, size: int) -> (pad: ?string)\n"
                                "method Refuse() -> ()\n"
                                "method Secret() -> ()\n"
                                "# Nobody offers this one.\n"
                                "method Nobody() -> ()\n"
                                "\n"
                                "error Refused (reason: string)\n";

/* What each test returns, and the next one has to be called with. */
static const char *const results[] = {
    "{}",
    "{\"bool\":true}",
    "{\"int\":1}",
    "{\"float\":1.5}",
    "{\"string\":\"ping\"}",
    "{\"bool\":false,\"int\":-2,\"float\":3.14159,\"string\":\"a lot of \\u00e4 and \\ud83d\\ude00\"}",
    "{\"struct\":{\"bool\":false,\"int\":9007199254740993,\"float\":-1e-7,\"string\":\"\\\"\\\\\\n\"}}",
    "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}",
    "{\"set\":{\"one\":{},\"two\":{},\"three\":{}}}",
    "{\"mytype\":{\"object\":{\"method\":\"" CERTIFICATION
    ".Test09\",\"list\":[1,2.5,null]},\"enum\":\"two\","
    "\"struct\":{\"first\":1,\"second\":\"2\"},\"array\":[\"one\",\"two\",\"three\"],"
    "\"dictionary\":{\"foo\":\"Foo\",\"bar\":\"Bar\"},\"stringset\":{\"one\":{},\"two\":{}},\"nullable\":"
    "null,"
    "\"interface\":{\"foo\":[null,{\"foo\":\"foo\",\"bar\":\"bar\"},null,{\"one\":\"foo\"}],"
    "\"anon\":{\"foo\":true,\"bar\":false}}}}",
};

typedef struct Client {
    char id[24];
    unsigned next; /* the test that has to come; 12 for End */
    bool ok;
} Client;

typedef struct Service {
    sd_event *event;
    VlServer *server;
    Client *clients;
    size_t n_clients;
    bool leave_when_idle;
} Service;

static json_object *parse(const char *text)
{
    const DmvJsonLimits limits = {.size = 65536, .depth = 32, .nodes = 1000};
    json_object *o = NULL;

    if (dmv_json_parse(text, strlen(text), &limits, &o, NULL) != 0)
        abort();
    return o;
}

static bool is_number(json_object *o)
{
    return json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double);
}

/* Is what a client sent what it was given? Numbers count by value, and a null member is an absent one. */
static bool is_same(json_object *a, json_object *b)
{
    if (!a || !b)
        return !a && !b;
    if (json_object_is_type(a, json_type_int) && json_object_is_type(b, json_type_int))
        return json_object_get_int64(a) == json_object_get_int64(b);
    if (is_number(a) && is_number(b))
        return !(json_object_get_double(a) < json_object_get_double(b)) &&
               !(json_object_get_double(a) > json_object_get_double(b));
    if (json_object_get_type(a) != json_object_get_type(b))
        return false;
    if (json_object_is_type(a, json_type_array)) {
        if (json_object_array_length(a) != json_object_array_length(b))
            return false;
        for (size_t i = 0; i < json_object_array_length(a); i++)
            if (!is_same(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
                return false;
        return true;
    }
    if (!json_object_is_type(a, json_type_object))
        return json_object_equal(a, b);
    json_object_object_foreach (a, key, value) {
        if (!is_same(value, json_object_object_get(b, key)))
            return false;
    }
    json_object_object_foreach (b, other_key, other) {
        if (other && !json_object_object_get(a, other_key))
            return false;
    }
    return true;
}

static Client *find_client(Service *s, json_object *params)
{
    const char *id = json_object_get_string(json_object_object_get(params, "client_id"));

    for (size_t i = 0; i < s->n_clients; i++)
        if (dmv_streq(s->clients[i].id, id))
            return &s->clients[i];
    return NULL;
}

static int answer_wrong(VlCall *c, Client *client, json_object *wants, json_object *got)
{
    json_object *o = json_object_new_object();

    client->ok = false;
    if (dmv_json_add(o, "wants", json_object_get(wants)) < 0 ||
        dmv_json_add(o, "got", json_object_get(got)) < 0) {
        json_object_put(o);
        return -ENOMEM;
    }
    return vl_call_error(c, CERTIFICATION ".CertificationError", o);
}

static int on_start(VlCall *c, json_object *params, void *userdata)
{
    Service *s = userdata;
    Client *client = DMV_ARRAY_ADD(s->clients, s->n_clients);
    json_object *o;

    (void)params;
    if (!client)
        return -ENOMEM;
    (void)snprintf(client->id, sizeof(client->id), "client-%zu", s->n_clients);
    client->next = 1;
    client->ok = true;
    o = json_object_new_object();
    if (dmv_json_add_string(o, "client_id", client->id) < 0) {
        json_object_put(o);
        return -ENOMEM;
    }
    return vl_call_reply(c, o);
}

/* Did the client call test @n at its turn, and with what it had to? Return: true, or it was answered. */
static bool check(VlCall *c, Client *client, unsigned n, json_object *params, json_object *wants)
{
    DMV_CLEANUP_JSON json_object *got = NULL;

    if (!client) {
        (void)vl_call_error(c, CERTIFICATION ".ClientIdError", NULL);
        return false;
    }
    if (json_object_deep_copy(params, &got, NULL) < 0)
        return false;
    json_object_object_del(got, "client_id");
    if (client->next != n || !is_same(wants, got)) {
        (void)answer_wrong(c, client, wants, got);
        return false;
    }
    client->next = n + 1;
    return true;
}

/* Test01 to Test09. */
static int on_test(VlCall *c, json_object *params, void *userdata)
{
    unsigned n = (unsigned)(strtoul(vl_call_method(c) + strlen(CERTIFICATION ".Test"), NULL, 10));
    DMV_CLEANUP_JSON json_object *wants = parse(results[n - 1]);

    return check(c, find_client(userdata, params), n, params, wants) ? vl_call_reply(c, parse(results[n]))
                                                                     : 0;
}

static int on_test10(VlCall *c, json_object *params, void *userdata)
{
    DMV_CLEANUP_JSON json_object *wants = parse(results[9]);

    if (!check(c, find_client(userdata, params), 10, params, wants))
        return 0;
    for (unsigned i = 1; i <= N_MORE; i++) {
        json_object *o = json_object_new_object();
        char text[32];
        int r;

        (void)snprintf(text, sizeof(text), "Reply number %u", i);
        if (dmv_json_add_string(o, "string", text) < 0) {
            json_object_put(o);
            return -ENOMEM;
        }
        r = i < N_MORE ? vl_call_notify(c, o) : vl_call_reply(c, o);
        if (r < 0)
            return r;
    }
    return 0;
}

static int on_test11(VlCall *c, json_object *params, void *userdata)
{
    DMV_CLEANUP_JSON json_object *wants = NULL;
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_append(&t, "{\"last_more_replies\":[");
    for (unsigned i = 1; i <= N_MORE; i++)
        dmv_text_appendf(&t, "%s\"Reply number %u\"", i > 1 ? "," : "", i);
    dmv_text_append(&t, "]}");
    wants = parse(t.data);
    return check(c, find_client(userdata, params), 11, params, wants) ? vl_call_reply(c, NULL) : 0;
}

static int on_end(VlCall *c, json_object *params, void *userdata)
{
    Client *client = find_client(userdata, params);
    json_object *o;

    if (!client)
        return vl_call_error(c, CERTIFICATION ".ClientIdError", NULL);
    o = json_object_new_object();
    if (dmv_json_add_bool(o, "all_ok", client->ok && client->next == 12) < 0) {
        json_object_put(o);
        return -ENOMEM;
    }
    return vl_call_reply(c, o);
}

static int on_echo(VlCall *c, json_object *params, void *userdata)
{
    (void)userdata;
    return vl_call_reply(c, json_object_get(params));
}

static int on_slow_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    VlCall *c = userdata;

    (void)source;
    (void)usec;
    (void)vl_call_reply(c, NULL);
    vl_call_unref(c);
    return 0;
}

static int on_slow(VlCall *c, json_object *params, void *userdata)
{
    uint64_t usec = (uint64_t)json_object_get_int64(json_object_object_get(params, "msec")) * 1000;
    Service *s = userdata;
    int r;

    r = sd_event_add_time_relative(s->event, NULL, CLOCK_MONOTONIC, usec, 1, on_slow_over, c);
    if (r < 0)
        return r;
    vl_call_ref(c);
    return 0;
}

typedef struct Stream {
    int64_t left;
    char *pad;
} Stream;

static void stream_free(Stream *stream)
{
    free(stream->pad);
    free(stream);
}

/* Sends as long as there is room. Return: 0 to be called again, 1 at the end. */
static int send_some(VlCall *c, Stream *stream)
{
    int r = 0;

    while (r == 0 && stream->left > 0) {
        json_object *o = json_object_new_object();

        stream->left--;
        r = dmv_json_add_string(o, "pad", stream->pad);
        if (r < 0)
            json_object_put(o);
        else
            r = vl_call_notify(c, o);
    }
    if (r > 0)
        return 0;
    return r < 0 ? r : 1;
}

static void on_stream_cancel(VlCall *c, void *userdata)
{
    stream_free(userdata);
    vl_call_unref(c);
}

static void on_stream_drain(VlCall *c, void *userdata)
{
    int r = send_some(c, userdata);

    if (r == 0)
        return;
    if (r > 0)
        (void)vl_call_reply(c, NULL);
    vl_call_set_hooks(c, NULL, NULL);
    on_stream_cancel(c, userdata);
}

static int on_stream(VlCall *c, json_object *params, void *userdata)
{
    static const VlCallHooks hooks = {.drain = on_stream_drain, .cancel = on_stream_cancel};
    int64_t size = json_object_get_int64(json_object_object_get(params, "size"));
    Stream *stream;

    (void)userdata;
    if (size < 0 || size > 1024 * 1024)
        return vl_call_error_invalid(c, "size");
    stream = calloc(1, sizeof(*stream));
    if (!stream)
        return -ENOMEM;
    stream->left = json_object_get_int64(json_object_object_get(params, "count"));
    stream->pad = malloc((size_t)size + 1);
    if (!stream->pad) {
        free(stream);
        return -ENOMEM;
    }
    memset(stream->pad, 'x', (size_t)size);
    stream->pad[size] = '\0';
    vl_call_ref(c);
    vl_call_set_hooks(c, &hooks, stream);
    on_stream_drain(c, stream);
    return 0;
}

static int on_refuse(VlCall *c, json_object *params, void *userdata)
{
    json_object *o = json_object_new_object();

    (void)params;
    (void)userdata;
    if (dmv_json_add_string(o, "reason", "never") < 0) {
        json_object_put(o);
        return -ENOMEM;
    }
    return vl_call_error(c, "org.example.probe.Refused", o);
}

static int on_secret(VlCall *c, json_object *params, void *userdata)
{
    (void)params;
    (void)userdata;
    return vl_call_reply(c, NULL);
}

static void on_connections(unsigned n, void *userdata)
{
    Service *s = userdata;

    if (n == 0 && s->leave_when_idle)
        (void)sd_event_exit(s->event, 0);
}

static int bind_all(Service *s)
{
    static const struct {
        const char *method;
        VlHandler handler;
        unsigned flags;
    } table[] = {
        {CERTIFICATION ".Start", on_start, 0},      {CERTIFICATION ".Test01", on_test, 0},
        {CERTIFICATION ".Test02", on_test, 0},      {CERTIFICATION ".Test03", on_test, 0},
        {CERTIFICATION ".Test04", on_test, 0},      {CERTIFICATION ".Test05", on_test, 0},
        {CERTIFICATION ".Test06", on_test, 0},      {CERTIFICATION ".Test07", on_test, 0},
        {CERTIFICATION ".Test08", on_test, 0},      {CERTIFICATION ".Test09", on_test, 0},
        {CERTIFICATION ".Test10", on_test10, 0},    {CERTIFICATION ".Test11", on_test11, 0},
        {CERTIFICATION ".End", on_end, 0},          {"org.example.probe.Echo", on_echo, 0},
        {"org.example.probe.Slow", on_slow, 0},     {"org.example.probe.Stream", on_stream, 0},
        {"org.example.probe.Refuse", on_refuse, 0}, {"org.example.probe.Secret", on_secret, VL_PRIVILEGED},
    };
    int r;

    r = vl_server_add_interface(s->server, certification_idl);
    if (r == 0)
        r = vl_server_add_interface(s->server, probe_idl);
    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(table); i++)
        r = vl_server_bind(s->server, table[i].method, table[i].handler, table[i].flags, s);
    return r;
}

static int run(Service *s, const VlConfig *config, const char *path)
{
    sigset_t mask;
    int r;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    r = sd_event_default(&s->event);
    if (r >= 0)
        r = sd_event_add_signal(s->event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = vl_server_new(s->event, config, &s->server);
    if (r >= 0)
        r = bind_all(s);
    if (r >= 0)
        r = path ? vl_server_listen(s->server, path, 0666) : vl_server_listen_auto(s->server);
    if (r < 0)
        return r;
    if (!path && r == 0)
        return -ENOTCONN;
    s->leave_when_idle = vl_server_n_connections(s->server) > 0;
    vl_server_on_connections(s->server, on_connections, s);
    return sd_event_loop(s->event);
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"max-connections", required_argument, NULL, 'm'},
        {"max-per-uid", required_argument, NULL, 'u'},
        {0},
    };
    VlConfig config = {
        .vendor = "dmv", .product = "test service", .version = "1", .url = "https://example.org/"};
    const char *path = NULL;
    Service s = {0};
    int c, r;

    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (c) {
        case 'l':
            path = optarg;
            break;
        case 'm':
            config.max_connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'u':
            config.max_connections_per_uid = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    r = run(&s, &config, path);
    vl_server_free(s.server);
    sd_event_unref(s.event);
    free(s.clients);
    if (r < 0)
        (void)fprintf(stderr, "cert-service: %s\n", strerror(-r));
    return r < 0;
}
