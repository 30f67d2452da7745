/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits to be activated, on the disk. See staging.h. */
#include "daemon/staging.h"

#include <string.h>

#include "daemon/boot.h"
#include "daemon/claim.h"
#include "daemon/log.h"

/* What the generation in place asks for; the host before dmv asks for nothing. NULL if it is not known. */
static const DmvIntent *intent_in_place(const DmvManager *m)
{
    static const DmvIntent nothing = {0};
    const DmvGeneration *current = dmv_generations_find(&m->generations, m->generations.current);

    return m->generations.current == 0 ? &nothing : current ? &current->intent : NULL;
}

static bool plan_is_certain(const DmvManager *m)
{
    return m->plan_error.code == 0 && dmv_manager_check_sight(m, NULL) == 0;
}

int dmv_staging_stage(DmvManager *m)
{
    DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvIntent *current = intent_in_place(m);
    int r;

    if (dmv_plan_is_empty(&m->plan) && current && dmv_intent_is_same(current, &m->intent)) {
        if (staged) {
            dmv_state_forget_generation(m, staged->number);
            dmv_generations_unstage(&m->generations);
        }
        return 0;
    }
    r = dmv_generations_stage(&m->generations, &m->intent, dmv_manager_now(), &staged);
    return r == 0 ? dmv_state_save_generation(m, staged) : r;
}

int dmv_staging_activated(DmvManager *m)
{
    int r;

    dmv_generations_activated(&m->generations, dmv_manager_now());
    dmv_way_back_deinit(&m->before);
    r = dmv_state_save(m);
    return r == 0
               ? dmv_state_save_generation(m, dmv_generations_find(&m->generations, m->generations.current))
               : r;
}

void dmv_staging_reconcile(DmvManager *m)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvIntent *wanted = staged ? &staged->intent : intent_in_place(m);
    int r;

    if (!wanted || dmv_intent_is_same(wanted, &m->intent) || !plan_is_certain(m))
        return;
    r = dmv_staging_stage(m);
    if (r < 0)
        dmv_log(LOG_WARNING, "what is staged is not stored yet, ignoring: %s", strerror(-r));
}

int dmv_staging_go_back(DmvManager *m, const DmvIntent *intent, DmvError *reterr)
{
    DmvWayBack before = {.set = true, .staged = dmv_generations_staged(&m->generations) != NULL};
    int r = dmv_intent_copy(&m->intent, &before.intent);

    if (r < 0)
        return r;
    m->before = before;
    r = dmv_manager_set_intent(m, intent, reterr);
    if (r != 0)
        dmv_way_back_deinit(&m->before);
    return r;
}

int dmv_staging_arrived(DmvManager *m)
{
    if (!m->before.set)
        return 0;
    dmv_way_back_deinit(&m->before);
    return dmv_state_save(m);
}

/* What is staged for what is wanted now, if something was. */
static int stage_again(DmvManager *m, bool was_staged)
{
    DmvGeneration *staged = dmv_generations_staged(&m->generations);
    int r;

    if (was_staged) {
        r = dmv_generations_stage(&m->generations, &m->intent, dmv_manager_now(), &staged);
        return r == 0 ? dmv_state_save_generation(m, staged) : r;
    }
    if (staged) {
        dmv_state_forget_generation(m, staged->number);
        dmv_generations_unstage(&m->generations);
    }
    return 0;
}

void dmv_staging_stay(DmvManager *m)
{
    DmvIntent failed = m->intent;
    bool was_staged = m->before.staged;
    int r;

    if (!m->before.set)
        return;
    m->intent = m->before.intent;
    m->before = (DmvWayBack){0};
    r = dmv_manager_think(m); /* the View borrows from the intent that goes */
    dmv_intent_deinit(&failed);
    if (r == 0)
        r = stage_again(m, was_staged);
    if (r == 0)
        r = dmv_state_save(m);
    if (r < 0)
        dmv_log(LOG_WARNING, "that nobody wants to go back any more is not stored yet, ignoring: %s",
                strerror(-r));
}

/* One whose plan has nothing left to do was applied, and the daemon died before it could say so. A change of
 * the intent that changes no file looks the same: where the host boots, the state of the boot machine, which
 * is stored before a switch is confirmed, tells the two apart. */
static bool is_applied(const DmvManager *m, const DmvGeneration *staged)
{
    return staged && plan_is_certain(m) && dmv_plan_is_empty(&m->plan) &&
           (!dmv_boot_applies(m) || m->boot.generation == staged->number);
}

static bool is_settled(const DmvManager *m)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvIntent *wanted = staged ? &staged->intent : intent_in_place(m);

    return !m->before.set && !(staged && staged->number == m->generations.current) &&
           !is_applied(m, staged) && (!wanted || dmv_intent_is_same(wanted, &m->intent));
}

/* A switch whose daemon died behind the confirmation, and before its entry, gets one here. */
static int finish(DmvManager *m)
{
    DmvWayBack before = m->before;
    int r;

    m->before = (DmvWayBack){0};
    r = dmv_staging_activated(m);
    if (r == 0 && before.set) {
        dmv_intent_deinit(&m->recorded); /* the history knows of what was wanted before */
        m->recorded = before.intent;
        before.intent = (DmvIntent){0};
    }
    if (r == 0 && !dmv_history_has_switch(&m->history, m->generations.current))
        dmv_state_record(m, -1, "recover", NULL, 0,
                         before.set ? "a rollback that was interrupted is in place"
                                    : "an activation that was interrupted is in place",
                         NULL, m->generations.current);
    dmv_way_back_deinit(&before);
    return r;
}

void dmv_staging_settle(DmvManager *m)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    int r = 0;

    if (is_settled(m) || dmv_claim_lock(m, NULL) != 0)
        return;
    staged = dmv_generations_staged(&m->generations); /* another one may have stored something */
    if (m->before.set && plan_is_certain(m) && !is_applied(m, staged))
        dmv_staging_stay(m);
    staged = dmv_generations_staged(&m->generations);
    if (staged && staged->number == m->generations.current)
        r = finish(m);
    else
        dmv_staging_reconcile(m);
    if (is_applied(m, dmv_generations_staged(&m->generations)))
        r = finish(m);
    if (r < 0)
        dmv_log(LOG_WARNING, "generation %lld is active, but that is not stored yet, ignoring: %s",
                (long long)m->generations.current, strerror(-r));
}
