/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * polkit's answers, good and bad: a bus with an authority on it, both played by the test in the same loop.
 * golden/polkit asks the real ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/polkit.h"

#define MILLISECONDS UINT64_C(1000)

typedef enum Reply {
    YES,
    NO,
    CHALLENGE,
    BOTH,
    A_STRING,
    TOO_SHORT,
    TOO_LONG,
    AN_ERROR,
    SILENCE,
    CLOSE, /* the bus ends the connection instead of answering */
} Reply;

typedef struct Fixture {
    char folder[64], path[96], address[112];
    sd_event *event;
    int listener;
    sd_event_source *accepting;
    sd_bus *bus; /* the bus' end of the connection */
    bool refuses_hello;
    Reply reply;
    DmvPolkit *polkit;

    unsigned connections, asked;
    char *said; /* the last question in words */
    char cancel_id[32], cancelled_id[32];

    unsigned answers;
    int code;
    char *why;
} Fixture;

static void keep_question(Fixture *f, sd_bus_message *m)
{
    const char *kind, *pid_key, *start_key, *uid_key, *fd_key, *action, *key, *value, *id;
    uint32_t pid, flags;
    uint64_t start;
    int32_t uid;
    int fd;

    assert_true(sd_bus_message_read(m, "(sa{sv})", &kind, 4, &pid_key, "u", &pid, &start_key, "t", &start,
                                    &uid_key, "i", &uid, &fd_key, "h", &fd) > 0);
    assert_true(sd_bus_message_read(m, "sa{ss}us", &action, 1, &key, &value, &flags, &id) > 0);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    free(f->said);
    assert_true(asprintf(&f->said, "%s %s=%s %s=%llu %s=%d %s %s %s=%s flags=%u", kind, pid_key,
                         pid == (uint32_t)getpid() ? "mine" : "another", start_key, (unsigned long long)start,
                         uid_key, uid, fd_key, action, key, value, flags) > 0);
    (void)snprintf(f->cancel_id, sizeof(f->cancel_id), "%s", id);
}

static int answer_question(Fixture *f, sd_bus_message *m)
{
    static const struct {
        int authorized, challenge;
    } answers[] = {[YES] = {1, 0}, [NO] = {0, 0}, [CHALLENGE] = {0, 1}, [BOTH] = {1, 1}};

    switch (f->reply) {
    case YES:
    case NO:
    case CHALLENGE:
    case BOTH:
        return sd_bus_reply_method_return(m, "(bba{ss})", answers[f->reply].authorized,
                                          answers[f->reply].challenge, 1, "polkit.some", "detail");
    case A_STRING:
        return sd_bus_reply_method_return(m, "s", "yes");
    case TOO_SHORT:
        return sd_bus_reply_method_return(m, "(bb)", 1, 0);
    case TOO_LONG:
        return sd_bus_reply_method_return(m, "(bba{ss})b", 1, 0, 0, 1);
    case AN_ERROR:
        return sd_bus_reply_method_errorf(m, "org.freedesktop.PolicyKit1.Error.Failed",
                                          "Action is not\nregistered");
    case SILENCE:
        return 1;
    case CLOSE:
        sd_bus_close(f->bus);
        return 1;
    }
    return -EINVAL;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
    Fixture *f = userdata;
    const char *id;

    (void)reterr;
    if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello") > 0)
        return f->refuses_hello
                   ? sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.AccessDenied", "not you")
                   : sd_bus_reply_method_return(m, "s", ":1.1");
    if (sd_bus_message_is_method_call(m, NULL, "CheckAuthorization") > 0) {
        f->asked++;
        keep_question(f, m);
        return answer_question(f, m);
    }
    if (sd_bus_message_is_method_call(m, NULL, "CancelCheckAuthorization") > 0) {
        assert_true(sd_bus_message_read(m, "s", &id) > 0);
        (void)snprintf(f->cancelled_id, sizeof(f->cancelled_id), "%s", id);
        return sd_bus_reply_method_return(m, "");
    }
    return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Fixture *f = userdata;
    int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    sd_id128_t id;

    (void)source;
    (void)events;
    assert_true(one >= 0);
    f->connections++;
    f->bus = sd_bus_close_unref(f->bus);
    assert_true(sd_id128_randomize(&id) >= 0);
    assert_true(sd_bus_new(&f->bus) >= 0);
    assert_true(sd_bus_set_fd(f->bus, one, one) >= 0);
    assert_true(sd_bus_set_server(f->bus, true, id) >= 0);
    assert_true(sd_bus_set_anonymous(f->bus, true) >= 0);
    assert_true(sd_bus_negotiate_fds(f->bus, true) >= 0);
    assert_true(sd_bus_add_filter(f->bus, NULL, on_message, f) >= 0);
    assert_true(sd_bus_start(f->bus) >= 0);
    assert_true(sd_bus_attach_event(f->bus, f->event, SD_EVENT_PRIORITY_NORMAL) >= 0);
    return 0;
}

