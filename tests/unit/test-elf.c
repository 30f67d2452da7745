/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What module files say of themselves: real ELF files, signed by the kernel's tool, packed by the usual ones.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "base/text.h"
#include "host/observe.h"

#define CLEANUP_INFO DMV_CLEANUP(dmv_module_info_deinit)

static const Komod ice = {
    .name = "ice",
    .version = "1.15.5",
    .vermagic = "6.6.0 SMP mod_unload modversions ",
    .aliases = {"pci:v00008086d00001593sv*sd*bc*sc*i*", "pci:v*d*sv*sd*bc02sc00i00*"},
    .depends = "gnss,auxiliary",
    .firmware = "intel/ice/ddp/ice.pkg",
    .note_variant = "dell",
    .note_version = "1.15.5-2",
    .build_id = 0xab,
};

static int read_module(const Scratch *s, const char *path, DmvModuleInfo *i, DmvError *e)
{
    DMV_CLEANUP_CLOSE int fd = openat(s->fd, path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return dmv_module_read(fd, i, e);
}

static void assert_ice(const DmvModuleInfo *i)
{
    assert_string_equal(i->name, "ice");
    assert_string_equal(i->version, "1.15.5");
    assert_string_equal(i->vermagic, ice.vermagic);
    assert_string_equal(i->srcversion, "0123456789ABCDEF0123456");
    assert_string_equal(i->build_id, "abababababababababababababababababababab");
    assert_int_equal(dmv_strv_length(i->aliases), 2);
    assert_string_equal(i->aliases[1], ice.aliases[1]);
    assert_int_equal(dmv_strv_length(i->depends), 2);
    assert_string_equal(i->depends[0], "gnss");
    assert_string_equal(i->firmware[0], ice.firmware);
    assert_string_equal(i->note_variant, "dell");
    assert_string_equal(i->note_version, "1.15.5-2");
    assert_null(i->note_release);
    assert_true(i->elf_machine != EM_NONE);
}

static void test_plain(void **state)
{
    DMV_CLEANUP_FREE char *data = NULL;
    CLEANUP_INFO DmvModuleInfo i = {0}, parsed = {0};
    size_t size = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    komod_build(&s, "ice.ko", &ice);
    data = scratch_read(&s, "ice.ko", &size);
    assert_int_equal(read_module(&s, "ice.ko", &i, NULL), 0);
    assert_ice(&i);
    assert_int_equal(i.size, size);
    assert_null(i.sig_hash);
    assert_int_equal(dmv_module_parse(data, size, &parsed, NULL), 0);
    assert_ice(&parsed);
}

static void test_packed(void **state)
{
    static const struct {
        const char *program, *file;
    } cases[] = {{"xz", "ice.ko.xz"}, {"zstd", "ice.ko.zst"}, {"gzip", "ice.ko.gz"}};
    CLEANUP_INFO DmvModuleInfo plain = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    komod_build(&s, "ice.ko", &ice);
    assert_int_equal(read_module(&s, "ice.ko", &plain, NULL), 0);
    for (size_t k = 0; k < DMV_N_ELEMENTS(cases); k++) {
        DMV_CLEANUP_FREE char *data = NULL;
        CLEANUP_INFO DmvModuleInfo i = {0}, cut = {0}, flipped = {0};
        size_t size = 0;

        scratch_run(cases[k].program, "-q", "-k", scratch_path(&s, "ice.ko"), NULL);
        assert_int_equal(read_module(&s, cases[k].file, &i, NULL), 0);
        assert_ice(&i);
        assert_int_equal(i.size, plain.size);
        data = scratch_read(&s, cases[k].file, &size);
        scratch_write_bytes(&s, "cut", data, size / 2);
        assert_int_equal(read_module(&s, "cut", &cut, NULL), DMV_MALFORMED);
        memset(data + size / 2, 0x55, 64);
        scratch_write_bytes(&s, "flipped", data, size);
        assert_int_equal(read_module(&s, "flipped", &flipped, NULL), DMV_MALFORMED);
    }
}

/* A bomb: 200 MiB of zeros in a small file. */
static void test_packed_too_large(void **state)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    CLEANUP_INFO DmvModuleInfo i = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "bomb.ko", "");
    assert_int_equal(truncate(scratch_path(&s, "bomb.ko"), 200 * 1024 * 1024), 0);
    assert_int_equal(read_module(&s, "bomb.ko", &i, &e), DMV_TOO_LARGE);
    scratch_run("gzip", "-1", scratch_path(&s, "bomb.ko"), NULL);
    assert_int_equal(read_module(&s, "bomb.ko.gz", &i, &e), DMV_TOO_LARGE);
    assert_int_equal(e.code, DMV_TOO_LARGE);
}

