/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lifelines of recorded hosts: every way from a mount or a route down to PCI functions, and every way to get
 * lost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/lists.h"
#include "../support/recorded.h"
#include "host/observe.h"

/* Two disk controllers, a two-port card, two NVMe controllers, a volume behind Intel's VMD, a virtual
 * function. */
#define HARDWARE                                                                                          \
    "kernel 6.1.0-50-amd64\n"                                                                             \
    "module megaraid_sas\nmodule mpt3sas\nmodule e1000e\nmodule nvme\nmodule nvme_core\nmodule vmd\n"     \
    "module mlx5_core\nmodule xen_blkfront\nmodule scsi_transport_sas\n"                                  \
    "needs nvme_core nvme\nneeds scsi_transport_sas mpt3sas\n"                                            \
    "device 0000:00:1c.0 id=8086:a190 class=060400 driver=pcieport module=none\n"                         \
    "device 0000:01:00.0 id=1000:10e2 class=010400 under=0000:00:1c.0 driver=megaraid_sas disk=sda,sdb\n" \
    "device 0000:02:00.0 id=8086:10d3 class=020000 driver=e1000e net=eth0\n"                              \
    "device 0000:02:00.1 id=8086:10d3 class=020000 driver=e1000e net=eth1\n"                              \
    "device 0000:03:00.0 id=144d:a80a class=010802 driver=nvme controller=nvme0\n"                        \
    "device 0000:04:00.0 id=144d:a80a class=010802 driver=nvme controller=nvme1\n"                        \
    "device 0000:05:00.0 id=8086:201d class=010400 driver=vmd\n"                                          \
    "device 10000:01:00.0 id=144d:a80a class=010802 under=0000:05:00.0 driver=nvme nvme=nvme5n1\n"        \
    "device 0000:06:00.0 id=1000:0097 class=010700 driver=mpt3sas disk=sdm\n"                             \
    "device 0000:07:00.0 id=15b3:1017 class=020000 driver=mlx5_core net=pf0\n"                            \
    "functions 0000:07:00.0 count=1 first=0000:07:00.2 id=15b3:1018 class=020000 driver=mlx5_core net=vf\n"

typedef struct Host {
    Scratch s;
    DmvRoots roots;
    DmvWorld world;
} Host;

static void look(Host *h)
{
    dmv_world_deinit(&h->world);
    assert_int_equal(dmv_observe_lifelines(&h->roots, &h->world), 0);
    dmv_world_sort(&h->world);
}

static void host_init(Host *h, const char *text)
{
    *h = (Host){0};
    scratch_init(&h->s);
    recorded_text(&h->s, text, "host");
    scratch_mkdir(&h->s, "root");
    assert_int_equal(dmv_roots_init(&h->roots, scratch_path(&h->s, "root"), scratch_path(&h->s, "host/sys"),
                                    scratch_path(&h->s, "host/proc")),
                     0);
    look(h);
}

static void host_deinit(Host *h)
{
    dmv_world_deinit(&h->world);
    dmv_roots_deinit(&h->roots);
    scratch_deinit(&h->s);
}
#define HOST __attribute__((cleanup(host_deinit))) Host

static bool has(const Host *h, const char *what)
{
    for (size_t i = 0; i < h->world.n_lifelines; i++)
        if (strcmp(h->world.lifelines[i].what, what) == 0)
            return true;
    return false;
}

static const DmvLifeline *get(const Host *h, const char *what)
{
    for (size_t i = 0; i < h->world.n_lifelines; i++)
        if (strcmp(h->world.lifelines[i].what, what) == 0)
            return &h->world.lifelines[i];
    fail_msg("%s is no lifeline", what);
    abort();
}

static void assert_lifeline(const Host *h, const char *what, const char *chain, const char *slots,
                            const char *modules)
{
    const DmvLifeline *l = get(h, what);

    assert_string_equal(l->chain, chain);
    assert_list(l->slots, slots);
    if (modules)
        assert_list(l->modules, modules);
}

static void assert_no_problem(const Host *h)
{
    for (size_t i = 0; i < h->world.problems.n; i++)
        print_error("%s: %s\n", h->world.problems.items[i].object, h->world.problems.items[i].why);
    assert_int_equal(h->world.problems.n, 0);
}

/* There is one problem about "lifeline <what>", and it says @why. */
static void assert_problem(const Host *h, const char *what, const char *why)
{
    size_t n = 0;

    for (size_t i = 0; i < h->world.problems.n; i++) {
        const DmvProblem *p = &h->world.problems.items[i];

        if (!dmv_starts_with(p->object, "lifeline ") || strcmp(p->object + strlen("lifeline "), what) != 0)
            continue;
        assert_int_equal(p->code, DMV_LIFELINE);
        assert_string_equal(p->why, why);
        n++;
    }
    assert_int_equal(n, 1);
}

