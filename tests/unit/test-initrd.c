/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images made by the tools that make them on hosts: cpio and the compressors, mkinitramfs where it is
 * installed. */
#include <errno.h>
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
#include "../support/shell.h"
#include "host/initrd.h"
#include "model/cpio.h"
#include "model/initrd-tree.h"

#define K "6.1.0-test"
#define TREE "image/usr/lib/modules/" K "/"
#define STORE "usr/lib/dmv/store/" K "/intel-ice/dell/2.0/"
#define ID(byte) \
    byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte

typedef struct Host {
    Scratch s;
    DmvRoots r;
} Host;

static void host_init(Host *h)
{
    scratch_init(&h->s);
    assert_int_equal(dmv_roots_init(&h->r, h->s.path, NULL, NULL), 0);
}

static void host_deinit(Host *h)
{
    dmv_roots_deinit(&h->r);
    scratch_deinit(&h->s);
}
#define HOST DMV_CLEANUP(host_deinit) Host

/* <scratch>/image: what Debian's tools put into an image, with one module of ours. */
static void make_tree(const Host *h)
{
    komod_build(&h->s, "ice.ko", &(Komod){.name = "ice", .build_id = 0x11});
    komod_build(&h->s, "nvme.ko", &(Komod){.name = "nvme-core", .build_id = 0x22});
    scratch_link(&h->s, "image/lib", "usr/lib");
    scratch_write(&h->s, TREE "modules.dep.bin", "index");
    scratch_write(&h->s, "image/etc/modprobe.d/site.conf",
                  "# a\nblacklist nvme-core\n  blacklist\tice # b\nblacklistx\n");
    scratch_write(&h->s, "image/usr/lib/modprobe.d/dist.conf", "blacklist e100");
    scratch_write(&h->s, "image/usr/lib/modprobe.d/site.conf", "blacklist hidden\n");
    scratch_write(&h->s, "image/init", "#!/bin/sh\n");
    scratch_link(&h->s, TREE "updates/ice.ko", "../../../dmv/store/" K "/intel-ice/dell/2.0/ice.ko");
    assert_int_equal(shell("cd %s && mkdir -p image/" STORE " " TREE
                           "kernel/drivers && cp ice.ko image/" STORE " && cp nvme.ko " TREE
                           "kernel/drivers/nvme-core.ko && mkdir boot",
                           h->s.path),
                     0);
}

/* cpio of <scratch>/<folder> through a filter, appended to <scratch>/<out>. */
static void pack(const Host *h, const char *folder, const char *filter, const char *out)
{
    assert_int_equal(shell("cd %s/%s && find . | LC_ALL=C sort | cpio -o -H newc --quiet | %s >> ../%s",
                           h->s.path, folder, filter, out),
                     0);
}

static int read_image(const Host *h, const char *path, DmvInitrd *i, DmvError *e)
{
    size_t size;
    DMV_CLEANUP_FREE char *bytes = scratch_read(&h->s, path, &size);
    DMV_CLEANUP_INITRD DmvInitrd again = {0};
    int r = dmv_initrd_read(&h->r, path, i, e);

    /* from memory it is the same */
    assert_int_equal(dmv_initrd_parse(bytes, size, &again, NULL), r);
    assert_int_equal(again.n_modules, i->n_modules);
    assert_int_equal(again.problems.n, i->problems.n);
    return r;
}

static void assert_refused(const Host *h, const char *path, int code, const char *why)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    assert_int_equal(read_image(h, path, &i, &e), code);
    assert_int_equal(e.code, code);
    assert_non_null(strstr(e.why, why));
    assert_null(i.modules);
}

static void assert_module(const DmvInitrd *i, const char *kernel, const char *name, const char *path,
                          const char *build_id)
{
    const DmvInitrdModule *m = dmv_initrd_module(i, kernel, name);

    assert_non_null(m);
    assert_string_equal(m->path, path);
    assert_string_equal(m->build_id, build_id);
    assert_true(m->size > 0);
}

