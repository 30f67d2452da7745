/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl status: the one screen that somebody sees at three in the morning. It is never empty, says what is
 * fine as well as what is not, and ends with what to type.
 */
#include <string.h>

#include "adopted.h"
#include "cli/progress.h"
#include "cli/reply.h"
#include "guests.h"
#include "render.h"
#include "verb.h"

enum { DRIVER, SELECTED, ACTIVE, NEXT_LOAD, STATE };

static const DmvColumn columns[] = {
    [DRIVER] = {"DRIVER", 0},       [SELECTED] = {"SELECTED", 0},         [ACTIVE] = {"ACTIVE", 0},
    [NEXT_LOAD] = {"NEXT-LOAD", 0}, [STATE] = {"STATE", DMV_COLUMN_WRAP}, {NULL, 0},
};

static int add_driver(DmvTable *t, json_object *driver)
{
    DMV_CLEANUP_TEXT DmvText selected = {0}, next = {0}, state = {0};
    const char *name = dmv_reply_string_or(driver, "name", "?");
    DmvPaint paint = dmv_render_driver_state(&state, driver);
    int r;

    dmv_render_selection(&selected, driver);
    dmv_render_next_load(&next, driver);
    r = dmv_table_add(t, (const char *const[]){
                             [DRIVER] = name,
                             [SELECTED] = selected.data,
                             [ACTIVE] = dmv_render_short(dmv_reply_string(driver, "activeRelease"), name),
                             [NEXT_LOAD] = next.data,
                             [STATE] = state.data,
                         });
    if (r == 0)
        dmv_table_paint(t, STATE, paint);
    return r;
}

static int print_drivers(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    DMV_CLEANUP_TABLE DmvTable *t = NULL;
    size_t n = dmv_reply_count(reply, "drivers");
    int r = dmv_table_new(s, columns, a->fields, !a->no_headings, &t);

    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_driver(t, dmv_reply_at(reply, "drivers", i));
    if (r != 0)
        return r;
    (void)fputc('\n', s->out);
    if (n == 0)
        (void)fputs("No driver is selected, installed or offered for the hardware of this host.\n", s->out);
    return dmv_table_print(t);
}

/* Nothing to say where all is good. */
static void print_boot(const DmvScreen *s, json_object *reply)
{
    DMV_CLEANUP_TEXT DmvText line = {0};
    json_object *boot = dmv_reply_object(reply, "boot");

    if (!boot || strcmp(dmv_reply_string_or(boot, "phase", "good"), "good") == 0)
        return;
    dmv_render_boot_line(&line, boot);
    dmv_render_label(s, "boot");
    (void)fprintf(s->out, "%s\n", line.data ? line.data : "");
}

/* "1 (intel-ice dell@1.15.5), since 2026-11-27T12:46:18Z: the bond has no link" */
static void print_left(const DmvScreen *s, json_object *left)
{
    DMV_CLEANUP_TEXT DmvText line = {0};
    const char *since = dmv_reply_string(left, "activated");

    dmv_text_appendf(&line, "from generation %lld (", (long long)dmv_reply_int(left, "number", 0));
    if (dmv_reply_join(&line, left, "selections", ", ") == 0)
        dmv_text_append(&line, "the kernel's own drivers");
    dmv_text_append(&line, ")");
    if (since)
        dmv_text_appendf(&line, " of %s", since);
    dmv_render_label(s, "went back");
    (void)fprintf(s->out, "%s: %s\n", line.data ? line.data : "",
                  dmv_reply_string_or(left, "reason", "no reason was stored"));
}

static void print_generations(const DmvScreen *s, json_object *reply)
{
    DMV_CLEANUP_TEXT DmvText now = {0}, staged = {0};
    json_object *generation = dmv_reply_object(reply, "generation"),
                *next = dmv_reply_object(reply, "staged"), *left = dmv_reply_object(reply, "left");

    dmv_render_label(s, "generation");
    if (generation)
        dmv_render_generation_line(&now, generation);
    (void)fprintf(s->out, "%s\n", now.data ? now.data : "none yet: the kernel's own drivers");
    print_boot(s, reply);
    if (left)
        print_left(s, left);
    if (!next)
        return;
    dmv_text_appendf(&staged, "%lld: ", (long long)dmv_reply_int(next, "number", 0));
    if (dmv_reply_join(&staged, next, "selections", ", ") == 0)
        dmv_text_append(&staged, "the kernel's own drivers");
    dmv_render_label(s, "staged");
    (void)fprintf(s->out, "%s\n", staged.data ? staged.data : "");
}

