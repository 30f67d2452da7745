/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transaction with the real depmod: refusals, success and the way back, a process that dies at every
 * boundary, a full disk, a depmod that fails. "Before" is always the whole tree, byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/changekit.h"
#include "../support/komod.h"
#include "../support/plain-depmod.h"
#include "../support/snapshot.h"
#include "../support/stopper.h"
#include "base/hash.h"
#include "base/text.h"
#include "daemon/apply/journal.h"
#include "daemon/apply/keep.h"
#include "daemon/apply/transaction.h"
#include "host/roots.h"

static int apply(const DmvRoots *r, const DmvStep *steps, size_t n, DmvError *e)
{
    return dmv_transaction_apply(r, 7, steps, n, NULL, e);
}

static void test_apply_and_confirm(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    assert_int_equal(apply(&r, big_change, n_big_change, NULL), 0);
    assert_big_change_is_done(&s);
    assert_int_equal(dmv_transaction_confirm(&r, NULL, NULL), 0);
    assert_big_change_is_done(&s);
    assert_no_leftovers(&s);
    assert_int_equal(dmv_transaction_confirm(&r, NULL, NULL), DMV_NO_SUCH_OBJECT);
    assert_int_equal(dmv_transaction_undo(&r, NULL, NULL), DMV_NO_SUCH_OBJECT);
    /* steps are idempotent */
    assert_int_equal(apply(&r, big_change, n_big_change, NULL), 0);
    assert_int_equal(dmv_transaction_confirm(&r, NULL, NULL), 0);
    assert_big_change_is_done(&s);
}

static void test_apply_and_undo(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    before = snapshot(&s, ".");
    assert_int_equal(apply(&r, big_change, n_big_change, NULL), 0);
    assert_int_equal(apply(&r, big_change, n_big_change, &e), DMV_STATE_BROKEN);
    assert_big_change_is_done(&s);
    assert_int_equal(dmv_transaction_undo(&r, NULL, NULL), 0);
    snapshot_assert_same(&s, ".", before);
}

/* A host that never had dmv: no folder, no configuration, not even an index. */
static void test_first_change(void **state)
{
    static const DmvStep steps[] = {
        MKDIR(MODULES K1 "/updates"),
        LINK(MODULES K1 "/updates/ice.ko", TARGET(K1, "1.0", "ice.ko")),
        MKDIR("etc/depmod.d"),
        WRITE(CONF, "search updates built-in\n"),
        DEPMOD(K1),
    };
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *before = NULL, *index = NULL;

    (void)state;
    scratch_init(&s);
    scratch_link(&s, "lib", "usr/lib");
    change_make_kernel(&s, K1);
    scratch_mkdir(&s, "var/lib/dmv");
    scratch_mkdir(&s, "run/dmv");
    scratch_mkdir(&s, "etc");
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    before = snapshot(&s, ".");
    assert_int_equal(apply(&r, steps, DMV_N_ELEMENTS(steps), NULL), 0);
    index = change_index_of(&s, K1);
    assert_non_null(strstr(index, "updates/ice.ko:"));
    assert_int_equal(dmv_transaction_undo(&r, NULL, NULL), 0);
    snapshot_assert_same(&s, ".", before);
}

static void assert_refused(const Scratch *s, const DmvRoots *r, const DmvStep *step, int outcome)
{
    DMV_CLEANUP_FREE char *before = snapshot(s, ".");
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvStep steps[] = {LINK(MODULES K1 "/updates/ice.ko", TARGET(K1, "2.0", "ice.ko")), *step};

    assert_int_equal(apply(r, steps, DMV_N_ELEMENTS(steps), &e), outcome);
    assert_int_equal(e.code, outcome);
    assert_non_null(e.why);
    snapshot_assert_same(s, ".", before);
}

