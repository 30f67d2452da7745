/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small host with two kernels, and one change of everything in it. */
#ifndef DMV_TESTS_CHANGEKIT_H
#define DMV_TESTS_CHANGEKIT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/apply/transaction.h"
#include "scratch.h"

#define K1 "6.1.0-test"
#define K2 "6.2.0-test"
#define MODULES "usr/lib/modules/"
#define STORE "usr/lib/dmv/store/"
#define CONF "etc/depmod.d/00-dmv.conf"
#define TARGET(kernel, version, file) "../../../dmv/store/" kernel "/intel-ice/dell/" version "/" file

/* Strings of a step are never changed; plan.h owns them, literals do not. */
#define S(text) ((char *)(uintptr_t)(text))
#define MKDIR(p)                             \
    {                                        \
        .kind = DMV_STEP_MKDIR, .path = S(p) \
    }
#define LINK(p, t)                                           \
    {                                                        \
        .kind = DMV_STEP_LINK, .path = S(p), .content = S(t) \
    }
#define WRITE(p, t)                                           \
    {                                                         \
        .kind = DMV_STEP_WRITE, .path = S(p), .content = S(t) \
    }
#define UNLINK(p)                             \
    {                                         \
        .kind = DMV_STEP_UNLINK, .path = S(p) \
    }
#define REMOVE(p)                             \
    {                                         \
        .kind = DMV_STEP_REMOVE, .path = S(p) \
    }
#define DEPMOD(k)                               \
    {                                           \
        .kind = DMV_STEP_DEPMOD, .kernel = S(k) \
    }

/* For cmocka_run_group_tests(): ice.ko and irdma.ko, compiled once. */
int change_build_modules(void **state);
int change_remove_modules(void **state);
/* Puts one of them at a path. */
void change_install(const Scratch *s, const char *module, const char *to);

/* Two modules in the kernel's own tree, and versions 1.0 and 2.0 of both in the store. */
void change_make_kernel(const Scratch *s, const char *kernel);
/* A host on which version 1.0 of both modules is selected for K1, and nothing for K2. */
void change_make_host(const Scratch *s, DmvRoots *r);

/* A change of everything: one link replaced, one removed, new ones in new folders, the configuration, two
 * indexes. */
extern const DmvStep big_change[];
extern const size_t n_big_change;

char *change_index_of(const Scratch *s, const char *kernel);
void assert_big_change_is_done(const Scratch *s);
void assert_no_leftovers(const Scratch *s);

/* The big change, as generation 7; what undoes, confirms and recovers. */
int do_apply(const DmvRoots *r, const DmvTransactionOptions *options);
int do_undo(const DmvRoots *r, const DmvTransactionOptions *options);
int do_confirm(const DmvRoots *r, const DmvTransactionOptions *options);
int do_recover(const DmvRoots *r, const DmvTransactionOptions *options);

#define ROOTS __attribute__((cleanup(dmv_roots_deinit))) DmvRoots

#endif
