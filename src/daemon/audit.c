/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify and doctor: findings, each with what to do about it.
 *
 * verify compares what was planned with what is there. check-kernel asks the same of a kernel to come
 * (audit-kernel.c). doctor adds every trap that is known: competing files, dangling links, streams without a
 * good catalog, selections that cannot be met.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/audit.h"
#include "daemon/manager.h"
#include "daemon/owners.h"
#include "daemon/vouchers.h"
#include "host/tool.h"
#include "model/adopted.h"
#include "model/render.h"
#include "model/standing.h"

static void add(DmvAudit *a, const char *severity, const char *object, int code, const char *next,
                const char *why, const char *standing)
{
    DmvJsonBuilder b = {0};

    if (strcmp(severity, "ok") != 0)
        a->clean = false;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "severity", severity);
    dmv_jb_string(&b, "object", object ? object : "");
    dmv_jb_string(&b, "reason", dmv_outcome_reason(code));
    dmv_jb_string(&b, "why", why ? why : "");
    dmv_jb_string(&b, "next", next);
    dmv_jb_string(&b, "standing", standing);
    dmv_jb_add(&a->list, dmv_jb_end(&b));
}

void dmv_audit_find(DmvAudit *a, const char *severity, const char *object, int code, const char *next,
                    const char *format, ...)
{
    DMV_CLEANUP_FREE char *why = NULL;
    va_list ap;

    va_start(ap, format);
    why = dmv_vformat(format, ap);
    va_end(ap);
    add(a, severity, object, code, next, why, NULL);
}

void dmv_audit_find_module(DmvAudit *a, const char *object, const DmvStandingVerdict *v)
{
    if (v->why)
        add(a, v->severity, object, v->code, v->next, v->why, dmv_standing_to_string(v->standing));
}

static void find_problems(DmvAudit *a, const DmvProblems *p, const char *severity, const char *next)
{
    for (size_t i = 0; i < p->n; i++)
        dmv_audit_find(a, severity, p->items[i].object, p->items[i].code, next, "%s",
                       p->items[i].why ? p->items[i].why : "");
}

/* What the host stands on and cannot be followed: no fault of what was applied. */
static bool is_about_lifeline(const DmvProblem *p)
{
    return p->code == DMV_LIFELINE;
}

static void verify_world(DmvAudit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->world.problems.n; i++) {
        const DmvProblem *p = &m->world.problems.items[i];

        if (!is_about_lifeline(p))
            dmv_audit_find(a, "warning", p->object, p->code, NULL, "%s", p->why ? p->why : "");
    }
}

static void verify_history(DmvAudit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->history.n_breaks; i++) {
        const DmvHistoryBreak *b = &m->history.breaks[i];

        dmv_audit_find(a, "error", dmv_record_path(b->part), DMV_STATE_BROKEN,
                       !b->tail ? "find out who changed it; all that can be read is kept"
                       : b->part == DMV_HISTORY_LIVE
                           ? "entries before it are good; the next entry sets the rest aside"
                           : "entries before it are good; the file goes when the live one is full",
                       "%s", b->why);
    }
}

static void verify_state(DmvAudit *a, const DmvManager *m)
{
    if (m->state_problem)
        dmv_audit_find(a, "error", DMV_STATE_DIR, DMV_STATE_BROKEN,
                       "look at the file, move it away, and select again: without it dmv changes nothing",
                       "%s", m->state_problem);
    for (size_t i = 0; i < m->n_streams; i++)
        if (m->streams[i].damage)
            dmv_audit_find(a, "error", m->streams[i].conf.name, DMV_STATE_BROKEN,
                           "dmvctl refresh writes it anew, and keeps what there was beside it", "%s",
                           m->streams[i].damage);
    verify_history(a, m);
}

static void verify_plan(DmvAudit *a, const DmvManager *m)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);

    if (m->plan_error.code != 0) {
        dmv_audit_find(a, "error", "plan", m->plan_error.code, m->plan_error.next, "%s",
                       m->plan_error.why ? m->plan_error.why : "");
        return;
    }
    for (size_t i = 0; i < m->plan.n_predictions; i++) {
        const DmvPrediction *p = &m->plan.predictions[i];

        if (p->changed && !staged)
            dmv_audit_find(a, "error", p->module, DMV_PREDICTION_FAILED, "dmvctl activate puts it right",
                           "kernel %s would load %s (%s) instead of %s (%s)", p->kernel,
                           p->now ? p->now : "nothing", p->now_release ? p->now_release : "nothing",
                           p->next ? p->next : "nothing", p->next_release ? p->next_release : "nothing");
    }
    if (!staged && !dmv_plan_is_empty(&m->plan))
        dmv_audit_find(a, "error", "plan", DMV_PREDICTION_FAILED,
                       "dmvctl plan shows the steps, dmvctl activate does them",
                       "the module trees are not as they were left");
    if (staged)
        dmv_audit_find(a, "ok", "plan", 0, "dmvctl activate, or a reboot",
                       "generation %lld waits to be activated", (long long)staged->number);
}

