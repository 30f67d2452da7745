/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The blocking client against scripted bytes: what the server will say is in the socket before the call is
 * made.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "varlink/varlink.h"

typedef struct Fixture {
    VlClient *client;
    int fd;      /* the server's end */
    DmvText log; /* what the callback saw */
    int stop_with;
} Fixture;

static void start(Fixture *f)
{
    int pair[2];

    *f = (Fixture){.fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(vl_client_new(pair[0], &f->client), 0);
    vl_client_set_timeout(f->client, 5 * 1000 * 1000);
    f->fd = pair[1];
    dmv_text_append(&f->log, "");
}

static void stop(Fixture *f)
{
    f->client = vl_client_free(f->client);
    f->fd = dmv_close(f->fd);
    dmv_text_deinit(&f->log);
}

/* Puts a script into the socket, with '|' for NUL. */
static void say(Fixture *f, const char *text)
{
    size_t size = strlen(text);
    DMV_CLEANUP_FREE char *bytes = malloc(size + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = text[i] == '|' ? '\0' : text[i];
    assert_int_equal(send(f->fd, bytes, size, MSG_NOSIGNAL), size);
}

static void hang_up(Fixture *f)
{
    assert_int_equal(shutdown(f->fd, SHUT_WR), 0);
}

static int on_reply(const char *error, json_object *params, bool continues, void *userdata)
{
    Fixture *f = userdata;
    DMV_CLEANUP_FREE char *text = NULL;

    assert_int_equal(dmv_json_format(params, &text, NULL), 0);
    dmv_text_appendf(&f->log, "%s %s%s;", error ? error : "-", text, continues ? "+" : "");
    return f->stop_with;
}

static int call(Fixture *f, unsigned flags)
{
    return vl_client_call(f->client, "a.b.M", NULL, NULL, 0, flags, on_reply, f);
}

static void check_sent(Fixture *f, const char *want)
{
    char buffer[1000];
    ssize_t n = recv(f->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

    assert_int_equal(n, strlen(want) + 1);
    assert_string_equal(buffer, want);
}

static void test_call(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    json_object *params = json_object_new_object();

    (void)state;
    start(&f);
    say(&f, "{\"parameters\":{\"x\":1}}|");
    assert_int_equal(dmv_json_add_string(params, "k", "v"), 0);
    assert_int_equal(vl_client_call(f.client, "a.b.M", params, NULL, 0, 0, on_reply, &f), 0);
    check_sent(&f, "{\"method\":\"a.b.M\",\"parameters\":{\"k\":\"v\"}}");
    say(&f, "{\"parameters\":null}|");
    assert_int_equal(call(&f, 0), 0);
    check_sent(&f, "{\"method\":\"a.b.M\"}");
    say(&f, "{\"error\":\"a.b.E\",\"parameters\":{\"why\":\"x\"},\"com.vendor\":{}}|");
    assert_int_equal(call(&f, 0), 0);
    assert_string_equal(f.log.data, "- {\"x\":1};- {};a.b.E {\"why\":\"x\"};");
}

static void test_more(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f);
    say(&f, "{\"continues\":true}|{\"parameters\":{\"n\":1},\"continues\":true}|{\"continues\":false}|");
    assert_int_equal(call(&f, VL_CALL_MORE), 0);
    check_sent(&f, "{\"method\":\"a.b.M\",\"more\":true}");
    assert_string_equal(f.log.data, "- {}+;- {\"n\":1}+;- {};");
}

static void test_oneway(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f);
    assert_int_equal(call(&f, VL_CALL_ONEWAY), 0);
    check_sent(&f, "{\"method\":\"a.b.M\",\"oneway\":true}");
    assert_string_equal(f.log.data, "");
    assert_int_equal(call(&f, VL_CALL_ONEWAY | VL_CALL_MORE), -EINVAL);
    assert_int_equal(call(&f, 0), -ENOTCONN);
}

static void test_hostile_replies(void **state)
{
    static const struct {
        const char *reply;
        int want;
    } rows[] = {
        {"", -ECONNRESET},
        {"{}", -ECONNRESET},
        {"|", -EBADMSG},
        {"[]|", -EBADMSG},
        {"{\"continues\":true}|{}|", -EBADMSG},
        {"{\"continues\":null}|", -EBADMSG},
        {"{\"continues\":1}|", -EBADMSG},
        {"{\"error\":null}|", -EBADMSG},
        {"{\"error\":\"\"}|", -EBADMSG},
        {"{\"error\":\"noDots\"}|", -EBADMSG},
        {"{\"error\":\"a.b.E\",\"continues\":true}|", -EBADMSG},
        {"{\"foo\":1}|", -EBADMSG},
        {"{\"parameters\":[]}|", -EBADMSG},
        {"{\"parameters\":{\"a\":1,\"a\":1}}|", -EBADMSG},
        {"{\"parameters\":{\"a\":NaN}}|", -EBADMSG},
        {"{\"method\":\"a.b.C\"}|", -EBADMSG},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP(stop) Fixture f;

        start(&f);
        say(&f, rows[i].reply);
        hang_up(&f);
        assert_int_equal(call(&f, 0), rows[i].want);
        assert_string_equal(f.log.data, "");
        assert_int_equal(call(&f, 0), -ENOTCONN);
    }
}

static void test_callback_stops(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f);
    f.stop_with = -EINTR;
    say(&f, "{\"continues\":true}|{}|");
    assert_int_equal(call(&f, VL_CALL_MORE), -EINTR);
    assert_string_equal(f.log.data, "- {}+;");
    assert_int_equal(call(&f, 0), -ENOTCONN);
}

