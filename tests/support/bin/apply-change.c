/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change of everything on a root, applied and undone, or a recovery: the victim of the fault injection.
 *
 * apply-change ROOT KERNEL apply|recover. Exit status: 0 done, 2 refused with everything as before, 3
 * anything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/apply/transaction.h"
#include "host/roots.h"

static char *in_kernel(const DmvRoots *r, const char *kernel, const char *rest)
{
    char *path = dmv_roots_kernel_path(r, kernel, rest);

    if (!path)
        exit(3);
    return path;
}

static char *target(const char *kernel, const char *rest)
{
    char *text = NULL;

    if (asprintf(&text, "../../../dmv/store/%s/%s", kernel, rest) < 0)
        exit(3);
    return text;
}

static int change(const DmvRoots *r, char *kernel, DmvError *e)
{
    static char conf[] = DMV_DEPMOD_CONF, text[] = "search override updates built-in\n";
    DMV_CLEANUP_FREE char *folder = in_kernel(r, kernel, "override");
    DMV_CLEANUP_FREE char *new_link = in_kernel(r, kernel, "override/b.ko"),
                          *new_target = target(kernel, "d/v/1/b.ko");
    DMV_CLEANUP_FREE char *link = in_kernel(r, kernel, "updates/a.ko"), *to = target(kernel, "d/v/2/a.ko");
    DMV_CLEANUP_FREE char *old_link = in_kernel(r, kernel, "updates/b.ko");
    const DmvStep steps[] = {
        {.kind = DMV_STEP_MKDIR, .path = folder},
        {.kind = DMV_STEP_LINK, .path = new_link, .content = new_target},
        {.kind = DMV_STEP_LINK, .path = link, .content = to},
        {.kind = DMV_STEP_WRITE, .path = conf, .content = text},
        {.kind = DMV_STEP_UNLINK, .path = old_link},
        {.kind = DMV_STEP_DEPMOD, .kernel = kernel},
    };
    int result = dmv_transaction_apply(r, 5, steps, DMV_N_ELEMENTS(steps), NULL, e);

    if (result == 0)
        return dmv_transaction_undo(r, NULL, e) == 0 ? 0 : 3;
    return result == DMV_STATE_BROKEN ? 3 : 2;
}

static int recover(const DmvRoots *r, DmvError *e)
{
    uint64_t generation;
    DmvRecovery what;

    return dmv_transaction_recover(r, NULL, &what, &generation, e) == 0 ? 0 : 3;
}

int main(int argc, char *argv[])
{
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots r = {.fd = -1};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int status;

    if (argc != 4 || dmv_roots_init(&r, argv[1], NULL, NULL) < 0)
        return 3;
    status = dmv_streq(argv[3], "recover") ? recover(&r, &e) : change(&r, argv[2], &e);
    if (status != 0)
        (void)printf("%s: %s: %s\n", argv[3], e.what ? e.what : "", e.why ? e.why : "");
    return status;
}
