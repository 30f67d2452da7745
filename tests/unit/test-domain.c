/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain descriptions: the four forms of libvirt's page, today's, and what is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "guest/domain.h"

static char *bridge_of(const char *network, void *userdata)
{
    size_t *n = userdata;

    (*n)++;
    return strcmp(network, "default") == 0 ? strdup("virbr0") : NULL;
}

static void parse_file(const char *name, DmvGuest *ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FCLOSE FILE *f = NULL;
    char path[512], xml[8192];
    size_t n, n_asked = 0;

    (void)snprintf(path, sizeof(path), "%s/tests/domains/%s.xml", getenv("DMV_SOURCE"), name);
    f = fopen(path, "re");
    assert_non_null(f);
    n = fread(xml, 1, sizeof(xml), f);
    assert_true(n > 0 && n < sizeof(xml));
    if (dmv_domain_parse(xml, n, "xen", bridge_of, &n_asked, ret, &e) != 0)
        fail_msg("%s: %s", name, e.why);
}

static void assert_device(const DmvGuest *g, size_t i, DmvBackingKind kind, const char *what,
                          const char *target)
{
    assert_true(i < g->n_devices);
    assert_int_equal(g->devices[i].kind, kind);
    assert_string_equal(g->devices[i].what, what);
    assert_true(dmv_streq(g->devices[i].target, target));
}

/* ---- the page's forms ---- */

static void test_pv_bootloader(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};

    (void)state;
    parse_file("pv-bootloader", &g);
    assert_string_equal(g.name, "fc8");
    assert_null(g.uuid);
    assert_int_equal(g.id, -1);
    assert_int_equal(g.state, DMV_GUEST_DEFINED);
    assert_string_equal(g.type, "pv");
    assert_string_equal(g.boot, "bootloader /usr/bin/pygrub");
    assert_int_equal(g.n_devices, 3);
    assert_device(&g, 0, DMV_BACKING_FILE, "/srv/images/fc8.img", "sda1");
    assert_device(&g, 1, DMV_BACKING_BLOCK, "/dev/vg/fc8-data", "sdb1");
    assert_device(&g, 2, DMV_BACKING_INTERFACE, "xenbr0", "aa:00:00:00:00:11");
}

static void test_pv_kernel(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};

    (void)state;
    parse_file("pv-kernel", &g);
    assert_string_equal(g.type, "pv");
    assert_string_equal(g.boot, "kernel /srv/install/vmlinuz");
    assert_int_equal(g.n_devices, 3);
    assert_device(&g, 0, DMV_BACKING_FILE, "/srv/images/new.img", "sda1");
    assert_device(&g, 1, DMV_BACKING_INTERFACE, "virbr0", "aa:00:00:00:00:12");
    assert_device(&g, 2, DMV_BACKING_OTHER, "network isolated", NULL);
}

static void test_hvm_firmware(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};

    (void)state;
    parse_file("hvm-firmware", &g);
    assert_string_equal(g.uuid, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
    assert_int_equal(g.id, 3);
    assert_int_equal(g.state, DMV_GUEST_RUNNING);
    assert_string_equal(g.type, "hvm");
    assert_string_equal(g.boot, "firmware");
    assert_int_equal(g.n_devices, 5);
    assert_device(&g, 0, DMV_BACKING_INTERFACE, "xenbr0", "00:16:3e:5d:c7:9e");
    assert_device(&g, 1, DMV_BACKING_FILE, "/srv/images/fv0", "hda");
    assert_device(&g, 2, DMV_BACKING_FILE, "/srv/images/boot.iso", "hdc");
    assert_device(&g, 3, DMV_BACKING_FILE, "/srv/images/fd.img", "fda");
    assert_device(&g, 4, DMV_BACKING_PCI, "0000:03:00.1", NULL);
}

static void test_hvm_kernel(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};

    (void)state;
    parse_file("hvm-kernel", &g);
    assert_string_equal(g.type, "hvm");
    assert_string_equal(g.boot, "kernel /srv/install/vmlinuz");
    assert_int_equal(g.n_devices, 5);
}

