/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pieces of screens that several verbs share.
 */
#include "render.h"

#include <string.h>

#include "cli/reply.h"
#include "dmv/outcome.h"

const char *dmv_render_short(const char *release, const char *driver)
{
    size_t n = driver ? strlen(driver) : 0;

    if (release && n > 0 && strncmp(release, driver, n) == 0 && release[n] == '/')
        return release + n + 1;
    return release;
}

void dmv_render_word(DmvText *t, const char *word)
{
    if (t->size > 0)
        dmv_text_append(t, ", ");
    dmv_text_append(t, word);
}

void dmv_render_label(const DmvScreen *s, const char *label)
{
    (void)fprintf(s->out, "%s%-12s%s ", dmv_screen_paint(s, DMV_PAINT_HEAD), label,
                  dmv_screen_paint(s, DMV_PAINT_NONE));
}

void dmv_render_release_state(DmvText *t, json_object *release)
{
    static const char *const flags[] = {"active",    "selected",  "staged",
                                        "installed", "available", "recommended"};

    for (size_t i = 0; i < DMV_N_ELEMENTS(flags); i++)
        if (dmv_reply_bool(release, flags[i]))
            dmv_render_word(t, flags[i]);
    if (dmv_reply_has(release, "revoked"))
        dmv_render_word(t, "revoked");
}

void dmv_render_trial(DmvText *t, json_object *release)
{
    int64_t boots = dmv_reply_int(release, "trialBoots", 0), hours = dmv_reply_int(release, "trialHours", 0);

    if (boots > 0)
        dmv_text_appendf(t, "%lld boot%s", (long long)boots, boots == 1 ? "" : "s");
    if (hours > 0)
        dmv_text_appendf(t, "%s%lld h", boots > 0 ? ", " : "", (long long)hours);
}

static bool any_module_loaded(json_object *driver)
{
    for (size_t i = 0; i < dmv_reply_count(driver, "modules"); i++)
        if (dmv_reply_bool(dmv_reply_at(driver, "modules", i), "loaded"))
            return true;
    return false;
}

static void append_pin(DmvText *t, json_object *driver)
{
    const char *until = dmv_reply_string(driver, "pinUntil");

    dmv_render_word(t, "pinned");
    if (until)
        dmv_text_appendf(t, " until %.10s", until);
}

DmvPaint dmv_render_driver_state(DmvText *t, json_object *driver)
{
    bool problems = dmv_reply_count(driver, "problems") > 0, reboot = dmv_reply_bool(driver, "rebootNeeded");
    bool staged = dmv_reply_bool(driver, "staged"), outdated = dmv_reply_bool(driver, "outdated");
    bool unknown = !dmv_reply_has(driver, "activeRelease") && any_module_loaded(driver);

    if (problems)
        dmv_render_word(t, "problem");
    if (reboot)
        dmv_render_word(t, "reboot needed");
    if (staged)
        dmv_render_word(t, "staged");
    if (outdated)
        dmv_render_word(t, "outdated");
    if (unknown)
        dmv_render_word(t, "active one unknown");
    if (t->size == 0)
        dmv_render_word(t, "ok");
    if (dmv_reply_bool(driver, "pinned"))
        append_pin(t, driver);
    if (problems)
        return DMV_PAINT_BAD;
    return reboot || staged || outdated || unknown ? DMV_PAINT_WARN : DMV_PAINT_GOOD;
}

void dmv_render_selection(DmvText *t, json_object *driver)
{
    const char *name = dmv_reply_string(driver, "name");
    const char *selection = dmv_reply_string_or(driver, "selection", "inbox");
    const char *release = dmv_render_short(dmv_reply_string(driver, "selectedRelease"), name);

    if (strcmp(selection, "recommended") == 0)
        dmv_text_appendf(t, "recommended (%s)", release ? release : "none");
    else
        dmv_text_append(t, release ? release : dmv_render_short(selection, name));
}

