/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collects the facts of health: by the edges, and from what was kept. See health.h. */
#include "daemon/health.h"

#include <errno.h>
#include <string.h>

#include "daemon/log.h"
#include "host/bootid.h"
#include "host/kernellog.h"
#include "host/links.h"
#include "host/names.h"

/* What this boot looks like, and what was found on the way. */
typedef struct Now {
    char **links;
    DmvNames names;
    DmvKernelLog log;
    char *log_problem; /* or NULL */
} Now;

static void now_deinit(Now *n)
{
    dmv_strv_free(n->links);
    dmv_names_deinit(&n->names);
    dmv_kernel_log_deinit(&n->log);
    free(n->log_problem);
}

/* A journal that cannot be read is no reason to go back, and no reason to say nothing else. */
static int read_kernel_log(const DmvManager *m, const char *boot_id, Now *ret)
{
    int r = dmv_kernel_log_read(&m->roots, boot_id, dmv_health_is_failure, &ret->log);

    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return asprintf(&ret->log_problem, "the journal cannot be read: %s", strerror(-r)) < 0 ? -ENOMEM : 0;
    if (ret->log.n_entries == 0)
        return dmv_set_string(&ret->log_problem, "no journal has anything that the kernel said in this boot");
    if (ret->log.cut)
        return dmv_set_string(&ret->log_problem,
                              "the kernel said so much in this boot that only the first part was looked at");
    return 0;
}

static int observe(const DmvManager *m, const DmvWorld *w, const char *boot_id, Now *ret)
{
    int r = dmv_links_observe(&m->roots, w, &ret->links);

    if (r == 0)
        r = dmv_names_observe(&m->roots, w, &ret->names);
    return r == 0 ? read_kernel_log(m, boot_id, ret) : r;
}

/* ---- judging ---- */

/* The View by the intent of the generation in place; 0, the host before dmv, asks for nothing. */
static int view_in_place(const DmvManager *m, DmvView *ret)
{
    static const DmvIntent nothing;
    const DmvGeneration *g = dmv_generations_find(&m->generations, m->generations.current);
    const DmvFacts facts = {.world = &m->world,
                            .sources = m->sources,
                            .n_sources = m->n_sources,
                            .intent = g ? &g->intent : &nothing,
                            .now = dmv_manager_now()};

    return dmv_resolve(&facts, ret);
}

static const char *problem_of_memory(const DmvManager *m)
{
    if (m->seen_problem)
        return m->seen_problem;
    return m->has_seen ? NULL : "nothing is known of it: links, names and lifelines are not compared";
}

int dmv_health_look(DmvManager *m, const char *boot_id, char *const *told)
{
    DMV_CLEANUP_HEALTH DmvHealth health = {0};
    DMV_CLEANUP_VIEW DmvView view = {0};
    DMV_CLEANUP(now_deinit) Now now = {0};
    DmvHealthFacts f = {.view = &view,
                        .allow_renames = m->settings.boot_allow_renames,
                        .before_problem = problem_of_memory(m),
                        .told = told};
    int r = view_in_place(m, &view);

    if (r == 0)
        r = observe(m, &m->world, boot_id, &now);
    if (r < 0)
        return r;
    f.links_now = now.links;
    f.names_now = &now.names;
    f.kernel_log = now.log.lines;
    f.kernel_log_problem = now.log_problem;
    if (m->has_seen) {
        f.lifelines_before = m->seen.lifelines;
        f.n_lifelines_before = m->seen.n_lifelines;
        f.links_before = m->seen.links;
        f.names_before = &m->seen.names;
        f.kernel_log_before = m->seen.kernel_log;
    }
    r = dmv_health_judge(&f, &health);
    if (r < 0)
        return r;
    dmv_health_deinit(&m->health);
    m->health = health;
    health = (DmvHealth){0};
    return 0;
}

/* ---- remembering ---- */

static int see(const DmvManager *m, const char *boot_id, DmvSeen *ret)
{
    DMV_CLEANUP_WORLD DmvWorld world = {0};
    DMV_CLEANUP(now_deinit) Now now = {0};
    int r = dmv_observe_hardware(&m->roots, &world);

    if (r == 0)
        r = observe(m, &world, boot_id, &now);
    if (r < 0)
        return r;
    *ret = (DmvSeen){.lifelines = world.lifelines,
                     .n_lifelines = world.n_lifelines,
                     .links = DMV_TAKE_PTR(now.links),
                     .names = now.names,
                     .kernel_log = DMV_TAKE_PTR(now.log.lines)};
    world.lifelines = NULL;
    world.n_lifelines = 0;
    now.names = (DmvNames){0};
    return 0;
}

void dmv_health_remember(DmvManager *m)
{
    DMV_CLEANUP_SEEN DmvSeen seen = {0};
    char boot_id[DMV_BOOT_ID_SIZE];
    int64_t mark;
    int r = dmv_boot_running(&m->roots, boot_id, &mark);

    if (r == 0 && (boot_id[0] == '\0' || m->boot.phase != DMV_BOOT_GOOD))
        return;
    if (r == 0)
        r = see(m, boot_id, &seen);
    if (r == 0)
        r = dmv_state_save_seen(m, &seen);
    if (r < 0) {
        dmv_log(LOG_WARNING,
                "what the host looks like now is not kept for the next boot to compare with, ignoring: %s",
                strerror(-r));
        return;
    }
    dmv_seen_deinit(&m->seen);
    m->seen = seen;
    seen = (DmvSeen){0};
    m->has_seen = true;
    free(m->seen_problem);
    m->seen_problem = NULL;
}