static void test_current(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};

    (void)state;
    parse_file("current", &g);
    assert_string_equal(g.name, "web");
    assert_int_equal(g.id, 12);
    assert_string_equal(g.type, "pv");
    assert_int_equal(g.n_devices, 14);
    assert_device(&g, 0, DMV_BACKING_BLOCK, "/dev/vg/web", "xvda");
    assert_device(&g, 1, DMV_BACKING_BLOCK, "/dev/shm/scratch", "xvdb");
    assert_device(&g, 2, DMV_BACKING_OTHER, "domain storage", "xvdc");
    assert_device(&g, 3, DMV_BACKING_OTHER, "network pool/web", "xvdd");
    assert_device(&g, 4, DMV_BACKING_PCI, "0000:05:00.0", "xvdf");
    assert_device(&g, 5, DMV_BACKING_INTERFACE, "xenbr0", "00:16:3e:00:00:01");
    assert_device(&g, 6, DMV_BACKING_INTERFACE, "virbr0", "00:16:3e:00:00:02");
    assert_device(&g, 7, DMV_BACKING_INTERFACE, "eth2", "00:16:3e:00:00:03");
    assert_device(&g, 8, DMV_BACKING_OTHER, "script vif-route", "00:16:3e:00:00:04");
    assert_device(&g, 9, DMV_BACKING_OTHER, "domain netvm", "00:16:3e:00:00:05");
    assert_device(&g, 10, DMV_BACKING_OTHER, "network of type user", "00:16:3e:00:00:06");
    assert_device(&g, 11, DMV_BACKING_PCI, "0000:03:10.2", "00:16:3e:00:00:07");
    assert_device(&g, 12, DMV_BACKING_PCI, "0000:04:00.0", NULL);
    assert_device(&g, 13, DMV_BACKING_OTHER, "a device of type usb", NULL);
}

/* ---- small ones ---- */

#define DOMAIN(inside) "<domain type='xen'><name>a</name><os><type>hvm</type></os>" inside "</domain>"
#define DEVICES(inside) DOMAIN("<devices>" inside "</devices>")

static int parse(const char *xml, size_t size, DmvGuest *ret, DmvError *e)
{
    return dmv_domain_parse(xml, size, "xen", NULL, NULL, ret, e);
}

static void parse_text(const char *xml, DmvGuest *ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (parse(xml, strlen(xml), ret, &e) != 0)
        fail_msg("%s: %s", xml, e.why);
}

static void test_small(void **state)
{
    static const struct {
        const char *xml, *type, *boot;
    } cases[] = {
        {"<domain type='xen'><name>a</name><os><type>xenpvh</type></os></domain>", "pvh", NULL},
        {"<domain type='xen'><name>a</name><os><type>xen</type></os></domain>", "pv", NULL},
        {"<domain type='xen'><name>a</name><bootloader/><os><type>xen</type></os></domain>", "pv",
         "bootloader"},
        {"<?xml version='1.0' encoding='ISO-8859-1'?><!-- c --><domain type='xen'><name><![CDATA[a]]></name>"
         "<os><type>\n hvm\n</type></os></domain>",
         "hvm", "firmware"},
        {DOMAIN("<uuid>00000000-0000-0000-0000-000000000000</uuid>"), "hvm", "firmware"},
        {DEVICES("<disk/><disk type='file'/><disk><source/></disk><interface type='bridge'/>"), "hvm",
         "firmware"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_GUEST DmvGuest g = {0};

        parse_text(cases[i].xml, &g);
        assert_string_equal(g.name, "a");
        assert_null(g.uuid);
        assert_true(dmv_streq(g.type, cases[i].type));
        assert_true(dmv_streq(g.boot, cases[i].boot));
    }
}

/* What may be looked up later is what that kind of thing may be called. */
static void test_words(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};

    (void)state;
    parse_text(DEVICES("<disk><source file='/srv/../etc/shadow'/></disk>"
                       "<disk><source file='relative'/></disk>"
                       "<interface type='bridge'><source bridge='../../block'/></interface>"
                       "<disk><source file='/srv/a&#10;b&#x9b;'/><target dev='x&#9;y'/></disk>"),
               &g);
    assert_int_equal(g.n_devices, 4);
    assert_device(&g, 0, DMV_BACKING_OTHER, "/srv/../etc/shadow", NULL);
    assert_device(&g, 1, DMV_BACKING_OTHER, "relative", NULL);
    assert_device(&g, 2, DMV_BACKING_OTHER, "../../block", NULL);
    assert_device(&g, 3, DMV_BACKING_FILE, "/srv/a?b??", "x?y");
}

