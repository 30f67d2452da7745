/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trace of a decision. See trace.h. */
#include "model/trace-internal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "model/match.h"

#define OK "ok"
#define NOTE "note"
#define PROBLEM "problem"

void dmv_trace_deinit(DmvTrace *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->lines[i].text);
    free(t->lines);
    free(t->decisive);
    free(t->next);
    *t = (DmvTrace){0};
}

__attribute__((format(printf, 3, 4))) static void say(DmvTracer *t, const char *kind, const char *format, ...)
{
    DmvTraceLine *line = t->error == 0 ? DMV_ARRAY_ADD(t->trace.lines, t->trace.n) : NULL;
    va_list ap;

    if (!line) {
        t->error = -ENOMEM;
        return;
    }
    line->kind = kind;
    va_start(ap, format);
    line->text = dmv_vformat(format, ap);
    va_end(ap);
    if (!line->text)
        t->error = -ENOMEM;
}

/* ---- hardware ---- */

static void format_field(uint32_t value, char ret[5])
{
    if (value == DMV_PCI_ANY)
        memcpy(ret, "*", 2);
    else
        (void)snprintf(ret, 5, "%04x", value & 0xffff);
}

static void say_id(DmvTracer *t, const DmvDevice *d, const DmvModuleIds *ids, const DmvPciId *id,
                   const char *where)
{
    char vendor[5], device[5], subvendor[5], subdevice[5];

    format_field(id->vendor, vendor);
    format_field(id->device, device);
    format_field(id->subvendor, subvendor);
    format_field(id->subdevice, subdevice);
    say(t, OK, "device %s (%04x:%04x) is supported by %s: %s lists the id %s:%s, subsystem %s:%s", d->slot,
        d->vendor, d->device, ids->file, where, vendor, device, subvendor, subdevice);
}

static bool alias_fits(const char *pattern, const DmvDevice *d)
{
    if (dmv_alias_matches(pattern, d->modalias))
        return true;
    for (char **child = d->child_modaliases; child && *child; child++)
        if (dmv_alias_matches(pattern, *child))
            return true;
    return false;
}

static bool say_alias(DmvTracer *t, const DmvDevice *d, const char *file, char *const *aliases,
                      const char *where)
{
    for (; aliases && *aliases; aliases++)
        if (alias_fits(*aliases, d)) {
            say(t, OK, "device %s (%04x:%04x) is supported by %s: %s has the pattern %s", d->slot, d->vendor,
                d->device, file, where, *aliases);
            return true;
        }
    return false;
}

static bool say_ids(DmvTracer *t, const DmvDevice *d, const DmvModuleIds *ids, size_t n, const char *where)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < ids[i].n_ids; k++)
            if (dmv_pci_id_matches(&ids[i].ids[k], d)) {
                say_id(t, d, &ids[i], &ids[i].ids[k], where);
                return true;
            }
        if (say_alias(t, d, ids[i].file, ids[i].aliases, where))
            return true;
    }
    return false;
}

/* The first thing that makes the device one of the release's, in the order in which resolve asks. */
static void say_device(DmvTracer *t, const DmvDevice *d)
{
    const DmvViewRelease *r = t->release;
    bool said = r->catalog && say_ids(t, d, r->catalog->ids, r->catalog->n_ids, "the catalog");

    for (size_t i = 0; !said && i < r->n_installed; i++) {
        const DmvInstalled *x = r->installed[i];

        said = say_ids(t, d, x->ids, x->n_ids, "its info.json");
        for (size_t m = 0; !said && m < x->n_modules; m++)
            said = say_alias(t, d, x->modules[m].file, x->modules[m].info.aliases, "the module itself");
    }
}

static size_t count_patterns(const DmvViewRelease *r)
{
    size_t n = 0;

    for (size_t i = 0; r->catalog && i < r->catalog->n_ids; i++)
        n += r->catalog->ids[i].n_ids + dmv_strv_length(r->catalog->ids[i].aliases);
    for (size_t i = 0; i < r->n_installed; i++) {
        for (size_t k = 0; k < r->installed[i]->n_ids; k++)
            n += r->installed[i]->ids[k].n_ids + dmv_strv_length(r->installed[i]->ids[k].aliases);
        for (size_t k = 0; k < r->installed[i]->n_modules; k++)
            n += dmv_strv_length(r->installed[i]->modules[k].info.aliases);
    }
    return n;
}