static void verify_enforcement(DmvAudit *a, const DmvManager *m)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (dmv_vouchers_enforce(m, &e) != 0)
        dmv_audit_find(a, "error", "plan", DMV_UNVERIFIED, e.next, "%s",
                       e.why ? e.why : "the modules cannot be looked at");
}

static void verify_installed(DmvAudit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->world.n_installed; i++) {
        const DmvInstalled *x = &m->world.installed[i];

        if (x->problem)
            dmv_audit_find(a, "error", x->folder, DMV_BROKEN_RELEASE,
                           x->origin == DMV_ORIGIN_STORE ? "dmvctl remove it, then install it again"
                                                         : "reinstall its package",
                           "%s", x->problem);
    }
}

static void verify_drivers(DmvAudit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->view.n_drivers; i++) {
        const DmvViewDriver *d = &m->view.drivers[i];

        find_problems(a, &d->problems, "error", "dmvctl why DRIVER");
        if (d->selection && d->reboot_needed)
            dmv_audit_find(a, "ok", d->name, 0, "reboot the host",
                           "%s is loaded, and another release would be loaded next",
                           d->active ? d->active : "an unknown release");
    }
}

static void look_over(DmvAudit *a, const DmvManager *m)
{
    a->clean = true;
    dmv_jb_array(&a->list);
    verify_state(a, m);
    verify_world(a, m);
    verify_plan(a, m);
    verify_enforcement(a, m);
    verify_installed(a, m);
    verify_drivers(a, m);
}

json_object *dmv_audit_verify(DmvManager *m, const DmvInspection *i, const char *problem)
{
    DmvJsonBuilder b = {0};
    DmvAudit a = {0};
    int r = 0;

    look_over(&a, m);
    dmv_jb_object(&b);
    if (i)
        r = dmv_audit_modules(&a, m, i, &b);
    if (problem || r < 0)
        dmv_audit_find(&a, "warning", "modules", DMV_WORKER_FAILED, "dmvctl verify, again",
                       "the bytes of the modules were not looked at: %s", problem ? problem : strerror(-r));
    dmv_jb_bool(&b, "clean", a.clean);
    dmv_jb_value(&b, "findings", dmv_jb_end(&a.list));
    return dmv_jb_end(&b);
}

/* ---- doctor ---- */

static void examine_streams(DmvAudit *a, const DmvManager *m)
{
    find_problems(a, &m->config_problems, "error", "see dmv.conf(5)");
    if (m->n_streams == 0)
        dmv_audit_find(a, "warning", "streams", DMV_NO_SUCH_STREAM,
                       "put a stream into /etc/dmv/streams.d, see dmv.conf(5)",
                       "no stream is configured: there is nothing to install");
    for (size_t i = 0; i < m->n_streams; i++) {
        const DmvStream *s = &m->streams[i];
        DMV_CLEANUP_ERROR DmvError e = {0};

        if (s->problem)
            dmv_audit_find(a, "warning", s->conf.name, s->problem_code, "dmvctl refresh", "%s", s->problem);
        else if (s->catalog &&
                 dmv_trust_state_check(&s->trust, s->catalog->expires, dmv_manager_now(), &e) != 0)
            dmv_audit_find(a, "warning", s->conf.name, e.code == DMV_CATALOG_EXPIRED ? DMV_STALE : e.code,
                           "dmvctl refresh; if it stays, the publisher has to sign anew",
                           "%s: nothing new %s, and what is installed goes on working", e.why,
                           e.code == DMV_CATALOG_EXPIRED ? "can be installed from it" : "is taken from it");
        if (s->set_aside)
            dmv_audit_find(a, "warning", s->conf.name, DMV_STATE_BROKEN, "look at it, then remove it",
                           DMV_STATE_DIR "/trust/%s.json.broken is what was found instead of what is trusted",
                           s->conf.name);
    }
}

/* Links that lead nowhere. */
static void examine_trees(DmvAudit *a, const DmvManager *m)
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
                dmv_audit_find(a, "error", object, DMV_BROKEN_RELEASE,
                               f->ours ? "dmvctl activate removes it"
                                       : "remove it: depmod takes another file without failing",
                               "the link leads nowhere (%s)", f->target ? f->target : "");
        }
}

