/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recorded trees of XenStore: who runs, and on what. And trees that lie, change, vanish and break. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/xenstorekit.h"
#include "guest/xenstore-tree.h"

static void read_recorded(const char *name, DmvGuests *ret)
{
    XenstoreKit kit = {0};
    DmvXenstoreReader reader = xenstore_reader(&kit, true);
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/tests/xenstore/%s.txt", getenv("DMV_SOURCE"), name);
    xenstore_add_file(&kit, path);
    assert_true(kit.n > 0);
    assert_int_equal(dmv_xenstore_read_tree(&reader, ret), 0);
    xenstore_deinit(&kit);
}

static void assert_device(const DmvGuest *g, DmvBackingKind kind, const char *what, const char *target)
{
    for (size_t i = 0; i < g->n_devices; i++)
        if (g->devices[i].kind == kind && strcmp(g->devices[i].what, what) == 0) {
            assert_true(dmv_streq(g->devices[i].target, target));
            return;
        }
    fail_msg("%s has no %s %s", g->name, dmv_backing_kind_to_string(kind), what);
}

/* Paravirtualised and fully virtualised, disks of all kinds, two functions, a driver domain, and a guest that
 * claims another one's card in its own nodes. */
static void test_xl(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    const DmvGuest *web, *mail, *storage;

    (void)state;
    read_recorded("xl", &g);
    assert_int_equal(g.n, 3);
    assert_int_equal(g.problems.n, 0);
    web = dmv_guests_find(&g, "web");
    assert_int_equal(web->id, 7);
    assert_int_equal(web->state, DMV_GUEST_RUNNING);
    assert_string_equal(web->uuid, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
    assert_string_equal(web->type, "pv");
    assert_int_equal(web->n_devices, 5);
    assert_device(web, DMV_BACKING_BLOCK, "/dev/vg/web", "xvda");
    assert_device(web, DMV_BACKING_INTERFACE, "xenbr0", "00:16:3e:12:34:56");
    assert_device(web, DMV_BACKING_OTHER, "script /etc/xen/scripts/vif-route", "00:16:3e:12:34:57");
    assert_device(web, DMV_BACKING_INTERFACE, "ovsbr0", "00:16:3e:12:34:58");
    assert_device(web, DMV_BACKING_OTHER, "domain 5", "xvdb");

    mail = dmv_guests_find(&g, "mail");
    assert_string_equal(mail->type, "hvm");
    assert_int_equal(mail->n_devices, 4);
    assert_device(mail, DMV_BACKING_FILE, "/var/lib/xen/images/mail.qcow2", "hda");
    assert_device(mail, DMV_BACKING_BLOCK, "/dev/vg/mail-spool", "hdb");
    assert_device(mail, DMV_BACKING_PCI, "0000:03:00.1", NULL);
    assert_device(mail, DMV_BACKING_PCI, "0000:04:00.0", NULL);

    storage = dmv_guests_find(&g, "storage");
    assert_string_equal(storage->type, "pvh");
    assert_int_equal(storage->n_devices, 0);
}

/* What libxl 4.17 of Debian 12 writes: the disk is an image, by a loop device. */
static void test_libxl_file(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};

    (void)state;
    read_recorded("libxl-file", &g);
    assert_int_equal(g.n, 2);
    assert_int_equal(g.problems.n, 0);
    assert_string_equal(g.items[0].name, "db");
    assert_int_equal(g.items[0].id, 4);
    assert_string_equal(g.items[0].type, "pv");
    assert_int_equal(g.items[0].n_devices, 1);
    assert_device(&g.items[0], DMV_BACKING_INTERFACE, "xenbr0", "aa:00:00:00:00:12");
    assert_string_equal(g.items[1].name, "web");
    assert_int_equal(g.items[1].n_devices, 1);
    assert_device(&g.items[1], DMV_BACKING_FILE, "/var/lib/xen/images/web.img", "sda1");
}

static void test_xapi(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};

    (void)state;
    read_recorded("xapi", &g);
    assert_int_equal(g.n, 1);
    assert_string_equal(g.items[0].name, "db-primary");
    assert_string_equal(g.items[0].uuid, "b13c1f02-3f8e-6a8f-7f4e-5e2f1f0a9c11");
    assert_string_equal(g.items[0].type, "hvm");
    assert_int_equal(g.items[0].n_devices, 2);
    assert_device(&g.items[0], DMV_BACKING_BLOCK, "/dev/sm/backend/6f2a/91c4", "xvda");
    assert_device(&g.items[0], DMV_BACKING_INTERFACE, "xapi1", "aa:33:0f:9d:3c:51");
}

