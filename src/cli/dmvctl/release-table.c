/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of releases.
 */
#include "release-table.h"

#include <stdio.h>

#include "cli/reply.h"
#include "render.h"

enum {
    DRIVER,
    RELEASE,
    STATE,
    TIER,
    STATUS,
    FITS,
    KERNELS,
    NAME,
    VARIANT,
    VERSION,
    SEQUENCE,
    PRIORITY,
    STREAM,
    ORIGIN,
    TRIAL,
    SIZE,
    INSTALLED_FOR,
    MODULES,
    DEVICES,
    DESCRIPTION,
    REASONS,
    N_COLUMNS,
};

const DmvColumn dmv_release_columns[] = {
    [DRIVER] = {"DRIVER", 0},
    [RELEASE] = {"RELEASE", 0},
    [STATE] = {"STATE", DMV_COLUMN_WRAP},
    [TIER] = {"TIER", 0},
    [STATUS] = {"STATUS", 0},
    [FITS] = {"FITS", 0},
    [KERNELS] = {"KERNELS", DMV_COLUMN_WRAP},
    [NAME] = {"NAME", DMV_COLUMN_HIDDEN},
    [VARIANT] = {"VARIANT", DMV_COLUMN_HIDDEN},
    [VERSION] = {"VERSION", DMV_COLUMN_HIDDEN},
    [SEQUENCE] = {"SEQUENCE", DMV_COLUMN_HIDDEN | DMV_COLUMN_RIGHT},
    [PRIORITY] = {"PRIORITY", DMV_COLUMN_HIDDEN | DMV_COLUMN_RIGHT},
    [STREAM] = {"STREAM", DMV_COLUMN_HIDDEN},
    [ORIGIN] = {"ORIGIN", DMV_COLUMN_HIDDEN},
    [TRIAL] = {"TRIAL", DMV_COLUMN_HIDDEN},
    [SIZE] = {"SIZE", DMV_COLUMN_HIDDEN | DMV_COLUMN_RIGHT},
    [INSTALLED_FOR] = {"INSTALLED-FOR", DMV_COLUMN_HIDDEN},
    [MODULES] = {"MODULES", DMV_COLUMN_HIDDEN},
    [DEVICES] = {"DEVICES", DMV_COLUMN_HIDDEN},
    [DESCRIPTION] = {"DESCRIPTION", DMV_COLUMN_HIDDEN | DMV_COLUMN_WRAP},
    [REASONS] = {"REASONS", DMV_COLUMN_HIDDEN | DMV_COLUMN_WRAP},
    [N_COLUMNS] = {NULL, 0},
};

/* What Verdict means in a column called FITS. A value of a newer daemon is shown as it is. */
static const char *verdict_word(const char *verdict)
{
    static const char *const words[][2] = {
        {"fits", "yes"},
        {"no_hardware", "no hardware"},
        {"other_machine", "other machine"},
        {"no_kernel", "no kernel"},
        {"revoked", "revoked"},
        {"broken", "broken"},
    };

    for (size_t i = 0; i < DMV_N_ELEMENTS(words); i++)
        if (dmv_streq(words[i][0], verdict))
            return words[i][1];
    return verdict;
}

static void append_number(DmvText *t, json_object *o, const char *key)
{
    if (dmv_reply_has(o, key))
        dmv_text_appendf(t, "%lld", (long long)dmv_reply_int(o, key, 0));
}

static void append_size(DmvText *t, json_object *release)
{
    int64_t size = dmv_reply_int(release, "downloadSize", -1);
    char text[16];

    if (size < 0)
        return;
    dmv_format_bytes((uint64_t)size, text);
    dmv_text_append(t, text);
}

static void paint_release(DmvTable *t, json_object *release)
{
    if (dmv_reply_bool(release, "active"))
        dmv_table_paint(t, STATE, DMV_PAINT_GOOD);
    if (dmv_reply_has(release, "revoked"))
        dmv_table_paint(t, STATE, DMV_PAINT_BAD);
    if (!dmv_streq(dmv_reply_string(release, "verdict"), "fits"))
        dmv_table_paint(t, FITS, DMV_PAINT_WARN);
}

static int add_release(DmvTable *t, const char *driver, json_object *release)
{
    DMV_CLEANUP_TEXT DmvText state = {0}, kernels = {0}, installed = {0}, modules = {0}, devices = {0},
                             reasons = {0};
    DMV_CLEANUP_TEXT DmvText sequence = {0}, priority = {0}, trial = {0}, size = {0};
    const char *name = dmv_reply_string_or(release, "name", "?");
    int r;

    dmv_render_release_state(&state, release);
    (void)dmv_reply_join(&kernels, release, "kernels", ", ");
    (void)dmv_reply_join(&installed, release, "installedFor", ", ");
    (void)dmv_reply_join(&modules, release, "modules", ", ");
    (void)dmv_reply_join(&devices, release, "devices", ", ");
    (void)dmv_reply_join(&reasons, release, "reasons", "; ");
    append_number(&sequence, release, "sequence");
    append_number(&priority, release, "priority");
    dmv_render_trial(&trial, release);
    append_size(&size, release);
    r = dmv_table_add(t, (const char *const[N_COLUMNS]){
                             [DRIVER] = driver,
                             [RELEASE] = dmv_render_short(name, driver),
                             [STATE] = state.data,
                             [TIER] = dmv_reply_string(release, "tier"),
                             [STATUS] = dmv_reply_string(release, "status"),
                             [FITS] = verdict_word(dmv_reply_string(release, "verdict")),
                             [KERNELS] = kernels.data,
                             [NAME] = name,
                             [VARIANT] = dmv_reply_string(release, "variant"),
                             [VERSION] = dmv_reply_string(release, "version"),
                             [SEQUENCE] = sequence.data,
                             [PRIORITY] = priority.data,
                             [STREAM] = dmv_reply_string(release, "stream"),
                             [ORIGIN] = dmv_reply_string(release, "origin"),
                             [TRIAL] = trial.data,
                             [SIZE] = size.data,
                             [INSTALLED_FOR] = installed.data,
                             [MODULES] = modules.data,
                             [DEVICES] = devices.data,
                             [DESCRIPTION] = dmv_reply_string(release, "description"),
                             [REASONS] = reasons.data,
                         });
    if (r == 0)
        paint_release(t, release);
    return r;
}

static int add_inbox(DmvTable *t, const char *driver, bool active, bool selected)
{
    DMV_CLEANUP_TEXT DmvText state = {0};
    int r;

    if (active)
        dmv_render_word(&state, "active");
    if (selected)
        dmv_render_word(&state, "selected");
    r = dmv_table_add(t, (const char *const[N_COLUMNS]){
                             [DRIVER] = driver,
                             [RELEASE] = "inbox",
                             [STATE] = state.data,
                             [NAME] = driver,
                             [DESCRIPTION] = "the kernel's own driver",
                         });
    if (r == 0 && active)
        dmv_table_paint(t, STATE, DMV_PAINT_GOOD);
    return r;
}

int dmv_release_table_add(DmvTable *t, json_object *driver, bool inbox)
{
    const char *name = dmv_reply_string_or(driver, "name", "?");
    bool active = dmv_streq(dmv_reply_string(driver, "activeRelease"), "inbox");
    bool selected = dmv_streq(dmv_reply_string(driver, "selection"), "inbox");
    int r = 0;

    for (size_t i = 0; r == 0 && i < dmv_reply_count(driver, "releases"); i++)
        r = add_release(t, name, dmv_reply_at(driver, "releases", i));
    if (r == 0 && inbox && (active || selected))
        r = add_inbox(t, name, active, selected);
    return r;
}