static void test_places_that_are_refused(void **state)
{
    static const DmvStep steps[] = {
        WRITE("etc/passwd", "x"),
        WRITE("etc/depmod.d/dist.conf", "x"),
        WRITE("etc/depmod.d/../passwd", "x"),
        {.kind = DMV_STEP_WRITE, .path = S(CONF)},
        REMOVE("etc/depmod.d/dist.conf"),
        REMOVE("etc"),
        UNLINK(CONF),
        UNLINK("lib"),
        UNLINK(MODULES K1 "/kernel/drivers/ice.ko"),
        UNLINK(MODULES K1 "/updates"),
        UNLINK(MODULES K1),
        UNLINK("usr/lib/firmware/updates"),
        UNLINK("usr/lib/firmware/intel/ddp.bin"),
        UNLINK(STORE K1 "/intel-ice/dell/1.0/ice.ko"),
        UNLINK(MODULES "../dmv/store/x"),
        UNLINK("/" MODULES K1 "/updates/ice.ko"),
        {.kind = DMV_STEP_UNLINK},
        {.kind = DMV_STEP_INVALID, .path = S(CONF)},
        MKDIR("usr/lib/dmv"),
        MKDIR(MODULES K1 "/weak-updates"),
        LINK(CONF, TARGET(K1, "1.0", "ice.ko")),
        LINK(MODULES K1 "/kernel/x.ko", "../../../dmv/store/" K1 "/intel-ice/dell/1.0/ice.ko"),
        LINK(MODULES K1 "/updates/x.ko", "/" STORE K1 "/intel-ice/dell/1.0/ice.ko"),
        LINK(MODULES K1 "/updates/x.ko", "../../../../../etc/passwd"),
        LINK(MODULES K1 "/updates/x.ko", "../../../../../../../../../etc/passwd"),
        LINK(MODULES K1 "/updates/x.ko", "../kernel/drivers/ice.ko"),
        LINK(MODULES K1 "/updates/x.ko", "../dmv"),
        LINK(MODULES K1 "/updates/x.ko", "..//xenserver/."),
        LINK(MODULES K1 "/updates/x.ko", "../../../dmv/store"),
        LINK(MODULES K1 "/updates/x.ko", ""),
        {.kind = DMV_STEP_LINK, .path = S(MODULES K1 "/updates/x.ko")},
        {.kind = DMV_STEP_DEPMOD},
        DEPMOD("../" K1),
    };
    static const DmvStep unknown[] = {DEPMOD("9.9.9"), MKDIR(MODULES "9.9.9/updates"),
                                      UNLINK(MODULES "9.9.9/updates/ice.ko")};
    SCRATCH s = {0};
    ROOTS r = {0};

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    for (size_t i = 0; i < DMV_N_ELEMENTS(steps); i++)
        assert_refused(&s, &r, &steps[i], DMV_INVALID_REQUEST);
    for (size_t i = 0; i < DMV_N_ELEMENTS(unknown); i++)
        assert_refused(&s, &r, &unknown[i], DMV_NO_SUCH_KERNEL);
}

/* What lies on the disk and is not dmv's. */
static void test_foreign_things_are_refused(void **state)
{
    static const DmvStep over_file = LINK(MODULES K1 "/updates/foreign.ko", TARGET(K1, "1.0", "ice.ko"));
    static const DmvStep unlink_file = UNLINK(MODULES K1 "/updates/foreign.ko");
    static const DmvStep unlink_folder = UNLINK(MODULES K1 "/updates/folder");
    static const DmvStep over_link = LINK(MODULES K1 "/updates/linked.ko", TARGET(K1, "1.0", "ice.ko"));
    static const DmvStep unlink_link = UNLINK(MODULES K1 "/updates/linked.ko");
    static const DmvStep dangling = LINK(MODULES K1 "/updates/x.ko", TARGET(K1, "9.0", "ice.ko"));
    static const DmvStep planted = LINK(MODULES K1 "/extra/x.ko", TARGET(K1, "1.0", "ice.ko"));
    static const DmvStep planted_folder = MKDIR(MODULES K1 "/extra");
    SCRATCH s = {0};
    ROOTS r = {0};

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    change_install(&s, "ice.ko", MODULES K1 "/updates/foreign.ko");
    scratch_mkdir(&s, MODULES K1 "/updates/folder");
    scratch_mkdir(&s, "usr/lib/modules/victim");
    scratch_link(&s, MODULES K1 "/extra", "../victim");
    scratch_link(&s, MODULES K1 "/updates/linked.ko", "../kernel/drivers/ice.ko");
    assert_refused(&s, &r, &over_link, DMV_CONFLICT);
    assert_refused(&s, &r, &unlink_link, DMV_CONFLICT);
    assert_refused(&s, &r, &over_file, DMV_CONFLICT);
    assert_refused(&s, &r, &unlink_file, DMV_CONFLICT);
    assert_refused(&s, &r, &unlink_folder, DMV_CONFLICT);
    assert_refused(&s, &r, &dangling, DMV_BROKEN_RELEASE);
    assert_refused(&s, &r, &planted, -ELOOP);
    assert_refused(&s, &r, &planted_folder, DMV_CONFLICT);
}

