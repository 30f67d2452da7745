/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One system call of a command, or of what it starts, fails or is the last one of its process.
 *
 * fault-inject --report FILE [--fault PROCESS:CALL:N:WHAT] [--timeout SECONDS] COMMAND...
 *
 * The command runs under a seccomp filter that asks this process about every call (SECCOMP_RET_USER_NOTIF),
 * or, where the fault needs no more, about the calls of its name and those that make a process what it is. It
 * stays in force over fork(2) and execve(2), and the filters that a worker sets for itself come on top.
 * ptrace(2) would do the same at several times the cost, and the workers forbid it to each other.
 *
 * PROCESS is one of `victims`, by the name that the kernel has of it; ".fork" follows it in a child that has
 * not become another program yet. N counts the calls of that name in all processes of that name, from 1.
 * "ld." comes before the name of a call that the dynamic loader makes. WHAT is the name of an error, "short"
 * (half of the bytes are read or written), "KILL" (the process), or "POWER" (all of them).
 *
 * FILE gets lines with tabs: without --fault "call PROCESS CALL N ARGUMENT TARGET" for each call, ARGUMENT
 * being what decides which faults make sense: the flags of an open, the bytes of a read or write. With
 * --fault "injected PROCESS CALL N ARGUMENT TARGET". In the end "end STATUS", 128 and more by a signal, or
 * "timeout".
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define PROCESSES_MAX 512
#define COUNTERS_MAX 2048
#define NAME 32
#define TARGET 512
#define HALF_MAX (1 << 20)

static const char *const victims[] = {"dmvd", "dmv-fetch", "dmv-apply", "depmod"};

/* Not asked about: what changes nothing outside of its process and cannot fail for the want of something. To
 * die there is to die before the next call that counts. */
static const char *const passed[] = {"futex",
                                     "clock_gettime",
                                     "clock_getres",
                                     "clock_nanosleep",
                                     "nanosleep",
                                     "gettimeofday",
                                     "time",
                                     "getpid",
                                     "gettid",
                                     "getppid",
                                     "getpgrp",
                                     "getpgid",
                                     "getuid",
                                     "geteuid",
                                     "getgid",
                                     "getegid",
                                     "getresuid",
                                     "getresgid",
                                     "getgroups",
                                     "rt_sigaction",
                                     "rt_sigprocmask",
                                     "rt_sigreturn",
                                     "sigaltstack",
                                     "sched_yield",
                                     "sched_getaffinity",
                                     "restart_syscall",
                                     "exit",
                                     "exit_group",
                                     "set_tid_address",
                                     "set_robust_list",
                                     "rseq",
                                     "arch_prctl",
                                     "madvise",
                                     "munmap",
                                     "umask",
                                     "close",
                                     "lseek",
                                     "uname",
                                     "getrusage",
                                     "times"};

/* Always asked about, since they say who a process is. */
static const char *const telling[] = {"execve", "execveat", "clone", "clone3", "fork", "vfork"};

/* Which argument names the target: a descriptor, a path, or a path from a descriptor. */
static const struct {
    const char *call;
    int fd, path;
} targets[] = {{"openat", 0, 1},    {"openat2", 0, 1},    {"open", -1, 0},       {"read", 0, -1},
               {"pread64", 0, -1},  {"write", 0, -1},     {"pwrite64", 0, -1},   {"writev", 0, -1},
               {"fsync", 0, -1},    {"fdatasync", 0, -1}, {"ftruncate", 0, -1},  {"fchmod", 0, -1},
               {"fchown", 0, -1},   {"fstat", 0, -1},     {"getdents64", 0, -1}, {"newfstatat", 0, 1},
               {"statx", 0, 1},     {"readlinkat", 0, 1}, {"readlink", -1, 0},   {"access", -1, 0},
               {"faccessat", 0, 1}, {"faccessat2", 0, 1}, {"mkdirat", 0, 1},     {"mkdir", -1, 0},
               {"unlinkat", 0, 1},  {"unlink", -1, 0},    {"renameat", 2, 3},    {"renameat2", 2, 3},
               {"rename", -1, 1},   {"linkat", 2, 3},     {"symlinkat", 1, 2},   {"utimensat", 0, 1},
               {"execve", -1, 0},   {"stat", -1, 0},      {"statfs", -1, 0},     {"fstatfs", 0, -1},
               {"fchdir", 0, -1},   {"chdir", -1, 0},     {"chroot", -1, 0},     {"fchmodat", 0, 1},
               {"fchownat", 0, 1},  {"flock", 0, -1},     {"recvmsg", 0, -1},    {"sendmsg", 0, -1},
               {"sendto", 0, -1},   {"recvfrom", 0, -1},  {"fallocate", 0, -1},  {"copy_file_range", 2, -1},
               {"sendfile", 0, -1}};

