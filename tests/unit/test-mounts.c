/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mountinfo and swaps: what a mount is, what is not, and who holds a path. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/mounts.h"

static void parse(const char *text, DmvMounts *ret)
{
    assert_int_equal(dmv_mounts_parse(text, strlen(text), ret), 0);
}

static void test_fields(void **state)
{
    DMV_CLEANUP_MOUNTS DmvMounts m = {0};
    DMV_CLEANUP_FREE char *value = NULL, *none = NULL;

    (void)state;
    parse("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
          "36 27 0:32 /sub /mnt/a\\040b\\134c rw master:1 propagate_from:2 - nfs4 10.0.0.1:/x "
          "rw,addr=10.0.0.1,a=\n",
          &m);
    assert_int_equal(m.n, 2);
    assert_int_equal(m.n_odd, 0);
    assert_int_equal(m.items[0].major, 254);
    assert_int_equal(m.items[0].minor, 0);
    assert_string_equal(m.items[0].type, "ext4");
    assert_string_equal(m.items[0].source, "/dev/vda");
    assert_string_equal(m.items[0].options, "rw,discard");
    assert_string_equal(m.items[0].root, "/");
    assert_string_equal(m.items[1].root, "/sub");
    assert_string_equal(m.items[1].point, "/mnt/a b\\c");
    assert_int_equal(dmv_mount_option(m.items[1].options, "addr", &value), 0);
    assert_string_equal(value, "10.0.0.1");
    assert_int_equal(dmv_mount_option(m.items[1].options, "add", &none), 0);
    assert_null(none);
    assert_int_equal(dmv_mount_option(m.items[1].options, "rw", &none), 0);
    assert_null(none);
}

static void assert_inside(const char *root, const char *point, const char *path, const char *want)
{
    DMV_CLEANUP_FREE char *got = NULL;
    const DmvMount m = {.root = (char *)(uintptr_t)root, .point = (char *)(uintptr_t)point};

    assert_int_equal(dmv_mount_inside(&m, path, &got), 0);
    assert_string_equal(got, want);
}

static void test_inside(void **state)
{
    (void)state;
    assert_inside("/", "/", "/boot/vmlinuz", "/boot/vmlinuz");
    assert_inside("/", "/boot", "/boot/vmlinuz", "/vmlinuz");
    assert_inside("/boot", "/boot", "/boot/vmlinuz", "/boot/vmlinuz");
    assert_inside("/a", "/", "/boot/vmlinuz", "/a/boot/vmlinuz");
}

/* Every one of these is left out and counted, and the good line behind it is there. */
static void test_odd_lines(void **state)
{
    static const char *const odd[] = {
        "27 1 254:0 / / rw",
        "27 1 254:0 / / rw -",
        "27 1 254:0 / / rw - ext4",
        "27 1 254:0 / / rw shared:1 ext4 /dev/vda rw",
        "27 1 254 / / rw - ext4 /dev/vda rw",
        "27 1 254: / / rw - ext4 /dev/vda rw",
        "27 1 :0 / / rw - ext4 /dev/vda rw",
        "27 1 -1:0 / / rw - ext4 /dev/vda rw",
        "27 1 4294967296:0 / / rw - ext4 /dev/vda rw",
        "27 1 254:0x / / rw - ext4 /dev/vda rw",
        "27 1 254:0 / relative rw - ext4 /dev/vda rw",
        "27 1 254:0 / /a\\000b rw - ext4 /dev/vda rw",
        "- - - - - -",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(odd); i++) {
        DMV_CLEANUP_MOUNTS DmvMounts m = {0};
        DMV_CLEANUP_FREE char *text = NULL;

        assert_true(asprintf(&text, "%s\n28 27 8:1 / /boot rw - vfat /dev/sda1\n", odd[i]) > 0);
        parse(text, &m);
        assert_int_equal(m.n, 1);
        assert_int_equal(m.n_odd, 1);
        assert_string_equal(m.items[0].point, "/boot");
        assert_string_equal(m.items[0].options, "");
    }
}

