/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The initrd step: which images it concerns, the way back from every point, and tools that fail. The tool is
 * a script that stands in the place of mkinitramfs, run by chroot(2) with this machine's shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "../support/plain-depmod.h"
#include "../support/shell.h"
#include "../support/snapshot.h"
#include "../support/stopper.h"
#include "base/text.h"
#include "daemon/apply/previous.h"
#include "daemon/apply/rebuild.h"
#include "daemon/apply/transaction.h"
#include "daemon/apply/trial.h"
#include "host/initrd-build.h"
#include "host/initrd.h"

#define K1 "6.1.0-test"
#define K2 "6.2.0-test"
#define MODULES "usr/lib/modules/"
#define INBOX 0x11
#define SELECTED 0x22
#define S(text) ((char *)(uintptr_t)(text))
#define TARGET(kernel) "../../../dmv/store/" kernel "/intel-ice/dell/1.0/ice.ko"
#define IMAGE "boot/initrd.img-" K1

typedef struct Host {
    Scratch s;
    DmvRoots r;
} Host;

static void host_deinit(Host *h)
{
    dmv_roots_deinit(&h->r);
    scratch_deinit(&h->s);
}
#define HOST DMV_CLEANUP(host_deinit) Host

/* <scratch>/NAME: an image as initramfs-tools makes it, with an ice of that build-id, or without (0). */
static void make_image(const Host *h, const char *name, const char *kernel, unsigned char build_id)
{
    DMV_CLEANUP_FREE char *module = shell_text("image/usr/lib/modules/%s/kernel/ice.ko", kernel);

    assert_int_equal(shell("rm -rf %s/image", h->s.path), 0);
    scratch_write(&h->s, "image/scripts/functions", "x");
    if (build_id)
        komod_build(&h->s, module, &(Komod){.name = "ice", .build_id = build_id});
    assert_int_equal(shell("cd %s && (cd image && find . | cpio --quiet -o -H newc) | gzip > %s.tmp && "
                           "mv %s.tmp %s && rm -r image && touch -d '2020-01-02 03:04' %s",
                           h->s.path, name, name, name, name),
                     0);
}

static void make_kernel(const Host *h, const char *kernel)
{
    DMV_CLEANUP_FREE char *own = shell_text(MODULES "%s/kernel/ice.ko", kernel);
    DMV_CLEANUP_FREE char *store = shell_text("usr/lib/dmv/store/%s/intel-ice/dell/1.0/ice.ko", kernel);
    DMV_CLEANUP_FREE char *order = shell_text(MODULES "%s/modules.order", kernel);
    DMV_CLEANUP_FREE char *builtin = shell_text(MODULES "%s/modules.builtin", kernel);

    komod_build(&h->s, own, &(Komod){.name = "ice", .build_id = INBOX});
    komod_build(&h->s, store, &(Komod){.name = "ice", .build_id = SELECTED});
    scratch_write(&h->s, order, "kernel/ice.ko\n");
    scratch_write(&h->s, builtin, "");
    assert_int_equal(plain_depmod(&h->r, kernel, NULL), 0);
}

static void set_tool(const Host *h, const char *body)
{
    DMV_CLEANUP_FREE char *text = shell_text("#!/bin/sh\necho \"$3\" >> /builds\n%s\n", body);

    scratch_write(&h->s, "usr/sbin/mkinitramfs", text);
    assert_int_equal(fchmodat(h->s.fd, "usr/sbin/mkinitramfs", 0755, 0), 0);
}

static void make_host(Host *h)
{
    scratch_init(&h->s);
    scratch_link(&h->s, "lib", "usr/lib");
    scratch_mkdir(&h->s, "usr/lib");
    scratch_mkdir(&h->s, "boot");
    scratch_mkdir(&h->s, "var/lib/dmv");
    scratch_mkdir(&h->s, "run/dmv");
    scratch_write(&h->s, "etc/depmod.d/00-dmv.conf", "search updates built-in\n");
    assert_int_equal(dmv_roots_init(&h->r, h->s.path, NULL, NULL), 0);
    make_kernel(h, K1);
    make_kernel(h, K2);
    make_image(h, IMAGE, K1, INBOX);
    make_image(h, "boot/initrd.img-" K2, K2, 0);
    make_image(h, "next", K1, SELECTED);
    scratch_write(&h->s, "builds", "");
    set_tool(h, "cat /next > \"$2\"");
    assert_int_equal(shell("cd %s && mkdir -p bin && cp -L /bin/sh /bin/cat bin/ && "
                           "for f in $(ldd /bin/sh /bin/cat | grep -o '/[^ )]*[.]so[^ )]*' | sort -u); do "
                           "mkdir -p .$(dirname $f) && cp -L $f .$f; done",
                           h->s.path),
                     0);
}

