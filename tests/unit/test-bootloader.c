/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB's edge: the real grub-editenv on a real environment; what stands against an entry for one boot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/magic.h>

#include "../support/scratch.h"
#include "base/text.h"
#include "host/bootloader.h"
#define GRUB_CFG "if [ \"${next_entry}\" ] ; then\nfi\nsource $prefix/custom.cfg\n"

static const DmvBootEntry entry = {.generation = 3,
                                   .kernel = "6.1.0",
                                   .fs_uuid = "1234-ABCD",
                                   .kernel_path = "/vmlinuz-6.1.0",
                                   .initrd_path = "/initrd.img-6.1.0.dmv",
                                   .cmdline = "ro"};

typedef struct Fixture {
    Scratch s;
    DmvRoots roots;
    DmvBootloader grub;
} Fixture;

/* The recorded sysfs and procfs are empty folders. */
static int set_up(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    scratch_init(&f->s);
    scratch_mkdir(&f->s, "sys");
    scratch_mkdir(&f->s, "proc");
    scratch_mkdir(&f->s, "boot/grub");
    scratch_run("grub-editenv", scratch_path(&f->s, "boot/grub/grubenv"), "create", NULL);
    scratch_write(&f->s, "boot/grub/grub.cfg", GRUB_CFG);
    assert_int_equal(
        dmv_roots_init(&f->roots, f->s.path, scratch_path(&f->s, "sys"), scratch_path(&f->s, "proc")), 0);
    assert_int_equal(dmv_bootloader_find(&f->roots, &f->grub), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *f = *state;

    dmv_bootloader_deinit(&f->grub);
    dmv_roots_deinit(&f->roots);
    scratch_deinit(&f->s);
    free(f);
    return 0;
}

static void test_find(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_BOOTLOADER DmvBootloader none = {0}, second = {0};

    assert_string_equal(f->grub.folder, "boot/grub");
    assert_string_equal(f->grub.editenv, "grub-editenv");
    scratch_run("rm", scratch_path(&f->s, "boot/grub/grubenv"), NULL);
    assert_int_equal(dmv_bootloader_find(&f->roots, &none), 0);
    assert_null(none.folder);
    /* Where the environment is on the EFI system partition, everything is there. */
    scratch_write(&f->s, "boot/efi/EFI/centos/grubenv", "");
    scratch_link(&f->s, "boot/grub2/grubenv", "../efi/EFI/centos/grubenv");
    assert_int_equal(dmv_bootloader_find(&f->roots, &second), 0);
    assert_string_equal(second.folder, "boot/efi/EFI/centos");
    assert_string_equal(second.editenv, "grub2-editenv");
}

static bool is_armed(Fixture *f)
{
    bool armed = false;

    assert_int_equal(dmv_bootloader_is_armed(&f->roots, &f->grub, &armed, NULL), 0);
    return armed;
}

static void test_arm(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *environment = NULL;

    scratch_run("grub-editenv", scratch_path(&f->s, "boot/grub/grubenv"), "set", "saved_entry=0", NULL);
    assert_false(is_armed(f));
    assert_int_equal(dmv_bootloader_arm(&f->roots, &f->grub, NULL), 0);
    assert_true(is_armed(f));
    assert_int_equal(dmv_bootloader_arm(&f->roots, &f->grub, NULL), 0);
    assert_int_equal(dmv_bootloader_disarm(&f->roots, &f->grub, NULL), 0);
    assert_false(is_armed(f));
    assert_int_equal(dmv_bootloader_disarm(&f->roots, &f->grub, NULL), 0);
    environment = scratch_read(&f->s, "boot/grub/grubenv", NULL);
    assert_non_null(strstr(environment, "saved_entry=0\n"));
    assert_null(strstr(environment, "next_entry"));
}

/* What somebody else wants booted next is not ours to take back. */
static void test_foreign_entry_stays(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *environment = NULL;

    scratch_run("grub-editenv", scratch_path(&f->s, "boot/grub/grubenv"), "set", "next_entry=dmv-trial-2",
                NULL);
    assert_false(is_armed(f));
    assert_int_equal(dmv_bootloader_disarm(&f->roots, &f->grub, NULL), 0);
    environment = scratch_read(&f->s, "boot/grub/grubenv", NULL);
    assert_non_null(strstr(environment, "next_entry=dmv-trial-2\n"));
}

static void test_broken_environment(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};
    bool armed = true;

    scratch_write(&f->s, "boot/grub/grubenv", "no environment");
    assert_int_equal(dmv_bootloader_is_armed(&f->roots, &f->grub, &armed, &e), DMV_TOOL_FAILED);
    assert_true(armed);
    assert_non_null(strstr(e.why, "grub-editenv"));
    assert_int_equal(dmv_bootloader_arm(&f->roots, &f->grub, NULL), DMV_TOOL_FAILED);
    assert_int_equal(dmv_bootloader_disarm(&f->roots, &f->grub, NULL), DMV_TOOL_FAILED);
    assert_int_equal(dmv_bootloader_check(&f->roots, &f->grub, NULL), DMV_TOOL_FAILED);
}

