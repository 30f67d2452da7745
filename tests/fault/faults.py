# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which faults each system call can have: the one table.

What is left out is as important. close(2) has no error here: Linux closes the descriptor whatever it says, so an error without that would
be one that no kernel makes. The calls that fault-inject.c passes over are not seen at all.
"""
import os

DISK = ["ENOSPC", "EIO", "EDQUOT", "EROFS", "ENOMEM"]
LOOK = ["EIO", "ENOMEM"]
FD = ["EMFILE", "ENOMEM"]
WAIT = ["EINTR"]
MEMORY = ["ENOMEM"]
FORK = ["EAGAIN", "ENOMEM"]

ERRORS = {
    **dict.fromkeys("rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat mknodat".split(), DISK),
    **dict.fromkeys("unlink unlinkat rmdir".split(), ["EIO", "EROFS", "ENOMEM"]),
    **dict.fromkeys("fsync fdatasync sync_file_range syncfs".split(), ["EIO", "ENOSPC", "EDQUOT", "EINTR"]),
    **dict.fromkeys("ftruncate fallocate".split(), ["ENOSPC", "EIO", "EINTR"]),
    **dict.fromkeys("chmod fchmod fchmodat chown fchown fchownat utimensat fsetxattr fremovexattr".split(), ["EIO", "EROFS", "ENOSPC"]),
    **dict.fromkeys("stat newfstatat fstat lstat statx access faccessat faccessat2 readlink readlinkat getdents64 statfs fstatfs chdir fchdir "
                    "flistxattr".split(), LOOK),
    **dict.fromkeys("socket socketpair pipe2 epoll_create1 eventfd2 timerfd_create signalfd4 inotify_init1 memfd_create dup dup2 dup3 "
                    "pidfd_open landlock_create_ruleset".split(), FD),
    **dict.fromkeys("epoll_wait epoll_pwait2 poll ppoll wait4 waitid getrandom".split(), WAIT),
    **dict.fromkeys("sendmsg recvmsg sendto recvfrom connect accept4 flock".split(), ["ENOMEM", "EINTR"]),
    **dict.fromkeys("mmap mremap brk mprotect epoll_ctl bind listen prctl seccomp capset setgroups setresuid setresgid unshare chroot "
                    "landlock_add_rule landlock_restrict_self prlimit64 setpgid setsid".split(), MEMORY),
    **dict.fromkeys("clone clone3 fork vfork".split(), FORK),
    **dict.fromkeys("execve execveat".split(), ["ENOMEM", "EIO"]),
}

# To die before one of these is to die before the next one that is not: nothing that anybody else sees has changed meanwhile.
UNSEEN = set("stat newfstatat fstat lstat statx access faccessat faccessat2 readlink readlinkat getdents64 statfs fstatfs chdir fchdir "
             "flistxattr mmap mremap brk mprotect prctl seccomp capset capget getsockopt dup dup2 dup3 landlock_create_ruleset "
             "landlock_add_rule prlimit64 getrandom fcntl pread64 epoll_ctl epoll_create1 timerfd_create timerfd_settime signalfd4 "
             "sysinfo close_range pidfd_open setgroups setresuid setresgid getsockname getpeername setsockopt ioctl".split())

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
F_DUPFD, F_DUPFD_CLOEXEC = 0, 1030


def errors(call, argument, target):
    """The errors that a call can have; ARGUMENT and TARGET as fault-inject reports them."""
    is_file = target.startswith("/") and not target.startswith("/dev/")
    if call in ("open", "openat", "openat2"):
        return ["EMFILE", "ENOMEM", "EIO", "EINTR"] + (["ENOSPC", "EDQUOT", "EROFS"] if argument & WRITING else [])
    if call in ("read", "pread64"):
        return (["EIO"] if is_file else []) + ["EINTR", "ENOMEM"] + (["short"] if argument > 1 else [])
    if call in ("write", "pwrite64", "writev"):
        return (["ENOSPC", "EIO", "EDQUOT"] if is_file else ["ENOMEM"]) + ["EINTR"] + (["short"] if argument > 1 and call != "writev" else [])
    if call == "fcntl":
        return FD if argument in (F_DUPFD, F_DUPFD_CLOEXEC) else []
    return ERRORS.get(call, [])


def faults(call, argument, target):
    """All faults of a call: its errors, the end of its process, the end of all of them."""
    name = call.removeprefix("ld.")
    is_seen = name not in UNSEEN and not (name in ("open", "openat", "openat2") and not argument & WRITING)
    return errors(name, argument, target) + (["KILL", "POWER"] if is_seen else [])