void dmv_render_next_load(DmvText *t, json_object *driver)
{
    const char *name = dmv_reply_string(driver, "name");

    for (size_t i = 0; i < dmv_reply_count(driver, "modules"); i++) {
        const char *next = dmv_reply_string(dmv_reply_at(driver, "modules", i), "next");
        bool seen = false;

        for (size_t j = 0; next && j < i && !seen; j++)
            seen = dmv_streq(next, dmv_reply_string(dmv_reply_at(driver, "modules", j), "next"));
        if (next && !seen)
            dmv_render_word(t, dmv_render_short(next, name));
    }
}

size_t dmv_render_problem_list(const DmvScreen *s, json_object *reply)
{
    size_t n = dmv_reply_count(reply, "problems");

    if (n > 0)
        (void)fprintf(s->out, "\n%sproblems%s\n", dmv_screen_paint(s, DMV_PAINT_BAD),
                      dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < n; i++) {
        json_object *p = dmv_reply_at(reply, "problems", i);

        (void)fprintf(s->out, "  %s: %s\n", dmv_reply_string_or(p, "object", "?"),
                      dmv_reply_string_or(p, "why", dmv_reply_string_or(p, "reason", "?")));
    }
    return n;
}

static void print_stream(const DmvScreen *s, json_object *stream, const char *label)
{
    const char *state = dmv_reply_string_or(stream, "state", "unknown");
    const char *problem = dmv_reply_string(stream, "problem");
    int64_t version = dmv_reply_int(stream, "catalogVersion", -1);

    dmv_render_label(s, label);
    (void)fprintf(s->out, "%s: %s%s%s", dmv_reply_string_or(stream, "name", "?"),
                  dmv_screen_paint(s, strcmp(state, "ok") == 0 ? DMV_PAINT_GOOD : DMV_PAINT_WARN), state,
                  dmv_screen_paint(s, DMV_PAINT_NONE));
    if (!dmv_reply_bool(stream, "enabled"))
        (void)fputs(" (disabled)", s->out);
    if (version >= 0)
        (void)fprintf(s->out, ", catalog %lld (%lld releases), expires %.10s", (long long)version,
                      (long long)dmv_reply_int(stream, "releases", 0),
                      dmv_reply_string_or(stream, "expires", "?"));
    (void)fputc('\n', s->out);
    if (problem) {
        dmv_render_label(s, "");
        (void)fprintf(s->out, "  %s\n", problem);
    }
}

size_t dmv_render_streams(const DmvScreen *s, json_object *reply)
{
    size_t n = dmv_reply_count(reply, "streams"), bad = 0;

    if (n == 0 && dmv_reply_array(reply, "streams")) {
        dmv_render_label(s, "streams");
        (void)fputs("none is configured\n", s->out);
    }
    for (size_t i = 0; i < n; i++) {
        json_object *stream = dmv_reply_at(reply, "streams", i);

        print_stream(s, stream, i == 0 ? "streams" : "");
        if (dmv_reply_bool(stream, "enabled") && !dmv_streq(dmv_reply_string(stream, "state"), "ok"))
            bad++;
    }
    return bad;
}

static void append_trial(DmvText *t, json_object *boot)
{
    long long wanted = (long long)dmv_reply_int(boot, "bootsWanted", 1),
              soak = (long long)dmv_reply_int(boot, "soakSeconds", 0);

    dmv_text_appendf(t, ", attempt %lld of %lld", (long long)dmv_reply_int(boot, "attempts", 0),
                     (long long)dmv_reply_int(boot, "attemptsMax", 0));
    if (wanted > 1)
        dmv_text_appendf(t, ", %lld of %lld good boots", (long long)dmv_reply_int(boot, "bootsGood", 0),
                         wanted);
    if (soak > 0)
        dmv_text_appendf(t, ", %lld seconds in good health", soak);
    dmv_text_appendf(t, "; back to generation %lld if it fails",
                     (long long)dmv_reply_int(boot, "fallback", 0));
}

