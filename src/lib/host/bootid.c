/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which boot runs: /proc/sys/kernel/random/boot_id and /proc/cmdline. */
#include "host/bootid.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "host/fs.h"
#include "model/bootentry.h"

#define CMDLINE_MAX ((size_t)64 * 1024)

/* *ret is NULL if the file is not there. */
static int read_text(int procfs, const char *path, size_t max, char **ret)
{
    int e = dmv_fs_read_file(procfs, path, max, ret, NULL);

    if (e != -ENOENT)
        return e;
    *ret = NULL;
    return 0;
}

int dmv_boot_running(const DmvRoots *r, char ret_id[DMV_BOOT_ID_SIZE], int64_t *ret_mark)
{
    DMV_CLEANUP_CLOSE int procfs = r->procfs ? open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    DMV_CLEANUP_FREE char *id = NULL, *cmdline = NULL;
    int e = 0;

    if (procfs < 0 && r->procfs && errno != ENOENT)
        return -errno;
    if (procfs >= 0)
        e = read_text(procfs, "sys/kernel/random/boot_id", 4096, &id);
    if (e == 0 && procfs >= 0)
        e = read_text(procfs, "cmdline", CMDLINE_MAX, &cmdline);
    if (e < 0)
        return e;
    if (id)
        id[strcspn(id, "\n")] = '\0';
    memset(ret_id, 0, DMV_BOOT_ID_SIZE);
    if (id && dmv_boot_id_is_valid(id))
        memcpy(ret_id, id, strlen(id));
    *ret_mark = cmdline ? dmv_boot_entry_mark(cmdline) : 0;
    return 0;
}
