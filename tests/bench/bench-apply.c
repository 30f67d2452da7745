/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole change (journal, links, configuration, depmod, syncs, confirmation) next to the one depmod in it,
 * for 1 driver and for 20, in one run on one tree; by an exchange of the kernel's folder and in steps, which
 * a held lock of dpkg makes of it. Then the parts that are there for safety alone.
 *
 * The first argument is a root with a module tree in it; a few modules of it become releases in its store.
 * The disk below the root decides what syncs cost, so use one like that of a host; on a tmpfs they cost
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/benchkit.h"
#include "../support/holder.h"
#include "../support/plain-depmod.h"
#include "base/text.h"
#include "daemon/apply/journal.h"
#include "daemon/apply/transaction.h"
#include "host/fs.h"
#include "host/roots.h"
#include "host/twin.h"

#define ROUNDS 3
#define DRIVERS 20
/* Of one release for all of them, below the kernel's folder in the store. */
#define RELEASE "/bench/bench/1.0/"

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

static char *release_path(const char *store, const char *kernel, const char *name)
{
    DMV_CLEANUP_FREE char *folder = format(store, kernel, RELEASE);

    return format(folder, name, "");
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
                 release_path("../../../dmv/store/", kernel, name), NULL);
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

        bench_check("depmod", plain_depmod(r, kernel, NULL));
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

static void fill_store(const DmvRoots *r, const char *kernel)
{
    DMV_CLEANUP_FREE char *folder = release_path(DMV_STORE_DIR "/", kernel, "");

    bench_check("store", dmv_fs_mkdirs(r->fd, folder, 0755));
    for (size_t i = 0; i < n_found; i++) {
        DMV_CLEANUP_FREE char *relative = release_path(DMV_STORE_DIR "/", kernel, strrchr(found[i], '/') + 1);
        DMV_CLEANUP_FREE char *path = dmv_roots_path(r, relative);

        if (!path || (link(found[i], path) < 0 && errno != EEXIST))
            bench_check(relative, -errno);
    }
}

/* ---- what safety costs ---- */

static double measure_steps(const DmvRoots *r, char *kernel)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_path(r, "var/lib/dpkg/lock");
    double took;
    pid_t pid;

    bench_check("lock", path ? dmv_fs_mkdirs(r->fd, "var/lib/dpkg", 0755) : -ENOMEM);
    pid = holder_start(path);
    took = measure_apply(r, kernel, DRIVERS);
    holder_stop(pid);
    return took;
}

typedef struct Parts {
    double copy, sync, print, journal;
} Parts;

static void keep_best(double *best, double start)
{
    double took = bench_now() - start;

    *best = *best > 0 && *best < took ? *best : took;
}

static void measure_twin(const DmvRoots *r, const char *kernel, Parts *p)
{
    DMV_CLEANUP_FREE char *live = dmv_roots_kernel_path(r, kernel, NULL);
    DMV_CLEANUP_FREE char *twin = format(r->modules, "/.bench", "");
    DMV_CLEANUP_CLOSE int from = -1, to = -1;
    char print[DMV_SHA256_HEX];
    double start;

    if (!live || mkdirat(r->fd, twin, 0700) < 0)
        bench_check("twin", -errno);
    from = dmv_fs_open(r->fd, live, O_RDONLY | O_DIRECTORY, 0);
    to = dmv_fs_open(r->fd, twin, O_RDONLY | O_DIRECTORY, 0);
    start = bench_now();
    bench_check("twin", dmv_twin_fill(from, to, NULL));
    keep_best(&p->copy, start);
    start = bench_now();
    bench_check("sync", dmv_twin_sync(to));
    keep_best(&p->sync, start);
    start = bench_now();
    bench_check("print", dmv_twin_print(from, print));
    keep_best(&p->print, start);
    bench_check("remove", dmv_fs_remove_tree(r->fd, twin));
}

static void measure_journal(const DmvRoots *r, const char *kernel, size_t n, Parts *p)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0};
    double start;

    for (size_t i = 0; i < n; i++) {
        DmvJournalEntry *e = DMV_ARRAY_ADD(j.entries, j.n_entries);

        if (!e || asprintf(&e->path, "%s/%s/updates/driver-%zu.ko", r->modules, kernel, i) < 0)
            bench_check("memory", -ENOMEM);
    }
    start = bench_now();
    bench_check("journal", dmv_journal_save(r->fd, &j));
    keep_best(&p->journal, start);
    bench_check("journal", dmv_journal_remove(r->fd));
}

static void print_parts(const DmvRoots *r, const char *kernel, double whole)
{
    Parts p = {0};

    for (int i = 0; i < ROUNDS; i++) {
        measure_twin(r, kernel, &p);
        measure_journal(r, kernel, DRIVERS, &p);
    }
    (void)printf("twin, made            %8.1f ms  %.1f %%\n", p.copy * 1e3, p.copy / whole * 100);
    (void)printf("twin, synced          %8.1f ms  %.1f %%\n", p.sync * 1e3, p.sync / whole * 100);
    (void)printf("one print of a folder %8.1f ms  %.1f %%\n", p.print * 1e3, p.print / whole * 100);
    (void)printf("journal, once         %8.1f ms  %.1f %%\n", p.journal * 1e3, p.journal / whole * 100);
}

int main(int argc, char *argv[])
{
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots r = {.fd = -1};
    DMV_CLEANUP_FREE char *tree = NULL;
    double one, many, steps, alone;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench-apply ROOT KERNEL\n");
        return 2;
    }
    bench_check(argv[1], dmv_roots_init(&r, argv[1], NULL, NULL));
    tree = dmv_roots_kernel_path(&r, argv[2], "kernel/drivers/net");
    tree = tree ? dmv_roots_path(&r, tree) : NULL;
    if (!tree || nftw(tree, find_module, 32, FTW_PHYS) < 0 || n_found < DRIVERS)
        bench_check("too few modules", -ENOENT);
    fill_store(&r, argv[2]);
    alone = measure_depmod(&r, argv[2]);
    one = measure_apply(&r, argv[2], 1);
    many = measure_apply(&r, argv[2], DRIVERS);
    steps = measure_steps(&r, argv[2]);
    (void)printf("depmod alone          %8.1f ms\n", alone * 1e3);
    (void)printf("apply, 1 driver       %8.1f ms  %.2f x\n", one * 1e3, one / alone);
    (void)printf("apply, %d drivers     %8.1f ms  %.2f x\n", DRIVERS, many * 1e3, many / alone);
    (void)printf("in steps, %d drivers  %8.1f ms  %.2f x\n", DRIVERS, steps * 1e3, steps / alone);
    print_parts(&r, argv[2], many);
    for (size_t i = 0; i < n_found; i++)
        free(found[i]);
    return 0;
}