static void assert_the_tree(const DmvInitrd *i)
{
    assert_string_equal(i->kernel, K);
    assert_int_equal(i->n_modules, 2);
    assert_module(i, K, "ice", "updates/ice.ko", ID("11"));
    assert_module(i, NULL, "nvme_core", "kernel/drivers/nvme-core.ko", ID("22"));
    assert_true(i->has_index);
    assert_int_equal(dmv_strv_length(i->blacklist), 3);
    assert_string_equal(i->blacklist[0], "e100");
    assert_string_equal(i->blacklist[1], "ice");
    assert_string_equal(i->blacklist[2], "nvme_core");
    assert_int_equal(i->problems.n, 0);
}

static const char *const filters[] = {
    "cat",       "gzip -n", "xz --check=crc32", "zstd -q", "zstd -q --no-check -19",
    "lz4 -l -q", "bzip2",   "xz --format=lzma"};

static void test_every_compression(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    make_tree(&h);
    for (size_t f = 0; f < DMV_N_ELEMENTS(filters); f++) {
        DMV_CLEANUP_INITRD DmvInitrd i = {0};
        DMV_CLEANUP_FREE char *name = shell_text("boot/initrd-%zu", f);

        pack(&h, "image", filters[f], name);
        assert_int_equal(read_image(&h, name, &i, NULL), 0);
        assert_string_equal(i.path, name);
        assert_the_tree(&i);
    }
}

/* Microcode first, then the main part, then whatever somebody appended, with zeros in between: in every
 * compression, because each ends in another way. */
static void test_archives_one_after_another(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    make_tree(&h);
    scratch_write(&h.s, "early/kernel/x86/microcode/GenuineIntel.bin", "microcode");
    komod_build(&h.s, "late/usr/lib/modules/" K "/extra/late.ko", &(Komod){.name = "late", .build_id = 0x33});
    for (size_t f = 0; f < DMV_N_ELEMENTS(filters); f++) {
        DMV_CLEANUP_INITRD DmvInitrd i = {0};
        DMV_CLEANUP_FREE char *name = shell_text("boot/initrd-%zu", f);

        if (strstr(filters[f], "lzma")) /* its end is nowhere marked */
            continue;
        pack(&h, "early", "cat", name);
        pack(&h, "image", filters[f], name);
        assert_int_equal(shell("cd %s && truncate -s %%512 %s && truncate -s +4096 %s", h.s.path, name, name),
                         0);
        pack(&h, "late", filters[f], name);
        assert_int_equal(shell("cd %s && truncate -s %%4 %s && truncate -s +1024 %s", h.s.path, name, name),
                         0);
        pack(&h, "early", "cat", name);
        assert_int_equal(read_image(&h, name, &i, NULL), 0);
        assert_int_equal(i.n_modules, 3);
        assert_module(&i, K, "late", "extra/late.ko", ID("33"));
        assert_module(&i, K, "ice", "updates/ice.ko", ID("11"));
    }
}

/* Two compressed parts without anything between them, and two archives in one compressed part. */
static void test_archives_without_padding(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    make_tree(&h);
    komod_build(&h.s, "late/usr/lib/modules/" K "/extra/late.ko", &(Komod){.name = "late", .build_id = 0x33});
    for (size_t f = 1; f < DMV_N_ELEMENTS(filters) - 1; f++) {
        DMV_CLEANUP_INITRD DmvInitrd i = {0}, inner = {0};
        DMV_CLEANUP_FREE char *name = shell_text("boot/initrd-%zu", f), *two = shell_text("boot/two-%zu", f);

        pack(&h, "image", filters[f], name);
        /* the next thing after a block of lz4 is a block of lz4, for the kernel too */
        pack(&h, "late", strstr(filters[f], "lz4") ? filters[f] : "gzip", name);
        assert_int_equal(read_image(&h, name, &i, NULL), 0);
        assert_int_equal(i.n_modules, 3);
        pack(&h, "image", "cat", two);
        pack(&h, "late", "cat", two);
        assert_int_equal(shell("cd %s && %s < %s > x && mv x %s", h.s.path, filters[f], two, two), 0);
        assert_int_equal(read_image(&h, two, &inner, NULL), 0);
        assert_int_equal(inner.n_modules, 3);
    }
}