static void print_head(const DmvScreen *s, json_object *reply)
{
    bool reboot = dmv_reply_bool(reply, "rebootNeeded");
    json_object *job = dmv_reply_object(reply, "job");

    dmv_render_label(s, "kernel");
    (void)fprintf(s->out, "%s\n", dmv_reply_string_or(reply, "runningKernel", "none runs here"));
    print_generations(s, reply);
    dmv_render_label(s, "reboot");
    (void)fprintf(s->out, "%s%s%s\n", dmv_screen_paint(s, reboot ? DMV_PAINT_WARN : DMV_PAINT_GOOD),
                  reboot ? "needed: the kernel runs something else than the next boot loads" : "not needed",
                  dmv_screen_paint(s, DMV_PAINT_NONE));
    dmv_render_guests_line(s, reply);
    if (!job)
        return;
    dmv_render_label(s, "job");
    (void)fprintf(s->out, "%s %s: %s\n", dmv_reply_string_or(job, "action", "job"),
                  dmv_reply_string_or(job, "object", ""), dmv_reply_string_or(job, "phase", "working"));
}

static size_t print_driver_problems(const DmvScreen *s, json_object *reply)
{
    size_t n = 0;

    for (size_t i = 0; i < dmv_reply_count(reply, "drivers"); i++)
        n += dmv_render_problem_list(s, dmv_reply_at(reply, "drivers", i));
    return n;
}

static bool any_driver(json_object *reply, const char *flag)
{
    for (size_t i = 0; i < dmv_reply_count(reply, "drivers"); i++)
        if (dmv_reply_bool(dmv_reply_at(reply, "drivers", i), flag))
            return true;
    return false;
}

/* What to do, the most urgent first. */
static void print_next(const DmvScreen *s, json_object *reply, size_t problems, size_t bad_streams)
{
    const char *state = dmv_reply_string_or(dmv_reply_object(reply, "generation"), "state", "");
    bool staged = dmv_reply_has(reply, "staged"), reboot = dmv_reply_bool(reply, "rebootNeeded");
    bool bad = strcmp(state, "bad") == 0, trial = strcmp(state, "trial") == 0;
    const char *phase = dmv_reply_string_or(dmv_reply_object(reply, "boot"), "phase", "good");
    bool stuck = strcmp(phase, "stuck") == 0;

    if (stuck)
        dmv_screen_next(
            s, "the host does not go on by itself: dmvctl commit if it works as it is, dmvctl rollback "
               "N, or dmvctl select and activate");
    if (bad)
        dmv_screen_next(s, "dmvctl rollback goes back to the last good generation");
    if (problems > 0)
        dmv_screen_next(s, "dmvctl doctor says what to do about each problem");
    if (staged)
        dmv_screen_next(s, "dmvctl plan shows the staged change; reboot, or dmvctl activate, to apply it");
    else if (reboot)
        dmv_screen_next(s, "reboot, then dmvctl status");
    if (dmv_reply_has(reply, "left"))
        dmv_screen_next(s, "dmvctl history shows how that went");
    if (trial)
        dmv_screen_next(s, "dmvctl commit if this generation works, dmvctl rollback if it does not");
    if (bad_streams > 0)
        dmv_screen_next(s, "dmvctl refresh");
    if (any_driver(reply, "outdated"))
        dmv_screen_next(s, "dmvctl list shows what is recommended; dmvctl select DRIVER recommended");
    if (stuck || bad || problems > 0 || staged || reboot || trial || bad_streams > 0)
        return;
    if (dmv_reply_count(reply, "drivers") == 0)
        dmv_screen_next(s, "dmvctl devices shows the hardware, dmvctl list --all every driver");
    else if (dmv_reply_count(reply, "streams") == 0)
        dmv_screen_next(s, "add a stream in /etc/dmv/streams.d, then dmvctl refresh");
    else
        dmv_screen_next(s, "nothing to do: all is as it should be");
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    size_t problems, bad_streams;
    int r;

    print_head(s, reply);
    bad_streams = dmv_render_streams(s, reply);
    (void)dmv_render_updates(s, reply);
    r = print_drivers(s, a, reply);
    if (r != 0)
        return r;
    r = dmv_render_adopted_files(s, reply);
    if (r != 0)
        return r;
    problems = dmv_render_problem_list(s, reply);
    problems += print_driver_problems(s, reply);
    problems += dmv_render_guest_problems(s, dmv_reply_object(reply, "guests"));
    print_next(s, reply, problems, bad_streams);
    return 0;
}

static int status(const DmvArguments *a, json_object *reply)
{
    return a->check && dmv_reply_bool(reply, "rebootNeeded") ? DMV_EXIT_PENDING : DMV_EXIT_OK;
}

const DmvVerb dmv_verb_status = {
    .name = "status",
    .synopsis = "",
    .summary = "the state of the host, and what to do next",
    .help = "Shows on one screen which generation the host is in, what is staged, whether a\n"
            "reboot is needed, and for every driver what is selected, what the kernel runs\n"
            "now (ACTIVE) and what it would load next (NEXT-LOAD).\n",
    .options = {DMV_OPTION_CHECK, DMV_OPTION_FIELDS, DMV_OPTION_NO_HEADINGS},
    .columns = columns,
    .method = "Status",
    .render = render,
    .status = status,
};
