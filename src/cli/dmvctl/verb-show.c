/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl show: one driver in full.
 */
#include "adopted.h"
#include "base/json.h"
#include "cli/reply.h"
#include "release-table.h"
#include "render.h"
#include "verb.h"

static int request(const DmvArguments *a, const char *object, json_object *params, DmvError *reterr)
{
    (void)a;
    (void)reterr;
    return dmv_json_add_string(params, "object", object);
}

static void print_line(const DmvScreen *s, const char *label, const char *text)
{
    if (!text || !*text)
        return;
    dmv_render_label(s, label);
    (void)fprintf(s->out, "%s\n", text);
}

static void print_pin(const DmvScreen *s, json_object *driver)
{
    const char *until = dmv_reply_string(driver, "pinUntil"), *why = dmv_reply_string(driver, "pinReason");

    if (!dmv_reply_bool(driver, "pinned"))
        return;
    dmv_render_label(s, "pinned");
    (void)fprintf(s->out, "%s%.10s%s%s\n", until ? "until " : "until it is unpinned", until ? until : "",
                  why ? ": " : "", why ? why : "");
}

static void print_head(const DmvScreen *s, json_object *driver)
{
    DMV_CLEANUP_TEXT DmvText selected = {0}, state = {0}, next = {0}, devices = {0};
    DmvPaint paint = dmv_render_driver_state(&state, driver);

    dmv_render_selection(&selected, driver);
    dmv_render_next_load(&next, driver);
    (void)dmv_reply_join(&devices, driver, "devices", ", ");
    print_line(s, "driver", dmv_reply_string_or(driver, "name", "?"));
    print_line(s, "description", dmv_reply_string(driver, "description"));
    print_line(s, "type", dmv_reply_string(driver, "type"));
    dmv_render_label(s, "state");
    (void)fprintf(s->out, "%s%s%s\n", dmv_screen_paint(s, paint), state.data ? state.data : "",
                  dmv_screen_paint(s, DMV_PAINT_NONE));
    print_line(s, "selected", selected.data);
    print_line(s, "active", dmv_reply_string_or(driver, "activeRelease", "nothing known"));
    print_line(s, "next load", next.data);
    print_line(s, "recommended", dmv_reply_string(driver, "recommended"));
    print_pin(s, driver);
    print_line(s, "devices", devices.data ? devices.data : "none here");
    for (size_t i = 0; i < dmv_reply_count(driver, "lifelines"); i++)
        print_line(s, i == 0 ? "lifelines" : "", dmv_reply_string_at(driver, "lifelines", i));
}

/* "build_id" as a person says it. */
static const char *proof_word(const char *proof)
{
    if (dmv_streq(proof, "build_id"))
        return "by build-id";
    if (dmv_streq(proof, "note"))
        return "by note";
    return "without proof";
}

static void print_module(const DmvScreen *s, json_object *module, const char *label)
{
    const char *release = dmv_reply_string(module, "release"), *version = dmv_reply_string(module, "version");

    dmv_render_label(s, label);
    (void)fprintf(s->out, "%s: ", dmv_reply_string_or(module, "name", "?"));
    if (!dmv_reply_bool(module, "loaded"))
        (void)fputs("not loaded", s->out);
    else if (release)
        (void)fprintf(s->out, "loaded, %s (%s)", release, proof_word(dmv_reply_string(module, "proof")));
    else
        (void)fputs("loaded, of unknown origin", s->out);
    if (version)
        (void)fprintf(s->out, ", version %s", version);
    if (dmv_reply_has(module, "buildId"))
        (void)fprintf(s->out, ", build-id %.16s", dmv_reply_string_or(module, "buildId", "?"));
    (void)fputc('\n', s->out);
}

/* What is not plain: releases that serve a kernel that they were not built for, and kernels that go without.
 */
static size_t print_fits(const DmvScreen *s, const char *driver, json_object *release, size_t before)
{
    const char *name = dmv_render_short(dmv_reply_string_or(release, "name", "?"), driver);

    for (size_t i = 0; i < dmv_reply_count(release, "kernelFits"); i++) {
        json_object *fit = dmv_reply_at(release, "kernelFits", i);
        const char *kind = dmv_reply_string_or(fit, "fit", "?"), *why = dmv_reply_string(fit, "why");
        const char *built_for = dmv_reply_string(fit, "builtFor");

        if (dmv_streq(kind, "exact") || dmv_streq(kind, "available"))
            continue;
        dmv_render_label(s, before++ == 0 ? "kernels" : "");
        (void)fprintf(s->out, "%s on %s: %s%s%s%s%s\n", name, dmv_reply_string_or(fit, "kernel", "?"),
                      dmv_streq(kind, "none") ? "cannot be loaded" : kind, built_for ? ", built for " : "",
                      built_for ? built_for : "", why ? ": " : "", why ? why : "");
    }
    return before;
}

static size_t print_trial(const DmvScreen *s, const char *driver, json_object *release, size_t before)
{
    DMV_CLEANUP_TEXT DmvText trial = {0};

    dmv_render_trial(&trial, release);
    if (!trial.data)
        return before;
    dmv_render_label(s, before == 0 ? "trial" : "");
    (void)fprintf(s->out, "%s: %s\n", dmv_render_short(dmv_reply_string_or(release, "name", "?"), driver),
                  trial.data);
    return before + 1;
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    json_object *driver = dmv_reply_object(reply, "driver");
    const char *name = dmv_reply_string_or(driver, "name", "DRIVER");
    size_t n_fits = 0, n_trials = 0;
    int r = dmv_table_new(s, dmv_release_columns, a->fields, !a->no_headings, &t);

    if (r == 0)
        r = dmv_release_table_add(t, driver, true);
    if (r != 0)
        return r;
    print_head(s, driver);
    for (size_t i = 0; i < dmv_reply_count(driver, "modules"); i++)
        print_module(s, dmv_reply_at(driver, "modules", i), i == 0 ? "modules" : "");
    for (size_t i = 0; i < dmv_reply_count(driver, "releases"); i++)
        n_fits = print_fits(s, name, dmv_reply_at(driver, "releases", i), n_fits);
    for (size_t i = 0; i < dmv_reply_count(driver, "releases"); i++)
        n_trials = print_trial(s, name, dmv_reply_at(driver, "releases", i), n_trials);
    (void)fputc('\n', s->out);
    r = dmv_table_print(t);
    if (r == 0)
        r = dmv_render_adopted_files(s, driver);
    (void)dmv_render_problem_list(s, driver);
    dmv_screen_next(s, "dmvctl why %s explains this", name);
    return r;
}

const DmvVerb dmv_verb_show = {
    .name = "show",
    .synopsis = "OBJECT",
    .summary = "one driver in full, with every release",
    .help = "Shows a driver: what is selected, what the kernel runs and how that is known,\n"
            "its devices, and every release, also those that do not fit. OBJECT is a driver,\n"
            "a module, a PCI address, a network interface, a block device or a release.\n",
    .min_objects = 1,
    .max_objects = 1,
    .options = {DMV_OPTION_FIELDS, DMV_OPTION_NO_HEADINGS},
    .columns = dmv_release_columns,
    .method = "Show",
    .request = request,
    .render = render,
};
