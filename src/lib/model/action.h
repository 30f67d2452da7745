/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which action of polkit(8) a method stands for: what a caller who is not root has to be allowed. The one
 * place that says so; data/polkit-1 says what each action means and who has it by default.
 */
#ifndef DMV_MODEL_ACTION_H
#define DMV_MODEL_ACTION_H

#include <stdbool.h>

#include "dmv/outcome.h"

/**
 * dmv_action_find() - what a caller who is not root has to be allowed
 * @method: a method of io.dmv.Manager, without the interface
 * @now: the call says that it shall take effect at once
 * @ret: the id of the action, static
 *
 * Return: 0; DMV_DENIED: only root may call it, whatever polkit says; -ENOENT: the method changes nothing, or
 * there is none of that name.
 */
int dmv_action_find(const char *method, bool now, const char **ret);

#endif