static void test_signed(void **state)
{
    DMV_CLEANUP_FREE char *data = NULL;
    CLEANUP_INFO DmvModuleInfo i = {0}, broken = {0}, half = {0};
    size_t size = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    komod_build(&s, "ice.ko", &ice);
    komod_sign(&s, "ice.ko", "a site's key");
    assert_int_equal(read_module(&s, "ice.ko", &i, NULL), 0);
    assert_ice(&i);
    assert_string_equal(i.sig_signer, "a site's key");
    assert_string_equal(i.sig_hash, "sha256");
    assert_true(strlen(i.sig_key) >= 16);
    assert_int_equal(strspn(i.sig_key, "0123456789abcdef"), strlen(i.sig_key));
    /* what cannot be read claims nothing, and hides nothing else */
    data = scratch_read(&s, "ice.ko", &size);
    memset(data + size - 120, 0xff, 70);
    assert_int_equal(dmv_module_parse(data, size, &broken, NULL), 0);
    assert_string_equal(broken.version, "1.15.5");
    data[size - 29] = '\x7f';
    assert_int_equal(dmv_module_parse(data, size, &half, NULL), 0);
    assert_null(half.sig_hash);
}

static void test_no_module(void **state)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    CLEANUP_INFO DmvModuleInfo i = {0};
    DMV_CLEANUP_CLOSE int folder = -1;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "text.ko", "this is no module\n");
    assert_int_equal(read_module(&s, "text.ko", &i, &e), DMV_MODULE_NOT_ELF);
    scratch_write(&s, "empty.ko", "");
    assert_int_equal(read_module(&s, "empty.ko", &i, &e), DMV_MODULE_NOT_ELF);
    assert_int_equal(dmv_module_parse("", 0, &i, &e), DMV_MODULE_NOT_ELF);
    scratch_run("gzip", scratch_path(&s, "text.ko"), NULL);
    assert_int_equal(read_module(&s, "text.ko.gz", &i, &e), DMV_MODULE_NOT_ELF);
    scratch_run("cp", "/proc/self/exe", scratch_path(&s, "program.ko"), NULL);
    assert_int_equal(read_module(&s, "program.ko", &i, &e), DMV_MODULE_NOT_ELF);
    scratch_write(&s, "object.c", "int x;\n");
    scratch_run("gcc", "-c", "-o", scratch_path(&s, "object.ko"), scratch_path(&s, "object.c"), NULL);
    assert_int_equal(read_module(&s, "object.ko", &i, &e), DMV_MALFORMED);
    assert_non_null(strstr(e.why, ".modinfo"));
    scratch_mkdir(&s, "folder");
    folder = openat(s.fd, "folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dmv_module_read(folder, &i, &e), -EISDIR);
    assert_int_equal(dmv_module_read(-1, &i, &e), -EBADF);
    assert_null(i.name);
}

static void test_bad_notes(void **state)
{
    static const char *const sources[] = {
        "__asm__(\".section .note.XenServer,\\\"a\\\"\\n.long 10,1000,1\\n.asciz \\\"XenServer\\\"\\n\");\n",
        "__asm__(\".section .note.gnu.build-id,\\\"a\\\"\\n.long 4,0,3\\n.asciz \\\"GNU\\\"\\n\");\n",
        "__asm__(\".section .modinfo,\\\"a\\\"\\n.ascii \\\"name=endless\\\"\\n\");\n",
        "__asm__(\".section .modinfo,\\\"a\\\"\\n.zero 5000000\\n\");\n",
    };
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    for (size_t k = 0; k < DMV_N_ELEMENTS(sources); k++) {
        CLEANUP_INFO DmvModuleInfo i = {0};
        char text[512];

        (void)snprintf(text, sizeof(text), "%s%s", sources[k],
                       k < 2 ? "__asm__(\".section .modinfo,\\\"a\\\"\\n.asciz \\\"name=x\\\"\\n\");\n" : "");
        scratch_write(&s, "m.c", text);
        scratch_run("gcc", "-c", "-o", scratch_path(&s, "m.ko"), scratch_path(&s, "m.c"), NULL);
        assert_int_equal(read_module(&s, "m.ko", &i, NULL), DMV_MALFORMED);
        assert_null(i.name);
    }
}

/* Every cut and many flipped bytes: refused or read, but never a crash, a hang or a read outside (ASan). */
static void test_damaged(void **state)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0, refused = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    komod_build(&s, "ice.ko", &ice);
    data = scratch_read(&s, "ice.ko", &size);
    for (size_t n = 0; n < size; n++) {
        DMV_CLEANUP_FREE char *exact = malloc(n ? n : 1);
        CLEANUP_INFO DmvModuleInfo i = {0};

        assert_non_null(exact);
        memcpy(exact, data, n);
        refused += dmv_module_parse(exact, n, &i, NULL) > 0;
    }
    assert_int_equal(refused, size); /* the section headers are at the end: no cut is whole */
    for (size_t n = 0; n < size; n++) {
        CLEANUP_INFO DmvModuleInfo i = {0};
        char saved = data[n];

        data[n] = (char)(saved ^ 0xff);
        assert_true(dmv_module_parse(data, size, &i, NULL) >= 0);
        data[n] = saved;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_packed_too_large),
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_no_module),
        cmocka_unit_test(test_bad_notes),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
