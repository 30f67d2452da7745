/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What XenStore says of guests. The nodes are those of xenstore-paths(7) and of the block and network
 * backends as libxl, xend and xapi's xenopsd write them:
 *
 *     /local/domain/ID/name, vm              vm leads to /vm/UUID
 *     /vm/UUID/name, uuid, image/ostype      what xend and libxl say of it
 *     /libxl/ID/type                         "pv", "hvm", "pvh"
 *     /local/domain/B/backend/KIND/ID/N/     device N of domain ID, backed by domain B
 */
#include "guest/xenstore-tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Nodes of a domain have a number of this many digits. */
#define ID_MAX INT32_MAX
/* XenStore's own limit. */
#define PATH_SIZE 3072

/* Domains that back devices of others: the control domain, and driver domains. */
typedef struct Backend {
    int64_t domain;
    char *kind; /* "vif", "vbd", ... */
} Backend;

typedef struct Tree {
    const DmvXenstoreReader *reader;
    Backend *backends;
    size_t n_backends;
    DmvGuests *guests;
} Tree;

static void tree_deinit(Tree *t)
{
    for (size_t i = 0; i < t->n_backends; i++)
        free(t->backends[i].kind);
    free(t->backends);
}

/* ---- nodes ---- */

/* Was a path of that length made as a whole? */
static bool fits(int n)
{
    return n > 0 && n < PATH_SIZE;
}

/* The value, printable, or NULL: an empty one says nothing either. Return: 0 or a negative errno. */
__attribute__((format(printf, 3, 4))) static int get(const Tree *t, char **ret, const char *format, ...)
{
    DMV_CLEANUP_FREE char *value = NULL;
    char path[PATH_SIZE];
    va_list ap;
    int n, r;

    va_start(ap, format);
    n = vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    *ret = NULL;
    r = fits(n) ? t->reader->get(path, &value, t->reader->userdata) : -ENOENT;
    if (r < 0 || !value[0])
        return r == -ENOENT ? 0 : r;
    *ret = dmv_sanitize(value);
    return *ret ? 0 : -ENOMEM;
}

/* The names right below a node; none if it is not there. Return: 0 or a negative errno. */
__attribute__((format(printf, 3, 4))) static int list(const Tree *t, char ***ret, const char *format, ...)
{
    char path[PATH_SIZE];
    va_list ap;
    int n, r;

    va_start(ap, format);
    n = vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    *ret = NULL;
    r = fits(n) ? t->reader->list(path, ret, t->reader->userdata) : -ENOENT;
    return r == -ENOENT ? 0 : r;
}

static bool parse_id(const char *s, int64_t *ret)
{
    uint64_t n = 0;

    if (dmv_parse_u64(s, ID_MAX, &n) < 0)
        return false;
    *ret = (int64_t)n;
    return true;
}

/* ---- devices ---- */

/* One device and where it is in the tree. */
typedef struct Place {
    const Tree *tree;
    DmvGuest *guest;
    int64_t backend;
    const char *kind, *name;
} Place;

static int get_key(const Place *p, const char *key, char **ret)
{
    return get(p->tree, ret, "/local/domain/%lld/backend/%s/%lld/%s/%s", (long long)p->backend, p->kind,
               (long long)p->guest->id, p->name, key);
}

static int add_device(const Place *p, DmvBackingKind kind, const char *what, const char *target)
{
    int r = dmv_guest_add_device(p->guest, kind, what, target);

    if (r != DMV_TOO_LARGE)
        return r;
    (void)dmv_problem_add(&p->tree->guests->problems, p->guest->name, r, "it has more than %d devices",
                          DMV_GUEST_DEVICES_MAX);
    return r;
}

static int add_other(const Place *p, const char *target, const char *kind, const char *name)
{
    DMV_CLEANUP_FREE char *what = NULL;

    if (asprintf(&what, "%s %s", kind, name) < 0)
        return what = NULL, -ENOMEM;
    return add_device(p, DMV_BACKING_OTHER, what, target);
}

/* Open vSwitch's script takes "bridge.VLAN" and "bridge:TRUNKS". */
static void cut_vlan(char *bridge, const char *script)
{
    char *dot = strrchr(bridge, '.');

    bridge[strcspn(bridge, ":")] = '\0';
    if (script && dmv_ends_with(script, "vif-openvswitch") && dot && dot[1] != '\0' &&
        strspn(dot + 1, "0123456789") == strlen(dot + 1))
        *dot = '\0';
}

