/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify and doctor: findings, each with what to do about it.
 *
 * verify compares what was planned with what is there. check-kernel asks the same of a kernel to come. doctor
 * adds every trap that is known: competing files, dangling links, streams without a good catalog, selections
 * that cannot be met.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/manager.h"
#include "model/render.h"

typedef struct Audit {
    DmvJsonBuilder list;
    bool clean;
} Audit;

__attribute__((format(printf, 6, 7))) static void find(Audit *a, const char *severity, const char *object,
                                                       int code, const char *next, const char *format, ...)
{
    DMV_CLEANUP_FREE char *why = NULL;
    DmvJsonBuilder b = {0};
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&why, format, ap);
    va_end(ap);
    if (n < 0)
        why = NULL;
    if (strcmp(severity, "ok") != 0)
        a->clean = false;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "severity", severity);
    dmv_jb_string(&b, "object", object ? object : "");
    dmv_jb_string(&b, "reason", dmv_outcome_reason(code));
    dmv_jb_string(&b, "why", why ? why : "");
    dmv_jb_string(&b, "next", next);
    dmv_jb_add(&a->list, dmv_jb_end(&b));
}

static void find_problems(Audit *a, const DmvProblems *p, const char *severity, const char *next)
{
    for (size_t i = 0; i < p->n; i++)
        find(a, severity, p->items[i].object, p->items[i].code, next, "%s",
             p->items[i].why ? p->items[i].why : "");
}

/* What the host stands on and cannot be followed: no fault of what was applied. */
static bool is_about_lifeline(const DmvProblem *p)
{
    return p->code == DMV_LIFELINE;
}

static void verify_world(Audit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->world.problems.n; i++) {
        const DmvProblem *p = &m->world.problems.items[i];

        if (!is_about_lifeline(p))
            find(a, "warning", p->object, p->code, NULL, "%s", p->why ? p->why : "");
    }
}

static void verify_state(Audit *a, const DmvManager *m)
{
    if (m->state_problem)
        find(a, "error", DMV_STATE_DIR, DMV_STATE_BROKEN,
             "look at the file, move it away, and select again: without it dmv changes nothing", "%s",
             m->state_problem);
    if (m->history.broken)
        find(a, "error", DMV_STATE_DIR "/history.jsonl", DMV_STATE_BROKEN,
             "entries before it are good; the next entry sets the rest aside", "%s", m->history.broken);
}

static void verify_plan(Audit *a, const DmvManager *m)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);

    if (m->plan_error.code != 0) {
        find(a, "error", "plan", m->plan_error.code, m->plan_error.next, "%s",
             m->plan_error.why ? m->plan_error.why : "");
        return;
    }
    for (size_t i = 0; i < m->plan.n_predictions; i++) {
        const DmvPrediction *p = &m->plan.predictions[i];

        if (p->changed && !staged)
            find(a, "error", p->module, DMV_PREDICTION_FAILED, "dmvctl activate puts it right",
                 "kernel %s would load %s (%s) instead of %s (%s)", p->kernel, p->now ? p->now : "nothing",
                 p->now_release ? p->now_release : "nothing", p->next ? p->next : "nothing",
                 p->next_release ? p->next_release : "nothing");
    }
    if (!staged && !dmv_plan_is_empty(&m->plan))
        find(a, "error", "plan", DMV_PREDICTION_FAILED,
             "dmvctl plan shows the steps, dmvctl activate does them",
             "the module trees are not as they were left");
    if (staged)
        find(a, "ok", "plan", 0, "dmvctl activate, or a reboot", "generation %lld waits to be activated",
             (long long)staged->number);
}

static void verify_installed(Audit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->world.n_installed; i++) {
        const DmvInstalled *x = &m->world.installed[i];

        if (x->problem)
            find(a, "error", x->folder, DMV_BROKEN_RELEASE,
                 x->origin == DMV_ORIGIN_STORE ? "dmvctl remove it, then install it again"
                                               : "reinstall its package",
                 "%s", x->problem);
    }
}

static void verify_drivers(Audit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->view.n_drivers; i++) {
        const DmvViewDriver *d = &m->view.drivers[i];

        find_problems(a, &d->problems, "error", "dmvctl why DRIVER");
        if (d->selection && d->reboot_needed)
            find(a, "ok", d->name, 0, "reboot the host",
                 "%s is loaded, and another release would be loaded next",
                 d->active ? d->active : "an unknown release");
    }
}

static void look_over(Audit *a, const DmvManager *m)
{
    a->clean = true;
    dmv_jb_array(&a->list);
    verify_state(a, m);
    verify_world(a, m);
    verify_plan(a, m);
    verify_installed(a, m);
    verify_drivers(a, m);
}

json_object *dmv_audit_verify(DmvManager *m, bool *ret_clean)
{
    Audit a = {0};

    look_over(&a, m);
    *ret_clean = a.clean;
    return dmv_jb_end(&a.list);
}

/* ---- doctor ---- */

