/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbol versions of real ELF modules, made by assemblers, and of whole kernels. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/text.h"
#include "host/observe.h"
#include "host/symbols.h"

#define CLEANUP_SYMBOLS DMV_CLEANUP(dmv_module_symbols_deinit)
#define FLAGS " SMP mod_unload modversions "
#define KVER "6.1.0-test"
#define TREE "usr/lib/modules/" KVER "/"

/* .modinfo with a vermagic */
#define MODINFO(vermagic) \
    ".section .modinfo,\"a\"\n.asciz \"license=GPL\"\n.asciz \"vermagic=" vermagic "\"\n"
/* one entry of __versions as a 64-bit and as a 32-bit compiler lays it out */
#define NEED64(crc, name) ".section __versions,\"a\"\n1: .8byte " crc "\n.asciz \"" name "\"\n.org 1b + 64\n"
#define NEED32(crc, name) ".section __versions,\"a\"\n1: .4byte " crc "\n.asciz \"" name "\"\n.org 1b + 64\n"
/* an export whose CRC lies in a section (since 5.19), and one whose CRC is the symbol's value (before) */
#define EXPORT(crc, name) ".section __kcrctab,\"a\"\n__crc_" name ": .4byte " crc "\n"
#define EXPORT_ABS(crc, name)                                                                               \
    ".section __kcrctab_gpl,\"a\"\n.8byte __crc_" name "\n.globl __crc_" name "\n.set __crc_" name ", " crc \
    "\n"

static void assemble(const Scratch *s, const char *path, const char *text, const char *program,
                     const char *target)
{
    char source[256];

    assert_true(snprintf(source, sizeof(source), "%s.s", path) < (int)sizeof(source));
    scratch_write(s, source, text);
    if (strcmp(program, "as") == 0)
        scratch_run("as", target, "-o", scratch_path(s, path), scratch_path(s, source), NULL);
    else
        scratch_run("clang", target, "-c", "-o", scratch_path(s, path), scratch_path(s, source), NULL);
    assert_int_equal(unlinkat(s->fd, source, 0), 0);
}

static void make_module(const Scratch *s, const char *path, const char *text)
{
    assemble(s, path, text, "clang", "--target=x86_64-linux-gnu");
}

static int read_symbols(const Scratch *s, const char *path, DmvModuleSymbols *m, DmvError *e)
{
    DMV_CLEANUP_CLOSE int fd = openat(s->fd, path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return dmv_symbols_read(fd, m, e);
}

static void assert_symbol(const DmvSymbol *symbols, size_t n, const char *name, uint32_t crc)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(symbols[i].name, name) == 0) {
            assert_int_equal(symbols[i].crc, crc);
            return;
        }
    fail_msg("%s is missing", name);
}

static void assert_all(const DmvModuleSymbols *m)
{
    assert_string_equal(m->vermagic, KVER FLAGS);
    assert_true(m->versioned);
    assert_int_equal(m->n_needs, 2);
    assert_string_equal(m->needs[0].name, "module_layout");
    assert_int_equal(m->needs[0].crc, 0x11223344);
    assert_symbol(m->needs, m->n_needs, "_printk", 0xfffffffe);
    assert_int_equal(m->n_exports, 2);
    assert_symbol(m->exports, m->n_exports, "ice_one", 0xa1b2c3d4);
    assert_symbol(m->exports, m->n_exports, "ice_two", 0x00000005);
}

#define ALL64                             \
    MODINFO(KVER FLAGS)                   \
    NEED64("0x11223344", "module_layout") \
    NEED64("0xfffffffe", "_printk")       \
    EXPORT("0xa1b2c3d4", "ice_one")       \
    EXPORT("5", "ice_two") ".globl __crc_without\n.4byte __crc_without - .\n"

