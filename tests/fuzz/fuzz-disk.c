/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver disk from anywhere: refused with a reason, or read; every name is a plain path, every byte
 * counted. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "disk/disk.h"
#include "fuzz.h"
#include "host/fs.h"

#define TAKE_MAX (1u << 20)

static void check_path(const char *path)
{
    must(path[0] && path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0);
    must(!strstr(path, "/../") && !strstr(path, "//") && !strchr(path, '\n'));
}

/* Takes every file out. Return: what ended it. */
static int read_disk(DmvDisk *d, int out, DmvError *e)
{
    for (;;) {
        const char *path = NULL;
        uint64_t size = 0;
        int r = dmv_disk_next(d, &path, &size, e);

        if (r != 0 || !path)
            return r;
        check_path(path);
        if (size > TAKE_MAX)
            continue;
        must(ftruncate(out, 0) == 0 && lseek(out, 0, SEEK_SET) == 0);
        r = dmv_disk_save(d, out, e);
        if (r != 0)
            return r;
        must((uint64_t)lseek(out, 0, SEEK_CUR) == size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_cleanup_disk) DmvDisk *d = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_CLOSE int fd = memfd_create("disk", MFD_CLOEXEC);
    DMV_CLEANUP_CLOSE int out = memfd_create("out", MFD_CLOEXEC);
    int r;

    must(fd >= 0 && out >= 0 && dmv_fs_write_all(fd, data, size) == 0);
    r = dmv_disk_open(fd, NULL, &d, &e);
    if (r == 0)
        r = read_disk(d, out, &e);
    must(r >= 0);
    if (r > 0)
        must(e.code == r && e.why);
    return 0;
}
