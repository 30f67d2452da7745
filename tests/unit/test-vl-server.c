/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server against raw bytes: one end of a socket pair is served, the test writes and reads the other one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "varlink/varlink.h"

static const char probe_idl[] = "# What the tests call\n"
                                "interface org.example.probe\n"
                                "type Mode (one, two)\n"
                                "method Echo(text: ?string, number: ?int, mode: ?Mode, list: ?[]string) ->"
                                " (text: ?string, number: ?int, mode: ?Mode, list: ?[]string)\n"
                                "# [Requires 'more' flag]\n"
                                "method Stream(count: int, size: ?int) -> (n: ?int, pad: ?string)\n"
                                "# [Supports 'more' flag]\n"
                                "method Slow() -> (n: ?int)\n"
                                "method Count() -> (n: int)\n"
                                "method Fail() -> ()\n"
                                "method Refuse() -> ()\n"
                                "method Forget() -> ()\n"
                                "method Secret() -> ()\n"
                                "method Big(size: int) -> (pad: string)\n"
                                "method Descriptors() -> (n: int)\n"
                                "method Nobody() -> ()\n"
                                "error Refused (reason: string)\n";

typedef struct Fixture {
    sd_event *event;
    VlServer *server;
    int fd; /* the client's end */
    VlCall *kept;
    int64_t count;              /* calls of Count */
    unsigned cancelled, drains; /* hooks that were run */
    int64_t to_send;
    int64_t pad;
    bool blocked;
    unsigned n_connections; /* as the server said */
} Fixture;

static int on_echo(VlCall *c, json_object *params, void *userdata)
{
    (void)userdata;
    return vl_call_reply(c, json_object_get(params));
}

static int on_count(VlCall *c, json_object *params, void *userdata)
{
    Fixture *f = userdata;
    json_object *o = json_object_new_object();

    (void)params;
    f->count++;
    assert_int_equal(dmv_json_add_int(o, "n", f->count), 0);
    return vl_call_reply(c, o);
}

static void send_stream(Fixture *f)
{
    VlCall *c = f->kept;

    while (f->to_send > 0) {
        json_object *o = json_object_new_object();
        DMV_CLEANUP_FREE char *pad = calloc(1, (size_t)f->pad + 1);
        int r;

        memset(pad, 'x', (size_t)f->pad);
        assert_int_equal(dmv_json_add_int(o, "n", f->to_send--), 0);
        assert_int_equal(dmv_json_add_string(o, "pad", pad), 0);
        r = vl_call_notify(c, o);
        assert_true(r >= 0);
        f->blocked = r > 0;
        if (r > 0)
            return;
    }
    f->kept = NULL;
    assert_int_equal(vl_call_reply(c, NULL), 0);
    vl_call_unref(c);
}

static void on_drain(VlCall *c, void *userdata)
{
    Fixture *f = userdata;

    assert_ptr_equal(c, f->kept);
    assert_true(f->blocked);
    f->drains++;
    send_stream(f);
}

static void on_cancel(VlCall *c, void *userdata)
{
    Fixture *f = userdata;

    assert_ptr_equal(c, f->kept);
    f->cancelled++;
    assert_int_equal(vl_call_reply(c, NULL), -ENOTCONN);
    f->kept = vl_call_unref(f->kept);
}

static const VlCallHooks hooks = {.drain = on_drain, .cancel = on_cancel};

static int on_stream(VlCall *c, json_object *params, void *userdata)
{
    Fixture *f = userdata;

    f->to_send = json_object_get_int64(json_object_object_get(params, "count"));
    f->pad = json_object_get_int64(json_object_object_get(params, "size"));
    f->kept = vl_call_ref(c);
    vl_call_set_hooks(c, &hooks, f);
    send_stream(f);
    return 0;
}

static int on_slow(VlCall *c, json_object *params, void *userdata)
{
    Fixture *f = userdata;

    (void)params;
    assert_null(f->kept);
    f->kept = vl_call_ref(c);
    vl_call_set_hooks(c, &hooks, f);
    assert_int_equal(vl_call_notify(c, NULL), 0);
    return 0;
}

static int on_fail(VlCall *c, json_object *params, void *userdata)
{
    (void)c;
    (void)params;
    (void)userdata;
    return -EIO;
}

static int on_refuse(VlCall *c, json_object *params, void *userdata)
{
    json_object *o = json_object_new_object();

    (void)params;
    (void)userdata;
    assert_int_equal(dmv_json_add_string(o, "reason", "never"), 0);
    return vl_call_error(c, "org.example.probe.Refused", o);
}

static int on_forget(VlCall *c, json_object *params, void *userdata)
{
    (void)c;
    (void)params;
    (void)userdata;
    return 0;
}

static int on_big(VlCall *c, json_object *params, void *userdata)
{
    size_t size = (size_t)json_object_get_int64(json_object_object_get(params, "size"));
    DMV_CLEANUP_FREE char *pad = calloc(1, size + 1);
    json_object *o = json_object_new_object();

    (void)userdata;
    memset(pad, 'x', size);
    assert_int_equal(dmv_json_add_string(o, "pad", pad), 0);
    return vl_call_reply(c, o);
}

/* Answers with the number of descriptors that came, and sends the first one back. */
static int on_descriptors(VlCall *c, json_object *params, void *userdata)
{
    DMV_CLEANUP_CLOSE int fd = vl_call_take_fd(c, 0);
    json_object *o = json_object_new_object();
    int n = fd >= 0;

    (void)params;
    (void)userdata;
    assert_int_equal(vl_call_take_fd(c, 0), -ENOENT);
    for (unsigned i = 1; i < VL_MAX_FDS + 1; i++) {
        DMV_CLEANUP_CLOSE int other = vl_call_take_fd(c, i);

        n += other >= 0;
    }
    assert_int_equal(dmv_json_add_int(o, "n", n), 0);
    return vl_call_reply_fds(c, o, &fd, fd >= 0);
}