static int add_vif(const Place *p)
{
    DMV_CLEANUP_FREE char *bridge = NULL, *mac = NULL, *script = NULL;
    int r = get_key(p, "bridge", &bridge);

    if (r == 0)
        r = get_key(p, "mac", &mac);
    if (r == 0)
        r = get_key(p, "script", &script);
    if (r < 0)
        return r;
    for (char *c = mac; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (bridge) {
        cut_vlan(bridge, script);
        return bridge[0] ? add_device(p, DMV_BACKING_INTERFACE, bridge, mac) : 0;
    }
    return add_other(p, mac, script ? "script" : "interface", script ? script : p->name);
}

/* "aio:/srv/a.img", "tap2:qcow2:/srv/a": formats before the path. */
static const char *skip_formats(const char *params)
{
    const char *path = strstr(params, ":/");

    for (const char *c = params; path && c < path; c++)
        if (!isalnum((unsigned char)*c) && *c != ':' && *c != '-')
            return params;
    return path ? path + 1 : params;
}

/* "fd:3", in hexadecimal digits, is what udev calls /dev/block/253:3. */
static bool make_node(const char *numbers, char *ret, size_t size)
{
    unsigned major = 0, minor = 0;
    int end = 0;

    if (!isxdigit((unsigned char)numbers[0]) || sscanf(numbers, "%8x:%8x%n", &major, &minor, &end) != 2 ||
        numbers[end] != '\0')
        return false;
    (void)snprintf(ret, size, "/dev/block/%u:%u", major, minor);
    return true;
}

/* What a script made of the parameters comes after a path that is there without it: iSCSI, NBD. */
static int add_resolved(const Place *p, const char *params, const char *target)
{
    DMV_CLEANUP_FREE char *path = NULL, *numbers = NULL;
    char node[32];
    int r = get_key(p, "physical-device-path", &path);

    if (r == 0)
        r = get_key(p, "physical-device", &numbers);
    if (r < 0)
        return r;
    if (path)
        return add_device(p, DMV_BACKING_BLOCK, path, target);
    if (numbers && make_node(numbers, node, sizeof(node)))
        return add_device(p, DMV_BACKING_BLOCK, node, target);
    /* a drive with nothing in it has no parameters */
    return params ? add_other(p, target, "disk", params) : 0;
}

static int add_vbd(const Place *p)
{
    DMV_CLEANUP_FREE char *params = NULL, *target = NULL;
    const char *path;
    int r = get_key(p, "params", &params);

    if (r == 0)
        r = get_key(p, "dev", &target);
    if (r < 0)
        return r;
    path = params ? skip_formats(params) : "";
    if (path[0] != '/')
        return add_resolved(p, params, target);
    /* not by the type: libxl calls an image "phy", too, and gives it a loop device */
    return add_device(p, dmv_starts_with(path, "/dev/") ? DMV_BACKING_BLOCK : DMV_BACKING_FILE, path, target);
}

/* "dev-0", "dev-1", ... beside "vdev-0", "state-0", "opts-0" */
static bool is_function(const char *key)
{
    return dmv_starts_with(key, "dev-") && key[4] != '\0' && strspn(key + 4, "0123456789") == strlen(key + 4);
}

static int add_pci(const Place *p)
{
    DMV_CLEANUP_STRV char **keys = NULL;
    int r = list(p->tree, &keys, "/local/domain/%lld/backend/%s/%lld/%s", (long long)p->backend, p->kind,
                 (long long)p->guest->id, p->name);

    for (char **k = keys; r == 0 && k && *k; k++) {
        DMV_CLEANUP_FREE char *slot = NULL;

        if (!is_function(*k))
            continue;
        r = get_key(p, *k, &slot);
        if (r == 0 && slot)
            r = add_device(p, DMV_BACKING_PCI, slot, NULL);
    }
    return r;
}

/* vbd3 is what XenServer's tapdisk has; tap and qdisk are disks that a process serves. The others carry no
 * device of the host. */
static const struct {
    const char *kind;
    int (*add)(const Place *p);
    const char *target; /* the key that says what the guest calls it */
} kinds[] = {
    {"vif", add_vif, "mac"},  {"vbd", add_vbd, "dev"},   {"vbd3", add_vbd, "dev"}, {"tap", add_vbd, "dev"},
    {"tap2", add_vbd, "dev"}, {"qdisk", add_vbd, "dev"}, {"pci", add_pci, NULL},
};

static int find_kind(const char *kind)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return (int)i;
    return -1;
}

static int add_foreign(const Place *p, const char *target_key)
{
    DMV_CLEANUP_FREE char *target = NULL;
    char domain[24];
    int r = target_key ? get_key(p, target_key, &target) : 0;

    (void)snprintf(domain, sizeof(domain), "%lld", (long long)p->backend);
    for (char *c = target; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return r == 0 ? add_other(p, target, "domain", domain) : r;
}

/* A device that was taken away has a backend for a while, which is closed: 6 in xen/io/xenbus.h. */
static int read_device(const Place *p)
{
    DMV_CLEANUP_FREE char *state = NULL;
    int kind = find_kind(p->kind);
    int r = get_key(p, "state", &state);

    if (r < 0 || kind < 0 || dmv_streq(state, "6"))
        return r;
    return p->backend == 0 ? kinds[kind].add(p) : add_foreign(p, kinds[kind].target);
}

static int read_devices(const Tree *t, DmvGuest *g)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < t->n_backends; i++) {
        DMV_CLEANUP_STRV char **names = NULL;
        Place p = {.tree = t, .guest = g, .backend = t->backends[i].domain, .kind = t->backends[i].kind};

        r = list(t, &names, "/local/domain/%lld/backend/%s/%lld", (long long)p.backend, p.kind,
                 (long long)g->id);
        for (char **n = names; r == 0 && n && *n; n++) {
            p.name = *n;
            r = read_device(&p);
        }
    }
    return r == DMV_TOO_LARGE ? 0 : r;
}