static void test_disks(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "stack dm-0 on=sda,sdm name=mpatha\n"
                           "stack dm-1 on=dm-0 name=mpatha-part1\n"
                           "mount / xfs dm-1 source=/dev/mapper/mpatha-part1\n"
                           "subsystem nvme0n1 on=nvme0,nvme1\n"
                           "part nvme0n1 nvme0n1p1\n"
                           "mount /boot ext4 nvme0n1p1\n"
                           "mount /boot/efi vfat sdb\n"
                           "loop loop0 file=/var/images/usr.img\n"
                           "mount /usr squashfs loop0\n"
                           "mount /var ext4 nvme5n1\n"
                           "virtual zram0\n"
                           "swap /dev/zram0 partition\n"
                           "swap /dev/mapper/mpatha-part1 partition\n"
                           "swap /var/swap\\040file file\n");
    assert_no_problem(&h);
    assert_int_equal(h.world.n_lifelines, 8);
    assert_lifeline(
        &h, "/", "/ on dm-1 (mpatha-part1) on dm-0 (mpatha) on sda on 0000:01:00.0 and sdm on 0000:06:00.0",
        "0000:01:00.0 0000:06:00.0", "megaraid_sas mpt3sas scsi_transport_sas");
    assert_lifeline(&h, "/boot",
                    "/boot on nvme0n1p1 on nvme0n1 on nvme0 on 0000:03:00.0 and nvme1 on 0000:04:00.0",
                    "0000:03:00.0 0000:04:00.0", "nvme nvme_core");
    assert_lifeline(&h, "/boot/efi", "/boot/efi on sdb on 0000:01:00.0", "0000:01:00.0", "megaraid_sas");
    assert_lifeline(&h, "/var", "/var on nvme5n1 on 10000:01:00.0 on 0000:05:00.0",
                    "0000:05:00.0 10000:01:00.0", "nvme nvme_core vmd");
    assert_lifeline(&h, "/usr",
                    "/usr on loop0 on /var/images/usr.img on nvme5n1 on 10000:01:00.0 on 0000:05:00.0",
                    "0000:05:00.0 10000:01:00.0", NULL);
    assert_lifeline(&h, "/dev/zram0", "swap on zram0, in memory", "", "");
    assert_lifeline(
        &h, "/dev/mapper/mpatha-part1",
        "swap on dm-1 (mpatha-part1) on dm-0 (mpatha) on sda on 0000:01:00.0 and sdm on 0000:06:00.0",
        "0000:01:00.0 0000:06:00.0", NULL);
    assert_lifeline(&h, "/var/swap file",
                    "swap on /var/swap file on nvme5n1 on 10000:01:00.0 on 0000:05:00.0",
                    "0000:05:00.0 10000:01:00.0", NULL);
    assert_int_equal(get(&h, "/boot/efi")->kind, DMV_LIFELINE_BOOT);
    assert_int_equal(h.world.lifelines[0].kind, DMV_LIFELINE_ROOT);
}

static void test_network_disks(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "route eth0\nroute eth1 to=198.51.100.0/24\nroute vf0 to=203.0.113.0/24\n"
                           "mount / nfs4 - source=server:/root options=rw,vers=4.2,addr=198.51.100.9\n"
                           "session sdx address=203.0.113.9\n"
                           "mount /var ext4 sdx\n"
                           "session sdy address=192.0.2.9 netdev=eth1\n"
                           "mount /usr ext4 sdy\n"
                           "fabric nvme7 transport=tcp address=traddr=198.51.100.7,trsvcid=4420,src_addr=x\n"
                           "subsystem nvme7n1 on=nvme7\n"
                           "mount /boot ext4 nvme7n1\n");
    assert_no_problem(&h);
    assert_lifeline(&h, "/", "/ on nfs4 on 198.51.100.9 on eth1 on 0000:02:00.1", "0000:02:00.1", "e1000e");
    assert_lifeline(&h, "/var",
                    "/var on sdx on 203.0.113.9 on vf0 on 0000:07:00.2 (a virtual function of 0000:07:00.0)",
                    "0000:07:00.0 0000:07:00.2", "mlx5_core");
    assert_lifeline(&h, "/usr", "/usr on sdy on eth1 on 0000:02:00.1", "0000:02:00.1", NULL);
    assert_lifeline(&h, "/boot", "/boot on nvme7n1 on nvme7 on 198.51.100.7 on eth1 on 0000:02:00.1",
                    "0000:02:00.1", NULL);
    assert_lifeline(&h, "eth0", "eth0 on 0000:02:00.0", "0000:02:00.0", "e1000e");
}

