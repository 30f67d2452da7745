/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of `dmvctl plan` about devices and initrd images.
 */
#include "forecast.h"

#include "base/text.h"
#include "cli/reply.h"

static void append_bound(DmvText *t, json_object *bound)
{
    const char *path = dmv_reply_string(bound, "path"), *release = dmv_reply_string(bound, "release");
    const char *install = dmv_reply_string(bound, "install");

    dmv_text_append(t, dmv_reply_string_or(bound, "module", "?"));
    if (install)
        dmv_text_appendf(t, ": install rule \"%s\"", install);
    else if (!path)
        dmv_text_append(t, ": built in");
    else
        dmv_text_appendf(t, ": %s (%s)", release ? release : "unknown", path);
}

static int print_side(const DmvScreen *s, json_object *device, const char *key)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    for (size_t i = 0; i < dmv_reply_count(device, key); i++) {
        if (i > 0)
            dmv_text_append(&t, "; ");
        append_bound(&t, dmv_reply_at(device, key, i));
    }
    if (t.error < 0)
        return t.error;
    (void)fprintf(s->out, "    %-5s %s\n", key, t.data ? t.data : "nothing");
    return 0;
}

static int print_device(const DmvScreen *s, json_object *device)
{
    DMV_CLEANUP_TEXT DmvText names = {0};
    bool changed = dmv_reply_bool(device, "changed");
    int r = 0;

    if (dmv_reply_join(&names, device, "interfaces", ", ") > 0 && dmv_reply_count(device, "blocks") > 0)
        dmv_text_append(&names, ", ");
    (void)dmv_reply_join(&names, device, "blocks", ", ");
    if (names.error < 0)
        return names.error;
    (void)fprintf(s->out, "  %s %s%s%s%s\n", dmv_reply_string_or(device, "slot", "?"),
                  dmv_reply_string_or(device, "name", dmv_reply_string_or(device, "class", "device")),
                  names.data ? " [" : "", names.data ? names.data : "", names.data ? "]" : "");
    if (changed)
        r = print_side(s, device, "now");
    if (r == 0)
        r = print_side(s, device, "next");
    for (size_t i = 0; i < dmv_reply_count(device, "notes"); i++)
        (void)fprintf(s->out, "    %-5s %s\n", "note",
                      json_object_get_string(dmv_reply_at(device, "notes", i)));
    return r;
}

/* Return: how many there are, or a negative errno. */
static int print_devices(const DmvScreen *s, json_object *reply, bool changed, bool print)
{
    const char *last = NULL;
    int n = 0, r = 0;

    for (size_t i = 0; r == 0 && i < dmv_reply_count(reply, "devices"); i++) {
        json_object *device = dmv_reply_at(reply, "devices", i);
        const char *kernel = dmv_reply_string_or(device, "kernel", "?");

        if (dmv_reply_bool(device, "changed") != changed)
            continue;
        n++;
        if (print && !dmv_streq(kernel, last))
            (void)fprintf(s->out, "%s%s at the next boot of %s%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD),
                          changed ? "devices that change" : "devices that stay as they are", kernel,
                          dmv_screen_paint(s, DMV_PAINT_NONE));
        last = kernel;
        if (print)
            r = print_device(s, device);
    }
    return r < 0 ? r : n;
}

static void print_copy(const DmvScreen *s, json_object *copy)
{
    bool stale = dmv_reply_bool(copy, "stale");

    (void)fprintf(s->out, "    %s: %s%s%s%s\n", dmv_reply_string_or(copy, "module", "?"),
                  dmv_reply_string_or(copy, "release", "of an unknown release"),
                  stale ? ", and the tree gives " : "",
                  stale ? dmv_reply_string_or(copy, "nextRelease", "nothing") : "", stale ? " next" : "");
}

static void print_image(const DmvScreen *s, json_object *image, bool all)
{
    const char *problem = dmv_reply_string(image, "problem"), *next = dmv_reply_string(image, "next");
    bool stale = dmv_reply_bool(image, "stale");

    (void)fprintf(s->out, "  %s: %s%s%s\n", dmv_reply_string_or(image, "path", "?"),
                  dmv_screen_paint(s, stale || problem ? DMV_PAINT_WARN : DMV_PAINT_GOOD),
                  problem ? problem
                  : stale ? "loads other files than the tree"
                          : "as the tree",
                  dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < dmv_reply_count(image, "modules"); i++)
        if (all || dmv_reply_bool(dmv_reply_at(image, "modules", i), "stale"))
            print_copy(s, dmv_reply_at(image, "modules", i));
    if (next)
        (void)fprintf(s->out, "    %s\n", next);
}

static void print_images(const DmvScreen *s, json_object *reply, bool all)
{
    bool heading = false;

    for (size_t i = 0; i < dmv_reply_count(reply, "initrds"); i++) {
        json_object *image = dmv_reply_at(reply, "initrds", i);

        if (!all && !dmv_reply_bool(image, "stale") && !dmv_reply_has(image, "problem"))
            continue;
        if (!heading)
            (void)fprintf(s->out, "%sinitrd images%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD),
                          dmv_screen_paint(s, DMV_PAINT_NONE));
        heading = true;
        print_image(s, image, all);
    }
}

int dmv_render_forecast(const DmvScreen *s, json_object *reply, bool all)
{
    int r = print_devices(s, reply, true, true);

    if (r >= 0)
        r = print_devices(s, reply, false, all);
    if (r < 0)
        return r;
    if (r > 0 && !all)
        (void)fprintf(s->out, "%d more device%s as now (--all shows %s)\n", r, r == 1 ? " stays" : "s stay",
                      r == 1 ? "it" : "them");
    print_images(s, reply, all);
    return 0;
}
