/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is at the other end of a socket: what the kernel took down when the connection was made.
 *
 * A process id is a number that the next process may have, so it is for messages. The pidfd is the process
 * itself, and tells when it has ended.
 */
#include <poll.h>
#include <sys/socket.h>

#include "internal.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* asm-generic/socket.h of Linux 6.5 */
#endif

VlPeerInfo vl_peer_ask(int fd)
{
    struct ucred u = {.uid = (uid_t)-1};
    socklen_t size = sizeof(u);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &size) < 0 || u.uid == (uid_t)-1)
        return (VlPeerInfo){.uid = (uid_t)-1, .gid = (gid_t)-1};
    return (VlPeerInfo){.uid = u.uid, .gid = u.gid, .pid = u.pid, .known = true};
}

int vl_peer_ask_process(int fd)
{
    int pidfd = -1;
    socklen_t size = sizeof(pidfd);

    return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 ? -1 : pidfd;
}

bool vl_process_is_alive(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    return pidfd >= 0 && poll(&p, 1, 0) == 0;
}
