/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parameters of the interface's calls as the worker's own structs. */
#ifndef DMV_APPLY_REQUEST_H
#define DMV_APPLY_REQUEST_H

#include <json-c/json.h>

#include "daemon/apply/publish.h"
#include "model/plan.h"

/* All return 0; DMV_INVALID_REQUEST, DMV_MALFORMED with the member; DMV_BAD_BASE64, DMV_BAD_KEY for a
 * certificate; -ENOMEM. What was filled until then has to be freed in any case. */

/* Parameters of Publish(). Free with dmv_publish_request_deinit(). */
int dmv_request_read_publish(json_object *params, DmvPublishRequest *ret, DmvError *reterr);

/* Names of a release, for Unpublish(). Only the four names are filled. */
int dmv_request_read_release(json_object *params, DmvPublishRequest *ret, DmvError *reterr);

typedef struct DmvApplyRequest {
    uint64_t generation;
    DmvStep *steps;
    size_t n_steps;
    bool trial;             /* of Apply() only */
    char **kernels, **keys; /* of Forecast() only */
} DmvApplyRequest;

/* Parameters of Apply(). */
int dmv_request_read_apply(json_object *params, DmvApplyRequest *ret, DmvError *reterr);
/* Parameters of Forecast(). */
int dmv_request_read_forecast(json_object *params, DmvApplyRequest *ret, DmvError *reterr);
void dmv_apply_request_deinit(DmvApplyRequest *q);

typedef struct DmvInspectRequest {
    char **files;   /* relative to the root */
    char **kernels; /* whose images are wanted */
    DmvCertificates *certificates;
} DmvInspectRequest;

/* Parameters of Inspect(). */
int dmv_request_read_inspect(json_object *params, DmvInspectRequest *ret, DmvError *reterr);
void dmv_inspect_request_deinit(DmvInspectRequest *q);

#endif
