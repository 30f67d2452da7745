/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forecast of the plan: made by a worker, kept until the World or the plan changes, so that whoever asks
 * again and again makes nothing run.
 */
#ifndef DMV_DAEMON_FORECAST_H
#define DMV_DAEMON_FORECAST_H

#include "daemon/manager.h"
#include "model/forecast.h"

/**
 * DmvForecastAnswer - answers a call that waited
 * @f: the forecast, borrowed; NULL: there is none
 * @problem: why there is none, else NULL
 * @object: what dmv_forecast_ask() was given
 *
 * Return: 0, or a negative errno, which is answered as a failure.
 */
typedef int (*DmvForecastAnswer)(DmvManager *m, VlCall *call, const DmvForecast *f, const char *problem,
                                 const char *object);

/**
 * dmv_forecast_ask() - answer a call once there is a forecast
 * @m: the manager
 * @call: kept until then; a client that goes away is forgotten
 * @answer: called before this returns if the forecast is there, or cannot be made now
 * @object: copied, may be NULL
 *
 * Return: 0, or a negative errno: then @answer was not called, or has returned that.
 */
int dmv_forecast_ask(DmvManager *m, VlCall *call, DmvForecastAnswer answer, const char *object);

/* The World or the plan is about to change: drops what is known and what is on its way, and begins anew for
 * those who wait. */
void dmv_forecast_forget(DmvManager *m);

/* Frees everything at the end of the manager; calls that wait are answered with a failure. */
void dmv_forecast_end(DmvManager *m);

#endif
