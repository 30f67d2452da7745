/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain configurations in /etc/xen, of xl(1) and of xm before it. What is in them libvirt says; which files
 * are some is decided here.
 */
#ifndef DMV_GUEST_CONFIG_H
#define DMV_GUEST_CONFIG_H

#include "model/guest.h"

/* Relative to the root. */
#define DMV_GUEST_CONFIG_DIR "etc/xen"
/* A configuration has a page or two. */
#define DMV_GUEST_CONFIG_MAX_BYTES ((size_t)64 * 1024)

/* One file. */
typedef struct DmvGuestConfig {
    char *path; /* relative to the root, as it was found, printable */
    char *text; /* NULL: it could not be read, which is a problem */
} DmvGuestConfig;

typedef struct DmvGuestConfigs {
    DmvGuestConfig *items; /* sorted by path, those in "auto" last */
    size_t n;
    DmvProblems problems;
} DmvGuestConfigs;
void dmv_guest_configs_deinit(DmvGuestConfigs *c);
#define DMV_CLEANUP_GUEST_CONFIGS DMV_CLEANUP(dmv_guest_configs_deinit)

/**
 * dmv_guest_config_is_one() - may a file of that name in /etc/xen be the configuration of a guest?
 * @name: its last component
 *
 * NAME and NAME.cfg are. Everything else there belongs to something else: settings of the tools (xl.conf,
 * oxenstored.conf, xend-config.sxp), examples (xlexample.hvm), README, what editors and packages leave behind
 * (NAME~, NAME.dpkg-old).
 */
bool dmv_guest_config_is_one(const char *name);

/**
 * dmv_guest_configs_read() - the text of every one
 * @root: descriptor of the root
 * @ret: must be empty before; free with dmv_guest_configs_deinit(), also on failure
 *
 * Files in auto/, mostly links to the others, are read once. A file that cannot be read, is none, is empty or
 * too large is a problem, and the others are read.
 *
 * Return: 0; -ENOENT if there is no such folder; another negative errno.
 */
int dmv_guest_configs_read(int root, DmvGuestConfigs *ret);

/* A configuration as a guest: as dmv_libvirt_convert(). */
typedef int (*DmvGuestConvert)(const char *text, DmvGuest *ret, void *userdata, DmvError *reterr);

/**
 * dmv_guest_configs_convert() - what the files say
 * @c: the files; their problems are moved
 * @convert: for one of them; what it cannot do is a problem by the name of the file
 * @ret: must be empty before; guests and problems, and what the channel gave
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_guest_configs_convert(DmvGuestConfigs *c, DmvGuestConvert convert, void *userdata, DmvGuests *ret);

#endif
