/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests on a screen. A guest can be in several classes of a reply; each is shown once.
 */
#include "guests.h"

#include <errno.h>
#include <string.h>

#include "cli/reply.h"
#include "render.h"

/* ---- classes ---- */

static bool is_same(json_object *a, json_object *b)
{
    return dmv_streq(dmv_reply_string(a, "name"), dmv_reply_string(b, "name")) &&
           dmv_streq(dmv_reply_string(a, "uuid"), dmv_reply_string(b, "uuid"));
}

static bool is_in(json_object *impacts, const char *class, json_object *guest)
{
    for (size_t i = 0; i < dmv_reply_count(impacts, class); i++)
        if (is_same(dmv_reply_at(impacts, class, i), guest))
            return true;
    return false;
}

int dmv_guests_each(json_object *impacts,
                    int (*each)(json_object *impacts, const char *class, json_object *guest, void *userdata),
                    void *userdata)
{
    static const char *const classes[] = {"reboot", "now", "defined", "passedThrough"};
    int r = 0;

    for (size_t c = 0; c < DMV_N_ELEMENTS(classes); c++)
        for (size_t i = 0; r == 0 && i < dmv_reply_count(impacts, classes[c]); i++) {
            json_object *guest = dmv_reply_at(impacts, classes[c], i);
            bool seen = false;

            for (size_t before = 0; !seen && before < c; before++)
                seen = is_in(impacts, classes[before], guest);
            if (!seen)
                r = each(impacts, classes[c], guest, userdata);
        }
    return r;
}

const char *dmv_render_guest_effect(json_object *impacts, const char *class, json_object *guest)
{
    bool now = is_in(impacts, "now", guest);

    if (strcmp(class, "reboot") == 0)
        return now ? "reload, reboot" : "reboot";
    if (strcmp(class, "now") == 0)
        return "reload";
    return strcmp(class, "defined") == 0 ? "start" : "none";
}

/* ---- one guest of a change ---- */

/* "xenbr0 on eth0 on 0000:03:00.0", or what is known of it. */
static void print_device(const DmvScreen *s, json_object *device)
{
    const char *what = dmv_reply_string_or(device, "what", "?");

    (void)fprintf(s->out, "    %s", dmv_reply_string_or(device, "chain", what));
    if (dmv_reply_count(device, "unusedDrivers") > 0) {
        DMV_CLEANUP_TEXT DmvText t = {0};

        (void)dmv_reply_join(&t, device, "unusedDrivers", ", ");
        (void)fprintf(s->out, ", which is the guest's: %s is not in use there",
                      t.data ? t.data : "its driver");
    }
    (void)fputc('\n', s->out);
}

static int print_guest(json_object *impacts, const char *class, json_object *guest, void *userdata)
{
    const DmvScreen *s = userdata;
    bool now = is_in(impacts, "now", guest), changes = dmv_reply_count(guest, "modules") > 0;
    DMV_CLEANUP_TEXT DmvText modules = {0};

    if (strcmp(class, "reboot") == 0 && !changes && !is_in(impacts, "passedThrough", guest))
        return 0; /* one of those that are only counted */
    (void)dmv_reply_join(&modules, guest, "modules", ", ");
    if (modules.error)
        return modules.error;
    (void)fprintf(s->out, "  %s: ", dmv_reply_string_or(guest, "name", "?"));
    if (strcmp(class, "defined") == 0)
        (void)fprintf(s->out, "does not run, and would be started on %s", modules.data ? modules.data : "it");
    else if (now)
        (void)fprintf(s->out, "runs on %s, and goes on until somebody reloads it%s",
                      modules.data ? modules.data : "it", strcmp(class, "reboot") == 0 ? " or reboots" : "");
    else if (changes)
        (void)fprintf(s->out, "runs on %s, for another kernel", modules.data);
    else
        (void)fputs("is not touched by the change itself", s->out);
    (void)fputc('\n', s->out);
    for (size_t i = 0; i < dmv_reply_count(guest, "devices"); i++)
        print_device(s, dmv_reply_at(guest, "devices", i));
    return 0;
}