void dmv_render_boot_line(DmvText *t, json_object *boot)
{
    const char *phase = dmv_reply_string_or(boot, "phase", "unknown"),
               *reason = dmv_reply_string(boot, "reason");

    dmv_text_appendf(t, "generation %lld: %s", (long long)dmv_reply_int(boot, "generation", 0), phase);
    if (strcmp(phase, "trial") == 0)
        append_trial(t, boot);
    if (strcmp(phase, "restoring") == 0)
        dmv_text_appendf(t, " generation %lld", (long long)dmv_reply_int(boot, "fallback", 0));
    if (reason)
        dmv_text_appendf(t, ": %s", reason);
}

void dmv_render_generation_line(DmvText *t, json_object *generation)
{
    const char *since = dmv_reply_string(generation, "activated");
    const char *reason = dmv_reply_string(generation, "reason");

    dmv_text_appendf(t, "%lld, %s", (long long)dmv_reply_int(generation, "number", 0),
                     dmv_reply_string_or(generation, "state", "unknown"));
    if (since)
        dmv_text_appendf(t, ", since %s", since);
    if (reason)
        dmv_text_appendf(t, ": %s", reason);
}

void dmv_render_unchanged(const DmvScreen *s, int64_t generation)
{
    (void)fputs("nothing to change: ", s->out);
    if (generation > 0)
        (void)fprintf(s->out, "generation %lld is what was asked for\n", (long long)generation);
    else
        (void)fputs("the kernel's own drivers are what was asked for\n", s->out);
}

static void print_side(FILE *out, json_object *prediction, const char *release_key, const char *path_key)
{
    const char *release = dmv_reply_string(prediction, release_key);
    const char *path = dmv_reply_string(prediction, path_key);

    if (!release && !path)
        (void)fputs("nothing", out);
    else if (release && path)
        (void)fprintf(out, "%s (%s)", release, path);
    else
        (void)fputs(release ? release : path, out);
}

static size_t print_predictions(const DmvScreen *s, json_object *reply)
{
    const char *last = NULL;
    size_t changed = 0;

    for (size_t i = 0; i < dmv_reply_count(reply, "predictions"); i++) {
        json_object *p = dmv_reply_at(reply, "predictions", i);
        const char *kernel = dmv_reply_string_or(p, "kernel", "?");

        if (!dmv_reply_bool(p, "changed"))
            continue;
        if (!dmv_streq(kernel, last))
            (void)fprintf(s->out, "%skernel %s%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD), kernel,
                          dmv_screen_paint(s, DMV_PAINT_NONE));
        last = kernel;
        (void)fprintf(s->out, "  %s\n    now   ", dmv_reply_string_or(p, "module", "?"));
        print_side(s->out, p, "nowRelease", "now");
        (void)fputs("\n    next  ", s->out);
        print_side(s->out, p, "nextRelease", "next");
        (void)fputc('\n', s->out);
        changed++;
    }
    return changed;
}

static void print_step(const DmvScreen *s, size_t number, json_object *step)
{
    const char *path = dmv_reply_string(step, "path"), *content = dmv_reply_string(step, "content");
    const char *kernel = dmv_reply_string(step, "kernel"), *action = dmv_reply_string_or(step, "action", "?");

    (void)fprintf(s->out, "  %2zu. %-7s", number, action);
    if (path)
        (void)fprintf(s->out, " %s", path);
    if (content && strcmp(action, "link") == 0)
        (void)fprintf(s->out, " -> %s", content);
    if (kernel && !path)
        (void)fprintf(s->out, " %s", kernel);
    (void)fputc('\n', s->out);
}

size_t dmv_render_plan(const DmvScreen *s, json_object *reply)
{
    size_t changed = print_predictions(s, reply), n = dmv_reply_count(reply, "steps");

    if (n > 0)
        (void)fprintf(s->out, "%ssteps%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD),
                      dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < n; i++)
        print_step(s, i + 1, dmv_reply_at(reply, "steps", i));
    return changed;
}

static DmvPaint kind_paint(const char *kind)
{
    if (strcmp(kind, "ok") == 0)
        return DMV_PAINT_GOOD;
    return strcmp(kind, "problem") == 0 ? DMV_PAINT_BAD : DMV_PAINT_NONE;
}

