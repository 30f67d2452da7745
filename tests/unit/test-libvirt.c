/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's client library, with the driver that it has for tests: a host in the memory of this process. What
 * it cannot do is read files of xl.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "guest/libvirt.h"

/* A host of the test driver, described by a file. */
static const char node[] =
    "<node><network><name>lan</name><bridge name='br-lan'/><ip address='192.0.2.1' netmask='255.255.255.0'/>"
    "</network>"
    "<domain type='test'><name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>"
    "<memory>65536</memory><os><type>hvm</type></os><devices>"
    "<disk type='block'><source dev='/dev/vg/web'/><target dev='vda'/></disk>"
    "<interface type='network'><source network='lan'/><mac address='52:54:00:00:00:01'/></interface>"
    "<interface type='network'><source network='lan'/><mac address='52:54:00:00:00:02'/></interface>"
    "<interface type='network'><source network='unknown'/><mac address='52:54:00:00:00:03'/></interface>"
    "</devices></domain></node>";

static DmvLibvirt *open_node(Scratch *s, bool writable)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvLibvirt *l = NULL;
    char uri[512];

    scratch_write(s, "node.xml", node);
    (void)snprintf(uri, sizeof(uri), "test://%s/node.xml", s->path);
    if (dmv_libvirt_open(uri, writable, &l, &e) != 0)
        fail_msg("%s", e.why);
    return l;
}

static void test_read(void **state)
{
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = NULL;
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    l = open_node(&s, false);
    assert_int_equal(dmv_libvirt_read(l, &g, NULL), 0);
    assert_int_equal(g.problems.n, 0);
    assert_int_equal(g.n, 1);
    assert_string_equal(g.items[0].name, "web");
    assert_string_equal(g.items[0].uuid, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
    assert_int_equal(g.items[0].state, DMV_GUEST_RUNNING);
    assert_true(g.items[0].id > 0);
    assert_int_equal(g.items[0].channels, 1u << DMV_CHANNEL_LIBVIRT);
    assert_int_equal(g.items[0].n_devices, 4);
    assert_string_equal(g.items[0].devices[0].what, "/dev/vg/web");
    assert_int_equal(g.items[0].devices[1].kind, DMV_BACKING_INTERFACE);
    assert_string_equal(g.items[0].devices[1].what, "br-lan");
    assert_string_equal(g.items[0].devices[2].what, "br-lan");
    assert_int_equal(g.items[0].devices[3].kind, DMV_BACKING_OTHER);
    assert_string_equal(g.items[0].devices[3].what, "network unknown");
    assert_non_null(strstr(g.channels[DMV_CHANNEL_LIBVIRT].gave, "libvirt "));
}

static void test_absent(void **state)
{
    static const struct {
        const char *uri;
        int code;
    } cases[] = {
        {"xen+unix:///system?socket=/nowhere/libvirt-sock", DMV_NO_SUCH_OBJECT},
        {"nosuchdriver:///system", DMV_NO_SUCH_OBJECT},
        {"test:///nowhere/node.xml", DMV_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        for (int writable = 0; writable < 2; writable++) {
            DMV_CLEANUP_ERROR DmvError e = {0};
            DmvLibvirt *l = NULL;
            int r = dmv_libvirt_open(cases[i].uri, writable, &l, &e);

            if (r != cases[i].code)
                fail_msg("%s: %d %s", cases[i].uri, r, e.why);
            assert_non_null(e.why);
            assert_null(l);
        }
}

/* What only tells takes no orders. */
static void test_read_only(void **state)
{
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = NULL;
    DMV_CLEANUP_GUEST DmvGuest g = {0};
    SCRATCH s;
    bool runs = false;
    int64_t id;

    (void)state;
    scratch_init(&s);
    l = open_node(&s, false);
    assert_int_equal(dmv_libvirt_is_running(l, "web", &runs, NULL), 0);
    assert_true(runs);
    assert_int_equal(dmv_libvirt_shutdown(l, "web", NULL), DMV_FAILED);
    assert_int_equal(dmv_libvirt_save(l, "web", NULL), DMV_FAILED);
    assert_int_equal(dmv_libvirt_convert(l, "name = 'x'", &g, NULL), DMV_MALFORMED);
    assert_int_equal(dmv_libvirt_restore(l, "web", &id, NULL), 0);
    assert_int_equal(dmv_libvirt_is_running(l, "web", &runs, NULL), 0);
    assert_true(runs);
}

static void assert_running(DmvLibvirt *l, const char *guest, bool expected)
{
    bool runs = !expected;

    assert_int_equal(dmv_libvirt_is_running(l, guest, &runs, NULL), 0);
    assert_int_equal(runs, expected);
}

static void test_save_and_restore(void **state)
{
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = NULL;
    SCRATCH s;
    int64_t first = 0, again = 0;

    (void)state;
    scratch_init(&s);
    l = open_node(&s, true);
    assert_int_equal(dmv_libvirt_restore(l, "web", &first, NULL), 0);
    assert_int_equal(dmv_libvirt_save(l, "4dea22b31d52d8f32516782e98ab3fa0", NULL), 0);
    assert_running(l, "web", false);
    assert_int_equal(dmv_libvirt_save(l, "web", NULL), 0);
    assert_int_equal(dmv_libvirt_restore(l, "web", &again, NULL), 0);
    assert_true(again > first);
    assert_running(l, "web", true);
}

static void test_shutdown(void **state)
{
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    SCRATCH s;
    int64_t id = 0;

    (void)state;
    scratch_init(&s);
    l = open_node(&s, true);
    assert_int_equal(dmv_libvirt_shutdown(l, "web", NULL), 0);
    assert_running(l, "web", false);
    assert_int_equal(dmv_libvirt_shutdown(l, "web", NULL), 0);
    assert_int_equal(dmv_libvirt_restore(l, "web", &id, &e), DMV_NOTHING_SAVED);
    assert_string_equal(dmv_outcome_reason(DMV_NOTHING_SAVED), "nothing-saved");
    assert_int_equal(id, 0);
}

static void test_unknown(void **state)
{
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    SCRATCH s;
    int64_t id = 0;

    (void)state;
    scratch_init(&s);
    l = open_node(&s, true);
    assert_int_equal(dmv_libvirt_shutdown(l, "nobody", &e), DMV_NO_SUCH_OBJECT);
    assert_non_null(strstr(e.why, "libvirt does not know it"));
    assert_int_equal(dmv_libvirt_save(l, "11111111-1111-1111-1111-111111111111", NULL), DMV_NO_SUCH_OBJECT);
    assert_int_equal(dmv_libvirt_restore(l, "nobody", &id, NULL), DMV_NO_SUCH_OBJECT);
    assert_running(l, "nobody", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),      cmocka_unit_test(test_absent),
        cmocka_unit_test(test_read_only), cmocka_unit_test(test_save_and_restore),
        cmocka_unit_test(test_shutdown),  cmocka_unit_test(test_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
