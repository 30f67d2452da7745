/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the forgetful filesystem writes down: every operation that changes something or makes something last,
 * in the order in which they were done. From that and from the folder as it was before, crash.c makes what a
 * disk may hold after a loss of power.
 */
#ifndef FORGET_LOG_H
#define FORGET_LOG_H

#include <stdint.h>
#include <stdio.h>

typedef enum RecordKind {
    /* nothing changes */
    RECORD_THERE, /* path, inode: was there before */
    RECORD_OPEN,  /* handle, path */
    RECORD_SYNC,  /* handle, of a file or a folder */
    RECORD_MARK,  /* data: what whoever drives the test says */
    /* everything from here on is a change, after which the power can be cut */
    RECORD_CREATE, /* handle, path, value: mode */
    RECORD_MKDIR,
    RECORD_SYMLINK, /* path, other: target */
    RECORD_LINK,    /* path, other: the new name */
    RECORD_UNLINK,
    RECORD_RMDIR,
    RECORD_RENAME, /* path, other, value: flags */
    RECORD_WRITE,  /* handle, value: offset, data */
    RECORD_SIZE,   /* path or handle, value: the new size */
    RECORD_CHMOD,  /* path, value: mode */
    RECORD_CHOWN,
    RECORD_TIMES,
    RECORD_MAX,
} RecordKind;

#define RECORD_FIRST_CHANGE RECORD_CREATE

/* Paths are relative to the filesystem's root; "." is the root itself. */
typedef struct Record {
    uint32_t kind;
    uint32_t uid, gid;
    uint32_t path_size, other_size, data_size; /* of texts with their NUL; 0: none */
    uint64_t handle;                           /* of an open file; 0: none */
    uint64_t inode;                            /* of what was made */
    int64_t value;
    int64_t mtime;                   /* of a file afterwards, nanoseconds since the epoch */
    const char *path, *other, *data; /* in memory they follow; not valid in the file */
} Record;

const char *record_kind_to_string(uint32_t kind);

/* Appends it. Return: 0, or -EIO. */
int record_write(FILE *log, Record r);

typedef struct RecordLog {
    Record *items;
    size_t n;
    char *bytes; /* what they point into */
} RecordLog;

/* Return: 0, or a negative errno; -EINVAL for what is no log. */
int record_log_read(const char *path, RecordLog *ret);
void record_log_deinit(RecordLog *l);

#endif
