/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a Source. The limits that the daemon does not choose are here. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

/* Below this for that long, a transfer is a waste of time. */
#define LOW_SPEED 1000
#define LOW_SPEED_SEC 30
#define URLS_MAX 16
#define DEADLINE_MAX ((int64_t)24 * 3600 * 1000 * 1000)
#define BYTES_MAX ((int64_t)4 * 1024 * 1024 * 1024)

int dmv_fetch_invalid(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_INVALID_REQUEST, "the call to the fetch worker is wrong", NULL, "%s",
                         why);
}

int dmv_fetch_set_deadline(int64_t deadline, DmvError *reterr)
{
    if (deadline < 0 || deadline > DEADLINE_MAX)
        return dmv_fetch_invalid(reterr, "the deadline is out of range");
    (void)alarm((unsigned)((deadline + 999999) / 1000000));
    return 0;
}

void dmv_fetch_source_deinit(DmvFetchSource *s)
{
    s->urls = dmv_strv_free(s->urls);
    free(s->ca_file);
    free(s->folder);
}

int dmv_fetch_source_read(DmvFetchWorker *w, json_object *source, const char *name, DmvFetchSource *ret,
                          DmvError *reterr)
{
    int64_t bytes = 0, deadline = 0;
    const DmvJsonField fields[] = {
        {"urls", DMV_JSON_STRV, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &ret->urls},
        {"caFile", DMV_JSON_STRDUP, DMV_JSON_NON_EMPTY, &ret->ca_file},
        {"maxBytes", DMV_JSON_INT, DMV_JSON_REQUIRED, &bytes},
        {"deadline", DMV_JSON_INT, DMV_JSON_REQUIRED, &deadline},
    };
    int r = dmv_json_read(source, "source", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r < 0)
        return r;
    if (r > 0)
        return dmv_fetch_invalid(reterr, "the source lacks a member or has a wrong one");
    if (dmv_strv_length(ret->urls) > URLS_MAX)
        return dmv_fetch_invalid(reterr, "the source has more than 16 URLs");
    if (ret->ca_file && ret->ca_file[0] != '/')
        return dmv_fetch_invalid(reterr, "caFile is not an absolute path");
    if (bytes < 1 || bytes > BYTES_MAX || deadline < 1 || deadline > DEADLINE_MAX)
        return dmv_fetch_invalid(reterr, "maxBytes or deadline is out of range");
    if (asprintf(&ret->folder, "%s/%s", w->folder, name) < 0)
        return ret->folder = NULL, -ENOMEM;
    ret->options = (DmvRepoOptions){
        .urls = ret->urls,
        .folder = ret->folder,
        .ca_file = ret->ca_file,
        .max_bytes = (uint64_t)bytes,
        .deadline_usec = (uint64_t)deadline,
        .low_speed = LOW_SPEED,
        .low_speed_sec = LOW_SPEED_SEC,
        .progress = dmv_fetch_progress,
        .userdata = w,
    };
    return 0;
}
