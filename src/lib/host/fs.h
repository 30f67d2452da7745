/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files. The only place with system calls that can be short or interrupted, and the only one that knows how a
 * change becomes durable (fsync of the file, rename, fsync of the folder).
 *
 * Paths are relative to a descriptor and are resolved below it (openat2(2), RESOLVE_BENEATH), so that no link
 * that somebody planted leads out of it.
 */
#ifndef DMV_HOST_FS_H
#define DMV_HOST_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/hash.h"

/**
 * dmv_fs_open() - open below a folder
 * @dirfd: the folder
 * @path: relative; symbolic links are followed as long as they stay below @dirfd
 * @flags: open(2) flags; O_CLOEXEC is added
 * @mode: for O_CREAT
 *
 * Return: a descriptor; -EXDEV if a link leads out; -ELOOP with O_NOFOLLOW; or another negative errno. Where
 * there is no openat2(2) (kernels before 5.6, filters of system calls) the components are walked one by one.
 */
int dmv_fs_open(int dirfd, const char *path, int flags, mode_t mode);
/* The same, refusing every symbolic link (RESOLVE_NO_SYMLINKS). */
int dmv_fs_open_nolinks(int dirfd, const char *path, int flags, mode_t mode);

/**
 * dmv_fs_read_file() - read a whole file
 * @max: bytes; a larger file is refused
 * @ret: the bytes and a NUL, owned by the caller
 * @ret_size: without the NUL, may be NULL
 *
 * Works on files of sysfs and procfs too, whose size says nothing.
 *
 * Return: 0; -EFBIG above @max; -EISDIR, -ENOENT, ... A FIFO, socket or device is refused with -EINVAL
 * without blocking.
 */
int dmv_fs_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size);
/**
 * dmv_fs_read_private() - the same for a file that nobody but root or the caller can have written
 *
 * Return: as dmv_fs_read_file(); -EPERM if the file or its folder belongs to somebody else or may be written
 * by others; -ELOOP if it is a symbolic link.
 */
int dmv_fs_read_private(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size);
/* Such a result in words. */
const char *dmv_fs_private_words(int r);
int dmv_fs_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* Reads a link. @ret is owned by the caller. Return: 0; -EINVAL if it is none; -ENOENT, ... */
int dmv_fs_read_link(int dirfd, const char *path, char **ret);

/**
 * dmv_fs_resolve() - where a path leads, as a process chrooted to the folder would see it
 * @dirfd: the folder that counts as "/"
 * @path: relative to it; absolute links count from it too, and ".." stops at it
 * @ret: the path without any link in it, relative to @dirfd, owned by the caller
 * @ret_exists: false for a dangling link; @ret says then what is missing
 *
 * For looking only: another process can change what it says, so nothing is opened by @ret that has to be
 * safe.
 *
 * Return: 0; -ELOOP above 40 links; -ENOMEM, -EACCES, ...
 */
int dmv_fs_resolve(int dirfd, const char *path, char **ret, bool *ret_exists);

int dmv_fs_write_all(int fd, const void *data, size_t size);

/* Puts a file in place: temporary file in the same folder, write, fsync, rename, fsync of the folder. 0 or
 * -errno; on failure the temporary file is gone. Missing parent folders are not made. */
int dmv_fs_replace_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode);
/* The same for a symbolic link. */
int dmv_fs_replace_link(int dirfd, const char *path, const char *target);
/**
 * dmv_fs_sweep() - remove what dmv_fs_replace_file() left where its process died
 * @dirfd: the folder that @path is relative to
 * @path: the folder that is looked at, not those below it
 *
 * A file that somebody is writing stays.
 *
 * Return: how many are gone, 0 also where there is no such folder; or a negative errno, after all were tried.
 */
int dmv_fs_sweep(int dirfd, const char *path);
/* Appends to a file (made with @mode if it is missing) and syncs it. */
int dmv_fs_append_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode);
/* Removes a file or link and syncs the folder. -ENOENT counts as success. */
int dmv_fs_remove(int dirfd, const char *path);
/* Makes a folder and its missing parents with @mode; existing ones stay as they are. Syncs the parents of new
 * ones. */
int dmv_fs_mkdirs(int dirfd, const char *path, mode_t mode);
/* Removes a folder and all below it, without following links or leaving the filesystem. -ENOENT is success.
 */
int dmv_fs_remove_tree(int dirfd, const char *path);
/* Removes a folder if it is empty, then its parents up to and not including @stop. */
int dmv_fs_remove_empty_dirs(int dirfd, const char *path, const char *stop);
/* rename(2) with RENAME_NOREPLACE when @no_replace, then fsync of both folders. If a sync fails it is renamed
 * back in that case; otherwise the new name stays, with an error. */
int dmv_fs_rename(int dirfd, const char *from, const char *to, bool no_replace);
/* Lets two names change places, atomically, and syncs nothing. Return: 0; -EXDEV, -EINVAL or -ENOSYS where
 * that cannot be; another negative errno. */
int dmv_fs_exchange(int a, const char *a_name, int b, const char *b_name);
int dmv_fs_sync_dir(int dirfd, const char *path);
/* Syncs every file and folder below a path. */
int dmv_fs_sync_tree(int dirfd, const char *path);

/**
 * dmv_fs_copy_hashed() - copy a file while hashing it
 * @in: source, read from its beginning
 * @out: destination, or -1 to hash only
 * @max: bytes; more is refused
 * @ret_hex: the SHA-256 of what was read (and written)
 * @ret_size: bytes, may be NULL
 *
 * Return: 0; -EFBIG; a negative errno.
 */
int dmv_fs_copy_hashed(int in, int out, uint64_t max, char ret_hex[DMV_SHA256_HEX], uint64_t *ret_size);

/* Free bytes for root on the filesystem that holds @path. */
int dmv_fs_free_bytes(int dirfd, const char *path, uint64_t *ret);

typedef enum DmvFsKind { DMV_FS_FILE, DMV_FS_FOLDER, DMV_FS_LINK, DMV_FS_ELSE } DmvFsKind;
typedef struct DmvFsEntry {
    char *name;
    uint64_t inode; /* of the entry; where something is mounted, of what lies below */
    DmvFsKind kind;
} DmvFsEntry;
/* Names in a folder, sorted, without "." and "..". Return: 0 or a negative errno. */
int dmv_fs_list(int dirfd, const char *path, DmvFsEntry **ret, size_t *ret_n);
/* The same in a folder that is open for reading; it can be listed once. */
int dmv_fs_list_open(int fd, DmvFsEntry **ret, size_t *ret_n);
/* The same in the order in which the filesystem gives them, which is the one that other programs meet. */
int dmv_fs_list_unsorted(int dirfd, const char *path, DmvFsEntry **ret, size_t *ret_n);
/* Names of the folders in a folder, sorted; none also where that is not there. Return: 0 or a negative errno.
 */
int dmv_fs_list_folders(int dirfd, const char *path, char ***ret);
void dmv_fs_entries_free(DmvFsEntry *entries, size_t n);

#endif