typedef struct Process {
    pid_t tid;
    char name[NAME]; /* "" if it is no victim */
    uint64_t loader, loader_end;
    bool started; /* execve(2) was called: look again who it is */
} Process;

typedef struct Counter {
    char name[NAME], call[NAME];
    unsigned n;
} Counter;

typedef struct Fault {
    char process[NAME], call[NAME];
    unsigned n;
    char what[NAME];
} Fault;

static struct {
    int listener;
    FILE *report;
    pid_t command;
    int status; /* of the command, -1 while it runs */
    Process processes[PROCESSES_MAX];
    size_t n_processes;
    Counter counters[COUNTERS_MAX];
    size_t n_counters;
    Fault fault;
    bool record, injected, out_of_power;
} self = {.listener = -1, .status = -1};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "fault-inject: %s: %s\n", what, strerror(errno));
    exit(125);
}

/* ---- the filter ---- */

static size_t add_rule(struct sock_filter *f, const char *call, uint32_t action)
{
    int number = seccomp_syscall_resolve_name(call);

    if (number < 0)
        return 0;
    f[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
    f[1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    return 2;
}

/* The end of all processes has to find each of them at its next call, whatever that is. */
static bool needs_every_call(void)
{
    return self.record || strcmp(self.fault.what, "POWER") == 0;
}

static size_t add_filter(struct sock_filter *f)
{
    bool every = needs_every_call();
    const char *call = strncmp(self.fault.call, "ld.", 3) == 0 ? self.fault.call + 3 : self.fault.call;
    size_t n = 0;

    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; every && i < DMV_N_ELEMENTS(passed); i++)
        n += add_rule(f + n, passed[i], SECCOMP_RET_ALLOW);
    for (size_t i = 0; !every && i < DMV_N_ELEMENTS(telling); i++)
        n += add_rule(f + n, telling[i], SECCOMP_RET_USER_NOTIF);
    if (!every)
        n += add_rule(f + n, call, SECCOMP_RET_USER_NOTIF);
    f[n++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, every ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW);
    return n;
}

/* In the child, which has our table of descriptors until it becomes the command: so the listener is ours
 * without a call that we would have to answer first. */
static _Noreturn void become(char *const argv[], int *listener)
{
    struct sock_filter filter[2 * DMV_N_ELEMENTS(passed) + 8];
    struct sock_fprog program = {.filter = filter, .len = (unsigned short)add_filter(filter)};
    long fd;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die("PR_SET_PDEATHSIG");
    fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    __atomic_store_n(listener, fd < 0 ? -errno : (int)fd, __ATOMIC_SEQ_CST);
    if (fd >= 0)
        (void)execvp(argv[0], argv);
    _exit(127);
}

static void start(char *const argv[])
{
    int *listener = mmap(NULL, sizeof(*listener), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (listener == MAP_FAILED)
        die("mmap");
    self.command = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
    if (self.command < 0)
        die("clone");
    if (self.command == 0)
        become(argv, listener);
    while (__atomic_load_n(listener, __ATOMIC_SEQ_CST) == 0)
        (void)usleep(100);
    self.listener = *listener;
    if (self.listener < 0) {
        errno = -self.listener;
        die("seccomp");
    }
    (void)munmap(listener, sizeof(*listener));
}

/* ---- who asks ---- */

static bool read_status(pid_t tid, char name[NAME], pid_t *leader)
{
    char path[64], line[256];
    FILE *f;
    int found = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
    f = fopen(path, "re");
    if (!f)
        return false;
    while (found < 2 && fgets(line, sizeof(line), f))
        found += sscanf(line, "Name:\t%15[^\n]", name) == 1 || sscanf(line, "Tgid:\t%d", leader) == 1;
    (void)fclose(f);
    return found == 2;
}

/* Where the dynamic loader lies in the process. */
static void find_loader(Process *p)
{
    char path[64], line[512];
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->tid);
    p->loader = p->loader_end = 0;
    f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        uint64_t from, to;

        if (!strstr(line, "/ld-") || sscanf(line, "%lx-%lx", &from, &to) != 2)
            continue;
        p->loader = p->loader ? p->loader : from;
        p->loader_end = to;
    }
    if (f)
        (void)fclose(f);
}

