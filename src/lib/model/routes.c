/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes as text of procfs. */
#include "model/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define FLAG_UP 0x1u
#define FLAG_REJECT 0x200u
#define MAX_FIELDS 12

void dmv_routes_deinit(DmvRoutes *r)
{
    free(r->items);
    *r = (DmvRoutes){0};
}

bool dmv_interface_name_is_valid(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n < sizeof(((DmvRoute *)NULL)->interface) && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && strcspn(name, "/: \t\n\v\f\r") == n;
}

static bool read_hex(const char *s, size_t digits, uint32_t *ret)
{
    char *end = NULL;

    if (strlen(s) != digits || strspn(s, "0123456789abcdefABCDEF") != digits)
        return false;
    *ret = (uint32_t)strtoul(s, &end, 16);
    return true;
}

/* Return: how many words of the line are in @fields. */
static size_t split(char *line, char *fields[MAX_FIELDS])
{
    char *word;
    size_t n = 0;

    while (n < MAX_FIELDS && (word = strsep(&line, " \t")))
        if (*word)
            fields[n++] = word;
    return n;
}

/* "Iface Destination Gateway Flags RefCnt Use Metric Mask ...": addresses as the number that the four bytes
 * in network order are on this machine. */
static bool parse_v4(char *line, DmvRoute *ret)
{
    char *fields[MAX_FIELDS];
    uint32_t to, mask, flags;

    if (split(line, fields) < 8 || !read_hex(fields[1], 8, &to) || !read_hex(fields[3], 4, &flags) ||
        !read_hex(fields[7], 8, &mask) || !(flags & FLAG_UP) || (flags & FLAG_REJECT) ||
        !dmv_interface_name_is_valid(fields[0]))
        return false;
    memcpy(ret->interface, fields[0], strlen(fields[0]) + 1);
    memcpy(ret->to, &to, sizeof(to));
    ret->prefix = (unsigned)__builtin_popcount(mask);
    return true;
}

static bool read_address(const char *s, uint8_t ret[16])
{
    if (!dmv_is_hex(s, 32))
        return false;
    for (size_t i = 0; i < 16; i++) {
        const char byte[3] = {s[2 * i], s[2 * i + 1], '\0'};

        ret[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return true;
}

/* "to prefix from prefix gateway metric refcnt use flags interface" */
static bool parse_v6(char *line, DmvRoute *ret)
{
    char *fields[MAX_FIELDS];
    uint32_t prefix, flags;

    if (split(line, fields) < 10 || !read_address(fields[0], ret->to) || !read_hex(fields[1], 2, &prefix) ||
        prefix > 128 || !read_hex(fields[8], 8, &flags) || !(flags & FLAG_UP) || (flags & FLAG_REJECT) ||
        !dmv_interface_name_is_valid(fields[9]))
        return false;
    memcpy(ret->interface, fields[9], strlen(fields[9]) + 1);
    ret->v6 = true;
    ret->prefix = prefix;
    return true;
}

static int parse(const char *data, size_t size, bool (*line_parser)(char *, DmvRoute *), DmvRoutes *r)
{
    DMV_CLEANUP_FREE char *text = strndup(data, size);
    char *rest = text, *line;

    if (!text)
        return -ENOMEM;
    while ((line = strsep(&rest, "\n"))) {
        DmvRoute fresh = {0}, *place;

        if (!line_parser(line, &fresh) || strcmp(fresh.interface, "lo") == 0)
            continue;
        place = DMV_ARRAY_ADD(r->items, r->n);
        if (!place)
            return -ENOMEM;
        *place = fresh;
    }
    return 0;
}

int dmv_routes_parse_v4(const char *data, size_t size, DmvRoutes *r)
{
    return parse(data, size, parse_v4, r);
}

int dmv_routes_parse_v6(const char *data, size_t size, DmvRoutes *r)
{
    return parse(data, size, parse_v6, r);
}

static bool leads_to(const DmvRoute *route, bool v6, const uint8_t address[16])
{
    unsigned whole = route->prefix / 8, bits = route->prefix % 8;
    uint8_t mask = (uint8_t)(0xff00u >> bits);

    if (route->v6 != v6 || route->prefix > (v6 ? 128u : 32u) || memcmp(route->to, address, whole) != 0)
        return false;
    return bits == 0 || ((route->to[whole] ^ address[whole]) & mask) == 0;
}

const char *dmv_routes_towards(const DmvRoutes *r, const char *address)
{
    uint8_t bytes[16] = {0};
    bool v4 = inet_pton(AF_INET, address, bytes) == 1;
    const DmvRoute *best = NULL;

    if (!v4 && inet_pton(AF_INET6, address, bytes) != 1)
        return NULL;
    for (size_t i = 0; i < r->n; i++)
        if (leads_to(&r->items[i], !v4, bytes) && (!best || r->items[i].prefix > best->prefix))
            best = &r->items[i];
    return best ? best->interface : NULL;
}

int dmv_routes_default(const DmvRoutes *r, char ***ret)
{
    DMV_CLEANUP_STRV char **names = NULL;

    for (size_t i = 0; i < r->n; i++)
        if (r->items[i].prefix == 0 && dmv_strv_push_unique(&names, r->items[i].interface) < 0)
            return -ENOMEM;
    *ret = DMV_TAKE_PTR(names);
    return 0;
}
