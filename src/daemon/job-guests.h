/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs about guests: stopping them before a reboot, and bringing back those that were saved. */
#ifndef DMV_DAEMON_JOB_GUESTS_H
#define DMV_DAEMON_JOB_GUESTS_H

#include "daemon/manager.h"

/**
 * dmv_job_stop_guests() - shut down or save all that run
 * @call: who asked
 * @save: save those that can be saved
 *
 * libvirt and XenStore are asked who runs. A guest that cannot be stopped, or does not stop within the
 * settings' time, is said in the answer and in the log, and the others are stopped.
 *
 * Return: 0 when it took over answering; DMV_BUSY; DMV_STATE_BROKEN; -ENOMEM.
 */
int dmv_job_stop_guests(DmvManager *m, VlCall *call, bool save, DmvError *reterr);

/* Brings back what dmv_job_stop_guests() has saved and is not back yet. Return: as that. */
int dmv_job_restore_guests(DmvManager *m, VlCall *call, DmvError *reterr);

#endif
