/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * depmod(8): what it is told, and what counts as its success.
 *
 * It exits 0 after errors that leave a module out of the index, so its words decide, not its status. The only
 * words that are let pass name lists that the kernel's own package did not bring (an old kernel has no
 * modules.builtin.modinfo): depmod goes on without them, and we cannot add them.
 */
#include "depmod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"
#include "host/spawn.h"

#define DEPMOD_TIMEOUT_USEC (UINT64_C(300) * 1000 * 1000)
#define VERSION_TIMEOUT_USEC (UINT64_C(10) * 1000 * 1000)
/* The first release of kmod whose depmod knows `exclude`. */
#define EXCLUDE_SINCE 30
/* Text of our own configuration: a line a module. */
#define CONF_MAX ((size_t)4 * 1024 * 1024)

/* Where depmod.d(5) looks, first one first: a file hides those of the same name further down. */
static const char *const conf_folders[] = {
    DMV_DEPMOD_DIR, "run/depmod.d", "usr/local/lib/depmod.d", "usr/lib/depmod.d", "lib/depmod.d",
};

static const char *const harmless[] = {
    "depmod: WARNING: could not open modules.order at ",
    "depmod: WARNING: could not open modules.builtin at ",
    "depmod: WARNING: could not open modules.builtin.modinfo at ",
};

static bool is_harmless(const char *line)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(harmless); i++)
        if (dmv_starts_with(line, harmless[i]))
            return true;
    return line[0] == '\0';
}

/* The first line that is not harmless, or NULL. Cuts @output into lines. */
static const char *first_complaint(char *output)
{
    char *line;

    while ((line = strsep(&output, "\n")))
        if (!is_harmless(line))
            return line;
    return NULL;
}

/* depmod -b DIR still reads the host's configuration, so the root's folders are named one by one; @first
 * takes the place of the first of them. */
static int add_conf_arguments(const DmvRoots *r, const char *first, char ***argv)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(conf_folders); i++) {
        DMV_CLEANUP_FREE char *path = i == 0 ? strdup(first) : dmv_roots_path(r, conf_folders[i]);
        struct stat st;

        if (!path)
            return -ENOMEM;
        /* the first is always named: without any -C depmod takes the host's */
        if (i > 0 && fstatat(r->fd, conf_folders[i], &st, 0) < 0)
            continue;
        if (dmv_strv_push(argv, "-C") < 0 || dmv_strv_push(argv, path) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int build_arguments(const DmvRoots *r, const char *base, const char *conf, const char *kver,
                           char ***argv)
{
    int e = dmv_strv_push(argv, "depmod");

    if (e == 0)
        e = dmv_strv_push(argv, "-b");
    if (e == 0)
        e = dmv_strv_push(argv, base);
    if (e == 0)
        e = add_conf_arguments(r, conf, argv);
    return e < 0 ? e : dmv_strv_push(argv, kver);
}

int dmv_depmod_run(const DmvRoots *r, const char *base, const char *conf, const char *kver, DmvError *reterr)
{
    DMV_CLEANUP_STRV char **argv = NULL;
    DMV_CLEANUP(dmv_spawn_result_deinit) DmvSpawnResult result = {0};
    DMV_CLEANUP_FREE char *clean = NULL;
    const char *complaint, *next = "dmvctl doctor shows what is wrong in the tree";
    int e, outcome;

    if (!dmv_kernel_name_is_valid(kver))
        return -EINVAL;
    e = build_arguments(r, base, conf, kver, &argv);
    if (e == 0)
        e = dmv_spawn_wait((const char *const *)argv, DEPMOD_TIMEOUT_USEC, &result);
    if (e < 0)
        return e;
    if (result.timed_out)
        return dmv_error_set(reterr, DMV_TOOL_FAILED, "depmod failed",
                             "look at the load of the host and try again",
                             "it did not end within %u seconds for kernel %s",
                             (unsigned)(DEPMOD_TIMEOUT_USEC / 1000000), kver);
    complaint = first_complaint(result.output);
    if (!complaint && result.status == 0)
        return 0;
    clean = complaint ? dmv_sanitize(complaint) : NULL;
    outcome = dmv_spawn_failure(&result, &next);
    return dmv_error_set(reterr, outcome, "depmod failed", next, "kernel %s: exit status %d: %s", kver,
                         result.status, clean ? clean : "it said nothing");
}

int dmv_depmod_ask(DmvSpawn *ret)
{
    static const char *const argv[] = {"depmod", "--version", NULL};

    return dmv_spawn_start(argv, VERSION_TIMEOUT_USEC, ret);
}

int dmv_depmod_answer(DmvSpawn *asked, bool *ret)
{
    DMV_CLEANUP(dmv_spawn_result_deinit) DmvSpawnResult result = {0};
    unsigned version = 0;
    int e = dmv_spawn_finish(asked, &result);

    if (e < 0)
        return e;
    /* killed, or never begun, or what it said was lost, which it does not notice: that is no answer */
    if (result.timed_out || result.status > 127 || (result.status == 0 && !result.output[0]))
        return -EIO;
    /* another program than kmod's, such as busybox's, knows no `exclude` */
    *ret = result.status == 0 && sscanf(result.output, "kmod version %u", &version) == 1 &&
           version >= EXCLUDE_SINCE;
    return 0;
}

int dmv_depmod_has_exclude(bool *ret)
{
    DMV_CLEANUP(dmv_spawn_deinit) DmvSpawn asked = DMV_SPAWN_NULL;
    int e = dmv_depmod_ask(&asked);

    return e < 0 ? e : dmv_depmod_answer(&asked, ret);
}

int dmv_observe_depmod(const DmvRoots *r, DmvWorld *w)
{
    int e = dmv_fs_read_file(r->fd, DMV_DEPMOD_CONF, CONF_MAX, &w->depmod_conf, NULL);

    if (e == -ENOMEM)
        return e;
    if (e < 0 && e != -ENOENT)
        (void)dmv_problem_add(&w->problems, DMV_DEPMOD_CONF, e, "it cannot be read: %s", strerror(-e));
    return 0;
}
