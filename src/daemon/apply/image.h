/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image: what is at a path, and the way to make it so again.
 *
 * Everything a transaction does is "let this path be that", so doing, undoing and doing again are one
 * function. Nothing here syncs a folder: the transaction does it once per folder, where order matters.
 */
#ifndef DMV_APPLY_IMAGE_H
#define DMV_APPLY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "daemon/shared/leftovers.h"

/* Largest file whose content is kept: a depmod configuration is a few KiB. */
#define DMV_IMAGE_MAX ((size_t)1024 * 1024)

typedef enum DmvImageKind {
    DMV_IMAGE_ABSENT,
    DMV_IMAGE_LINK,
    DMV_IMAGE_FILE,
    DMV_IMAGE_FOLDER,
    DMV_IMAGE_MAX_KIND,
    DMV_IMAGE_INVALID = -1,
} DmvImageKind;

/* "absent", "link", "file", "folder" */
const char *dmv_image_kind_to_string(DmvImageKind kind);
DmvImageKind dmv_image_kind_from_string(const char *s);

typedef struct DmvImage {
    DmvImageKind kind;
    char *data;  /* target of a link, content of a file; owned */
    size_t size; /* bytes of @data without the NUL that follows them */
    mode_t mode; /* permissions of a file */
} DmvImage;

void dmv_image_deinit(DmvImage *i);
#define DMV_CLEANUP_IMAGE DMV_CLEANUP(dmv_image_deinit)

/**
 * dmv_image_read() - what is at a path now
 * @root: the root's descriptor
 * @path: relative to it; no symbolic link is followed, not even in the middle
 * @ret: filled; free with dmv_image_deinit()
 *
 * A missing parent folder makes it absent. The content of a file is only read below the limit.
 *
 * Return: 0; -EFBIG; -EINVAL for a device, socket or FIFO; a negative errno.
 */
int dmv_image_read(int root, const char *path, DmvImage *ret);

/* The same kind, mode and content? */
bool dmv_image_equal(const DmvImage *a, const DmvImage *b);

/**
 * dmv_image_write() - let a path be that
 * @root: the root's descriptor
 * @path: relative to it
 * @i: what it shall be
 *
 * Links and files are replaced by rename(2), the content of a file is synced before that. A folder that is to
 * go stays if it is not empty. A file or folder is never removed to make room for a link, nor a folder for a
 * file.
 *
 * Return: 1 if something was changed, 0 if it was so already; -EEXIST if something else is in the way; a
 * negative errno.
 */
int dmv_image_write(int root, const char *path, const DmvImage *i);

/* Puts a link or file there without looking at what is there. Return: 1, or a negative errno. */
int dmv_image_replace(int root, const char *path, const DmvImage *i);

/* Opens the folder that holds @path, following no links; @ret_name points at the last component of @path. */
int dmv_image_open_parent(int root, const char *path, const char **ret_name);

#endif
