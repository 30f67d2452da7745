/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes and descriptors in and out of a socket.
 *
 * Which message do descriptors belong to? The kernel delivers them with the first byte of the write that
 * carried them, and ends a read behind that write. We send a message that has descriptors by a write of its
 * own, as systemd does. So those of a read belong to the message that the last byte of the read is part of.
 *
 * Buffers begin small, grow in steps up to the limit, and are given back when they are empty.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#define READ_CHUNK ((size_t)64 * 1024)
#define READ_LEAST ((size_t)4 * 1024)
/* An empty buffer above this is freed. */
#define BUFFER_KEEP ((size_t)64 * 1024)
/* Descriptors that wait in the input: nothing is read while a whole message is there, so these are at most
 * those of a message that is being completed and of the one after it. */
#define FDS_WAITING_MAX (2 * VL_MAX_FDS)

void vl_fds_close(VlFds *f)
{
    for (unsigned i = 0; i < f->n; i++)
        f->fd[i] = dmv_close(f->fd[i]);
    f->n = 0;
}

static void buffer_deinit(VlBuffer *b)
{
    for (size_t i = 0; i < b->n_fds; i++)
        vl_fds_close(&b->fds[i]);
    free(b->fds);
    free(b->data);
    *b = (VlBuffer){0};
}

/* Makes room for @more bytes behind the end. */
static int buffer_reserve(VlBuffer *b, size_t more)
{
    size_t used = b->end - b->start, allocated = b->allocated ? b->allocated : 4096;
    char *p;

    if (b->allocated - b->end >= more)
        return 0;
    /* moving down pays when at least half of the buffer is free in front */
    if (b->start > 0 && b->start >= used && b->allocated - used >= more) {
        memmove(b->data, b->data + b->start, used);
        b->start = 0;
        b->end = used;
        return 0;
    }
    while (allocated - used < more)
        allocated *= 2;
    p = malloc(allocated);
    if (!p)
        return -ENOMEM;
    if (used > 0)
        memcpy(p, b->data + b->start, used);
    free(b->data);
    b->data = p;
    b->allocated = allocated;
    b->start = 0;
    b->end = used;
    return 0;
}

static void buffer_consume(VlBuffer *b, size_t n)
{
    b->start += n;
    b->position += n;
    if (b->start < b->end)
        return;
    b->start = b->end = 0;
    if (b->allocated > BUFFER_KEEP) {
        free(b->data);
        b->data = NULL;
        b->allocated = 0;
    }
}

static void buffer_drop_fds(VlBuffer *b)
{
    memmove(&b->fds[0], &b->fds[1], (b->n_fds - 1) * sizeof(b->fds[0]));
    b->n_fds--;
}

int vl_stream_init(VlStream *s, int fd, size_t max_in, size_t max_out)
{
    int flags;

    *s = (VlStream){.fd = fd, .max_in = max_in, .max_out = max_out};
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

void vl_stream_deinit(VlStream *s)
{
    buffer_deinit(&s->in);
    buffer_deinit(&s->out);
    s->fd = dmv_close(s->fd);
}

static unsigned count_fds(const VlBuffer *b)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->n_fds; i++)
        n += b->fds[i].n;
    return n;
}

/* Keeps what came with a read whose last byte is at @position. Return: 0, -EBADMSG, -ENOMEM. */
static int take_fds(VlStream *s, struct msghdr *m, uint64_t position)
{
    VlFds all = {.position = position};
    VlFds *group;
    bool too_many = m->msg_flags & MSG_CTRUNC;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (all.n < VL_MAX_FDS)
                all.fd[all.n++] = fd;
            else
                too_many = dmv_close(fd) < 0;
        }
    }
    if (too_many || count_fds(&s->in) + all.n > FDS_WAITING_MAX) {
        vl_fds_close(&all);
        return -EBADMSG;
    }
    if (all.n == 0)
        return 0;
    group = DMV_ARRAY_ADD(s->in.fds, s->in.n_fds);
    if (!group) {
        vl_fds_close(&all);
        return -ENOMEM;
    }
    *group = all;
    return 0;
}

int vl_stream_read(VlStream *s)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * (VL_MAX_FDS + 1))];
    } control;
    size_t used = s->in.end - s->in.start, want = READ_CHUNK;
    struct iovec iov;
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;
    int r;

    if (want > s->max_in + 1 - used)
        want = s->max_in + 1 - used;
    if (want == 0)
        return -EMSGSIZE;
    /* a buffer that is there is filled up before it grows */
    r = buffer_reserve(&s->in, s->in.allocated > 0 && want > READ_LEAST ? READ_LEAST : want);
    if (r < 0)
        return r;
    if (want > s->in.allocated - s->in.end)
        want = s->in.allocated - s->in.end;
    iov = (struct iovec){.iov_base = s->in.data + s->in.end, .iov_len = want};
    if (s->accept_fds) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
    }
    do
        n = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n == 0) {
        s->eof = true;
        return 0;
    }
    s->in.end += (size_t)n;
    r = s->accept_fds ? take_fds(s, &m, s->in.position + used + (size_t)n - 1) : 0;
    return r < 0 ? r : (int)n;
}

