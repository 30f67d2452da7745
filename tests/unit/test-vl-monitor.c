/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "varlink/varlink.h"

typedef struct Fixture {
    sd_event *event;
    VlServer *server;
    VlMonitor *monitor;
    int fd;
} Fixture;

static int on_subscribe(VlCall *c, json_object *params, void *userdata)
{
    Fixture *f = userdata;
    json_object *ready = json_object_new_object();

    (void)params;
    assert_int_equal(dmv_json_add_string(ready, "type", "ready"), 0);
    return vl_monitor_subscribe(f->monitor, c, ready);
}

static void settle(Fixture *f)
{
    int r;

    do
        r = sd_event_run(f->event, 0);
    while (r > 0);
    assert_int_equal(r, 0);
}

/* The socket's buffer is set, so that no default of the machine decides when it is full. */
static int subscribe(Fixture *f)
{
    const int size = 65536;
    static const char call[] = "{\"method\":\"a.b.Subscribe\",\"more\":true}";
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    assert_int_equal(vl_server_add_connection(f->server, pair[0]), 0);
    assert_int_equal(send(pair[1], call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
    settle(f);
    return pair[1];
}

static void start(Fixture *f)
{
    *f = (Fixture){.fd = -1};
    assert_true(sd_event_new(&f->event) >= 0);
    assert_int_equal(vl_server_new(f->event, NULL, &f->server), 0);
    assert_int_equal(
        vl_server_add_interface(f->server, "interface a.b\nmethod Subscribe() -> (type: string)\n"), 0);
    assert_int_equal(vl_server_bind(f->server, "a.b.Subscribe", on_subscribe, 0, f), 0);
    assert_int_equal(vl_monitor_new(f->server, &f->monitor), 0);
    f->fd = subscribe(f);
}

static void stop(Fixture *f)
{
    f->monitor = vl_monitor_free(f->monitor);
    f->server = vl_server_free(f->server);
    f->event = sd_event_unref(f->event);
    f->fd = dmv_close(f->fd);
}

static void publish(Fixture *f, const char *key, int64_t n, size_t pad)
{
    DMV_CLEANUP_FREE char *text = calloc(1, pad + 1);
    json_object *o = json_object_new_object();

    memset(text, 'x', pad);
    assert_int_equal(dmv_json_add_string(o, "type", "event"), 0);
    assert_int_equal(dmv_json_add_int(o, "n", n), 0);
    if (pad > 0)
        assert_int_equal(dmv_json_add_string(o, "pad", text), 0);
    assert_int_equal(vl_monitor_publish(f->monitor, key, o), 0);
}

/* What a client got in total. */
typedef struct Seen {
    unsigned ready, events, overflows, finals;
    int64_t dropped, last;
    bool in_order, eof;
} Seen;

static void look(Seen *s, const char *message)
{
    const DmvJsonLimits limits = {.size = 1 << 20, .depth = 8, .nodes = 100};
    DMV_CLEANUP_JSON json_object *o = NULL;
    json_object *params;
    const char *type;
    int64_t n;

    assert_int_equal(dmv_json_parse(message, strlen(message), &limits, &o, NULL), 0);
    if (!json_object_object_get(o, "continues")) {
        s->finals++;
        return;
    }
    params = json_object_object_get(o, "parameters");
    type = json_object_get_string(json_object_object_get(params, "type"));
    n = json_object_get_int64(json_object_object_get(params, "n"));
    if (dmv_streq(type, "ready")) {
        assert_int_equal(s->events + s->ready, 0);
        s->ready++;
    } else if (dmv_streq(type, "overflow")) {
        s->overflows++;
        s->dropped += json_object_get_int64(json_object_object_get(params, "dropped"));
    } else {
        assert_string_equal(type, "event");
        s->in_order = s->in_order && n > s->last;
        s->last = n;
        s->events++;
    }
}

/* Reads, with the loop running, until nothing more comes. */
static Seen read_all(Fixture *f, int fd)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    Seen s = {.in_order = true};
    size_t from = 0;

    dmv_text_append(&t, "");
    for (unsigned idle = 0; idle < 3 && !s.eof;) {
        char buffer[65536];
        ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

        if (n > 0)
            dmv_text_append_bytes(&t, buffer, (size_t)n);
        s.eof = n == 0;
        idle = n > 0 ? 0 : idle + 1;
        settle(f);
    }
    for (; from < t.size; from += strlen(t.data + from) + 1)
        look(&s, t.data + from);
    return s;
}

static void test_events_in_order(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_CLOSE int second = -1;
    Seen s;

    (void)state;
    start(&f);
    for (int i = 1; i <= 100; i++) {
        if (i == 51)
            second = subscribe(&f);
        publish(&f, i % 2 ? "key" : NULL, i, 0);
        settle(&f);
    }
    assert_int_equal(vl_monitor_n_subscribers(f.monitor), 2);
    s = read_all(&f, f.fd);
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.events, 100);
    assert_true(s.in_order);
    s = read_all(&f, second);
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.events, 50);
    assert_int_equal(s.last, 100);
}

