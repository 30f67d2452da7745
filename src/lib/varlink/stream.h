/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One end of a connection: descriptor, buffers, NUL framing, descriptors that travel along, limits. It knows
 * nothing of JSON, of calls or of an event loop.
 */
#ifndef DMV_VARLINK_STREAM_H
#define DMV_VARLINK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "varlink.h"

/* Descriptors of one message, and the position (bytes since the start of the connection) that they belong to.
 */
typedef struct VlFds {
    uint64_t position;
    uint64_t end; /* output only: behind the last byte of the message */
    int fd[VL_MAX_FDS];
    unsigned n;
} VlFds;

typedef struct VlBuffer {
    char *data;
    size_t start, end, allocated; /* what is in use is data[start..end) */
    uint64_t position;            /* of data[start] */
    VlFds *fds;
    size_t n_fds;
} VlBuffer;

typedef struct VlStream {
    int fd;
    VlBuffer in, out;
    size_t scanned;  /* bytes of @in known to hold no NUL */
    size_t max_in;   /* bytes of one message */
    size_t max_out;  /* bytes of one message, and bytes queued above which nothing more is queued */
    bool accept_fds; /* else what a peer sends is closed by the kernel */
    bool eof;        /* the peer sends no more */
    bool broken;     /* nothing can be written any more: output is thrown away */
} VlStream;

typedef struct VlFrame {
    const char *data; /* without the NUL; valid until vl_stream_pop() */
    size_t size;
    VlFds fds; /* owned by whoever holds the frame */
} VlFrame;

/* Takes @fd, which has to be a stream socket, and makes it non-blocking. Return: 0 or a negative errno. */
int vl_stream_init(VlStream *s, int fd, size_t max_in, size_t max_out);
void vl_stream_deinit(VlStream *s);

/**
 * vl_stream_read() - read once, if there is something
 *
 * Return: the number of bytes read; 0 at the end (@s->eof is set then); -EAGAIN; -EMSGSIZE if a message is
 * longer than @s->max_in; -EBADMSG for more descriptors than VL_MAX_FDS with one message; another negative
 * errno.
 */
int vl_stream_read(VlStream *s);
/* Is a whole message there? */
bool vl_stream_has_frame(VlStream *s);
/* Is there a message that has begun and not ended? */
bool vl_stream_has_partial(VlStream *s);
/* Looks at the next message, to be followed by vl_stream_pop() once its bytes are done with; its descriptors
 * stay in @ret. Return: 1, 0 if there is none, -EMSGSIZE, -EBADMSG (too many descriptors). */
int vl_stream_next(VlStream *s, VlFrame *ret);
/* Drops the bytes of the message that vl_stream_next() returned. */
void vl_stream_pop(VlStream *s);
/* Closes the descriptors that nobody took. */
void vl_fds_close(VlFds *f);

/**
 * vl_stream_queue() - put a message into the output
 * @data: the bytes, the final NUL included
 * @fds: descriptors, duplicated here
 *
 * Return: 0; -E2BIG if the message alone is above the limit; -ENOBUFS if too much is queued already; -ENOMEM;
 * -ENOTCONN if the peer is gone; what dup says.
 */
int vl_stream_queue(VlStream *s, const char *data, size_t size, const int *fds, unsigned n_fds);
/* Writes as much as goes. Return: the number of bytes written, or a negative errno other than -EAGAIN
 * (broken). */
int vl_stream_flush(VlStream *s);
/* Bytes that wait to be written. */
static inline size_t vl_stream_queued(const VlStream *s)
{
    return s->out.end - s->out.start;
}

#endif
