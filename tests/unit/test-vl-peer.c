/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The asynchronous client: against our own server on the same loop, and against scripted bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "varlink/varlink.h"

typedef struct Fixture {
    sd_event *event;
    VlPeer *peer;
    VlServer *server; /* NULL if the test plays the server */
    int fd;           /* the server's end then */
    DmvText log;
    int fd_got;
    bool free_in_callback;
    unsigned n_replies;
} Fixture;

/* Adds one to what it is told, and hands the descriptor back if there is one. */
static int on_next(VlCall *c, json_object *params, void *userdata)
{
    DMV_CLEANUP_CLOSE int fd = vl_call_take_fd(c, 0);
    json_object *o = json_object_new_object();

    (void)userdata;
    assert_int_equal(dmv_json_add_int(o, "n", json_object_get_int64(json_object_object_get(params, "n")) + 1),
                     0);
    if (vl_call_wants_more(c))
        assert_int_equal(vl_call_notify(c, NULL), 0);
    return vl_call_reply_fds(c, o, &fd, fd >= 0);
}

static void start(Fixture *f, bool scripted)
{
    const VlConfig config = {.accept_fds = true};
    int pair[2];

    *f = (Fixture){.fd = -1, .fd_got = -1};
    assert_true(sd_event_new(&f->event) >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(vl_peer_new(f->event, pair[0], 1000, &f->peer), 0);
    dmv_text_append(&f->log, "");
    f->fd = pair[1];
    if (scripted)
        return;
    assert_int_equal(vl_server_new(f->event, &config, &f->server), 0);
    assert_int_equal(vl_server_add_interface(f->server, "interface a.b\n"
                                                        "# [Supports 'more' flag]\n"
                                                        "method Next(n: int) -> (n: ?int)\n"),
                     0);
    assert_int_equal(vl_server_bind(f->server, "a.b.Next", on_next, 0, f), 0);
    assert_int_equal(vl_server_add_connection(f->server, DMV_TAKE_FD(f->fd)), 0);
}

static void stop(Fixture *f)
{
    f->peer = vl_peer_free(f->peer);
    f->server = vl_server_free(f->server);
    f->event = sd_event_unref(f->event);
    f->fd = dmv_close(f->fd);
    f->fd_got = dmv_close(f->fd_got);
    dmv_text_deinit(&f->log);
}

static void settle(Fixture *f)
{
    int r;

    do
        r = sd_event_run(f->event, 0);
    while (r > 0);
    assert_int_equal(r, 0);
}

static void on_reply(VlPeer *p, const char *error, json_object *params, int *fds, unsigned n_fds,
                     bool continues, void *userdata)
{
    Fixture *f = userdata;
    DMV_CLEANUP_FREE char *text = NULL;

    assert_ptr_equal(p, f->peer);
    assert_true((error && !*error) == !params);
    if (params)
        assert_int_equal(dmv_json_format(params, &text, NULL), 0);
    dmv_text_appendf(&f->log, "%s %s%s;", error ? error : "-", text ? text : "gone", continues ? "+" : "");
    f->n_replies++;
    if (n_fds > 0) {
        f->fd_got = fds[0];
        fds[0] = -1;
    }
    if (f->free_in_callback) {
        f->free_in_callback = false;
        vl_peer_free(p);
    }
}

static int call(Fixture *f, int64_t n, bool more, int fd)
{
    json_object *o = json_object_new_object();

    assert_int_equal(dmv_json_add_int(o, "n", n), 0);
    return vl_peer_call(f->peer, "a.b.Next", o, &fd, fd >= 0, more, on_reply, f);
}

static void say(Fixture *f, const char *text)
{
    size_t size = strlen(text);
    DMV_CLEANUP_FREE char *bytes = malloc(size + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = text[i] == '|' ? '\0' : text[i];
    assert_int_equal(send(f->fd, bytes, size, MSG_NOSIGNAL), size);
}

static void test_pipelined_calls(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, false);
    assert_int_equal(call(&f, 1, false, -1), 0);
    assert_int_equal(call(&f, 10, true, -1), 0);
    assert_int_equal(vl_peer_call(f.peer, "a.b.None", NULL, NULL, 0, false, on_reply, &f), 0);
    assert_int_equal(call(&f, 20, false, -1), 0);
    assert_int_equal(vl_peer_call(f.peer, "nodots", NULL, NULL, 0, false, on_reply, &f), -EINVAL);
    assert_string_equal(f.log.data, "");
    settle(&f);
    assert_string_equal(f.log.data,
                        "- {\"n\":2};- {}+;- {\"n\":11};"
                        "org.varlink.service.MethodNotFound {\"method\":\"a.b.None\"};- {\"n\":21};");
}

static void test_many_calls(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, false);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(call(&f, i, false, -1), 0);
    settle(&f);
    assert_int_equal(f.n_replies, 20000);
    assert_string_equal(f.log.data + f.log.size - strlen("- {\"n\":20000};"), "- {\"n\":20000};");
}