/* Both classes, both byte orders, by two assemblers. */
static void test_layouts(void **state)
{
    static const struct {
        const char *program, *target, *text;
    } cases[] = {
        {"as", "--64", ALL64},
        {"clang", "--target=x86_64-linux-gnu", ALL64},
        {"clang", "--target=powerpc64-linux-gnu", ALL64},
        {"clang", "--target=aarch64-linux-gnu", ALL64},
        {"as", "--32",
         MODINFO(KVER FLAGS) NEED32("0x11223344", "module_layout") NEED32("0xfffffffe", "_printk")
             EXPORT("0xa1b2c3d4", "ice_one") EXPORT("5", "ice_two")},
        {"as", "--64",
         MODINFO(KVER FLAGS) NEED64("0x11223344", "module_layout") NEED64("0xfffffffe", "_printk")
             EXPORT_ABS("0xa1b2c3d4", "ice_one") EXPORT_ABS("5", "ice_two")},
    };
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *data = NULL;
        CLEANUP_SYMBOLS DmvModuleSymbols m = {0}, parsed = {0};
        size_t size = 0;

        assemble(&s, "ice.ko", cases[i].text, cases[i].program, cases[i].target);
        assert_int_equal(read_symbols(&s, "ice.ko", &m, NULL), 0);
        assert_all(&m);
        data = scratch_read(&s, "ice.ko", &size);
        assert_int_equal(dmv_symbols_parse(data, size, &parsed, NULL), 0);
        assert_all(&parsed);
    }
}

static void test_packed(void **state)
{
    static const char *const programs[] = {"xz", "zstd", "gzip"}, *const files[] = {"a.ko.xz", "a.ko.zst",
                                                                                    "a.ko.gz"};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_module(&s, "a.ko", ALL64);
    for (size_t i = 0; i < DMV_N_ELEMENTS(programs); i++) {
        CLEANUP_SYMBOLS DmvModuleSymbols m = {0};

        scratch_run(programs[i], "-q", "-k", scratch_path(&s, "a.ko"), NULL);
        assert_int_equal(read_symbols(&s, files[i], &m, NULL), 0);
        assert_all(&m);
    }
}

/* Since 6.14: names of any length in sections of their own, which count alone. */
static void test_extended(void **state)
{
    DMV_CLEANUP_FREE char *text = NULL;
    CLEANUP_SYMBOLS DmvModuleSymbols m = {0}, short_names = {0};
    char name[301];
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    memset(name, 'r', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_true(
        asprintf(&text,
                 "%s.section __version_ext_crcs,\"a\"\n.4byte 7, 8\n.section __version_ext_names,\"a\"\n"
                 ".asciz \"module_layout\"\n.asciz \"%s\"\n",
                 MODINFO(KVER FLAGS) NEED64("1", "module_layout"), name) > 0);
    make_module(&s, "a.ko", text);
    assert_int_equal(read_symbols(&s, "a.ko", &m, NULL), 0);
    assert_int_equal(m.n_needs, 2);
    assert_symbol(m.needs, 2, "module_layout", 7);
    assert_symbol(m.needs, 2, name, 8);
    make_module(&s, "b.ko",
                MODINFO(KVER FLAGS) ".section __version_ext_crcs,\"a\"\n.4byte 7, 8\n"
                                    ".section __version_ext_names,\"a\"\n.asciz \"module_layout\"\n");
    assert_int_equal(read_symbols(&s, "b.ko", &short_names, NULL), DMV_MALFORMED);
}

static void test_none(void **state)
{
    CLEANUP_SYMBOLS DmvModuleSymbols m = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_module(&s, "a.ko", ".section .modinfo,\"a\"\n.asciz \"license=GPL\"\n");
    assert_int_equal(read_symbols(&s, "a.ko", &m, NULL), 0);
    assert_null(m.vermagic);
    assert_false(m.versioned);
    assert_int_equal(m.n_needs + m.n_exports, 0);
}

static void test_malformed(void **state)
{
    static const char *const cases[] = {
        ".text\n.4byte 0\n",                                                      /* no .modinfo */
        ".section .modinfo,\"a\"\n.ascii \"vermagic=x\"\n",                       /* no end */
        MODINFO("x") ".section __versions,\"a\"\n.8byte 1\n.asciz \"a\"\n",       /* half an entry */
        MODINFO("x") ".section __versions,\"a\"\n.8byte 1\n.fill 56,1,'a'\n",     /* a name without an end */
        MODINFO("x") ".section __versions,\"a\"\n.8byte 1\n.fill 56,1,0\n",       /* no name */
        MODINFO("x") NEED64("0x100000000", "a"),                                  /* no CRC */
        MODINFO("x") NEED64("1", "a b"),                                          /* no symbol */
        MODINFO("x") EXPORT_ABS("0x100000000", "a"),                              /* no CRC */
        MODINFO("x") ".section __kcrctab,\"a\"\n.byte 1,2\n__crc_a: .byte 3,4\n", /* half a CRC */
        MODINFO("x") ".section __kcrctab,\"a\"\n.4byte 0\n.set __crc_a, . + 4096\n", /* far away */
        MODINFO("x") ".section __kcrctab,\"aw\",@nobits\n__crc_a: .zero 8\n",        /* not in the file */
        MODINFO("x") ".section __version_ext_crcs,\"a\"\n.4byte 1\n",                /* one of two */
        MODINFO("x") ".section __version_ext_names,\"a\"\n.asciz \"a\"\n",
        MODINFO("x") ".section __version_ext_crcs,\"a\"\n.byte 1\n"
                     ".section __version_ext_names,\"a\"\n.asciz \"a\"\n",
        MODINFO("x") ".section __version_ext_crcs,\"a\"\n.4byte 1\n"
                     ".section __version_ext_names,\"a\"\n.ascii \"a\"\n",
    };
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        CLEANUP_SYMBOLS DmvModuleSymbols m = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        make_module(&s, "a.ko", cases[i]);
        if (read_symbols(&s, "a.ko", &m, &e) != DMV_MALFORMED)
            fail_msg("case %zu is taken", i);
        assert_int_equal(e.code, DMV_MALFORMED);
        assert_null(m.arena);
    }
}

