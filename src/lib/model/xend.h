/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What tells of xend, the daemon by which Xen was managed until 4.4: its configuration, an S-expression
 * (xend-config.sxp), and the kernel's lists of TCP sockets (proc(5): net/tcp, net/tcp6). Never more than a
 * yes or no is taken from them.
 */
#ifndef DMV_MODEL_XEND_H
#define DMV_MODEL_XEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DMV_XEND_CONF_MAX_BYTES ((size_t)256 * 1024)
#define DMV_XEND_PORT 8000u

typedef struct DmvXendConf {
    bool unix_server; /* (xend-unix-server yes) */
    bool http_server; /* (xend-http-server yes) */
    uint16_t port;    /* (xend-port NUMBER), or DMV_XEND_PORT */
} DmvXendConf;

/**
 * dmv_xend_conf_parse() - read xend-config.sxp
 * @data: the bytes, need not end in a NUL
 * @ret: only touched on success
 *
 * Settings are lists of two words at the top; anything else is passed over. The last one of a name counts, as
 * in xend.
 *
 * Return: 0; DMV_MALFORMED for parentheses that do not match, a text without an end or a port that is none.
 */
int dmv_xend_conf_parse(const char *data, size_t size, DmvXendConf *ret);

/* Has a list of TCP sockets, IPv4 or IPv6, one that listens on that port? At the loopback's address, too:
 * every user of the host reaches that. Lines that are cut or odd are passed over. */
bool dmv_tcp_listens(const char *data, size_t size, uint16_t port);

#endif
