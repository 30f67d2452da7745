/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: a snapshot of recorded servers, its stored form, and what became of the names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/recorded.h"
#include "host/names.h"
#include "host/observe.h"

static const DmvJsonLimits limits = {.size = 1 << 20, .depth = 8, .nodes = 100000, .plain_integers = true};

static void from_text(const char *text, DmvNames *ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;

    assert_int_equal(dmv_json_parse(text, strlen(text), &limits, &o, NULL), 0);
    assert_int_equal(dmv_names_from_json(o, ret, NULL), 0);
}

#define NIC(slot, port, name, mac, order)                                                        \
    "{\"kind\":\"interface\",\"slot\":\"" slot "\",\"place\":\"port-" port "\",\"name\":\"" name \
    "\",\"mac\":\"" mac "\",\"order\":" order "}"
#define DISK(slot, place, name) \
    "{\"kind\":\"disk\",\"slot\":\"" slot "\",\"place\":\"" place "\",\"name\":\"" name "\"}"
#define ALL(items) "{\"names\":[" items "]}"

static void test_stored_form(void **state)
{
    static const char text[] = ALL(NIC("0000:01:00.0", "0", "eth0", "aa:00:00:00:00:01",
                                       "0") "," DISK("0000:02:00.0", "scsi-0:0:1:0", "sdb"));
    static const char *const odd[] = {
        "[]",
        "{}",
        "{\"names\":{}}",
        "{\"names\":[1]}",
        "{\"names\":[],\"x\":1}",
        ALL(DISK("", "p", "sda")),
        ALL(DISK("0000:02:00.0", "p", "")),
        ALL("{\"kind\":\"tape\",\"slot\":\"s\",\"place\":\"p\",\"name\":\"n\"}"),
        ALL("{\"kind\":\"disk\",\"slot\":\"s\",\"name\":\"n\"}"),
        ALL("{\"kind\":\"disk\",\"slot\":\"s\",\"place\":\"p\",\"name\":\"n\",\"more\":1}"),
        ALL("{\"kind\":\"disk\",\"slot\":\"s\",\"place\":\"p\",\"name\":7}"),
    };
    DMV_CLEANUP_NAMES DmvNames n = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *back = NULL;

    (void)state;
    from_text(text, &n);
    assert_int_equal(n.n, 2);
    assert_string_equal(n.items[0].mac, "aa:00:00:00:00:01");
    assert_null(n.items[1].mac);
    assert_int_equal(dmv_names_to_json(&n, &o), 0);
    assert_int_equal(dmv_json_format(o, &back, NULL), 0);
    assert_string_equal(back, text);
    for (size_t i = 0; i < DMV_N_ELEMENTS(odd); i++) {
        DMV_CLEANUP_JSON json_object *bad = NULL;
        DMV_CLEANUP_NAMES DmvNames none = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(dmv_json_parse(odd[i], strlen(odd[i]), &limits, &bad, NULL), 0);
        assert_int_equal(dmv_names_from_json(bad, &none, &e), DMV_MALFORMED);
        assert_int_equal(e.code, DMV_MALFORMED);
        assert_int_equal(none.n, 0);
    }
}

/* "renamed eth0 eth1; new - eth2;" */
static void assert_differences(const char *before, const char *now, const char *want)
{
    DMV_CLEANUP_NAMES DmvNames a = {0}, b = {0};
    DMV_CLEANUP_FREE DmvNameDifference *d = NULL;
    DMV_CLEANUP_TEXT DmvText t = {0};
    size_t n = 0;

    from_text(before, &a);
    from_text(now, &b);
    assert_int_equal(dmv_names_compare(&a, &b, &d, &n), 0);
    dmv_text_append(&t, "");
    for (size_t i = 0; i < n; i++)
        dmv_text_appendf(&t, "%s %s %s; ", dmv_name_change_to_string(d[i].change),
                         d[i].before ? d[i].before->name : "-", d[i].now ? d[i].now->name : "-");
    assert_string_equal(t.data, want);
}

