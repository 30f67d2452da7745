/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parameters of the interface's calls as the worker's own structs.
 *
 * The server has compared types with the interface already; ranges and the meaning of names are judged where
 * they matter.
 */
#include "daemon/apply/request.h"

#include <errno.h>

#include "base/json.h"
#include "base/text.h"
#include "daemon/apply/step.h"

#define CERTIFICATES_MAX 64

static int read_file(json_object *o, DmvPublishRequest *q, DmvError *reterr)
{
    DmvPublishFile *f = DMV_ARRAY_ADD(q->files, q->n_files);
    int64_t size = 0;
    int r;

    if (!f)
        return -ENOMEM;
    {
        const DmvJsonField fields[] = {
            {"path", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &f->path},
            {"size", DMV_JSON_INT, DMV_JSON_REQUIRED, &size},
            {"sha256", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &f->sha256},
            {"buildId", DMV_JSON_STRDUP, 0, &f->build_id},
            {"signer", DMV_JSON_STRDUP, 0, &f->signer},
        };

        r = dmv_json_read(o, "file", fields, DMV_N_ELEMENTS(fields), false, reterr);
    }
    if (r == 0 && size < 0)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "a file with a negative size");
    f->size = (uint64_t)size;
    return r;
}

static int read_certificates(json_object *list, DmvCertificates **ret, DmvError *reterr)
{
    int r = dmv_certificates_new(ret);

    if (r == 0 && json_object_array_length(list) > CERTIFICATES_MAX)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "more than %d certificates",
                             CERTIFICATES_MAX);
    for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++)
        r = dmv_certificates_add_base64(*ret, json_object_get_string(json_object_array_get_idx(list, i)),
                                        reterr);
    return r;
}

int dmv_request_read_publish(json_object *params, DmvPublishRequest *ret, DmvError *reterr)
{
    json_object *files = NULL, *certificates = NULL;
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->driver},
        {"variant", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->variant},
        {"version", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->version},
        {"kernel", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->kernel},
        {"files", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&files},
        {"certificates", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&certificates},
        {"requireSignature", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &ret->require_signature},
    };
    int r = dmv_json_read(params, "Publish", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0 && json_object_array_length(files) > DMV_PUBLISH_FILES_MAX)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "a release has 1 to %d files",
                             DMV_PUBLISH_FILES_MAX);
    for (size_t i = 0; r == 0 && i < json_object_array_length(files); i++)
        r = read_file(json_object_array_get_idx(files, i), ret, reterr);
    return r != 0 ? r : read_certificates(certificates, &ret->certificates, reterr);
}

int dmv_request_read_release(json_object *params, DmvPublishRequest *ret, DmvError *reterr)
{
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->driver},
        {"variant", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->variant},
        {"version", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->version},
        {"kernel", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->kernel},
    };

    return dmv_json_read(params, "Unpublish", fields, DMV_N_ELEMENTS(fields), false, reterr);
}

static int read_step(json_object *o, DmvApplyRequest *q, DmvError *reterr)
{
    DmvStep *s = DMV_ARRAY_ADD(q->steps, q->n_steps);
    const char *action = NULL;
    int r;

    if (!s)
        return -ENOMEM;
    {
        const DmvJsonField fields[] = {
            {"action", DMV_JSON_STRING, DMV_JSON_REQUIRED, (void *)&action},
            {"path", DMV_JSON_STRDUP, 0, &s->path},
            {"content", DMV_JSON_STRDUP, 0, &s->content},
            {"kernel", DMV_JSON_STRDUP, 0, &s->kernel},
            {"modules", DMV_JSON_STRV, 0, (void *)&s->modules},
        };

        r = dmv_json_read(o, "step", fields, DMV_N_ELEMENTS(fields), false, reterr);
    }
    s->kind = r == 0 ? dmv_apply_step_kind(action) : DMV_STEP_INVALID;
    return r;
}

static int read_steps(json_object *steps, DmvApplyRequest *ret, DmvError *reterr)
{
    int r = 0;

    if (json_object_array_length(steps) > DMV_APPLY_STEPS_MAX)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "more than %d steps",
                             DMV_APPLY_STEPS_MAX);
    for (size_t i = 0; r == 0 && i < json_object_array_length(steps); i++)
        r = read_step(json_object_array_get_idx(steps, i), ret, reterr);
    return r;
}

int dmv_request_read_apply(json_object *params, DmvApplyRequest *ret, DmvError *reterr)
{
    json_object *steps = NULL;
    int64_t generation = 0;
    const DmvJsonField fields[] = {
        {"generation", DMV_JSON_INT, DMV_JSON_REQUIRED, &generation},
        {"steps", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&steps},
        {"trial", DMV_JSON_BOOL, 0, &ret->trial},
    };
    int r = dmv_json_read(params, "Apply", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0 && generation < 0)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "a negative generation");
    ret->generation = (uint64_t)generation;
    return r == 0 ? read_steps(steps, ret, reterr) : r;
}

int dmv_request_read_forecast(json_object *params, DmvApplyRequest *ret, DmvError *reterr)
{
    json_object *steps = NULL;
    const DmvJsonField fields[] = {
        {"steps", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&steps},
        {"kernels", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&ret->kernels},
        {"keys", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&ret->keys},
    };
    int r = dmv_json_read(params, "Forecast", fields, DMV_N_ELEMENTS(fields), false, reterr);

    return r == 0 ? read_steps(steps, ret, reterr) : r;
}

int dmv_request_read_inspect(json_object *params, DmvInspectRequest *ret, DmvError *reterr)
{
    json_object *certificates = NULL;
    const DmvJsonField fields[] = {
        {"files", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&ret->files},
        {"kernels", DMV_JSON_STRV, DMV_JSON_REQUIRED, (void *)&ret->kernels},
        {"certificates", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&certificates},
    };
    int r = dmv_json_read(params, "Inspect", fields, DMV_N_ELEMENTS(fields), false, reterr);

    for (char **f = ret->files; r == 0 && f && *f; f++)
        if (!dmv_relative_path_is_valid(*f))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "a path that is none");
    return r == 0 ? read_certificates(certificates, &ret->certificates, reterr) : r;
}

void dmv_inspect_request_deinit(DmvInspectRequest *q)
{
    dmv_strv_free(q->files);
    dmv_strv_free(q->kernels);
    (void)dmv_certificates_free(q->certificates);
    *q = (DmvInspectRequest){0};
}

void dmv_apply_request_deinit(DmvApplyRequest *q)
{
    for (size_t i = 0; i < q->n_steps; i++)
        dmv_step_deinit(&q->steps[i]);
    free(q->steps);
    dmv_strv_free(q->kernels);
    dmv_strv_free(q->keys);
    *q = (DmvApplyRequest){0};
}