static void on_connections(unsigned n, void *userdata)
{
    ((Fixture *)userdata)->n_connections = n;
}

static void bind_probe(Fixture *f)
{
    static const struct {
        const char *method;
        VlHandler handler;
        unsigned flags;
    } table[] = {
        {"Echo", on_echo, 0},     {"Stream", on_stream, 0},
        {"Slow", on_slow, 0},     {"Count", on_count, 0},
        {"Fail", on_fail, 0},     {"Refuse", on_refuse, 0},
        {"Forget", on_forget, 0}, {"Secret", on_forget, VL_PRIVILEGED},
        {"Big", on_big, 0},       {"Descriptors", on_descriptors, 0},
    };

    assert_int_equal(vl_server_add_interface(f->server, probe_idl), 0);
    assert_int_equal(vl_server_add_interface(f->server, probe_idl), -EEXIST);
    for (size_t i = 0; i < DMV_N_ELEMENTS(table); i++) {
        DMV_CLEANUP_TEXT DmvText name = {0};

        dmv_text_appendf(&name, "org.example.probe.%s", table[i].method);
        assert_int_equal(vl_server_bind(f->server, name.data, table[i].handler, table[i].flags, f), 0);
        assert_int_equal(vl_server_bind(f->server, name.data, table[i].handler, table[i].flags, f), -EEXIST);
    }
}

/* The socket's buffer is set, so that no default of the machine decides when it is full. */
static int connect_pair(Fixture *f)
{
    const int size = 65536;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    assert_int_equal(vl_server_add_connection(f->server, pair[0]), 0);
    return pair[1];
}

static void start(Fixture *f, const VlConfig *config)
{
    *f = (Fixture){.fd = -1};
    assert_true(sd_event_new(&f->event) >= 0);
    assert_int_equal(vl_server_new(f->event, config, &f->server), 0);
    assert_int_equal(vl_server_set_failure(f->server, "org.example.probe.Failed"), 0);
    vl_server_on_connections(f->server, on_connections, f);
    bind_probe(f);
    f->fd = connect_pair(f);
}

static void stop(Fixture *f)
{
    f->server = vl_server_free(f->server);
    f->kept = vl_call_unref(f->kept);
    f->event = sd_event_unref(f->event);
    f->fd = dmv_close(f->fd);
}

/* Runs the loop until it has nothing to do. */
static void settle(Fixture *f)
{
    int r;

    do
        r = sd_event_run(f->event, 0);
    while (r > 0);
    assert_int_equal(r, 0);
}

static void send_bytes(int fd, const char *data, size_t size)
{
    if (size == 0)
        return;
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

/* What came back, messages separated by '|', "EOF" at the end. */
static char *receive(int fd)
{
    DmvText t = {0};
    char *ret;

    dmv_text_append(&t, "");
    for (;;) {
        char buffer[65536];
        ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            dmv_text_append(&t, "EOF");
            break;
        }
        for (ssize_t i = 0; i < n; i++)
            if (buffer[i] == '\0')
                buffer[i] = '|';
        dmv_text_append_bytes(&t, buffer, (size_t)n);
    }
    assert_int_equal(dmv_text_take(&t, &ret, NULL), 0);
    return ret;
}

/* Sends bytes with '|' for NUL and compares what comes back. */
static void check(Fixture *f, const char *send_text, const char *want)
{
    DMV_CLEANUP_FREE char *bytes = strdup(send_text);
    DMV_CLEANUP_FREE char *got = NULL;
    size_t size = strlen(bytes);

    for (size_t i = 0; i < size; i++)
        if (bytes[i] == '|')
            bytes[i] = '\0';
    send_bytes(f->fd, bytes, size);
    settle(f);
    got = receive(f->fd);
    assert_string_equal(got, want);
}

#define ECHO "{\"method\":\"org.example.probe.Echo\"}|"
#define COUNT "{\"method\":\"org.example.probe.Count\"}|"