static void test_xend(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};

    (void)state;
    read_recorded("xend", &g);
    assert_int_equal(g.n, 1);
    assert_string_equal(g.items[0].name, "fc8");
    assert_string_equal(g.items[0].uuid, "7d1e2c8e-7b7e-4c7c-9c0d-2a5f3f0f3f11");
    assert_string_equal(g.items[0].type, "pv");
    assert_int_equal(g.items[0].n_devices, 5);
    assert_device(&g.items[0], DMV_BACKING_FILE, "/var/lib/xen/images/fc4.img", "sda1");
    assert_device(&g.items[0], DMV_BACKING_BLOCK, "/dev/block/8:16", "sda2");
    assert_device(&g.items[0], DMV_BACKING_OTHER, "disk iqn.2009-01.example:other", "sda3");
    assert_device(&g.items[0], DMV_BACKING_FILE, "/var/lib/xen/images/data.img", "sdb1");
    assert_device(&g.items[0], DMV_BACKING_INTERFACE, "xenbr0", "aa:00:00:00:00:11");
}

/* ---- odd trees ---- */

static const char simple[] = "/local/domain/0/name = \"Domain-0\"\n"
                             "/local/domain/1/name = \"a\"\n"
                             "/local/domain/1/vm = \"/vm/11111111-1111-1111-1111-111111111111\"\n"
                             "/local/domain/2/name = \"b\"\n"
                             "/local/domain/0/backend/vif/1/0/bridge = \"br0\"\n"
                             "/local/domain/0/backend/vif/2/0/bridge = \"br0\"\n";

static void read_text(const char *text, DmvGuests *ret)
{
    XenstoreKit kit = {0};
    DmvXenstoreReader reader = xenstore_reader(&kit, false);

    xenstore_add_text(&kit, text, strlen(text));
    assert_int_equal(dmv_xenstore_read_tree(&reader, ret), 0);
    xenstore_deinit(&kit);
}

static void test_nothing(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};

    (void)state;
    read_text("", &g);
    read_text("/local/domain/0/name = \"Domain-0\"\n", &g);
    read_text("/local/domain/x/name = \"x\"\n/local/domain/-1/name = \"y\"\n"
              "/local/domain/99999999999/name = \"z\"\n/local/domain/01/name = \"w\"\n",
              &g);
    assert_int_equal(g.n, 0);
    assert_int_equal(g.problems.n, 0);
}

/* Names and values are whatever somebody wrote. */
static void test_odd_values(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    const DmvGuest *x;

    (void)state;
    read_text("/local/domain/3/vm = \"/vm/zzz\"\n"
              "/local/domain/4/name = \"a\033[2Jb\377\"\n"
              "/local/domain/4/vm = \"/nowhere\"\n"
              "/local/domain/0/backend/vif/4/0/bridge = \"../../block\"\n"
              "/local/domain/0/backend/vif/4/1/bridge = \":1\"\n"
              "/local/domain/0/backend/vif/4/2/mac = \"x\"\n"
              "/local/domain/0/backend/vbd/4/0/params = \"/srv/../etc/shadow\"\n"
              "/local/domain/0/backend/vbd/4/1/params = \"a b:/srv/x\"\n"
              "/local/domain/0/backend/pci/4/0/dev-0 = \"03:00.0\"\n"
              "/local/domain/0/backend/pci/4/0/dev-x = \"0000:03:00.0\"\n"
              "/local/domain/0/backend/pci/4/0/dev- = \"0000:03:00.0\"\n",
              &g);
    assert_int_equal(g.n, 2);
    assert_string_equal(g.items[0].name, "domain 3");
    assert_null(g.items[0].uuid);
    x = &g.items[1];
    assert_string_equal(x->name, "a?[2Jb?");
    assert_null(x->uuid);
    assert_null(x->type);
    assert_int_equal(x->n_devices, 5);
    assert_device(x, DMV_BACKING_OTHER, "../../block", NULL);
    assert_device(x, DMV_BACKING_OTHER, "interface 2", "x");
    assert_device(x, DMV_BACKING_OTHER, "/srv/../etc/shadow", NULL);
    assert_device(x, DMV_BACKING_OTHER, "disk a b:/srv/x", NULL);
    assert_device(x, DMV_BACKING_OTHER, "03:00.0", NULL);
}