static void say_hardware(DmvTracer *t)
{
    const DmvWorld *w = t->view->facts.world;

    for (char **slot = t->release->slots; slot && *slot; slot++) {
        const DmvDevice *d = dmv_world_device(w, *slot);

        if (d)
            say_device(t, d);
    }
    if (!t->release->slots)
        say(t, PROBLEM, "none of its %zu ids and patterns matches one of the %zu devices of this host",
            count_patterns(t->release), w->n_devices);
}

static void say_machine(DmvTracer *t)
{
    const DmvWorld *w = t->view->facts.world;
    const char *vendor = w->dmi_vendor ? w->dmi_vendor : "(unknown vendor)";
    const char *product = w->dmi_product ? w->dmi_product : "(unknown model)";

    if (!t->release->catalog || t->release->catalog->n_dmi == 0)
        say(t, OK, "it is for every model of machine");
    else if (dmv_release_fits_machine(t->release->catalog, w))
        say(t, OK, "it is for certain models of machines, and %s %s is one of them", vendor, product);
    else
        say(t, PROBLEM, "it is for other machines than %s %s", vendor, product);
}

/* ---- kernels ---- */

static size_t count_needs(const DmvInstalled *x)
{
    size_t n = 0;

    for (size_t i = 0; i < x->n_modules; i++)
        n += x->modules[i].symbols.n_needs;
    return n;
}

static void say_fit(DmvTracer *t, const DmvFit *f)
{
    const char *kernel = f->kernel->release, *alternate = f->kernel->alternate ? " (alternate)" : "";

    switch (f->kind) {
    case DMV_FIT_EXACT:
        say(t, OK, "kernel %s%s: exact, it is installed for this kernel in %s", kernel, alternate,
            f->installed->folder);
        break;
    case DMV_FIT_COMPATIBLE:
        say(t, OK,
            "kernel %s%s: compatible, built for kernel %s, and each of the %zu symbols that it needs is the "
            "same",
            kernel, alternate, dmv_installed_built_for(f->installed), count_needs(f->installed));
        break;
    case DMV_FIT_AVAILABLE:
        say(t, NOTE, "kernel %s%s: it is not installed for this kernel, and there is a package", kernel,
            alternate);
        break;
    case DMV_FIT_NONE:
    case DMV_FIT_MAX:
    case DMV_FIT_INVALID:
    default:
        say(t, PROBLEM, "kernel %s%s: no release for this kernel: %s", kernel, alternate,
            f->why ? f->why : "");
    }
}

/* ---- catalog and store ---- */

static void say_catalog(DmvTracer *t)
{
    const DmvViewRelease *r = t->release, *recommended = t->driver->recommended;

    if (!r->catalog) {
        say(t, NOTE, "no catalog lists it");
        return;
    }
    say(t, OK, "stream %s lists it with sequence %lld, tier %s", r->source->catalog->stream,
        (long long)r->catalog->sequence, r->catalog->tier);
    if (r->recommended)
        say(t, OK, "it is the release that is recommended");
    else if (recommended)
        say(t, NOTE, "%s is recommended, with sequence %lld", recommended->name,
            (long long)recommended->catalog->sequence);
    else
        say(t, NOTE, "no release of %s that fits this host is recommended", t->driver->name);
    if (r->source->stale)
        say(t, PROBLEM, "the catalog of stream %s has expired: nothing new is installed from it",
            r->source->catalog->stream);
    if (r->catalog->revoked)
        say(t, PROBLEM, "it was revoked: %s", r->catalog->revoked);
}

