/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image as the kernel goes through it (unpack_to_rootfs() in init/initramfs.c): a "0" at a multiple of
 * four begins an archive, zeros mean nothing, anything else begins a compressed part, in which the same
 * holds.
 *
 * Where a compressed part ends is known from the stream itself for gzip and bzip2. The readers of the other
 * formats take what follows for more of the same and fail, so its end is looked for first.
 */
#include "host/initrd-source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/initrd-end.h"

#define ALIGNMENT 4
#define AHEAD_MAX ((size_t)16 * 1024)

int dmv_initrd_source_init(DmvInitrdSource *s, const void *memory, int fd, uint64_t size)
{
    *s = (DmvInitrdSource){.memory = memory, .fd = fd, .size = size, .ahead = malloc(AHEAD_MAX)};
    if (!memory)
        s->window = malloc(DMV_INITRD_WINDOW);
    return s->ahead && (memory || s->window) ? 0 : -ENOMEM;
}

void dmv_initrd_source_deinit(DmvInitrdSource *s)
{
    (void)dmv_unpack_stream_free(s->stream);
    free(s->window);
    free(s->ahead);
    *s = (DmvInitrdSource){0};
}

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, "the initrd is malformed", "rebuild it", "%s", why);
}

ssize_t dmv_initrd_source_look(DmvInitrdSource *s, uint64_t offset, const unsigned char **ret)
{
    ssize_t n;

    if (offset >= s->size)
        return 0;
    if (s->memory) {
        *ret = s->memory + offset;
        return s->size - offset > DMV_INITRD_WINDOW ? (ssize_t)DMV_INITRD_WINDOW
                                                    : (ssize_t)(s->size - offset);
    }
    if (offset < s->window_start || offset >= s->window_start + s->window_size) {
        do
            n = pread(s->fd, s->window, DMV_INITRD_WINDOW, (off_t)offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return -errno;
        s->window_start = offset;
        s->window_size = (size_t)n;
    }
    *ret = s->window + (offset - s->window_start);
    return (ssize_t)(s->window_start + s->window_size - offset);
}

/* ---- compressed parts ---- */

static ssize_t feed(void *userdata, const void **ret_data)
{
    DmvInitrdSource *s = userdata;
    const unsigned char *data = NULL;
    ssize_t n;

    if (s->stream_fed >= s->stream_end)
        return 0;
    n = dmv_initrd_source_look(s, s->stream_fed, &data);
    if (n > 0 && (uint64_t)n > s->stream_end - s->stream_fed)
        n = (ssize_t)(s->stream_end - s->stream_fed);
    if (n > 0)
        s->stream_fed += (uint64_t)n;
    *ret_data = data;
    return n;
}

static int enter_stream(DmvInitrdSource *s, DmvError *reterr)
{
    const char *format = NULL;
    int r = dmv_initrd_end_find(s, s->offset, &format, &s->stream_end);

    if (r < 0)
        return r;
    if (!format)
        return malformed(reterr, "after an archive there is something that the kernel does not know");
    s->stream_start = s->stream_fed = s->offset;
    s->stream_position = 0;
    s->ahead_next = s->ahead_size = 0;
    r = dmv_unpack_stream_new(feed, s, &s->stream);
    if (r == -EOPNOTSUPP)
        return dmv_error_set(reterr, r, "the initrd cannot be read", "install libarchive",
                             "it is compressed with %s", format);
    return r == DMV_MALFORMED ? malformed(reterr, "a compressed part is damaged or ends early") : r;
}

static void leave_stream(DmvInitrdSource *s)
{
    uint64_t consumed = dmv_unpack_stream_consumed(s->stream);

    s->offset = s->stream_end < s->size ? s->stream_end : s->stream_start + consumed;
    s->stream = dmv_unpack_stream_free(s->stream);
}

/* ---- bytes of an archive ---- */

static int count(DmvInitrdSource *s, uint64_t n, DmvError *reterr)
{
    s->total += n;
    return s->total <= DMV_INITRD_UNPACKED_MAX
               ? 0
               : dmv_error_set(reterr, DMV_TOO_LARGE, "the initrd is too large", NULL,
                               "it unpacks to more than %llu bytes",
                               (unsigned long long)DMV_INITRD_UNPACKED_MAX);
}

/* Up to @size bytes, *@ret_n is 0 at the end of what is read now. */
static int read_plain(DmvInitrdSource *s, void *data, size_t size, size_t *ret_n)
{
    const unsigned char *from = NULL;
    ssize_t n = dmv_initrd_source_look(s, s->offset, &from);

    if (n < 0)
        return (int)n;
    *ret_n = (size_t)n < size ? (size_t)n : size;
    if (*ret_n > 0)
        memcpy(data, from, *ret_n);
    s->offset += *ret_n;
    return 0;
}

/* Unpacks at least one byte into what is ahead, none at the end. */
static int fill_ahead(DmvInitrdSource *s, DmvError *reterr)
{
    ssize_t n = dmv_unpack_stream_read(s->stream, s->ahead, AHEAD_MAX);

    if (n < 0)
        return malformed(reterr, "a compressed part is damaged or ends early");
    s->ahead_next = 0;
    s->ahead_size = (size_t)n;
    return 0;
}

static int read_stream(DmvInitrdSource *s, void *data, size_t size, size_t *ret_n, DmvError *reterr)
{
    int r = s->ahead_next == s->ahead_size ? fill_ahead(s, reterr) : 0;
    size_t n = s->ahead_size - s->ahead_next;

    if (r != 0)
        return r;
    *ret_n = n < size ? n : size;
    memcpy(data, s->ahead + s->ahead_next, *ret_n);
    s->ahead_next += *ret_n;
    s->stream_position += *ret_n;
    return 0;
}

static int read_some(DmvInitrdSource *s, void *data, size_t size, size_t *ret_n, DmvError *reterr)
{
    return s->stream ? read_stream(s, data, size, ret_n, reterr) : read_plain(s, data, size, ret_n);
}

int dmv_initrd_source_read(DmvInitrdSource *s, void *data, uint64_t size, DmvError *reterr)
{
    int r = count(s, size, reterr);

    if (r == 0 && !s->stream && size > s->size - s->offset)
        return malformed(reterr, "it ends in the middle of a member");
    if (r == 0 && !s->stream && !data) {
        s->offset += size;
        return 0;
    }
    for (uint64_t done = 0; r == 0 && done < size;) {
        char skipped[16 * 1024];
        uint64_t want = size - done;
        size_t n = 0;

        if (!data && want > sizeof(skipped))
            want = sizeof(skipped);
        r = read_some(s, data ? (char *)data + done : skipped, (size_t)want, &n, reterr);
        if (r == 0 && n == 0)
            return malformed(reterr, "it ends in the middle of a member");
        done += n;
    }
    return r;
}

/* ---- from archive to archive ---- */

/* Behind the zeros of a compressed part. *@ret_found is false at its end. */
static int next_in_stream(DmvInitrdSource *s, bool *ret_found, DmvError *reterr)
{
    for (;;) {
        int r = s->ahead_next == s->ahead_size ? fill_ahead(s, reterr) : 0;
        size_t begin = s->ahead_next;

        if (r != 0)
            return r;
        *ret_found = s->ahead_size > 0;
        if (!*ret_found)
            return 0;
        while (s->ahead_next < s->ahead_size && s->ahead[s->ahead_next] == 0)
            s->ahead_next++;
        s->stream_position += s->ahead_next - begin;
        r = count(s, s->ahead_next - begin, reterr);
        if (r != 0)
            return r;
        if (s->ahead_next == s->ahead_size)
            continue;
        return s->ahead[s->ahead_next] == '0' && s->stream_position % ALIGNMENT == 0
                   ? 0
                   : malformed(reterr, "a compressed part holds something that is no archive");
    }
}

/* Behind the zeros of the image itself. *@ret is the next byte, -1 at the end. */
static int skip_zeros(DmvInitrdSource *s, int *ret)
{
    for (;;) {
        const unsigned char *data = NULL;
        ssize_t n = dmv_initrd_source_look(s, s->offset, &data);

        if (n < 0)
            return (int)n;
        *ret = -1;
        if (n == 0)
            return 0;
        for (ssize_t i = 0; i < n; i++, s->offset++)
            if (data[i] != 0) {
                *ret = data[i];
                return 0;
            }
    }
}

int dmv_initrd_source_next_archive(DmvInitrdSource *s, bool *ret_found, DmvError *reterr)
{
    for (;;) {
        int next = -1, r = 0;

        if (s->stream) {
            r = next_in_stream(s, ret_found, reterr);
            if (r != 0 || *ret_found)
                return r;
            leave_stream(s);
        }
        r = skip_zeros(s, &next);
        *ret_found = next == '0' && s->offset % ALIGNMENT == 0;
        if (r != 0 || *ret_found || next < 0)
            return r;
        r = enter_stream(s, reterr);
        if (r != 0)
            return r;
    }
}