static void test_calls(void **state)
{
    static const struct {
        const char *send, *want;
    } rows[] = {
        {ECHO, "{}|"},
        {" \n" ECHO, "{}|"},
        {"{\"method\":\"org.example.probe.Echo\",\"parameters\":null}|", "{}|"},
        {"{\"method\":\"org.example.probe.Echo\",\"parameters\":{}}|", "{}|"},
        {"{\"method\":\"org.example.probe.Echo\",\"parameters\":{\"text\":\"\x7f\",\"number\":-3,\"mode\":"
         "\"two\"}}|",
         "{\"parameters\":{\"text\":\"\\u007f\",\"number\":-3,\"mode\":\"two\"}}|"},
        {"{\"method\":\"org.example.probe.Echo\",\"com.example\":{\"x\":1}}|", "{}|"},
        {"{\"method\":\"org.example.probe.Echo\",\"upgrade\":false,\"more\":false,\"oneway\":false}|", "{}|"},
        {"{\"method\":\"org.example.probe.Echo\",\"more\":true}|", "{}|"},
        {"{\"method\":\"org.example.probe.Echo\",\"oneway\":true}|" COUNT, "{\"parameters\":{\"n\":1}}|"},
        {"{\"method\":\"org.example.probe.Fail\",\"oneway\":true}|" COUNT, "{\"parameters\":{\"n\":2}}|"},
        {"{\"method\":\"org.example.probe.No\",\"oneway\":true}|" COUNT, "{\"parameters\":{\"n\":3}}|"},
        {COUNT COUNT COUNT,
         "{\"parameters\":{\"n\":4}}|{\"parameters\":{\"n\":5}}|{\"parameters\":{\"n\":6}}|"},
        {"{\"method\":\"org.example.probe.Refuse\"}|",
         "{\"error\":\"org.example.probe.Refused\",\"parameters\":{\"reason\":\"never\"}}|"},
        {"{\"method\":\"org.example.probe.Fail\"}|",
         "{\"error\":\"org.example.probe.Failed\",\"parameters\":{\"errno\":5}}|"},
        {"{\"method\":\"org.example.probe.Forget\"}|",
         "{\"error\":\"org.example.probe.Failed\",\"parameters\":{\"errno\":61}}|"},
        {"{\"method\":\"org.example.probe.Stream\",\"parameters\":{\"count\":2},\"more\":true}|",
         "{\"parameters\":{\"n\":2,\"pad\":\"\"},\"continues\":true}|"
         "{\"parameters\":{\"n\":1,\"pad\":\"\"},\"continues\":true}|{}|"},
        {"{\"method\":\"org.example.probe.Big\",\"parameters\":{\"size\":5000000}}|",
         "{\"error\":\"org.example.probe.Failed\",\"parameters\":{\"errno\":7}}|"},
    };
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++)
        check(&f, rows[i].send, rows[i].want);
}

#define SERVICE_ERROR(name, key, value) \
    "{\"error\":\"org.varlink.service." name "\",\"parameters\":{\"" key "\":\"" value "\"}}|"
#define INVALID(value) SERVICE_ERROR("InvalidParameter", "parameter", value)
#define ECHO_WITH(params) "{\"method\":\"org.example.probe.Echo\",\"parameters\":{" params "}}|"

static void test_service_errors(void **state)
{
    static const struct {
        const char *send, *want;
    } rows[] = {
        {"{\"method\":\"org.example.none.X\"}|",
         SERVICE_ERROR("InterfaceNotFound", "interface", "org.example.none")},
        {"{\"method\":\"nodots\"}|", SERVICE_ERROR("InterfaceNotFound", "interface", "nodots")},
        {"{\"method\":\"\"}|", SERVICE_ERROR("InterfaceNotFound", "interface", "")},
        {"{\"method\":\"org.example.probe.X\"}|",
         SERVICE_ERROR("MethodNotFound", "method", "org.example.probe.X")},
        {"{\"method\":\"org.example.probe.Mode\"}|",
         SERVICE_ERROR("MethodNotFound", "method", "org.example.probe.Mode")},
        {"{\"method\":\"org.example.probe.Nobody\"}|",
         SERVICE_ERROR("MethodNotImplemented", "method", "org.example.probe.Nobody")},
        {"{\"method\":\"org.example.probe.Echo\",\"upgrade\":true}|",
         SERVICE_ERROR("MethodNotImplemented", "method", "org.example.probe.Echo")},
        {"{\"method\":\"org.example.probe.Stream\",\"parameters\":{\"count\":1}}|",
         "{\"error\":\"org.varlink.service.ExpectedMore\"}|"},
        {ECHO_WITH("\"number\":\"3\""), INVALID("number")},
        {ECHO_WITH("\"number\":3.0"), INVALID("number")},
        {ECHO_WITH("\"number\":99999999999999999999"), INVALID("number")},
        {ECHO_WITH("\"number\":-99999999999999999999"), INVALID("number")},
        {ECHO_WITH("\"mode\":\"three\""), INVALID("mode")},
        {ECHO_WITH("\"list\":[\"a\",1]"), INVALID("list[1]")},
        {ECHO_WITH("\"other\":1"), INVALID("other")},
        {"{\"method\":\"org.example.probe.Stream\",\"more\":true}|", INVALID("count")},
        {"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"a.b\"}}"
         "|",
         SERVICE_ERROR("InterfaceNotFound", "interface", "a.b")},
        {"{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"x\":1}}|", INVALID("x")},
    };
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++)
        check(&f, rows[i].send, rows[i].want);
}

static void test_introspection(void **state)
{
    const VlConfig config = {.vendor = "V", .product = "P", .version = "1", .url = "u"};
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_FREE char *got = NULL;
    DMV_CLEANUP_JSON json_object *reply = NULL;
    json_object *params, *description;
    const DmvJsonLimits limits = {.size = 65536, .depth = 8, .nodes = 100};
    const char *call = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                       "\"parameters\":{\"interface\":\"org.example.probe\"}}";

    (void)state;
    start(&f, &config);
    check(&f, "{\"method\":\"org.varlink.service.GetInfo\"}|",
          "{\"parameters\":{\"vendor\":\"V\",\"product\":\"P\",\"version\":\"1\",\"url\":\"u\","
          "\"interfaces\":[\"org.varlink.service\",\"org.example.probe\"]}}|");
    send_bytes(f.fd, call, strlen(call) + 1);
    settle(&f);
    got = receive(f.fd);
    assert_int_equal(dmv_json_parse(got, strlen(got) - 1, &limits, &reply, NULL), 0);
    params = json_object_object_get(reply, "parameters");
    description = json_object_object_get(params, "description");
    assert_string_equal(json_object_get_string(description), probe_idl);
}

