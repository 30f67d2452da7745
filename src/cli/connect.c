/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a command line tool reaches a daemon.
 *
 * The daemon that is started gets its end of a socketpair as sd_listen_fds(3) says, exactly like one that
 * systemd activates for a connection; so there is no second way to talk to it. It gets a process group of its
 * own: Ctrl-C on the terminal must reach the tool, which gives the call up in order, and not the daemon in
 * the middle of a step.
 */
#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "dmv/interface.h"

#define HOST_ADDRESS "/" DMV_SOCKET
#define PASSED_FD 3 /* SD_LISTEN_FDS_START */

static int watch_signals(DmvConnection *c)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGTERM);
    c->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (c->signal_fd < 0)
        return -errno;
    return sigprocmask(SIG_BLOCK, &mask, &c->old_mask) < 0 ? -errno : 0;
}

/* A signal that was used up to stop a call must not end the process when it is let through again. */
static void unwatch_signals(DmvConnection *c)
{
    struct signalfd_siginfo info;

    if (c->signal_fd < 0)
        return;
    while (read(c->signal_fd, &info, sizeof(info)) > 0)
        ;
    (void)sigprocmask(SIG_SETMASK, &c->old_mask, NULL);
    c->signal_fd = dmv_close(c->signal_fd);
}

static char *daemon_path(void)
{
    const char *folder = getenv("DMV_LIBEXECDIR");
    char *path;

    return asprintf(&path, "%s/dmvd", folder && *folder ? folder : DMV_LIBEXECDIR) < 0 ? NULL : path;
}

/* In the child. Never returns; tells @report the errno if the program could not be started. */
static _Noreturn void become_daemon(const char *path, char *const argv[], int fd, int report,
                                    const sigset_t *mask)
{
    char pid[16];
    int e;

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (setpgid(0, 0) < 0 || sigprocmask(SIG_SETMASK, mask, NULL) < 0 || setenv("LISTEN_PID", pid, 1) < 0 ||
        setenv("LISTEN_FDS", "1", 1) < 0 || setenv("LISTEN_FDNAMES", "varlink", 1) < 0)
        goto fail;
    /* dup2() on itself would keep the close-on-exec flag; and the report must not be overwritten */
    report = fcntl(report, F_DUPFD_CLOEXEC, PASSED_FD + 1);
    if (report < 0)
        _exit(127);
    if (fd == PASSED_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, PASSED_FD) < 0)
        goto fail;
    (void)execv(path, argv);
fail:
    e = errno;
    (void)!write(report, &e, sizeof(e));
    _exit(127);
}

/* Return: 0 when the program runs, else the errno that the child reported, negative. */
static int read_report(int fd)
{
    int e = 0;
    ssize_t n;

    do
        n = read(fd, &e, sizeof(e));
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(e) ? -e : 0;
}

static void reap(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
}

/* Forks; @theirs becomes descriptor 3 of the child. */
static int start(const char *path, char *const argv[], int theirs, const sigset_t *mask, pid_t *ret)
{
    DMV_CLEANUP_CLOSE int report = -1, child_report = -1;
    int fds[2], r, status;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    report = fds[0];
    child_report = fds[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become_daemon(path, argv, theirs, child_report, mask);
    child_report = dmv_close(child_report);
    r = read_report(report);
    if (r < 0)
        reap(pid, &status);
    else
        *ret = pid;
    return r;
}

static int daemon_argv(const char *path, const DmvConnectOptions *o, char ***ret)
{
    const char *const pairs[][2] = {{"--root", o->root}, {"--sysfs", o->sysfs}, {"--procfs", o->procfs}};
    DMV_CLEANUP_STRV char **argv = NULL;
    int r = dmv_strv_push(&argv, path);

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(pairs); i++) {
        if (!pairs[i][1])
            continue;
        r = dmv_strv_push(&argv, pairs[i][0]);
        if (r == 0)
            r = dmv_strv_push(&argv, pairs[i][1]);
    }
    if (r == 0)
        *ret = DMV_TAKE_PTR(argv);
    return r;
}

