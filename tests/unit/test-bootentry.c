/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The boot loader's entry of a trial: its text, judged by grub-script-check, and its mark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/text.h"
#include "model/bootentry.h"

#define OURS " dmv.generation=7 panic=30 rd.shell=0 rd.emergency=reboot"

static const DmvBootEntry plain = {
    .generation = 7,
    .kernel = "6.1.0-9-amd64",
    .fs_uuid = "0b5a2a6c-8ad2-4ae0-9b39-21a3b1c9b1f0",
    .kernel_path = "/boot/vmlinuz-6.1.0-9-amd64",
    .initrd_path = "/boot/initrd.img-6.1.0-9-amd64.dmv-7",
    .cmdline = "BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro quiet\n",
};

static char *render(const char *cmdline)
{
    DmvBootEntry e = plain;
    char *text = NULL;
    SCRATCH s;

    e.cmdline = cmdline;
    assert_int_equal(dmv_boot_entry_render(&e, &text, NULL), 0);
    scratch_init(&s);
    scratch_write(&s, "dmv.cfg", text);
    scratch_run("grub-script-check", scratch_path(&s, "dmv.cfg"), NULL);
    return text;
}

static void assert_boots(const char *cmdline, const char *words)
{
    DMV_CLEANUP_FREE char *text = render(cmdline), *line = NULL;

    assert_true(asprintf(&line, "\n    linux /boot/vmlinuz-6.1.0-9-amd64%s\n", words) > 0);
    if (!strstr(text, line))
        assert_string_equal(text, line);
}

static void test_entry(void **state)
{
    DMV_CLEANUP_FREE char *text = render(plain.cmdline);

    (void)state;
    assert_string_equal(
        text, "search --no-floppy --fs-uuid --set=dmv_root 0b5a2a6c-8ad2-4ae0-9b39-21a3b1c9b1f0\n"
              "if [ -f ($dmv_root)/boot/initrd.img-6.1.0-9-amd64.dmv-7 ]; then\n"
              "menuentry 'dmv: kernel 6.1.0-9-amd64, drivers of generation 7 on trial' --id dmv-trial {\n"
              "    insmod gzio\n"
              "    search --no-floppy --fs-uuid --set=root 0b5a2a6c-8ad2-4ae0-9b39-21a3b1c9b1f0\n"
              "    linux /boot/vmlinuz-6.1.0-9-amd64 'root=/dev/sda1' 'ro' 'quiet' dmv.generation=7 "
              "panic=30 rd.shell=0 rd.emergency=reboot\n"
              "    initrd /boot/initrd.img-6.1.0-9-amd64.dmv-7\n"
              "}\n"
              "fi\n");
}

static void test_command_lines(void **state)
{
    (void)state;
    assert_boots("", OURS);
    assert_boots("ro", " 'ro'" OURS);
    assert_boots("initrd=x.img ro dmv.generation=3 panic=0 BOOT_IMAGE=(hd0)/v", " 'ro'" OURS);
    assert_boots("dyndbg=\"file a.c +p; file b.c +p\"\t$x ;{}",
                 " 'dyndbg=file a.c +p; file b.c +p' '$x' ';{}'" OURS);
}

static void refuse(const DmvBootEntry *e, int want)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    char *text = NULL;

    assert_int_equal(dmv_boot_entry_render(e, &text, &error), want);
    assert_null(text);
    assert_non_null(error.why);
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {"dyndbg=\"file a", "a=b\\c", "a='b'", "a=\x01", "a=\xc3\xa4"};
    char large[DMV_BOOT_ENTRY_CMDLINE_MAX + 2];
    DmvBootEntry e = plain;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        e.cmdline = bad[i];
        refuse(&e, DMV_MALFORMED);
    }
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    e.cmdline = large;
    refuse(&e, DMV_TOO_LARGE);
    e = plain;
    e.initrd_path = "/boot/my initrd";
    refuse(&e, DMV_MALFORMED);
    e = plain;
    e.kernel_path = "boot/vmlinuz";
    refuse(&e, DMV_MALFORMED);
    e = plain;
    e.fs_uuid = "";
    refuse(&e, DMV_MALFORMED);
    e = plain;
    e.kernel = "6.1'; reboot #";
    refuse(&e, DMV_MALFORMED);
}

static void test_mark(void **state)
{
    (void)state;
    assert_int_equal(dmv_boot_entry_mark("root=/dev/sda1 dmv.generation=12 quiet\n"), 12);
    assert_int_equal(dmv_boot_entry_mark("dmv.generation=1 dmv.generation=2"), 2);
    assert_int_equal(dmv_boot_entry_mark(""), 0);
    assert_int_equal(dmv_boot_entry_mark("xdmv.generation=12"), 0);
    assert_int_equal(dmv_boot_entry_mark("x=\" dmv.generation=12\""), 0);
    assert_int_equal(dmv_boot_entry_mark("dmv.generation=12x"), 0);
    assert_int_equal(dmv_boot_entry_mark("dmv.generation=1000000000000000"), 0);
}

static void assert_default(const char *value, const char *saved, const char *running, bool want)
{
    static char *kernels[] = {(char *)(uintptr_t) "6.1.0-9-amd64", (char *)(uintptr_t) "6.1.0-10",
                              (char *)(uintptr_t) "6.1.0-10-amd64", NULL};
    DMV_CLEANUP_FREE char *config = NULL;

    assert_true(asprintf(&config,
                         "if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\nelse\n"
                         "   set default=\"%s\"\nfi\n",
                         value) > 0);
    if ((dmv_boot_entry_default(config, saved, kernels, running) == NULL) != want)
        fail_msg("default %s, saved %s: is that %s?", value, saved ? saved : "nothing", running);
}

static void test_default(void **state)
{
    (void)state;
    assert_default("0", NULL, "6.1.0-10-amd64", true);
    assert_default("0", NULL, "6.1.0-9-amd64", false);
    assert_default("0", "gnulinux-6.1.0-9-amd64-advanced-1", "6.1.0-10-amd64", true); /* it does not count */
    assert_default("${saved_entry}", NULL, "6.1.0-10-amd64", true);
    assert_default("${saved_entry}", "", "6.1.0-10-amd64", true);
    assert_default("${saved_entry}", "0", "6.1.0-10-amd64", true);
    assert_default("${saved_entry}", "gnulinux-advanced-1>gnulinux-6.1.0-9-amd64-advanced-1", "6.1.0-9-amd64",
                   true);
    assert_default("${saved_entry}", "gnulinux-6.1.0-9-amd64-advanced-1", "6.1.0-10-amd64", false);
    assert_default("${saved_entry}", "gnulinux-6.1.0-10-amd64-advanced-1", "6.1.0-10", false);
    assert_default("${saved_entry}", "gnulinux-6.1.0-10-amd64-advanced-1", "6.1.0-10-amd64", true);
    assert_default("1>2", NULL, "6.1.0-10-amd64", false);
    assert_default("${saved_entry}", "2", "6.1.0-10-amd64", false);
    assert_non_null(dmv_boot_entry_default("set timeout=5\n", NULL, NULL, "6.1.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry),    cmocka_unit_test(test_default), cmocka_unit_test(test_command_lines),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_mark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