static void test_filesystems(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE
              "stack dm-3 on=sdb name=luks-1\n"
              "btrfs 0c3c9a2e-0000 disks=sdm\nbtrfs 1d4d9a2e-0000 disks=dm-3,sda\n"
              "mount /ro squashfs sda\n"
              "mount / btrfs - source=/dev/mapper/luks-1 options=rw,subvol=/root\n"
              "mount /usr btrfs - source=/dev/mapper/luks-1 options=rw,subvol=/usr\n"
              "mount /var nfs - source=server:/var\n"
              "mount /run tmpfs -\n"
              "mount /boot overlay - options=ro,lowerdir=/ro/a:/ro/b,upperdir=/run/up,workdir=/run/w\n"
              "route6 eth1\n");
    assert_no_problem(&h);
    assert_lifeline(&h, "/", "/ on dm-3 (luks-1) on sdb on 0000:01:00.0 and sda on 0000:01:00.0",
                    "0000:01:00.0", "megaraid_sas");
    assert_false(has(&h, "/usr")); /* of the same filesystem as the root */
    assert_lifeline(&h, "/var", "/var on nfs on eth1 on 0000:02:00.1", "0000:02:00.1", NULL);
    assert_lifeline(
        &h, "/boot",
        "/boot on overlay on /ro/a on sda on 0000:01:00.0 and /ro/b on sda and /run/up on tmpfs, in memory",
        "0000:01:00.0", NULL);
    assert_lifeline(&h, "eth1", "eth1 on 0000:02:00.1", "0000:02:00.1", NULL);
}

/* No error, and no device: a live system, a guest. */
static void test_without_devices(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "mount / tmpfs -\n"
                           "mount /boot/efi autofs - source=systemd-1 options=rw,fd=54\n"
                           "platform xvda device=vbd-768 driver=vbd module=xen_blkfront\n"
                           "mount /var ext4 xvda\n");
    assert_no_problem(&h);
    assert_int_equal(h.world.n_lifelines, 2); /* what waits to be mounted is none */
    assert_lifeline(&h, "/", "/ on tmpfs, in memory", "", "");
    assert_lifeline(&h, "/var", "/var on xvda on vbd-768, which is no PCI device", "", "xen_blkfront");
}

static void test_unknown(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "mount / zfs - source=rpool/root\n"
                           "virtual nbd0\nmount /usr ext4 nbd0\n"
                           "stack md0 on=sda,nbd0\nmount /var ext4 md0\n"
                           "fabric nvme7 transport=fc address=traddr=nn-0x20:pn-0x21\n"
                           "subsystem nvme7n1 on=nvme7\nmount /boot ext4 nvme7n1\n"
                           "mount /boot/efi overlay - options=ro\n"
                           "swap /dev/gone partition\nswap /dev/../../etc partition\n"
                           "route wg0\nroute gone0\nroute br0\n"
                           "interface wg0\ninterface tap0 is=tun\ninterface br0 on=tap0 is=bridge\n");
    assert_problem(&h, "/",
                   "what carries it is not known: nothing says what is under a filesystem of the type zfs");
    assert_problem(&h, "/usr",
                   "what carries it is not known: sysfs does not say what is under block device nbd0");
    assert_problem(&h, "/var",
                   "not all that carries it is known: sysfs does not say what is under block device nbd0");
    assert_lifeline(&h, "/var", "/var on md0 on nbd0 and sda on 0000:01:00.0", "0000:01:00.0", NULL);
    assert_problem(
        &h, "/boot",
        "what carries it is not known: sysfs does not say what carries NVMe controller nvme7 (fc)");
    assert_problem(&h, "/boot/efi", "what carries it is not known");
    assert_problem(&h, "/dev/gone", "what carries it is not known: sysfs has no block device gone");
    assert_problem(&h, "/dev/../../etc",
                   "what carries it is not known: \"..!..!etc\" is no name of a block device");
    assert_problem(&h, "wg0", "what carries it is not known: sysfs does not say what carries interface wg0");
    assert_problem(&h, "gone0", "what carries it is not known: there is no interface gone0");
    assert_problem(&h, "br0", "what carries it is not known: nothing under interface br0 leads to a device");
    assert_int_equal(h.world.n_lifelines, 10); /* shown all the same */
}