/* The NUL that ends the first message, or NULL. */
static const char *find_end(VlStream *s)
{
    size_t used = s->in.end - s->in.start;
    const char *from, *nul;

    if (used <= s->scanned)
        return NULL;
    from = s->in.data + s->in.start;
    nul = memchr(from + s->scanned, '\0', used - s->scanned);
    s->scanned = nul ? (size_t)(nul - from) : used;
    return nul;
}

bool vl_stream_has_frame(VlStream *s)
{
    return find_end(s);
}

bool vl_stream_has_partial(VlStream *s)
{
    return s->in.end > s->in.start && !find_end(s);
}

/* Moves the descriptors that belong to what lies before @end. Return: 0, or -EBADMSG if these are too many.
 */
static int collect_fds(VlStream *s, uint64_t end, VlFds *ret)
{
    while (s->in.n_fds > 0 && s->in.fds[0].position < end) {
        VlFds *group = &s->in.fds[0];

        if (ret->n + group->n > VL_MAX_FDS)
            return -EBADMSG;
        memcpy(&ret->fd[ret->n], group->fd, group->n * sizeof(int));
        ret->n += group->n;
        buffer_drop_fds(&s->in);
    }
    return 0;
}

int vl_stream_next(VlStream *s, VlFrame *ret)
{
    const char *nul = find_end(s);
    int r;

    if (!nul)
        return s->in.end - s->in.start > s->max_in ? -EMSGSIZE : 0;
    *ret = (VlFrame){.data = s->in.data + s->in.start, .size = s->scanned};
    if (ret->size > s->max_in)
        return -EMSGSIZE;
    r = collect_fds(s, s->in.position + s->scanned + 1, &ret->fds);
    if (r < 0) {
        vl_fds_close(&ret->fds);
        return r;
    }
    return 1;
}

void vl_stream_pop(VlStream *s)
{
    buffer_consume(&s->in, s->scanned + 1);
    s->scanned = 0;
}

static int attach_fds(VlBuffer *b, size_t size, const int *fds, unsigned n_fds)
{
    VlFds f = {.position = b->position + (b->end - b->start)};
    VlFds *group;

    f.end = f.position + size;
    for (; f.n < n_fds; f.n++) {
        f.fd[f.n] = fcntl(fds[f.n], F_DUPFD_CLOEXEC, 3);
        if (f.fd[f.n] < 0) {
            int r = -errno;

            vl_fds_close(&f);
            return r;
        }
    }
    group = DMV_ARRAY_ADD(b->fds, b->n_fds);
    if (!group) {
        vl_fds_close(&f);
        return -ENOMEM;
    }
    *group = f;
    return 0;
}

int vl_stream_queue(VlStream *s, const char *data, size_t size, const int *fds, unsigned n_fds)
{
    int r;

    if (s->broken)
        return -ENOTCONN;
    if (size > s->max_out || n_fds > VL_MAX_FDS)
        return -E2BIG;
    if (vl_stream_queued(s) > s->max_out)
        return -ENOBUFS;
    r = buffer_reserve(&s->out, size);
    if (r == 0 && n_fds > 0)
        r = attach_fds(&s->out, size, fds, n_fds);
    if (r < 0)
        return r;
    memcpy(s->out.data + s->out.end, data, size);
    s->out.end += size;
    return 0;
}

/* One write: plain bytes up to the next message with descriptors, or exactly such a message. */
static ssize_t write_once(VlStream *s)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * VL_MAX_FDS)];
    } control = {0};
    struct iovec iov = {.iov_base = s->out.data + s->out.start, .iov_len = vl_stream_queued(s)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    VlFds *group = s->out.n_fds > 0 ? &s->out.fds[0] : NULL;
    bool with_fds = group && group->position == s->out.position;
    ssize_t n;

    if (with_fds) {
        struct cmsghdr *c = &control.align;

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * group->n);
        memcpy(CMSG_DATA(c), group->fd, sizeof(int) * group->n);
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * group->n);
        iov.iov_len = (size_t)(group->end - group->position);
    } else if (group) {
        iov.iov_len = (size_t)(group->position - s->out.position);
    }
    do
        n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (with_fds) {
        vl_fds_close(group);
        buffer_drop_fds(&s->out);
    }
    buffer_consume(&s->out, (size_t)n);
    return n;
}

int vl_stream_flush(VlStream *s)
{
    size_t total = 0;

    while (vl_stream_queued(s) > 0) {
        ssize_t n = write_once(s);

        if (n == -EAGAIN)
            break;
        if (n < 0) {
            s->broken = true;
            buffer_deinit(&s->out);
            return (int)n;
        }
        total += (size_t)n;
    }
    return total > INT_MAX ? INT_MAX : (int)total;
}
