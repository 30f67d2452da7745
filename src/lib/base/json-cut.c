/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Large JSON piece by piece. See json-cut.h. */
#include "json-cut.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "json-scan.h"
#include "text.h"

static int complain(const DmvJsonScan *s, const char *data, int code, DmvError *reterr)
{
    if (code < 0)
        return dmv_error_set(reterr, code, "cannot read JSON", NULL, "out of memory");
    return dmv_error_set(reterr, code, "cannot read JSON", NULL, "byte %zu: %s", (size_t)(s->p - data),
                         s->why);
}

static int check_size(size_t size, const DmvJsonLimits *limits, DmvError *reterr)
{
    if (limits->wide_integers)
        return -EINVAL;
    if (size == 0)
        return dmv_error_set(reterr, DMV_EMPTY, "cannot read JSON", NULL, "there are no bytes");
    if (size > limits->size || size > INT_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "cannot read JSON", NULL,
                             "%zu bytes, but at most %zu are taken", size, limits->size);
    return 0;
}

/* Everything around the cut, with null in its place. */
static int build_rest(DmvJsonScan *s, const char *data, json_object **ret)
{
    DMV_CLEANUP(dmv_cleanup_tokener) json_tokener *t = dmv_json_tokener_new(s->deepest);
    DMV_CLEANUP_TEXT DmvText rest = {0};
    DmvJsonTally written;

    if (!t)
        return -ENOMEM;
    if (!s->cut_from)
        return dmv_json_build(t, data, (size_t)(s->end - data), &s->written, ret, &s->why);
    dmv_text_append_bytes(&rest, data, (size_t)(s->cut_from - data));
    dmv_text_append(&rest, "null");
    dmv_text_append_bytes(&rest, s->cut_to, (size_t)(s->end - s->cut_to));
    if (rest.error)
        return rest.error;
    written = dmv_json_tally_without(s->written, s->cut);
    written.values++;
    written.nulls++;
    return dmv_json_build(t, rest.data, rest.size, &written, ret, &s->why);
}

int dmv_json_cut(const char *data, size_t size, const DmvJsonLimits *limits, const char *name,
                 json_object **ret, const char **ret_cut, size_t *ret_cut_size, DmvError *reterr)
{
    DMV_CLEANUP(dmv_json_scan_deinit) DmvJsonScan s = {.limits = limits, .cut_name = name};
    DMV_CLEANUP_JSON json_object *rest = NULL;
    int r = check_size(size, limits, reterr);

    if (r != 0)
        return r;
    s.p = data;
    s.end = data + size;
    r = dmv_json_scan(&s);
    if (r == 0)
        r = build_rest(&s, data, &rest);
    if (r != 0)
        return complain(&s, data, r, reterr);
    if (!json_object_is_type(rest, json_type_object))
        return dmv_error_set(reterr, DMV_MALFORMED, "cannot read JSON", NULL, "this is not an object");
    *ret = DMV_TAKE_PTR(rest);
    *ret_cut = s.cut_from;
    *ret_cut_size = s.cut_from ? (size_t)(s.cut_to - s.cut_from) : 0;
    return 0;
}

static void skip_space(DmvJsonScan *s)
{
    while (s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p != '\0')
        s->p++;
}

/* Moves over @c; false if something else is there. */
static bool take(DmvJsonScan *s, char c)
{
    skip_space(s);
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static int take_element(DmvJsonScan *s, json_tokener *t, json_object **ret)
{
    DmvJsonTally before = s->written, written;
    const char *from;
    int r;

    skip_space(s);
    from = s->p;
    r = dmv_json_scan_value(s);
    if (r != 0)
        return r;
    written = dmv_json_tally_without(s->written, before);
    return dmv_json_build(t, from, (size_t)(s->p - from), &written, ret, &s->why);
}

static int take_elements(DmvJsonScan *s, const char *data, json_tokener *t, DmvJsonEach each, void *userdata,
                         DmvError *reterr)
{
    for (size_t i = 0;; i++) {
        DMV_CLEANUP_JSON json_object *element = NULL;
        int r = take_element(s, t, &element);

        if (r != 0)
            return complain(s, data, r, reterr);
        r = each(element, i, userdata, reterr);
        if (r != 0)
            return r;
        if (take(s, ']'))
            return 0;
        s->why = "neither a comma nor the end of the array";
        if (!take(s, ','))
            return complain(s, data, DMV_MALFORMED, reterr);
        s->why = NULL;
    }
}

int dmv_json_each(const char *data, size_t size, const DmvJsonLimits *limits, DmvJsonEach each,
                  void *userdata, DmvError *reterr)
{
    DMV_CLEANUP(dmv_json_scan_deinit) DmvJsonScan s = {.limits = limits};
    DMV_CLEANUP(dmv_cleanup_tokener) json_tokener *t = dmv_json_tokener_new(DMV_JSON_DEPTH_MAX);
    int r = check_size(size, limits, reterr);

    if (r != 0)
        return r;
    if (!t)
        return complain(&s, data, -ENOMEM, reterr);
    s.p = data;
    s.end = data + size;
    if (!take(&s, '['))
        return dmv_error_set(reterr, DMV_MALFORMED, "cannot read JSON", NULL, "this is not an array");
    if (!take(&s, ']')) {
        r = take_elements(&s, data, t, each, userdata, reterr);
        if (r != 0)
            return r;
    }
    skip_space(&s);
    s.why = "something follows the array";
    return s.p == s.end ? 0 : complain(&s, data, DMV_MALFORMED, reterr);
}
