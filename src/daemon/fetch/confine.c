/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confinement of the fetch worker.
 *
 * librepo can be made to abort and librpm to exit, so no exit handler can be relied on to remove the private
 * folder. A small child, the janitor, waits for the end of this process on a pipe that only this process
 * holds, and removes the folder then; it stays the user that it was, because the folder's parent may be
 * writable for that one only.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sanitized.h"
#include "base/text.h"
#include "host/capabilities.h"
#include "host/fs.h"
#include "host/landlock.h"
#include "host/limits.h"
#include "host/syscalls.h"
#include "host/user.h"

/* Neither cpio nor what we take from a repository can be larger. */
#define FILE_MAX ((rlim_t)4 * 1024 * 1024 * 1024)
/* zstd and xz want up to some 100 MiB, a repomd.xml some; librpm allocates what a header says. */
#define MEMORY_MAX ((rlim_t)1024 * 1024 * 1024)
#define DESCRIPTORS_MAX ((rlim_t)256)
/* Seconds. The largest package takes one or two minutes; with some disks of a few hundred bytes libarchive
 * comes to no end. */
#define PROCESSOR_MAX ((rlim_t)600)
/* curl resolves names in threads. Counted for the user, so only one that is nobody else's is limited. */
#define TASKS_MAX ((rlim_t)64)

static int failed(DmvError *reterr, int error, const char *doing)
{
    return dmv_error_set(reterr, error, "the fetch worker cannot start", NULL, "%s: %s", doing,
                         strerror(-error));
}

/* Where the private folder goes: the first of what systemd and the caller offer. */
static char *base_folder(void)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY");
    const char *temporary = getenv("TMPDIR");

    if (runtime && runtime[0] == '/')
        return strndup(runtime, strcspn(runtime, ":"));
    return strdup(temporary && temporary[0] == '/' ? temporary : "/tmp");
}

/* What sd_listen_fds(3) needs stays; proxies, OPENSSL_CONF, G_DEBUG and everything else that libraries listen
 * to goes. */
static int clean_environment(const char *folder)
{
    static const char *const kept[] = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
    char *values[DMV_N_ELEMENTS(kept)] = {NULL};
    int r = 0;

    for (size_t i = 0; i < DMV_N_ELEMENTS(kept); i++)
        if (getenv(kept[i]) && !(values[i] = strdup(getenv(kept[i]))))
            r = -ENOMEM;
    if (clearenv() != 0 || setenv("PATH", "/usr/bin:/bin", 1) < 0 || setenv("LC_ALL", "C", 1) < 0 ||
        setenv("HOME", folder, 1) < 0)
        r = -ENOMEM;
    for (size_t i = 0; i < DMV_N_ELEMENTS(kept); i++) {
        if (r == 0 && values[i] && setenv(kept[i], values[i], 1) < 0)
            r = -ENOMEM;
        free(values[i]);
    }
    return r;
}

static int set_limits(void)
{
    int r = dmv_limit(RLIMIT_CORE, 0);

    if (r == 0)
        r = dmv_limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
    if (r == 0)
        r = dmv_limit(RLIMIT_FSIZE, FILE_MAX);
    if (r == 0)
        r = dmv_limit(RLIMIT_CPU, PROCESSOR_MAX);
    if (r == 0 && !DMV_SANITIZED) /* a sanitizer maps terabytes of shadow */
        r = dmv_limit(RLIMIT_DATA, MEMORY_MAX);
    if (r == 0 && geteuid() == 0)
        r = dmv_limit(RLIMIT_NPROC, TASKS_MAX);
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    /* a unit that filters the call has its own limits */
    return r == -EPERM && geteuid() != 0 ? 0 : r;
}

__attribute__((noreturn)) static void janitor(int base, const char *name, int alive)
{
    static const int unheard[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    char byte;
    ssize_t n;

    (void)setsid();
    for (size_t i = 0; i < DMV_N_ELEMENTS(unheard); i++)
        (void)signal(unheard[i], SIG_IGN);
    for (int fd = 0; fd < (int)DESCRIPTORS_MAX; fd++)
        if (fd != base && fd != alive)
            (void)close(fd);
    do
        n = read(alive, &byte, 1);
    while (n > 0 || (n < 0 && errno == EINTR));
    _exit(dmv_fs_remove_tree(base, name) < 0);
}

/* The writing end stays open in this process, and in this one alone, until it ends. */
static int start_janitor(int base, const char *name)
{
    int alive[2];
    pid_t pid;

    if (pipe2(alive, O_CLOEXEC) < 0)
        return -errno;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        janitor(base, name, alive[0]);
    dmv_close(alive[0]);
    return 0;
}

static int make_folder(const char *base, uid_t uid, gid_t gid, char **ret)
{
    DMV_CLEANUP_CLOSE int fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    DMV_CLEANUP_FREE char *path = NULL;
    int r;

    if (fd < 0)
        return -errno;
    if (asprintf(&path, "%s/dmv-fetch.XXXXXX", base) < 0)
        return path = NULL, -ENOMEM;
    if (!mkdtemp(path))
        return -errno;
    r = start_janitor(fd, strrchr(path, '/') + 1);
    if (r == 0 && geteuid() == 0 && chown(path, uid, gid) < 0)
        r = -errno;
    if (r == 0)
        *ret = DMV_TAKE_PTR(path);
    return r;
}

/* Not dumpable: nobody attaches to it. LeakSanitizer has to. */
static int drop_privileges(uid_t uid)
{
    int r = dmv_capabilities_bound(0);

    if (r == 0)
        r = dmv_user_become(uid);
    if (r == 0)
        r = dmv_capabilities_keep(0);
    if (r == 0 &&
        (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, DMV_SANITIZED, 0, 0, 0) < 0))
        r = -errno;
    return r;
}

/* Reads what its user may read, writes into its folder, starts no program. */
static int close_in(const char *folder)
{
    DMV_CLEANUP_CLOSE int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = dmv_landlock_restrict(&fd, 1, DMV_LANDLOCK_CONNECT);
    if (r == 0)
        (void)sd_journal_print(LOG_DEBUG, "this kernel has no Landlock for the fetch worker");
    if (r >= 0)
        r = dmv_syscalls_filter(DMV_SYSCALLS_NETWORK);
    if (r == 0)
        (void)sd_journal_print(LOG_DEBUG, "this kernel filters no system calls of the fetch worker");
    return r < 0 ? r : 0;
}

int dmv_fetch_confine(char **ret_folder, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *base = base_folder();
    DMV_CLEANUP_FREE char *folder = NULL;
    bool is_root = geteuid() == 0;
    uid_t uid = is_root ? dmv_user_pick() : geteuid();
    gid_t gid = is_root ? (gid_t)uid : getegid();
    int r;

    if (!base)
        return -ENOMEM;
    (void)umask(
        022); /* who gets a descriptor of a folder may read what is in it; the private folder has 0700 */
    r = set_limits();
    if (r < 0)
        return failed(reterr, r, "limits");
    r = make_folder(base, uid, gid, &folder);
    if (r < 0)
        return failed(reterr, r, base);
    r = clean_environment(folder);
    if (r < 0)
        return failed(reterr, r, "environment");
    r = drop_privileges(uid);
    if (r < 0)
        return failed(reterr, r, "becoming an unprivileged user");
    r = close_in(folder);
    if (r < 0)
        return failed(reterr, r, "Landlock and the filter of system calls");
    if (chdir(folder) < 0)
        return failed(reterr, -errno, folder);
    *ret_folder = DMV_TAKE_PTR(folder);
    return 0;
}
