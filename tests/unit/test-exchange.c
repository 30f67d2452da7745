/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The switch of a kernel, on each filesystem that a host may have: which way it goes, the whole change and
 * the way back, a process that dies at every boundary, others that change the folder meanwhile, and what
 * somebody sees who asks for a module all the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/changekit.h"
#include "../support/holder.h"
#include "../support/plain-depmod.h"
#include "../support/shell.h"
#include "../support/snapshot.h"
#include "../support/stopper.h"
#include "base/text.h"
#include "daemon/apply/exchange.h"

/* Which way each kernel was switched, and what somebody else does at a boundary. */
typedef struct Watch {
    char *why[2]; /* of K1 and K2, "" for an exchange, NULL while there was no switch */
    const char *at;
    void (*does)(const struct Watch *w);
    const Scratch *s;
    int times; /* how often it is still done */
} Watch;

static void watch_deinit(Watch *w)
{
    free(w->why[0]);
    free(w->why[1]);
}
#define WATCH DMV_CLEANUP(watch_deinit) Watch

static void note_way(const char *kernel, const char *why_not, void *userdata)
{
    Watch *w = userdata;

    assert_int_equal(dmv_set_string(&w->why[dmv_streq(kernel, K2)], why_not ? why_not : ""), 0);
}

static int meddle(const char *name, void *userdata)
{
    Watch *w = userdata;

    if (w->times > 0 && dmv_streq(name, w->at)) {
        w->times--;
        w->does(w);
    }
    return 0;
}

static DmvTransactionOptions watching(Watch *w)
{
    return (DmvTransactionOptions){.boundary = meddle, .way = note_way, .userdata = w};
}

static void assert_exchanged(const Watch *w)
{
    assert_string_equal(w->why[0], "");
    assert_string_equal(w->why[1], "");
}

/* ---- filesystems ---- */

typedef struct Filesystem {
    const char *name;
    const char *needs;   /* a program that need not be there, NULL: nothing */
    const char *make;    /* run with $T, the place of the mount, and $I, an image file */
    const char *why_not; /* part of the reason, NULL: an exchange */
} Filesystem;

static const Filesystem filesystems[] = {
    {"ext4", NULL, "truncate -s 64M $I && mkfs.ext4 -q $I && mount -o loop $I $T", NULL},
    {"xfs", "mkfs.xfs", "truncate -s 320M $I && mkfs.xfs -q $I && mount -o loop $I $T", NULL},
    {"btrfs", "mkfs.btrfs", "truncate -s 128M $I && mkfs.btrfs -q $I && mount -o loop $I $T", NULL},
    {"tmpfs", NULL, "mount -t tmpfs tmpfs $T", NULL},
    {"overlay", NULL,
     "mkdir $T.o && mount -t tmpfs tmpfs $T.o && mkdir $T.o/l $T.o/u $T.o/w && "
     "mount -t overlay -o lowerdir=$T.o/l,upperdir=$T.o/u,workdir=$T.o/w overlay $T",
     "overlay"},
};

static void mount_at(const char *place, const char *make)
{
    assert_int_equal(shell("T=%s; I=%s.img; %s", place, place, make), 0);
}

static void unmount_at(const char *place)
{
    assert_int_equal(shell("umount %s; ! mountpoint -q %s.o || umount %s.o; rm -rf %s.img %s.o", place, place,
                           place, place, place),
                     0);
}

/* A host below a scratch folder, on a filesystem of its own if @make is not NULL. */
typedef struct Host {
    Scratch outer, s;
    DmvRoots r;
    bool mounted;
} Host;