static void test_no_module(void **state)
{
    CLEANUP_SYMBOLS DmvModuleSymbols m = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "text.ko", "this is no module\n");
    scratch_write(&s, "empty.ko", "");
    scratch_mkdir(&s, "folder.ko");
    assert_int_equal(read_symbols(&s, "text.ko", &m, &e), DMV_MODULE_NOT_ELF);
    assert_int_equal(read_symbols(&s, "empty.ko", &m, &e), DMV_MODULE_NOT_ELF);
    assert_int_equal(read_symbols(&s, "folder.ko", &m, &e), -EISDIR);
    assert_int_equal(dmv_symbols_parse("", 0, &m, &e), DMV_MODULE_NOT_ELF);
    /* every beginning of a good one */
    make_module(&s, "a.ko", ALL64);
    data = scratch_read(&s, "a.ko", &size);
    for (size_t n = 0; n < size; n += 8) {
        DMV_CLEANUP_FREE char *copy = malloc(n ? n : 1);
        int r;

        assert_non_null(copy);
        memcpy(copy, data, n);
        r = dmv_symbols_parse(copy, n, &m, &e);
        assert_true(r == DMV_MODULE_NOT_ELF || r == DMV_MALFORMED);
    }
}

/* ---- kernels ---- */

#define LINES \
    "0x00000001\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\n0x00000002\t_printk\tvmlinux\tEXPORT_SYMBOL\n"

typedef struct Host {
    Scratch s;
    DmvRoots roots;
    DmvWorld world;
} Host;

static void host_init(Host *h)
{
    *h = (Host){0};
    scratch_init(&h->s);
    scratch_mkdir(&h->s, TREE "kernel");
}

static void host_deinit(Host *h)
{
    dmv_world_deinit(&h->world);
    dmv_roots_deinit(&h->roots);
    scratch_deinit(&h->s);
}
#define HOST DMV_CLEANUP(host_deinit) Host

static DmvKabi *observe(Host *h, char **ret_source)
{
    DmvKabi *k = NULL;

    dmv_world_deinit(&h->world);
    dmv_roots_deinit(&h->roots);
    assert_int_equal(dmv_roots_init(&h->roots, h->s.path, NULL, NULL), 0);
    assert_int_equal(dmv_observe_kernels(&h->roots, &h->world), 0);
    assert_int_equal(h->world.n_kernels, 1);
    assert_int_equal(dmv_symbols_kernel(&h->roots, &h->world.kernels[0], &k, ret_source, &h->world.problems),
                     0);
    return k;
}

static void assert_crc(const DmvKabi *k, const char *name, uint32_t crc, const char *provider)
{
    const char *known_provider = NULL;
    uint32_t known = ~crc;

    assert_true(dmv_kabi_find(k, name, &known, &known_provider));
    assert_int_equal(known, crc);
    assert_string_equal(known_provider, provider);
}

