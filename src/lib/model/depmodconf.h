/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of /etc/depmod.d/00-dmv.conf: search order, excludes, and one override a module and kernel. The
 * only file of depmod's configuration that dmv writes. Source: depmod.d(5) of kmod 30.
 */
#ifndef DMV_MODEL_DEPMODCONF_H
#define DMV_MODEL_DEPMODCONF_H

#include <stdbool.h>

#include "base/text.h"

typedef struct DmvOverride {
    char *module; /* kernel's name */
    char *kernel; /* kernel release */
    char *subdir; /* below the kernel's folder: "updates", "kernel/drivers/net/ethernet/intel/e1000e" */
} DmvOverride;

typedef struct DmvDepmodConf {
    bool excludes;          /* write the line that hides dmv/ and xenserver/ */
    DmvOverride *overrides; /* sorted by kernel, then module */
    size_t n;
} DmvDepmodConf;

void dmv_depmod_conf_deinit(DmvDepmodConf *c);
#define DMV_CLEANUP_DEPMOD_CONF DMV_CLEANUP(dmv_depmod_conf_deinit)

/* How an override line has to name a kernel: depmod takes it for a POSIX extended regular expression, in
 * which the '+' of "4.19.0+1" is an operator, and one without anchors would mean "4.19.0+10" as well. Owned;
 * NULL for lack of memory. */
char *dmv_depmod_kernel_pattern(const char *kernel);

/* Return: 0, or -ENOMEM. */
int dmv_depmod_conf_add(DmvDepmodConf *c, const char *module, const char *kernel, const char *subdir);
/* The file's text (owned by the caller). Sorts the overrides. Return: 0, or -ENOMEM. */
int dmv_depmod_conf_format(DmvDepmodConf *c, char **ret);

/* Would depmod for @kernel see something else with text @b than with text @a? Comments and lines for other
 * kernels do not count. NULL is an empty file. Return: 1, 0, or -ENOMEM. */
int dmv_depmod_conf_differs(const char *a, const char *b, const char *kernel);

/* Adds the modules, by the kernel's names, for which text @conf has an override line of this kernel; NULL is
 * an empty file. Return: 0, or -ENOMEM. */
int dmv_depmod_conf_modules(const char *conf, const char *kernel, char ***ret);

#endif