#define ETH0 NIC("0000:01:00.0", "0", "eth0", "aa:00:00:00:00:01", "0")
#define ETH1 NIC("0000:01:00.0", "1", "eth1", "aa:00:00:00:00:02", "1")
#define ETH2 NIC("0000:05:00.0", "0", "eth2", "aa:00:00:00:00:03", "2")
#define SDA DISK("0000:02:00.0", "ata-0", "sda")

static void test_differences(void **state)
{
    (void)state;
    assert_differences(ALL(""), ALL(""), "");
    assert_differences(ALL(ETH0 "," ETH1 "," SDA), ALL(SDA "," ETH1 "," ETH0), "");
    assert_differences(ALL(ETH0 "," SDA), ALL(ETH0), "gone sda -; ");
    assert_differences(ALL(ETH0), ALL(ETH0 "," SDA), "new - sda; ");
    assert_differences(ALL(SDA), ALL(DISK("0000:02:00.0", "ata-0", "sdb")), "renamed sda sdb; ");
    /* two names change places */
    assert_differences(ALL(ETH0 "," ETH1),
                       ALL(NIC("0000:01:00.0", "0", "eth1", "aa:00:00:00:00:01",
                               "0") "," NIC("0000:01:00.0", "1", "eth0", "aa:00:00:00:00:02", "1")),
                       "renamed eth0 eth1; renamed eth1 eth0; ");
    /* the bus was numbered anew: the same card by its MAC */
    assert_differences(ALL(ETH0 "," ETH2),
                       ALL(ETH0 "," NIC("0000:06:00.0", "0", "eth2", "aa:00:00:00:00:03", "1")), "");
    assert_differences(ALL(ETH2), ALL(NIC("0000:06:00.0", "0", "eth7", "aa:00:00:00:00:03", "1")),
                       "renamed eth2 eth7; ");
    assert_differences(ALL(ETH2), ALL(NIC("0000:06:00.0", "0", "eth2", "aa:00:00:00:00:99", "1")),
                       "gone eth2 -; new - eth2; ");
    /* another order under the same names; one that went away is no other order */
    assert_differences(ALL(ETH0 "," ETH1 "," ETH2),
                       ALL(ETH0 "," NIC("0000:01:00.0", "1", "eth1", "aa:00:00:00:00:02",
                                        "2") "," NIC("0000:05:00.0", "0", "eth2", "aa:00:00:00:00:03", "1")),
                       "reordered eth1 eth1; ");
    assert_differences(ALL(ETH0 "," ETH1), ALL(NIC("0000:01:00.0", "1", "eth1", "aa:00:00:00:00:02", "0")),
                       "gone eth0 -; ");
    /* a driver that gives one function two interfaces */
    assert_differences(ALL(ETH0), ALL(ETH0 "," NIC("0000:01:00.0", "0", "eth9", "aa:00:00:00:00:09", "1")),
                       "new - eth9; ");
}

static const DmvName *get(const DmvNames *n, const char *name)
{
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->items[i].name, name) == 0)
            return &n->items[i];
    fail_msg("%s has no name", name);
    abort();
}