static Process *find_process(pid_t tid)
{
    for (size_t i = self.n_processes; i-- > 0;)
        if (self.processes[i].tid == tid)
            return &self.processes[i];
    return NULL;
}

static bool is_victim(const char *name)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(victims); i++)
        if (strcmp(name, victims[i]) == 0)
            return true;
    return false;
}

static Process *who(pid_t tid)
{
    Process *p = find_process(tid), *first;
    char name[NAME] = "";
    pid_t leader = tid;

    if (p && !p->started)
        return p;
    if (!read_status(tid, name, &leader))
        return NULL; /* it is dead already */
    if (!p && self.n_processes == PROCESSES_MAX)
        die("too many processes");
    first = leader != tid ? find_process(leader) : NULL;
    if (!p) {
        p = &self.processes[self.n_processes++];
        *p = first ? *first : (Process){.tid = tid};
        p->tid = tid;
        if (first)
            return p;
        if (is_victim(name))
            (void)snprintf(p->name, sizeof(p->name), "%.20s.fork", name);
    } else {
        p->name[0] = '\0';
        if (is_victim(name))
            (void)snprintf(p->name, sizeof(p->name), "%s", name);
    }
    p->started = false;
    if (p->name[0])
        find_loader(p);
    return p;
}

static unsigned count(const char *name, const char *call)
{
    Counter *c;

    for (size_t i = 0; i < self.n_counters; i++)
        if (strcmp(self.counters[i].call, call) == 0 && strcmp(self.counters[i].name, name) == 0)
            return ++self.counters[i].n;
    if (self.n_counters == COUNTERS_MAX)
        die("too many kinds of calls");
    c = &self.counters[self.n_counters++];
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    (void)snprintf(c->call, sizeof(c->call), "%s", call);
    return c->n = 1;
}

/* ---- what it asks about ---- */

static size_t peek(pid_t pid, uint64_t address, void *to, size_t size)
{
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)address, size};
    ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

    return n < 0 ? 0 : (size_t)n;
}