/* ---- domains ---- */

/* "/vm/UUID", with more behind it where xend has started it again. */
static int read_uuid(const char *vm, DmvGuest *g)
{
    char text[DMV_UUID_SIZE], uuid[DMV_UUID_SIZE];

    if (!vm || !dmv_starts_with(vm, "/vm/") || strlen(vm) < strlen("/vm/") + sizeof(text) - 1)
        return 0;
    memcpy(text, vm + strlen("/vm/"), sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    return dmv_uuid_normalize(text, uuid) ? dmv_set_string(&g->uuid, uuid) : 0;
}

static int read_name(const Tree *t, const char *vm, DmvGuest *g)
{
    int r = get(t, &g->name, "/local/domain/%lld/name", (long long)g->id);

    if (r == 0 && !g->name && vm)
        r = get(t, &g->name, "%s/name", vm);
    if (r == 0 && !g->name && asprintf(&g->name, "domain %lld", (long long)g->id) < 0)
        g->name = NULL, r = -ENOMEM;
    return r;
}

/* libxl says it; of what xend or xapi have made only a fully virtualised one can be told. */
static int read_type(const Tree *t, const char *vm, DmvGuest *g)
{
    static const char *const types[] = {"pv", "hvm", "pvh"};
    DMV_CLEANUP_FREE char *type = NULL, *ostype = NULL;
    DMV_CLEANUP_STRV char **loader = NULL;
    int r = get(t, &type, "/libxl/%lld/type", (long long)g->id);

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(types); i++)
        if (dmv_streq(type, types[i]))
            return dmv_set_string(&g->type, type);
    if (r == 0 && vm)
        r = get(t, &ostype, "%s/image/ostype", vm);
    if (r == 0)
        r = list(t, &loader, "/local/domain/%lld/hvmloader", (long long)g->id);
    if (r == 0 && (loader || dmv_streq(ostype, "hvm")))
        return dmv_set_string(&g->type, "hvm");
    return r == 0 && dmv_streq(ostype, "linux") ? dmv_set_string(&g->type, "pv") : r;
}

static int read_domain(const Tree *t, int64_t id, DmvGuest *g)
{
    DMV_CLEANUP_FREE char *vm = NULL;
    int r = get(t, &vm, "/local/domain/%lld/vm", (long long)id);

    g->id = id;
    g->state = DMV_GUEST_RUNNING;
    if (r == 0)
        r = read_name(t, vm, g);
    if (r == 0)
        r = read_uuid(vm, g);
    if (r == 0)
        r = read_type(t, vm, g);
    return r == 0 ? read_devices(t, g) : r;
}

/* One that has gone since the list was read has no nodes, whatever was read of it before. */
static int add_domain(Tree *t, int64_t id)
{
    const DmvXenstoreReader *reader = t->reader;
    DMV_CLEANUP_GUEST DmvGuest g = {.id = -1};
    DMV_CLEANUP_STRV char **nodes = NULL;
    bool is_still = reader->begin && reader->begin(reader->userdata) == 0;
    DmvGuest *place;
    int r = read_domain(t, id, &g);

    if (r == 0)
        r = list(t, &nodes, "/local/domain/%lld", (long long)id);
    if (is_still)
        reader->end(reader->userdata);
    if (r < 0 || !nodes)
        return r;
    place = DMV_ARRAY_ADD(t->guests->items, t->guests->n);
    if (!place)
        return -ENOMEM;
    *place = g;
    g = (DmvGuest){0};
    return 0;
}

static int add_backends(Tree *t, int64_t domain)
{
    DMV_CLEANUP_STRV char **names = NULL;
    int r = list(t, &names, "/local/domain/%lld/backend", (long long)domain);

    for (char **n = names; r == 0 && n && *n; n++) {
        Backend *b;

        if (find_kind(*n) < 0)
            continue;
        b = DMV_ARRAY_ADD(t->backends, t->n_backends);
        if (!b)
            return -ENOMEM;
        b->domain = domain;
        r = dmv_set_string(&b->kind, *n);
    }
    return r;
}

int dmv_xenstore_read_tree(const DmvXenstoreReader *reader, DmvGuests *ret)
{
    __attribute__((cleanup(tree_deinit))) Tree t = {.reader = reader, .guests = ret};
    DMV_CLEANUP_STRV char **ids = NULL;
    int64_t id;
    int r = list(&t, &ids, "/local/domain");

    for (char **s = ids; r == 0 && s && *s; s++)
        if (parse_id(*s, &id))
            r = add_backends(&t, id);
    for (char **s = ids; r == 0 && s && *s; s++) {
        if (!parse_id(*s, &id) || id == 0)
            continue;
        if (ret->n >= DMV_GUESTS_MAX) {
            (void)dmv_problem_add(&ret->problems, "/local/domain", DMV_TOO_LARGE,
                                  "there are more than %d domains", DMV_GUESTS_MAX);
            break;
        }
        r = add_domain(&t, id);
    }
    return r;
}
