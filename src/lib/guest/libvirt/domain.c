/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain descriptions by libxml2.
 *
 * libvirt has checked what it gives, and yet half of it are words of whoever made the guest, and a
 * description may as well come from a file that somebody put into /etc/xen. So it is read like anything else
 * from outside. The limits are kept while libxml2 reads, before there is a tree that could be too large.
 */
#include "guest/domain.h"

#include <ctype.h>
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"

#define WHAT "a domain description cannot be read"

DMV_DEFINE_CLEANUP(xmlParserCtxtPtr, cleanup_parser, xmlFreeParserCtxt);
DMV_DEFINE_CLEANUP(xmlDocPtr, cleanup_document, xmlFreeDoc);
DMV_DEFINE_CLEANUP(xmlChar *, cleanup_xml, xmlFree);

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "%s", why);
}

/* ---- limits ---- */

typedef struct Limits {
    startElementNsSAX2Func start;
    endElementNsSAX2Func end;
    unsigned depth, n_nodes;
    int code; /* why the parser was stopped, or 0 */
    const char *why;
} Limits;

static void stop(xmlParserCtxtPtr parser, int code, const char *why)
{
    Limits *l = parser->_private;

    if (!l->code) {
        l->code = code;
        l->why = why;
    }
    xmlStopParser(parser);
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
                     const xmlChar **attributes)
{
    xmlParserCtxtPtr parser = context;
    Limits *l = parser->_private;

    l->n_nodes += 1 + (unsigned)n_attributes + (unsigned)n_namespaces;
    if (++l->depth > DMV_DOMAIN_MAX_DEPTH)
        stop(parser, DMV_TOO_DEEP, "it is nested too deeply");
    else if (l->n_nodes > DMV_DOMAIN_MAX_NODES)
        stop(parser, DMV_TOO_LARGE, "it has too many elements");
    else
        l->start(context, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted, attributes);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    xmlParserCtxtPtr parser = context;
    Limits *l = parser->_private;

    l->depth--;
    l->end(context, name, prefix, uri);
}

/* Where entities and files from elsewhere come from. No description has one. */
static void on_document_type(void *context, const xmlChar *name, const xmlChar *external,
                             const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    stop(context, DMV_MALFORMED, "it has a document type");
}

static int refuse_document(xmlParserCtxtPtr parser, const Limits *l, DmvError *reterr)
{
    const xmlError *e = xmlCtxtGetLastError(parser);
    const char *said = e && e->message ? e->message : "it is no XML";
    DMV_CLEANUP_FREE char *line = strndup(said, strcspn(said, "\n"));
    DMV_CLEANUP_FREE char *words = line ? dmv_sanitize(line) : NULL;

    if (l->code)
        return dmv_error_set(reterr, l->code, WHAT, NULL, "%s", l->why);
    if (!words || (e && e->code == XML_ERR_NO_MEMORY))
        return -ENOMEM;
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "line %d: %s", e ? e->line : 0, words);
}

/* Whatever encoding the document claims, libvirt writes UTF-8. */
static int parse_document(const char *xml, size_t size, xmlDocPtr *ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_parser) xmlParserCtxtPtr parser = NULL;
    Limits l = {.code = 0};

    if (size == 0)
        return dmv_error_set(reterr, DMV_EMPTY, WHAT, NULL, "it is empty");
    if (size > DMV_DOMAIN_MAX_BYTES)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL, "it has more than %zu bytes",
                             DMV_DOMAIN_MAX_BYTES);
    if (memchr(xml, '\0', size))
        return malformed(reterr, "it has a NUL in it");
    parser = xmlNewParserCtxt();
    if (!parser)
        return -ENOMEM;
    parser->_private = &l;
    l.start = parser->sax->startElementNs;
    l.end = parser->sax->endElementNs;
    parser->sax->startElementNs = on_start;
    parser->sax->endElementNs = on_end;
    parser->sax->internalSubset = on_document_type;
    *ret = xmlCtxtReadMemory(parser, xml, (int)size, NULL, "UTF-8",
                             XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
                                 XML_PARSE_COMPACT);
    /* one that was stopped may count as well-formed */
    return *ret && !l.code ? 0 : refuse_document(parser, &l, reterr);
}

/* ---- the tree ---- */

