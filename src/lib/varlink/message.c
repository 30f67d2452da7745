/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header of calls and replies.
 *
 * Reading is as strict as UAPI.20 allows, because a peer that gets the header wrong cannot be answered:
 * nobody knows which call the answer would belong to. Writing leaves out everything that is empty and never
 * sends a member that varlinkctl would refuse.
 */
#include "message.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "idl.h"

static int read_string(json_object *v, const char **ret)
{
    if (!json_object_is_type(v, json_type_string))
        return -EBADMSG;
    *ret = json_object_get_string(v);
    return 0;
}

static int read_flag(json_object *v, bool *ret)
{
    if (!json_object_is_type(v, json_type_boolean))
        return -EBADMSG;
    *ret = json_object_get_boolean(v);
    return 0;
}

static int read_parameters(VlMessage *m, json_object *v)
{
    if (!v)
        return 0;
    if (!json_object_is_type(v, json_type_object))
        return -EBADMSG;
    m->parameters = json_object_get(v);
    return 0;
}

static int read_call_member(VlMessage *m, const char *key, json_object *v)
{
    if (strcmp(key, "method") == 0)
        return read_string(v, &m->method);
    if (strcmp(key, "parameters") == 0)
        return read_parameters(m, v);
    if (strcmp(key, "oneway") == 0)
        return read_flag(v, &m->oneway);
    if (strcmp(key, "more") == 0)
        return read_flag(v, &m->more);
    if (strcmp(key, "upgrade") == 0)
        return read_flag(v, &m->upgrade);
    return strchr(key, '.') ? 0 : -EBADMSG;
}

static int read_reply_member(VlMessage *m, const char *key, json_object *v)
{
    if (strcmp(key, "error") == 0)
        return read_string(v, &m->error);
    if (strcmp(key, "parameters") == 0)
        return read_parameters(m, v);
    if (strcmp(key, "continues") == 0)
        return read_flag(v, &m->continues);
    return strchr(key, '.') ? 0 : -EBADMSG;
}

static int parse(const char *data, size_t size, const DmvJsonLimits *limits,
                 int (*read_member)(VlMessage *, const char *, json_object *), VlMessage *m)
{
    int r;

    r = dmv_json_parse(data, size, limits, &m->object, NULL);
    if (r != 0)
        return r < 0 ? r : -EBADMSG;
    if (!json_object_is_type(m->object, json_type_object))
        return -EBADMSG;
    json_object_object_foreach (m->object, key, value) {
        r = read_member(m, key, value);
        if (r < 0)
            return r;
    }
    if (!m->parameters)
        m->parameters = json_object_new_object();
    return m->parameters ? 0 : -ENOMEM;
}

int vl_message_parse_call(const char *data, size_t size, VlMessage *ret)
{
    const DmvJsonLimits limits = {
        .size = SIZE_MAX,
        .depth = VL_DEPTH_MAX,
        .nodes = VL_CALL_NODES_MAX,
        .wide_integers = true,
    };
    DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};
    int r;

    r = parse(data, size, &limits, read_call_member, &m);
    if (r < 0)
        return r;
    if (!m.method || m.oneway + m.more + m.upgrade > 1)
        return -EBADMSG;
    *ret = m;
    m = (VlMessage){0};
    return 0;
}

int vl_message_parse_reply(const char *data, size_t size, VlMessage *ret)
{
    const DmvJsonLimits limits = {.size = SIZE_MAX, .depth = VL_DEPTH_MAX, .nodes = VL_REPLY_NODES_MAX};
    DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};
    int r;

    r = parse(data, size, &limits, read_reply_member, &m);
    if (r < 0)
        return r;
    if (m.error && (m.continues || !vl_qualified_name_is_valid(m.error)))
        return -EBADMSG;
    *ret = m;
    m = (VlMessage){0};
    return 0;
}

void vl_message_deinit(VlMessage *m)
{
    json_object_put(m->parameters);
    json_object_put(m->object);
    *m = (VlMessage){0};
}

/* Appends the parameters, if there are any, and what ends the message. */
static int finish(DmvText *t, const char *separator, json_object *params, const char *tail, char **ret,
                  size_t *ret_size)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size;
    int r;

    if (params && !json_object_is_type(params, json_type_object))
        return -EINVAL;
    if (params && json_object_object_length(params) > 0) {
        r = dmv_json_format(params, &text, &size);
        if (r < 0)
            return r;
        dmv_text_append(t, separator);
        dmv_text_append(t, "\"parameters\":");
        dmv_text_append_bytes(t, text, size);
        separator = ",";
    }
    if (tail) {
        dmv_text_append(t, separator);
        dmv_text_append(t, tail);
    }
    dmv_text_append_bytes(t, "}", 2); /* with the NUL that ends the message */
    return dmv_text_take(t, ret, ret_size);
}

int vl_message_format_call(const char *method, json_object *params, unsigned flags, char **ret,
                           size_t *ret_size)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    const char *tail = flags == VL_FLAG_ONEWAY ? "\"oneway\":true"
                       : flags == VL_FLAG_MORE ? "\"more\":true"
                                               : NULL;

    if (!vl_qualified_name_is_valid(method) || (flags != 0 && !tail))
        return -EINVAL;
    dmv_text_append(&t, "{\"method\":\"");
    dmv_text_append(&t, method);
    dmv_text_append(&t, "\"");
    return finish(&t, ",", params, tail, ret, ret_size);
}

int vl_message_format_reply(const char *error, json_object *params, bool continues, char **ret,
                            size_t *ret_size)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    if (error && (continues || !vl_qualified_name_is_valid(error)))
        return -EINVAL;
    dmv_text_append(&t, "{");
    if (error) {
        dmv_text_append(&t, "\"error\":\"");
        dmv_text_append(&t, error);
        dmv_text_append(&t, "\"");
    }
    return finish(&t, error ? "," : "", params, continues ? "\"continues\":true" : NULL, ret, ret_size);
}
