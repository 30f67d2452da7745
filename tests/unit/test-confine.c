/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a worker has taken from itself: a child confines itself as dmv-fetch, dmv-apply or dmv-guest does,
 * tries one thing, and says by its exit status with which errno that ended. What has to go on working is
 * tried, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/sanitized.h"
#include "base/text.h"
#include "daemon/apply/confine.h"
#include "daemon/fetch/confine.h"
#include "daemon/guest/confine.h"

#define LANDLOCK_CREATE 444
#define LANDLOCK_RESTRICT 446
#define NOT_CONFINED 250 /* exit status of a child that could not even begin */

/* The guest worker before it is connected, and afterwards. */
typedef enum Kind { FREE, FETCH, APPLY, CONNECTING, GUEST } Kind;

/* What the children find. Its folder "open" may be written by everybody, and so may what is in it. */
static Scratch s;
static char abstract[32]; /* name of an abstract socket that somebody listens on */
static struct sockaddr_in port;
static int tcp = -1; /* a socket that was made before */
static ino_t network;

static const char *in(const char *path)
{
    return scratch_path(&s, path);
}

static int setup(void **state)
{
    struct sockaddr_un unix_name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(port);
    struct stat st;
    int fd;

    (void)state;
    scratch_init(&s);
    (void)umask(0);
    scratch_mkdir(&s, "tmp");
    scratch_mkdir(&s, "open");
    scratch_write(&s, "open/file", "text");
    scratch_mkdir(&s, "root/usr/lib/modules");
    scratch_mkdir(&s, "root/boot");
    scratch_mkdir(&s, "root/tmp");
    scratch_mkdir(&s, "root/home/folder");
    scratch_link(&s, "root/lib", "/usr/lib");
    scratch_write(&s, "root/etc/passwd", "");
    assert_int_equal(chmod(s.path, 0755) + chmod(in("tmp"), 01777) + chmod(in("open"), 0777), 0);
    assert_int_equal(chmod(in("open/file"), 0666), 0);
    assert_int_equal(setenv("TMPDIR", in("tmp"), 1), 0);
    assert_int_equal(unsetenv("RUNTIME_DIRECTORY"), 0);

    (void)snprintf(abstract, sizeof(abstract), "dmv-test-%d", (int)getpid());
    strcpy(unix_name.sun_path + 1, abstract);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&unix_name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract))),
                     0);
    assert_int_equal(listen(fd, 64), 0);
    port = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&port, sizeof(port)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&port, &size), 0);
    tcp = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(tcp >= 0);
    assert_int_equal(stat("/proc/self/ns/net", &st), 0);
    network = st.st_ino;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_deinit(&s);
    return 0;
}

/* ---- a child ---- */

static int confine(Kind kind)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots roots = {.fd = -1};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *folder = NULL;
    int r = 0;

    if (kind == FETCH)
        return dmv_fetch_confine(&folder, &e);
    if (kind == CONNECTING || kind == GUEST)
        r = dmv_guest_confine();
    if (kind == GUEST && r == 0)
        r = dmv_guest_leave_root(&e);
    if (kind != APPLY)
        return r;
    r = dmv_roots_init(&roots, in("root"), NULL, NULL);
    return r < 0 ? r : dmv_confine(&roots);
}