/* Each of these ends the connection without an answer, and nothing of what follows is looked at. */
static void test_malformed_closes(void **state)
{
    static const char *const rows[] = {
        "|",
        "{}|",
        "[]|",
        "\"x\"|",
        "1|",
        "null|",
        "{|",
        "{\"method\":\"org.example.probe.Echo\"|",
        "{\"method\":\"org.example.probe.Echo\"} x|",
        "{\"method\":1}|",
        "{\"method\":null}|",
        "{\"parameters\":{}}|",
        "{\"method\":\"org.example.probe.Echo\",\"parameters\":[]}|",
        "{\"method\":\"org.example.probe.Echo\",\"parameters\":\"x\"}|",
        "{\"method\":\"org.example.probe.Echo\",\"foo\":1}|",
        "{\"method\":\"org.example.probe.Echo\",\"method\":\"org.example.probe.Echo\"}|",
        ECHO_WITH("\"text\":\"a\",\"text\":\"a\""),
        ECHO_WITH("\"text\":\"\\u0000\""),
        ECHO_WITH("\"text\":\"\xc0\xaf\""),
        ECHO_WITH("\"text\":\"\\ud800\""),
        ECHO_WITH("\"text\":\"\t\""),
        "{\"method\":\"org.example.probe.Echo\",\"oneway\":null}|",
        "{\"method\":\"org.example.probe.Echo\",\"more\":1}|",
        "{\"method\":\"org.example.probe.Echo\",\"upgrade\":\"true\"}|",
        "{\"method\":\"org.example.probe.Echo\",\"oneway\":true,\"more\":true}|",
        "{\"method\":\"org.example.probe.Echo\",\"upgrade\":true,\"more\":true}|",
        "{\"method\":\"org.example.probe.Echo\",\"error\":\"x.y.Z\"}|",
        "\xef\xbb\xbf" ECHO,
        "/**/" ECHO,
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP(stop) Fixture f;
        DMV_CLEANUP_TEXT DmvText text = {0};

        start(&f, NULL);
        dmv_text_append(&text, COUNT);
        dmv_text_append(&text, rows[i]);
        dmv_text_append(&text, COUNT);
        check(&f, text.data, "{\"parameters\":{\"n\":1}}|EOF");
        assert_int_equal(f.count, 1);
        assert_int_equal(f.n_connections, 0);
    }
}

static void test_too_deep_and_too_long(void **state)
{
    DMV_CLEANUP_FREE char *deep = calloc(1, 20000);
    DMV_CLEANUP_FREE char *space = malloc(65536);
    const VlConfig config = {.max_request = 65536};

    (void)state;
    {
        DMV_CLEANUP(stop) Fixture f;

        start(&f, NULL);
        strcpy(deep, "{\"method\":\"org.example.probe.Echo\",\"x.y\":");
        memset(deep + strlen(deep), '[', 3000);
        memset(deep + strlen(deep), ']', 3000);
        strcat(deep, "}|");
        check(&f, deep, "EOF");
    }
    /* exactly the limit is taken, one byte more is not, whether its NUL was sent or not */
    memset(space, ' ', 65536);
    for (int more = 0; more < 2; more++) {
        DMV_CLEANUP(stop) Fixture f;

        start(&f, &config);
        send_bytes(f.fd, space, 65536 - strlen("{\"method\":\"org.example.probe.Count\"}") + (size_t)more);
        settle(&f);
        check(&f, COUNT, more ? "EOF" : "{\"parameters\":{\"n\":1}}|");
    }
}

static void test_bytes_one_by_one(void **state)
{
    static const char call[] = "{\"method\":\"org.example.probe.Count\"}";
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_FREE char *got = NULL;

    (void)state;
    start(&f, NULL);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof(call); i++) {
            send_bytes(f.fd, &call[i], 1);
            settle(&f);
        }
    got = receive(f.fd);
    assert_string_equal(got, "{\"parameters\":{\"n\":1}}|{\"parameters\":{\"n\":2}}|");
}

#define SLOW "{\"method\":\"org.example.probe.Slow\"}|"
#define SLOW_MORE "{\"method\":\"org.example.probe.Slow\",\"more\":true}|"

static void answer_kept(Fixture *f)
{
    assert_non_null(f->kept);
    assert_int_equal(vl_call_reply(f->kept, NULL), 0);
    assert_int_equal(vl_call_reply(f->kept, NULL), -ENOTCONN);
    f->kept = vl_call_unref(f->kept);
}

static void test_one_call_at_a_time(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    check(&f, SLOW_MORE COUNT, "{\"continues\":true}|");
    check(&f, COUNT, "");
    assert_int_equal(f.count, 0);
    answer_kept(&f);
    check(&f, COUNT, "{}|{\"parameters\":{\"n\":1}}|{\"parameters\":{\"n\":2}}|{\"parameters\":{\"n\":3}}|");
    /* without more, what is only progress goes nowhere */
    check(&f, SLOW, "");
    answer_kept(&f);
    check(&f, "", "{}|");
}

static void test_kept_call_that_is_dropped(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    check(&f, SLOW, "");
    f.kept = vl_call_unref(f.kept);
    check(&f, "", "{\"error\":\"org.example.probe.Failed\",\"parameters\":{\"errno\":61}}|");
}

