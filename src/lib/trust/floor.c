/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Floors. See floor.h. */
#include "trust/floor.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

#define WHAT "cannot read a floor"
#define FORMAT "dmv-floor-1"

static const DmvJsonLimits floor_limits = {
    .size = DMV_FLOOR_SIZE_MAX, .depth = 2, .nodes = 16, .plain_integers = true};

void dmv_trust_floor_deinit(DmvTrustFloor *f)
{
    free(f->stream);
    *f = (DmvTrustFloor){0};
}

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, "get it from the publisher again, or remove it", "%s",
                         why);
}

int dmv_trust_floor_parse(const char *data, size_t size, DmvTrustFloor *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    const char *format = NULL, *stream = NULL, *key_set = NULL, *issued = NULL;
    DmvTrustFloor f = {0};
    const DmvJsonField fields[] = {
        {"format", DMV_JSON_STRING, DMV_JSON_REQUIRED, &format},
        {"stream", DMV_JSON_STRING, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &stream},
        {"key_set", DMV_JSON_STRING, DMV_JSON_REQUIRED, &key_set},
        {"catalog_version", DMV_JSON_INT, DMV_JSON_REQUIRED, &f.catalog_version},
        {"issued", DMV_JSON_STRING, DMV_JSON_REQUIRED, &issued},
    };
    int r = dmv_json_parse(data, size, &floor_limits, &o, reterr);

    if (r == 0)
        r = dmv_json_read(o, "the floor", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r != 0)
        return r;
    if (strcmp(format, FORMAT) != 0)
        return malformed(reterr, "its format is not known");
    if (!dmv_is_hex(key_set, DMV_SHA256_HEX - 1) || f.catalog_version < 1 ||
        dmv_parse_time(issued, &f.issued) != 0)
        return malformed(reterr, "its key set, version or time is none");
    memcpy(f.key_set, key_set, sizeof(f.key_set));
    if (dmv_set_string(&f.stream, stream) < 0)
        return dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
    *ret = f;
    return 0;
}

int dmv_trust_floor_format(const DmvTrustFloor *f, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    char issued[21];

    dmv_format_time(f->issued, issued);
    if (!o || dmv_json_add_string(o, "format", FORMAT) < 0 ||
        dmv_json_add_string(o, "stream", f->stream) < 0 ||
        dmv_json_add_string(o, "key_set", f->key_set) < 0 ||
        dmv_json_add_int(o, "catalog_version", f->catalog_version) < 0 ||
        dmv_json_add_string(o, "issued", issued) < 0)
        return -ENOMEM;
    return dmv_json_format(o, ret, ret_size);
}

void dmv_trust_floor_apply(const DmvTrustFloor *f, const char *stream, DmvTrustState *s)
{
    if (strcmp(f->stream, stream) != 0)
        return;
    dmv_trust_state_raise(s, strcmp(f->key_set, s->key_set) == 0 ? f->catalog_version : 0, f->issued);
}