static void test_snapshot(void **state)
{
    static const char host[] =
        "kernel 6.1\nmodule e1000e\nmodule mpt3sas\nmodule ahci\nmodule nvme\nmodule mlx5_core\n"
        "device 0000:01:00.0 id=8086:10d3 class=020000 driver=e1000e net=eth0,eth1,eth2\n"
        "device 0000:02:00.0 id=1000:0097 class=010700 driver=mpt3sas disk=sda,sdb\n"
        "device 0000:03:00.0 id=144d:a80a class=010802 driver=nvme nvme=nvme3n2\n"
        "device 0000:04:00.0 id=1af4:1042 class=010000 driver=virtio-pci module=none virtio-disk=vda\n"
        "device 0000:07:00.0 id=15b3:1017 class=020000 driver=mlx5_core\n"
        "functions 0000:07:00.0 count=1 first=0000:07:00.2 id=15b3:1018 class=020000 driver=mlx5_core "
        "net=vf\n"
        "attribute class/net/eth0/ifindex 7\nattribute class/net/eth1/ifindex 3\n"
        "attribute class/net/eth2/ifindex odd\n"
        "attribute class/net/eth1/dev_port 1\nattribute class/net/eth2/dev_port 2\n"
        "attribute class/net/eth0/address aa:00:00:00:00:01\nattribute class/net/eth0/addr_assign_type 0\n"
        "attribute class/net/eth1/address aa:00:00:00:00:01\nattribute class/net/eth1/addr_assign_type 3\n"
        "attribute class/net/eth1/bonding_slave/perm_hwaddr aa:00:00:00:00:02\n"
        "attribute class/net/eth2/address aa:00:00:00:00:03\nattribute class/net/eth2/addr_assign_type 1\n"
        "attribute class/block/sdb/../../sas_address 0x5000c500a1b2c3d4\n";
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    DMV_CLEANUP_NAMES DmvNames n = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_text(&s, host, "host");
    assert_int_equal(dmv_roots_init(&r, s.path, scratch_path(&s, "host/sys"), NULL), 0);
    assert_int_equal(dmv_observe_pci(&r, &w), 0);
    assert_int_equal(dmv_observe_udev(&r, &w), 0);
    assert_int_equal(dmv_names_observe(&r, &w, &n), 0);
    assert_int_equal(n.n, 7); /* not the virtual function's */
    assert_string_equal(get(&n, "eth0")->slot, "0000:01:00.0");
    assert_string_equal(get(&n, "eth0")->place, "port-0");
    assert_string_equal(get(&n, "eth0")->mac, "aa:00:00:00:00:01");
    assert_string_equal(get(&n, "eth1")->place, "port-1");
    assert_string_equal(get(&n, "eth1")->mac, "aa:00:00:00:00:02");
    assert_null(get(&n, "eth2")->mac); /* a random one is another one at the next boot */
    assert_int_equal(get(&n, "eth2")->order, 0);
    assert_int_equal(get(&n, "eth1")->order, 1);
    assert_int_equal(get(&n, "eth0")->order, 2);
    assert_string_equal(get(&n, "sda")->place, "scsi-0:0:0:0");
    assert_string_equal(get(&n, "sdb")->place, "sas-0x5000c500a1b2c3d4-0");
    assert_string_equal(get(&n, "nvme3n2")->place, "nvme-2");
    assert_string_equal(get(&n, "vda")->place, "");
    assert_int_equal(get(&n, "vda")->kind, DMV_NAME_DISK);
}

/* The place of a disk does not depend on who was found first. */
static void test_places(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    DMV_CLEANUP_NAMES DmvNames n = {0};
    DmvDevice *d;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "host/sys/devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0/block/sdc");
    scratch_mkdir(&s, "host/sys/devices/pci0000:00/0000:00:18.0/host5");
    scratch_mkdir(&s, "host/sys/devices/pci0000:00/0000:00:18.0/host6/target6:1:2/6:1:2:3/block/sdd");
    scratch_link(&s, "host/sys/class/block/sdc",
                 "../../devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0/block/sdc");
    scratch_link(&s, "host/sys/class/block/sdd",
                 "../../devices/pci0000:00/0000:00:18.0/host6/target6:1:2/6:1:2:3/block/sdd");
    scratch_write(&s, "host/sys/class/ata_port/ata3/port_no", "2\n");
    assert_int_equal(dmv_roots_init(&r, s.path, scratch_path(&s, "host/sys"), NULL), 0);
    d = DMV_ARRAY_ADD(w.devices, w.n_devices);
    assert_non_null(d);
    assert_int_equal(dmv_set_string(&d->slot, "0000:00:17.0"), 0);
    assert_int_equal(dmv_strv_push(&d->blocks, "sdc"), 0);
    assert_int_equal(dmv_strv_push(&d->blocks, "sdd"), 0);
    assert_int_equal(dmv_strv_push(&d->blocks, "sdgone"), 0);
    assert_int_equal(dmv_names_observe(&r, &w, &n), 0);
    assert_string_equal(get(&n, "sdc")->place, "ata-2");
    assert_string_equal(get(&n, "sdd")->place, "scsi-1:1:2:3");
    assert_string_equal(get(&n, "sdgone")->place, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored_form),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