static void test_reader_that_stalls(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_CLOSE int second = -1;
    unsigned events = 0;
    Seen s;

    (void)state;
    start(&f);
    second = subscribe(&f);
    for (int i = 1; i <= 3000; i++) {
        publish(&f, NULL, i, 1000);
        settle(&f);
        if (i % 100 == 0)
            events += read_all(&f, second).events;
    }
    /* whoever reads gets everything, whatever others do */
    assert_int_equal(events, 3000);
    s = read_all(&f, f.fd);
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.overflows, 1);
    assert_true(s.in_order);
    assert_true(s.dropped > 1000);
    assert_int_equal(s.events + s.dropped, 3000);
    /* and from then on events come again */
    publish(&f, NULL, 3001, 0);
    s = read_all(&f, f.fd);
    assert_int_equal(s.events, 1);
    assert_int_equal(s.last, 3001);
}

static void test_coalescing(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    unsigned before;
    Seen s;

    (void)state;
    start(&f);
    /* fill what lies between the monitor and the reader, and not more */
    for (before = 1; before <= 600; before++) {
        publish(&f, "fill", before, 1000);
        settle(&f);
    }
    for (int i = 0; i < 100000; i++)
        publish(&f, i % 2 ? "odd" : "even", 1000000 + i, 1000);
    s = read_all(&f, f.fd);
    assert_int_equal(s.overflows, 0);
    assert_int_equal(s.last, 1000000 + 99999);
    assert_true(s.events < 603);
}

static void test_many_small_events_are_bounded(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    Seen s;

    (void)state;
    start(&f);
    for (int i = 1; i <= 600; i++) {
        publish(&f, "fill", i, 1000);
        settle(&f);
    }
    for (int i = 601; i <= 1600; i++)
        publish(&f, NULL, i, 0);
    s = read_all(&f, f.fd);
    assert_int_equal(s.overflows, 1);
    /* 256 events were queued, one of them that with the key */
    assert_int_equal(s.dropped, 1000 - 255);
    assert_int_equal(s.last, 600 + 255);
}

static void test_subscriber_leaves(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_CLOSE int second = -1;

    (void)state;
    start(&f);
    second = subscribe(&f);
    assert_int_equal(vl_monitor_n_subscribers(f.monitor), 2);
    f.fd = dmv_close(f.fd);
    publish(&f, NULL, 1, 0);
    settle(&f);
    assert_int_equal(vl_monitor_n_subscribers(f.monitor), 1);
    publish(&f, NULL, 2, 0);
    assert_int_equal(read_all(&f, second).events, 2);
}

static void test_end(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    Seen s;

    (void)state;
    start(&f);
    publish(&f, NULL, 1, 0);
    f.monitor = vl_monitor_free(f.monitor);
    vl_server_stop_listening(f.server);
    settle(&f);
    s = read_all(&f, f.fd);
    assert_int_equal(s.events, 1);
    assert_int_equal(s.finals, 1);
    assert_true(s.eof);
}

static void test_needs_more(void **state)
{
    static const char call[] = "{\"method\":\"a.b.Subscribe\"}";
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_CLOSE int fd = -1;
    char buffer[100];
    int pair[2];

    (void)state;
    start(&f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(vl_server_add_connection(f.server, pair[0]), 0);
    fd = pair[1];
    assert_int_equal(send(fd, call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
    settle(&f);
    assert_true(recv(fd, buffer, sizeof(buffer), 0) > 0);
    assert_string_equal(buffer, "{\"error\":\"org.varlink.service.ExpectedMore\"}");
    assert_int_equal(vl_monitor_n_subscribers(f.monitor), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_in_order),   cmocka_unit_test(test_reader_that_stalls),
        cmocka_unit_test(test_coalescing),        cmocka_unit_test(test_many_small_events_are_bounded),
        cmocka_unit_test(test_subscriber_leaves), cmocka_unit_test(test_end),
        cmocka_unit_test(test_needs_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