/* The first element of that name right below @e, the extensions of others left out; NULL: none. */
static const xmlNode *find_child(const xmlNode *e, const char *name)
{
    for (const xmlNode *n = e ? e->children : NULL; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && !n->ns && strcmp((const char *)n->name, name) == 0)
            return n;
    return NULL;
}

/* Without blanks around it, printable; NULL if nothing is left. Return: 0, or -ENOMEM. */
static int take_words(xmlChar *xml, char **ret)
{
    DMV_CLEANUP(cleanup_xml) xmlChar *owned = xml;
    char *s = (char *)owned;
    size_t n;

    *ret = NULL;
    if (!s)
        return 0;
    while (isspace((unsigned char)*s))
        s++;
    for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
        s[n - 1] = '\0';
    if (n == 0)
        return 0;
    *ret = dmv_sanitize(s);
    return *ret ? 0 : -ENOMEM;
}

static int get_attribute(const xmlNode *e, const char *name, char **ret)
{
    *ret = NULL;
    return e ? take_words(xmlGetNoNsProp(e, (const xmlChar *)name), ret) : 0;
}

static int get_text(const xmlNode *e, char **ret)
{
    *ret = NULL;
    return e ? take_words(xmlNodeGetContent(e), ret) : 0;
}

/* The attribute of a child. */
static int get_of_child(const xmlNode *e, const char *child, const char *name, char **ret)
{
    return get_attribute(find_child(e, child), name, ret);
}

/* ---- devices ---- */

typedef struct Reading {
    DmvGuest *guest;
    DmvBridgeOf bridge_of;
    void *userdata;
    DmvError *reterr;
} Reading;

static int add(const Reading *x, DmvBackingKind kind, const char *what, const char *target)
{
    int r = dmv_guest_add_device(x->guest, kind, what, target);

    if (r == DMV_TOO_LARGE)
        return dmv_error_set(x->reterr, r, WHAT, NULL, "it has more than %d devices", DMV_GUEST_DEVICES_MAX);
    return r;
}

static int add_other(const Reading *x, const char *target, const char *kind, const char *name)
{
    DMV_CLEANUP_FREE char *what = NULL;

    if (asprintf(&what, "%s%s%s", kind, name ? " " : "", name ? name : "") < 0)
        return what = NULL, -ENOMEM;
    return add(x, DMV_BACKING_OTHER, what, target);
}

/* "0x03", "3": as libvirt takes numbers, with an end that fits. */
static bool parse_number(const char *s, unsigned long max, unsigned long *ret)
{
    char *end = NULL;

    if (!s || !isdigit((unsigned char)s[0]))
        return false;
    errno = 0;
    *ret = strtoul(s, &end, 0);
    return errno == 0 && *end == '\0' && *ret <= max;
}

/* <address domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>; the domain may be left out. */
static int add_pci(const Reading *x, const xmlNode *address, const char *target)
{
    static const char *const names[] = {"domain", "bus", "slot", "function"};
    static const unsigned long most[] = {UINT32_MAX, 0xff, 0x1f, 7};
    unsigned long n[4] = {0};
    char slot[32];

    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++) {
        DMV_CLEANUP_FREE char *s = NULL;
        int r = get_attribute(address, names[i], &s);

        if (r < 0)
            return r;
        if ((i > 0 || s) && !parse_number(s, most[i], &n[i]))
            return malformed(x->reterr, "a PCI function that is given to it has no address");
    }
    (void)snprintf(slot, sizeof(slot), "%04lx:%02lx:%02lx.%lx", n[0], n[1], n[2], n[3]);
    return add(x, DMV_BACKING_PCI, slot, target);
}

/* A file below /dev is a block device whatever it is called, and XenStore calls it one. */
static int add_path(const Reading *x, const char *path, bool is_block, const char *target)
{
    bool is_node = is_block || dmv_starts_with(path, "/dev/");

    return add(x, is_node ? DMV_BACKING_BLOCK : DMV_BACKING_FILE, path, target);
}

/* The attribute of <source> that says what a disk of that type is. */
static const char *source_attribute(const char *type)
{
    static const char *const table[][2] = {{"file", "file"}, {"block", "dev"}, {"dir", "dir"}};

    for (size_t i = 0; i < DMV_N_ELEMENTS(table); i++)
        if (strcmp(type, table[i][0]) == 0)
            return table[i][1];
    return NULL;
}