static void name_fd(pid_t pid, int fd, char *ret, size_t size)
{
    char path[64];
    ssize_t n;

    if (fd == AT_FDCWD)
        (void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
    else
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
    n = readlink(path, ret, size - 1);
    ret[n < 0 ? 0 : n] = '\0';
}

static void name_target(const struct seccomp_notif *q, const char *call, char ret[TARGET])
{
    char path[TARGET / 2] = "", folder[TARGET / 2] = "";
    pid_t pid = (pid_t)q->pid;

    ret[0] = '\0';
    for (size_t i = 0; i < DMV_N_ELEMENTS(targets); i++) {
        if (strcmp(targets[i].call, call) != 0)
            continue;
        if (targets[i].path >= 0)
            path[peek(pid, q->data.args[targets[i].path], path, sizeof(path) - 1)] = '\0';
        if (targets[i].fd >= 0 && path[0] != '/')
            name_fd(pid, (int)q->data.args[targets[i].fd], folder, sizeof(folder));
        (void)snprintf(ret, TARGET, "%s%s%s", folder, folder[0] && path[0] ? "/" : "", path);
    }
    for (char *c = ret; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
}

static uint64_t argument(const struct seccomp_notif *q, const char *call)
{
    struct open_how how = {0};

    if (strcmp(call, "openat2") != 0)
        return q->data.args[strcmp(call, "fcntl") == 0 ? 1 : 2];
    (void)peek((pid_t)q->pid, q->data.args[2], &how, sizeof(how));
    return how.flags;
}

static void report(const char *kind, const char *process, const struct seccomp_notif *q, const char *call,
                   const char *shown, unsigned n)
{
    char target[TARGET];

    name_target(q, call, target);
    (void)fprintf(self.report, "%s\t%s\t%s\t%u\t%llu\t%s\n", kind, process, shown, n,
                  (unsigned long long)argument(q, call), target);
}

/* ---- faults ---- */

static const struct {
    const char *name;
    int error;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT}, {"EROFS", EROFS},
              {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR},   {"EAGAIN", EAGAIN}};

/* Half of a read or a write is done here, with the same open file. Return: bytes, 0 if there is no half. */
static int64_t do_half(const struct seccomp_notif *q, const char *call)
{
    pid_t leader = (pid_t)q->pid;
    char name[NAME];
    DMV_CLEANUP_CLOSE int process = -1, fd = -1;
    DMV_CLEANUP_FREE char *bytes = NULL;
    size_t size = (size_t)q->data.args[2] / 2;
    bool writes = strstr(call, "write") != NULL, at = strstr(call, "64") != NULL;
    struct iovec local, remote;
    ssize_t n;

    if (size == 0 || size > HALF_MAX || !read_status((pid_t)q->pid, name, &leader))
        return 0;
    bytes = malloc(size);
    process = (int)syscall(SYS_pidfd_open, leader, 0);
    fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)q->data.args[0], 0);
    if (!bytes || fd < 0 || (writes && peek((pid_t)q->pid, q->data.args[1], bytes, size) != size))
        return 0;
    /* what has to be waited for may come from somebody who waits for an answer of ours */
    if (poll(&(struct pollfd){.fd = fd, .events = writes ? POLLOUT : POLLIN}, 1, 0) <= 0)
        return 0;
    if (writes)
        n = at ? pwrite(fd, bytes, size, (off_t)q->data.args[3]) : write(fd, bytes, size);
    else
        n = at ? pread(fd, bytes, size, (off_t)q->data.args[3]) : read(fd, bytes, size);
    if (n <= 0 || writes)
        return n < 0 ? 0 : n;
    local = (struct iovec){bytes, (size_t)n};
    remote = (struct iovec){(void *)(uintptr_t)q->data.args[1], (size_t)n};
    return process_vm_writev((pid_t)q->pid, &local, 1, &remote, 1, 0) == n ? n : 0;
}

static void kill_all(void)
{
    self.out_of_power = true; /* whoever asks from now on is killed, too */
    for (size_t i = 0; i < self.n_processes; i++)
        (void)kill(self.processes[i].tid, SIGKILL);
}

/* Those that never asked: whose parent dies becomes a child of this process. */
static void kill_children(void)
{
    char path[64];
    FILE *f;
    int pid;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    f = fopen(path, "re");
    while (f && fscanf(f, "%d", &pid) == 1)
        (void)kill(pid, SIGKILL);
    if (f)
        (void)fclose(f);
}

/* Return: whether the call shall not be made; @ret is its answer then. */
static bool inject(const struct seccomp_notif *q, const char *call, struct seccomp_notif_resp *ret)
{
    const char *what = self.fault.what;

    if (strcmp(what, "KILL") == 0) {
        (void)kill((pid_t)q->pid, SIGKILL);
        return true;
    }
    if (strcmp(what, "POWER") == 0) {
        kill_all();
        return true;
    }
    if (strcmp(what, "short") == 0) {
        ret->val = do_half(q, call);
        self.injected = ret->val > 0;
        return self.injected;
    }
    for (size_t i = 0; i < DMV_N_ELEMENTS(errors); i++)
        if (strcmp(what, errors[i].name) == 0)
            ret->error = -errors[i].error;
    return true;
}