/* ---- refused ---- */

#define ADDRESS(attributes) \
    DEVICES("<hostdev type='pci'><source><address " attributes "/></source></hostdev>")
#define BOMB                                                                                     \
    "<!DOCTYPE domain [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"     \
    "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>]>" \
    "<domain type='xen'><name>&d;</name><os><type>hvm</type></os></domain>"

static void test_refused(void **state)
{
    static const struct {
        const char *xml;
        int code;
        const char *why;
    } cases[] = {
        {"", DMV_EMPTY, "empty"},
        {"no xml", DMV_MALFORMED, "line 1"},
        {"<domain type='xen'><name>a</name>", DMV_MALFORMED, "line 1"},
        {"<domain type='xen'><name>a</b></domain>", DMV_MALFORMED, "mismatch"},
        {DOMAIN("") DOMAIN(""), DMV_MALFORMED, "line 1"},
        {"<domain type='xen' type='xen'/>", DMV_MALFORMED, "redefined"},
        {"<domains/>", DMV_MALFORMED, "describes no domain"},
        {"<d:domain xmlns:d='urn:d' type='xen'/>", DMV_MALFORMED, "describes no domain"},
        {"<domain/>", DMV_WRONG_TYPE, "of type ?"},
        {"<domain type='kvm'><name>a</name></domain>", DMV_WRONG_TYPE, "of type kvm"},
        {"<domain type='xen'/>", DMV_MALFORMED, "no name"},
        {"<domain type='xen'><name> </name></domain>", DMV_MALFORMED, "no name"},
        {"<domain type='xen'><n:name xmlns:n='urn:n'>a</n:name></domain>", DMV_MALFORMED, "no name"},
        {"<domain type='xen'><name>a</name></domain>", DMV_MALFORMED, "what kind of guest"},
        {"<domain type='xen'><name>a</name><os><type>exe</type></os></domain>", DMV_MALFORMED,
         "unknown kind"},
        {"<domain type='xen' id='x'><name>a</name></domain>", DMV_MALFORMED, "number"},
        {"<domain type='xen' id='-1'><name>a</name></domain>", DMV_MALFORMED, "number"},
        {"<domain type='xen' id='99999999999999999999'><name>a</name></domain>", DMV_MALFORMED, "number"},
        {DOMAIN("<uuid>4dea22b31d52d8f32516782e98ab3fa</uuid>"), DMV_MALFORMED, "UUID"},
        {DOMAIN("<uuid>x</uuid>"), DMV_MALFORMED, "UUID"},
        {ADDRESS("bus='0' slot='0x20' function='0'"), DMV_MALFORMED, "no address"},
        {ADDRESS("bus='0' slot='0' function='8'"), DMV_MALFORMED, "no address"},
        {ADDRESS("bus='0x100' slot='0' function='0'"), DMV_MALFORMED, "no address"},
        {ADDRESS("domain='0x100000000' bus='0' slot='0' function='0'"), DMV_MALFORMED, "no address"},
        {ADDRESS("domain='' bus='0' slot='0'"), DMV_MALFORMED, "no address"},
        {ADDRESS("bus='3x' slot='0' function='0'"), DMV_MALFORMED, "no address"},
        {ADDRESS("bus='-3' slot='0' function='0'"), DMV_MALFORMED, "no address"},
        {DEVICES("<hostdev type='pci'/>"), DMV_MALFORMED, "no address"},
        {DEVICES("<interface type='hostdev'/>"), DMV_MALFORMED, "no address"},
        {DEVICES("<disk type='nvme'><source/></disk>"), DMV_MALFORMED, "no address"},
        {BOMB, DMV_MALFORMED, "document type"},
        {"<!DOCTYPE domain SYSTEM 'http://192.0.2.1/domain.dtd'>" DOMAIN(""), DMV_MALFORMED, "document type"},
        {"<!DOCTYPE domain [<!ENTITY f SYSTEM 'file:///etc/hostname'>]>" DOMAIN("&f;"), DMV_MALFORMED,
         "document type"},
        {DOMAIN("<title>&nothing;</title>"), DMV_MALFORMED, "nothing"},
        {DOMAIN("<title>\xc3\x28</title>"), DMV_MALFORMED, "line 1"},
        {DOMAIN("<title>\xed\xa0\x80</title>"), DMV_MALFORMED, "line 1"},
        {DOMAIN("<title>\x01</title>"), DMV_MALFORMED, "line 1"},
        {DOMAIN("<title>&#0;</title>"), DMV_MALFORMED, "line 1"},
        {"\xff\xfe<\0d\0", DMV_MALFORMED, "line 1"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_GUEST DmvGuest g = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(parse(cases[i].xml, strlen(cases[i].xml), &g, &e), cases[i].code);
        if (!strstr(e.why, cases[i].why))
            fail_msg("%s: %s", cases[i].xml, e.why);
        assert_null(g.name);
    }
}

static void test_nul(void **state)
{
    static const char xml[] = DOMAIN("<title>\0</title>");
    DMV_CLEANUP_GUEST DmvGuest g = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    assert_int_equal(parse(xml, sizeof(xml) - 1, &g, &e), DMV_MALFORMED);
    assert_non_null(strstr(e.why, "NUL"));
}

/* ---- limits ---- */

/* @n times @open, then @n times @end, inside of a domain. */
static char *make_long(size_t n, const char *open, const char *end)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    char *xml = NULL;

    dmv_text_append(&t, "<domain type='xen'><name>a</name><os><type>hvm</type></os><devices>");
    for (size_t i = 0; i < n; i++)
        dmv_text_append(&t, open);
    for (size_t i = 0; i < n; i++)
        dmv_text_append(&t, end);
    dmv_text_append(&t, "</devices></domain>");
    assert_int_equal(dmv_text_take(&t, &xml, NULL), 0);
    return xml;
}

