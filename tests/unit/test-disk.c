/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Driver disks made by tar and xorriso, file by file; and what happens to one that changes under the reader.
 */
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
#include "../support/shell.h"
#include "base/text.h"
#include "disk/disk.h"
#include "host/fs.h"

#define TAKE_MAX (1 << 20)

static int open_disk(const Scratch *s, const char *name, int *ret_fd, DmvDisk **ret, DmvError *reterr)
{
    *ret_fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
    assert_true(*ret_fd >= 0);
    return dmv_disk_open(*ret_fd, NULL, ret, reterr);
}

/* "PATH=CONTENTS " of every file that is not huge. @ret_code: what ended it. */
static char *list(const Scratch *s, const char *name, int *ret_code)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_CLOSE int fd = -1;
    DMV_CLEANUP(dmv_cleanup_disk) DmvDisk *d = NULL;
    DmvText t = {0};
    char *text = NULL;
    int r = open_disk(s, name, &fd, &d, &e);

    while (r == 0) {
        const char *path = NULL;
        DMV_CLEANUP_FREE char *data = NULL;
        DMV_CLEANUP_CLOSE int out = -1;
        uint64_t size = 0;
        size_t n = 0;

        r = dmv_disk_next(d, &path, &size, &e);
        if (r != 0 || !path)
            break;
        if (size > TAKE_MAX)
            continue;
        dmv_text_appendf(&t, "%s=", path);
        out = openat(s->fd, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(out >= 0);
        r = dmv_disk_save(d, out, &e);
        if (r != 0)
            break;
        assert_int_equal(lseek(out, 0, SEEK_SET), 0);
        assert_int_equal(dmv_fs_read_fd(out, TAKE_MAX, &data, &n), 0);
        assert_int_equal(n, size);
        dmv_text_appendf(&t, "%.20s ", data);
    }
    assert_int_equal(r, e.code);
    if (r != 0)
        assert_non_null(e.why);
    dmv_text_append(&t, "");
    assert_int_equal(dmv_text_take(&t, &text, NULL), 0);
    *ret_code = r;
    return text;
}

static void make_tree(const Scratch *s)
{
    scratch_write(s, "d/repodata/repomd.xml", "md");
    scratch_write(s, "d/Packages/a-1-1.x86_64.rpm", "rpm");
    scratch_write(s, "d/Release Notes.txt", "");
    scratch_write(s, "d/..x/...", "dots");
}

static void test_forms(void **state)
{
    static const char *const forms[] = {
        "tar --format=ustar --sort=name -C d -cf disk .",
        "tar --format=gnu --sort=name -C d -cf disk Packages repodata 'Release Notes.txt' ..x",
        "tar --format=pax --sort=name -C d -czf disk .",
        "tar --sort=name -C d -cJf disk .",
        "tar --sort=name -C d -cjf disk .",
        "tar --sort=name -C d --zstd -cf disk .",
        "xorriso -as mkisofs -quiet -r -J -o disk d 2>/dev/null",
        "xorriso -as mkisofs -quiet -r -iso-level 4 -o disk d 2>/dev/null",
        "xorriso -as mkisofs -quiet -r -o disk.iso d 2>/dev/null && gzip -c disk.iso >disk",
    };
    static const char *const files[] = {"repodata/repomd.xml=md ", "Packages/a-1-1.x86_64.rpm=rpm ",
                                        "Release Notes.txt= ", "..x/...=dots "};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    make_tree(&s);
    for (size_t i = 0; i < DMV_N_ELEMENTS(forms); i++) {
        DMV_CLEANUP_FREE char *text = NULL;
        size_t length = 0;
        int r = -1;

        assert_int_equal(shell("cd %s && %s", s.path, forms[i]), 0);
        text = list(&s, "disk", &r);
        assert_int_equal(r, 0);
        for (size_t f = 0; f < DMV_N_ELEMENTS(files); f++) {
            if (!strstr(text, files[f]))
                fail_msg("%s: no %s in %s", forms[i], files[f], text);
            length += strlen(files[f]);
        }
        assert_int_equal(strlen(text), length);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *make;
        int code;
    } cases[] = {
        {"ln -s /etc/shadow d/l && tar -C d -cf disk l", DMV_MALFORMED},
        {"ln d/repodata/repomd.xml d/h && tar --sort=name -C d -cf disk h repodata", DMV_MALFORMED},
        {"mkfifo d/f && tar -C d -cf disk f", DMV_MALFORMED},
        {"tar -C d/Packages -Pcf disk ../repodata/repomd.xml", DMV_MALFORMED},
        {"tar -C d/Packages -Pcf disk ..", DMV_MALFORMED},
        {"tar -Pcf disk $PWD/d", DMV_MALFORMED},
        {"tar -C d --transform 's/md/m\\n/' -cf disk repodata/repomd.xml", DMV_MALFORMED},
        {"ln -s x d/l2 && xorriso -as mkisofs -quiet -r -o disk d 2>/dev/null", DMV_MALFORMED},
        {"tar -C d -czf x Packages && gzip -c x >disk", DMV_MALFORMED},
        {"truncate -s 5G d/one d/two && tar -C d --sparse -cf disk one two", DMV_TOO_LARGE},
        {"tar -C d -cf x Packages && head -c 1030 x >disk", DMV_MALFORMED},
        {"tar -C d -czf x Packages && head -c 100 x >disk", DMV_MALFORMED},
        {"seq 1 10000 >disk", DMV_MALFORMED},
        {"printf 'PK\\3\\4' >disk && cat d/repodata/repomd.xml >>disk", DMV_MALFORMED},
        {"echo d/repodata/repomd.xml | cpio -o --quiet >disk", DMV_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *text = NULL;
        SCRATCH s;
        int r = -1;

        scratch_init(&s);
        make_tree(&s);
        assert_int_equal(shell("cd %s && %s", s.path, cases[i].make), 0);
        text = list(&s, "disk", &r);
        if (r != cases[i].code)
            fail_msg("%s: %d instead of %d", cases[i].make, r, cases[i].code);
    }
}

static void test_entries(void **state)
{
    SCRATCH s;
    DMV_CLEANUP_FREE char *text = NULL;
    int r = -1;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "x", "");
    /* one header, a million times */
    assert_int_equal(
        shell("cd %s && tar -b1 -cf one x && head -c 512 one >h && "
              "for i in 1 2 3 4 5 6; do cat h h h h h h h h h h >t && mv t h; done && gzip -1c h >disk",
              s.path),
        0);
    text = list(&s, "disk", &r);
    assert_int_equal(r, DMV_TOO_LARGE);
}

