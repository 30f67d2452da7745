/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plain files say of Xen: a control domain, a guest, another hypervisor, and what xend left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "host/hypervisor.h"

typedef struct Host {
    Scratch s;
    DmvRoots roots;
    DmvHypervisor xen;
    DmvChannel xend;
} Host;

static int setup(void **state)
{
    Host *h = calloc(1, sizeof(*h));

    if (!h)
        return -1;
    scratch_init(&h->s);
    scratch_mkdir(&h->s, "root");
    scratch_mkdir(&h->s, "sys");
    scratch_mkdir(&h->s, "proc");
    assert_int_equal(dmv_roots_init(&h->roots, scratch_path(&h->s, "root"), scratch_path(&h->s, "sys"),
                                    scratch_path(&h->s, "proc")),
                     0);
    *state = h;
    return 0;
}

static void forget(Host *h)
{
    dmv_hypervisor_deinit(&h->xen);
    free(h->xend.gave);
    free(h->xend.why);
    h->xend = (DmvChannel){0};
}

static int teardown(void **state)
{
    Host *h = *state;

    forget(h);
    dmv_roots_deinit(&h->roots);
    scratch_deinit(&h->s);
    free(h);
    return 0;
}

static void look(Host *h)
{
    forget(h);
    assert_int_equal(dmv_observe_hypervisor(&h->roots, &h->xen), 0);
    assert_int_equal(dmv_observe_xend(&h->roots, &h->xend), 0);
    assert_int_equal(h->xen.channel.kind, DMV_CHANNEL_HYPERVISOR);
    assert_int_equal(h->xend.kind, DMV_CHANNEL_XEND);
}

static void make_xen(const Host *h)
{
    scratch_write(&h->s, "sys/hypervisor/type", "xen\n");
    scratch_write(&h->s, "sys/hypervisor/version/major", "4\n");
    scratch_write(&h->s, "sys/hypervisor/version/minor", "17\n");
    scratch_write(&h->s, "sys/hypervisor/version/extra", ".5\n");
    scratch_write(&h->s, "sys/hypervisor/properties/capabilities", "xen-3.0-x86_64 hvm-3.0-x86_32 \n");
    scratch_write(&h->s, "sys/hypervisor/properties/features", "00000305\n");
}

static void test_control_domain(void **state)
{
    Host *h = *state;

    make_xen(h);
    scratch_write(&h->s, "proc/xen/capabilities", "control_d\n");
    look(h);
    assert_true(h->xen.control);
    assert_string_equal(h->xen.version, "4.17.5");
    assert_int_equal(h->xen.channel.state, DMV_CHANNEL_OK);
    assert_non_null(strstr(h->xen.channel.gave, "4.17.5, xen-3.0-x86_64 hvm-3.0-x86_32"));
    assert_null(h->xen.channel.why);
    assert_int_equal(h->xend.state, DMV_CHANNEL_ABSENT);
    assert_null(h->xend.gave);
}

/* xenfs is not mounted, or the daemon does not see it: the features tell. */
static void test_without_xenfs(void **state)
{
    Host *h = *state;

    make_xen(h);
    scratch_write(&h->s, "sys/hypervisor/properties/features", "00002f05\n");
    look(h);
    assert_true(h->xen.control);
}

static void test_guest(void **state)
{
    Host *h = *state;

    make_xen(h);
    scratch_write(&h->s, "proc/xen/capabilities", "\n");
    look(h);
    assert_false(h->xen.control);
    assert_int_equal(h->xen.channel.state, DMV_CHANNEL_OK);
    assert_string_equal(h->xen.channel.why, "this is a guest of it, not its control domain");
    scratch_write(&h->s, "sys/hypervisor/properties/features", "odd\n");
    look(h);
    assert_false(h->xen.control);
}

static void test_no_xen(void **state)
{
    Host *h = *state;
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots bare = {.fd = -1};
    __attribute__((cleanup(dmv_hypervisor_deinit))) DmvHypervisor x = {0};

    look(h);
    assert_false(h->xen.control);
    assert_null(h->xen.version);
    assert_int_equal(h->xen.channel.state, DMV_CHANNEL_ABSENT);
    scratch_write(&h->s, "sys/hypervisor/type", "other\n");
    look(h);
    assert_int_equal(h->xen.channel.state, DMV_CHANNEL_ABSENT);
    assert_non_null(h->xen.channel.why);
    assert_int_equal(dmv_roots_init(&bare, scratch_path(&h->s, "root"), NULL, NULL), 0);
    assert_int_equal(dmv_observe_hypervisor(&bare, &x), 0);
    assert_int_equal(x.channel.state, DMV_CHANNEL_ABSENT);
}

#define HEADING "  sl  local_address rem_address   st\n"

static void test_xend(void **state)
{
    Host *h = *state;

    scratch_write(&h->s, "proc/net/tcp", HEADING);
    scratch_write(&h->s, "proc/net/tcp6", HEADING "   0: 00000000000000000000000000000000:1F40 0:0 0A\n");
    look(h);
    assert_int_equal(h->xend.state, DMV_CHANNEL_ABSENT); /* somebody else's port */

    scratch_write(&h->s, "root/etc/xen/xend-config.sxp", "(xend-unix-server yes)\n");
    look(h);
    assert_int_equal(h->xend.state, DMV_CHANNEL_OBSOLETE);
    assert_string_equal(h->xend.gave, "/etc/xen/xend-config.sxp opens its socket");

    scratch_write(&h->s, "root/etc/xen/xend-config.sxp", "(xend-unix-server yes");
    look(h);
    assert_int_equal(h->xend.state, DMV_CHANNEL_OBSOLETE);
    assert_string_equal(h->xend.gave, "/etc/xen/xend-config.sxp is there");

    scratch_write(&h->s, "root/etc/xen/xend-config.sxp", "(xend-http-server yes)\n(xend-port 8001)");
    look(h);
    assert_int_equal(h->xend.state, DMV_CHANNEL_UNSAFE);
    assert_string_equal(h->xend.gave, "/etc/xen/xend-config.sxp opens its HTTP port");

    scratch_write(&h->s, "proc/net/tcp", HEADING "   0: 0100007F:1F41 0:0 0A\n");
    look(h);
    assert_int_equal(h->xend.state, DMV_CHANNEL_UNSAFE);
    assert_string_equal(h->xend.gave, "its HTTP port is open");

    /* no configuration, but its socket */
    scratch_write(&h->s, "root/etc/xen/xend-config.sxp", "");
    scratch_write(&h->s, "root/run/xend/xmlrpc.sock", "");
    scratch_mkdir(&h->s, "root/var");
    scratch_link(&h->s, "root/var/run", "/run");
    look(h);
    assert_int_equal(h->xend.state, DMV_CHANNEL_UNSAFE); /* 8000 is open */
    scratch_write(&h->s, "proc/net/tcp6", HEADING);
    look(h);
    assert_int_equal(h->xend.state, DMV_CHANNEL_OBSOLETE);
    assert_string_equal(h->xend.gave, "its socket is there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_control_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_xenfs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_xen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_xend, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