/* Return: the errno that the attempt ended with, 0 if it worked, 128 + signal. */
static int attempt_as(Kind kind, void (*before)(void), int (*attempt)(void))
{
    pid_t pid = fork();
    int status = -1;

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)alarm(60);
        if (before)
            before();
        if (confine(kind) < 0)
            _exit(NOT_CONFINED);
        errno = 0;
        _exit(attempt() < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int landlock_abi(void)
{
    long abi = syscall(LANDLOCK_CREATE, NULL, 0, 1);

    return abi < 0 ? 0 : (int)abi;
}

typedef struct Attempt {
    const char *what;
    int (*attempt)(void);
    int want; /* errno */
    int abi;  /* of the Landlock that it takes; 0: none */
} Attempt;

static void try_all(Kind kind, const Attempt *a, size_t n)
{
    int abi = landlock_abi(), wrong = 0;

    for (size_t i = 0; i < n; i++) {
        int got;

        if (a[i].abi > abi) {
            print_message("passed over, Landlock here has ABI %d: %s\n", abi, a[i].what);
            continue;
        }
        got = attempt_as(kind, NULL, a[i].attempt);
        if (got != a[i].want)
            print_error("%s: ended with %d (%s), want %d\n", a[i].what, got, strerror(got), a[i].want);
        wrong += got != a[i].want;
    }
    assert_int_equal(wrong, 0);
}

/* ---- files ---- */

static int make(const char *path)
{
    return open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
}
static int make_elsewhere(void)
{
    return make(in("open/made"));
}
static int write_elsewhere(void)
{
    return open(in("open/file"), O_WRONLY | O_CLOEXEC);
}
static int truncate_elsewhere(void)
{
    return truncate(in("open/file"), 0);
}
static int remove_elsewhere(void)
{
    return unlink(in("open/file"));
}
static int mkdir_elsewhere(void)
{
    return mkdir(in("open/folder"), 0777);
}
static int symlink_elsewhere(void)
{
    return symlink("x", in("open/link"));
}
static int read_elsewhere(void)
{
    return open(in("open/file"), O_RDONLY | O_CLOEXEC);
}
/* The fetch worker's folder is where it is. */
static int move_out(void)
{
    return make("own") < 0 ? -1 : rename("own", in("open/made"));
}
static int use_own_folder(void)
{
    int r = mkdir("a", 0777) < 0 || mkdir("b", 0777) < 0 || make("a/file") < 0 ||
            rename("a/file", "b/file") < 0 || truncate("b/file", 0) < 0 || symlink("file", "b/link") < 0 ||
            link("b/file", "a/second") < 0 || unlink("b/file") < 0 || unlink("a/second") < 0 ||
            rmdir("a") < 0;

    return r ? -1 : 0;
}
static int make_fifo(void)
{
    return mkfifo("fifo", 0666);
}

static int use_root(void)
{
    int r = make(in("root/usr/lib/modules/x")) < 0 || make(in("root/boot/x")) < 0 ||
            make(in("root/tmp/x")) < 0 || make(in("root/var/lib/dmv/x")) < 0 ||
            make(in("root/etc/depmod.d/x")) < 0 || make(in("root/usr/lib/firmware/x")) < 0 ||
            mkdir(in("root/usr/lib/dmv/store"), 0755) < 0 ||
            rename(in("root/var/lib/dmv/x"), in("root/boot/y")) < 0 || unlink(in("root/boot/y")) < 0 ||
            mkfifo(in("root/var/lib/dmv/fifo"), 0600) < 0;

    return r ? -1 : 0;
}
/* What the switch of a kernel does: a second name in another folder, its owner and times, and an exchange. */
static int exchange_folders(void)
{
    static const struct timespec times[] = {{.tv_sec = 1}, {.tv_sec = 1}};
    int r = mkdir(in("root/usr/lib/modules/6.1"), 0755) < 0 ||
            make(in("root/usr/lib/modules/6.1/m.ko")) < 0 ||
            mkdir(in("root/usr/lib/modules/.dmv-switch"), 0700) < 0 ||
            mkdir(in("root/usr/lib/modules/.dmv-switch/6.1"), 0700) < 0 ||
            link(in("root/usr/lib/modules/6.1/m.ko"), in("root/usr/lib/modules/.dmv-switch/6.1/m.ko")) < 0 ||
            chown(in("root/usr/lib/modules/.dmv-switch/6.1"), geteuid(), getegid()) < 0 ||
            utimensat(AT_FDCWD, in("root/usr/lib/modules/.dmv-switch/6.1"), times, 0) < 0 ||
            renameat2(AT_FDCWD, in("root/usr/lib/modules/6.1"), AT_FDCWD,
                      in("root/usr/lib/modules/.dmv-switch/6.1"), RENAME_EXCHANGE) < 0;

    return r ? -1 : 0;
}
static int exchange_with_home(void)
{
    return mkdir(in("root/usr/lib/modules/6.2"), 0755) < 0
               ? -1
               : renameat2(AT_FDCWD, in("root/usr/lib/modules/6.2"), AT_FDCWD, in("root/home/folder"),
                           RENAME_EXCHANGE);
}
static int make_node(void)
{
    return mknod(in("root/var/lib/dmv/console"), S_IFCHR | 0600, makedev(5, 1));
}
static int make_at_home(void)
{
    return make(in("root/home/x"));
}
static int change_passwords(void)
{
    return open(in("root/etc/passwd"), O_WRONLY | O_APPEND | O_CLOEXEC);
}
static int move_home(void)
{
    return make(in("root/boot/z")) < 0 ? -1 : rename(in("root/boot/z"), in("root/home/z"));
}
static int use_null(void)
{
    return open("/dev/null", O_RDWR | O_TRUNC | O_CLOEXEC);
}

/* ---- programs and users ---- */

/* A program and its exit status as an errno. */
static int run(const char *script)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(errno);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    return errno ? -1 : 0;
}
static int run_program(void)
{
    return run("exit 0");
}
static int run_and_write(void)
{
    DMV_CLEANUP_FREE char *script = NULL;

    return asprintf(&script, "echo x 2>/dev/null >'%s' || exit 13", in("open/made")) < 0 ? -1 : run(script);
}
static int become_root(void)
{
    return setresuid(0, 0, 0);
}
static int become_nobody(void)
{
    return setresuid(65534, 65534, 65534);
}
static int change_root(void)
{
    return chroot(in("root"));
}
static int may_gain_privileges(void)
{
    errno = EPERM;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -1 : 0;
}
/* Its capabilities and those of what it starts, beyond the six of the unit. */
static int has_more_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct own[2];
    uint32_t six = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_CHOWN | 1u << CAP_FOWNER |
                   1u << CAP_MKNOD | 1u << CAP_SYS_CHROOT;

    if (syscall(SYS_capget, &header, own) < 0)
        return -1;
    for (int c = 0; c < 32; c++)
        if (!(six & 1u << c) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) != 0)
            return 0;
    errno = EPERM;
    return (own[0].permitted & ~six) == 0 && own[1].permitted == 0 ? -1 : 0;
}
static int has_limit(int resource, rlim_t most)
{
    struct rlimit l;

    errno = EDQUOT;
    return getrlimit((__rlimit_resource_t)resource, &l) == 0 && l.rlim_max <= most ? -1 : 0;
}
static int limits(void)
{
    return has_limit(RLIMIT_CORE, 0) < 0 && has_limit(RLIMIT_FSIZE, (rlim_t)4 << 30) < 0 &&
                   has_limit(RLIMIT_NOFILE, 4096) < 0
               ? -1
               : 0;
}

