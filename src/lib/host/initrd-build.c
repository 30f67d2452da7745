/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Builds an initrd image with the tool of the distribution.
 *
 * mkinitramfs and not update-initramfs: that one writes over the image in place and keeps books of its own,
 * which a transaction could not give back.
 */
#include "host/initrd-build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/spawn.h"

#define TIMEOUT_USEC ((uint64_t)15 * 60 * 1000000)
/* Lines of output that are quoted. */
#define LAST_LINES 4

static const struct {
    DmvInitrdMaker maker;
    const char *program;
} tools[] = {
    {DMV_INITRD_MAKER_INITRAMFS_TOOLS, "/usr/sbin/mkinitramfs"},
    {DMV_INITRD_MAKER_DRACUT, "/usr/bin/dracut"},
    {DMV_INITRD_MAKER_DRACUT, "/usr/sbin/dracut"},
    {DMV_INITRD_MAKER_DRACUT, "/sbin/dracut"},
};

static bool is_program(const DmvRoots *r, const char *program)
{
    DMV_CLEANUP_FREE char *place = NULL;
    bool exists = false;
    struct stat st;

    return dmv_fs_resolve(r->fd, program + 1, &place, &exists) == 0 && exists &&
           fstatat(r->fd, place, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (st.st_mode & 0111) != 0;
}

const char *dmv_initrd_builder(const DmvRoots *r, DmvInitrdMaker maker)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(tools); i++)
        if (tools[i].maker == maker && is_program(r, tools[i].program))
            return tools[i].program;
    return NULL;
}

/* The last lines on one line, printable. Cuts @output. */
static char *last_lines(char *output)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    char *start = output, *lines[LAST_LINES] = {NULL}, *line;
    size_t n = 0;

    while ((line = strsep(&start, "\n")))
        if (line[0])
            lines[n++ % LAST_LINES] = line;
    for (size_t i = n > LAST_LINES ? n - LAST_LINES : 0; i < n; i++) {
        dmv_text_append(&t, t.size > 0 ? "; " : "");
        dmv_text_append(&t, lines[i % LAST_LINES]);
    }
    return dmv_text_take(&t, &text, NULL) == 0 && text ? dmv_sanitize(text) : NULL;
}

static int failed(const DmvSpawnResult *result, const char *program, DmvError *reterr)
{
    const char *next = "remove the cause, or run it by hand to see more";
    int outcome = dmv_spawn_failure(result, &next);
    DMV_CLEANUP_FREE char *said = last_lines(result->output ? result->output : (char[]){""});

    if (result->timed_out)
        return dmv_error_set(reterr, DMV_TOOL_FAILED, NULL, next,
                             "%s was stopped after 15 minutes; it said last: %s", program, said ? said : "");
    if (result->status != 0)
        return dmv_error_set(reterr, outcome, NULL, next, "%s ended with status %d: %s", program,
                             result->status, said && said[0] ? said : "it said nothing");
    return dmv_error_set(reterr, outcome, NULL, next, "%s ended well and made no image: %s", program,
                         said ? said : "");
}

static int run(const DmvRoots *r, const char *const argv[], const char *path, DmvError *reterr)
{
    static const char tmpdir[] = "/" DMV_INITRD_BUILD_DIR;
    DMV_CLEANUP(dmv_spawn_result_deinit) DmvSpawnResult result = {0};
    const DmvSpawnOptions options = {.root = r->running ? -1 : r->fd, .tmpdir = tmpdir};
    struct stat st;
    int e = dmv_spawn_wait_in(&options, argv, TIMEOUT_USEC, &result);

    if (e < 0)
        return dmv_error_set(reterr, DMV_TOOL_FAILED, NULL, NULL, "%s cannot be started: %s", argv[0],
                             strerror(-e));
    if (result.timed_out || result.status != 0 || fstatat(r->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(&result, argv[0], reterr);
    return 0;
}

int dmv_initrd_build(const DmvRoots *r, DmvInitrdMaker maker, const char *kver, const char *path,
                     DmvError *reterr)
{
    const char *program = dmv_initrd_builder(r, maker);
    DMV_CLEANUP_FREE char *file = NULL;
    int e;

    if (!program)
        return dmv_error_set(reterr, DMV_TOOL_FAILED, NULL, NULL,
                             "there is no program here that makes such an image");
    if (asprintf(&file, "/%s", path) < 0) {
        file = NULL;
        return -ENOMEM;
    }
    e = dmv_fs_mkdirs(r->fd, DMV_INITRD_BUILD_DIR, 0700);
    if (e < 0)
        return e;
    if (maker == DMV_INITRD_MAKER_DRACUT)
        e = run(r, (const char *const[]){program, "--force", "--kver", kver, file, NULL}, path, reterr);
    else
        e = run(r, (const char *const[]){program, "-o", file, kver, NULL}, path, reterr);
    (void)dmv_initrd_build_clean(r); /* what stays now goes with the next recovery */
    return e;
}

int dmv_initrd_build_clean(const DmvRoots *r)
{
    struct stat st;
    int e;

    if (fstatat(r->fd, DMV_INITRD_BUILD_DIR, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    e = dmv_fs_remove_tree(r->fd, DMV_INITRD_BUILD_DIR);
    return e < 0 ? e : 1;
}