static void test_interfaces(void **state)
{
    static char *const named[] = {(char *)"eth1", (char *)"no/name", NULL}, *const none[] = {(char *)"none",
                                                                                             NULL};
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "interface bond0 on=eth0,eth1\n"
                           "interface bond0.7 on=bond0\n"
                           "interface tap0 is=tun\n"
                           "interface br0 on=bond0.7,tap0 is=bridge\n"
                           "interface mac0 on=vf0\n"
                           "interface vif1.0\n"
                           "interface ovs-system on=pf0,vif1.0\n"
                           "interface xenbr0\n"
                           "interface xapi1.9 on=xenbr0\n"
                           "route br0\nroute mac0\nroute6 xapi1.9\nroute6 br0\n");
    assert_no_problem(&h);
    assert_int_equal(h.world.n_lifelines, 3);
    assert_lifeline(&h, "br0", "br0 on bond0.7 on bond0 on eth0 on 0000:02:00.0 and eth1 on 0000:02:00.1",
                    "0000:02:00.0 0000:02:00.1", "e1000e");
    assert_lifeline(&h, "mac0", "mac0 on vf0 on 0000:07:00.2 (a virtual function of 0000:07:00.0)",
                    "0000:07:00.0 0000:07:00.2", "mlx5_core");
    assert_lifeline(&h, "xapi1.9", "xapi1.9 on xenbr0 on ovs-system on pf0 on 0000:07:00.0", "0000:07:00.0",
                    NULL);

    /* the setting wins over the routes */
    assert_int_equal(dmv_strv_copy(named, &h.roots.management), 0);
    look(&h);
    assert_int_equal(h.world.n_lifelines, 2);
    assert_lifeline(&h, "eth1", "eth1 on 0000:02:00.1", "0000:02:00.1", NULL);
    assert_problem(&h, "no/name", "what carries it is not known: \"no/name\" is no name of an interface");
    h.roots.management = dmv_strv_free(h.roots.management);
    assert_int_equal(dmv_strv_copy(none, &h.roots.management), 0);
    look(&h);
    assert_int_equal(h.world.n_lifelines, 0);
    assert_no_problem(&h);
}

/* Interfaces of guests carry nothing, though a driver is bound to their devices. */
static void test_guests(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "module xen_netback\n"
                           "vif vif1.0 device=vif-1-0 module=xen_netback\n"
                           "vif vif2.0 device=vif-2-0 module=xen_netback\n"
                           "interface xenbr0 on=vif1.0,eth0,vif2.0 is=bridge\n"
                           "route xenbr0\nroute6 vif1.0\n");
    assert_lifeline(&h, "xenbr0", "xenbr0 on eth0 on 0000:02:00.0", "0000:02:00.0", "e1000e");
    assert_lifeline(&h, "vif1.0", "vif1.0", "", "");
    assert_problem(&h, "vif1.0", "what carries it is not known: interface vif1.0 is a guest's");
    assert_int_equal(h.world.problems.n, 1);
}

static void test_no_default_route(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "route eth0 to=192.0.2.0/24\n");
    assert_int_equal(h.world.n_lifelines, 0);
    assert_int_equal(h.world.problems.n, 1);
    assert_string_equal(h.world.problems.items[0].object, "lifeline management");
    assert_non_null(strstr(h.world.problems.items[0].why, "management= in dmv.conf(5)"));
}

/* Circles, cut lines, odd bytes, a missing class: an end, and words. */
static void test_bad_input(void **state)
{
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "stack dm-0 on=sda\nstack dm-1 on=dm-0\nmount / ext4 dm-1\n"
                           "interface bond0\ninterface bond1\nroute bond0\n");
    scratch_link(&h.s, "host/sys/devices/virtual/block/dm-0/slaves/dm-1", "../../dm-1");
    assert_int_equal(unlink(scratch_path(&h.s, "host/sys/devices/virtual/block/dm-0/slaves/sda")), 0);
    scratch_link(&h.s, "host/sys/devices/virtual/net/bond0/lower_bond1", "../bond1");
    scratch_link(&h.s, "host/sys/devices/virtual/net/bond1/lower_bond0", "../bond0");
    look(&h);
    assert_problem(&h, "/", "what carries it is not known");
    assert_lifeline(&h, "/", "/ on dm-1 on dm-0 on dm-1", "", "");
    assert_problem(&h, "bond0",
                   "what carries it is not known: nothing under interface bond0 leads to a device");

    scratch_write(
        &h.s, "host/proc/self/mountinfo",
        "36 35 8:0 / /usr rw - ext4 /dev/sda rw\n37 35 8:99 / /var rw - ext4 /dev/\x01\xffodd rw\n36 35 8");
    scratch_write(&h.s, "host/proc/net/route", "bond0\t0000");
    look(&h);
    assert_lifeline(&h, "/usr", "/usr on sda on 0000:01:00.0", "0000:01:00.0", NULL);
    assert_lifeline(&h, "/var", "/var on ??odd", "", "");
    assert_int_equal(h.world.n_lifelines, 2);

    scratch_run("rm", "-r", scratch_path(&h.s, "host/sys/class"), scratch_path(&h.s, "host/sys/dev"), NULL);
    look(&h);
    assert_problem(&h, "/usr", "what carries it is not known: sysfs has no block device sda");
    scratch_run("rm", "-r", scratch_path(&h.s, "host/sys"), NULL);
    look(&h);
    assert_int_equal(h.world.n_lifelines, 0);
    assert_no_problem(&h);
}

