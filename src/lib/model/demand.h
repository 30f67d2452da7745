/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Demand: what a trial has to show before it is proven, by the releases that are tried in it and by the
 * settings of the host.
 */
#ifndef DMV_MODEL_DEMAND_H
#define DMV_MODEL_DEMAND_H

#include "model/resolve.h"

typedef struct DmvDemand {
    int64_t boots;   /* good ones in a row; 0: the default of the boot machine */
    int64_t seconds; /* in good health; 0: the default */
} DmvDemand;

/**
 * dmv_view_demand() - what a switch to the selections of a View has to show
 * @v: made before or after the trees were switched, but in the boot that the switch is asked for in
 * @proven: what runs in that boot is of a generation that is good
 * @host: what the settings ask for
 *
 * A release counts if it is selected, some kernel will load it, and this host has something to try it on:
 * a device that its driver supports, or a module of the driver that is loaded. It does not count if the
 * kernel runs it already and what runs is proven: the switch leaves it as it is. What the kernel runs is
 * asked for, and not what the trees hold, because the trees say the same of a release that was proven and of
 * one that was switched to and never booted. So while nothing is proven (a trial lasts, or the host has gone
 * back and not yet shown that this helped) every selected release counts. The proof is of the release: the
 * same one for another kernel needs no further.
 *
 * Return: of boots and of seconds the largest, each by itself.
 */
DmvDemand dmv_view_demand(const DmvView *v, bool proven, DmvDemand host);

#endif