static void test_half_close(void **state)
{
    static const struct {
        const char *send, *want;
    } rows[] = {
        {COUNT COUNT, "{\"parameters\":{\"n\":1}}|{\"parameters\":{\"n\":2}}|EOF"},
        {COUNT "{\"method\":", "{\"parameters\":{\"n\":1}}|EOF"},
        {"{\"method\":", "EOF"},
        {"", "EOF"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP(stop) Fixture f;
        DMV_CLEANUP_FREE char *bytes = strdup(rows[i].send);
        size_t size = strlen(bytes);

        start(&f, NULL);
        for (size_t k = 0; k < size; k++)
            bytes[k] = bytes[k] == '|' ? '\0' : bytes[k];
        send_bytes(f.fd, bytes, size);
        assert_int_equal(shutdown(f.fd, SHUT_WR), 0);
        check(&f, "", rows[i].want);
        assert_int_equal(f.n_connections, 0);
    }
}

static void test_half_close_while_a_call_runs(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    check(&f, SLOW, "");
    assert_int_equal(shutdown(f.fd, SHUT_WR), 0);
    check(&f, "", "");
    assert_int_equal(f.cancelled, 0);
    answer_kept(&f);
    check(&f, "", "{}|EOF");
}

static void test_close_cancels(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    check(&f, SLOW COUNT, "");
    f.fd = dmv_close(f.fd);
    settle(&f);
    assert_int_equal(f.cancelled, 1);
    assert_null(f.kept);
    assert_int_equal(f.count, 0);
    assert_int_equal(f.n_connections, 0);
}

/* A client that sends oneway calls and leaves: all of them are made, the slow one is not cancelled. */
static void test_oneway_and_close(void **state)
{
    static const char calls[] = "{\"method\":\"org.example.probe.Slow\",\"oneway\":true}\0"
                                "{\"method\":\"org.example.probe.Count\",\"oneway\":true}\0"
                                "{\"method\":\"org.example.probe.Count\",\"oneway\":true}";
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    send_bytes(f.fd, calls, sizeof(calls));
    f.fd = dmv_close(f.fd);
    settle(&f);
    assert_int_equal(f.cancelled, 0);
    assert_int_equal(f.count, 0);
    assert_int_equal(f.n_connections, 1);
    answer_kept(&f);
    settle(&f);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.n_connections, 0);
}

static void test_server_goes_first(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    check(&f, SLOW, "");
    f.server = vl_server_free(f.server);
    assert_int_equal(f.cancelled, 1);
    check(&f, "", "EOF");
}

static void test_stop_listening(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_CLOSE int other = -1;

    (void)state;
    start(&f, NULL);
    other = connect_pair(&f);
    check(&f, SLOW, "");
    vl_server_stop_listening(f.server);
    settle(&f);
    assert_int_equal(f.n_connections, 1);
    answer_kept(&f);
    check(&f, "", "{}|EOF");
    assert_int_equal(vl_server_n_connections(f.server), 0);
}

/* Reads everything that comes, running the loop, until the final reply. Returns the number of messages. */
static size_t drain_stream(Fixture *f)
{
    size_t messages = 0;

    for (unsigned idle = 0; idle < 3;) {
        char buffer[65536];
        ssize_t n = recv(f->fd, buffer, sizeof(buffer), 0);

        for (ssize_t i = 0; i < n; i++)
            messages += buffer[i] == '\0';
        idle = n > 0 ? 0 : idle + 1;
        settle(f);
    }
    return messages;
}

static void test_back_pressure(void **state)
{
    static const char call[] = "{\"method\":\"org.example.probe.Stream\",\"more\":true,"
                               "\"parameters\":{\"count\":3000,\"size\":4096}}";
    DMV_CLEANUP(stop) Fixture f;
    int64_t left;

    (void)state;
    start(&f, NULL);
    send_bytes(f.fd, call, sizeof(call));
    settle(&f);
    /* nobody reads: what was produced is bounded by the high water mark and the socket's buffer */
    left = f.to_send;
    assert_true(f.blocked);
    assert_true(left > 3000 - 300);
    settle(&f);
    assert_int_equal(f.to_send, left);
    assert_int_equal(drain_stream(&f), 3001);
    assert_true(f.drains > 10);
    check(&f, COUNT, "{\"parameters\":{\"n\":1}}|");
}

/* A producer that does not care about the mark is stopped by the cap, and only its own connection ends. */
static void test_output_cap(void **state)
{
    const VlConfig config = {.max_output = 1024 * 1024};
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_CLOSE int other = -1;
    DMV_CLEANUP_FREE char *pad = calloc(1, 100001);
    int r = 0, n;

    (void)state;
    start(&f, &config);
    other = connect_pair(&f);
    memset(pad, 'x', 100000);
    check(&f, SLOW_MORE, "{\"continues\":true}|");
    for (n = 0; n < 100 && r >= 0; n++) {
        json_object *o = json_object_new_object();

        assert_int_equal(dmv_json_add_string(o, "pad", pad), 0);
        r = vl_call_notify(f.kept, o);
    }
    assert_int_equal(r, -ENOBUFS);
    assert_in_range(n, 11, 13);
    settle(&f);
    assert_int_equal(f.cancelled, 1);
    assert_int_equal(f.n_connections, 1);
}

/* Replies that nobody reads stop the calls that make them. */
static void test_unread_replies_stop_calls(void **state)
{
    static const char call[] = "{\"method\":\"org.example.probe.Big\",\"parameters\":{\"size\":100000}}";
    DMV_CLEANUP(stop) Fixture f;
    unsigned sent = 0;

    (void)state;
    start(&f, NULL);
    for (unsigned i = 0; i < 100000; i++) {
        ssize_t n = send(f.fd, call, sizeof(call), MSG_NOSIGNAL);

        if (n < 0)
            break;
        assert_int_equal(n, sizeof(call));
        sent++;
        settle(&f);
    }
    assert_in_range(sent, 10, 99999);
    assert_int_equal(drain_stream(&f), sent);
}