static int set_up(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/dmv-polkit-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/bus", f->folder);
    (void)snprintf(f->address, sizeof(f->address), "unix:path=%s", f->path);
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    assert_true(sd_event_new(&f->event) >= 0);
    assert_true(sd_event_add_io(f->event, &f->accepting, f->listener, EPOLLIN, on_accept, f) >= 0);
    assert_int_equal(dmv_polkit_new(f->event,
                                    &(DmvPolkitConfig){.address = f->address,
                                                       .answer_usec = 200 * MILLISECONDS,
                                                       .password_usec = 600 * MILLISECONDS},
                                    &f->polkit),
                     0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *f = *state;

    f->polkit = dmv_polkit_free(f->polkit);
    f->bus = sd_bus_close_unref(f->bus);
    (void)sd_event_source_disable_unref(f->accepting);
    (void)dmv_close(f->listener);
    f->event = sd_event_unref(f->event);
    (void)unlink(f->path);
    (void)rmdir(f->folder);
    free(f->said);
    free(f->why);
    free(f);
    return 0;
}

static void on_answer(int code, DmvError *e, void *userdata)
{
    Fixture *f = userdata;

    f->answers++;
    f->code = code;
    free(f->why);
    f->why = e->why ? strdup(e->why) : NULL;
}

static int begin(Fixture *f, bool interactive, DmvPolkitCheck **ret)
{
    DMV_CLEANUP_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    DMV_CLEANUP_ERROR DmvError e = {0};
    const DmvPolkitQuestion q = {.action = "io.dmv.select",
                                 .method = "Select",
                                 .uid = 1000,
                                 .pid = getpid(),
                                 .pidfd = pidfd,
                                 .interactive = interactive};
    int r;

    assert_true(pidfd >= 0);
    r = dmv_polkit_check(f->polkit, &q, on_answer, f, ret, &e);
    if (r > 0)
        on_answer(r, &e, f);
    return r;
}

/* Runs the loop until there were so many answers, and what follows was done. */
static void until_answers(Fixture *f, unsigned n)
{
    for (unsigned i = 0; i < 2000 && f->answers < n; i++)
        assert_true(sd_event_run(f->event, 1 * MILLISECONDS) >= 0);
    assert_int_equal(f->answers, n);
    for (unsigned i = 0; i < 20; i++)
        assert_true(sd_event_run(f->event, 0) >= 0);
    assert_int_equal(f->answers, n);
}

static void ask(Fixture *f, bool interactive)
{
    DmvPolkitCheck *c = NULL;
    unsigned n = f->answers;

    assert_int_equal(begin(f, interactive, &c), 0);
    assert_int_equal(f->answers, n);
    until_answers(f, n + 1);
}

static void test_answers(void **state)
{
    static const struct {
        Reply reply;
        int code;
        const char *why;
    } cases[] = {
        {YES, 0, NULL},
        {NO, DMV_DENIED, "does not allow it to you (io.dmv.select)"},
        {CHALLENGE, DMV_AUTHENTICATION_REQUIRED, "needs a password, and nobody is to be asked"},
        {BOTH, DMV_NO_AUTHORITY, "contradicts itself"},
        {A_STRING, DMV_NO_AUTHORITY, "answers what is no answer"},
        {TOO_SHORT, DMV_NO_AUTHORITY, "answers what is no answer"},
        {TOO_LONG, DMV_NO_AUTHORITY, "answers what is no answer"},
        {AN_ERROR, DMV_NO_AUTHORITY, "does not decide: Action is not"},
        {CLOSE, DMV_NO_AUTHORITY, "polkit does not decide"},
        {YES, 0, NULL},
    };
    Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        f->reply = cases[i].reply;
        ask(f, false);
        assert_int_equal(f->code, cases[i].code);
        if (cases[i].why)
            assert_non_null(strstr(f->why, cases[i].why));
        else
            assert_null(f->why);
        if (f->why)
            assert_null(strchr(f->why, '\n'));
        /* one connection a question: it ended with the answer */
        assert_int_equal(f->connections, i + 1);
    }
}

