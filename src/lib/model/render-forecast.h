/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The forecast as the JSON of io.dmv.Manager. Every function returns a new value, or NULL for lack of memory.
 */
#ifndef DMV_MODEL_RENDER_FORECAST_H
#define DMV_MODEL_RENDER_FORECAST_H

#include <json-c/json.h>

#include "model/forecast.h"

json_object *dmv_render_device_forecasts(const DmvForecast *f);
json_object *dmv_render_image_forecasts(const DmvForecast *f);

#endif