static int limit_of_processor(void)
{
    return has_limit(RLIMIT_CPU, 600);
}

/* ---- the kernel and other processes: arguments that would fail otherwise, or work ---- */

static int call_init_module(void)
{
    return (int)syscall(SYS_init_module, NULL, 0, "");
}
static int call_finit_module(void)
{
    return (int)syscall(SYS_finit_module, -1, "", 0);
}
static int call_kexec(void)
{
    return (int)syscall(SYS_kexec_load, 0, 0, NULL, 0);
}
static int call_bpf(void)
{
    return (int)syscall(SYS_bpf, 0, NULL, 0);
}
static int call_perf(void)
{
    return (int)syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}
static int call_io_uring(void)
{
    return (int)syscall(SYS_io_uring_setup, 1, NULL);
}
static int call_userfaultfd(void)
{
    return (int)syscall(SYS_userfaultfd, 1); /* UFFD_USER_MODE_ONLY: for everybody */
}
static int call_mount(void)
{
    return mount("none", in("nonexistent"), "tmpfs", 0, NULL);
}
static int call_open_tree(void)
{
    return (int)syscall(SYS_open_tree, AT_FDCWD, "/", O_CLOEXEC);
}
static int call_swapon(void)
{
    return (int)syscall(SYS_swapon, "/nonexistent", 0);
}
static int call_reboot(void)
{
    return (int)syscall(SYS_reboot, 0, 0, 0, NULL);
}
static int call_set_clock(void)
{
    return (int)syscall(SYS_clock_settime, 99, NULL);
}
static int call_keyring(void)
{
    return (int)syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1);
}
static int call_personality(void)
{
    return personality(ADDR_NO_RANDOMIZE);
}
static int ask_personality(void)
{
    return personality(UINT32_MAX);
}
static int call_unshare(void)
{
    return unshare(CLONE_NEWUSER);
}
static int call_setns(void)
{
    return setns(-1, 0);
}
static int clone_name_space(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0)
        _exit(0);
    return (int)pid;
}
static int call_clone3(void)
{
    return (int)syscall(SYS_clone3, NULL, 0);
}
static int call_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 || waitpid(pid, NULL, 0) != pid ? -1 : 0;
}
static int call_ptrace(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static int read_memory(void)
{
    char from[4] = "abc", to[4];
    struct iovec l = {to, sizeof(to)}, r = {from, sizeof(from)};

    return (int)process_vm_readv(getpid(), &l, 1, &r, 1, 0);
}
static int open_handle(void)
{
    return (int)syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY);
}
static int signal_parent(void)
{
    return kill(getppid(), 0);
}
/* getpid(2) of 32-bit programs. */
static int call_foreign(void)
{
#if defined(__x86_64__)
    long n = 20;

    __asm__ volatile("int $0x80" : "+a"(n) : : "memory");
#endif
    return 0;
}