static bool is_empty(json_object *impacts)
{
    return dmv_reply_count(impacts, "now") == 0 && dmv_reply_count(impacts, "reboot") == 0 &&
           dmv_reply_count(impacts, "defined") == 0 && dmv_reply_count(impacts, "passedThrough") == 0;
}

size_t dmv_render_guest_problems(const DmvScreen *s, json_object *impacts)
{
    size_t n = dmv_reply_count(impacts, "problems");

    if (n > 0)
        (void)fprintf(s->out, "\n%snot known of guests%s\n", dmv_screen_paint(s, DMV_PAINT_BAD),
                      dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < n; i++) {
        json_object *p = dmv_reply_at(impacts, "problems", i);

        (void)fprintf(s->out, "  %s: %s\n", dmv_reply_string_or(p, "object", "?"),
                      dmv_reply_string_or(p, "why", "?"));
    }
    return n;
}

int dmv_render_guests(const DmvScreen *s, json_object *reply)
{
    json_object *impacts = dmv_reply_object(reply, "guests");
    size_t n_reboot = dmv_reply_count(impacts, "reboot");
    int r;

    if (!is_empty(impacts)) {
        (void)fprintf(s->out, "%sguests%s", dmv_screen_paint(s, DMV_PAINT_WARN),
                      dmv_screen_paint(s, DMV_PAINT_NONE));
        if (n_reboot > 0)
            (void)fprintf(s->out, " (a reboot ends the %zu that run%s here)", n_reboot,
                          n_reboot == 1 ? "s" : "");
        (void)fputc('\n', s->out);
    }
    r = dmv_guests_each(impacts, print_guest, (void *)s);
    if (r == 0)
        (void)dmv_render_guest_problems(s, impacts);
    return r;
}

void dmv_render_guests_line(const DmvScreen *s, json_object *reply)
{
    json_object *impacts = dmv_reply_object(reply, "guests");
    size_t n_reboot = dmv_reply_count(impacts, "reboot"), n_now = dmv_reply_count(impacts, "now");

    if (n_reboot == 0 && n_now == 0)
        return;
    dmv_render_label(s, "guests");
    (void)fprintf(s->out, "%sa reboot ends the %zu that run%s%s", dmv_screen_paint(s, DMV_PAINT_WARN),
                  n_reboot, n_reboot == 1 ? "s" : "", dmv_screen_paint(s, DMV_PAINT_NONE));
    if (n_now > 0)
        (void)fprintf(s->out, "; %zu of them on what changes", n_now);
    (void)fputc('\n', s->out);
}

/* ---- channels ---- */

void dmv_render_channels_list(const DmvScreen *s, json_object *reply, bool all)
{
    bool first = true;

    for (size_t i = 0; i < dmv_reply_count(reply, "channels"); i++) {
        json_object *c = dmv_reply_at(reply, "channels", i);
        const char *state = dmv_reply_string_or(c, "state", "?"), *gave = dmv_reply_string(c, "gave"),
                   *why = dmv_reply_string(c, "why");
        bool good = strcmp(state, "ok") == 0, absent = strcmp(state, "absent") == 0;

        if (absent && !all)
            continue;
        dmv_render_label(s, first ? "channels" : "");
        first = false;
        (void)fprintf(s->out, "%s %s%s%s", dmv_reply_string_or(c, "channel", "?"),
                      dmv_screen_paint(s, good     ? DMV_PAINT_GOOD
                                          : absent ? DMV_PAINT_NONE
                                                   : DMV_PAINT_BAD),
                      state, dmv_screen_paint(s, DMV_PAINT_NONE));
        if (gave)
            (void)fprintf(s->out, ": %s", gave);
        if (why)
            (void)fprintf(s->out, "%s%s", gave ? "; " : ": ", why);
        (void)fputc('\n', s->out);
    }
}
