/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole change (journal, links, configuration, depmod, syncs, confirmation) next to the one depmod in it,
 * for 1 driver and for 20, in one run on one tree.
 *
 * The first argument is a root with a real module tree in it; a few modules of it become releases in its
 * store. The journal, the syncs and the kept index are what is measured: the disk below the root decides, so
 * use one like that of a host.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/benchkit.h"
#include "base/text.h"
#include "daemon/apply/transaction.h"
#include "host/depmod.h"
#include "host/fs.h"
#include "host/roots.h"

#define ROUNDS 5
#define DRIVERS 20
#define STORE "usr/lib/dmv/store/bench"

static char *format(const char *a, const char *b, const char *c)
{
    char *text = NULL;

    if (asprintf(&text, "%s%s%s", a, b, c) < 0)
        bench_check("memory", -ENOMEM);
    return text;
}

/* nftw(3) has no argument for its callback. */
static char *found[DRIVERS];
static size_t n_found;

static int find_module(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_F && dmv_ends_with(path, ".ko") && strstr(path, "/kernel/drivers/net/") &&
        n_found < DRIVERS)
        found[n_found++] = format(path, "", "");
    return n_found == DRIVERS;
}

static void add_step(DmvStep *s, DmvStepKind kind, char *path, char *content, char *kernel)
{
    *s = (DmvStep){.kind = kind, .path = path, .content = content, .kernel = kernel};
}

/* The steps that select @n of the modules: what the planner makes of as many drivers of one module each. */
static size_t make_steps(const DmvRoots *r, char *kernel, size_t n, DmvStep steps[DRIVERS + 3])
{
    DMV_CLEANUP(dmv_text_deinit) DmvText conf = {0};
    char *tree = format(r->modules, "/", kernel);
    size_t n_steps = 0;

    add_step(&steps[n_steps++], DMV_STEP_MKDIR, format(tree, "/updates", ""), NULL, NULL);
    dmv_text_append(&conf, "search updates built-in\n");
    for (size_t i = 0; i < n; i++) {
        const char *name = strrchr(found[i], '/') + 1;

        add_step(&steps[n_steps++], DMV_STEP_LINK, format(tree, "/updates/", name),
                 format("../../../dmv/store/bench/", name, ""), NULL);
        dmv_text_appendf(&conf, "override %.*s %s updates\n", (int)(strlen(name) - 3), name, kernel);
    }
    add_step(&steps[n_steps++], DMV_STEP_WRITE, format(DMV_DEPMOD_CONF, "", ""), format(conf.data, "", ""),
             NULL);
    add_step(&steps[n_steps++], DMV_STEP_DEPMOD, NULL, NULL, kernel);
    free(tree);
    return n_steps;
}

static void free_steps(DmvStep *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(steps[i].path);
        free(steps[i].content);
    }
}

static double measure_depmod(const DmvRoots *r, const char *kernel)
{
    double best = 0;

    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now(), took;

        bench_check("depmod", dmv_depmod_run(r, kernel, NULL));
        took = bench_now() - start;
        best = best > 0 && best < took ? best : took;
    }
    return best;
}

/* Applies and confirms; what was changed is taken back between the rounds, and not measured. */
static double measure_apply(const DmvRoots *r, char *kernel, size_t n)
{
    DmvStep steps[DRIVERS + 3], back[DRIVERS + 3];
    size_t n_steps = make_steps(r, kernel, n, steps);
    double best = 0;

    for (int i = 0; i < ROUNDS; i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        size_t n_back = 0;
        double start = bench_now(), took;
        int result = dmv_transaction_apply(r, 1, steps, n_steps, NULL, &e);

        bench_check(e.why ? e.why : "apply", result);
        bench_check("confirm", dmv_transaction_confirm(r, NULL, NULL));
        took = bench_now() - start;
        best = best > 0 && best < took ? best : took;
        for (size_t k = 0; k < n_steps; k++)
            if (steps[k].kind == DMV_STEP_LINK)
                add_step(&back[n_back++], DMV_STEP_UNLINK, steps[k].path, NULL, NULL);
        add_step(&back[n_back++], DMV_STEP_REMOVE, steps[n_steps - 2].path, NULL, NULL);
        add_step(&back[n_back++], DMV_STEP_DEPMOD, NULL, NULL, kernel);
        bench_check("take back", dmv_transaction_apply(r, 2, back, n_back, NULL, NULL));
        bench_check("confirm", dmv_transaction_confirm(r, NULL, NULL));
    }
    free_steps(steps, n_steps);
    return best;
}

static void fill_store(const DmvRoots *r)
{
    bench_check("store", dmv_fs_mkdirs(r->fd, STORE, 0755));
    for (size_t i = 0; i < n_found; i++) {
        DMV_CLEANUP_FREE char *relative = format(STORE, "/", strrchr(found[i], '/') + 1);
        DMV_CLEANUP_FREE char *path = dmv_roots_path(r, relative);

        if (!path || (link(found[i], path) < 0 && errno != EEXIST))
            bench_check(relative, -errno);
    }
}

int main(int argc, char *argv[])
{
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots r = {.fd = -1};
    DMV_CLEANUP_FREE char *tree = NULL;
    double one, many, alone;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench-apply ROOT KERNEL\n");
        return 2;
    }
    bench_check(argv[1], dmv_roots_init(&r, argv[1], NULL, NULL));
    tree = dmv_roots_kernel_path(&r, argv[2], "kernel/drivers/net");
    tree = tree ? dmv_roots_path(&r, tree) : NULL;
    if (!tree || nftw(tree, find_module, 32, FTW_PHYS) < 0 || n_found < DRIVERS)
        bench_check("too few modules", -ENOENT);
    fill_store(&r);
    alone = measure_depmod(&r, argv[2]);
    one = measure_apply(&r, argv[2], 1);
    many = measure_apply(&r, argv[2], DRIVERS);
    (void)printf("depmod alone          %8.1f ms\n", alone * 1e3);
    (void)printf("apply, 1 driver       %8.1f ms  %.2f x\n", one * 1e3, one / alone);
    (void)printf("apply, %d drivers     %8.1f ms  %.2f x\n", DRIVERS, many * 1e3, many / alone);
    for (size_t i = 0; i < n_found; i++)
        free(found[i]);
    return 0;
}
