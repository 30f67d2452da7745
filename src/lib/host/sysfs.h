/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attributes and links of sysfs, of the running kernel or of a recorded folder. */
#ifndef DMV_HOST_SYSFS_H
#define DMV_HOST_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel gives at most a page for an attribute. */
#define DMV_SYSFS_ATTRIBUTE_MAX ((size_t)4096)

/**
 * dmv_sysfs_text() - an attribute as one line of text
 * @dirfd: folder of the device
 * @name: the attribute
 * @ret: without the line's end, everything unprintable replaced, owned by the caller; NULL if the attribute
 * is not there or is empty
 *
 * Return: 0, also if it is not there; a negative errno.
 */
int dmv_sysfs_text(int dirfd, const char *name, char **ret);

/**
 * dmv_sysfs_number() - an attribute that holds one number, as "0x8086"
 * @max: the largest value that is taken
 *
 * Return: 0; -ENOENT; -EINVAL if it is no hexadecimal number; -ERANGE above @max; another negative errno.
 */
int dmv_sysfs_number(int dirfd, const char *name, uint32_t max, uint32_t *ret);

/* The last component of what a link points to, NULL if there is no such link. Return: 0 or a negative errno.
 */
int dmv_sysfs_link_name(int dirfd, const char *name, char **ret);

/* Is this folder of <sysfs>/module that of a loaded module? Built-in code with parameters has one too. */
bool dmv_sysfs_is_module(int fd);

#endif