static void test_several_kernels(void **state)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    HOST h;

    (void)state;
    host_init(&h);
    make_tree(&h);
    komod_build(&h.s, "image/usr/lib/modules/6.1.9-next/kernel/ice.ko",
                &(Komod){.name = "ice", .build_id = 0x44});
    pack(&h, "image", "zstd -q", "boot/initrd");
    assert_int_equal(read_image(&h, "boot/initrd", &i, NULL), 0);
    assert_null(i.kernel);
    assert_module(&i, K, "ice", "updates/ice.ko", ID("11"));
    assert_module(&i, "6.1.9-next", "ice", "kernel/ice.ko", ID("44"));
    assert_null(dmv_initrd_module(&i, "6.1.9-next", "nvme_core"));
    assert_false(i.has_index); /* the second kernel has none */
}

/* Compressed modules, hard links as dracut makes them, a folder that is a link, a later member that replaces.
 */
static void test_ways_to_a_module(void **state)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    HOST h;

    (void)state;
    host_init(&h);
    make_tree(&h);
    assert_int_equal(
        shell("cd %s/" TREE " && cp ../../../../../ice.ko kernel/a.ko && xz kernel/a.ko && "
              "ln kernel/drivers/nvme-core.ko kernel/z.ko && mkdir elsewhere && ln -s elsewhere extra",
              h.s.path),
        0);
    pack(&h, "image", "cat", "boot/initrd");
    komod_build(&h.s, "late/lib/modules/" K "/extra/b.ko", &(Komod){.name = "b", .build_id = 0x55});
    scratch_write(&h.s, "late/lib/modules/" K "/kernel/junk.ko", "junk");
    assert_int_equal(shell("cp %s/nvme.ko %s/late/lib/modules/" K "/kernel/a.ko.xz", h.s.path, h.s.path), 0);
    pack(&h, "late", "cat", "boot/initrd");
    assert_int_equal(read_image(&h, "boot/initrd", &i, NULL), 0);
    assert_module(&i, K, "a", "kernel/a.ko.xz", ID("22"));
    assert_module(&i, K, "z", "kernel/z.ko", ID("22"));
    assert_module(&i, K, "b", "elsewhere/b.ko", ID("55"));
    assert_null(dmv_initrd_module(&i, K, "junk"));
    assert_int_equal(i.problems.n, 1);
    assert_int_equal(i.problems.items[0].code, DMV_MODULE_NOT_ELF);
}

/* A member that is wrong is a problem, and the others are there. */
static void test_bad_members(void **state)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    HOST h;

    (void)state;
    host_init(&h);
    make_tree(&h);
    scratch_write(&h.s, TREE "kernel/empty.ko", "");
    scratch_write(&h.s, TREE "kernel/text.ko.xz", "no xz");
    scratch_link(&h.s, TREE "kernel/loop.ko", "loop.ko");
    scratch_link(&h.s, TREE "kernel/lost.ko", "/etc/passwd");
    assert_int_equal(
        shell("cd %s && mkdir " TREE "kernel/folder.ko && mkfifo " TREE "kernel/fifo.ko", h.s.path), 0);
    pack(&h, "image", "gzip", "boot/initrd");
    assert_int_equal(shell("cd %s/image && truncate -s %%4 ../boot/initrd && printf '%%s\\n' ../image/init "
                           "$PWD/init | cpio -o -H newc --quiet "
                           ">> ../boot/initrd",
                           h.s.path),
                     0);
    assert_int_equal(read_image(&h, "boot/initrd", &i, NULL), 0);
    assert_int_equal(i.n_modules, 2);
    assert_int_equal(i.problems.n, 5);
    assert_int_equal(i.problems.items[0].code, DMV_MODULE_NOT_ELF);
    assert_int_equal(i.problems.items[1].code, DMV_MODULE_NOT_ELF);
    assert_int_equal(i.problems.items[2].code, DMV_INVALID_NAME);
    assert_string_equal(i.problems.items[2].object, "../image/init");
    assert_int_equal(i.problems.items[3].code, -ENOENT);
    assert_int_equal(i.problems.items[4].code, -ENOENT);
}

