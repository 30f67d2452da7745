/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot machine in the daemon. See boot.h.
 *
 * State before actions: a step is made on a copy, the copy is stored, and only then anything is done. So
 * whatever fails or loses power afterwards, the next event finds what is under way.
 */
#include "daemon/boot.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon/log.h"
#include "host/bootid.h"
#include "model/demand.h"

_Static_assert(DMV_BOOT_REBOOT_LIFELINE == 0 && DMV_BOOT_REBOOT_ALWAYS == 1 && DMV_BOOT_REBOOT_NEVER == 2,
               "base/settings.c has the words in another order");

bool dmv_boot_applies(const DmvManager *m)
{
    return m->roots.running || m->has_boot;
}

/* Before the first word of a boot or a switch: what is in place was never doubted. */
static DmvBoot current_state(const DmvManager *m)
{
    return m->has_boot ? m->boot
                       : (DmvBoot){.generation = m->generations.current, .fallback = m->generations.current};
}

/* Undoing a switch disarms the entry, whatever it was for. */
int dmv_boot_take_back(DmvManager *m)
{
    DmvBoot b = current_state(m);

    b.armed = false;

    return dmv_state_save_boot(m, &b);
}

void dmv_boot_adopt(DmvManager *m, const DmvBoot *b)
{
    m->boot = *b;
    m->has_boot = true;
    m->generations.fallback = b->fallback;
}

bool dmv_boot_wants_reboot(const DmvManager *m)
{
    return m->boot.phase == DMV_BOOT_RETURNED && m->boot.reboot;
}

/* ---- events ---- */

static int64_t seconds_since_boot(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec;
}

/* A switch that was not confirmed, whoever undid it: the state of the machine is stored before the number of
 * the generation. */
static int64_t undone_switch(const DmvManager *m)
{
    return m->boot.phase == DMV_BOOT_TRIAL && m->boot.generation != m->generations.current
               ? m->boot.generation
               : 0;
}

int dmv_boot_event(const DmvManager *m, DmvBootEventKind kind, char id[DMV_BOOT_ID_SIZE], DmvBootEvent *ret,
                   DmvError *reterr)
{
    DmvBootEvent e = {.kind = kind,
                      .now = seconds_since_boot(),
                      .undone = undone_switch(m),
                      .reboot = (DmvBootReboot)m->settings.boot_reboot};
    int r = dmv_boot_running(&m->roots, id, &e.mark);

    if (r < 0)
        return dmv_error_set(reterr, r, NULL, NULL, "procfs cannot be read: %s", strerror(-r));
    e.boot_id = id[0] ? id : NULL;
    if (!e.boot_id && (kind == DMV_BOOT_ON_BOOT || kind == DMV_BOOT_ON_HEALTHY ||
                       kind == DMV_BOOT_ON_UNHEALTHY || kind == DMV_BOOT_ON_SHUTDOWN))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, "--procfs says which kernel's state counts",
                             "no kernel runs on this root");
    *ret = e;
    return 0;
}

/* ---- a step ---- */

static int refuse(const DmvBoot *b, int code, DmvError *reterr)
{
    if (code == DMV_BUSY)
        return dmv_error_set(reterr, code, NULL, "reboot, or wait for it; dmvctl status shows it",
                             "the host is %s",
                             b->phase == DMV_BOOT_COMMITTING ? "committing to what is in place"
                                                             : "going back to an earlier generation");
    if (code == DMV_STUCK)
        return dmv_error_set(reterr, code, NULL, "dmvctl commit, dmvctl rollback N, or dmvctl activate", "%s",
                             b->reason);
    if (code == DMV_NOTHING_TO_ROLL_BACK)
        return dmv_error_set(reterr, code, NULL, "dmvctl generations", "generation %lld is in place",
                             (long long)b->generation);
    return dmv_error_set(reterr, code, NULL, NULL, "the boot state does not expect that in phase %s",
                         dmv_boot_phase_to_string(b->phase));
}

/* A step on a copy of the state, in words where it is refused. */
static int step(const DmvManager *m, const DmvBootEvent *e, DmvBoot *ret, DmvBootActions *ret_actions,
                DmvError *reterr)
{
    DmvBoot b = current_state(m);
    int r = dmv_boot_step(&b, e, ret_actions);

    if (r != 0)
        return refuse(&b, r, reterr);
    *ret = b;
    return 0;
}

int dmv_boot_ask(const DmvManager *m, bool admin, bool one_shot, DmvBoot *ret, DmvBootActions *ret_actions,
                 DmvError *reterr)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvDemand host = {(int64_t)m->settings.boot_boots, (int64_t)m->settings.boot_soak};
    const DmvDemand demand = dmv_view_demand(&m->view, current_state(m).phase == DMV_BOOT_GOOD, host);
    char id[DMV_BOOT_ID_SIZE];
    DmvBootEvent e;
    int r = dmv_boot_event(m, DMV_BOOT_ON_ACTIVATE, id, &e, reterr);

    if (r != 0)
        return r;
    e.generation = staged ? staged->number : 0;
    e.attempts_max = (int64_t)m->settings.boot_attempts;
    e.boots_wanted = demand.boots;
    e.soak_seconds = demand.seconds;
    e.admin = admin;
    e.one_shot = one_shot;
    return step(m, &e, ret, ret_actions, reterr);
}

/* ---- actions ---- */

