/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Health in the daemon: what model/health.h judges is collected here, and what the host looked like when all
 * was good is kept.
 */
#ifndef DMV_DAEMON_HEALTH_H
#define DMV_DAEMON_HEALTH_H

#include "daemon/manager.h"

/**
 * dmv_health_look() - judge the host into the manager's health
 * @m: has just looked
 * @boot_id: the boot that runs, for the kernel's words
 * @told: what others found wrong, a line each; may be NULL
 *
 * It is judged by the intent of the generation in place: what is staged counts from the next boot on.
 *
 * Return: 0, or a negative errno.
 */
int dmv_health_look(DmvManager *m, const char *boot_id, char *const *told);

/**
 * dmv_health_remember() - keep what the host looks like now, as the last time when all was good
 *
 * Only where a boot runs and nothing is under way: what is on trial, or was gone back from, is no measure. A
 * failure is logged: less is noticed without it, and nothing else depends on it.
 */
void dmv_health_remember(DmvManager *m);

#endif