static void test_damage(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    make_tree(&h);
    scratch_write(&h.s, "boot/empty", "");
    assert_refused(&h, "boot/empty", DMV_EMPTY, "no archive");
    scratch_write(&h.s, "boot/garbage", "this is no initrd");
    assert_refused(&h, "boot/garbage", DMV_MALFORMED, "does not know");
    scratch_write(&h.s, "boot/old", "070707000000");
    assert_refused(&h, "boot/old", DMV_MALFORMED, "ends in the middle");
    for (size_t f = 0; f < DMV_N_ELEMENTS(filters); f++) {
        DMV_CLEANUP_FREE char *name = shell_text("boot/cut-%zu", f);

        pack(&h, "image", filters[f], name);
        assert_int_equal(shell("cd %s && truncate -s -600 %s", h.s.path, name), 0);
        assert_refused(&h, name, DMV_MALFORMED, "ends");
    }
    pack(&h, "image", "cat", "boot/odd");
    assert_int_equal(shell("printf x >> %s/boot/odd", h.s.path), 0);
    pack(&h, "image", "cat", "boot/odd");
    assert_refused(&h, "boot/odd", DMV_MALFORMED, "does not know");
    assert_int_equal(shell("cd %s/boot && (cat odd; echo) | gzip > inside", h.s.path), 0);
    assert_refused(&h, "boot/inside", DMV_MALFORMED, "no archive");
    assert_int_equal(shell("cd %s/image && find . | cpio -o -H odc --quiet > ../boot/odc", h.s.path), 0);
    assert_refused(&h, "boot/odc", DMV_MALFORMED, "newc");
}

static void test_not_a_file(void **state)
{
    DmvInitrd i = {0};
    HOST h;

    (void)state;
    host_init(&h);
    assert_int_equal(
        shell("cd %s && mkdir -p boot/folder && mkfifo boot/fifo && ln -s /etc/passwd boot/out", h.s.path),
        0);
    assert_int_equal(dmv_initrd_read(&h.r, "boot/folder", &i, NULL), -EISDIR);
    assert_int_equal(dmv_initrd_read(&h.r, "boot/fifo", &i, NULL), -EINVAL);
    assert_int_equal(dmv_initrd_read(&h.r, "boot/none", &i, NULL), -ENOENT);
    assert_true(dmv_initrd_read(&h.r, "boot/out", &i, NULL) < 0);
}

/* The beginning of an archive whose only member is a module that says to have @size bytes. */
static void write_header(const Host *h, const char *path, unsigned size)
{
    DMV_CLEANUP_FREE char *text = shell_text("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08xx.ko",
                                             1, 0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, 5, 0);

    scratch_write_bytes(&h->s, path, text, strlen(text) + 1);
}

/* Sizes that lie and streams that swell are refused before they cost anything. */
static void test_bombs(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    assert_int_equal(shell("cd %s && mkdir boot && truncate -s 1025M boot/large", h.s.path), 0);
    {
        DMV_CLEANUP_INITRD DmvInitrd i = {0};

        assert_int_equal(dmv_initrd_read(&h.r, "boot/large", &i, NULL), DMV_TOO_LARGE);
    }
    write_header(&h, "boot/huge", 0xffffffff);
    assert_refused(&h, "boot/huge", DMV_TOO_LARGE, "2 GiB");
    write_header(&h, "boot/lies", 0x07000000);
    assert_refused(&h, "boot/lies", DMV_MALFORMED, "ends");
    assert_int_equal(shell("cd %s && head -c 4100M /dev/zero | zstd -q > boot/zeros", h.s.path), 0);
    assert_refused(&h, "boot/zeros", DMV_TOO_LARGE, "unpacks to");
}