static int read_disk(const Reading *x, const xmlNode *e)
{
    DMV_CLEANUP_FREE char *type = NULL, *target = NULL, *backend = NULL, *path = NULL, *name = NULL;
    const xmlNode *source = find_child(e, "source");
    const char *attribute;
    int r = get_attribute(e, "type", &type);

    if (r == 0 && !type)
        r = dmv_set_string(&type, "file");
    if (r == 0)
        r = get_of_child(e, "target", "dev", &target);
    if (r == 0)
        r = get_of_child(e, "backenddomain", "name", &backend);
    if (r < 0 || !source)
        return r;
    if (backend)
        return add_other(x, target, "domain", backend);
    if (strcmp(type, "nvme") == 0)
        return add_pci(x, find_child(source, "address"), target);
    attribute = source_attribute(type);
    r = get_attribute(source, attribute ? attribute : "name", attribute ? &path : &name);
    if (r < 0 || (attribute && !path))
        return r;
    return attribute ? add_path(x, path, strcmp(type, "block") == 0, target)
                     : add_other(x, target, type, name);
}

/* What a live domain stands on is there already; a defined one has the name of a network. */
static int read_network(const Reading *x, const xmlNode *source, const char *mac)
{
    DMV_CLEANUP_FREE char *bridge = NULL, *network = NULL;
    int r = get_attribute(source, "bridge", &bridge);

    if (r == 0)
        r = get_attribute(source, "network", &network);
    if (r < 0)
        return r;
    if (!bridge && network && x->bridge_of)
        bridge = x->bridge_of(network, x->userdata);
    return bridge ? add(x, DMV_BACKING_INTERFACE, bridge, mac) : add_other(x, mac, "network", network);
}