static void test_timeouts(void **state)
{
    const VlConfig config = {.frame_timeout_usec = 500000, .write_timeout_usec = 500000};
    static const char call[] = "{\"method\":\"org.example.probe.Stream\",\"more\":true,"
                               "\"parameters\":{\"count\":3000,\"size\":4096}}";
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_CLOSE int other = -1;

    (void)state;
    start(&f, &config);
    other = connect_pair(&f);
    send_bytes(f.fd, "{", 1);
    send_bytes(other, call, sizeof(call));
    settle(&f);
    assert_int_equal(f.n_connections, 2);
    for (unsigned i = 0; i < 100 && f.n_connections > 0; i++)
        assert_true(sd_event_run(f.event, 100000) >= 0);
    assert_int_equal(f.n_connections, 0);
    assert_int_equal(f.cancelled, 1);
}

static void send_fds(int fd, const char *data, size_t size, unsigned n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 16)];
    } control = {0};
    struct iovec iov = {.iov_base = (char *)data, .iov_len = size};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes};

    m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN(sizeof(int) * n);
    for (unsigned i = 0; i < n; i++)
        memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &fd, sizeof(int));
    assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), size);
}

static void test_descriptors(void **state)
{
    static const char call[] = "{\"method\":\"org.example.probe.Descriptors\"}";
    static const struct {
        bool accept;
        unsigned n;
        const char *want;
    } rows[] = {
        {true, 1, "{\"parameters\":{\"n\":1}}|"},
        {true, VL_MAX_FDS, "{\"parameters\":{\"n\":8}}|"},
        {true, VL_MAX_FDS + 1, "EOF"},
        {true, 16, "EOF"},
        {false, 3, "{\"parameters\":{\"n\":0}}|"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        const VlConfig config = {.accept_fds = rows[i].accept};
        DMV_CLEANUP(stop) Fixture f;

        start(&f, &config);
        send_fds(f.fd, call, sizeof(call), rows[i].n);
        check(&f, "", rows[i].want);
    }
}

/* Descriptors stay with the message they came with, also when messages are pipelined. */
static void test_descriptors_pipelined(void **state)
{
    static const char call[] = "{\"method\":\"org.example.probe.Descriptors\"}";
    const VlConfig config = {.accept_fds = true};
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, &config);
    send_bytes(f.fd, call, sizeof(call));
    send_fds(f.fd, call, sizeof(call), 2);
    send_bytes(f.fd, call, sizeof(call));
    send_fds(f.fd, call, 5, 3);
    send_bytes(f.fd, call + 5, sizeof(call) - 5);
    check(&f, "",
          "{\"parameters\":{\"n\":0}}|{\"parameters\":{\"n\":2}}|{\"parameters\":{\"n\":0}}|{\"parameters\":{"
          "\"n\":3}}|");
}

static void on_call(void *userdata)
{
    (*(int *)userdata)++;
}

/* Of what the interface does not allow nobody is told. */
static void test_told_of_calls(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    int n = 0;

    (void)state;
    start(&f, NULL);
    vl_server_on_call(f.server, on_call, &n);
    check(&f, ECHO COUNT, "{}|{\"parameters\":{\"n\":1}}|");
    assert_int_equal(n, 2);
    check(&f, "{\"method\":\"org.example.probe.None\"}|" ECHO_WITH("\"x\":1"),
          SERVICE_ERROR("MethodNotFound", "method", "org.example.probe.None") INVALID("x"));
    assert_int_equal(n, 2);
    vl_server_on_call(f.server, NULL, NULL);
    check(&f, ECHO, "{}|");
    assert_int_equal(n, 2);
}

static void on_mismatch(const char *method, const char *error, const char *where, void *userdata)
{
    dmv_text_appendf(userdata, "%s %s %s;", method + strlen("org.example.probe."), error ? error : "-",
                     where);
}

/* What is sent is not changed, but a fault of the service is noticed. */
static void test_answers_against_the_interface(void **state)
{
    DMV_CLEANUP_TEXT DmvText log = {0};
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    dmv_text_append(&log, "");
    vl_server_on_mismatch(f.server, on_mismatch, &log);
    check(&f, ECHO_WITH("\"text\":\"x\",\"list\":[]"), "{\"parameters\":{\"text\":\"x\",\"list\":[]}}|");
    check(&f, "{\"method\":\"org.example.probe.None\"}|" ECHO_WITH("\"x\":1"),
          SERVICE_ERROR("MethodNotFound", "method", "org.example.probe.None") INVALID("x"));
    check(&f, "{\"method\":\"org.example.probe.Refuse\"}|",
          "{\"error\":\"org.example.probe.Refused\",\"parameters\":{\"reason\":\"never\"}}|");
    assert_string_equal(log.data, "");
    check(&f, SLOW_MORE, "{\"continues\":true}|");
    assert_int_equal(vl_call_error(f.kept, "org.example.probe.Unheard", NULL), 0);
    f.kept = vl_call_unref(f.kept);
    check(&f, SLOW, "{\"error\":\"org.example.probe.Unheard\"}|");
    assert_int_equal(vl_call_error(f.kept, "org.example.probe.Refused", NULL), 0);
    f.kept = vl_call_unref(f.kept);
    check(&f, SLOW, "{\"error\":\"org.example.probe.Refused\"}|");
    {
        json_object *o = json_object_new_object();

        assert_int_equal(dmv_json_add_string(o, "n", "1"), 0);
        assert_int_equal(vl_call_reply(f.kept, o), 0);
        f.kept = vl_call_unref(f.kept);
    }
    check(&f, "", "{\"parameters\":{\"n\":\"1\"}}|");
    assert_string_equal(log.data,
                        "Slow org.example.probe.Unheard ;Slow org.example.probe.Refused reason;Slow - n;");
}