static void examine_adopted(DmvAudit *a, const DmvAdopted *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const DmvAdopted *x = &items[i];
        DMV_CLEANUP_FREE char *owner = dmv_adopted_owner_words(x), *effect = dmv_adopted_effect_words(x);
        DMV_CLEANUP_FREE char *object = NULL;

        if (asprintf(&object, "%s/%s", x->kernel->release, x->file->path) < 0) {
            object = NULL;
            continue;
        }
        if (!x->file->dangling)
            dmv_audit_find(a, "ok", object, DMV_ADOPTED,
                           "dmvctl select decides for the driver, whatever lies there",
                           "a file of %s competes for module %s; %s", owner ? owner : "somebody else",
                           x->file->name, effect ? effect : "");
        for (char **s = x->inconsistencies; s && *s; s++)
            dmv_audit_find(a, "warning", object, DMV_ADOPTED,
                           "dmvctl select the driver, or ask whoever made the package", "%s", *s);
    }
}

/* Whatever index entry leads to nothing: modprobe fails, where another file would do. */
static void examine_indexes(DmvAudit *a, const DmvManager *m)
{
    for (size_t k = 0; k < m->world.n_kernels; k++)
        for (size_t i = 0; i < m->world.kernels[k].n_index; i++) {
            const DmvIndexEntry *e = &m->world.kernels[k].index[i];

            if (e->gone)
                dmv_audit_find(
                    a, "error", e->module, DMV_PREDICTION_FAILED,
                    "dmvctl rescan --now runs depmod for that kernel",
                    "the index of kernel %s gives %s for it, and there is no such file: it cannot be loaded",
                    m->world.kernels[k].release, e->path);
        }
}

static void examine_owners(DmvAudit *a, const DmvManager *m)
{
    DmvProblems p = {0};

    dmv_owners_problem(m, &p);
    find_problems(a, &p, "warning", "rpm --rebuilddb if rpm itself cannot read it; all else works without");
    dmv_problems_deinit(&p);
}

static void examine_lifelines(DmvAudit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->world.problems.n; i++) {
        const DmvProblem *p = &m->world.problems.items[i];

        if (is_about_lifeline(p))
            dmv_audit_find(a, "warning", p->object, p->code,
                           "no change of a driver asks about it: know what it stands on before --now", "%s",
                           p->why ? p->why : "");
    }
}

static void examine_pins(DmvAudit *a, const DmvManager *m)
{
    for (size_t i = 0; i < m->intent.n; i++)
        if (m->intent.items[i].pinned && !dmv_selection_is_pinned(&m->intent.items[i], dmv_manager_now()))
            dmv_audit_find(a, "warning", m->intent.items[i].driver, DMV_PINNED,
                           "dmvctl unpin it, or pin it again", "its pin has ended");
    for (size_t i = 0; i < m->view.n_drivers; i++)
        if (m->view.drivers[i].outdated)
            dmv_audit_find(a, "warning", m->view.drivers[i].name, 0, "dmvctl list shows both",
                           "%s is selected, and %s is recommended", m->view.drivers[i].selected->name,
                           m->view.drivers[i].recommended->name);
}

static void examine_memory(DmvAudit *a, const DmvManager *m)
{
    if (m->seen_problem)
        dmv_audit_find(a, "warning", DMV_STATE_DIR "/seen.json", DMV_STATE_BROKEN,
                       "the next report of good health, or the next selection, writes it anew", "%s",
                       m->seen_problem);
}

static void examine_tool(DmvAudit *a, const DmvManager *m)
{
    const DmvToolOwner owner = dmv_tool_owner(&m->roots);

    if (owner == DMV_TOOL_OWNER_OTHER)
        dmv_audit_find(
            a, "error", DMV_TOOL_PATH, DMV_CONFLICT,
            "remove it and install the package of dmv again: the toolstack believes what it says",
            "it is not the driver-tool of dmv; xapi writes one with invented drivers where it finds none");
    else if (owner == DMV_TOOL_OWNER_NOBODY && dmv_tool_is_called_for(&m->roots))
        dmv_audit_find(a, "error", DMV_TOOL_PATH, DMV_NOT_INSTALLED,
                       "install the package of dmv, and start the toolstack again afterwards",
                       "it is missing: at its next start xapi writes one with invented drivers");
}

json_object *dmv_audit_doctor(DmvManager *m, bool *ret_clean)
{
    DmvAudit a = {0};

    look_over(&a, m);
    examine_streams(&a, m);
    examine_trees(&a, m);
    examine_indexes(&a, m);
    examine_owners(&a, m);
    examine_lifelines(&a, m);
    for (size_t i = 0; i < m->view.n_drivers; i++)
        examine_adopted(&a, m->view.drivers[i].adopted, m->view.drivers[i].n_adopted);
    examine_adopted(&a, m->view.adopted, m->view.n_adopted);
    examine_pins(&a, m);
    examine_memory(&a, m);
    examine_tool(&a, m);
    dmv_audit_guests(&a, m);
    *ret_clean = a.clean;
    return dmv_jb_end(&a.list);
}