static void host_init(Host *h, const char *make)
{
    *h = (Host){.mounted = make != NULL};
    scratch_init(&h->outer);
    scratch_mkdir(&h->outer, "root");
    h->s = h->outer;
    (void)snprintf(h->s.path, sizeof(h->s.path), "%s", scratch_path(&h->outer, "root"));
    if (make)
        mount_at(h->s.path, make);
    h->s.fd = open(h->s.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(h->s.fd >= 0);
    change_make_host(&h->s, &h->r);
}

static void host_deinit(Host *h)
{
    dmv_roots_deinit(&h->r);
    assert_int_equal(close(h->s.fd), 0);
    if (h->mounted)
        unmount_at(h->s.path);
    scratch_deinit(&h->outer);
}
#define HOST DMV_CLEANUP(host_deinit) Host

static void assert_way(const Watch *w, const Filesystem *f)
{
    if (!f->why_not) {
        assert_exchanged(w);
        return;
    }
    assert_non_null(strstr(w->why[0], f->why_not));
    assert_non_null(strstr(w->why[1], f->why_not));
}

static void change_and_undo(const Host *h, const Filesystem *f, const char *before)
{
    WATCH w = {0};
    DmvTransactionOptions options = watching(&w);

    assert_int_equal(do_apply(&h->r, &options), 0);
    assert_way(&w, f);
    assert_big_change_is_done(&h->s);
    assert_int_equal(do_undo(&h->r, NULL), 0);
    snapshot_assert_same(&h->s, ".", before);
}

static void die_while_applying(const Host *h, const char *before)
{
    int at;

    for (at = 0; stopper_die_at(&h->r, do_apply, at); at++) {
        assert_int_equal(do_recover(&h->r, NULL), 0);
        snapshot_assert_same(&h->s, ".", before);
    }
    assert_true(at > (int)n_big_change);
    assert_int_equal(do_recover(&h->r, NULL), 0);
    snapshot_assert_same(&h->s, ".", before);
}

static void die_while_undoing(const Host *h, const char *before)
{
    bool more = true;

    for (int at = 0; more; at++) {
        assert_int_equal(do_apply(&h->r, NULL), 0);
        more = stopper_die_at(&h->r, do_undo, at);
        assert_int_equal(do_recover(&h->r, NULL), 0);
        snapshot_assert_same(&h->s, ".", before);
    }
}

static void test_every_filesystem(void **state)
{
    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(filesystems); i++) {
        HOST h;
        DMV_CLEANUP_FREE char *before = NULL;

        if (filesystems[i].needs && shell("command -v %s >/dev/null", filesystems[i].needs) != 0) {
            print_message("%s: skipped, there is no %s\n", filesystems[i].name, filesystems[i].needs);
            continue;
        }
        print_message("%s\n", filesystems[i].name);
        host_init(&h, filesystems[i].make);
        before = snapshot(&h.s, ".");
        change_and_undo(&h, &filesystems[i], before);
        die_while_applying(&h, before);
        die_while_undoing(&h, before);
        assert_int_equal(do_apply(&h.r, NULL), 0);
        assert_int_equal(do_confirm(&h.r, NULL), 0);
        assert_big_change_is_done(&h.s);
        assert_no_leftovers(&h.s);
    }
}

/* ---- what the new folder is ---- */