static char *ice[] = {S("ice"), NULL};
static const DmvStep change[] = {
    {.kind = DMV_STEP_MKDIR, .path = S(MODULES K1 "/updates")},
    {.kind = DMV_STEP_LINK, .path = S(MODULES K1 "/updates/ice.ko"), .content = S(TARGET(K1))},
    {.kind = DMV_STEP_DEPMOD, .kernel = S(K1)},
    {.kind = DMV_STEP_INITRD, .kernel = S(K1), .modules = ice},
    {.kind = DMV_STEP_INITRD, .kernel = S(K2), .modules = ice},
};

static int apply(const DmvRoots *r, const DmvTransactionOptions *options, DmvError *e)
{
    return dmv_transaction_apply(r, 7, change, DMV_N_ELEMENTS(change), options, e);
}

static int do_apply(const DmvRoots *r, const DmvTransactionOptions *options)
{
    return apply(r, options, NULL);
}

static int do_undo(const DmvRoots *r, const DmvTransactionOptions *options)
{
    return dmv_transaction_undo(r, options, NULL);
}

static int do_confirm(const DmvRoots *r, const DmvTransactionOptions *options)
{
    return dmv_transaction_confirm(r, options, NULL);
}

static void assert_image_has(const Host *h, const char *path, const char *byte)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    const DmvInitrdModule *m;

    assert_int_equal(dmv_initrd_read(&h->r, path, &i, NULL), 0);
    m = dmv_initrd_module(&i, K1, "ice");
    assert_non_null(m);
    assert_true(dmv_starts_with(m->build_id, byte));
}

