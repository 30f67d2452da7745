/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The authorizer of the server: who is asked about whom, and what becomes of a call meanwhile. The peer is a
 * process of another user that connects and hands its end over, so the test plays both sides in one loop and
 * says when that process ends.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "varlink/varlink.h"

#define SOMEBODY 65534
#define CALL(method) "{\"method\":\"a.b." method "\"}"
#define DENIED "{\"error\":\"org.varlink.service.PermissionDenied\"}"

static const char idl[] = "interface a.b\n"
                          "method Change(name: ?string) -> ()\n"
                          "# [Requires 'more' flag]\n"
                          "method Watch() -> ()\n"
                          "method Read() -> ()\n"
                          "error No ()\n";

typedef enum Answer { KEEP, ALLOW, REFUSE, FAIL, FORGET } Answer;

typedef struct Fixture {
    char path[64];
    char *folder;
    sd_event *event;
    VlServer *server;
    Answer answer;
    VlCall *kept;
    bool had_name;                   /* the call that was asked about had a parameter */
    unsigned asked, run, cancelled;  /* how often */
    int process, allowed, fds_taken; /* what vl_call_process(), vl_call_allow() returned */
} Fixture;

/* A process of its own that has connected; the test has its end of the connection. */
typedef struct Peer {
    pid_t pid;
    int hold; /* the process lives as long as this is open */
    int fd;
} Peer;

static int on_change(VlCall *c, json_object *params, void *userdata)
{
    Fixture *f = userdata;
    int fd = vl_call_take_fd(c, 0);

    (void)params;
    f->run++;
    f->fds_taken += fd >= 0;
    (void)dmv_close(fd);
    return vl_call_reply(c, NULL);
}

static int on_read(VlCall *c, json_object *params, void *userdata)
{
    (void)params;
    (void)userdata;
    return vl_call_reply(c, NULL);
}

static void on_cancel(VlCall *c, void *userdata)
{
    Fixture *f = userdata;

    f->cancelled++;
    assert_int_equal(vl_call_allow(c), -ENOTCONN);
    f->kept = vl_call_unref(f->kept);
}

static int authorize(VlCall *c, json_object *params, void *userdata)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};
    Fixture *f = userdata;

    f->asked++;
    f->had_name = json_object_object_get_ex(params, "name", NULL);
    f->process = vl_call_process(c);
    switch (f->answer) {
    case KEEP:
        f->kept = vl_call_ref(c);
        vl_call_set_hooks(c, &hooks, f);
        return 0;
    case ALLOW:
        f->allowed = vl_call_allow(c);
        return 0;
    case REFUSE:
        return vl_call_error(c, "a.b.No", NULL);
    case FAIL:
        return -EIO;
    case FORGET:
        break;
    }
    return 0;
}