static void say_installed(DmvTracer *t)
{
    const DmvViewRelease *r = t->release;

    if (r->n_installed == 0)
        say(t, NOTE, "it is not installed");
    for (size_t i = 0; i < r->n_installed; i++)
        if (r->installed[i]->problem)
            say(t, PROBLEM, "%s cannot be used: %s", r->installed[i]->folder, r->installed[i]->problem);
        else
            say(t, OK, "it is installed for kernel %s%s", r->installed[i]->kernel,
                r->installed[i]->origin == DMV_ORIGIN_STORE ? "" : ", by the host's package manager");
}

/* ---- selection and what runs ---- */

static void say_pin(DmvTracer *t)
{
    const DmvSelection *s = t->driver->selection;
    char until[21] = "";

    if (!t->driver->pinned)
        return;
    if (s->pin_until > 0)
        dmv_format_time(s->pin_until, until);
    say(t, t->release->selected ? NOTE : PROBLEM, "that selection is pinned%s%s%s%s",
        until[0] ? " until " : "", until, s->pin_reason ? ": " : "", s->pin_reason ? s->pin_reason : "");
}

/* Why the one that is selected wins over this one. */
static void say_winner(DmvTracer *t)
{
    const DmvViewRelease *r = t->release, *winner = t->driver->selected;

    if (!winner || winner == r)
        return;
    if (t->driver->selection->kind == DMV_SELECT_RECOMMENDED)
        say(t, NOTE, "what is recommended was selected, and that is %s now", winner->name);
    if (winner->catalog && r->catalog && winner->catalog->sequence != r->catalog->sequence)
        say(t, NOTE,
            "%s is %s than it (sequence %lld against %lld); what was selected counts, not what is newer",
            winner->name, winner->catalog->sequence > r->catalog->sequence ? "newer" : "older",
            (long long)winner->catalog->sequence, (long long)r->catalog->sequence);
}

static void say_selection(DmvTracer *t)
{
    const DmvViewDriver *d = t->driver;
    DMV_CLEANUP_FREE char *what = dmv_selection_to_string(d->selection);
    const char *because = d->selection ? d->selection->because : NULL;

    if (!d->selection) {
        say(t, NOTE, "nothing was selected for %s: its modules are as the host has them", d->name);
        return;
    }
    if (!what) {
        t->error = -ENOMEM;
        return;
    }
    say(t, t->release->selected ? OK : NOTE, "selected for %s: %s%s%s%s", d->name, what, because ? " (" : "",
        because ? because : "", because ? ")" : "");
    say_pin(t);
    say_winner(t);
    for (size_t i = 0; t->release->selected && i < d->n_targets; i++)
        if (d->targets[i].problem)
            say(t, PROBLEM, "kernel %s loads its own driver: %s", d->targets[i].kernel->release,
                d->targets[i].problem);
}

static void say_running(DmvTracer *t)
{
    for (size_t i = 0; i < t->plan->n_predictions; i++) {
        const DmvPrediction *p = &t->plan->predictions[i];

        if (dmv_trace_is_of_driver(t->driver, p->module))
            say(t, NOTE, "kernel %s loads %s for %s%s%s", p->kernel,
                p->now_release ? p->now_release : "nothing", p->module,
                p->changed ? ", and after activation " : "",
                !p->changed       ? ""
                : p->next_release ? p->next_release
                                  : "nothing");
    }
    if (t->release->active)
        say(t, OK, "it is what the kernel runs");
    else
        say(t, NOTE, "the kernel runs %s",
            t->driver->active ? t->driver->active : "nothing that is known of it");
}

int dmv_trace_release(const DmvView *v, const DmvPlan *p, const DmvViewDriver *d, const DmvViewRelease *r,
                      DmvTrace *ret)
{
    DmvTracer t = {.view = v, .plan = p, .driver = d, .release = r};

    say_hardware(&t);
    say_machine(&t);
    for (size_t i = 0; i < r->n_fits; i++)
        say_fit(&t, &r->fits[i]);
    if (r->refused)
        say(&t, PROBLEM, "%s", r->refused);
    say_catalog(&t);
    say_installed(&t);
    say_selection(&t);
    say_running(&t);
    if (t.error == 0)
        t.error = dmv_trace_decide(&t);
    if (t.error < 0) {
        dmv_trace_deinit(&t.trace);
        return t.error;
    }
    *ret = t.trace;
    return 0;
}
