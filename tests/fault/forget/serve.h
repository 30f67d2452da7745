/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FORGET_SERVE_H
#define FORGET_SERVE_H

/**
 * serve() - shows a folder as a filesystem, until it is unmounted
 * @backing: the folder
 * @mountpoint: where
 * @log: file for the records, or NULL
 * @inodes: file of what crash() wrote: numbers of inodes that are shown in the place of the folder's own, or
 * NULL
 *
 * Return: exit status.
 */
int serve(const char *backing, const char *mountpoint, const char *log, const char *inodes);

#endif