static int on_failure(VlCall *c, int error, void *userdata)
{
    json_object *o = json_object_new_object();

    if (*(bool *)userdata) {
        json_object_put(o);
        return -ENOMEM;
    }
    assert_int_equal(dmv_json_add_string(o, "reason", strerrorname_np(-error)), 0);
    return vl_call_error(c, "org.example.probe.Refused", o);
}

static void test_failure_in_own_words(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    bool does_not_work = false;

    (void)state;
    start(&f, NULL);
    vl_server_on_failure(f.server, on_failure, &does_not_work);
    check(&f, "{\"method\":\"org.example.probe.Fail\"}|",
          "{\"error\":\"org.example.probe.Refused\",\"parameters\":{\"reason\":\"EIO\"}}|");
    check(&f, "{\"method\":\"org.example.probe.Forget\"}|" COUNT,
          "{\"error\":\"org.example.probe.Refused\",\"parameters\":{\"reason\":\"ENODATA\"}}|"
          "{\"parameters\":{\"n\":1}}|");
    check(&f, "{\"method\":\"org.example.probe.Fail\",\"oneway\":true}|" COUNT,
          "{\"parameters\":{\"n\":2}}|");
    does_not_work = true;
    check(&f, "{\"method\":\"org.example.probe.Fail\"}|",
          "{\"error\":\"org.example.probe.Failed\",\"parameters\":{\"errno\":5}}|");
}

/* Descriptors that come with pieces of a message that never ends do not pile up. */
static void test_descriptors_of_an_endless_message(void **state)
{
    const VlConfig config = {.accept_fds = true};
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, &config);
    for (unsigned i = 0; i < 2; i++) {
        send_fds(f.fd, " ", 1, VL_MAX_FDS);
        check(&f, "", "");
    }
    send_fds(f.fd, " ", 1, 1);
    check(&f, "", "EOF");
}

static void test_total_limit(void **state)
{
    const VlConfig config = {.max_connections = 3, .max_connections_per_uid = 2};
    const unsigned allowed = geteuid() == 0 ? 3 : 2;
    DMV_CLEANUP(stop) Fixture f;
    int more[4];

    (void)state;
    start(&f, &config);
    for (unsigned i = 1; i < 4; i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        assert_int_equal(vl_server_add_connection(f.server, pair[0]), i < allowed ? 0 : -EUSERS);
        more[i] = pair[1];
    }
    assert_int_equal(f.n_connections, allowed);
    for (unsigned i = 1; i < 4; i++)
        dmv_close(more[i]);
    settle(&f);
    assert_int_equal(f.n_connections, 1);
}

typedef struct Folder {
    char path[64];
    char socket[160];
} Folder;

static void make_folder(Folder *d, const char *name)
{
    strcpy(d->path, "/tmp/test-vl-server.XXXXXX");
    assert_non_null(mkdtemp(d->path));
    (void)snprintf(d->socket, sizeof(d->socket), "%s/%s", d->path, name);
}

static void remove_folder(Folder *d)
{
    (void)unlink(d->socket);
    assert_int_equal(rmdir(d->path), 0);
}

/* A client in a process of its own, as another user if the test is root. Returns its exit status, 0 for an
 * answer. */
