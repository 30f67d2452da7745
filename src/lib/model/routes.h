/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which interface leads where: the kernel's routes as <procfs>/net/route and ipv6_route say them. */
#ifndef DMV_MODEL_ROUTES_H
#define DMV_MODEL_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define DMV_ROUTES_MAX_BYTES ((size_t)4 << 20)

typedef struct DmvRoute {
    char interface[16];
    bool v6;
    uint8_t to[16];  /* network order; the first four bytes for IPv4 */
    unsigned prefix; /* bits; 0: the default route */
} DmvRoute;

/* Routes that are up and lead out of the host. */
typedef struct DmvRoutes {
    DmvRoute *items;
    size_t n;
} DmvRoutes;

void dmv_routes_deinit(DmvRoutes *r);
#define DMV_CLEANUP_ROUTES DMV_CLEANUP(dmv_routes_deinit)

/* Can this be the name of an interface, and so of a folder? As the kernel judges it (dev_valid_name()). */
bool dmv_interface_name_is_valid(const char *name);

/* Add what a file says; lines that are no route are left out. Return: 0, or -ENOMEM. */
int dmv_routes_parse_v4(const char *data, size_t size, DmvRoutes *r);
int dmv_routes_parse_v6(const char *data, size_t size, DmvRoutes *r);

/* The interface that leads to an address in text, by the longest prefix; NULL: none, or no address. */
const char *dmv_routes_towards(const DmvRoutes *r, const char *address);
/* Interfaces of the default routes, each once. Return: 0, or -ENOMEM. */
int dmv_routes_default(const DmvRoutes *r, char ***ret);

#endif
