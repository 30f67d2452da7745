/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan would lead to: a shadow of each kernel's folder, the real depmod, and libkmod's lookup. */
#ifndef DMV_APPLY_FORECAST_H
#define DMV_APPLY_FORECAST_H

#include "host/roots.h"
#include "model/outlook.h"
#include "model/plan.h"

/**
 * dmv_forecast_kernel() - what one kernel would load now, and after the steps
 * @r: the roots
 * @kver: kernel release
 * @steps: of a plan, checked as those of a transaction; those of other kernels are passed over
 * @n_steps: how many
 * @keys: modaliases and names of modules
 * @ret: must be empty before; free with dmv_outlook_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Changes nothing outside a scratch folder below DMV_RUN_DIR and takes no lock. Without a depmod step for
 * this kernel the index stays what it is, and so does what is loaded. What fails for a part of it is a
 * problem of the outlook.
 *
 * Return: 0; DMV_INVALID_REQUEST, DMV_NO_SUCH_KERNEL; -ENOMEM.
 */
int dmv_forecast_kernel(const DmvRoots *r, const char *kver, const DmvStep *steps, size_t n_steps,
                        char *const *keys, DmvOutlook *ret, DmvError *reterr);

#endif