static void test_missing_tool(void **state)
{
    Fixture *f = *state;

    f->grub.editenv = "grub-editenv-that-is-not-there";
    assert_int_equal(dmv_bootloader_arm(&f->roots, &f->grub, NULL), DMV_NOT_INSTALLED);
    assert_int_equal(dmv_bootloader_check(&f->roots, &f->grub, NULL), DMV_NOT_INSTALLED);
}

static void test_write(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *text = NULL, *custom = NULL, *again = NULL;

    assert_int_equal(dmv_bootloader_write(&f->roots, &f->grub, &entry, NULL), 0);
    text = scratch_read(&f->s, "boot/grub/dmv.cfg", NULL);
    assert_non_null(strstr(text, "--id dmv-trial {"));
    scratch_run("grub-script-check", scratch_path(&f->s, "boot/grub/dmv.cfg"), NULL);
    scratch_run("grub-script-check", scratch_path(&f->s, "boot/grub/custom.cfg"), NULL);
    custom = scratch_read(&f->s, "boot/grub/custom.cfg", NULL);
    assert_non_null(strstr(custom, "source $prefix/dmv.cfg"));
    assert_int_equal(dmv_bootloader_write(&f->roots, &f->grub, &entry, NULL), 0);
    again = scratch_read(&f->s, "boot/grub/custom.cfg", NULL);
    assert_string_equal(again, custom);
}

static void test_custom_of_somebody_else(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *custom = NULL;

    scratch_write(&f->s, "boot/grub/custom.cfg", "menuentry 'mine' { true }\n");
    assert_int_equal(dmv_bootloader_check(&f->roots, &f->grub, &e), DMV_CONFLICT);
    assert_non_null(strstr(e.next, "source $prefix/dmv.cfg"));
    assert_int_equal(dmv_bootloader_write(&f->roots, &f->grub, &entry, NULL), 0);
    custom = scratch_read(&f->s, "boot/grub/custom.cfg", NULL);
    assert_string_equal(custom, "menuentry 'mine' { true }\n");
    /* With that line the configuration is not what stands against it. */
    scratch_write(&f->s, "boot/grub/custom.cfg", "source $prefix/dmv.cfg\n");
    assert_int_not_equal(dmv_bootloader_check(&f->roots, &f->grub, NULL), DMV_CONFLICT);
}

static void test_configuration_without_next_entry(void **state)
{
    Fixture *f = *state;

    scratch_write(&f->s, "boot/grub/grub.cfg", "source $prefix/custom.cfg\n");
    assert_int_equal(dmv_bootloader_check(&f->roots, &f->grub, NULL), DMV_NOT_INSTALLED);
    scratch_write(&f->s, "boot/grub/grub.cfg", "set default=$next_entry\n");
    assert_int_equal(dmv_bootloader_check(&f->roots, &f->grub, NULL), DMV_NOT_INSTALLED);
    scratch_run("rm", scratch_path(&f->s, "boot/grub/grub.cfg"), NULL);
    assert_int_equal(dmv_bootloader_check(&f->roots, &f->grub, NULL), DMV_NOT_INSTALLED);
}

/* The recorded sysfs knows no disk. */
static void test_no_disk(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};

    assert_int_equal(dmv_bootloader_check(&f->roots, &f->grub, &e), DMV_READ_ONLY);
    assert_non_null(strstr(e.why, "could not forget"));
}

static void test_what_grub_can_write(void **state)
{
    static const struct {
        DmvBootPlace place;
        bool can;
    } cases[] = {
        {{EXT4_SUPER_MAGIC, true, false, NULL}, true},
        {{XFS_SUPER_MAGIC, true, false, NULL}, true},
        {{MSDOS_SUPER_MAGIC, true, false, NULL}, true},
        {{BTRFS_SUPER_MAGIC, true, false, NULL}, false},
        {{TMPFS_MAGIC, true, false, NULL}, false},
        {{OVERLAYFS_SUPER_MAGIC, true, false, NULL}, false},
        {{EXT4_SUPER_MAGIC, false, false, NULL}, false},
        {{EXT4_SUPER_MAGIC, true, true, NULL}, false},
        {{EXT4_SUPER_MAGIC, true, false, "LVM-abc"}, false},
        {{EXT4_SUPER_MAGIC, true, false, "CRYPT-LUKS2-abc"}, false},
        {{EXT4_SUPER_MAGIC, true, false, ""}, false},
        {{EXT4_SUPER_MAGIC, true, false, "mpath-3600"}, true},
        {{EXT4_SUPER_MAGIC, true, false, "part1-mpath-3600"}, true},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        assert_int_equal(dmv_bootloader_can_write(&cases[i].place) == NULL, cases[i].can);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_entry_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_tool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_custom_of_somebody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_configuration_without_next_entry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_disk, set_up, tear_down),
        cmocka_unit_test(test_what_grub_can_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