/* Each place alone, and in the order in which they are tried. */
static void test_places(void **state)
{
    static const struct {
        const char *plain, *program, *file;
    } places[] = {
        {TREE "Module.symvers", NULL, TREE "Module.symvers"},
        {"usr/src/headers/Module.symvers", NULL, TREE "build/Module.symvers"},
        {TREE "symvers", NULL, TREE "symvers"},
        {TREE "symvers", "zstd", TREE "symvers.zst"},
        {TREE "symvers", "xz", TREE "symvers.xz"},
        {TREE "symvers", "gzip", TREE "symvers.gz"},
        {"boot/symvers-" KVER, NULL, "boot/symvers-" KVER},
        {"boot/symvers-" KVER, "zstd", "boot/symvers-" KVER ".zst"},
        {"boot/symvers-" KVER, "xz", "boot/symvers-" KVER ".xz"},
        {"boot/symvers-" KVER, "gzip", "boot/symvers-" KVER ".gz"},
    };
    HOST h;

    (void)state;
    host_init(&h);
    scratch_mkdir(&h.s, "boot");
    scratch_link(&h.s, TREE "build", "/usr/src/headers"); /* absolute, as packages make it */
    for (size_t i = 0; i < DMV_N_ELEMENTS(places); i++) {
        DMV_CLEANUP_KABI DmvKabi *k = NULL;
        DMV_CLEANUP_FREE char *source = NULL;
        char text[256];

        (void)snprintf(text, sizeof(text), LINES "0x%08zx\tplace\tvmlinux\tEXPORT_SYMBOL\n", i);
        scratch_write(&h.s, places[i].plain, text);
        if (places[i].program) /* takes the plain one away but for zstd */
            scratch_run(places[i].program, "-q", "-f", scratch_path(&h.s, places[i].plain), NULL);
        k = observe(&h, &source);
        assert_string_equal(source, places[i].file);
        assert_true(dmv_kabi_is_complete(k));
        assert_crc(k, "place", (uint32_t)i, "vmlinux");
        assert_int_equal(h.world.problems.n, 0);
    }
}

static void test_bad_places(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    DMV_CLEANUP_FREE char *source = NULL;
    HOST h;

    (void)state;
    host_init(&h);
    scratch_write(&h.s, "boot/symvers-" KVER ".gz", "\x1f\x8bno gzip at all");
    scratch_write(&h.s, "boot/symvers-" KVER ".xz", "half a line");
    scratch_mkdir(&h.s, "boot/symvers-" KVER ".zst");
    scratch_write(&h.s, "boot/symvers-" KVER, "");
    scratch_link(&h.s, TREE "symvers.gz", "symvers.gz"); /* leads to itself */
    scratch_write(&h.s, TREE "symvers.xz", LINES);       /* not packed: fine */
    k = observe(&h, &source);
    assert_string_equal(source, TREE "symvers.xz");
    assert_int_equal(h.world.problems.n, 5);
    assert_string_equal(h.world.problems.items[0].object, "boot/symvers-" KVER ".gz");
    assert_int_equal(h.world.problems.items[0].code, DMV_MALFORMED);
    assert_int_equal(h.world.problems.items[1].code, DMV_MALFORMED);
    assert_int_equal(h.world.problems.items[2].code, -EISDIR);
    assert_int_equal(h.world.problems.items[3].code, DMV_EMPTY);
    assert_int_equal(h.world.problems.items[4].code, -ELOOP);
}

/* A bomb: 80 MiB of lines. */
static void test_large(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    HOST h;

    (void)state;
    host_init(&h);
    scratch_write(&h.s, TREE "symvers", "");
    assert_int_equal(truncate(scratch_path(&h.s, TREE "symvers"), 80 << 20), 0);
    scratch_run("gzip", "-1", scratch_path(&h.s, TREE "symvers"), NULL);
    k = observe(&h, NULL);
    assert_false(dmv_kabi_is_complete(k));
    assert_int_equal(h.world.problems.n, 1);
    assert_int_equal(h.world.problems.items[0].code, DMV_TOO_LARGE);
}