static int parse_long(size_t n, const char *open, const char *end)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};
    DMV_CLEANUP_FREE char *xml = make_long(n, open, end);

    return parse(xml, strlen(xml), &g, NULL);
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_long(DMV_DOMAIN_MAX_DEPTH - 2, "<a>", "</a>"), 0);
    assert_int_equal(parse_long(DMV_DOMAIN_MAX_DEPTH - 1, "<a>", "</a>"), DMV_TOO_DEEP);
    assert_int_equal(parse_long(100000, "<a>", "</a>"), DMV_TOO_DEEP);
    assert_int_equal(parse_long(DMV_DOMAIN_MAX_NODES / 2, "<a/>", ""), 0);
    assert_int_equal(parse_long(DMV_DOMAIN_MAX_NODES, "<a/>", ""), DMV_TOO_LARGE);
    assert_int_equal(parse_long(DMV_DOMAIN_MAX_NODES / 2 + 1, "<a b=''/>", ""), DMV_TOO_LARGE);
    assert_int_equal(parse_long(DMV_DOMAIN_MAX_BYTES / 2, "  ", ""), DMV_TOO_LARGE);
    assert_int_equal(parse_long(1, "<!--", "-->"), 0);
}

static void test_too_many_devices(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_GUEST DmvGuest g = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    dmv_text_append(&t, "<domain type='xen'><name>a</name><os><type>hvm</type></os><devices>");
    for (int i = 0; i <= DMV_GUEST_DEVICES_MAX; i++)
        dmv_text_appendf(&t, "<disk><source file='/srv/%d'/></disk>", i);
    dmv_text_append(&t, "</devices></domain>");
    assert_int_equal(t.error, 0);
    assert_int_equal(parse(t.data, t.size, &g, &e), DMV_TOO_LARGE);
    assert_non_null(strstr(e.why, "devices"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pv_bootloader),
        cmocka_unit_test(test_pv_kernel),
        cmocka_unit_test(test_hvm_firmware),
        cmocka_unit_test(test_hvm_kernel),
        cmocka_unit_test(test_current),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_too_many_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
