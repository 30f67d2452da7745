/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps of the boot machine that a test expects, and states to begin with. Whatever is not as expected ends
 * the test. */
#ifndef DMV_TESTS_BOOTKIT_H
#define DMV_TESTS_BOOTKIT_H

#include "model/boot.h"

extern const char *const boot_ids[6]; /* one a boot */
extern const DmvBoot boot_good;       /* generation 4 is in place, committed */
extern DmvBootActions boot_last;      /* of the last boot_step() */

/* Takes @e, which has to lead to @phase and to ask for @actions. */
void boot_step(DmvBoot *b, DmvBootEvent e, DmvBootPhase phase, unsigned actions);
/* @e has to be refused with that reason code, and to change nothing. */
void boot_refuse(DmvBoot *b, DmvBootEvent e, const char *reason);

DmvBootEvent event_on(DmvBootEventKind kind, const char *boot_id);
DmvBootEvent event_at(DmvBootEventKind kind, const char *boot_id, int64_t now);
DmvBootEvent event_activate(int64_t generation, bool one_shot); /* in boot_ids[0] */
DmvBootEvent event_boot(const char *boot_id, int64_t mark);
DmvBootEvent event_unhealthy(const char *boot_id, bool lifeline_lost, DmvBootReboot reboot);
DmvBootEvent event_rollback(int64_t generation); /* in boot_ids[1] */

/* Generation 5 boots in boot_ids[1] and is bad. */
void boot_start_bad(DmvBoot *b, bool lifeline_lost, DmvBootReboot reboot);
/* And 4 cannot be put back. */
void boot_make_stuck(DmvBoot *b);
/* A state of each phase. */
DmvBoot boot_sample(DmvBootPhase phase);

/* The stored form, owned by the caller. */
char *boot_write(const DmvBoot *b);
void boot_assert_same(const DmvBoot *a, const DmvBoot *b);

#endif
