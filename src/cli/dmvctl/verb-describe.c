/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl describe: the daemon and what it looks at.
 */
#include "cli/reply.h"
#include "guests.h"
#include "render.h"
#include "verb.h"

static void print_line(const DmvScreen *s, const char *label, const char *text)
{
    if (!text)
        return;
    dmv_render_label(s, label);
    (void)fprintf(s->out, "%s\n", text);
}

static void print_kernels(const DmvScreen *s, json_object *reply)
{
    for (size_t i = 0; i < dmv_reply_count(reply, "kernels"); i++) {
        json_object *kernel = dmv_reply_at(reply, "kernels", i);

        dmv_render_label(s, i == 0 ? "kernels" : "");
        (void)fprintf(s->out, "%s%s%s%s\n", dmv_reply_string_or(kernel, "release", "?"),
                      dmv_reply_bool(kernel, "running") ? " (running)" : "",
                      dmv_reply_bool(kernel, "alternate") ? " (alternate)" : "",
                      dmv_reply_bool(kernel, "hasIndex") ? "" : " (no index: depmod never ran for it)");
    }
}

static bool any_channel(json_object *reply)
{
    for (size_t i = 0; i < dmv_reply_count(reply, "channels"); i++)
        if (!dmv_streq(dmv_reply_string(dmv_reply_at(reply, "channels", i), "state"), "absent"))
            return true;
    return false;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TEXT DmvText dmi = {0};

    (void)a;
    dmv_render_label(s, "daemon");
    (void)fprintf(s->out, "%s %s\n", dmv_reply_string_or(reply, "product", "?"),
                  dmv_reply_string_or(reply, "version", "?"));
    print_line(s, "root", dmv_reply_string(reply, "root"));
    print_line(s, "sysfs", dmv_reply_string(reply, "sysfs"));
    print_line(s, "machine", dmv_reply_string(reply, "machine"));
    if (dmv_reply_has(reply, "dmiVendor") || dmv_reply_has(reply, "dmiProduct"))
        dmv_text_appendf(&dmi, "%s %s", dmv_reply_string_or(reply, "dmiVendor", ""),
                         dmv_reply_string_or(reply, "dmiProduct", ""));
    print_line(s, "model", dmi.data);
    print_kernels(s, reply);
    (void)dmv_render_streams(s, reply);
    print_line(s, "xen", dmv_reply_string(reply, "hypervisor"));
    if (dmv_reply_has(reply, "hypervisor") || any_channel(reply))
        dmv_render_channels_list(s, reply, true);
    print_line(s, "depmod",
               dmv_reply_bool(reply, "depmodExcludes") ? "knows exclude" : "does not know exclude");
    return 0;
}

const DmvVerb dmv_verb_describe = {
    .name = "describe",
    .synopsis = "",
    .summary = "versions, roots, kernels, streams and channels",
    .help = "Shows the version of the daemon, the folders it works on, the kernels that are\n"
            "installed, the streams that are configured and, on a Xen host, the channels by\n"
            "which guests are known and what each of them gave.\n",
    .method = "Describe",
    .render = render,
};
