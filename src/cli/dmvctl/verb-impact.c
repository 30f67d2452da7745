/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl impact: which guests stand on which driver, and what a change of it would mean for them.
 */
#include <string.h>

#include "base/json.h"
#include "cli/reply.h"
#include "guests.h"
#include "render.h"
#include "verb.h"

enum { GUEST, STATE, EFFECT, DEVICE, DRIVERS, MODULES, STANDS_ON, ID, UUID, TYPE, TARGET, BOOT, CHANNELS, N };

static const DmvColumn columns[] = {
    [GUEST] = {"GUEST", 0},
    [STATE] = {"STATE", 0},
    [EFFECT] = {"EFFECT", 0},
    [DEVICE] = {"DEVICE", 0},
    [DRIVERS] = {"DRIVERS", DMV_COLUMN_WRAP},
    [MODULES] = {"MODULES", DMV_COLUMN_HIDDEN},
    [STANDS_ON] = {"STANDS-ON", DMV_COLUMN_WRAP},
    [ID] = {"ID", DMV_COLUMN_HIDDEN | DMV_COLUMN_RIGHT},
    [UUID] = {"UUID", DMV_COLUMN_HIDDEN},
    [TYPE] = {"TYPE", DMV_COLUMN_HIDDEN},
    [TARGET] = {"TARGET", DMV_COLUMN_HIDDEN},
    [BOOT] = {"BOOT", DMV_COLUMN_HIDDEN},
    [CHANNELS] = {"CHANNELS", DMV_COLUMN_HIDDEN},
    [N] = {NULL, 0},
};

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)a;
    (void)reterr;
    return dmv_json_add_string(params, "driver", object);
}

/* What lies under a device, without the device, which has a column of its own. */
static void append_ground(DmvText *t, json_object *device)
{
    const char *what = dmv_reply_string_or(device, "what", ""), *chain = dmv_reply_string(device, "chain");
    const char *unknown = dmv_reply_string(device, "unknown");

    if (chain && dmv_starts_with(chain, what))
        chain += strlen(what);
    if (chain && dmv_starts_with(chain, " on "))
        chain += strlen(" on ");
    dmv_text_append(t, chain ? chain : "");
    if (unknown)
        dmv_text_appendf(t, "%s(%s)", t->size > 0 ? " " : "", unknown);
    if (dmv_reply_count(device, "unusedDrivers") > 0) {
        dmv_text_append(t, t->size > 0 ? ", given to it: " : "given to it: ");
        (void)dmv_reply_join(t, device, "unusedDrivers", ", ");
        dmv_text_append(t, " not in use");
    }
}

static int add_line(DmvTable *t, const char *effect, json_object *guest, json_object *device)
{
    DMV_CLEANUP_TEXT DmvText drivers = {0}, modules = {0}, ground = {0}, id = {0}, channels = {0};
    int r;

    (void)dmv_reply_join(&drivers, device, "drivers", ", ");
    (void)dmv_reply_join(&modules, device, "modules", ", ");
    (void)dmv_reply_join(&channels, guest, "channels", ", ");
    append_ground(&ground, device);
    if (dmv_reply_has(guest, "id"))
        dmv_text_appendf(&id, "%lld", (long long)dmv_reply_int(guest, "id", 0));
    r = dmv_table_add(t, (const char *const[N]){
                             [GUEST] = dmv_reply_string_or(guest, "name", "?"),
                             [STATE] = dmv_reply_string(guest, "state"),
                             [EFFECT] = effect,
                             [DEVICE] = dmv_reply_string(device, "what"),
                             [DRIVERS] = drivers.data,
                             [MODULES] = modules.data,
                             [STANDS_ON] = ground.data,
                             [ID] = id.data,
                             [UUID] = dmv_reply_string(guest, "uuid"),
                             [TYPE] = dmv_reply_string(guest, "type"),
                             [TARGET] = dmv_reply_string(device, "target"),
                             [BOOT] = dmv_reply_string(guest, "boot"),
                             [CHANNELS] = channels.data,
                         });
    if (r == 0 && strcmp(effect, "none") != 0)
        dmv_table_paint(t, EFFECT, DMV_PAINT_WARN);
    return r;
}

static int add_guest(json_object *impacts, const char *class, json_object *guest, void *userdata)
{
    const char *effect = dmv_render_guest_effect(impacts, class, guest);
    size_t n = dmv_reply_count(guest, "devices");
    int r = n == 0 ? add_line(userdata, effect, guest, NULL) : 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_line(userdata, effect, guest, dmv_reply_at(guest, "devices", i));
    return r;
}

static void print_reserved(const DmvScreen *s, json_object *impacts)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    if (dmv_reply_join(&t, impacts, "reserved", ", ") == 0 || !t.data)
        return;
    dmv_render_label(s, "kept");
    (void)fprintf(s->out, "%s: for guests, and none is known to have %s\n", t.data,
                  dmv_reply_count(impacts, "reserved") == 1 ? "it" : "them");
}

/* That no line is there means something only where all was asked. */
static const char *say_none(const DmvArguments *a, size_t n_problems)
{
    bool object = a->objects && a->objects[0];

    if (n_problems > 0)
        return object ? "No guest is known that would be affected by a change of it."
                      : "No guest is known here.";
    return object ? "No guest would be affected by a change of it." : "There is no guest here.";
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    json_object *impacts = dmv_reply_object(reply, "guests");
    size_t n_problems;
    int r = dmv_table_new(s, columns, a->fields, !a->no_headings, &t);

    if (r == 0)
        r = dmv_guests_each(impacts, add_guest, t);
    if (r == 0)
        r = dmv_table_print(t);
    if (r != 0)
        return r;
    if (a->no_headings)
        return 0;
    print_reserved(s, impacts);
    dmv_render_channels_list(s, reply, false);
    n_problems = dmv_render_guest_problems(s, impacts);
    if (dmv_table_n_lines(t) == 0)
        (void)fprintf(s->err, "%s\n", say_none(a, n_problems));
    else
        dmv_screen_next(s, "dmvctl select DRIVER/VARIANT --dry-run says the same of one change");
    return 0;
}

const DmvVerb dmv_verb_impact = {
    .name = "impact",
    .synopsis = "[DRIVER]",
    .summary = "guests of a Xen host that a change would affect",
    .help = "Shows which guests stand on a driver, by which of their devices, and the EFFECT\n"
            "of a change: \"reload\", the guest runs and loses the device while somebody\n"
            "reloads a module; \"reboot\", it runs and the reboot ends it; \"start\", it does\n"
            "not run and would be started on the change; \"none\", it has a PCI function of its\n"
            "own. Without DRIVER, what every guest stands on. DRIVER can be named by module,\n"
            "PCI address, network interface or block device.\n",
    .max_objects = 1,
    .options = {DMV_OPTION_FIELDS, DMV_OPTION_NO_HEADINGS},
    .columns = columns,
    .method = "Impact",
    .request = request,
    .render = render,
};
