/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl devices: the hardware, and which drivers would serve it.
 */
#include "base/json.h"
#include "cli/reply.h"
#include "render.h"
#include "verb.h"

enum {
    SLOT,
    CLASS,
    DEVICE,
    DRIVER,
    INTERFACE,
    VFS,
    LIFELINES,
    DRIVERS,
    IDS,
    SUBSYSTEM,
    CLASS_ID,
    MODULE,
    MODALIAS,
    PARENT,
    N
};

static const DmvColumn columns[] = {
    [SLOT] = {"SLOT", 0},
    [CLASS] = {"CLASS", DMV_COLUMN_SHRINK},
    [DEVICE] = {"DEVICE", DMV_COLUMN_SHRINK},
    [DRIVER] = {"DRIVER", 0},
    [INTERFACE] = {"INTERFACE", 0},
    [VFS] = {"VFS", DMV_COLUMN_RIGHT},
    [LIFELINES] = {"LIFELINES", DMV_COLUMN_WRAP},
    [DRIVERS] = {"DRIVERS", DMV_COLUMN_WRAP},
    [IDS] = {"IDS", DMV_COLUMN_HIDDEN},
    [SUBSYSTEM] = {"SUBSYSTEM", DMV_COLUMN_HIDDEN},
    [CLASS_ID] = {"CLASS-ID", DMV_COLUMN_HIDDEN},
    [MODULE] = {"MODULE", DMV_COLUMN_HIDDEN},
    [MODALIAS] = {"MODALIAS", DMV_COLUMN_HIDDEN},
    [PARENT] = {"PARENT", DMV_COLUMN_HIDDEN},
    [N] = {NULL, 0},
};

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)object;
    (void)reterr;
    return a->all ? dmv_json_add_bool(params, "all", true) : 0;
}

static int filter(const DmvArguments *a, json_object *reply)
{
    json_object *devices = dmv_reply_array(reply, "devices");

    for (size_t i = a->unclaimed && devices ? json_object_array_length(devices) : 0; i-- > 0;)
        if (dmv_reply_has(json_object_array_get_idx(devices, i), "boundDriver"))
            json_object_array_del_idx(devices, i, 1);
    return 0;
}

static void append_pair(DmvText *t, json_object *device, const char *a, const char *b)
{
    dmv_text_appendf(t, "%s:%s", dmv_reply_string_or(device, a, "?"), dmv_reply_string_or(device, b, "?"));
}

static void append_name(DmvText *t, json_object *device)
{
    const char *vendor = dmv_reply_string(device, "vendor"), *name = dmv_reply_string(device, "device");

    if (vendor && name)
        dmv_text_appendf(t, "%s %s", vendor, name);
    else
        append_pair(t, device, "vendorId", "deviceId");
    if (vendor && !name)
        dmv_text_appendf(t, " (%s)", vendor);
}

static int add_device(DmvTable *t, json_object *device)
{
    DMV_CLEANUP_TEXT DmvText name = {0}, names = {0}, vfs = {0}, drivers = {0}, ids = {0}, subsystem = {0},
                             lifelines = {0};
    int64_t n_vfs = dmv_reply_int(device, "virtualFunctions", 0);
    int r;

    append_name(&name, device);
    append_pair(&ids, device, "vendorId", "deviceId");
    append_pair(&subsystem, device, "subvendorId", "subdeviceId");
    if (dmv_reply_join(&names, device, "interfaces", ",") > 0 && dmv_reply_count(device, "blocks") > 0)
        dmv_text_append(&names, ",");
    (void)dmv_reply_join(&names, device, "blocks", ",");
    (void)dmv_reply_join(&drivers, device, "drivers", ", ");
    (void)dmv_reply_join(&lifelines, device, "lifelines", ", ");
    if (n_vfs > 0)
        dmv_text_appendf(&vfs, "%lld", (long long)n_vfs);
    r = dmv_table_add(
        t, (const char *const[N]){
               [SLOT] = dmv_reply_string(device, "slot"),
               [CLASS] = dmv_reply_string_or(device, "class", dmv_reply_string_or(device, "classId", "?")),
               [DEVICE] = name.data,
               [DRIVER] = dmv_reply_string(device, "boundDriver"),
               [INTERFACE] = names.data,
               [VFS] = vfs.data,
               [LIFELINES] = lifelines.data,
               [DRIVERS] = drivers.data,
               [IDS] = ids.data,
               [SUBSYSTEM] = subsystem.data,
               [CLASS_ID] = dmv_reply_string(device, "classId"),
               [MODULE] = dmv_reply_string(device, "module"),
               [MODALIAS] = dmv_reply_string(device, "modalias"),
               [PARENT] = dmv_reply_string(device, "physicalFunction"),
           });
    if (r == 0 && !dmv_reply_has(device, "boundDriver"))
        dmv_table_paint(t, DRIVER, DMV_PAINT_WARN);
    return r;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    int r = dmv_table_new(s, columns, a->fields, !a->no_headings, &t);

    for (size_t i = 0; r == 0 && i < dmv_reply_count(reply, "devices"); i++)
        r = add_device(t, dmv_reply_at(reply, "devices", i));
    if (r == 0)
        r = dmv_table_print(t);
    if (r != 0)
        return r;
    (void)dmv_render_problem_list(s, reply);
    if (dmv_table_n_lines(t) == 0)
        (void)fprintf(s->err, "%s\n",
                      a->unclaimed ? "Every device has a driver." : "There is no PCI device here.");
    else if (!a->no_headings)
        dmv_screen_next(s, "dmvctl show SLOT shows the releases for a device, dmvctl why SLOT explains them");
    return 0;
}

const DmvVerb dmv_verb_devices = {
    .name = "devices",
    .synopsis = "",
    .summary = "PCI devices and the drivers that support them",
    .help = "Lists the PCI devices of this host. DRIVER is what is bound to a device now,\n"
            "DRIVERS are those of the catalogs and of the installed releases that support it.\n"
            "LIFELINES are what the host needs to come back and that stands on a device.\n"
            "Virtual functions are folded under their physical function (VFS) unless --all.\n",
    .options = {DMV_OPTION_ALL, DMV_OPTION_UNCLAIMED, DMV_OPTION_FIELDS, DMV_OPTION_NO_HEADINGS},
    .columns = columns,
    .method = "ListDevices",
    .request = request,
    .filter = filter,
    .render = render,
};