static void make_tree(Host *h)
{
    make_module(&h->s, TREE "kernel/core.ko",
                MODINFO(KVER FLAGS) NEED64("1", "module_layout") NEED64("2", "_printk")
                    EXPORT("10", "core_one"));
    make_module(&h->s, TREE "kernel/user.ko",
                MODINFO(KVER FLAGS) NEED64("1", "module_layout") NEED64("10", "core_one")
                    NEED64("20", "kfree"));
    /* left over from another kernel: it vouches for nothing */
    make_module(&h->s, TREE "kernel/stale.ko",
                MODINFO("5.0.0" FLAGS) NEED64("99", "kfree") NEED64("98", "gone") EXPORT("97", "stale_one"));
    make_module(&h->s, TREE "extra/zfs.ko", MODINFO(KVER FLAGS) NEED64("66", "odd") EXPORT("30", "zfs_one"));
    scratch_write(&h->s, TREE "kernel/broken.ko", "no module");
    scratch_link(&h->s, TREE "updates/dangling.ko", "nowhere.ko");
    scratch_link(&h->s, TREE "updates/linked.ko", "/usr/lib/linked.ko");
    make_module(&h->s, "usr/lib/linked.ko", MODINFO(KVER FLAGS) EXPORT("40", "linked_one"));
    /* a link of our own: which release is linked is a matter of the plan */
    scratch_mkdir(&h->s, "usr/lib/dmv/store/" KVER "/d/v/1");
    scratch_link(&h->s, TREE "updates/ours.ko", "../../../dmv/store/" KVER "/d/v/1/ours.ko");
    make_module(&h->s, "usr/lib/dmv/store/" KVER "/d/v/1/ours.ko",
                MODINFO(KVER FLAGS) EXPORT("50", "ours_one"));
}

/* No symvers file: the kernel's own modules say what there is. */
static void test_tree(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    DMV_CLEANUP_FREE char *source = NULL;
    HOST h;

    (void)state;
    host_init(&h);
    scratch_mkdir(&h.s, "usr/lib");
    scratch_mkdir(&h.s, TREE "extra");
    make_tree(&h);
    k = observe(&h, &source);
    assert_null(source);
    assert_false(dmv_kabi_is_complete(k));
    assert_string_equal(dmv_kabi_vermagic(k), KVER FLAGS);
    assert_crc(k, "module_layout", 1, "core");
    assert_crc(k, "core_one", 10, "core");
    assert_crc(k, "kfree", 20, "user");
    assert_crc(k, "zfs_one", 30, "zfs");
    assert_crc(k, "linked_one", 40, "linked");
    assert_false(dmv_kabi_find(k, "ours_one", NULL, NULL));
    assert_false(dmv_kabi_find(k, "gone", NULL, NULL));
    assert_false(dmv_kabi_find(k, "stale_one", NULL, NULL));
    assert_false(dmv_kabi_find(k, "odd", NULL, NULL));
    assert_int_equal(h.world.problems.n, 1);
    assert_string_equal(h.world.problems.items[0].object, TREE "kernel/broken.ko");
    assert_int_equal(h.world.problems.items[0].code, DMV_MODULE_NOT_ELF);
}

/* With one, its own modules have nothing to add but the vermagic; those of others have. */
static void test_tree_and_symvers(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    CLEANUP_SYMBOLS DmvModuleSymbols fits = {0}, other = {0};
    DMV_CLEANUP(dmv_kabi_report_deinit) DmvKabiReport report = {0}, refused = {0};
    HOST h;

    (void)state;
    host_init(&h);
    scratch_mkdir(&h.s, "usr/lib");
    scratch_mkdir(&h.s, TREE "extra");
    make_tree(&h);
    scratch_write(&h.s, TREE "symvers", LINES);
    k = observe(&h, NULL);
    assert_true(dmv_kabi_is_complete(k));
    assert_string_equal(dmv_kabi_vermagic(k), KVER FLAGS);
    assert_int_equal(dmv_kabi_size(k), 4);
    assert_false(dmv_kabi_find(k, "kfree", NULL, NULL));
    /* a driver of another kernel, as weak-modules would ask */
    make_module(&h.s, "fits.ko", MODINFO("6.1.0-other" FLAGS) NEED64("2", "_printk") NEED64("30", "zfs_one"));
    make_module(&h.s, "other.ko", MODINFO("6.1.0-other" FLAGS) NEED64("3", "_printk") NEED64("20", "kfree"));
    assert_int_equal(read_symbols(&h.s, "fits.ko", &fits, NULL), 0);
    assert_int_equal(read_symbols(&h.s, "other.ko", &other, NULL), 0);
    assert_int_equal(dmv_kabi_check(&fits, NULL, k, &report, NULL), 0);
    assert_int_equal(report.n_relies, 1);
    assert_string_equal(report.relies[0], "zfs");
    assert_int_equal(dmv_kabi_check(&other, NULL, k, &refused, NULL), DMV_MODULE_OTHER_SYMBOL);
    assert_int_equal(refused.n_findings, 2);
    assert_string_equal(refused.findings[1].symbol, "kfree");
    assert_int_equal(refused.findings[1].outcome, DMV_MODULE_MISSING_SYMBOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_extended),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_no_module),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_bad_places),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_tree_and_symvers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
