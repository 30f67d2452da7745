/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See changekit.h. */
#include "changekit.h"
#include "plain-depmod.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "daemon/apply/journal.h"
#include "host/roots.h"
#include "komod.h"
#include "snapshot.h"

static Scratch built; /* modules, compiled once */

void change_install(const Scratch *s, const char *module, const char *to)
{
    size_t size;
    DMV_CLEANUP_FREE char *data = scratch_read(&built, module, &size);

    scratch_write_bytes(s, to, data, size);
}

void change_make_kernel(const Scratch *s, const char *kernel)
{
    static const char *const names[] = {"ice.ko", "irdma.ko"};
    char path[256];

    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++) {
        (void)snprintf(path, sizeof(path), MODULES "%s/kernel/drivers/%s", kernel, names[i]);
        change_install(s, names[i], path);
        (void)snprintf(path, sizeof(path), STORE "%s/intel-ice/dell/1.0/%s", kernel, names[i]);
        change_install(s, names[i], path);
        (void)snprintf(path, sizeof(path), STORE "%s/intel-ice/dell/2.0/%s", kernel, names[i]);
        change_install(s, names[i], path);
    }
    (void)snprintf(path, sizeof(path), MODULES "%s/modules.order", kernel);
    scratch_write(s, path, "kernel/drivers/ice.ko\nkernel/drivers/irdma.ko\n");
    (void)snprintf(path, sizeof(path), MODULES "%s/modules.builtin", kernel);
    scratch_write(s, path, "");
    (void)snprintf(path, sizeof(path), MODULES "%s/modules.builtin.modinfo", kernel);
    scratch_write(s, path, "");
}

void change_make_host(const Scratch *s, DmvRoots *r)
{
    scratch_link(s, "lib", "usr/lib");
    change_make_kernel(s, K1);
    change_make_kernel(s, K2);
    scratch_link(s, MODULES K1 "/updates/ice.ko", TARGET(K1, "1.0", "ice.ko"));
    scratch_link(s, MODULES K1 "/updates/irdma.ko", TARGET(K1, "1.0", "irdma.ko"));
    scratch_write(s, CONF, "search updates built-in\n");
    scratch_mkdir(s, "var/lib/dmv");
    scratch_mkdir(s, "run/dmv");
    assert_int_equal(dmv_roots_init(r, s->path, NULL, NULL), 0);
    assert_int_equal(plain_depmod(r, K1, NULL), 0);
    assert_int_equal(plain_depmod(r, K2, NULL), 0);
}

const DmvStep big_change[] = {
    MKDIR(MODULES K1 "/updates"),
    LINK(MODULES K1 "/updates/ice.ko", TARGET(K1, "2.0", "ice.ko")),
    MKDIR(MODULES K2 "/override"),
    LINK(MODULES K2 "/override/ice.ko", TARGET(K2, "2.0", "ice.ko")),
    MKDIR("usr/lib/firmware/updates/" K1 "/intel"),
    LINK("usr/lib/firmware/updates/" K1 "/intel/ddp.bin",
         "../../../../dmv/store/" K1 "/intel-ice/dell/2.0/ice.ko"),
    WRITE(CONF, "search override updates built-in\noverride ice " K2 " override\n"),
    UNLINK(MODULES K1 "/updates/irdma.ko"),
    DEPMOD(K1),
    DEPMOD(K2),
};
const size_t n_big_change = DMV_N_ELEMENTS(big_change);

char *change_index_of(const Scratch *s, const char *kernel)
{
    char path[256];

    (void)snprintf(path, sizeof(path), MODULES "%s/modules.dep", kernel);
    return scratch_read(s, path, NULL);
}

void assert_big_change_is_done(const Scratch *s)
{
    DMV_CLEANUP_FREE char *first = change_index_of(s, K1), *second = change_index_of(s, K2),
                          *conf = scratch_read(s, CONF, NULL);
    char target[256] = "";
    struct stat st;

    assert_non_null(strstr(first, "updates/ice.ko:"));
    assert_non_null(strstr(first, "kernel/drivers/irdma.ko:"));
    assert_non_null(strstr(second, "override/ice.ko:"));
    assert_true(dmv_starts_with(conf, "search override"));
    assert_true(readlinkat(s->fd, MODULES K1 "/updates/ice.ko", target, sizeof(target) - 1) > 0);
    assert_string_equal(target, TARGET(K1, "2.0", "ice.ko"));
    assert_int_equal(fstatat(s->fd, MODULES K1 "/updates/irdma.ko", &st, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(fstatat(s->fd, "usr/lib/firmware/updates/" K1 "/intel/ddp.bin", &st, 0), 0);
}

void assert_no_leftovers(const Scratch *s)
{
    DMV_CLEANUP_FREE char *all = snapshot(s, ".");

    assert_null(strstr(all, ".dmv-"));
    assert_null(strstr(all, DMV_JOURNAL_PATH));
}

int do_apply(const DmvRoots *r, const DmvTransactionOptions *options)
{
    return dmv_transaction_apply(r, 7, big_change, n_big_change, options, NULL);
}

int do_undo(const DmvRoots *r, const DmvTransactionOptions *options)
{
    return dmv_transaction_undo(r, options, NULL);
}

int do_confirm(const DmvRoots *r, const DmvTransactionOptions *options)
{
    return dmv_transaction_confirm(r, options, NULL);
}

int do_recover(const DmvRoots *r, const DmvTransactionOptions *options)
{
    uint64_t generation;
    DmvRecovery what;

    return dmv_transaction_recover(r, options, &what, &generation, NULL);
}

int change_build_modules(void **state)
{
    const Komod ice = {.name = "ice", .build_id = 1}, irdma = {.name = "irdma", .build_id = 2};

    (void)state;
    scratch_init(&built);
    komod_build(&built, "ice.ko", &ice);
    komod_build(&built, "irdma.ko", &irdma);
    /* the mounts of a test are nobody else's */
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    return 0;
}

int change_remove_modules(void **state)
{
    (void)state;
    scratch_deinit(&built);
    return 0;
}
