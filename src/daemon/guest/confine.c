/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guest worker takes from itself. What is allowed here its unit allows (dmv-guest@.service.in), and
 * both change together. */
#include "daemon/guest/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "base/sanitized.h"
#include "host/capabilities.h"
#include "host/landlock.h"
#include "host/limits.h"
#include "host/syscalls.h"
#include "host/user.h"

/* The description of 4096 guests, twice. */
#define MEMORY_MAX ((rlim_t)512 * 1024 * 1024)
#define DESCRIPTORS_MAX ((rlim_t)64)
/* Seconds. Descriptions of 1,000 guests take a fraction of one. */
#define PROCESSOR_MAX ((rlim_t)60)
#define CAPABILITIES (DMV_CAPABILITY(CAP_SETUID) | DMV_CAPABILITY(CAP_SETGID))

/* The way to xenstored where that is no process of this domain. */
#define XENBUS "/dev/xen/xenbus"

static int set_limits(void)
{
    int r = dmv_limit(RLIMIT_CORE, 0);

    if (r == 0)
        r = dmv_limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
    if (r == 0)
        r = dmv_limit(RLIMIT_FSIZE, 0);
    if (r == 0)
        r = dmv_limit(RLIMIT_CPU, PROCESSOR_MAX);
    if (r == 0 && !DMV_SANITIZED) /* a sanitizer maps terabytes of shadow */
        r = dmv_limit(RLIMIT_DATA, MEMORY_MAX);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return r;
}

static int restrict_files(void)
{
    DMV_CLEANUP_CLOSE int xenbus = open(XENBUS, O_PATH | O_CLOEXEC);
    int r = dmv_landlock_restrict(&xenbus, xenbus >= 0 ? 1 : 0, 0);

    if (r == 0)
        (void)sd_journal_print(LOG_DEBUG, "this kernel has no Landlock for the guest worker");
    return r < 0 ? r : 0;
}

static int restrict_calls(void)
{
    int r = dmv_syscalls_filter(0);

    if (r == 0)
        (void)sd_journal_print(LOG_DEBUG, "this kernel filters no system calls of the guest worker");
    return r < 0 ? r : 0;
}

int dmv_guest_confine(void)
{
    int r;

    (void)umask(077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    r = set_limits();
    if (r == 0)
        r = clearenv() == 0 ? 0 : -ENOMEM;
    if (r == 0)
        r = dmv_capabilities_bound(CAPABILITIES);
    if (r == 0)
        r = dmv_capabilities_keep(CAPABILITIES);
    if (r == 0)
        r = restrict_files();
    return r < 0 ? r : restrict_calls();
}

/* Not dumpable: nobody attaches to it. LeakSanitizer has to. */
int dmv_guest_leave_root(DmvError *reterr)
{
    int r = dmv_user_become(dmv_user_pick());

    if (r == 0)
        r = dmv_capabilities_keep(0);
    if (r == 0 && prctl(PR_SET_DUMPABLE, DMV_SANITIZED, 0, 0, 0) < 0)
        r = -errno;
    return r < 0 ? dmv_error_set(reterr, r, NULL, NULL, "the guest worker cannot give up root: %s",
                                 strerror(-r))
                 : 0;
}