/* Before anything was activated the host before dmv is what is good. */
static int mark_good(DmvManager *m)
{
    int r = dmv_state_commit(m);

    return r == DMV_NO_SUCH_GENERATION ? 0 : r;
}

/* The reason of the first time stays, in the history too: the machine asks again until it has gone back. */
static int mark_bad(DmvManager *m, int64_t number)
{
    const DmvGeneration *g = dmv_generations_find(&m->generations, number);
    int r;

    if (!g || g->state == DMV_GENERATION_BAD)
        return 0;
    r = dmv_generations_mark_bad(&m->generations, number, m->boot.reason);

    if (r == 0)
        r = dmv_state_save_generation(m, g);
    if (r == 0)
        dmv_state_record(m, -1, "trial", NULL, DMV_UNDONE, m->boot.reason, NULL, number);
    return r;
}

static void raise_alarm(DmvManager *m)
{
    dmv_log_event(LOG_CRIT, DMV_MESSAGE_BOOT_ALARM, "boot", NULL,
                  m->boot.phase == DMV_BOOT_STUCK ? DMV_STUCK : DMV_FAILED,
                  "the drivers of this host need somebody: %s",
                  m->boot.reason[0] ? m->boot.reason : "health is bad, and there is nothing to go back to");
}

/* Stores the outcome of a step. A state that is as before needs no disk. */
static int keep(DmvManager *m, const DmvBoot *b)
{
    bool stuck = b->phase == DMV_BOOT_STUCK && m->boot.phase != DMV_BOOT_STUCK;
    /* padding that differs costs a write, no more */
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
    bool same = m->has_boot && memcmp(b, &m->boot, sizeof(*b)) == 0;
    int r = same ? 0 : dmv_state_save_boot(m, b);

    if (r < 0)
        return r;
    dmv_boot_adopt(m, b);
    if (stuck)
        dmv_state_record(m, -1, "trial", NULL, DMV_STUCK, b->reason, NULL, b->generation);
    return 0;
}

/* Reports what was done, or was not. */
static int report(DmvManager *m, DmvBootEventKind kind, DmvBootActions *ret)
{
    const DmvBootEvent e = {.kind = kind};
    DmvBoot b;
    int r = step(m, &e, &b, ret, NULL);

    if (r == 0)
        r = keep(m, &b);
    if (r == 0 && (ret->set & DMV_BOOT_DO_ALARM))
        raise_alarm(m);
    return r;
}

int dmv_boot_not_done(DmvManager *m, unsigned set, DmvBootActions *ret)
{
    int r = 0;

    *ret = (DmvBootActions){0};
    if (set & DMV_BOOT_DO_COMMIT)
        r = report(m, DMV_BOOT_ON_NOT_COMMITTED, ret);
    ret->set &= DMV_BOOT_FOR_WORKER;
    return r;
}

int dmv_boot_done(DmvManager *m, unsigned set)
{
    DmvBootActions actions;
    int r = 0;

    if (set & DMV_BOOT_DO_COMMIT) {
        r = mark_good(m);
        if (r < 0)
            (void)dmv_boot_not_done(m, set, &actions);
        else
            r = report(m, DMV_BOOT_ON_COMMITTED, &actions);
    }
    if (r == 0 && (set & DMV_BOOT_DO_ARM))
        r = report(m, DMV_BOOT_ON_ARMED, &actions);
    return r;
}

int dmv_boot_tell(DmvManager *m, const DmvBootEvent *e, DmvBootActions *ret, DmvError *reterr)
{
    DmvBootActions actions;
    DmvBoot b;
    int r = step(m, e, &b, &actions, reterr);

    if (r != 0)
        return r;
    r = keep(m, &b);
    if (r == 0 && (actions.set & DMV_BOOT_DO_COMMIT) && !b.one_shot) {
        r = dmv_boot_done(m, DMV_BOOT_DO_COMMIT);
        actions.set &= ~(unsigned)DMV_BOOT_DO_COMMIT;
    }
    if (r == 0 && (actions.set & DMV_BOOT_DO_BAD))
        r = mark_bad(m, actions.generation);
    if (r < 0)
        return dmv_error_set(reterr, r, NULL, "dmvctl doctor", "the state cannot be stored: %s",
                             strerror(-r));
    if (r == 0 && (actions.set & DMV_BOOT_DO_ALARM))
        raise_alarm(m);
    actions.set &= DMV_BOOT_FOR_WORKER | DMV_BOOT_DO_RESTORE;
    if (r == 0)
        *ret = actions;
    return r;
}

json_object *dmv_boot_render(const DmvBoot *b)
{
    DmvJsonBuilder j = {0};

    dmv_jb_object(&j);
    dmv_jb_string(&j, "phase", dmv_boot_phase_to_string(b->phase));
    dmv_jb_int(&j, "generation", b->generation);
    dmv_jb_int(&j, "fallback", b->fallback);
    if (b->phase == DMV_BOOT_TRIAL) {
        dmv_jb_int(&j, "attempts", b->attempts);
        dmv_jb_int(&j, "attemptsMax", b->attempts_max);
        dmv_jb_int(&j, "bootsGood", b->boots_good);
        dmv_jb_int(&j, "bootsWanted", b->boots_wanted);
        dmv_jb_int(&j, "soakSeconds", b->soak_seconds);
    }
    if (b->reason[0])
        dmv_jb_string(&j, "reason", b->reason);
    return dmv_jb_end(&j);
}