/* ---- sockets ---- */

static int make_packet(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}
static int make_vsock(void)
{
    return socket(AF_VSOCK, SOCK_STREAM, 0);
}
static int make_high_family(void)
{
    return (int)syscall(SYS_socket, (1L << 32) | AF_VSOCK, SOCK_STREAM, 0);
}
static int make_uevents(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 15);
}
static int make_routes(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0);
}
static int make_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}
static int make_inet6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    return fd < 0 && errno == EAFNOSUPPORT && access("/proc/net/if_inet6", F_OK) < 0 ? 0 : fd;
}
static int make_unix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}
static int connect_old(void)
{
    return connect(tcp, (struct sockaddr *)&port, sizeof(port));
}
static int listen_on_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = make_inet();

    return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&any, sizeof(any));
}
static int connect_abstract(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = make_unix();

    strcpy(to.sun_path + 1, abstract);
    return connect(fd, (struct sockaddr *)&to,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract)));
}
static int is_in_our_network(void)
{
    struct stat st;
    int r = stat("/proc/self/ns/net", &st);

    errno = ENETDOWN;
    return r == 0 && st.st_ino == network ? 0 : -1;
}

/* ---- tests ---- */

/* What is forbidden works, or ends in another way, in a process that has confined nothing. */
static const Attempt kernel[] = {
    {"init_module", call_init_module, EPERM, 0},
    {"finit_module", call_finit_module, EPERM, 0},
    {"kexec_load", call_kexec, EPERM, 0},
    {"bpf", call_bpf, EPERM, 0},
    {"perf_event_open", call_perf, EPERM, 0},
    {"io_uring_setup", call_io_uring, EPERM, 0},
    {"userfaultfd", call_userfaultfd, EPERM, 0},
    {"mount", call_mount, EPERM, 0},
    {"open_tree", call_open_tree, EPERM, 0},
    {"swapon", call_swapon, EPERM, 0},
    {"reboot", call_reboot, EPERM, 0},
    {"clock_settime", call_set_clock, EPERM, 0},
    {"keyctl", call_keyring, EPERM, 0},
    {"personality", call_personality, EPERM, 0},
    {"asking for the personality", ask_personality, 0, 0},
    {"unshare", call_unshare, EPERM, 0},
    {"setns", call_setns, EPERM, 0},
    {"a name space by clone", clone_name_space, EPERM, 0},
    {"clone3", call_clone3, ENOSYS, 0},
    {"fork", call_fork, 0, 0},
    {"process_vm_readv", read_memory, EPERM, 0},
    {"open_by_handle_at", open_handle, EPERM, 0},
    {"ptrace", call_ptrace, DMV_SANITIZED ? 0 : EPERM, 0},
    {"new privileges", may_gain_privileges, EPERM, 0},
    {"limits", limits, EDQUOT, 0},
    {"AF_PACKET", make_packet, EAFNOSUPPORT, 0},
    {"AF_VSOCK", make_vsock, EAFNOSUPPORT, 0},
    {"a family with high bits", make_high_family, EAFNOSUPPORT, 0},
    {"netlink's uevents", make_uevents, EAFNOSUPPORT, 0},
    {"AF_UNIX", make_unix, 0, 0},
    {"reading elsewhere", read_elsewhere, 0, 0},
    {"making a file elsewhere", make_elsewhere, EACCES, 2},
    {"writing elsewhere", write_elsewhere, EACCES, 2},
    {"removing a file elsewhere", remove_elsewhere, EACCES, 2},
    {"a folder elsewhere", mkdir_elsewhere, EACCES, 2},
    {"a link elsewhere", symlink_elsewhere, EACCES, 2},
    {"cutting a file elsewhere", truncate_elsewhere, EACCES, 3},
};