static void test_folders_keep_what_they_are(void **state)
{
    HOST h;
    WATCH w = {0};
    DmvTransactionOptions options = watching(&w);
    char value[16] = "";
    struct stat st, file;

    (void)state;
    host_init(&h, filesystems[0].make);
    assert_int_equal(
        shell("cd %s/" MODULES K1 " && chmod 2751 kernel && chown 12:34 kernel && "
              "touch -d '2001-02-03 04:05' kernel && echo own > modules.networking && "
              "mkfifo kernel/pipe && mkdir kernel/empty && chmod g-s kernel/empty && chmod 700 kernel/empty",
              h.s.path),
        0);
    assert_int_equal(setxattr(scratch_path(&h.s, MODULES K1 "/kernel"), "user.dmv", "kept", 4, 0), 0);
    assert_int_equal(shell("touch -d '2001-02-03 04:05' %s/" MODULES K1 "/kernel", h.s.path), 0);
    assert_int_equal(fstatat(h.s.fd, MODULES K1 "/kernel/drivers/ice.ko", &file, 0), 0);
    assert_int_equal(do_apply(&h.r, &options), 0);
    assert_exchanged(&w);
    assert_int_equal(fstatat(h.s.fd, MODULES K1 "/kernel", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 02751);
    assert_int_equal(st.st_uid, 12);
    assert_int_equal(st.st_gid, 34);
    assert_int_equal(st.st_mtim.tv_sec, 981173100);
    assert_int_equal(getxattr(scratch_path(&h.s, MODULES K1 "/kernel"), "user.dmv", value, sizeof(value)), 4);
    assert_string_equal(value, "kept");
    assert_int_equal(fstatat(h.s.fd, MODULES K1 "/kernel/drivers/ice.ko", &st, 0), 0);
    assert_true(st.st_ino == file.st_ino);
    assert_int_equal(fstatat(h.s.fd, MODULES K1 "/modules.networking", &st, 0), 0);
    assert_int_equal(fstatat(h.s.fd, MODULES K1 "/kernel/pipe", &st, 0), 0);
    assert_int_equal(fstatat(h.s.fd, MODULES K1 "/kernel/empty", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    /* until then the old files have two names */
    assert_int_equal(do_confirm(&h.r, NULL), 0);
    assert_int_equal(fstatat(h.s.fd, MODULES K1 "/kernel/drivers/ice.ko", &st, 0), 0);
    assert_int_equal(st.st_nlink, 1);
}

/* ---- where it cannot be ---- */

static void assert_in_steps(const Host *h, const char *why)
{
    DMV_CLEANUP_FREE char *before = snapshot(&h->s, ".");
    WATCH w = {0};
    DmvTransactionOptions options = watching(&w);

    assert_int_equal(do_apply(&h->r, &options), 0);
    assert_non_null(strstr(w.why[0], why));
    assert_string_equal(w.why[1], "");
    assert_big_change_is_done(&h->s);
    assert_int_equal(do_undo(&h->r, NULL), 0);
    snapshot_assert_same(&h->s, ".", before);
}

static void test_mounts(void **state)
{
    static const char *const places[] = {MODULES K1 "/kernel/mounted", MODULES K1 "/updates", MODULES K1};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(places); i++) {
        HOST h;
        const char *place;

        host_init(&h, NULL);
        scratch_mkdir(&h.s, places[i]);
        place = scratch_path(&h.s, places[i]);
        assert_int_equal(mount(place, place, NULL, MS_BIND, NULL), 0);
        assert_in_steps(&h, "cannot be exchanged");
        assert_int_equal(umount(place), 0);
    }
}

/* As in the worker's unit: each place that it may write is a mount of its own, and what is exchanged lies in
 * one. */
static void test_mounts_of_a_unit(void **state)
{
    static const char *const places[] = {"usr/lib/modules", "usr/lib/dmv", "etc/depmod.d", "var/lib/dmv",
                                         "run/dmv"};
    HOST h;
    WATCH w = {0};
    DmvTransactionOptions options = watching(&w);

    (void)state;
    host_init(&h, NULL);
    for (size_t i = 0; i < DMV_N_ELEMENTS(places); i++) {
        const char *place = scratch_path(&h.s, places[i]);

        assert_int_equal(mount(place, place, NULL, MS_BIND, NULL), 0);
    }
    assert_int_equal(do_apply(&h.r, &options), 0);
    assert_exchanged(&w);
    assert_int_equal(do_undo(&h.r, NULL), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(places); i++)
        assert_int_equal(umount(scratch_path(&h.s, places[i])), 0);
}

static void test_package_manager_at_work(void **state)
{
    static const char *const locks[] = {"var/lib/rpm/.rpm.lock", "usr/lib/sysimage/rpm/.rpm.lock",
                                        "var/lib/dpkg/lock"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(locks); i++) {
        HOST h;
        WATCH w = {0};
        DmvTransactionOptions options = watching(&w);
        pid_t pid;

        host_init(&h, NULL);
        scratch_write(&h.s, locks[i], "");
        pid = holder_start(scratch_path(&h.s, locks[i]));
        assert_int_equal(do_apply(&h.r, &options), 0);
        assert_non_null(strstr(w.why[0], locks[i]));
        assert_int_equal(do_undo(&h.r, NULL), 0);
        holder_stop(pid);
        assert_int_equal(do_apply(&h.r, &options), 0);
        assert_exchanged(&w);
    }
}

/* ---- others ---- */

static void add_module(const Watch *w)
{
    char path[128];

    (void)snprintf(path, sizeof(path), MODULES K1 "/kernel/drivers/newcomer%d.ko", w->times);
    change_install(w->s, "ice.ko", path);
}

static void remove_module(const Watch *w)
{
    assert_int_equal(unlinkat(w->s->fd, MODULES K1 "/kernel/drivers/extra.ko", 0), 0);
}

static void replace_module(const Watch *w)
{
    change_install(w->s, "irdma.ko", MODULES K1 "/kernel/drivers/new.tmp");
    assert_int_equal(renameat(w->s->fd, MODULES K1 "/kernel/drivers/new.tmp", w->s->fd,
                              MODULES K1 "/kernel/drivers/extra.ko"),
                     0);
}

/* In the folder that was just put aside, as one whose current folder it is would. */
static void add_to_the_old_folder(const Watch *w)
{
    change_install(w->s, "ice.ko", MODULES DMV_EXCHANGE_DIR "/" K1 "/kernel/drivers/newcomer0.ko");
}

static void assert_meddled(const char *at, void (*does)(const Watch *w), int times, bool exchanged,
                           const char *in_index, const char *not_in_index)
{
    HOST h;
    WATCH w = {.at = at, .does = does, .s = &h.s, .times = times};
    DmvTransactionOptions options = watching(&w);
    DMV_CLEANUP_FREE char *index = NULL;

    host_init(&h, NULL);
    change_install(&h.s, "irdma.ko", MODULES K1 "/kernel/drivers/extra.ko");
    assert_int_equal(plain_depmod(&h.r, K1, NULL), 0);
    assert_int_equal(do_apply(&h.r, &options), 0);
    assert_int_equal(w.times, 0);
    if (exchanged)
        assert_exchanged(&w);
    else
        assert_non_null(strstr(w.why[0], "goes on changing"));
    assert_big_change_is_done(&h.s);
    index = change_index_of(&h.s, K1);
    if (in_index)
        assert_non_null(strstr(index, in_index));
    if (not_in_index)
        assert_null(strstr(index, not_in_index));
    assert_int_equal(do_undo(&h.r, NULL), 0);
    assert_no_leftovers(&h.s);
}

/* Whatever happens in the live folder before the exchange, or in the old one right after it, is there after
 * the change, and the index knows it. */
static void test_others_meanwhile(void **state)
{
    static const char *const boundaries[] = {"depmod", "copied"};
    static const char newcomer[] = "kernel/drivers/newcomer0.ko:", extra[] = "kernel/drivers/extra.ko:";

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(boundaries); i++) {
        assert_meddled(boundaries[i], add_module, 1, true, newcomer, NULL);
        assert_meddled(boundaries[i], remove_module, 1, true, NULL, extra);
        assert_meddled(boundaries[i], replace_module, 1, true, extra, NULL);
    }
    /* in each attempt; only the last one is not meant to be exchanged */
    assert_meddled("depmod", add_module, 4, false, newcomer, NULL);
    assert_meddled("copied", add_module, 3, false, newcomer, NULL);
    assert_meddled("exchanged", add_to_the_old_folder, 1, true, newcomer, NULL);
}

/* What others do to the new folder before it is taken back stays, and the rest is taken back. */
static void test_others_before_undo(void **state)
{
    HOST h;
    WATCH w = {.s = &h.s};
    DMV_CLEANUP_FREE char *index = NULL;
    char target[256] = "";

    (void)state;
    host_init(&h, NULL);
    assert_int_equal(do_apply(&h.r, NULL), 0);
    add_module(&w);
    assert_int_equal(do_undo(&h.r, NULL), 0);
    index = change_index_of(&h.s, K1);
    assert_non_null(strstr(index, "kernel/drivers/newcomer0.ko:"));
    assert_non_null(strstr(index, "updates/irdma.ko:"));
    assert_true(readlinkat(h.s.fd, MODULES K1 "/updates/ice.ko", target, sizeof(target) - 1) > 0);
    assert_string_equal(target, TARGET(K1, "1.0", "ice.ko"));
    assert_no_leftovers(&h.s);
}

/* A kernel that was removed and installed again has a folder that is nobody's twin. */
static void test_kernel_comes_again(void **state)
{
    HOST h;
    struct stat st;

    (void)state;
    host_init(&h, NULL);
    assert_int_equal(do_apply(&h.r, NULL), 0);
    scratch_run("rm", "-r", scratch_path(&h.s, MODULES K2), NULL);
    change_make_kernel(&h.s, K2);
    scratch_write(&h.s, MODULES K2 "/mark", "");
    assert_int_equal(do_undo(&h.r, NULL), 0);
    assert_int_equal(fstatat(h.s.fd, MODULES K2 "/mark", &st, 0), 0);
    assert_no_leftovers(&h.s);
}

/* ---- an observer ---- */

static const DmvStep two_to_two[] = {
    LINK(MODULES K1 "/updates/ice.ko", TARGET(K1, "2.0", "ice.ko")),
    MKDIR(MODULES K1 "/override"),
    LINK(MODULES K1 "/override/irdma.ko", TARGET(K1, "2.0", "irdma.ko")),
    WRITE(CONF, "search override updates built-in\n"),
    UNLINK(MODULES K1 "/updates/irdma.ko"),
    DEPMOD(K1),
};

/* Asks for irdma until it is killed. Which file that is comes from the index, and whether it can be opened
 * from the tree: 'o' the old one, 'n' the new one, '!' none. */
static void observe(const Host *h, int to)
{
    DMV_CLEANUP_FREE char *ask =
        shell_text("modprobe -d %s -S " K1 " -C /nonexistent --show-depends irdma 2>&1", h->s.path);

    for (;;) {
        FILE *f = popen(ask, "re");
        char line[512] = "", *file = NULL;
        char seen = '!';

        if (f && fgets(line, sizeof(line), f))
            file = strstr(line, "/");
        if (f)
            (void)pclose(f);
        if (file)
            file[strcspn(file, " \n")] = '\0';
        if (file && strstr(file, "updates/irdma.ko"))
            seen = 'o';
        else if (file && strstr(file, "override/irdma.ko"))
            seen = 'n';
        if (write(to, &seen, 1) != 1)
            _exit(1);
    }
}

static void test_observer_sees_old_or_new(void **state)
{
    HOST h;
    WATCH w = {0};
    DmvTransactionOptions options = watching(&w);
    int seen[2], n[128] = {0};
    char buffer[4096];
    ssize_t got;
    pid_t pid;

    (void)state;
    host_init(&h, NULL);
    assert_int_equal(pipe2(seen, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        observe(&h, seen[1]);
    assert_int_equal(close(seen[1]), 0);
    assert_int_equal(read(seen[0], buffer, 1), 1); /* it runs */
    for (int i = 0; i < 8; i++) {
        assert_int_equal(
            dmv_transaction_apply(&h.r, 7, two_to_two, DMV_N_ELEMENTS(two_to_two), &options, NULL), 0);
        assert_string_equal(w.why[0], "");
        (void)usleep(20000);
        assert_int_equal(do_undo(&h.r, NULL), 0);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    while ((got = read(seen[0], buffer, sizeof(buffer))) > 0)
        for (ssize_t i = 0; i < got; i++)
            n[(unsigned char)buffer[i]]++;
    assert_int_equal(close(seen[0]), 0);
    print_message("old %d, new %d, neither %d\n", n['o'], n['n'], n['!']);
    assert_true(n['o'] > 0 && n['n'] > 0);
    assert_int_equal(n['!'], 0);
}

/* ---- in steps, at every boundary ---- */

/* Each file that the index names is there. */
static int check_index(const char *name, void *userdata)
{
    const Watch *w = userdata;
    DMV_CLEANUP_FREE char *index = change_index_of(w->s, K1);
    char *rest = index, *line;

    (void)name;
    while ((line = strsep(&rest, "\n"))) {
        char path[512];
        struct stat st;

        line[strcspn(line, ":")] = '\0';
        if (!line[0])
            continue;
        assert_true(snprintf(path, sizeof(path), MODULES K1 "/%s", line) < (int)sizeof(path));
        assert_int_equal(fstatat(w->s->fd, path, &st, 0), 0);
    }
    return 0;
}

static void test_steps_keep_the_index_true(void **state)
{
    HOST h;
    WATCH w = {.s = &h.s};
    DmvTransactionOptions options = {.boundary = check_index, .way = note_way, .userdata = &w};

    (void)state;
    host_init(&h, filesystems[4].make);
    assert_int_equal(do_apply(&h.r, &options), 0);
    assert_non_null(strstr(w.why[0], "overlay"));
    assert_int_equal(do_undo(&h.r, &options), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_filesystem),
        cmocka_unit_test(test_folders_keep_what_they_are),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_mounts_of_a_unit),
        cmocka_unit_test(test_package_manager_at_work),
        cmocka_unit_test(test_others_meanwhile),
        cmocka_unit_test(test_others_before_undo),
        cmocka_unit_test(test_kernel_comes_again),
        cmocka_unit_test(test_observer_sees_old_or_new),
        cmocka_unit_test(test_steps_keep_the_index_true),
    };

    return cmocka_run_group_tests(tests, change_build_modules, change_remove_modules);
}
