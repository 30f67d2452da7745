/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Child processes without a shell.
 *
 * fork(2) and execve(2) by hand rather than posix_spawn(3): the child has to close what it was not given,
 * also with a C library that has no closefrom. What fails between the two comes back through a pipe that
 * execve closes, so the caller gets the errno and never an exit status that might be the program's own.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "dmv/outcome.h"

#define OUTPUT_MAX ((size_t)64 * 1024)
/* How long to wait at most before looking again whether the child has ended while something keeps its output
 * open. */
#define LOOK_AGAIN_MSEC 20
#define PATH_VARIABLE "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
#define LOCALE_VARIABLE "LC_ALL=C"

enum { FD_PASSED = 3, FD_STATUS = 4, FD_FIRST_UNWANTED = 5 };

static const char *const search_path[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

/* What the child gets. */
typedef struct Child {
    const char *program; /* absolute */
    const char *const *argv;
    int out;    /* its standard output, and error too if @err is -1 */
    int passed; /* becomes descriptor 3, or -1 */
    bool inherit_stderr;
    bool own_group;
    const DmvSpawnOptions *options; /* or NULL */
    int status;                     /* where it writes an errno */
} Child;

static int find_program(const char *name, char **ret)
{
    if (strchr(name, '/'))
        return dmv_set_string(ret, name);
    for (size_t i = 0; i < DMV_N_ELEMENTS(search_path); i++) {
        DMV_CLEANUP_FREE char *path = NULL;

        if (asprintf(&path, "%s/%s", search_path[i], name) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        if (access(path, X_OK) == 0) {
            *ret = DMV_TAKE_PTR(path);
            return 0;
        }
    }
    return -ENOENT;
}

/* ---- in the child: only what is safe after fork ---- */

static void close_unwanted(void)
{
    long max;

    if (syscall(SYS_close_range, FD_FIRST_UNWANTED, ~0U, 0) == 0)
        return;
    max = sysconf(_SC_OPEN_MAX); /* a kernel before 5.9 */
    for (int fd = FD_FIRST_UNWANTED; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
        (void)close(fd);
}

static void reset_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        (void)signal(s, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Moves a descriptor, if there is one, out of the way of those that are about to be set. Return: 0 or a
 * negative errno. */
static int lift(int fd, int *ret)
{
    *ret = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
    return fd >= 0 && *ret < 0 ? -errno : 0;
}

/* A chroot may have no /dev. A folder does as well: it is neither read nor written. */
static int open_null(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int arrange_descriptors(const Child *c, int status)
{
    int out = -1, passed = -1, null = -1;
    int r = lift(c->out, &out);

    if (r == 0)
        r = lift(c->passed, &passed);
    if (r == 0)
        r = open_null();
    if (r >= 0)
        r = lift(r, &null);
    if (r < 0)
        return r;
    if (dup2(null, STDIN_FILENO) < 0 || dup2(out >= 0 ? out : null, STDOUT_FILENO) < 0)
        return -errno;
    if (!c->inherit_stderr && dup2(out >= 0 ? out : null, STDERR_FILENO) < 0)
        return -errno;
    if (passed >= 0 ? dup2(passed, FD_PASSED) < 0 : dup3(null, FD_PASSED, O_CLOEXEC) < 0)
        return -errno;
    return dup3(status, FD_STATUS, O_CLOEXEC) < 0 ? -errno : 0;
}

/* Before the unwanted descriptors are closed: the root's is one of them. */
static int enter(int root)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    if (root >= 0 && (fchdir(root) < 0 || chroot(".") < 0))
        return -errno;
    return 0;
}

_Noreturn static void run_child(const Child *c)
{
    char listen_pid[32], tmpdir[256];
    const char *bare[] = {PATH_VARIABLE, LOCALE_VARIABLE, NULL, NULL};
    const char *socket[] = {
        PATH_VARIABLE, LOCALE_VARIABLE, "LISTEN_FDS=1", "LISTEN_FDNAMES=varlink", listen_pid, NULL};
    bool elsewhere = c->options && c->options->root >= 0;
    int root = -1, status = -1;
    int error = lift(c->status, &status);

    if (error == 0 && elsewhere)
        error = lift(c->options->root, &root);
    if (error == 0)
        error = arrange_descriptors(c, status);
    if (error == 0 && c->options)
        error = enter(root);
    if (error == 0) {
        status = FD_STATUS;
        if (c->options && c->options->tmpdir) {
            (void)snprintf(tmpdir, sizeof(tmpdir), "TMPDIR=%s", c->options->tmpdir);
            bare[2] = tmpdir;
        }
        (void)snprintf(listen_pid, sizeof(listen_pid), "LISTEN_PID=%d", (int)getpid());
        close_unwanted();
        reset_signals();
        if (c->own_group)
            (void)setpgid(0, 0);
        (void)execve(c->program, (char *const *)c->argv, (char *const *)(c->passed >= 0 ? socket : bare));
        error = -errno;
    }
    (void)!write(status >= 0 ? status : c->status, &error, sizeof(error));
    _exit(127);
}

/* ---- in the parent ---- */

/* Starts the child. Return: 0 once it runs its program, or what kept it from that. */
static int start(Child *c, pid_t *ret)
{
    DMV_CLEANUP_CLOSE int reader = -1;
    DMV_CLEANUP_CLOSE int writer = -1;
    int pipe_fds[2], error = 0;
    ssize_t n;
    pid_t pid;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    reader = pipe_fds[0];
    writer = c->status = pipe_fds[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        run_child(c);
    if (c->own_group)
        (void)setpgid(pid, pid); /* also here: the group has to be there before somebody kills it */
    writer = dmv_close(writer);
    do
        n = read(reader, &error, sizeof(error));
    while (n < 0 && errno == EINTR);
    if (n == 0) {
        *ret = pid;
        return 0;
    }
    if (n !=
        (ssize_t)sizeof(error)) /* nobody knows what it is by now: it may be a program that waits for us */
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return n == (ssize_t)sizeof(error) && error < 0 ? error : -EIO;
}

static uint64_t now_usec(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Return: 1 while there may be more, 0 at the end of the output, or a negative errno. */
static int drain(int fd, DmvText *output)
{
    char buffer[4096];

    /* a bounded number of reads: a child that writes without end must not keep us from looking at the clock
     */
    for (size_t reads = 0; reads < 2 * OUTPUT_MAX / sizeof(buffer); reads++) {
        ssize_t n = read(fd, buffer, sizeof(buffer));
        size_t room = OUTPUT_MAX - output->size;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 1 : -errno;
        if (n == 0)
            return 0;
        dmv_text_append_bytes(output, buffer, (size_t)n < room ? (size_t)n : room);
    }
    return 1;
}

/* Return: 1 when the child has ended, 0 while it runs, or a negative errno. */
static int reap(pid_t pid, int options, DmvSpawnResult *result)
{
    int status;
    pid_t r = waitpid(pid, &status, options);

    if (r < 0)
        return errno == EINTR ? 0 : -errno;
    if (r == 0)
        return 0;
    result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 1;
}

/* Collects output until the child has ended or its time is up. */
static int supervise(const DmvSpawn *s, DmvText *output, DmvSpawnResult *result)
{
    bool is_open = true;
    int r = 0;

    for (;;) {
        struct pollfd p = {.events = POLLIN};
        uint64_t now = now_usec();

        is_open = is_open && drain(s->output, output) > 0;
        r = reap(s->pid, WNOHANG, result);
        if (r != 0)
            break;
        if (now >= s->deadline) {
            result->timed_out = 1;
            (void)kill(-s->pid, SIGKILL);
            break;
        }
        p.fd = is_open ? s->output : -1;
        (void)poll(&p, 1, s->deadline - now < LOOK_AGAIN_MSEC * 1000 || !is_open ? 1 : LOOK_AGAIN_MSEC);
    }
    while (r == 0)
        r = reap(s->pid, 0, result);
    if (r > 0 && is_open)
        (void)drain(s->output, output); /* what it wrote between the last look and its end */
    return r < 0 ? r : 0;
}

static int start_program(const char *program, const DmvSpawnOptions *o, const char *const argv[],
                         uint64_t timeout_usec, DmvSpawn *ret)
{
    DMV_CLEANUP_CLOSE int reader = -1;
    DMV_CLEANUP_CLOSE int writer = -1;
    DmvSpawn s = DMV_SPAWN_NULL;
    int pipe_fds[2], r;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    reader = pipe_fds[0];
    writer = pipe_fds[1];
    if (fcntl(reader, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    r = start(
        &(Child){
            .program = program, .argv = argv, .out = writer, .passed = -1, .own_group = true, .options = o},
        &s.pid);
    if (r < 0)
        return r;
    if (__builtin_add_overflow(now_usec(), timeout_usec, &s.deadline))
        s.deadline = UINT64_MAX;
    s.output = DMV_TAKE_FD(reader);
    *ret = s;
    return 0;
}

int dmv_spawn_finish(DmvSpawn *s, DmvSpawnResult *ret)
{
    DMV_CLEANUP_TEXT DmvText output = {0};
    DmvSpawnResult result = {0};
    int r = supervise(s, &output, &result);

    s->pid = 0;
    s->output = dmv_close(s->output);
    if (r == 0)
        r = dmv_text_take(&output, &result.output, NULL);
    if (r == 0)
        *ret = result;
    return r;
}

int dmv_spawn_start(const char *const argv[], uint64_t timeout_usec, DmvSpawn *ret)
{
    DMV_CLEANUP_FREE char *program = NULL;
    int r = find_program(argv[0], &program);

    return r < 0 ? r : start_program(program, NULL, argv, timeout_usec, ret);
}

void dmv_spawn_deinit(DmvSpawn *s)
{
    DmvSpawnResult ignored;
    int r = 0;

    if (s->pid > 0) {
        (void)kill(-s->pid, SIGKILL);
        while (r == 0)
            r = reap(s->pid, 0, &ignored);
    }
    s->pid = 0;
    s->output = dmv_close(s->output);
}

int dmv_spawn_wait(const char *const argv[], uint64_t timeout_usec, DmvSpawnResult *ret)
{
    DMV_CLEANUP(dmv_spawn_deinit) DmvSpawn s = DMV_SPAWN_NULL;
    int r = dmv_spawn_start(argv, timeout_usec, &s);

    return r < 0 ? r : dmv_spawn_finish(&s, ret);
}

int dmv_spawn_wait_in(const DmvSpawnOptions *o, const char *const argv[], uint64_t timeout_usec,
                      DmvSpawnResult *ret)
{
    DMV_CLEANUP(dmv_spawn_deinit) DmvSpawn s = DMV_SPAWN_NULL;
    int r = start_program(argv[0], o, argv, timeout_usec, &s);

    return r < 0 ? r : dmv_spawn_finish(&s, ret);
}

void dmv_spawn_result_deinit(DmvSpawnResult *r)
{
    free(r->output);
    *r = (DmvSpawnResult){0};
}

int dmv_spawn_failure(const DmvSpawnResult *result, const char **next)
{
    /* the words of the C locale, which every child has */
    static const struct {
        const char *words;
        int code;
    } causes[] = {{"No space left on device", -ENOSPC},
                  {"Disk quota exceeded", -EDQUOT},
                  {"Read-only file system", -EROFS}};

    for (size_t i = 0; result->output && i < DMV_N_ELEMENTS(causes); i++)
        if (strstr(result->output, causes[i].words)) {
            *next = dmv_error_next(&(DmvError){.code = causes[i].code});
            return causes[i].code == -EROFS ? DMV_READ_ONLY : DMV_NO_SPACE;
        }
    return DMV_TOOL_FAILED;
}

int dmv_spawn_worker(const char *path, const char *const argv[], int *ret_fd, pid_t *ret_pid)
{
    DMV_CLEANUP_FREE const char **full = NULL;
    DMV_CLEANUP_CLOSE int ours = -1;
    DMV_CLEANUP_CLOSE int theirs = -1;
    size_t n = dmv_strv_length((char *const *)argv);
    int pair[2], r;

    full = calloc(n + 2, sizeof(*full));
    if (!full)
        return -ENOMEM;
    full[0] = path;
    for (size_t i = 0; i < n; i++)
        full[i + 1] = argv[i];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    ours = pair[0];
    theirs = pair[1];
    r = start(&(Child){.program = path, .argv = full, .out = -1, .passed = theirs, .inherit_stderr = true},
              ret_pid);
    if (r == 0)
        *ret_fd = DMV_TAKE_FD(ours);
    return r;
}
