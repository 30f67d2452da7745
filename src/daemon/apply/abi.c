/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links of one kernel into a release that was built for another one. See abi.h. */
#include "daemon/apply/abi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/apply/step.h"
#include "host/abi.h"
#include "host/observe.h"
#include "host/symbols.h"
#include "model/fit.h"

/* kernel, driver, variant, version */
#define LEVELS 4

void dmv_apply_abi_deinit(DmvApplyAbi *a)
{
    dmv_world_deinit(&a->world);
    a->known_good = dmv_strv_free(a->known_good);
}

/* The names on the way from the store down to a release. Return: 0, DMV_INVALID_REQUEST, -ENOMEM. */
static int split_store_path(const char *path, char *ret[LEVELS], DmvError *reterr)
{
    const char *s = path + strlen(DMV_STORE_DIR "/");

    for (size_t i = 0; i < LEVELS; i++) {
        const char *slash = strchr(s, '/');

        if (!slash)
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, "link refused", NULL, "%s lies in no release",
                                 path);
        ret[i] = strndup(s, (size_t)(slash - s));
        if (!ret[i])
            return -ENOMEM;
        s = slash + 1;
    }
    return 0;
}

static int find_kernel(DmvApplyAbi *a, const DmvRoots *r, const char *release, DmvKernel **ret,
                       DmvError *reterr)
{
    int x = 0;

    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < a->world.n_kernels; i++)
            if (dmv_streq(a->world.kernels[i].release, release)) {
                *ret = &a->world.kernels[i];
                return 0;
            }
        x = pass == 0 ? dmv_observe_kernel(r, release, &a->world) : 0;
        if (x < 0)
            return x;
    }
    return dmv_error_set(reterr, DMV_NO_SUCH_KERNEL, "link refused", "dmvctl rescan looks again",
                         "kernel %s has no modules", release);
}

static int find_release(DmvApplyAbi *a, const DmvRoots *r, char *const names[LEVELS], DmvInstalled **ret)
{
    int x = 0;

    for (size_t i = 0; i < a->world.n_installed; i++) {
        DmvInstalled *y = &a->world.installed[i];

        if (dmv_streq(y->kernel, names[0]) && dmv_streq(y->driver, names[1]) &&
            dmv_streq(y->variant, names[2]) && dmv_streq(y->version, names[3])) {
            *ret = y;
            return 0;
        }
    }
    x = dmv_observe_release(r, names[0], names[1], names[2], names[3], &a->world);
    if (x < 0)
        return x;
    *ret = &a->world.installed[a->world.n_installed - 1];
    return dmv_observe_symbols(r, *ret, &a->world.problems);
}

static int check_release(DmvApplyAbi *a, const DmvRoots *r, const char *kernel, char *const names[LEVELS],
                         DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvInstalled *x = NULL;
    DmvKernel *k = NULL;
    int result = find_kernel(a, r, kernel, &k, reterr);

    if (result == 0)
        result = find_release(a, r, names, &x);
    if (result == 0 && x->problem)
        return dmv_error_set(reterr, DMV_BROKEN_RELEASE, "link refused", "install the release again",
                             "%s: %s", x->folder, x->problem);
    if (result == 0 && !k->abi)
        result = dmv_symbols_kernel(r, k, &k->abi, NULL, &a->world.problems);
    if (result == 0)
        result = dmv_fit_check(x, k, &e);
    if (result > 0 && e.code > 0)
        return dmv_error_set(reterr, result, "link refused", e.next, "%s does not fit kernel %s: %s",
                             x->folder, kernel, e.why ? e.why : dmv_outcome_reason(result));
    return result;
}

int dmv_apply_abi_check(DmvApplyAbi *a, const DmvRoots *r, const char *path, const char *target,
                        DmvError *reterr)
{
    DMV_CLEANUP_FREE char *kernel = NULL, *other = NULL, *pair = NULL;
    DMV_CLEANUP_STRV char **names = calloc(LEVELS + 1, sizeof(*names));
    int x = names ? dmv_apply_path_kernel(r, path, &kernel) : -ENOMEM;

    if (x == 0 && kernel)
        x = dmv_apply_path_kernel(r, target, &other);
    if (x < 0 || !kernel || dmv_streq(kernel, other))
        return x;
    if (other)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "link refused", NULL,
                             "%s would lead to a variant that belongs to kernel %s", path, other);
    x = split_store_path(target, names, reterr);
    if (x != 0 || dmv_streq(kernel, names[0]))
        return x;
    if (asprintf(&pair, "%s %s/%s/%s/%s", kernel, names[0], names[1], names[2], names[3]) < 0) {
        pair = NULL;
        return -ENOMEM;
    }
    if (dmv_strv_contains(a->known_good, pair))
        return 0;
    x = check_release(a, r, kernel, names, reterr);
    return x != 0 ? x : dmv_strv_push(&a->known_good, pair);
}