static int set_up(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->folder = strdup("/tmp/dmv-authorizer-XXXXXX");
    assert_non_null(f->folder);
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(chmod(f->folder, 0755), 0);
    (void)snprintf(f->path, sizeof(f->path), "%s/socket", f->folder);
    assert_true(sd_event_new(&f->event) >= 0);
    assert_int_equal(vl_server_new(f->event, &(VlConfig){.accept_fds = true}, &f->server), 0);
    assert_int_equal(vl_server_set_failure(f->server, "a.b.Failed"), 0);
    assert_int_equal(vl_server_add_interface(f->server, idl), 0);
    assert_int_equal(vl_server_bind(f->server, "a.b.Change", on_change, VL_PRIVILEGED, f), 0);
    assert_int_equal(vl_server_bind(f->server, "a.b.Watch", on_change, VL_PRIVILEGED, f), 0);
    assert_int_equal(vl_server_bind(f->server, "a.b.Read", on_read, 0, f), 0);
    vl_server_set_authorizer(f->server, authorize, f);
    assert_int_equal(vl_server_listen(f->server, f->path, 0666), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *f = *state;

    f->server = vl_server_free(f->server);
    f->kept = vl_call_unref(f->kept);
    f->event = sd_event_unref(f->event);
    (void)unlink(f->path);
    (void)rmdir(f->folder);
    free(f->folder);
    free(f);
    return 0;
}

/* With the byte that ends a message. */
static int send_fd(int through, int fd)
{
    char end = '\0';
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = &end, .iov_len = 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};

    control.header =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd))};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    return sendmsg(through, &m, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static int receive_fd(int from)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    int fd = -1;

    assert_int_equal(recvmsg(from, &m, MSG_CMSG_CLOEXEC), 1);
    assert_int_equal(control.header.cmsg_type, SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    return fd;
}

static _Noreturn void be_peer(const char *path, uid_t uid, int hold)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
        connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || send_fd(hold, fd) < 0)
        _exit(1);
    /* the test closes its end */
    while (read(hold, &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static void settle(Fixture *f)
{
    int r;

    do
        r = sd_event_run(f->event, 0);
    while (r > 0);
    assert_int_equal(r, 0);
}

static Peer connect_as(Fixture *f, uid_t uid)
{
    Peer p;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    p.pid = fork();
    assert_true(p.pid >= 0);
    if (p.pid == 0) {
        close(pair[0]);
        be_peer(f->path, uid, pair[1]);
    }
    close(pair[1]);
    p.hold = pair[0];
    p.fd = receive_fd(p.hold);
    settle(f);
    return p;
}

static void end_process(Peer *p)
{
    int status;

    p->hold = dmv_close(p->hold);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_int_equal(status, 0);
    p->pid = 0;
}

static void end_peer(Peer *p)
{
    p->fd = dmv_close(p->fd);
    if (p->pid > 0)
        end_process(p);
}

/* Sends a call and a NUL. */
static void say(Fixture *f, const Peer *p, const char *call)
{
    assert_int_equal(send(p->fd, call, strlen(call) + 1, MSG_NOSIGNAL), strlen(call) + 1);
    settle(f);
}

/* What came back so far: one reply, or nothing at all. */
static void heard(const Peer *p, const char *want)
{
    char got[1024] = "";
    ssize_t n = recv(p->fd, got, sizeof(got) - 1, MSG_DONTWAIT);

    if (!want) {
        assert_int_equal(n, -1);
        assert_int_equal(errno, EAGAIN);
        return;
    }
    assert_true(n > 0);
    assert_string_equal(got, want);
}

static void test_allowed(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    f->answer = ALLOW;
    say(f, &p, "{\"method\":\"a.b.Change\",\"parameters\":{\"name\":\"x\"}}");
    heard(&p, "{}");
    assert_int_equal(f->asked, 1);
    assert_int_equal(f->run, 1);
    assert_true(f->had_name);
    assert_true(f->process >= 0);
    assert_int_equal(f->allowed, 0);
    /* the answer was for that call, not for the next one */
    f->answer = REFUSE;
    say(f, &p, CALL("Change"));
    heard(&p, "{\"error\":\"a.b.No\"}");
    assert_false(f->had_name);
    assert_int_equal(f->run, 1);
}

static void test_root_and_readers_are_not_asked_about(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer root = connect_as(f, 0);
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    f->answer = REFUSE;
    say(f, &root, CALL("Change"));
    heard(&root, "{}");
    say(f, &p, CALL("Read"));
    heard(&p, "{}");
    say(f, &p, CALL("Nothing"));
    heard(&p,
          "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"a.b.Nothing\"}}");
    assert_int_equal(f->asked, 0);
    assert_int_equal(f->run, 1);
}

/* Who may not call a method is not told what it takes; who may is, and nothing is run for it. */
static void test_checks_follow(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    f->answer = REFUSE;
    say(f, &p, "{\"method\":\"a.b.Change\",\"parameters\":{\"nonsense\":1}}");
    heard(&p, "{\"error\":\"a.b.No\"}");
    f->answer = ALLOW;
    say(f, &p, "{\"method\":\"a.b.Change\",\"parameters\":{\"nonsense\":1}}");
    heard(&p,
          "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"nonsense\"}}");
    say(f, &p, CALL("Watch"));
    heard(&p, "{\"error\":\"org.varlink.service.ExpectedMore\"}");
    assert_int_equal(f->run, 0);
}

static void test_default_is_deny(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    f->answer = FAIL;
    say(f, &p, CALL("Change"));
    heard(&p, "{\"error\":\"a.b.Failed\",\"parameters\":{\"errno\":5}}");
    f->answer = FORGET;
    say(f, &p, CALL("Change"));
    heard(&p, "{\"error\":\"a.b.Failed\",\"parameters\":{\"errno\":61}}");
    vl_server_set_authorizer(f->server, NULL, NULL);
    say(f, &p, CALL("Change"));
    heard(&p, DENIED);
    assert_int_equal(f->asked, 2);
    assert_int_equal(f->run, 0);
}

static void test_others_are_served_meanwhile(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);
    DMV_CLEANUP(end_peer) Peer root = connect_as(f, 0);
    DMV_CLEANUP(end_peer) Peer other = connect_as(f, SOMEBODY);

    say(f, &p, CALL("Change"));
    assert_non_null(f->kept);
    say(f, &root, CALL("Change"));
    heard(&root, "{}");
    say(f, &other, CALL("Read"));
    heard(&other, "{}");
    heard(&p, NULL);
    assert_int_equal(f->run, 1);
    assert_int_equal(vl_call_allow(f->kept), 0);
    f->kept = vl_call_unref(f->kept);
    settle(f);
    heard(&p, "{}");
    assert_int_equal(f->run, 2);
}

static void test_client_goes_away(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    say(f, &p, CALL("Change"));
    assert_non_null(f->kept);
    end_peer(&p);
    settle(f);
    assert_int_equal(f->cancelled, 1);
    assert_null(f->kept);
    assert_int_equal(f->run, 0);
    assert_int_equal(vl_server_n_connections(f->server), 0);
}

/* The connection lives on in another process, and the number may be the next one's. */
static void test_process_ends(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    say(f, &p, CALL("Change"));
    assert_true(f->process >= 0);
    end_process(&p);
    settle(f);
    assert_int_equal(f->cancelled, 0);
    assert_int_equal(vl_call_process(f->kept), -ESRCH);
    assert_int_equal(vl_call_allow(f->kept), -ESRCH);
    assert_int_equal(vl_call_error(f->kept, "a.b.No", NULL), 0);
    f->kept = vl_call_unref(f->kept);
    settle(f);
    heard(&p, "{\"error\":\"a.b.No\"}");
    f->answer = ALLOW;
    say(f, &p, CALL("Change"));
    assert_int_equal(f->allowed, -ESRCH);
    assert_int_equal(f->process, -ESRCH);
    assert_int_equal(f->run, 0);
}

/* As on a kernel that does not say which process has connected: here nobody had to know when it did. */
static void test_process_is_not_known(void **state)
{
    Fixture *f = *state;
    Peer p;

    vl_server_set_authorizer(f->server, NULL, NULL);
    p = connect_as(f, SOMEBODY);
    vl_server_set_authorizer(f->server, authorize, f);
    f->answer = ALLOW;
    say(f, &p, CALL("Change"));
    assert_int_equal(f->process, -ENODATA);
    assert_int_equal(f->allowed, -ENODATA);
    assert_int_equal(f->run, 0);
    end_peer(&p);
}

static void test_only_what_was_asked(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    say(f, &p, CALL("Change"));
    assert_int_equal(vl_call_allow(f->kept), 0);
    assert_int_equal(f->run, 1);
    assert_int_equal(vl_call_allow(f->kept), -EINVAL);
    assert_int_equal(f->run, 1);
}

static void say_with_fd(Fixture *f, const Peer *p, const char *call)
{
    assert_int_equal(send(p->fd, call, strlen(call), MSG_NOSIGNAL), strlen(call));
    assert_int_equal(send_fd(p->fd, STDIN_FILENO), 0);
    settle(f);
}

static void test_descriptors_are_closed(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);
    DMV_CLEANUP(end_peer) Peer root = connect_as(f, 0);

    f->answer = ALLOW;
    say_with_fd(f, &p, CALL("Change"));
    heard(&p, "{}");
    assert_int_equal(f->run, 1);
    assert_int_equal(f->fds_taken, 0);
    say_with_fd(f, &root, CALL("Change"));
    heard(&root, "{}");
    assert_int_equal(f->fds_taken, 1);
}