bool dmv_render_reasons(const DmvScreen *s, json_object *reply)
{
    bool problem = false;

    (void)fprintf(s->out, "%s%s%s\n", dmv_screen_paint(s, DMV_PAINT_HEAD),
                  dmv_reply_string_or(reply, "object", "?"), dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < dmv_reply_count(reply, "reasons"); i++) {
        json_object *reason = dmv_reply_at(reply, "reasons", i);
        const char *kind = dmv_reply_string_or(reason, "kind", "note");

        (void)fprintf(s->out, "  %s%-8s%s %s\n", dmv_screen_paint(s, kind_paint(kind)), kind,
                      dmv_screen_paint(s, DMV_PAINT_NONE), dmv_reply_string_or(reason, "text", ""));
        problem = problem || strcmp(kind, "problem") == 0;
    }
    return problem;
}

size_t dmv_render_touched(const DmvScreen *s, json_object *reply)
{
    size_t n = dmv_reply_count(reply, "lifelines");

    if (n > 0)
        (void)fprintf(s->out, "%slifelines%s (the host needs them to come back)\n",
                      dmv_screen_paint(s, DMV_PAINT_WARN), dmv_screen_paint(s, DMV_PAINT_NONE));
    for (size_t i = 0; i < n; i++) {
        json_object *change = dmv_reply_at(reply, "lifelines", i);
        DMV_CLEANUP_TEXT DmvText modules = {0}, kernels = {0};

        (void)dmv_reply_join(&modules, change, "modules", ", ");
        (void)dmv_reply_join(&kernels, change, "kernels", ", ");
        (void)fprintf(s->out, "  %s\n    stands on %s, which changes for kernel %s\n",
                      dmv_reply_string_or(change, "chain", dmv_reply_string_or(change, "what", "?")),
                      modules.data ? modules.data : "a module", kernels.data ? kernels.data : "?");
    }
    return n;
}

static DmvPaint severity_paint(const char *severity)
{
    if (strcmp(severity, "ok") == 0)
        return DMV_PAINT_GOOD;
    return strcmp(severity, "warning") == 0 ? DMV_PAINT_WARN : DMV_PAINT_BAD;
}

void dmv_render_finding_list(const DmvScreen *s, json_object *reply, size_t *ret_errors, size_t *ret_warnings)
{
    size_t n = dmv_reply_count(reply, "findings"), errors = 0, warnings = 0;

    for (size_t i = 0; i < n; i++) {
        json_object *f = dmv_reply_at(reply, "findings", i);
        const char *severity = dmv_reply_string_or(f, "severity", "error"),
                   *next = dmv_reply_string(f, "next");

        (void)fprintf(s->out, "%s%-8s%s %s: %s\n", dmv_screen_paint(s, severity_paint(severity)), severity,
                      dmv_screen_paint(s, DMV_PAINT_NONE), dmv_reply_string_or(f, "object", "?"),
                      dmv_reply_string_or(f, "why", dmv_reply_string_or(f, "reason", "?")));
        if (next)
            (void)fprintf(s->out, "         next: %s\n", next);
        errors += strcmp(severity, "error") == 0;
        warnings += strcmp(severity, "warning") == 0;
    }
    if (ret_errors)
        *ret_errors = errors;
    if (ret_warnings)
        *ret_warnings = warnings;
}

void dmv_render_findings(const DmvScreen *s, json_object *reply, const char *ok)
{
    size_t errors, warnings;

    dmv_render_finding_list(s, reply, &errors, &warnings);
    if (dmv_reply_bool(reply, "clean"))
        (void)fprintf(s->out, "%sok%s       %s\n", dmv_screen_paint(s, DMV_PAINT_GOOD),
                      dmv_screen_paint(s, DMV_PAINT_NONE), ok);
    else
        dmv_screen_next(s, "%zu error%s and %zu warning%s: do what each of them says, then look again",
                        errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

int dmv_render_findings_status(json_object *reply)
{
    return dmv_reply_bool(reply, "clean") ? DMV_EXIT_OK : DMV_EXIT_DIFFERENT;
}