static bool is_chosen(const char *process, const char *call, unsigned n)
{
    return !self.record && !self.injected && n == self.fault.n && strcmp(call, self.fault.call) == 0 &&
           strcmp(process, self.fault.process) == 0;
}

/* Return: whether @ret answers it. */
static bool decide(const struct seccomp_notif *q, struct seccomp_notif_resp *ret)
{
    Process *p = self.out_of_power ? NULL : who((pid_t)q->pid);
    DMV_CLEANUP_FREE char *call = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), q->data.nr);
    char shown[NAME];
    unsigned n;

    if (self.out_of_power)
        (void)kill((pid_t)q->pid, SIGKILL);
    if (!p || !call)
        return false;
    if (p->name[0]) {
        bool loads = q->data.instruction_pointer >= p->loader && q->data.instruction_pointer < p->loader_end;

        (void)snprintf(shown, sizeof(shown), "%s%.28s", loads ? "ld." : "", call);
        n = count(p->name, shown);
        if (self.record)
            report("call", p->name, q, call, shown, n);
        if (is_chosen(p->name, shown, n)) {
            report("injected", p->name, q, call, shown, n);
            self.injected = true;
            if (inject(q, call, ret))
                return true;
        }
    }
    p->started = strcmp(call, "execve") == 0 || strcmp(call, "execveat") == 0;
    return false;
}

static void answer(void)
{
    struct seccomp_notif q = {0};
    struct seccomp_notif_resp a = {0};

    if (ioctl(self.listener, SECCOMP_IOCTL_NOTIF_RECV, &q) < 0)
        return; /* it was killed while it waited */
    a.id = q.id;
    if (!decide(&q, &a))
        a.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)ioctl(self.listener, SECCOMP_IOCTL_NOTIF_SEND, &a);
}

/* ---- the run ---- */

/* Return: whether a child is left. */
static bool reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == self.command)
            self.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return pid == 0;
}

static void on_child(int signal)
{
    (void)signal;
}

/* Return: whether all have ended in time. */
static bool run(time_t seconds)
{
    struct pollfd p = {.fd = self.listener, .events = POLLIN};
    time_t end = time(NULL) + seconds;
    bool late = false;

    while (reap()) {
        p.revents = 0;
        if (poll(&p, 1, 50) > 0 && (p.revents & POLLIN))
            answer();
        else if (p.revents & POLLHUP)
            (void)usleep(1000); /* all have ended, and are to be waited for */
        if (!late && time(NULL) > end) {
            late = true;
            kill_all();
        }
        if (late)
            kill_children();
    }
    return !late;
}

static void parse_fault(const char *text)
{
    if (sscanf(text, "%31[^:]:%31[^:]:%u:%31s", self.fault.process, self.fault.call, &self.fault.n,
               self.fault.what) != 4) {
        errno = EINVAL;
        die(text);
    }
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {{"report", required_argument, NULL, 'r'},
                                            {"fault", required_argument, NULL, 'f'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {0}};
    struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    time_t seconds = 60;

    self.record = true;
    for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) >= 0;) {
        if (c == 'r')
            self.report = fopen(optarg, "we");
        else if (c == 't')
            seconds = strtol(optarg, NULL, 10);
        else if (c == 'f')
            parse_fault(optarg);
        else
            return 125;
        self.record = self.record && c != 'f';
    }
    if (!self.report || optind == argc)
        return 125;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || sigaction(SIGCHLD, &child, NULL) < 0)
        die("the beginning");
    start(&argv[optind]);
    if (run(seconds))
        (void)fprintf(self.report, "end\t%d\n", self.status);
    else
        (void)fprintf(self.report, "timeout\n");
    return fclose(self.report) == 0 ? 0 : 125;
}
