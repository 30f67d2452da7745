/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seen: its form on the disk. */
#include "model/seen.h"

#include <errno.h>
#include <string.h>

#include "base/jsonbuild.h"
#include "model/lifeline.h"
#include "model/routes.h"

#define FORMAT "dmv-seen-1"
#define WHAT "the memory of the last good boot cannot be read"

static const DmvJsonLimits limits = {
    .size = DMV_SEEN_MAX_BYTES, .depth = 5, .nodes = 200000, .plain_integers = true};

void dmv_seen_deinit(DmvSeen *s)
{
    for (size_t i = 0; i < s->n_lifelines; i++)
        dmv_lifeline_deinit(&s->lifelines[i]);
    free(s->lifelines);
    dmv_strv_free(s->links);
    dmv_names_deinit(&s->names);
    dmv_strv_free(s->kernel_log);
    *s = (DmvSeen){0};
}

/* ---- writing ---- */

static json_object *lifelines_to_json(const DmvSeen *s)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < s->n_lifelines; i++) {
        const DmvLifeline *l = &s->lifelines[i];
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "kind", dmv_lifeline_kind_to_string(l->kind));
        dmv_jb_string(&b, "what", l->what);
        dmv_jb_string(&b, "chain", l->chain);
        dmv_jb_strv(&b, "slots", l->slots);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static json_object *lines_to_json(char *const *lines)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; lines && lines[i] && i < DMV_SEEN_MAX_LINES; i++)
        dmv_jb_add_string(&list, lines[i]);
    return dmv_jb_end(&list);
}

int dmv_seen_to_json(const DmvSeen *s, json_object **ret)
{
    json_object *names = NULL, *o;
    DmvJsonBuilder b = {0};

    if (dmv_names_to_json(&s->names, &names) < 0)
        return -ENOMEM;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "format", FORMAT);
    dmv_jb_value(&b, "lifelines", lifelines_to_json(s));
    dmv_jb_strv(&b, "links", s->links);
    dmv_jb_value(&b, "names", names);
    dmv_jb_value(&b, "kernel_log", lines_to_json(s->kernel_log));
    o = dmv_jb_end(&b);
    if (!o)
        return -ENOMEM;
    *ret = o;
    return 0;
}

/* ---- reading ---- */

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "%s", why);
}

static int read_lifeline(json_object *o, DmvLifeline *l, DmvError *reterr)
{
    const char *kind = NULL;
    const DmvJsonField fields[] = {
        {"kind", DMV_JSON_STRING, DMV_JSON_REQUIRED, &kind},
        {"what", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &l->what},
        {"chain", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &l->chain},
        {"slots", DMV_JSON_STRV, DMV_JSON_REQUIRED, &l->slots},
    };
    int r = dmv_json_read(o, "lifelines[]", fields, DMV_N_ELEMENTS(fields), false, reterr);

    l->kind = DMV_LIFELINE_INVALID;
    for (int k = 0; r == 0 && k < DMV_LIFELINE_MAX; k++)
        if (strcmp(dmv_lifeline_kind_to_string((DmvLifelineKind)k), kind) == 0)
            l->kind = (DmvLifelineKind)k;
    return r == 0 && l->kind == DMV_LIFELINE_INVALID ? malformed(reterr, "a lifeline is of no known kind")
                                                     : r;
}

static int read_lifelines(json_object *list, DmvSeen *s, DmvError *reterr)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++) {
        DmvLifeline *l = DMV_ARRAY_ADD(s->lifelines, s->n_lifelines);

        r = l ? read_lifeline(json_object_array_get_idx(list, i), l, reterr) : -ENOMEM;
    }
    return r;
}

static int check(const DmvSeen *s, const char *format, DmvError *reterr)
{
    if (strcmp(format, FORMAT) != 0)
        return malformed(reterr, "its format is another one");
    for (char **link = s->links; link && *link; link++)
        if (!dmv_interface_name_is_valid(*link))
            return malformed(reterr, "a link has no name of an interface");
    if (dmv_strv_length(s->kernel_log) > DMV_SEEN_MAX_LINES)
        return malformed(reterr, "there are too many lines of the kernel");
    return 0;
}

static int read_seen(json_object *o, DmvSeen *s, DmvError *reterr)
{
    const char *format = NULL;
    json_object *lifelines = NULL, *names = NULL;
    const DmvJsonField fields[] = {
        {"format", DMV_JSON_STRING, DMV_JSON_REQUIRED, &format},
        {"lifelines", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &lifelines},
        {"links", DMV_JSON_STRV, DMV_JSON_REQUIRED, &s->links},
        {"names", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &names},
        {"kernel_log", DMV_JSON_STRV, DMV_JSON_REQUIRED, &s->kernel_log},
    };
    int r = dmv_json_read(o, "the memory", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0)
        r = check(s, format, reterr);
    if (r == 0)
        r = read_lifelines(lifelines, s, reterr);
    return r == 0 ? dmv_names_from_json(names, &s->names, reterr) : r;
}

int dmv_seen_parse(const char *data, size_t size, DmvSeen *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_SEEN DmvSeen s = {0};
    int r = dmv_json_parse(data, size, &limits, &o, reterr);

    if (r == 0)
        r = read_seen(o, &s, reterr);
    if (r != 0)
        return r;
    *ret = s;
    s = (DmvSeen){0};
    return 0;
}