static void examine_streams(Audit *a, const DmvManager *m)
{
    find_problems(a, &m->config_problems, "error", "see dmv.conf(5)");
    if (m->n_streams == 0)
        find(a, "warning", "streams", DMV_NO_SUCH_STREAM,
             "put a stream into /etc/dmv/streams.d, see dmv.conf(5)",
             "no stream is configured: there is nothing to install");
    for (size_t i = 0; i < m->n_streams; i++) {
        const DmvStream *s = &m->streams[i];

        if (s->problem)
            find(a, "warning", s->conf.name, s->problem_code, "dmvctl refresh", "%s", s->problem);
        else if (s->catalog && s->catalog->expires <= dmv_manager_now())
            find(a, "warning", s->conf.name, DMV_STALE, "dmvctl refresh",
                 "the catalog has expired: nothing new can be installed from it");
    }
}

/* Files that stand in the trees beside the kernel's own module, and links that lead nowhere. */
static void examine_trees(Audit *a, const DmvManager *m)
{
    for (size_t k = 0; k < m->world.n_kernels; k++)
        for (size_t i = 0; i < m->world.kernels[k].n_files; i++) {
            const DmvModuleFile *f = &m->world.kernels[k].files[i];
            DMV_CLEANUP_FREE char *object = NULL;

            if (asprintf(&object, "%s/%s", m->world.kernels[k].release, f->path) < 0) {
                object = NULL;
                continue;
            }
            if (f->dangling)
                find(a, "error", object, DMV_BROKEN_RELEASE,
                     f->ours ? "dmvctl activate removes it"
                             : "remove it: depmod takes another file without failing",
                     "the link leads nowhere (%s)", f->target ? f->target : "");
            else if (!f->ours && (f->tree == DMV_TREE_UPDATES || f->tree == DMV_TREE_OVERRIDE ||
                                  f->tree == DMV_TREE_EXTRA))
                find(a, "ok", object, DMV_ADOPTED,
                     "dmvctl select decides for the driver, whatever lies there",
                     "a file of somebody else competes for module %s", f->name);
        }
}

static void examine_lifelines(Audit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->world.problems.n; i++) {
        const DmvProblem *p = &m->world.problems.items[i];

        if (is_about_lifeline(p))
            find(a, "warning", p->object, p->code,
                 "no change of a driver asks about it: know what it stands on before --now", "%s",
                 p->why ? p->why : "");
    }
}

static void examine_pins(Audit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->intent.n; i++)
        if (m->intent.items[i].pinned && !dmv_selection_is_pinned(&m->intent.items[i], dmv_manager_now()))
            find(a, "warning", m->intent.items[i].driver, DMV_PINNED, "dmvctl unpin it, or pin it again",
                 "its pin has ended");
    for (size_t i = 0; i < m->view.n_drivers; i++)
        if (m->view.drivers[i].outdated)
            find(a, "warning", m->view.drivers[i].name, 0, "dmvctl list shows both",
                 "%s is selected, and %s is recommended", m->view.drivers[i].selected->name,
                 m->view.drivers[i].recommended->name);
}

json_object *dmv_audit_doctor(DmvManager *m, bool *ret_clean)
{
    Audit a = {0};

    look_over(&a, m);
    examine_streams(&a, m);
    examine_trees(&a, m);
    examine_lifelines(&a, m);
    examine_pins(&a, m);
    *ret_clean = a.clean;
    return dmv_jb_end(&a.list);
}

/* ---- a kernel that may not be there yet ---- */

static const DmvInstalled *installed_for(const DmvViewRelease *r, const char *kernel)
{
    for (size_t i = 0; i < r->n_installed; i++)
        if (strcmp(r->installed[i]->kernel, kernel) == 0 && !r->installed[i]->problem)
            return r->installed[i];
    return NULL;
}

static void examine_driver_for(Audit *a, const DmvViewDriver *d, const char *kernel)
{
    const DmvViewRelease *r = d->selected;

    if (!d->selection || d->selection->kind == DMV_SELECT_INBOX)
        return;
    if (!r)
        find(a, "error", d->name, DMV_NOT_INSTALLED, "dmvctl why DRIVER",
             "what is selected is neither installed nor listed");
    else if (installed_for(r, kernel))
        find(a, "ok", r->name, DMV_OK, NULL, "it is installed for kernel %s", kernel);
    else if (r->catalog && dmv_release_package(r->catalog, kernel))
        find(a, "ok", r->name, DMV_OK, "dmvctl install it again once the kernel is there",
             "stream %s has a package for kernel %s", r->source->catalog->stream, kernel);
    else
        find(a, "error", r->name, DMV_NO_KERNEL_RELEASE, "dmvctl refresh, or keep to the kernel that works",
             "there is no package of it for kernel %s: %s would fall back to the kernel's own driver", kernel,
             d->slots ? d->slots[0] : "its hardware");
}

json_object *dmv_audit_kernel(DmvManager *m, const char *kernel, bool *ret_clean)
{
    Audit a = {.clean = true};

    dmv_jb_array(&a.list);
    for (size_t i = 0; i < m->view.n_drivers; i++)
        examine_driver_for(&a, &m->view.drivers[i], kernel);
    *ret_clean = a.clean;
    return dmv_jb_end(&a.list);
}
