/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libseccomp.
 *
 * System calls are named by text, so that one which this libseccomp or this architecture does not have is
 * passed over.
 */
#include "syscalls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/sanitized.h"
#include "base/text.h"

DMV_DEFINE_CLEANUP(scmp_filter_ctx, cleanup_filter, seccomp_release);

static const char *const forbidden[] = {
    /* modules, and another kernel */
    "init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms",
    "kexec_load", "kexec_file_load", "reboot",
    /* programs in the kernel */
    "bpf", "perf_event_open",
    /* other processes */
    "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    /* mounts */
    "mount", "umount", "umount2", "pivot_root", "open_tree", "open_tree_attr", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr",
    /* name spaces; clone(2) has a rule of its own */
    "unshare", "setns",
    /* what a host has one of */
    "swapon", "swapoff", "quotactl", "quotactl_fd", "acct", "sethostname", "setdomainname", "syslog",
    "vhangup", "clock_settime", "clock_settime64", "settimeofday", "stime", "adjtimex", "clock_adjtime",
    "clock_adjtime64",
    /* the kernel's keys */
    "add_key", "request_key", "keyctl",
    /* large parts of the kernel that nothing here uses */
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "fanotify_init", "lookup_dcookie",
    "nfsservctl", "_sysctl", "uselib", "vm86", "vm86old", "modify_ldt", "iopl", "ioperm",
    /* files that are not below any folder that can be seen */
    "open_by_handle_at"};

static int forbid(scmp_filter_ctx filter, const char *name, int error)
{
    int number = seccomp_syscall_resolve_name(name);

    return number == __NR_SCMP_ERROR ? 0
                                     : seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), number, 0);
}

static int forbid_always(scmp_filter_ctx filter)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(forbidden); i++)
        r = forbid(filter, forbidden[i], EPERM);
    if (r == 0 && !DMV_SANITIZED)
        r = forbid(filter, "ptrace", EPERM);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1,
                             SCMP_A0_32(SCMP_CMP_NE, UINT32_MAX, 0));
    return r;
}

static int forbid_name_spaces(scmp_filter_ctx filter)
{
    static const uint64_t flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
    int r = forbid(filter, "clone3", ENOSYS);

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(flags); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    return r;
}

static int forbid_family(scmp_filter_ctx filter, enum scmp_compare compare, int family)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                            SCMP_A0_32(compare, (scmp_datum_t)family, 0));
}

/* A rule can say what a family is, or what it is not, but not two things that it is not. So where four are
 * allowed each of the others is forbidden. */
static int forbid_families(scmp_filter_ctx filter, bool network)
{
    int r = network ? forbid_family(filter, SCMP_CMP_GT, AF_NETLINK)
                    : forbid_family(filter, SCMP_CMP_NE, AF_UNIX);

    for (int f = 0; r == 0 && network && f < AF_NETLINK; f++)
        if (f != AF_UNIX && f != AF_INET && f != AF_INET6)
            r = forbid_family(filter, SCMP_CMP_EQ, f);
    if (r == 0 && network)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 2,
                             SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK, 0), SCMP_A2_32(SCMP_CMP_NE, 0, 0));
    return r;
}

static int add_rules(scmp_filter_ctx filter, unsigned allow)
{
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (r == 0)
        r = forbid_always(filter);
    if (r == 0)
        r = forbid_name_spaces(filter);
    if (r == 0)
        r = forbid_families(filter, allow & DMV_SYSCALLS_NETWORK);
    if (r == 0 && !(allow & DMV_SYSCALLS_PROGRAMS))
        r = forbid(filter, "execve", EPERM);
    if (r == 0 && !(allow & DMV_SYSCALLS_PROGRAMS))
        r = forbid(filter, "execveat", EPERM);
    return r;
}

int dmv_syscalls_filter(unsigned allow)
{
    DMV_CLEANUP(cleanup_filter) scmp_filter_ctx filter = NULL;
    int r;

    /* seccomp(2) says how to ask: EFAULT where a filter could be set */
    if (prctl(PR_SET_SECCOMP, 2, NULL, 0, 0) < 0 && errno != EFAULT)
        return 0;
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return -ENOMEM;
    r = add_rules(filter, allow);
    if (r == 0)
        r = seccomp_load(filter);
    return r < 0 ? r : 1;
}
