/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses of UNIX sockets, for those who listen and those who connect.
 */
#ifndef DMV_VARLINK_ADDRESS_H
#define DMV_VARLINK_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

typedef struct VlAddress {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
    } sockaddr;
    socklen_t size;
    int folder; /* kept open for as long as the address is used, or -1 */
} VlAddress;

#define VL_ADDRESS_NULL \
    {                   \
        .folder = -1    \
    }

/**
 * vl_address_parse() - a socket address from text
 * @text: a path, "unix:PATH", or "unix:@abstract"; what follows a semicolon after "unix:" is ignored
 * @ret: the address, emptied with vl_address_deinit()
 *
 * A path longer than the kernel takes (108 bytes) goes through its folder's entry in /proc/self/fd.
 *
 * Return: 0; -EINVAL for anything else; -ENAMETOOLONG for a file name or abstract name that is too long; an
 * errno of opening the folder.
 */
int vl_address_parse(const char *text, VlAddress *ret);
void vl_address_deinit(VlAddress *a);

#endif
