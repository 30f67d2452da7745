/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the apply worker's forecast says, a line an action, in the words of modprobe --show-depends, for tests
 * that compare the two.
 *
 * forecast-lines ROOT reads the parameters of io.dmv.Apply.Forecast() from standard input, and prints
 * "KERNEL <tab> now|next <tab> KEY <tab> insmod PATH | install WORDS | builtin NAME", PATH being relative to
 * the kernel's folder, and "KERNEL <tab> problem <tab> TEXT".
 */
#include <stdio.h>
#include <string.h>

#include "daemon/apply/forecast.h"
#include "daemon/apply/request.h"
#include "host/fs.h"

#define INPUT_MAX ((size_t)64 * 1024 * 1024)

static void print_lookups(const char *kernel, const char *when, const DmvLookups *l)
{
    for (size_t i = 0; i < l->n; i++)
        for (size_t a = 0; a < l->items[i].n_actions; a++) {
            const DmvAction *x = &l->items[i].actions[a];

            (void)printf("%s\t%s\t%s\t", kernel, when, l->items[i].key);
            if (x->install)
                (void)printf("install %s\n", x->install);
            else if (x->path)
                (void)printf("insmod %s\n", x->path);
            else
                (void)printf("builtin %s\n", x->module);
        }
}

static int read_request(DmvApplyRequest *q)
{
    static const DmvJsonLimits limits = {.size = INPUT_MAX, .depth = 8, .nodes = 1000000};
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_JSON json_object *params = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t n = 0;
    int r = dmv_fs_read_fd(0, INPUT_MAX, &text, &n);

    if (r == 0)
        r = dmv_json_parse(text, n, &limits, &params, &e);
    if (r == 0)
        r = dmv_request_read_forecast(params, q, &e);
    if (r != 0)
        (void)fprintf(stderr, "the request: %s\n", e.why ? e.why : dmv_outcome_reason(r));
    return r;
}

int main(int argc, char *argv[])
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots roots = {.fd = -1};
    DMV_CLEANUP(dmv_apply_request_deinit) DmvApplyRequest q = {0};

    if (argc != 2 || dmv_roots_init(&roots, argv[1], NULL, NULL) < 0 || read_request(&q) != 0)
        return 2;
    for (char **k = q.kernels; k && *k; k++) {
        DMV_CLEANUP_OUTLOOK DmvOutlook o = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r = dmv_forecast_kernel(&roots, *k, q.steps, q.n_steps, q.keys, &o, &e);

        if (r != 0) {
            (void)fprintf(stderr, "%s: %s\n", *k, e.why ? e.why : dmv_outcome_reason(r));
            return 1;
        }
        print_lookups(*k, "now", &o.now);
        print_lookups(*k, "next", &o.next);
        for (char **p = o.problems; p && *p; p++)
            (void)printf("%s\tproblem\t%s\n", *k, *p);
    }
    return 0;
}
