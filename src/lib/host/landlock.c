/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The three system calls of Landlock.
 *
 * The C library has none of them, and the kernel's header on the building host may be older than the kernel
 * that this runs on. So the few numbers of the interface are here; they never change. Each kernel says which
 * ABI it has, and is asked for what that ABI knows.
 */
#include "landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1

/* Renames and links between folders; before that they fail whatever the rules say. */
#define ABI_LEAST 2
#define ABI_TRUNCATE 3
#define ABI_NETWORK 4
#define ABI_DEVICES 5
#define ABI_SCOPES 6

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL_DEV = 1 << 15,
};
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

#define OF_FILES (FS_WRITE_FILE | FS_TRUNCATE)
#define OF_FOLDERS \
    (OF_FILES | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SYM | FS_REFER)
#define OF_NODES (FS_MAKE_CHAR | FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_BLOCK)

typedef struct Ruleset {
    uint64_t fs, net, scopes;
} Ruleset;

typedef struct __attribute__((packed)) PathBeneath {
    uint64_t allowed;
    int32_t fd;
} PathBeneath;

/* Return: the ABI, 0 if there is none, a negative errno. A filter of system calls hides it with EPERM or
 * ENOSYS, a kernel that was booted without it says EOPNOTSUPP. */
static int find_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    if (abi >= 0)
        return (int)abi;
    return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
}

/* What is forbidden unless a rule allows it. */
static Ruleset make_ruleset(int abi, unsigned allow)
{
    bool tools = allow & DMV_LANDLOCK_TOOLS;
    Ruleset r = {.fs = OF_FOLDERS | OF_NODES | (tools ? 0 : FS_EXECUTE | FS_IOCTL_DEV)};

    if (abi < ABI_TRUNCATE)
        r.fs &= ~(uint64_t)FS_TRUNCATE;
    if (abi < ABI_DEVICES)
        r.fs &= ~(uint64_t)FS_IOCTL_DEV;
    if (abi >= ABI_NETWORK)
        r.net = NET_BIND_TCP | (allow & DMV_LANDLOCK_CONNECT ? 0 : NET_CONNECT_TCP);
    if (abi >= ABI_SCOPES)
        r.scopes = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
    return r;
}

static int allow_place(int ruleset, uint64_t forbidden, int fd, unsigned allow)
{
    struct stat st;
    PathBeneath rule = {.fd = fd};

    if (fstat(fd, &st) < 0)
        return -errno;
    rule.allowed = S_ISDIR(st.st_mode) ? OF_FOLDERS | (allow & DMV_LANDLOCK_TOOLS ? OF_NODES : 0) : OF_FILES;
    rule.allowed &= forbidden;
    return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

int dmv_landlock_restrict(const int *writable, size_t n_writable, unsigned allow)
{
    DMV_CLEANUP_CLOSE int ruleset = -1;
    int abi = find_abi(), r = 0;
    Ruleset attributes;

    if (abi < ABI_LEAST)
        return abi < 0 ? abi : 0;
    attributes = make_ruleset(abi, allow);
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (ruleset < 0)
        return -errno;
    for (size_t i = 0; r == 0 && i < n_writable; i++)
        r = allow_place(ruleset, attributes.fs, writable[i], allow);
    if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        r = -errno;
    return r < 0 ? r : 1;
}