static bool exists(const Host *h, const char *path)
{
    struct stat st;

    return fstatat(h->s.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void assert_builds(const Host *h, const char *expected)
{
    DMV_CLEANUP_FREE char *builds = scratch_read(&h->s, "builds", NULL);

    assert_string_equal(builds, expected);
    scratch_write(&h->s, "builds", "");
}

static time_t time_of(const Host *h, const char *path)
{
    struct stat st;

    assert_int_equal(fstatat(h->s.fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mtime;
}

/* Only the image that holds the module, once; the one before stays for one change more. */
static void test_rebuilt_and_kept(void **state)
{
    HOST h = {0};
    time_t was;

    (void)state;
    make_host(&h);
    was = time_of(&h, IMAGE);
    assert_int_equal(fchmodat(h.s.fd, IMAGE, 0640, 0), 0);
    assert_int_equal(do_apply(&h.r, NULL), 0);
    assert_builds(&h, K1 "\n");
    assert_image_has(&h, IMAGE, "22");
    assert_true(exists(&h, IMAGE DMV_PREVIOUS_KEPT));
    assert_false(exists(&h, IMAGE DMV_PREVIOUS));
    assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
    assert_false(exists(&h, IMAGE DMV_PREVIOUS_KEPT));
    assert_image_has(&h, IMAGE DMV_PREVIOUS, "11");
    assert_int_equal(time_of(&h, IMAGE DMV_PREVIOUS), was);
    assert_false(exists(&h, "boot/.dmv-new"));
    assert_false(exists(&h, DMV_INITRD_BUILD_DIR));
    /* it holds what the index gives already: nothing is built */
    assert_int_equal(do_apply(&h.r, NULL), 0);
    assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
    assert_builds(&h, "");
    assert_image_has(&h, IMAGE DMV_PREVIOUS, "11");
}

static void test_undo_gives_the_image_back(void **state)
{
    HOST h = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    time_t was;

    (void)state;
    make_host(&h);
    scratch_write(&h.s, IMAGE DMV_PREVIOUS, "of the change before");
    was = time_of(&h, IMAGE);
    before = snapshot(&h.s, "boot");
    assert_int_equal(do_apply(&h.r, NULL), 0);
    assert_image_has(&h, IMAGE, "22");
    assert_int_equal(dmv_transaction_undo(&h.r, NULL, NULL), 0);
    snapshot_assert_same(&h.s, "boot", before);
    assert_int_equal(time_of(&h, IMAGE), was);
}

/* ---- interrupted ---- */

static DmvRecovery recover(const Host *h)
{
    DmvRecovery what = DMV_RECOVERY_NONE;
    uint64_t generation;

    assert_int_equal(dmv_transaction_recover(&h->r, NULL, &what, &generation, NULL), 0);
    return what;
}

static void test_death_at_every_boundary(void **state)
{
    HOST h = {0};
    DMV_CLEANUP_FREE char *before = NULL, *modules = NULL;
    int at;

    (void)state;
    make_host(&h);
    before = snapshot(&h.s, "boot");
    modules = snapshot(&h.s, "usr/lib/modules");
    for (at = 0; stopper_die_at(&h.r, do_apply, at); at++) {
        assert_int_equal(recover(&h), DMV_RECOVERY_UNDONE);
        snapshot_assert_same(&h.s, "boot", before);
        snapshot_assert_same(&h.s, "usr/lib/modules", modules);
    }
    assert_true(at > 8);
    assert_int_equal(recover(&h), DMV_RECOVERY_UNDONE);
    snapshot_assert_same(&h.s, "boot", before);
    /* and while it is taken back */
    for (at = 0;; at++) {
        assert_int_equal(do_apply(&h.r, NULL), 0);
        if (!stopper_die_at(&h.r, do_undo, at))
            break;
        assert_int_equal(recover(&h), DMV_RECOVERY_UNDONE);
        snapshot_assert_same(&h.s, "boot", before);
    }
    assert_true(at > 2);
    snapshot_assert_same(&h.s, "boot", before);
}

static void test_death_after_the_confirmation(void **state)
{
    HOST h = {0};

    (void)state;
    make_host(&h);
    assert_int_equal(do_apply(&h.r, NULL), 0);
    assert_true(stopper_die_at(&h.r, do_confirm, 1));
    assert_true(exists(&h, IMAGE DMV_PREVIOUS_KEPT));
    assert_int_equal(recover(&h), DMV_RECOVERY_CLEANED);
    assert_false(exists(&h, IMAGE DMV_PREVIOUS_KEPT));
    assert_image_has(&h, IMAGE, "22");
    assert_image_has(&h, IMAGE DMV_PREVIOUS, "11");
    assert_int_equal(recover(&h), DMV_RECOVERY_NONE);
}

/* Nobody recovers where there is no journal: what is kept must not count as the next change's. */
static void test_next_change_after_such_a_death(void **state)
{
    HOST h = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    make_host(&h);
    assert_int_equal(do_apply(&h.r, NULL), 0);
    assert_true(stopper_die_at(&h.r, do_confirm, 1));
    scratch_write(&h.s, MODULES K1 "/kernel/garbage.ko", "no module"); /* depmod fails, before the images */
    assert_int_equal(apply(&h.r, NULL, &e), DMV_TOOL_FAILED);
    assert_image_has(&h, IMAGE, "22");
    assert_image_has(&h, IMAGE DMV_PREVIOUS, "11");
}

/* ---- for a trial ---- */

static const DmvTransactionOptions for_trial = {.trial = K1};

static void assert_nothing_kept(const Host *h)
{
    assert_int_equal(shell("! ls -A %s/boot | grep -e dmv-kept -e dmv-new", h->s.path), 0);
}

/* The default entry's image stays until what was tried takes its place. */
static void test_trial_and_promotion(void **state)
{
    HOST h = {0};
    bool trial = false;

    (void)state;
    make_host(&h);
    scratch_write(&h.s, "boot/grub/grubenv", "");
    assert_int_equal(do_apply(&h.r, &for_trial), 0);
    assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
    assert_image_has(&h, IMAGE, "11");
    assert_image_has(&h, IMAGE DMV_TRIAL, "22");
    assert_nothing_kept(&h);
    assert_int_equal(dmv_trial_exists(&h.r, K1, &trial), 0);
    assert_true(trial);
    assert_int_equal(dmv_trial_exists(&h.r, K2, &trial), 0);
    assert_false(trial);
    /* another generation with the same module: it is right already */
    assert_int_equal(do_apply(&h.r, &for_trial), 0);
    assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
    assert_builds(&h, K1 "\n");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(dmv_trial_promote(&h.r, NULL), 0);
        assert_image_has(&h, IMAGE, "22");
        assert_image_has(&h, IMAGE DMV_PREVIOUS, "11");
        assert_false(exists(&h, IMAGE DMV_TRIAL));
        assert_nothing_kept(&h);
    }
}

/* Where /boot is not mounted nothing is taken for done. */
static void test_promotion_without_boot(void **state)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    HOST h = {0};

    (void)state;
    make_host(&h);
    assert_int_equal(dmv_trial_promote(&h.r, &e), DMV_NOT_INSTALLED);
    assert_non_null(strstr(e.why, "is /boot mounted?"));
    assert_int_equal(dmv_trial_drop(&h.r, NULL), 0);
}

/* A change that leads back to what the default entry has, and one that is not for a trial, need no image
 * beside it. */
static void test_trial_image_goes(void **state)
{
    static const DmvStep back[] = {
        {.kind = DMV_STEP_UNLINK, .path = S(MODULES K1 "/updates/ice.ko")},
        {.kind = DMV_STEP_DEPMOD, .kernel = S(K1)},
        {.kind = DMV_STEP_INITRD, .kernel = S(K1), .modules = ice},
    };
    HOST h = {0};

    (void)state;
    make_host(&h);
    for (int direct = 0; direct < 2; direct++) {
        const DmvTransactionOptions *how = direct ? NULL : &for_trial;

        assert_int_equal(do_apply(&h.r, &for_trial), 0);
        assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
        assert_image_has(&h, IMAGE DMV_TRIAL, "22");
        assert_int_equal(dmv_transaction_apply(&h.r, 8, back, DMV_N_ELEMENTS(back), how, NULL), 0);
        assert_false(exists(&h, IMAGE DMV_TRIAL));
        /* undone it is there again */
        assert_int_equal(dmv_transaction_undo(&h.r, NULL, NULL), 0);
        assert_image_has(&h, IMAGE DMV_TRIAL, "22");
        assert_int_equal(dmv_transaction_apply(&h.r, 8, back, DMV_N_ELEMENTS(back), how, NULL), 0);
        assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
        assert_image_has(&h, IMAGE, "11");
        assert_false(exists(&h, IMAGE DMV_TRIAL));
        assert_nothing_kept(&h);
    }
    assert_int_equal(do_apply(&h.r, &for_trial), 0);
    assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
    assert_int_equal(dmv_trial_drop(&h.r, NULL), 0);
    assert_false(exists(&h, IMAGE DMV_TRIAL));
    assert_image_has(&h, IMAGE, "11");
}

/* A kernel that the boot loader's entry is not for gets its image at once. */
static void test_trial_of_another_kernel(void **state)
{
    static const DmvTransactionOptions other = {.trial = K2};
    HOST h = {0};

    (void)state;
    make_host(&h);
    assert_int_equal(do_apply(&h.r, &other), 0);
    assert_int_equal(dmv_transaction_confirm(&h.r, NULL, NULL), 0);
    assert_image_has(&h, IMAGE, "22");
    assert_false(exists(&h, IMAGE DMV_TRIAL));
}

static int do_apply_for_trial(const DmvRoots *r, const DmvTransactionOptions *options)
{
    DmvTransactionOptions o = *options;

    o.trial = K1;
    return apply(r, &o, NULL);
}

static void test_trial_dies_at_every_boundary(void **state)
{
    HOST h = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    int at;

    (void)state;
    make_host(&h);
    before = snapshot(&h.s, "boot");
    for (at = 0; stopper_die_at(&h.r, do_apply_for_trial, at); at++) {
        assert_int_equal(recover(&h), DMV_RECOVERY_UNDONE);
        snapshot_assert_same(&h.s, "boot", before);
    }
    assert_true(at > 7);
    assert_int_equal(recover(&h), DMV_RECOVERY_UNDONE);
    snapshot_assert_same(&h.s, "boot", before);
}

/* ---- refused ---- */

static void assert_fails(const Host *h, const char *body, int outcome, const char *why)
{
    DMV_CLEANUP_FREE char *boot = snapshot(&h->s, "boot"), *modules = snapshot(&h->s, "usr/lib/modules");
    DMV_CLEANUP_ERROR DmvError e = {0};

    set_tool(h, body);
    assert_int_equal(apply(&h->r, NULL, &e), outcome);
    assert_non_null(strstr(e.what, "every file is as before"));
    assert_non_null(strstr(e.why, why));
    snapshot_assert_same(&h->s, "boot", boot);
    snapshot_assert_same(&h->s, "usr/lib/modules", modules);
    assert_false(exists(h, DMV_INITRD_BUILD_DIR));
}

static void test_tools_that_fail(void **state)
{
    HOST h = {0};

    (void)state;
    make_host(&h);
    assert_fails(&h, "echo first; echo last; echo half > \"$2\"; exit 9", DMV_TOOL_FAILED,
                 "ended with status 9: first; last");
    assert_fails(&h, "kill -9 $$", DMV_TOOL_FAILED, "ended with status 137: it said nothing");
    assert_fails(&h, "echo '/boot/x: No space left on device'; exit 1", DMV_NO_SPACE, "No space left");
    assert_fails(&h, "echo '/boot/x: Disk quota exceeded'; exit 1", DMV_NO_SPACE, "quota");
    assert_fails(&h, "echo '/tmp/x: Read-only file system'; exit 1", DMV_READ_ONLY, "Read-only");
    assert_fails(&h, ":", DMV_TOOL_FAILED, "made no image");
    assert_fails(&h, "echo no image > \"$2\"", DMV_PREDICTION_FAILED, "cannot be read back");
    assert_fails(&h, "cat /boot/initrd.img-$3 > \"$2\"", DMV_PREDICTION_FAILED, "does not hold the ice");
    assert_fails(&h, "cat /boot/initrd.img-" K2 " > \"$2\"", DMV_PREDICTION_FAILED, "does not hold the ice");
    assert_fails(&h, "echo x > \"$TMPDIR/left\"; exit 1", DMV_TOOL_FAILED, "ended with status 1");
}

static void assert_problem(const Host *h, const char *text)
{
    DMV_CLEANUP(dmv_rebuilds_deinit) DmvRebuilds b = {0};

    assert_int_equal(dmv_rebuilds_find(&h->r, &change[3], &b), 0);
    assert_int_equal(b.n, 0);
    assert_int_equal(dmv_strv_length(b.problems), 1);
    assert_non_null(strstr(b.problems[0], text));
}

/* What is not built again is said, and the change is made. */
static void test_images_that_stay(void **state)
{
    HOST h = {0};

    (void)state;
    make_host(&h);
    assert_int_equal(shell("rm %s/usr/sbin/mkinitramfs", h.s.path), 0);
    assert_problem(&h, "mkinitramfs is not installed here");
    assert_int_equal(do_apply(&h.r, NULL), 0);
    assert_int_equal(dmv_transaction_undo(&h.r, NULL, NULL), 0);
    set_tool(&h, "exit 1");
    assert_int_equal(shell("cd %s/boot && mv initrd.img-" K1 " initrd.img-" K1 "-kdump", h.s.path), 0);
    assert_problem(&h, "-kdump holds another ice");
    assert_int_equal(shell("rm %s/boot/*-kdump", h.s.path), 0);
    scratch_write(&h.s, IMAGE, "no archive");
    assert_problem(&h, "cannot be read");
}

static void test_steps_that_are_refused(void **state)
{
    static char *bad_name[] = {S("../ice"), NULL};
    static const DmvStep steps[][2] = {
        {{.kind = DMV_STEP_INITRD, .kernel = S(K1)}, {.kind = DMV_STEP_DEPMOD, .kernel = S(K1)}},
        {{.kind = DMV_STEP_INITRD, .kernel = S(K1), .modules = bad_name},
         {.kind = DMV_STEP_DEPMOD, .kernel = S(K1)}},
        {{.kind = DMV_STEP_INITRD, .kernel = S("../x"), .modules = ice},
         {.kind = DMV_STEP_DEPMOD, .kernel = S(K1)}},
        {{.kind = DMV_STEP_INITRD, .kernel = S(K1), .modules = ice},
         {.kind = DMV_STEP_INITRD, .kernel = S(K1), .modules = ice}},
    };
    HOST h = {0};

    (void)state;
    make_host(&h);
    for (size_t i = 0; i < DMV_N_ELEMENTS(steps); i++)
        assert_int_equal(dmv_transaction_apply(&h.r, 7, steps[i], 2, NULL, NULL), DMV_INVALID_REQUEST);
    assert_builds(&h, "");
}

static void test_kernel_goes_meanwhile(void **state)
{
    HOST h = {0};

    (void)state;
    make_host(&h);
    assert_int_equal(do_apply(&h.r, NULL), 0);
    assert_int_equal(shell("cd %s && rm -r " MODULES K1 " " IMAGE, h.s.path), 0);
    assert_int_equal(dmv_transaction_undo(&h.r, NULL, NULL), 0);
    assert_false(exists(&h, IMAGE));
    assert_false(exists(&h, IMAGE DMV_PREVIOUS_KEPT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rebuilt_and_kept),
        cmocka_unit_test(test_undo_gives_the_image_back),
        cmocka_unit_test(test_death_at_every_boundary),
        cmocka_unit_test(test_death_after_the_confirmation),
        cmocka_unit_test(test_next_change_after_such_a_death),
        cmocka_unit_test(test_trial_and_promotion),
        cmocka_unit_test(test_promotion_without_boot),
        cmocka_unit_test(test_trial_image_goes),
        cmocka_unit_test(test_trial_of_another_kernel),
        cmocka_unit_test(test_trial_dies_at_every_boundary),
        cmocka_unit_test(test_tools_that_fail),
        cmocka_unit_test(test_images_that_stay),
        cmocka_unit_test(test_steps_that_are_refused),
        cmocka_unit_test(test_kernel_goes_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
