/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a kernel exports, and whether one module fits it: the job of weak-modules, once a process as the
 * daemon does it.
 *
 * Arguments: a root with a real module tree in it, the kernel, and the module (a path). With a symvers file
 * in boot/ that is what the table comes from, else the whole tree is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/benchkit.h"
#include "base/text.h"
#include "host/observe.h"
#include "host/symbols.h"

int main(int argc, char *argv[])
{
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots r = {.fd = -1};
    DMV_CLEANUP(dmv_module_symbols_deinit) DmvModuleSymbols m = {0};
    DMV_CLEANUP(dmv_kabi_report_deinit) DmvKabiReport report = {0};
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    DMV_CLEANUP_KABI DmvKabi *abi = NULL;
    DMV_CLEANUP_FREE char *source = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    char stamp[DMV_SHA256_HEX];
    bool symvers;
    double start = bench_now(), listed, table, checked, stamped;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: bench-kabi ROOT KERNEL MODULE\n");
        return 2;
    }
    bench_check(argv[1], dmv_roots_init(&r, argv[1], NULL, NULL));
    bench_check(argv[2], dmv_observe_kernel(&r, argv[2], &w));
    if (w.n_kernels != 1)
        bench_check(argv[2], -ENOENT);
    listed = bench_now();
    bench_check("table", dmv_symbols_kernel(&r, &w.kernels[0], &abi, &source, &w.problems));
    table = bench_now();
    fd = open(argv[3], O_RDONLY | O_CLOEXEC);
    bench_check(argv[3], fd < 0 ? -errno : dmv_symbols_read(fd, &m, NULL));
    bench_check("the module does not fit", dmv_kabi_check(&m, NULL, abi, &report, NULL));
    checked = bench_now();
    bench_check("stamp", dmv_symbols_stamp(&r, &w.kernels[0], stamp, &symvers));
    stamped = bench_now();
    (void)printf("%zu modules, %zu symbols from %s\n", w.kernels[0].n_files, dmv_kabi_size(abi),
                 source ? source : "the tree");
    (void)printf("tree listed    %8.3f ms\n", (listed - start) * 1e3);
    (void)printf("table          %8.3f ms\n", (table - listed) * 1e3);
    (void)printf("module checked %8.3f ms, %zu symbols\n", (checked - table) * 1e3, m.n_needs);
    (void)printf("stamp          %8.3f ms\n", (stamped - checked) * 1e3);
    return 0;
}
