/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What decides whether a release is what the host runs: of all that a trace says the first thing that has to
 * be changed, and the command for it.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "model/trace-internal.h"

bool dmv_trace_is_of_driver(const DmvViewDriver *d, const char *module)
{
    for (size_t i = 0; i < d->n_modules; i++)
        if (dmv_module_name_equal(d->modules[i].name, module))
            return true;
    return false;
}

__attribute__((format(printf, 2, 3))) static int format_into(char **to, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    *to = dmv_vformat(format, ap);
    va_end(ap);
    return *to ? 0 : -ENOMEM;
}

static int decide_by_verdict(DmvTracer *t)
{
    const DmvViewRelease *r = t->release;
    const char *verb = r->n_installed > 0 ? "select" : "install";
    int x = format_into(&t->trace.decisive, "%s cannot be chosen: %s", r->name, r->reasons[r->why]);

    if (x < 0)
        return x;
    switch (r->verdict) {
    case DMV_VERDICT_NO_HARDWARE:
    case DMV_VERDICT_OTHER_MACHINE:
        return format_into(&t->trace.next, "dmvctl %s %s --any-hardware", verb, r->name);
    case DMV_VERDICT_BROKEN:
        return r->catalog && r->installed[0]->origin == DMV_ORIGIN_STORE
                   ? format_into(&t->trace.next, "dmvctl install %s", r->name)
                   : format_into(&t->trace.next, "reinstall its package with the package manager");
    case DMV_VERDICT_REVOKED:
        return format_into(&t->trace.next, "dmvctl show %s lists the others", t->driver->name);
    case DMV_VERDICT_NO_KERNEL:
    case DMV_VERDICT_FITS:
    case DMV_VERDICT_MAX:
    case DMV_VERDICT_INVALID:
    default:
        return format_into(&t->trace.next, "dmvctl refresh may bring a package for these kernels");
    }
}

static int decide_not_installed(DmvTracer *t)
{
    bool stale = t->release->source && t->release->source->stale;
    int x = format_into(&t->trace.decisive, "%s is not installed%s", t->release->name,
                        stale ? ", and the catalog that lists it has expired" : "");

    if (x < 0)
        return x;
    return stale ? format_into(&t->trace.next, "dmvctl refresh")
                 : format_into(&t->trace.next, "dmvctl install %s", t->release->name);
}

static int decide_refused(DmvTracer *t)
{
    int x = format_into(&t->trace.decisive, "%s cannot be chosen: %s", t->release->name, t->release->refused);

    return x < 0 ? x : format_into(&t->trace.next, "dmvctl show %s lists the others", t->driver->name);
}

static int decide_not_selected(DmvTracer *t)
{
    const DmvViewDriver *d = t->driver;
    DMV_CLEANUP_FREE char *what = dmv_selection_to_string(d->selection);
    int x;

    if (!what)
        return -ENOMEM;
    if (!d->selection)
        x = format_into(&t->trace.decisive, "%s is not selected: nothing was, for %s", t->release->name,
                        d->name);
    else if (d->selection->kind == DMV_SELECT_INBOX)
        x = format_into(&t->trace.decisive, "%s is not selected: the kernel's own driver%s is",
                        t->release->name, d->pinned ? ", pinned," : "");
    else
        x = format_into(&t->trace.decisive, "%s is not selected: %s%s is", t->release->name,
                        d->selected ? d->selected->name : what, d->pinned ? ", pinned," : "");
    if (x < 0)
        return x;
    return d->pinned ? format_into(&t->trace.next, "dmvctl unpin %s", d->name)
                     : format_into(&t->trace.next, "dmvctl select %s", t->release->name);
}

/* What keeps the selected release from the kernel that is in question. */
static const char *problem_in_question(const DmvTracer *t)
{
    const DmvKernel *k = dmv_world_kernel_in_question(t->view->facts.world);

    for (size_t i = 0; i < t->driver->n_targets; i++)
        if (t->driver->targets[i].kernel == k)
            return t->driver->targets[i].problem;
    return NULL;
}

static bool is_staged(const DmvTracer *t)
{
    for (size_t i = 0; i < t->plan->n_predictions; i++)
        if (t->plan->predictions[i].changed &&
            dmv_trace_is_of_driver(t->driver, t->plan->predictions[i].module))
            return true;
    return false;
}

static int decide_selected(DmvTracer *t)
{
    const char *problem = problem_in_question(t), *name = t->release->name;
    int x;

    if (problem) {
        x = format_into(&t->trace.decisive, "%s is selected, but this kernel goes without: %s", name,
                        problem);
        return x < 0 ? x : format_into(&t->trace.next, "dmvctl refresh, or boot a kernel that it fits");
    }
    if (is_staged(t)) {
        x = format_into(&t->trace.decisive, "%s is selected, but that was not activated yet", name);
        return x < 0 ? x : format_into(&t->trace.next, "dmvctl activate");
    }
    if (t->release->active)
        return format_into(&t->trace.decisive,
                           "nothing speaks against %s: it is selected, and the kernel runs it", name);
    if (t->driver->active) {
        x = format_into(&t->trace.decisive, "%s is what is loaded next, but the kernel still runs %s", name,
                        t->driver->active);
        return x < 0 ? x : format_into(&t->trace.next, "reboot the host");
    }
    return format_into(&t->trace.decisive,
                       "nothing speaks against %s: it is what is loaded next, and now nothing is", name);
}

int dmv_trace_decide(DmvTracer *t)
{
    const DmvViewRelease *r = t->release;
    bool anyway =
        r->selected && (r->verdict == DMV_VERDICT_NO_HARDWARE || r->verdict == DMV_VERDICT_OTHER_MACHINE);

    if (r->verdict != DMV_VERDICT_FITS && !anyway)
        return decide_by_verdict(t);
    if (r->n_installed == 0)
        return decide_not_installed(t);
    if (r->selected)
        return decide_selected(t);
    return r->refused ? decide_refused(t) : decide_not_selected(t);
}
