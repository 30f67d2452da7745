/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log of the forgetful filesystem, written and read by the same program. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"

#define LOG_MAX ((size_t)512 << 20)

static const char *const names[RECORD_MAX] = {
    [RECORD_THERE] = "there",     [RECORD_OPEN] = "open",     [RECORD_SYNC] = "sync",
    [RECORD_MARK] = "mark",       [RECORD_CREATE] = "create", [RECORD_MKDIR] = "mkdir",
    [RECORD_SYMLINK] = "symlink", [RECORD_LINK] = "link",     [RECORD_UNLINK] = "unlink",
    [RECORD_RMDIR] = "rmdir",     [RECORD_RENAME] = "rename", [RECORD_WRITE] = "write",
    [RECORD_SIZE] = "size",       [RECORD_CHMOD] = "chmod",   [RECORD_CHOWN] = "chown",
    [RECORD_TIMES] = "times",
};

const char *record_kind_to_string(uint32_t kind)
{
    return kind < RECORD_MAX ? names[kind] : "?";
}

static bool put(FILE *log, const char *data, uint32_t size)
{
    return size == 0 || fwrite(data, size, 1, log) == 1;
}

int record_write(FILE *log, Record r)
{
    Record head;

    r.path_size = r.path ? (uint32_t)strlen(r.path) + 1 : 0;
    r.other_size = r.other ? (uint32_t)strlen(r.other) + 1 : 0;
    head = r;
    head.path = head.other = head.data = NULL;
    if (fwrite(&head, sizeof(head), 1, log) != 1 || !put(log, r.path, r.path_size) ||
        !put(log, r.other, r.other_size) || !put(log, r.data, r.data_size))
        return -EIO;
    return 0;
}

static int read_one(RecordLog *l, size_t *at, size_t size)
{
    Record *r = DMV_ARRAY_ADD(l->items, l->n);
    size_t rest;

    if (!r)
        return -ENOMEM;
    if (size - *at < sizeof(*r))
        return -EINVAL;
    memcpy(r, l->bytes + *at, sizeof(*r));
    *at += sizeof(*r);
    rest = (size_t)r->path_size + r->other_size + r->data_size;
    if (r->kind >= RECORD_MAX || rest > size - *at)
        return -EINVAL;
    r->path = r->path_size ? l->bytes + *at : NULL;
    r->other = r->other_size ? l->bytes + *at + r->path_size : NULL;
    r->data = l->bytes + *at + r->path_size + r->other_size;
    *at += rest;
    return 0;
}

int record_log_read(const char *path, RecordLog *ret)
{
    RecordLog l = {0};
    DMV_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0, at = 0;
    int r = fd < 0 ? -errno : dmv_fs_read_fd(fd, LOG_MAX, &l.bytes, &size);

    while (r == 0 && at < size)
        r = read_one(&l, &at, size);
    if (r < 0) {
        record_log_deinit(&l);
        return r;
    }
    *ret = l;
    return 0;
}

void record_log_deinit(RecordLog *l)
{
    free(l->items);
    free(l->bytes);
    *l = (RecordLog){0};
}