static void replace_by_link(const Scratch *s, const char *path, const char *target)
{
    assert_int_equal(unlinkat(s->fd, path, 0), 0);
    scratch_link(s, path, target);
}

static void assert_leads_to(const Scratch *s, const char *path, const char *target)
{
    char found[256] = "";

    assert_true(readlinkat(s->fd, path, found, sizeof(found) - 1) > 0);
    assert_string_equal(found, target);
}

/* A link that somebody makes after the plan, and after the step, is not ours to replace or to take back. */
static void test_foreign_links_that_come_meanwhile(void **state)
{
    static const DmvStep steps[] = {LINK(MODULES K1 "/updates/ice.ko", TARGET(K1, "2.0", "ice.ko")),
                                    UNLINK(MODULES K1 "/updates/irdma.ko")};
    static const char foreign[] = "../kernel/drivers/ice.ko";
    SCRATCH s = {0};
    ROOTS r = {0};
    DmvTransaction *t = NULL;
    bool applied = false;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    assert_int_equal(dmv_transaction_begin(&r, 7, steps, DMV_N_ELEMENTS(steps), NULL, &t, NULL), 0);
    assert_int_equal(dmv_transaction_step(t, &applied, NULL), 0);
    replace_by_link(&s, MODULES K1 "/updates/ice.ko", foreign);
    replace_by_link(&s, MODULES K1 "/updates/irdma.ko", foreign);
    assert_int_equal(dmv_transaction_step(t, &applied, NULL), DMV_CONFLICT);
    t = dmv_transaction_free(t);
    assert_leads_to(&s, MODULES K1 "/updates/ice.ko", foreign);
    assert_leads_to(&s, MODULES K1 "/updates/irdma.ko", foreign);
    assert_int_equal(faccessat(s.fd, "var/lib/dmv/journal", F_OK, 0), -1);
}

/* ---- links into a release of another kernel ---- */

#define FLAGS " SMP mod_unload modversions "
#define OTHER "../../../dmv/store/" K1 "/intel-ice/dell/3.0/ice.ko"
#define OTHER_LINK MODULES K2 "/updates/ice.ko"

/* A release for K1 with symbol versions; of K2's own modules one needs the same. */
static void make_release_for_others(const Scratch *s)
{
    const Komod release = {.name = "ice", .vermagic = K1 FLAGS, .needs = {"module_layout=1", "_printk=2"}};
    const Komod own = {.name = "irdma", .vermagic = K2 FLAGS, .needs = {"module_layout=1", "_printk=2"}};

    komod_build(s, STORE K1 "/intel-ice/dell/3.0/ice.ko", &release);
    scratch_write(s, STORE K1 "/intel-ice/dell/3.0/info.json",
                  "{\"category\":\"network\",\"name\":\"intel-ice\",\"variant\":\"dell\",\"version\":\"3.0\","
                  "\"priority\":50,\"pci_ids\":{}}");
    komod_build(s, MODULES K2 "/kernel/drivers/irdma.ko", &own);
}

static void test_a_release_of_another_kernel(void **state)
{
    static const DmvStep steps[] = {MKDIR(MODULES K2 "/updates"), LINK(OTHER_LINK, OTHER),
                                    LINK(MODULES K2 "/updates/again.ko", OTHER), DEPMOD(K2)};
    static const DmvStep link = LINK(OTHER_LINK, OTHER);
    static const DmvStep adopted = LINK(OTHER_LINK, "../../" K1 "/dmv/intel-ice/dell/ice.ko");
    static const DmvStep no_release = LINK(OTHER_LINK, TARGET(K1, "2.0", "ice.ko"));
    const Komod other = {.name = "ice", .vermagic = K1 FLAGS, .needs = {"module_layout=1", "_printk=3"}};
    DMV_CLEANUP_FREE char *before = NULL, *index = NULL;
    SCRATCH s = {0};
    ROOTS r = {0};

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    make_release_for_others(&s);
    change_install(&s, "ice.ko", MODULES K1 "/dmv/intel-ice/dell/ice.ko");
    before = snapshot(&s, ".");
    assert_int_equal(apply(&r, steps, DMV_N_ELEMENTS(steps), NULL), 0);
    index = change_index_of(&s, K2);
    assert_non_null(strstr(index, "updates/ice.ko:"));
    assert_int_equal(dmv_transaction_undo(&r, NULL, NULL), 0);
    snapshot_assert_same(&s, ".", before);
    assert_refused(&s, &r, &adopted, DMV_INVALID_REQUEST);
    assert_refused(&s, &r, &no_release, DMV_BROKEN_RELEASE); /* no info.json */
    /* what the daemon saw is not what lies there now */
    komod_build(&s, STORE K1 "/intel-ice/dell/3.0/ice.ko", &other);
    assert_refused(&s, &r, &link, DMV_MODULE_OTHER_SYMBOL);
    make_release_for_others(&s);
    scratch_write(&s, "boot/symvers-" K2, "0x00000001\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\n");
    assert_refused(&s, &r, &link, DMV_MODULE_MISSING_SYMBOL);
    scratch_run("rm", scratch_path(&s, "boot/symvers-" K2), NULL);
    change_install(&s, "irdma.ko", MODULES K2 "/kernel/drivers/irdma.ko");
    assert_refused(&s, &r, &link, DMV_KERNEL_ABI_UNKNOWN);
}

