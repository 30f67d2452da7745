/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a worker takes from itself before it listens.
 *
 * A core file of this process would hold modules and keys of a host, and a variable such as MODPROBE_OPTIONS
 * would reach the tools that it starts.
 *
 * What is left to it is left to depmod, mkinitramfs and dracut, too, and to whatever hooks of packages they
 * run. So this is what the unit allows (systemd/dmv-apply@.service.in), and both have to change together.
 * There is no limit for memory: dracut's zstd takes as much as the host has processors.
 */
#include "daemon/apply/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/capabilities.h"
#include "host/fs.h"
#include "host/landlock.h"
#include "host/limits.h"
#include "host/syscalls.h"

/* No image and no module is larger. */
#define FILE_MAX ((rlim_t)4 * 1024 * 1024 * 1024)
#define DESCRIPTORS_MAX ((rlim_t)4096)
/* Reads what the fetch worker's user has unpacked, owns what is published; the last two are for images:
 * device nodes, and ldconfig -r. */
#define CAPABILITIES                                                                                      \
    (DMV_CAPABILITY(CAP_DAC_OVERRIDE) | DMV_CAPABILITY(CAP_DAC_READ_SEARCH) | DMV_CAPABILITY(CAP_CHOWN) | \
     DMV_CAPABILITY(CAP_FOWNER) | DMV_CAPABILITY(CAP_MKNOD) | DMV_CAPABILITY(CAP_SYS_CHROOT))

/* A rule is about something that is there: what may be made later is made first. */
static const char *const made[] = {"usr/lib/dmv", DMV_DEPMOD_DIR, DMV_STATE_DIR, DMV_RUN_DIR,
                                   "usr/lib/firmware"};
/* /tmp and /var/tmp are for the tools' own tools; what they collect lies below the state. */
static const char *const present[] = {"usr/lib/modules", "lib/modules", "boot", "efi", "tmp",
                                      "var/tmp",         "dev/null"};

/* They stay open as long as the process: a rule is about one mount, and one that is made on demand
 * (systemd.automount(5)) would else go and come back as another. */
typedef struct Places {
    int fds[DMV_N_ELEMENTS(made) + DMV_N_ELEMENTS(present) + 1];
    size_t n;
} Places;

/* As the tools see it: a link counts from the root. O_DIRECTORY makes a mount that is made on demand. What
 * cannot be opened cannot be written. */
static int add_place(Places *p, int root, const char *path)
{
    DMV_CLEANUP_FREE char *place = NULL;
    bool exists = false;
    int fd, r = dmv_fs_resolve(root, path, &place, &exists);

    if (r < 0 || !exists)
        return r == -ENOMEM ? r : 0;
    fd = dmv_fs_open_nolinks(root, place, O_PATH | O_DIRECTORY, 0);
    if (fd == -ENOTDIR)
        fd = dmv_fs_open_nolinks(root, place, O_PATH, 0);
    if (fd >= 0)
        p->fds[p->n++] = fd;
    return fd == -ENOMEM ? fd : 0;
}

/* On a filesystem that cannot be written nothing will be made later either. */
static int add_made(Places *p, int root, const char *path)
{
    int r = dmv_fs_mkdirs(root, path, 0755);

    return r == -ENOMEM ? r : add_place(p, root, path);
}

static int restrict_files(const DmvRoots *roots)
{
    Places p = {.n = 0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(made); i++)
        r = add_made(&p, roots->fd, made[i]);
    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(present); i++)
        r = add_place(&p, roots->fd, present[i]);
    if (r == 0 && !roots->running) { /* what runs outside of that root is started with it */
        int null = open("/dev/null", O_PATH | O_CLOEXEC);

        if (null >= 0)
            p.fds[p.n++] = null;
    }
    if (r == 0)
        r = dmv_landlock_restrict(p.fds, p.n, DMV_LANDLOCK_TOOLS);
    if (r == 0)
        (void)sd_journal_print(LOG_DEBUG, "this kernel has no Landlock for the apply worker");
    return r < 0 ? r : 0;
}

static int restrict_calls(void)
{
    int r = dmv_syscalls_filter(DMV_SYSCALLS_PROGRAMS);

    if (r == 0)
        (void)sd_journal_print(LOG_DEBUG, "this kernel filters no system calls of the apply worker");
    return r < 0 ? r : 0;
}

/* Not everybody may: a container, a user, and a unit, which has a network of its own already. No socket but
 * AF_UNIX is left anyway. */
static void leave_network(void)
{
    if (unshare(CLONE_NEWNET) < 0 && errno != EPERM)
        (void)sd_journal_print(LOG_DEBUG, "the apply worker stays in this network: %s", strerror(errno));
}

static int set_limits(void)
{
    int r = dmv_limit(RLIMIT_CORE, 0);

    if (r == 0)
        r = dmv_limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
    if (r == 0)
        r = dmv_limit(RLIMIT_FSIZE, FILE_MAX);
    (void)signal(SIGXFSZ, SIG_IGN);
    return r;
}

int dmv_confine(const DmvRoots *roots)
{
    int r;

    (void)umask(022);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    r = set_limits();
    if (r == 0)
        r = clearenv() == 0 ? 0 : -ENOMEM;
    if (r < 0)
        return r;
    leave_network();
    r = dmv_capabilities_bound(CAPABILITIES);
    if (r == 0)
        r = dmv_capabilities_keep(CAPABILITIES);
    if (r == 0)
        r = restrict_files(roots);
    return r < 0 ? r : restrict_calls();
}