static void test_timeout(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f);
    vl_client_set_timeout(f.client, 300 * 1000);
    say(&f, "{\"continues\":true}|{");
    assert_int_equal(call(&f, VL_CALL_MORE), -ETIMEDOUT);
    assert_string_equal(f.log.data, "- {}+;");
}

/* Four replies, each within the deadline, together far beyond it. */
static void test_replies_renew_the_deadline(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    pid_t pid;
    int status;

    (void)state;
    start(&f);
    vl_client_set_timeout(f.client, 2000 * 1000);
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 4; i++) {
            usleep(700 * 1000);
            if (i < 3)
                say(&f, "{\"continues\":true}|");
        }
        say(&f, "{}|");
        _exit(0);
    }
    assert_int_equal(call(&f, VL_CALL_MORE), 0);
    assert_string_equal(f.log.data, "- {}+;- {}+;- {}+;- {};");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_cancel(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    int wake[2];

    (void)state;
    start(&f);
    assert_int_equal(pipe(wake), 0);
    vl_client_set_cancel_fd(f.client, wake[0]);
    assert_int_equal(write(wake[1], "x", 1), 1);
    assert_int_equal(call(&f, 0), -ECANCELED);
    close(wake[0]);
    close(wake[1]);
}

static void test_server_is_gone(void **state)
{
    DMV_CLEANUP(stop) Fixture f;

    (void)state;
    start(&f);
    f.fd = dmv_close(f.fd);
    assert_int_equal(call(&f, 0), -ECONNRESET);
}

/* A call larger than the socket's buffer, while the answer is there already. */
static void test_large_call(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    DMV_CLEANUP_FREE char *pad = calloc(1, 3000001);
    json_object *params = json_object_new_object();
    pid_t pid;
    int status;

    (void)state;
    start(&f);
    memset(pad, 'x', 3000000);
    assert_int_equal(dmv_json_add_string(params, "pad", pad), 0);
    pid = fork();
    if (pid == 0) {
        static char buffer[65536];
        ssize_t n;

        do
            n = recv(f.fd, buffer, sizeof(buffer), 0);
        while (n > 0 && buffer[n - 1] != '\0');
        say(&f, "{}|");
        _exit(0);
    }
    assert_int_equal(vl_client_call(f.client, "a.b.M", params, NULL, 0, 0, on_reply, &f), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_string_equal(f.log.data, "- {};");
}

static void test_descriptors_are_sent(void **state)
{
    DMV_CLEANUP(stop) Fixture f;
    union {
        struct cmsghdr align;
        char bytes[256];
    } control;
    char buffer[100];
    struct iovec iov = {.iov_base = buffer, .iov_len = sizeof(buffer)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = 256};
    const int fds[] = {0, 1};
    int got[2];

    (void)state;
    start(&f);
    say(&f, "{}|");
    assert_int_equal(vl_client_call(f.client, "a.b.M", NULL, fds, 2, 0, on_reply, &f), 0);
    assert_true(recvmsg(f.fd, &m, MSG_DONTWAIT) > 0);
    assert_true(m.msg_controllen >= CMSG_LEN(sizeof(got)));
    assert_int_equal(control.align.cmsg_len, CMSG_LEN(sizeof(got)));
    memcpy(got, CMSG_DATA(&control.align), sizeof(got));
    close(got[0]);
    close(got[1]);
}

static void test_addresses(void **state)
{
    char longest[200];
    VlClient *c = NULL;

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(vl_client_connect("/nowhere/at/all", &c), -ENOENT);
    assert_int_equal(vl_client_connect("unix:/nowhere/at/all;mode=0600", &c), -ENOENT);
    assert_int_equal(vl_client_connect("unix:@dmv/test/nobody/listens/here", &c), -ECONNREFUSED);
    assert_int_equal(vl_client_connect("", &c), -EINVAL);
    assert_int_equal(vl_client_connect("unix:", &c), -EINVAL);
    assert_int_equal(vl_client_connect("unix:@", &c), -EINVAL);
    assert_int_equal(vl_client_connect(longest, &c), -ENAMETOOLONG);
    memcpy(longest, "unix:@", 6);
    assert_int_equal(vl_client_connect(longest, &c), -ENAMETOOLONG);
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_more),
        cmocka_unit_test(test_oneway),
        cmocka_unit_test(test_hostile_replies),
        cmocka_unit_test(test_callback_stops),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_replies_renew_the_deadline),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_server_is_gone),
        cmocka_unit_test(test_large_call),
        cmocka_unit_test(test_descriptors_are_sent),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