/* depmod names a broken module and still exits 0: that is a failure. */
static void test_depmod_fails(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    scratch_write(&s, MODULES K2 "/kernel/drivers/garbage.ko", "this is no module");
    before = snapshot(&s, ".");
    assert_int_equal(apply(&r, big_change, n_big_change, &e), DMV_TOOL_FAILED);
    assert_non_null(strstr(e.what, "every file is as before"));
    assert_non_null(strstr(e.why, "garbage.ko"));
    snapshot_assert_same(&s, ".", before);
}

static void test_failure_at_every_boundary(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    before = snapshot(&s, ".");
    for (int at = 0;; at++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        Stopper c = {.stop_at = at, .failure = -EIO};
        const DmvTransactionOptions options = {.boundary = stopper_stop, .userdata = &c};
        int result = dmv_transaction_apply(&r, 7, big_change, n_big_change, &options, &e);

        if (result == 0) {
            assert_true(at > (int)n_big_change);
            break;
        }
        assert_int_equal(result, -EIO);
        assert_non_null(strstr(e.what, "every file is as before"));
        snapshot_assert_same(&s, ".", before);
    }
    assert_int_equal(dmv_transaction_undo(&r, NULL, NULL), 0);
    snapshot_assert_same(&s, ".", before);
}

static void recover(const DmvRoots *r, DmvRecovery expected)
{
    uint64_t generation = 0;
    DmvRecovery what = DMV_RECOVERY_NONE;

    assert_int_equal(dmv_transaction_recover(r, NULL, &what, &generation, NULL), 0);
    assert_int_equal(what, expected);
    assert_int_equal(generation, expected == DMV_RECOVERY_UNDONE ? 7 : 0);
    assert_int_equal(dmv_transaction_recover(r, NULL, &what, &generation, NULL), 0);
    assert_int_equal(what, DMV_RECOVERY_NONE);
}

static void test_death_while_applying(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    before = snapshot(&s, ".");
    for (int at = 0; stopper_die_at(&r, do_apply, at); at++) {
        recover(&r, DMV_RECOVERY_UNDONE);
        snapshot_assert_same(&s, ".", before);
    }
    /* done and never confirmed is no better than interrupted */
    recover(&r, DMV_RECOVERY_UNDONE);
    snapshot_assert_same(&s, ".", before);
}

static void test_death_while_undoing(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    bool more = true;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    before = snapshot(&s, ".");
    for (int at = 0; more; at++) {
        assert_int_equal(do_apply(&r, NULL), 0);
        more = stopper_die_at(&r, do_undo, at);
        if (more) {
            /* and the recovery dies too, once in a while */
            (void)stopper_die_at(&r, do_recover, at / 2);
            (void)do_recover(&r, NULL);
        }
        snapshot_assert_same(&s, ".", before);
    }
}

static void test_death_while_confirming(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    before = snapshot(&s, ".");
    assert_int_equal(do_apply(&r, NULL), 0);
    assert_true(stopper_die_at(&r, do_confirm, 0)); /* before the journal went: undone */
    recover(&r, DMV_RECOVERY_UNDONE);
    snapshot_assert_same(&s, ".", before);
    assert_int_equal(do_apply(&r, NULL), 0);
    assert_true(stopper_die_at(&r, do_confirm, 1)); /* after it: final, with leftovers */
    recover(&r, DMV_RECOVERY_CLEANED);
    assert_big_change_is_done(&s);
    assert_no_leftovers(&s);
    assert_int_equal(do_apply(&r, NULL), 0);
    assert_false(stopper_die_at(&r, do_confirm, 2));
    recover(&r, DMV_RECOVERY_NONE);
}