static void test_too_many(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    DMV_CLEANUP_TEXT DmvText t = {0};

    (void)state;
    for (int i = 1; i <= DMV_GUESTS_MAX + 1; i++)
        dmv_text_appendf(&t, "/local/domain/%d/name = \"g%d\"\n", i, i);
    for (int i = 0; i <= DMV_GUEST_DEVICES_MAX; i++)
        dmv_text_appendf(&t, "/local/domain/0/backend/vif/1/%d/bridge = \"br%d\"\n", i, i);
    assert_int_equal(t.error, 0);
    read_text(t.data, &g);
    assert_int_equal(g.n, DMV_GUESTS_MAX);
    assert_int_equal(g.problems.n, 2);
    assert_string_equal(g.problems.items[0].object, "g1");
    assert_int_equal(g.problems.items[0].code, DMV_TOO_LARGE);
    assert_string_equal(g.problems.items[1].object, "/local/domain");
    assert_int_equal(g.problems.items[1].code, DMV_TOO_LARGE);
    assert_int_equal(dmv_guests_find(&g, "g1")->n_devices, DMV_GUEST_DEVICES_MAX);
}

/* ---- a tree that changes ---- */

static size_t when;

static void stop_guest(XenstoreKit *kit, size_t question)
{
    if (question != when)
        return;
    xenstore_remove(kit, "/local/domain/1");
    xenstore_remove(kit, "/local/domain/0/backend/vif/1");
    xenstore_add(kit, "/local/domain/9/name", "new");
}

/* Whenever the guest ends, it is there with what it has, or it is not there; the other one always is. */
static void test_changes(void **state)
{
    size_t n_with = 0, n_without = 0;

    (void)state;
    for (int still = 0; still < 2; still++)
        for (when = 1; when < 60; when++) {
            DMV_CLEANUP_GUESTS DmvGuests g = {0};
            XenstoreKit kit = {.before = stop_guest};
            DmvXenstoreReader reader = xenstore_reader(&kit, still);
            const DmvGuest *a;

            xenstore_add_text(&kit, simple, strlen(simple));
            assert_int_equal(dmv_xenstore_read_tree(&reader, &g), 0);
            a = dmv_guests_find(&g, "a");
            if (still && a)
                assert_int_equal(a->n_devices, 1);
            n_with += a != NULL;
            n_without += a == NULL;
            assert_non_null(dmv_guests_find(&g, "b"));
            assert_int_equal(dmv_guests_find(&g, "b")->n_devices, 1);
            assert_int_equal(g.problems.n, 0);
            xenstore_deinit(&kit);
        }
    assert_true(n_with > 0 && n_without > 0);
}

/* No transactions: it is read without. */
static void test_no_transaction(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    XenstoreKit kit = {.begins_with = -EBUSY};
    DmvXenstoreReader reader = xenstore_reader(&kit, true);

    (void)state;
    xenstore_add_text(&kit, simple, strlen(simple));
    assert_int_equal(dmv_xenstore_read_tree(&reader, &g), 0);
    assert_int_equal(g.n, 2);
    xenstore_deinit(&kit);
}

static int break_code;

static void break_down(XenstoreKit *kit, size_t question)
{
    if (question >= when)
        kit->fails_with = break_code;
}

/* A connection that breaks is a failure, at whatever question; a lack of rights too. */
static void test_breaks(void **state)
{
    static const int codes[] = {-EPIPE, -EACCES, -ENOMEM};
    size_t most = 0;

    (void)state;
    for (size_t c = 0; c < DMV_N_ELEMENTS(codes); c++)
        for (when = 1; when <= 12; when++) {
            DMV_CLEANUP_GUESTS DmvGuests g = {0};
            XenstoreKit kit = {.before = break_down};
            DmvXenstoreReader reader = xenstore_reader(&kit, false);

            break_code = codes[c];
            xenstore_add_text(&kit, simple, strlen(simple));
            assert_int_equal(dmv_xenstore_read_tree(&reader, &g), codes[c]);
            most = kit.n_questions > most ? kit.n_questions : most;
            xenstore_deinit(&kit);
        }
    assert_int_equal(most, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xl),         cmocka_unit_test(test_xapi),
        cmocka_unit_test(test_xend),       cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_odd_values), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_changes),    cmocka_unit_test(test_no_transaction),
        cmocka_unit_test(test_breaks),     cmocka_unit_test(test_libxl_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
