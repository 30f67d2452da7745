/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filter of system calls (seccomp(2)), which a process puts over itself and over all that it starts.
 *
 * It names what is forbidden and not what is allowed. What a worker needs depends on the C library, on
 * librepo, curl and librpm, and on the tools of the host, each in a version that we do not choose: a list of
 * all of that would break a host with an update of something else. What nothing of theirs needs is known, and
 * it is what leads into the kernel or into other processes.
 */
#ifndef DMV_HOST_SYSCALLS_H
#define DMV_HOST_SYSCALLS_H

typedef enum DmvSyscallsAllow {
    /* Start programs. */
    DMV_SYSCALLS_PROGRAMS = 1 << 0,
    /* Sockets of IPv4 and IPv6, and of netlink's routes, by which getaddrinfo(3) asks which of them the host
       has. */
    DMV_SYSCALLS_NETWORK = 1 << 1,
} DmvSyscallsAllow;

/**
 * dmv_syscalls_filter() - put the filter in force
 * @allow: DmvSyscallsAllow flags
 *
 * Forbidden for everybody, with EPERM: modules, kexec and reboot, bpf and perf, other processes' memory
 * (ptrace, process_vm_readv, pidfd_getfd, ...), mounts, name spaces, swap and quota, the clocks, the kernel's
 * keys and its log, io_uring and userfaultfd, ports, host names, files by handle, and personality(2) but for
 * asking. clone3(2), whose flags a filter cannot read, does not exist (ENOSYS). A socket of another family
 * than AF_UNIX is refused with EAFNOSUPPORT. System calls of another architecture end the process.
 *
 * Needs no_new_privs (prctl(2)). Call it before there are threads.
 *
 * Return: 1 when it is in force; 0 where the kernel cannot filter; a negative errno.
 */
int dmv_syscalls_filter(unsigned allow);

#endif
