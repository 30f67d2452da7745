/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One message, as a call and as a reply. What is taken can be written, and is taken again. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "varlink/idl.h"
#include "varlink/message.h"

static void check_call(const char *data, size_t size)
{
    DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};
    DMV_CLEANUP(vl_message_deinit) VlMessage again = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    unsigned flags = 0;
    size_t text_size;

    if (vl_message_parse_call(data, size, &m) < 0) {
        must(!m.object && !m.parameters);
        return;
    }
    must(m.method && json_object_is_type(m.parameters, json_type_object));
    if (!vl_qualified_name_is_valid(m.method) || m.upgrade)
        return;
    flags = m.oneway ? VL_FLAG_ONEWAY : m.more ? VL_FLAG_MORE : 0;
    must(vl_message_format_call(m.method, m.parameters, flags, &text, &text_size) == 0);
    must(text[text_size - 1] == '\0' && strlen(text) == text_size - 1);
    must(vl_message_parse_call(text, text_size - 1, &again) == 0);
    must(strcmp(m.method, again.method) == 0 && m.oneway == again.oneway && m.more == again.more);
}

static void check_reply(const char *data, size_t size)
{
    DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};
    DMV_CLEANUP(vl_message_deinit) VlMessage again = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t text_size;

    if (vl_message_parse_reply(data, size, &m) < 0) {
        must(!m.object && !m.parameters);
        return;
    }
    must(json_object_is_type(m.parameters, json_type_object));
    must(!m.error || !m.continues);
    must(vl_message_format_reply(m.error, m.parameters, m.continues, &text, &text_size) == 0);
    must(vl_message_parse_reply(text, text_size - 1, &again) == 0);
    must(!m.error == !again.error && m.continues == again.continues);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_call((const char *)data, size);
    check_reply((const char *)data, size);
    return 0;
}