static int ask_as(uid_t uid, const char *path, const char *method)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        VlClient *c = NULL;
        int r = 0;

        if (uid != geteuid() && (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
            _exit(100);
        r = vl_client_connect(path, &c);
        vl_client_set_timeout(c, 10 * 1000 * 1000);
        if (r == 0)
            r = vl_client_call(c, method, NULL, NULL, 0, 0, NULL, NULL);
        vl_client_free(c);
        _exit(r == 0 ? 0 : r == -ECONNRESET || r == -EPIPE ? 1 : 2);
    }
    assert_true(pid > 0);
    for (;;) {
        /* the loop of the server turns in this process */
        sd_event *e = NULL;
        pid_t done = waitpid(pid, &status, WNOHANG);

        if (done == pid)
            break;
        assert_true(sd_event_default(&e) >= 0);
        assert_true(sd_event_run(e, 10000) >= 0);
        sd_event_unref(e);
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

typedef struct Listening {
    sd_event *event;
    VlServer *server;
    bool called, known;
    uid_t uid;
    pid_t pid;
} Listening;

static int on_who(VlCall *c, json_object *params, void *userdata)
{
    Listening *l = userdata;

    (void)params;
    l->called = true;
    l->known = vl_call_peer(c)->known;
    l->uid = vl_call_peer(c)->uid;
    l->pid = vl_call_peer(c)->pid;
    return vl_call_reply(c, NULL);
}

static void listen_at(Listening *l, const char *path, const VlConfig *config)
{
    *l = (Listening){0};
    assert_true(sd_event_default(&l->event) >= 0);
    assert_int_equal(vl_server_new(l->event, config, &l->server), 0);
    assert_int_equal(
        vl_server_add_interface(l->server, "interface a.b\nmethod Who() -> ()\nmethod Root() -> ()\n"), 0);
    assert_int_equal(vl_server_bind(l->server, "a.b.Who", on_who, 0, l), 0);
    assert_int_equal(vl_server_check(l->server), -ENOENT);
    assert_int_equal(vl_server_bind(l->server, "a.b.Root", on_who, VL_PRIVILEGED, l), 0);
    assert_int_equal(vl_server_check(l->server), 0);
    assert_int_equal(vl_server_listen(l->server, path, 0666), 0);
}

static void unlisten(Listening *l)
{
    l->server = vl_server_free(l->server);
    l->event = sd_event_unref(l->event);
}

static void test_listen(void **state)
{
    DMV_CLEANUP(remove_folder) Folder d;
    DMV_CLEANUP(unlisten) Listening l;
    Listening second = {0};
    struct stat st;

    (void)state;
    make_folder(&d,
                "io.example.Socket.with.a.name.that.is.so.long.that.no.kernel.takes.the.whole.path.of.it");
    assert_true(strlen(d.socket) > sizeof(((struct sockaddr_un *)NULL)->sun_path));
    assert_int_equal(chmod(d.path, 0755), 0);
    listen_at(&l, d.socket, NULL);
    assert_int_equal(stat(d.socket, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);
    assert_int_equal(vl_server_listen(l.server, d.socket, 0666), -EADDRINUSE);
    assert_int_equal(ask_as(geteuid(), d.socket, "a.b.Who"), 0);
    assert_true(l.called && l.known && l.pid > 0);
    assert_int_equal(l.uid, geteuid());
    unlisten(&l);
    /* the file is still there, but nobody listens */
    assert_int_equal(stat(d.socket, &st), 0);
    listen_at(&second, d.socket, NULL);
    assert_int_equal(ask_as(geteuid(), d.socket, "a.b.Who"), 0);
    unlisten(&second);
}

static void test_listen_refuses(void **state)
{
    DMV_CLEANUP(remove_folder) Folder d;
    DMV_CLEANUP(unlisten) Listening l;
    DMV_CLEANUP_CLOSE int fd = -1;
    DMV_CLEANUP_FREE char *file = NULL;
    struct stat st;

    (void)state;
    make_folder(&d, "s");
    listen_at(&l, d.socket, NULL);
    assert_int_equal(vl_server_listen(l.server, "relative", 0600), -EINVAL);
    assert_true(asprintf(&file, "%s/file", d.path) > 0);
    fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(vl_server_listen(l.server, file, 0600), -EADDRINUSE);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(unlink(file), 0);
}

/* Only root can be somebody else; everybody can be root to a server of their own. */
/* An answer that cannot be written, and no hangup: the client is not left to wait. */
static void test_write_fails(void **state)
{
    static const char echo[] = "{\"method\":\"org.example.probe.Echo\"}";
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, NULL);
    assert_int_equal(shutdown(f.fd, SHUT_RD), 0);
    send_bytes(f.fd, echo, sizeof(echo));
    assert_int_equal(vl_server_n_connections(f.server), 1);
    settle(&f);
    assert_int_equal(vl_server_n_connections(f.server), 0);
}

static void test_privileged(void **state)
{
    DMV_CLEANUP(remove_folder) Folder d;
    DMV_CLEANUP(unlisten) Listening l;

    (void)state;
    make_folder(&d, "s");
    assert_int_equal(chmod(d.path, 0755), 0);
    listen_at(&l, d.socket, NULL);
    assert_int_equal(ask_as(geteuid(), d.socket, "a.b.Root"), 0);
    assert_true(l.called);
    if (geteuid() == 0) {
        l.called = false;
        assert_int_equal(ask_as(65534, d.socket, "a.b.Root"), 0);
        assert_false(l.called);
        assert_int_equal(ask_as(65534, d.socket, "a.b.Who"), 0);
        assert_true(l.called);
        assert_int_equal(l.uid, 65534);
    }
}

/* Without descriptors left, accepting pauses instead of turning the loop, and goes on when there are some
 * again. */
static void test_out_of_descriptors(void **state)
{
    DMV_CLEANUP(remove_folder) Folder d;
    DMV_CLEANUP(unlisten) Listening l;
    struct rlimit old, low;
    unsigned turns = 0;
    uint64_t from, t;
    VlClient *c = NULL;

    (void)state;
    make_folder(&d, "s");
    listen_at(&l, d.socket, NULL);
    assert_int_equal(vl_client_connect(d.socket, &c), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_true(sd_event_run(l.event, 0) >= 0);
    assert_true(sd_event_now(l.event, CLOCK_MONOTONIC, &from) >= 0);
    do {
        assert_true(sd_event_run(l.event, 50000) >= 0);
        assert_true(sd_event_now(l.event, CLOCK_MONOTONIC, &t) >= 0);
        turns++;
    } while (t < from + 300000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_in_range(turns, 1, 50);
    assert_int_equal(vl_server_n_connections(l.server), 0);
    for (unsigned i = 0; i < 100 && vl_server_n_connections(l.server) == 0; i++)
        assert_true(sd_event_run(l.event, 50000) >= 0);
    assert_int_equal(vl_server_n_connections(l.server), 1);
    vl_client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_service_errors),
        cmocka_unit_test(test_introspection),
        cmocka_unit_test(test_malformed_closes),
        cmocka_unit_test(test_too_deep_and_too_long),
        cmocka_unit_test(test_bytes_one_by_one),
        cmocka_unit_test(test_one_call_at_a_time),
        cmocka_unit_test(test_kept_call_that_is_dropped),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_half_close_while_a_call_runs),
        cmocka_unit_test(test_close_cancels),
        cmocka_unit_test(test_oneway_and_close),
        cmocka_unit_test(test_server_goes_first),
        cmocka_unit_test(test_stop_listening),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_output_cap),
        cmocka_unit_test(test_unread_replies_stop_calls),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_descriptors_pipelined),
        cmocka_unit_test(test_told_of_calls),
        cmocka_unit_test(test_answers_against_the_interface),
        cmocka_unit_test(test_failure_in_own_words),
        cmocka_unit_test(test_descriptors_of_an_endless_message),
        cmocka_unit_test(test_total_limit),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_listen_refuses),
        cmocka_unit_test(test_write_fails),
        cmocka_unit_test(test_privileged),
        cmocka_unit_test(test_out_of_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
