/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmv-publish disk: the repository as one file, for hosts without a network.
 *
 * Written beside and renamed, so that a file of that name is whole. The same repository gives the same bytes
 * if SOURCE_DATE_EPOCH is set.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "host/fs.h"

#define WHAT "cannot make the driver disk"

static int check_published(const DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(p->fd, DMV_PUBLISH_REPO "/repodata/repomd.xml", O_RDONLY, 0);

    return fd >= 0 ? 0
                   : dmv_error_set(reterr, fd == -ENOENT ? DMV_NO_SUCH_OBJECT : fd, WHAT,
                                   "publish the stream first: dmv-publish publish DIR",
                                   DMV_PUBLISH_REPO "/repodata/repomd.xml: %s", strerror(-fd));
}

static int pack(const char *repository, const char *path, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *file = NULL, *time = NULL;

    if (asprintf(&file, "--file=%s", path) < 0)
        return file = NULL, -ENOMEM;
    if (asprintf(&time, "--mtime=@%lld", (long long)dmv_publish_now()) < 0)
        return time = NULL, -ENOMEM;
    const char *const argv[] = {
        "tar",       "--create",        "--format=gnu",       "--sort=name",   "--owner=0",
        "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX", "--force-local", time,
        file,        "--directory",     repository,           "repodata",      DMV_PUBLISH_PACKAGES,
        NULL};

    return dmv_publish_run(WHAT, argv, reterr);
}

static int make_disk(const DmvPublisher *p, const char *path, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *repository = dmv_publisher_path(p, DMV_PUBLISH_REPO);
    DMV_CLEANUP_FREE char *new = NULL;
    int r;

    if (!repository)
        return -ENOMEM;
    if (asprintf(&new, "%s.new", path) < 0)
        return new = NULL, -ENOMEM;
    r = pack(repository, new, reterr);
    if (r == 0 && rename(new, path) < 0)
        r = dmv_error_set(reterr, -errno, WHAT, NULL, "%s: %s", path, strerror(errno));
    if (r != 0)
        (void)unlink(new);
    return r;
}

int dmv_command_disk(int argc, char **argv, DmvError *reterr)
{
    const DmvArgsSpec spec = {"disk", "DIR FILE", 2, NULL, 0};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    const char *operands[2] = {NULL, NULL};
    bool done = false;
    int r = dmv_args_parse(&spec, argc, argv, operands, &done, reterr);

    if (r != 0 || done)
        return r;
    r = dmv_publisher_open(operands[0], &p, reterr);
    if (r == 0)
        r = check_published(&p, reterr);
    if (r == 0)
        r = make_disk(&p, operands[1], reterr);
    if (r == 0)
        printf("driver disk ready: %s\n", operands[1]);
    return r;
}