static void test_names(void **state)
{
    char path[DMV_INITRD_NAME_MAX], deep[2 * DMV_INITRD_DEPTH_MAX + 4];

    (void)state;
    assert_int_equal(dmv_initrd_path_clean("/./a//b/.", path), 0);
    assert_string_equal(path, "a/b");
    assert_int_equal(dmv_initrd_path_clean("a/../b", path), DMV_INVALID_NAME);
    assert_int_equal(dmv_initrd_path_clean("a\n", path), DMV_INVALID_NAME);
    assert_int_equal(dmv_initrd_path_clean("//", path), DMV_INVALID_NAME);
    for (size_t i = 0; i < sizeof(deep); i++)
        deep[i] = i % 2 ? '/' : 'd';
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(dmv_initrd_path_clean(deep, path), DMV_TOO_DEEP);
}

static void assert_paths(const Host *h, const char *kver, const char *want)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    DMV_CLEANUP_TEXT DmvText t = {0};

    assert_int_equal(dmv_initrd_find(&h->r, kver, &paths), 0);
    for (char **p = paths; p && *p; p++)
        dmv_text_appendf(&t, "%s\n", *p);
    assert_string_equal(t.data ? t.data : "", want);
}

static void test_find(void **state)
{
    static const char *const files[] = {
        "boot/initrd.img-6.1.0",
        "boot/initrd.img-6.1.0-56",
        "boot/initrd.img-6.1.0.dpkg-bak",
        "boot/initramfs-6.1.0.img",
        "boot/initramfs-6.1.0kdump.img",
        "boot/initramfs-6.1.0-fallback.img",
        "boot/initrd-6.1.0",
        "boot/initrd-6.1.0-kdump",
        "boot/4711/6.1.0/initrd",
        "boot/4711/6.1.0/initrd.dmv-previous",
        "boot/initrd.img-6.1.0.dmv-previous",
        "boot/4711/6.1.0/linux",
        "boot/efi/debian/6.1.0/initrd.img-6.1.0",
        "efi/4711/6.1.0/initrd",
        "var/lib/kdump/initrd.img-6.1.0",
    };
    DMV_CLEANUP_STRV char **paths = NULL;
    HOST h;

    (void)state;
    host_init(&h);
    assert_paths(&h, "6.1.0", "");
    for (size_t i = 0; i < DMV_N_ELEMENTS(files); i++)
        scratch_write(&h.s, files[i], "x");
    scratch_link(&h.s, "boot/initrd-6.1.0.img", "initrd-6.1.0");
    scratch_link(&h.s, "boot/initramfs-6.1.0kdump", "lost");
    assert_paths(&h, "6.1.0",
                 "boot/4711/6.1.0/initrd\nboot/efi/debian/6.1.0/initrd.img-6.1.0\n"
                 "boot/initramfs-6.1.0-fallback.img\nboot/initramfs-6.1.0.img\n"
                 "boot/initramfs-6.1.0kdump.img\nboot/initrd-6.1.0\nboot/initrd-6.1.0-kdump\n"
                 "boot/initrd.img-6.1.0\nefi/4711/6.1.0/initrd\nvar/lib/kdump/initrd.img-6.1.0\n");
    assert_paths(&h, "6.1.0-56", "boot/initrd.img-6.1.0-56\n");
    assert_int_equal(dmv_initrd_find(&h.r, "../x", &paths), -EINVAL);
    assert_null(paths);
}

