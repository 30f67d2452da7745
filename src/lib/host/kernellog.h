/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel said in a boot, from the journal. */
#ifndef DMV_HOST_KERNELLOG_H
#define DMV_HOST_KERNELLOG_H

#include "host/roots.h"
#include "model/boot.h"

/* Entries of a boot that are looked at: a few hundred lines come with a boot, a driver that repeats itself
 * for days must not stop the daemon. */
#define DMV_KERNEL_LOG_MAX_ENTRIES ((size_t)50000)
/* Lines that are kept, and bytes of one. */
#define DMV_KERNEL_LOG_MAX_LINES ((size_t)1000)
#define DMV_KERNEL_LOG_MAX_LINE ((size_t)1024)

typedef struct DmvKernelLog {
    char **lines;     /* those that were asked for, oldest first, printable */
    size_t n_entries; /* that were looked at; 0: no journal has anything of this boot */
    bool cut;         /* there were more */
} DmvKernelLog;

void dmv_kernel_log_deinit(DmvKernelLog *l);
#define DMV_CLEANUP_KERNEL_LOG DMV_CLEANUP(dmv_kernel_log_deinit)

/**
 * dmv_kernel_log_read() - look through what the kernel said
 * @r: the running system, or a root with var/log/journal or run/log/journal
 * @boot_id: of which boot, as dmv_boot_running() has it
 * @keep: which lines are wanted
 * @ret: must be empty before; free with dmv_kernel_log_deinit()
 *
 * Return: 0, also if there is no journal; a negative errno.
 */
int dmv_kernel_log_read(const DmvRoots *r, const char *boot_id, bool (*keep)(const char *line),
                        DmvKernelLog *ret);

#endif