static void test_no_disk(void **state)
{
    static const struct {
        const char *path;
        int code;
    } cases[] = {
        {"/dev/null", DMV_INVALID_REQUEST}, {"/", DMV_INVALID_REQUEST}, {"/dev/zero", DMV_INVALID_REQUEST},
        {"/proc/self/maps", DMV_EMPTY},     {"big", DMV_TOO_LARGE},     {"empty", DMV_EMPTY},
    };
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "empty", "");
    assert_int_equal(shell("truncate -s 4097M %s/big", s.path), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_CLOSE int fd = openat(s.fd, cases[i].path, O_RDONLY | O_CLOEXEC);
        DMV_CLEANUP_ERROR DmvError e = {0};
        DmvDisk *d = NULL;

        assert_true(fd >= 0);
        assert_int_equal(dmv_disk_open(fd, NULL, &d, &e), cases[i].code);
        assert_int_equal(e.code, cases[i].code);
        assert_null(d);
    }
}

/* The first file is read, then @change happens, then all others are. */
static int read_changing(const Scratch *s, const char *change)
{
    DMV_CLEANUP_CLOSE int fd = -1;
    DMV_CLEANUP(dmv_cleanup_disk) DmvDisk *d = NULL;
    DMV_CLEANUP_CLOSE int out = openat(s->fd, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char *path = NULL;
    uint64_t size = 0;
    int r = open_disk(s, "disk", &fd, &d, NULL);

    assert_int_equal(r, 0);
    r = dmv_disk_next(d, &path, &size, NULL);
    assert_int_equal(r, 0);
    assert_int_equal(shell("cd %s && %s", s->path, change), 0);
    while (r == 0 && path) {
        r = dmv_disk_save(d, out, NULL);
        if (r == 0)
            r = dmv_disk_next(d, &path, &size, NULL);
    }
    return r;
}

static void test_changing(void **state)
{
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(shell("cd %s && mkdir d && head -c 3000000 /dev/urandom >d/a && cp d/a d/b && "
                           "tar -C d -cf good a b",
                           s.path),
                     0);
    assert_int_equal(shell("cp %s/good %s/disk", s.path, s.path), 0);
    assert_int_equal(read_changing(&s, "true"), 0);
    assert_int_equal(read_changing(&s, "truncate -s 2000000 disk"), DMV_MALFORMED);
    assert_int_equal(shell("cp %s/good %s/disk", s.path, s.path), 0);
    assert_int_equal(read_changing(&s, ": >disk"), DMV_MALFORMED);
    /* what comes later does not count: it is not read for ever */
    assert_int_equal(shell("cp %s/good %s/disk", s.path, s.path), 0);
    assert_int_equal(read_changing(&s, "truncate -s 100G disk"), 0);
}

static int give_up(uint64_t done, uint64_t total, void *userdata)
{
    (void)total;
    return done > *(const uint64_t *)userdata ? -ECANCELED : 0;
}

static void test_cancelled(void **state)
{
    SCRATCH s;
    uint64_t limit = 1000000;
    const DmvDiskOptions o = {.progress = give_up, .userdata = &limit};
    DMV_CLEANUP(dmv_cleanup_disk) DmvDisk *d = NULL;
    DMV_CLEANUP_CLOSE int fd = -1, out = -1;
    const char *path = NULL;
    uint64_t size = 0;

    (void)state;
    scratch_init(&s);
    assert_int_equal(shell("cd %s && head -c 3000000 /dev/urandom >a && tar -cf disk a", s.path), 0);
    fd = openat(s.fd, "disk", O_RDONLY | O_CLOEXEC);
    out = openat(s.fd, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(dmv_disk_open(fd, &o, &d, NULL), 0);
    assert_int_equal(dmv_disk_next(d, &path, &size, NULL), 0);
    assert_int_equal(size, 3000000);
    assert_int_equal(dmv_disk_save(d, out, NULL), DMV_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_refused),  cmocka_unit_test(test_entries),
        cmocka_unit_test(test_no_disk), cmocka_unit_test(test_changing), cmocka_unit_test(test_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
