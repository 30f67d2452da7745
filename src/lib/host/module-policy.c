/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the running kernel says about modules: the parameter sig_enforce, the state of lockdown, and its keys.
 *
 * /proc/keys says which certificates the kernel has, and not which keyring holds which. Only the running
 * kernel can be asked for that, by keyctl(2): root may read the kernel's keyrings.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"
#include "host/sysfs.h"

#define SIG_ENFORCE "module/module/parameters/sig_enforce"
#define LOCKDOWN "kernel/security/lockdown"
#define KEYS_MAX_SIZE ((size_t)1024 * 1024)
#define RING_MAX 1024

/* Return: 0, also without a file; -ENOMEM. */
static int read_text(const char *base, const char *path, size_t max, char **ret)
{
    DMV_CLEANUP_CLOSE int fd = base ? open(base, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = fd >= 0 ? dmv_fs_read_file(fd, path, max, ret, NULL) : 0;

    return r == -ENOMEM ? r : 0;
}

/* Which of the keys are in a keyring. */
static bool read_ring(const DmvKernelKey *ring, DmvKernelKeys *keys)
{
    uint32_t members[RING_MAX];
    long n = syscall(SYS_keyctl, KEYCTL_READ, ring->serial, members, sizeof(members), 0);

    if (n < 0 || (size_t)n > sizeof(members))
        return false;
    for (size_t m = 0; m < (size_t)n / sizeof(*members); m++)
        for (size_t i = 0; i < keys->n; i++)
            if (!keys->items[i].is_ring && keys->items[i].serial == members[m])
                keys->items[i].ring = ring->ring;
    return true;
}

/* All of them or none: a key whose ring is not known must not look like one that no ring has. */
static void read_rings(DmvKernelKeys *keys)
{
    bool known = true;

    for (size_t i = 0; i < keys->n; i++)
        if (keys->items[i].is_ring)
            known = read_ring(&keys->items[i], keys) && known;
    for (size_t i = 0; !known && i < keys->n; i++)
        if (!keys->items[i].is_ring)
            keys->items[i].ring = DMV_KEYRING_UNKNOWN;
    keys->rings_known = known && keys->n > 0;
}

int dmv_observe_module_policy(const DmvRoots *r, DmvModulePolicy *ret)
{
    DMV_CLEANUP_FREE char *enforce = NULL, *lockdown = NULL, *keys = NULL;
    int e = read_text(r->sysfs, SIG_ENFORCE, DMV_SYSFS_ATTRIBUTE_MAX, &enforce);

    if (e == 0)
        e = read_text(r->sysfs, LOCKDOWN, DMV_SYSFS_ATTRIBUTE_MAX, &lockdown);
    if (e == 0)
        e = read_text(r->procfs, "keys", KEYS_MAX_SIZE, &keys);
    if (e == 0 && keys)
        e = dmv_kernel_keys_parse(keys, strlen(keys), &ret->keys);
    if (e < 0)
        return e;
    ret->known = r->sysfs != NULL;
    ret->checks = enforce != NULL;
    ret->sig_enforce = enforce && enforce[0] == 'Y';
    ret->lockdown = lockdown ? dmv_lockdown_parse(lockdown) : DMV_LOCKDOWN_UNKNOWN;
    if (r->running)
        read_rings(&ret->keys);
    return 0;
}