static void test_all(void **state)
{
    static const Kind kinds[] = {FETCH, APPLY, CONNECTING, GUEST};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(kinds); i++)
        try_all(kinds[i], kernel, DMV_N_ELEMENTS(kernel));
}

static void test_fetch(void **state)
{
    static const Attempt attempts[] = {
        {"ten minutes of the processor", limit_of_processor, EDQUOT, 0},
        {"its own folder", use_own_folder, 0, 0},
        {"moving a file out of it", move_out, EACCES, 2},
        {"a FIFO in it", make_fifo, EACCES, 2},
        {"a program", run_program, EPERM, 0},
        {"becoming root again", become_root, EPERM, 0},
        {"AF_INET", make_inet, 0, 0},
        {"AF_INET6", make_inet6, 0, 0},
        {"netlink's routes", make_routes, 0, 0},
        {"connecting", connect_old, 0, 0},
        {"listening on a port", listen_on_port, EACCES, 4},
        {"an abstract socket of others", connect_abstract, EPERM, 6},
    };

    (void)state;
    try_all(FETCH, attempts, DMV_N_ELEMENTS(attempts));
}

static void test_apply(void **state)
{
    static const Attempt attempts[] = {
        {"what it is for", use_root, 0, 0},
        {"the exchange of a kernel's folder", exchange_folders, 0, 0},
        {"an exchange with a home folder", exchange_with_home, EACCES, 2},
        {"/dev/null", use_null, 0, 0},
        {"a home folder", make_at_home, EACCES, 2},
        {"moving a file there", move_home, EACCES, 2},
        {"the passwords", change_passwords, EACCES, 2},
        {"a program", run_program, 0, 0},
        {"a program that writes elsewhere", run_and_write, EACCES, 2},
        {"AF_INET", make_inet, EAFNOSUPPORT, 0},
        {"netlink's routes", make_routes, EAFNOSUPPORT, 0},
        {"connecting by an older socket", connect_old, EACCES, 4},
        {"a signal to others", signal_parent, EPERM, 6},
    };
    static const Attempt of_root[] = {
        {"chroot", change_root, 0, 0},
        {"a device node for an image", make_node, 0, 0},
        {"more capabilities", has_more_capabilities, EPERM, 0},
        {"becoming somebody else", become_nobody, EPERM, 0},
        {"the network of the host", is_in_our_network, ENETDOWN, 0},
    };

    (void)state;
    try_all(APPLY, attempts, DMV_N_ELEMENTS(attempts));
    if (geteuid() == 0)
        try_all(APPLY, of_root, DMV_N_ELEMENTS(of_root));
}