static int spawn_daemon(const DmvConnectOptions *o, DmvConnection *c, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = daemon_path();
    DMV_CLEANUP_STRV char **argv = NULL;
    DMV_CLEANUP_CLOSE int ours = -1, theirs = -1;
    int fds[2], r;

    if (!path || !(c->address = strdup(path)))
        return -ENOMEM;
    r = daemon_argv(path, o, &argv);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    ours = fds[0];
    theirs = fds[1];
    r = start(path, argv, theirs, &c->old_mask, &c->child);
    if (r < 0) {
        dmv_error_set(reterr, DMV_UNREACHABLE, NULL,
                      "install dmv, or set DMV_LIBEXECDIR to the folder of dmvd", "%s", strerror(-r));
        dmv_error_set_what(reterr, "cannot start %s", path);
        return DMV_UNREACHABLE;
    }
    return vl_client_new(DMV_TAKE_FD(ours), &c->client);
}

static int explain_connect(const char *address, int r, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *what = NULL;
    int code = r == -EACCES || r == -EPERM ? DMV_DENIED : DMV_UNREACHABLE;
    const char *next =
        "systemctl start dmvd.socket, or dmvctl --root DIR to work on a folder without a daemon";

    if (asprintf(&what, "cannot reach the daemon at %s", address) < 0)
        what = NULL;
    if (r == -ENOENT)
        return dmv_error_set(reterr, code, what, next, "there is no such socket");
    if (r == -ECONNREFUSED)
        return dmv_error_set(reterr, code, what, next, "nobody listens there");
    if (code == DMV_DENIED)
        return dmv_error_set(reterr, code, what, "run this as root", "%s", strerror(-r));
    return dmv_error_set(reterr, code, what, next, "%s", strerror(-r));
}

/* What sd_booted(3) says. libsystemd brings six libraries more, and loading them takes a third of the time
 * that the tools need to start. */
static bool is_without_systemd(void)
{
    return access("/run/systemd/system/", F_OK) < 0 && errno == ENOENT;
}

/* Nobody is there, so that a daemon of our own is the only one. @r: how connecting failed. */
static bool may_start(const DmvConnectOptions *o, int r)
{
    if (o->address || geteuid() != 0)
        return false;
    return r == -ENOENT ? o->or_start || is_without_systemd() : r == -ECONNREFUSED && o->or_start;
}

int dmv_connect(const DmvConnectOptions *o, DmvConnection *ret, DmvError *reterr)
{
    const char *address = o->address ? o->address : HOST_ADDRESS;
    int r;

    *ret = DMV_CONNECTION_NULL;
    r = watch_signals(ret);
    if (r < 0)
        return r;
    if (o->root || o->sysfs || o->procfs) {
        r = spawn_daemon(o, ret, reterr);
    } else {
        r = vl_client_connect(address, &ret->client);
        if (may_start(o, r))
            r = spawn_daemon(o, ret, reterr);
        else if (r < 0)
            r = explain_connect(address, r, reterr);
        else if (!(ret->address = strdup(address)))
            r = -ENOMEM;
    }
    if (r != 0)
        return r;
    vl_client_set_timeout(ret->client, o->timeout_usec);
    vl_client_set_cancel_fd(ret->client, ret->signal_fd);
    return 0;
}

static int explain_end(const DmvConnection *c, int status, DmvError *reterr)
{
    const char *next = "its messages are above";

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        dmv_error_set(reterr, DMV_UNREACHABLE, NULL, next, "it was killed by signal %d", WTERMSIG(status));
    else
        dmv_error_set(reterr, DMV_UNREACHABLE, NULL, next, "it ended with status %d", WEXITSTATUS(status));
    dmv_error_set_what(reterr, "%s failed", c->address);
    return DMV_UNREACHABLE;
}

int dmv_connection_close(DmvConnection *c, DmvError *reterr)
{
    int status = 0, r = 0;

    c->client = c->client ? vl_client_free(c->client) : NULL;
    unwatch_signals(c);
    if (c->child > 0) {
        reap(c->child, &status);
        r = explain_end(c, status, reterr);
    }
    free(c->address);
    *c = DMV_CONNECTION_NULL;
    return r;
}