static void test_question(void **state)
{
    Fixture *f = *state;

    ask(f, false);
    assert_string_equal(
        f->said, "unix-process pid=mine start-time=0 uid=1000 pidfd io.dmv.select method=Select flags=0");
    f->reply = CHALLENGE;
    ask(f, true);
    assert_string_equal(
        f->said, "unix-process pid=mine start-time=0 uid=1000 pidfd io.dmv.select method=Select flags=1");
    assert_int_equal(f->code, DMV_AUTHENTICATION_REQUIRED);
    assert_non_null(strstr(f->why, "no agent"));
}

/* Several at once share a connection, and each has its own answer. */
static void test_several(void **state)
{
    DmvPolkitCheck *c[3];
    Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(c); i++)
        assert_int_equal(begin(f, false, &c[i]), 0);
    until_answers(f, 3);
    assert_int_equal(f->asked, 3);
    assert_int_equal(f->connections, 1);
}

/* An authority that says nothing, a bus that lets nobody in, a bus that does not even accept. */
static void test_silence(void **state)
{
    Fixture *f = *state;

    f->reply = SILENCE;
    ask(f, false);
    assert_int_equal(f->code, DMV_NO_AUTHORITY);
    assert_non_null(strstr(f->why, "does not answer"));
    assert_string_equal(f->cancelled_id, f->cancel_id);
    ask(f, true);
    assert_non_null(strstr(f->why, "too long for a password"));
    assert_true(sd_event_source_set_enabled(f->accepting, SD_EVENT_OFF) >= 0);
    ask(f, false);
    assert_int_equal(f->code, DMV_NO_AUTHORITY);
    assert_int_equal(f->connections, 2);
    assert_int_equal(f->asked, 2);
}

static void test_no_bus(void **state)
{
    DmvPolkitCheck *c = NULL;
    Fixture *f = *state;

    f->refuses_hello = true;
    ask(f, false);
    assert_int_equal(f->code, DMV_NO_AUTHORITY);
    assert_int_equal(f->asked, 0);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(begin(f, false, &c), DMV_NO_AUTHORITY);
    assert_non_null(strstr(f->why, "there is no D-Bus here"));
    assert_null(c);
}

static void test_cancel(void **state)
{
    DmvPolkitCheck *c = NULL;
    Fixture *f = *state;

    /* before anything was sent */
    assert_int_equal(begin(f, false, &c), 0);
    assert_null(dmv_polkit_cancel(c));
    until_answers(f, 0);
    assert_int_equal(f->asked, 0);
    /* while it is open */
    f->reply = SILENCE;
    assert_int_equal(begin(f, true, &c), 0);
    for (unsigned i = 0; i < 1000 && f->asked == 0; i++)
        assert_true(sd_event_run(f->event, 1 * MILLISECONDS) >= 0);
    assert_int_equal(f->asked, 1);
    assert_null(dmv_polkit_cancel(c));
    until_answers(f, 0);
    assert_string_not_equal(f->cancel_id, "");
    assert_string_equal(f->cancelled_id, f->cancel_id);
    assert_null(dmv_polkit_cancel(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_answers), TEST(test_question), TEST(test_several),
        TEST(test_silence), TEST(test_no_bus),   TEST(test_cancel),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