static void test_descriptors(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct stat mine, theirs;

    (void)state;
    start(&f, false);
    assert_int_equal(fstat(fd, &mine), 0);
    assert_int_equal(call(&f, 1, false, -1), 0);
    assert_int_equal(call(&f, 2, false, fd), 0);
    assert_int_equal(call(&f, 3, false, -1), 0);
    close(fd);
    settle(&f);
    assert_string_equal(f.log.data, "- {\"n\":2};- {\"n\":3};- {\"n\":4};");
    assert_true(f.fd_got >= 0);
    assert_int_equal(fstat(f.fd_got, &theirs), 0);
    assert_true(mine.st_rdev == theirs.st_rdev && mine.st_ino == theirs.st_ino);
}

static void test_connection_breaks(void **state)
{
    static const struct {
        const char *script, *want;
    } rows[] = {
        {"", " gone; gone;"},
        {"{}|", "- {}; gone;"},
        {"{}|{", "- {}; gone;"},
        {"{\"error\":\"a.b.E\"}|", "a.b.E {}; gone;"},
        {"{\"continues\":true}|", " gone; gone;"},
        {"x|", " gone; gone;"},
        {"{\"foo\":1}|", " gone; gone;"},
        {"{}|{}|{}|", "- {};- {};"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP(stop) Fixture f;

        start(&f, true);
        assert_int_equal(call(&f, 1, false, -1), 0);
        assert_int_equal(call(&f, 2, false, -1), 0);
        settle(&f);
        say(&f, rows[i].script);
        assert_true(vl_peer_is_there(f.peer));
        f.fd = dmv_close(f.fd);
        assert_false(vl_peer_is_there(f.peer)); /* before the loop has heard of it */
        settle(&f);
        assert_false(vl_peer_is_there(f.peer));
        assert_string_equal(f.log.data, rows[i].want);
        assert_int_equal(call(&f, 3, false, -1), -ENOTCONN);
    }
}

/* The socket takes nothing more, and no hangup says so. */
static void test_write_fails(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, true);
    assert_int_equal(call(&f, 1, false, -1), 0);
    settle(&f);
    assert_int_equal(shutdown(f.fd, SHUT_RD), 0);
    assert_int_equal(call(&f, 2, false, -1), 0);
    settle(&f);
    assert_string_equal(f.log.data, " gone; gone;");
    assert_int_equal(call(&f, 3, false, -1), -ENOTCONN);
}

static void test_too_long_a_reply(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    char pad[1002];

    (void)state;
    start(&f, true);
    assert_int_equal(call(&f, 1, false, -1), 0);
    memset(pad, ' ', sizeof(pad) - 1);
    pad[sizeof(pad) - 1] = '\0';
    say(&f, pad);
    settle(&f);
    assert_string_equal(f.log.data, " gone;");
}

static void test_free_with_pending_calls(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f, true);
    assert_int_equal(call(&f, 1, false, -1), 0);
    assert_int_equal(call(&f, 2, true, -1), 0);
    vl_peer_free(f.peer);
    f.peer = NULL;
    assert_string_equal(f.log.data, " gone; gone;");
}

static void test_free_in_callback(void **state)
{
    for (int continues = 0; continues < 2; continues++) {
        DMV_CLEANUP(stop) Fixture f;

        (void)state;
        start(&f, true);
        assert_int_equal(call(&f, 1, true, -1), 0);
        assert_int_equal(call(&f, 2, false, -1), 0);
        settle(&f);
        f.free_in_callback = true;
        say(&f, continues ? "{\"continues\":true}|{}|{}|" : "{}|{}|");
        settle(&f);
        f.peer = NULL;
        assert_string_equal(f.log.data, continues ? "- {}+; gone; gone;" : "- {}; gone;");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined_calls),  cmocka_unit_test(test_many_calls),
        cmocka_unit_test(test_descriptors),      cmocka_unit_test(test_connection_breaks),
        cmocka_unit_test(test_too_long_a_reply), cmocka_unit_test(test_free_with_pending_calls),
        cmocka_unit_test(test_free_in_callback), cmocka_unit_test(test_write_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
