/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every allocation of the protocol fails once: a server that is made, gets a call and answers it; a client
 * that calls; interfaces and what they say of a call. A lack of memory may cost the connection and nothing
 * else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <systemd/sd-event.h>

#include "../support/alloc/allockit.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "dmv/interface.h"
#include "varlink/idl.h"
#include "varlink/message.h"
#include "varlink/varlink.h"

static const char probe_idl[] =
    "interface org.example.probe\n"
    "method Echo(text: ?string, list: ?[]string) -> (text: ?string, list: ?[]string)\n"
    "# [Requires 'more' flag]\n"
    "method Twice() -> (n: int)\n"
    "method Refuse() -> ()\n"
    "error Refused (reason: string)\n";

#define REFUSED "{\"error\":\"org.example.probe.Refused\",\"parameters\":{\"reason\":\"no\"}}"

static int on_echo(VlCall *c, json_object *params, void *userdata)
{
    (void)userdata;
    return vl_call_reply(c, json_object_get(params));
}

static json_object *numbered(int64_t n)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();

    return dmv_json_add_int(o, "n", n) == 0 ? DMV_TAKE_PTR(o) : NULL;
}

static int on_twice(VlCall *c, json_object *params, void *userdata)
{
    json_object *first = numbered(1), *second;
    int r = first ? vl_call_notify(c, first) : -ENOMEM;

    (void)params;
    (void)userdata;
    if (r < 0)
        return r;
    second = numbered(2);
    return second ? vl_call_reply(c, second) : -ENOMEM;
}

static int on_refuse(VlCall *c, json_object *params, void *userdata)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();

    (void)params;
    (void)userdata;
    return dmv_json_add_string(o, "reason", "no") == 0
               ? vl_call_error(c, "org.example.probe.Refused", DMV_TAKE_PTR(o))
               : -ENOMEM;
}

static int say(const char *text, char **ret)
{
    char *copy = strdup(text);

    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

/* ---- the server ---- */

typedef struct Served {
    sd_event *event;
    VlServer *server;
    int fd; /* the client's end */
} Served;

static void served_deinit(Served *s)
{
    (void)vl_server_free(s->server);
    (void)sd_event_unref(s->event);
    s->fd = dmv_close(s->fd);
}

static int make(Served *s)
{
    static const struct {
        const char *method;
        VlHandler handler;
    } methods[] = {{"org.example.probe.Echo", on_echo},
                   {"org.example.probe.Twice", on_twice},
                   {"org.example.probe.Refuse", on_refuse}};
    const VlConfig config = {.vendor = "V", .product = "P", .version = "1", .url = "u"};
    int pair[2];
    int r = sd_event_new(&s->event);

    if (r >= 0)
        r = vl_server_new(s->event, &config, &s->server);
    if (r == 0)
        r = vl_server_add_interface(s->server, probe_idl);
    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(methods); i++)
        r = vl_server_bind(s->server, methods[i].method, methods[i].handler, 0, NULL);
    if (r == 0)
        r = vl_server_check(s->server);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    s->fd = pair[1];
    return vl_server_add_connection(s->server, pair[0]);
}

/* Asks with @input, and takes what comes back, with '|' for NUL. An answer that is not whole is a lack of
 * memory: nothing else is the matter here. */
static int serve(const void *input, char **ret)
{
    __attribute__((cleanup(served_deinit))) Served s = {.fd = -1};
    const char *bytes = input;
    char got[4096];
    ssize_t n;
    int r = make(&s);

    if (r < 0)
        return r;
    if (send(s.fd, bytes, strlen(bytes) + 1, MSG_NOSIGNAL) < 0)
        return -errno;
    do
        r = sd_event_run(s.event, 0);
    while (r > 0);
    if (r < 0)
        return r;
    n = recv(s.fd, got, sizeof(got) - 1, 0);
    if (n <= 0 || got[n - 1] != '\0')
        return -ENOMEM;
    for (ssize_t i = 0; i < n; i++)
        if (got[i] == '\0')
            got[i] = '|';
    got[n] = '\0';
    /* a handler that failed is answered for, and a stream may end early */
    if (strstr(got, "\"errno\":12") || (strstr(bytes, "more") && !strstr(got, "\"n\":2")))
        return -ENOMEM;
    return say(got, ret);
}

static void test_server(void **state)
{
    static const char *const calls[] = {
        "{\"method\":\"org.example.probe.Echo\",\"parameters\":{\"text\":\"a longer text than fits into the "
        "value itself\","
        "\"list\":[\"x\",\"y\"]}}",
        "{\"method\":\"org.example.probe.Twice\",\"more\":true}",
        "{\"method\":\"org.example.probe.Refuse\"}",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(calls); i++)
        alloc_try_each(calls[i], serve, calls[i]);
}

/* ---- the client ---- */

static int on_reply(const char *error, json_object *params, bool continues, void *userdata)
{
    DmvText *t = userdata;
    DMV_CLEANUP_FREE char *text = NULL;
    int r = dmv_json_format(params, &text, NULL);

    if (r < 0)
        return r;
    dmv_text_appendf(t, "%s %s%s\n", error ? error : "", text, continues ? " ..." : "");
    return t->error;
}

/* Calls, and gets @input as it stands, '|' for NUL. */
static int ask(const void *input, char **ret)
{
    DMV_CLEANUP(vl_cleanup_client) VlClient *c = NULL;
    DMV_CLEANUP_CLOSE int other = -1;
    DMV_CLEANUP_JSON json_object *params = NULL;
    DMV_CLEANUP_TEXT DmvText t = {0};
    char bytes[512];
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    other = pair[1];
    r = vl_client_new(pair[0], &c);
    if (r < 0)
        return r;
    for (size_t i = 0; i <= strlen(input); i++)
        bytes[i] = ((const char *)input)[i] == '|' ? '\0' : ((const char *)input)[i];
    if (send(other, bytes, strlen(input), MSG_NOSIGNAL) < 0)
        return -errno;
    params = json_object_new_object();
    r = dmv_json_add_string(params, "text", "x");
    if (r == 0)
        r = vl_client_call(c, "org.example.probe.Twice", DMV_TAKE_PTR(params), NULL, 0, VL_FLAG_MORE,
                           on_reply, &t);
    return r < 0 ? r : dmv_text_take(&t, ret, NULL);
}

static void test_client(void **state)
{
    static const char *const replies[] = {
        "{\"parameters\":{\"text\":\"x\"}}|",
        "{\"parameters\":{\"n\":1},\"continues\":true}|{\"parameters\":{\"n\":2}}|",
        REFUSED "|",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(replies); i++)
        alloc_try_each(replies[i], ask, replies[i]);
}

/* ---- interfaces ---- */

/* The largest one that there is, and what it says of parameters. */
static int judge(const void *input, char **ret)
{
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *i = NULL;
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    DMV_CLEANUP_FREE char *where = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = vl_interface_parse(input, strlen(input), &i, &e);

    if (r == 0)
        r = dmv_json_add_int(o, "object", 7);
    if (r == 0)
        r = vl_type_validate(vl_interface_find(i, VL_SYMBOL_METHOD, "Select")->type, o, &where);
    if (r < 0)
        return r;
    return say(where ? where : "", ret);
}

static void test_interface(void **state)
{
    (void)state;
    alloc_try_each("io.dmv.Manager", judge, dmv_interface_manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_server), cmocka_unit_test(test_client),
                                       cmocka_unit_test(test_interface)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