/* What the index of the second kernel names is there. */
static int check_index(const char *boundary, void *userdata)
{
    const Scratch *s = userdata;
    DMV_CLEANUP_FREE char *index = change_index_of(s, K2);
    char *rest = index;

    for (char *line; (line = strsep(&rest, "\n"));) {
        char *colon = strchr(line, ':');
        DMV_CLEANUP_FREE char *path = NULL;

        if (!colon)
            continue;
        assert_true(asprintf(&path, MODULES K2 "/%.*s", (int)(colon - line), line) > 0);
        if (faccessat(s->fd, path, F_OK, 0) < 0)
            fail_msg("at %s the index names %s, which is not there", boundary, path);
    }
    return 0;
}

/* What others did between a change and its undoing stays. */
static void test_others_in_between(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *index = NULL;
    struct stat st;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    assert_int_equal(do_apply(&r, NULL), 0);
    change_install(&s, "ice.ko", MODULES K1 "/kernel/drivers/newcomer.ko");
    assert_int_equal(plain_depmod(&r, K1, NULL), 0);
    assert_int_equal(unlinkat(s.fd, MODULES K2 "/override/ice.ko", 0), 0);
    change_install(&s, "ice.ko", MODULES K2 "/override/ice.ko");
    assert_int_equal(dmv_transaction_undo(&r, NULL, NULL), 0);
    index = change_index_of(&s, K1);
    assert_non_null(strstr(index, "kernel/drivers/newcomer.ko:"));
    assert_non_null(strstr(index, "updates/irdma.ko:"));
    assert_int_equal(fstatat(s.fd, MODULES K2 "/override/ice.ko", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_no_leftovers(&s);
}

/* The index that somebody made names a link that is going to be taken away. */
static void test_index_before_what_it_names_goes(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    const DmvTransactionOptions options = {.boundary = check_index, .userdata = &s};
    DMV_CLEANUP_FREE char *index = NULL;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    assert_int_equal(do_apply(&r, NULL), 0);
    change_install(&s, "ice.ko", MODULES K2 "/kernel/drivers/newcomer.ko");
    assert_int_equal(plain_depmod(&r, K2, NULL), 0);
    assert_int_equal(dmv_transaction_undo(&r, &options, NULL), 0);
    index = change_index_of(&s, K2);
    assert_non_null(strstr(index, "kernel/drivers/newcomer.ko:"));
    assert_null(strstr(index, "override/"));
    assert_no_leftovers(&s);
}

static void test_kernel_is_removed_in_between(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_FREE char *first = NULL;
    struct stat st;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    first = snapshot(&s, MODULES K1);
    assert_int_equal(do_apply(&r, NULL), 0);
    scratch_run("rm", "-r", scratch_path(&s, MODULES K2), NULL);
    assert_int_equal(dmv_transaction_undo(&r, NULL, NULL), 0);
    snapshot_assert_same(&s, MODULES K1, first);
    assert_int_equal(fstatat(s.fd, MODULES K2, &st, 0), -1);
    assert_no_leftovers(&s);
}

/* A version of dmv that changed folders in place died, and was then upgraded. */
static void test_journal_of_the_version_before(void **state)
{
    static const char link[] = MODULES K1 "/updates/ice.ko";
    static const char body[] =
        "{\"spec\":1,\"state\":\"applying\",\"generation\":7,\"entries\":[{\"path\":\"" MODULES K1
        "/updates/ice.ko\",\"kind\":\"link\",\"data\":\"%s\",\"mode\":0}],\"kernels\":"
        "[{\"release\":\"" K1 "\",\"index\":[%s],\"stamp\":\"\"}],\"initrds\":[]}";
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_STRV char **names = NULL;
    DMV_CLEANUP(dmv_text_deinit) DmvText index = {0}, journal = {0}, text = {0};
    DMV_CLEANUP_FREE char *before = NULL;
    char target[] = TARGET(K1, "1.0", "ice.ko"), hex[2 * sizeof(target)], sum[DMV_SHA256_HEX];

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    before = snapshot(&s, ".");
    assert_int_equal(dmv_keep_list(s.fd, MODULES K1, &names), 0);
    assert_int_equal(dmv_keep_save(s.fd, MODULES K1, names), 0);
    for (char **name = names; *name; name++)
        dmv_text_appendf(&index, "%s\"%s\"", index.size > 0 ? "," : "", *name);
    dmv_hex((const uint8_t *)target, strlen(target), hex);
    dmv_text_appendf(&journal, body, hex, index.data);
    assert_int_equal(dmv_sha256_hex(journal.data, journal.size, sum), 0);
    dmv_text_appendf(&text, "{\"journal\":%s,\"sha256\":\"%s\"}", journal.data, sum);
    scratch_write(&s, DMV_JOURNAL_PATH, text.data);
    assert_int_equal(unlinkat(s.fd, link, 0), 0);
    scratch_link(&s, link, TARGET(K1, "2.0", "ice.ko"));
    scratch_write(&s, CONF, "search built-in updates\n");
    assert_int_equal(plain_depmod(&r, K1, NULL), 0);
    scratch_write(&s, CONF, "search updates built-in\n");
    recover(&r, DMV_RECOVERY_UNDONE);
    snapshot_assert_same(&s, ".", before);
}

static void test_broken_journal_is_told_once(void **state)
{
    SCRATCH s = {0};
    ROOTS r = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvRecovery what;
    uint64_t generation;
    struct stat st;

    (void)state;
    scratch_init(&s);
    change_make_host(&s, &r);
    scratch_write(&s, DMV_JOURNAL_PATH, "{\"journal\":{},\"sha256\":\"\"}");
    assert_int_equal(apply(&r, big_change, n_big_change, NULL), DMV_STATE_BROKEN);
    assert_int_equal(dmv_transaction_recover(&r, NULL, &what, &generation, &e), DMV_STATE_BROKEN);
    assert_non_null(strstr(e.why, DMV_JOURNAL_BROKEN_PATH));
    assert_int_equal(fstatat(s.fd, DMV_JOURNAL_BROKEN_PATH, &st, 0), 0);
    recover(&r, DMV_RECOVERY_NONE);
    assert_int_equal(do_apply(&r, NULL), 0);
}

static void fill_disk(const Scratch *s, unsigned leave)
{
    static char block[4096];
    struct statvfs st;
    int fd = openat(s->fd, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fstatvfs(fd, &st), 0);
    for (uint64_t n = st.f_bfree * st.f_frsize / sizeof(block); n > leave; n--)
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            break;
    assert_int_equal(close(fd), 0);
}

/* A disk that is full after this many more blocks, for every number up to one that is enough. */
static void test_full_disk(void **state)
{
    bool refused = false, done = false;

    (void)state;
    for (unsigned leave = 0; !done; leave += 1 + leave / 4) {
        SCRATCH outer = {0};
        Scratch s = {0};
        ROOTS r = {0};
        DMV_CLEANUP_FREE char *before = NULL;
        int result;

        scratch_init(&outer);
        assert_int_equal(mount("tmpfs", outer.path, "tmpfs", 0, "size=1m"), 0);
        s = outer;
        s.fd = open(outer.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        change_make_host(&s, &r);
        fill_disk(&s, leave);
        before = snapshot(&s, ".");
        result = do_apply(&r, NULL);
        done = result == 0;
        if (!done) {
            assert_true(result == DMV_NO_SPACE || result == DMV_TOOL_FAILED);
            refused = true;
            snapshot_assert_same(&s, ".", before);
        }
        dmv_roots_deinit(&r);
        r.fd = -1;
        assert_int_equal(close(s.fd), 0);
        assert_int_equal(umount(outer.path), 0);
        assert_true(leave < 200);
    }
    assert_true(refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply_and_confirm),
        cmocka_unit_test(test_apply_and_undo),
        cmocka_unit_test(test_first_change),
        cmocka_unit_test(test_places_that_are_refused),
        cmocka_unit_test(test_foreign_things_are_refused),
        cmocka_unit_test(test_foreign_links_that_come_meanwhile),
        cmocka_unit_test(test_a_release_of_another_kernel),
        cmocka_unit_test(test_depmod_fails),
        cmocka_unit_test(test_failure_at_every_boundary),
        cmocka_unit_test(test_death_while_applying),
        cmocka_unit_test(test_death_while_undoing),
        cmocka_unit_test(test_death_while_confirming),
        cmocka_unit_test(test_others_in_between),
        cmocka_unit_test(test_index_before_what_it_names_goes),
        cmocka_unit_test(test_kernel_is_removed_in_between),
        cmocka_unit_test(test_journal_of_the_version_before),
        cmocka_unit_test(test_broken_journal_is_told_once),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, change_build_modules, change_remove_modules);
}