static void test_makers_and_main_images(void **state)
{
    (void)state;
    assert_int_equal(dmv_initrd_maker_of_member("scripts/functions"), DMV_INITRD_MAKER_INITRAMFS_TOOLS);
    assert_int_equal(dmv_initrd_maker_of_member("conf/initramfs.conf"), DMV_INITRD_MAKER_INITRAMFS_TOOLS);
    assert_int_equal(dmv_initrd_maker_of_member("usr/lib/dracut/build-parameter.txt"),
                     DMV_INITRD_MAKER_DRACUT);
    assert_int_equal(dmv_initrd_maker_of_member("usr/lib/dracut-lib.sh"), DMV_INITRD_MAKER_UNKNOWN);
    assert_int_equal(dmv_initrd_maker_of_member("init"), DMV_INITRD_MAKER_UNKNOWN);
    assert_true(dmv_initrd_is_main("boot/initrd.img-" K, K));
    assert_true(dmv_initrd_is_main("boot/initramfs-" K ".img", K));
    assert_true(dmv_initrd_is_main("boot/efi/0123/" K "/initrd", K));
    assert_true(dmv_initrd_is_main("efi/0123/" K "/initrd", K));
    assert_false(dmv_initrd_is_main("boot/initramfs-" K "kdump.img", K));
    assert_false(dmv_initrd_is_main("boot/initrd-" K "-kdump", K));
    assert_false(dmv_initrd_is_main("boot/initramfs-" K "-fallback.img", K));
    assert_false(dmv_initrd_is_main("boot/0123/" K "/initrd-fallback", K));
    assert_false(dmv_initrd_is_main("var/lib/kdump/initrd.img-" K, K));
}

/* An image of the real mkinitramfs of this machine, with a kernel of ours: what we list is what lsinitramfs
 * lists. */
static void test_real_mkinitramfs(void **state)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    DMV_CLEANUP_FREE char *list = NULL;
    HOST h;

    (void)state;
    assert_int_equal(access("/usr/sbin/mkinitramfs", X_OK), 0);
    host_init(&h);
    komod_build(&h.s, "ice.ko", &(Komod){.name = "ice", .build_id = 0x11});
    komod_build(&h.s, "nvme.ko", &(Komod){.name = "nvme", .build_id = 0x22});
    assert_int_equal(shell("unshare -m sh -ec '"
                           "cd %s; mkdir -p boot conf store modules/" K "/kernel/drivers/net modules/" K
                           "/updates;"
                           "cp -r /etc/initramfs-tools/. conf/; printf \"ice\\nnvme\\n\" > conf/modules;"
                           "sed -i s/^MODULES=.*/MODULES=list/ conf/initramfs.conf;"
                           "cp nvme.ko modules/" K "/kernel/drivers/net/; cp ice.ko store/;"
                           "ln -s $PWD/store/ice.ko modules/" K "/updates/ice.ko;"
                           "touch modules/" K "/modules.order modules/" K "/modules.builtin;"
                           "echo CONFIG_RD_ZSTD=y > boot/config-" K "; mount --bind boot /boot;"
                           "mount --bind modules /usr/lib/modules; depmod " K " 2>depmod.log;"
                           "mkinitramfs -d $PWD/conf -o boot/initrd.img-" K " " K "' >%s/log 2>&1",
                           h.s.path, h.s.path),
                     0);
    assert_int_equal(read_image(&h, "boot/initrd.img-" K, &i, NULL), 0);
    assert_module(&i, K, "nvme", "kernel/drivers/net/nvme.ko", ID("22"));
    assert_module(&i, K, "ice", "updates/ice.ko", ID("11"));
    assert_true(i.has_index);
    assert_int_equal(i.maker, DMV_INITRD_MAKER_INITRAMFS_TOOLS);
    assert_int_equal(shell("cd %s && lsinitramfs boot/initrd.img-" K
                           " | grep -c '^usr/lib/modules/.*[.]ko$' > count",
                           h.s.path),
                     0);
    list = scratch_read(&h.s, "count", NULL);
    assert_int_equal(i.n_modules, strtoul(list, NULL, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_compression),
        cmocka_unit_test(test_archives_one_after_another),
        cmocka_unit_test(test_archives_without_padding),
        cmocka_unit_test(test_several_kernels),
        cmocka_unit_test(test_ways_to_a_module),
        cmocka_unit_test(test_bad_members),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_makers_and_main_images),
        cmocka_unit_test(test_real_mkinitramfs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