static void test_bytes(void **state)
{
    static const char text[] =
        "27 1 8:1 / / rw - ext4 /dev/a\0b rw\n28 27 8:2 / /\xff\x01x rw - ext4 /dev/sdb";
    DMV_CLEANUP_MOUNTS DmvMounts m = {0}, none = {0}, escape = {0};

    (void)state;
    assert_int_equal(dmv_mounts_parse(text, sizeof(text) - 1, &m), 0);
    assert_int_equal(m.n, 1);
    assert_int_equal(m.n_odd, 1);
    assert_string_equal(m.items[0].point, "/\xff\x01x");
    assert_int_equal(dmv_mounts_parse("", 0, &none), 0);
    assert_int_equal(none.n + none.n_odd, 0);
    parse("28 27 8:2 / /a\\04\\400\\9 rw - ext4 /dev/sdb\n", &escape); /* no escapes, and kept as they are */
    assert_string_equal(escape.items[0].point, "/a\\04\\400\\9");
}

static void test_who_holds(void **state)
{
    DMV_CLEANUP_MOUNTS DmvMounts m = {0};

    (void)state;
    parse("1 0 0:2 / / rw - rootfs rootfs rw\n"
          "2 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
          "3 2 8:2 / /var rw - ext4 /dev/sda2 rw\n"
          "4 2 8:3 / /var/lib rw - ext4 /dev/sda3 rw\n",
          &m);
    assert_string_equal(dmv_mounts_at(&m, "/")->source, "/dev/sda1"); /* the one on top */
    assert_null(dmv_mounts_at(&m, "/usr"));
    assert_string_equal(dmv_mounts_of_path(&m, "/variable/x")->source, "/dev/sda1");
    assert_string_equal(dmv_mounts_of_path(&m, "/var")->source, "/dev/sda2");
    assert_string_equal(dmv_mounts_of_path(&m, "/var/lib/x")->source, "/dev/sda3");
    assert_null(dmv_mounts_of_path(&m, "relative"));
}

static void test_many(void **state)
{
    DMV_CLEANUP_TEXT DmvText text = {0};
    DMV_CLEANUP_MOUNTS DmvMounts m = {0};

    (void)state;
    dmv_text_append(&text, "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
    for (int i = 0; i < 10000; i++)
        dmv_text_appendf(&text, "%d 1 0:%d / /run/%d rw - tmpfs tmpfs rw\n", i + 2, i, i);
    assert_int_equal(dmv_mounts_parse(text.data, text.size, &m), 0);
    assert_int_equal(m.n, 10001);
    assert_string_equal(dmv_mounts_at(&m, "/")->source, "/dev/sda1");
}

static void test_swaps(void **state)
{
    static const char text[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                               "/dev/dm-1                               partition\t8388604\t0\t-2\n"
                               "/swap\\040file                           file\t\t8388604\t0\t-3\n"
                               "/dev/odd                                other\t8\t0\t-3\n"
                               "cut\n/dev/zram0 partition";
    DMV_CLEANUP_STRV char **partitions = NULL, **files = NULL;

    (void)state;
    assert_int_equal(dmv_swaps_parse(text, sizeof(text) - 1, &partitions, &files), 0);
    assert_int_equal(dmv_strv_length(partitions), 2);
    assert_string_equal(partitions[0], "/dev/dm-1");
    assert_string_equal(partitions[1], "/dev/zram0");
    assert_int_equal(dmv_strv_length(files), 1);
    assert_string_equal(files[0], "/swap file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields), cmocka_unit_test(test_inside),    cmocka_unit_test(test_odd_lines),
        cmocka_unit_test(test_bytes),  cmocka_unit_test(test_who_holds), cmocka_unit_test(test_many),
        cmocka_unit_test(test_swaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