static int read_interface(const Reading *x, const xmlNode *e)
{
    DMV_CLEANUP_FREE char *type = NULL, *mac = NULL, *backend = NULL, *on = NULL, *script = NULL;
    const xmlNode *source = find_child(e, "source");
    int r = get_attribute(e, "type", &type);

    if (r == 0)
        r = get_of_child(e, "mac", "address", &mac);
    if (r == 0)
        r = get_of_child(e, "backenddomain", "name", &backend);
    if (r == 0)
        r = get_of_child(e, "script", "path", &script);
    if (r < 0)
        return r;
    for (char *p = mac; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (backend)
        return add_other(x, mac, "domain", backend);
    if (dmv_streq(type, "network"))
        return read_network(x, source, mac);
    if (dmv_streq(type, "hostdev"))
        return add_pci(x, find_child(source, "address"), mac);
    r = get_attribute(source, dmv_streq(type, "direct") ? "dev" : "bridge", &on);
    if (r < 0)
        return r;
    if (on)
        return add(x, DMV_BACKING_INTERFACE, on, mac);
    return script ? add_other(x, mac, "script", script) : add_other(x, mac, "network of type", type);
}

static int read_hostdev(const Reading *x, const xmlNode *e)
{
    DMV_CLEANUP_FREE char *type = NULL;
    int r = get_attribute(e, "type", &type);

    if (r < 0)
        return r;
    if (dmv_streq(type, "pci"))
        return add_pci(x, find_child(find_child(e, "source"), "address"), NULL);
    return add_other(x, NULL, "a device of type", type ? type : "?");
}

static int read_devices(const Reading *x, const xmlNode *devices)
{
    static const struct {
        const char *name;
        int (*read)(const Reading *x, const xmlNode *e);
    } table[] = {{"disk", read_disk}, {"interface", read_interface}, {"hostdev", read_hostdev}};
    int r = 0;

    for (const xmlNode *n = devices ? devices->children : NULL; r == 0 && n; n = n->next)
        for (size_t i = 0; n->type == XML_ELEMENT_NODE && !n->ns && i < DMV_N_ELEMENTS(table); i++)
            if (strcmp((const char *)n->name, table[i].name) == 0)
                r = table[i].read(x, n);
    return r;
}

/* ---- the rest ---- */

static int read_identity(const xmlNode *domain, DmvGuest *g, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *id = NULL, *uuid = NULL;
    char normal[DMV_UUID_SIZE];
    unsigned long n = 0;
    int r = get_text(find_child(domain, "name"), &g->name);

    if (r == 0)
        r = get_text(find_child(domain, "uuid"), &uuid);
    if (r == 0)
        r = get_attribute(domain, "id", &id);
    if (r < 0)
        return r;
    if (!g->name)
        return malformed(reterr, "it has no name");
    if (id && !parse_number(id, INT32_MAX, &n))
        return malformed(reterr, "its number is none");
    g->id = id ? (int64_t)n : -1;
    g->state = id ? DMV_GUEST_RUNNING : DMV_GUEST_DEFINED;
    if (uuid && dmv_uuid_normalize(uuid, normal))
        return dmv_set_string(&g->uuid, normal);
    /* the control domain has one that is all zeros */
    return uuid && strspn(uuid, "0-") != strlen(uuid) ? malformed(reterr, "its UUID is none") : 0;
}

/* libvirt calls what is paravirtualised "linux", and "xen" since 4.3. */
static int read_type(const xmlNode *os, DmvGuest *g, DmvError *reterr)
{
    static const char *const table[][2] = {{"linux", "pv"}, {"xen", "pv"}, {"hvm", "hvm"}, {"xenpvh", "pvh"}};
    DMV_CLEANUP_FREE char *type = NULL;
    int r = get_text(find_child(os, "type"), &type);

    if (r < 0)
        return r;
    if (!type)
        return malformed(reterr, "it does not say what kind of guest it is");
    for (size_t i = 0; i < DMV_N_ELEMENTS(table); i++)
        if (strcmp(type, table[i][0]) == 0)
            return dmv_set_string(&g->type, table[i][1]);
    return malformed(reterr, "it is a guest of an unknown kind");
}

static int set_boot(DmvGuest *g, const char *by, const char *path)
{
    if (asprintf(&g->boot, "%s%s%s", by, path ? " " : "", path ? path : "") < 0)
        return g->boot = NULL, -ENOMEM;
    return 0;
}

/* A kernel that is given comes before what a firmware would find; a bootloader finds one in the guest's disk.
 */
static int read_boot(const xmlNode *domain, const xmlNode *os, DmvGuest *g)
{
    DMV_CLEANUP_FREE char *bootloader = NULL, *kernel = NULL;
    const xmlNode *e = find_child(domain, "bootloader");
    int r = get_text(e, &bootloader);

    if (r == 0)
        r = get_text(find_child(os, "kernel"), &kernel);
    if (r < 0)
        return r;
    if (e)
        return set_boot(g, "bootloader", bootloader);
    if (kernel)
        return set_boot(g, "kernel", kernel);
    return strcmp(g->type, "hvm") == 0 ? set_boot(g, "firmware", NULL) : 0;
}

static int check_domain(const xmlNode *e, const char *type, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *said = NULL;
    int r;

    if (!e || e->ns || strcmp((const char *)e->name, "domain") != 0)
        return malformed(reterr, "it describes no domain");
    r = get_attribute(e, "type", &said);
    if (r < 0)
        return r;
    if (!said || strcmp(said, type) != 0)
        return dmv_error_set(reterr, DMV_WRONG_TYPE, WHAT, NULL, "it is a domain of type %s, not %s",
                             said ? said : "?", type);
    return 0;
}

static int read_domain(const xmlNode *domain, const Reading *x)
{
    const xmlNode *os = find_child(domain, "os");
    int r = read_identity(domain, x->guest, x->reterr);

    if (r == 0)
        r = read_type(os, x->guest, x->reterr);
    if (r == 0)
        r = read_boot(domain, os, x->guest);
    return r == 0 ? read_devices(x, find_child(domain, "devices")) : r;
}

int dmv_domain_parse(const char *xml, size_t size, const char *type, DmvBridgeOf bridge_of, void *userdata,
                     DmvGuest *ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_document) xmlDocPtr document = NULL;
    DMV_CLEANUP_GUEST DmvGuest g = {.id = -1, .state = DMV_GUEST_DEFINED};
    const Reading x = {&g, bridge_of, userdata, reterr};
    const xmlNode *domain;
    int r = parse_document(xml, size, &document, reterr);

    if (r != 0)
        return r;
    domain = xmlDocGetRootElement(document);
    r = check_domain(domain, type, reterr);
    if (r == 0)
        r = read_domain(domain, &x);
    if (r != 0)
        return r;
    *ret = g;
    g = (DmvGuest){0};
    return 0;
}