static void test_guest(void **state)
{
    static const Attempt attempts[] = {
        {"a program", run_program, EPERM, 0},
        {"AF_INET", make_inet, EAFNOSUPPORT, 0},
        {"AF_INET6", make_inet6, EAFNOSUPPORT, 0},
        {"netlink's routes", make_routes, EAFNOSUPPORT, 0},
        {"connecting by an older socket", connect_old, EACCES, 4},
        {"listening on a port", listen_on_port, EAFNOSUPPORT, 0},
        {"an abstract socket of others", connect_abstract, EPERM, 6},
        {"a signal to others", signal_parent, EPERM, 6},
    };
    static const Attempt of_root[] = {
        {"chroot", change_root, EPERM, 0},
        {"a device node", make_node, EACCES, 2},
    };

    (void)state;
    try_all(CONNECTING, attempts, DMV_N_ELEMENTS(attempts));
    try_all(GUEST, attempts, DMV_N_ELEMENTS(attempts));
    if (geteuid() != 0)
        return;
    try_all(CONNECTING, of_root, DMV_N_ELEMENTS(of_root));
    try_all(GUEST, of_root, DMV_N_ELEMENTS(of_root));
    assert_int_equal(attempt_as(CONNECTING, NULL, become_nobody), 0);
    assert_int_equal(attempt_as(GUEST, NULL, become_root), EPERM);
    assert_int_equal(attempt_as(GUEST, NULL, become_nobody), EPERM);
}

/* A kernel that runs no 32-bit programs has nothing to filter: then they fail as they do for everybody. */
static void test_foreign_calls(void **state)
{
    int expected = attempt_as(FREE, NULL, call_foreign);

    (void)state;
#if defined(__x86_64__)
    if (expected == 0)
        expected = 128 + SIGSYS;
#endif
    assert_int_equal(attempt_as(FETCH, NULL, call_foreign), expected);
    assert_int_equal(attempt_as(APPLY, NULL, call_foreign), expected);
    assert_int_equal(attempt_as(GUEST, NULL, call_foreign), expected);
}

/* ---- kernels that have less ---- */

/* Another kernel: from now on this call ends with that errno. */
static void pretend(int number, int error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (!filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), number, 0) < 0 ||
        seccomp_load(filter) < 0)
        _exit(NOT_CONFINED - 1);
    seccomp_release(filter);
}
static void booted_without_landlock(void)
{
    pretend(LANDLOCK_CREATE, EOPNOTSUPP);
}
static void older_than_landlock(void)
{
    pretend(LANDLOCK_CREATE, ENOSYS);
}
static void landlock_fails(void)
{
    pretend(LANDLOCK_RESTRICT, EIO);
}
/* By prctl(2), with an argument as it is asked (NULL) or as it is set. */
static void pretend_filter(enum scmp_compare compare, int error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (!filter ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), SCMP_SYS(prctl), 2,
                         SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0), SCMP_A2(compare, 0, 0)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), SCMP_SYS(seccomp), 0) < 0 ||
        seccomp_load(filter) < 0)
        _exit(NOT_CONFINED - 1);
    seccomp_release(filter);
}
static void without_filters(void)
{
    pretend_filter(SCMP_CMP_EQ, EINVAL);
}
static void filters_fail(void)
{
    pretend_filter(SCMP_CMP_NE, EACCES);
}

static void test_less(void **state)
{
    static const Kind kinds[] = {FETCH, APPLY, CONNECTING, GUEST};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(kinds); i++) {
        /* what is not there is passed over, and the rest holds */
        assert_int_equal(attempt_as(kinds[i], booted_without_landlock, write_elsewhere), 0);
        assert_int_equal(attempt_as(kinds[i], booted_without_landlock, call_keyring), EPERM);
        assert_int_equal(attempt_as(kinds[i], older_than_landlock, write_elsewhere), 0);
        assert_int_equal(attempt_as(kinds[i], without_filters, call_clone3), EINVAL);
        assert_int_equal(attempt_as(kinds[i], without_filters, may_gain_privileges), EPERM);
        /* what is there and does not work ends it */
        assert_int_equal(attempt_as(kinds[i], filters_fail, read_elsewhere), NOT_CONFINED);
        if (landlock_abi() >= 2)
            assert_int_equal(attempt_as(kinds[i], landlock_fails, read_elsewhere), NOT_CONFINED);
    }
    if (landlock_abi() >= 2)
        assert_int_equal(attempt_as(FETCH, without_filters, write_elsewhere), EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),   cmocka_unit_test(test_guest),         cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_apply), cmocka_unit_test(test_foreign_calls), cmocka_unit_test(test_less),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