/* A oneway call has no answer, and whoever made it may have closed already. It is decided all the same. */
static void test_oneway(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    say(f, &p, "{\"method\":\"a.b.Change\",\"oneway\":true}");
    p.fd = dmv_close(p.fd);
    settle(f);
    assert_int_equal(f->cancelled, 0);
    end_process(&p);
    assert_int_equal(vl_call_allow(f->kept), -ESRCH);
    assert_int_equal(vl_call_error(f->kept, "a.b.No", NULL), 0);
    settle(f);
    assert_int_equal(f->run, 0);
    assert_int_equal(vl_server_n_connections(f->server), 0);
}

static void test_server_goes_first(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP(end_peer) Peer p = connect_as(f, SOMEBODY);

    say(f, &p, CALL("Change"));
    f->server = vl_server_free(f->server);
    assert_int_equal(f->cancelled, 1);
    assert_null(f->kept);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_allowed),
        TEST(test_root_and_readers_are_not_asked_about),
        TEST(test_checks_follow),
        TEST(test_default_is_deny),
        TEST(test_others_are_served_meanwhile),
        TEST(test_client_goes_away),
        TEST(test_process_ends),
        TEST(test_process_is_not_known),
        TEST(test_only_what_was_asked),
        TEST(test_descriptors_are_closed),
        TEST(test_oneway),
        TEST(test_server_goes_first),
    };
#undef TEST

    if (geteuid() != 0) {
        print_message("only root can be somebody else\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