static void test_deep(void **state)
{
    DMV_CLEANUP_TEXT DmvText text = {0};
    HOST h;

    (void)state;
    dmv_text_append(&text, HARDWARE "stack dm-0 on=sda\n");
    for (int i = 1; i < 60; i++)
        dmv_text_appendf(&text, "stack dm-%d on=dm-%d\n", i, i - 1);
    dmv_text_append(&text, "mount / ext4 dm-20\nmount /var ext4 dm-59\n");
    host_init(&h, text.data);
    assert_list(get(&h, "/")->slots, "0000:01:00.0");
    assert_problem(&h, "/var", "what carries it is not known");
}

/* Ten thousand mounts cost one pass over them. */
static void test_many_mounts(void **state)
{
    DMV_CLEANUP_TEXT DmvText text = {0};
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "mount / ext4 sda\n");
    dmv_text_append(&text, "1 0 8:0 / / rw - ext4 /dev/sda rw\n");
    for (int i = 0; i < 10000; i++)
        dmv_text_appendf(&text, "%d 1 0:%d / /run/%d rw - tmpfs tmpfs rw\n", i + 2, i, i);
    scratch_write_bytes(&h.s, "host/proc/self/mountinfo", text.data, text.size);
    look(&h);
    assert_lifeline(&h, "/", "/ on sda on 0000:01:00.0", "0000:01:00.0", NULL);
    assert_no_problem(&h);
}

/* The target of an installer: a folder of this host in which the new root is mounted. */
static void test_target(void **state)
{
    DMV_CLEANUP_TEXT DmvText text = {0};
    HOST h;

    (void)state;
    host_init(&h, HARDWARE "mount / ext4 sda\n");
    dmv_text_appendf(&text,
                     "1 0 8:0 / / rw - ext4 /dev/sda rw\n2 1 8:1 / %s rw - ext4 /dev/sdb rw\n"
                     "3 2 8:2 / %s/boot rw - ext4 /dev/nvme5n1 rw\n4 1 8:1 / /boot rw - ext4 /dev/sdb rw\n",
                     h.roots.root, h.roots.root);
    scratch_write_bytes(&h.s, "host/proc/self/mountinfo", text.data, text.size);
    look(&h);
    assert_lifeline(&h, "/", "/ on sdb on 0000:01:00.0", "0000:01:00.0", NULL);
    assert_lifeline(&h, "/boot", "/boot on nvme5n1 on 10000:01:00.0 on 0000:05:00.0",
                    "0000:05:00.0 10000:01:00.0", NULL);
}

static void test_recorded_servers(void **state)
{
    HOST h = {0};

    (void)state;
    scratch_init(&h.s);
    recorded_host(&h.s, "dell-r650", "host");
    assert_int_equal(
        dmv_roots_init(&h.roots, h.s.path, scratch_path(&h.s, "host/sys"), scratch_path(&h.s, "host/proc")),
        0);
    look(&h);
    assert_no_problem(&h);
    assert_lifeline(&h, "/", "/ on dm-0 (vg-root) on sda3 on sda on 0000:65:00.0", "0000:65:00.0",
                    "megaraid_sas");
    assert_lifeline(
        &h, "xenbr0",
        "xenbr0 on ovs-system on bond0 on eno12399np0 on 0000:17:00.0 and eno12409np1 on 0000:17:00.1",
        "0000:17:00.0 0000:17:00.1", "bnxt_en");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_network_disks),
        cmocka_unit_test(test_filesystems),
        cmocka_unit_test(test_without_devices),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_interfaces),
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_no_default_route),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_many_mounts),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_recorded_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
