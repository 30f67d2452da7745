/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of the boot machine: its words, what can be, and its form on the disk.
 *
 * A state that cannot be is refused when it is read, so that the machine never starts from one.
 */
#include <errno.h>
#include <string.h>

#include "base/jsonbuild.h"
#include "base/text.h"
#include "model/boot.h"

#define FORMAT "dmv-boot-1"
#define WHAT "the boot state cannot be read"

static const DmvJsonLimits limits = {.size = 4096, .depth = 2, .nodes = 64, .plain_integers = true};

/* ---- words ---- */

static const char *const phase_table[] = {
    [DMV_BOOT_GOOD] = "good",
    [DMV_BOOT_TRIAL] = "trial",
    [DMV_BOOT_COMMITTING] = "committing",
    [DMV_BOOT_RESTORING] = "restoring",
    [DMV_BOOT_RETURNED] = "returned",
    [DMV_BOOT_STUCK] = "stuck",
};
_Static_assert(DMV_N_ELEMENTS(phase_table) == DMV_BOOT_PHASE_MAX, "a phase has no name");

static const char *const event_table[] = {
    [DMV_BOOT_ON_ACTIVATE] = "activate",   [DMV_BOOT_ON_BOOT] = "boot",
    [DMV_BOOT_ON_HEALTHY] = "healthy",     [DMV_BOOT_ON_UNHEALTHY] = "unhealthy",
    [DMV_BOOT_ON_SHUTDOWN] = "shutdown",   [DMV_BOOT_ON_ARMED] = "armed",
    [DMV_BOOT_ON_COMMITTED] = "committed", [DMV_BOOT_ON_NOT_COMMITTED] = "not-committed",
    [DMV_BOOT_ON_RESTORED] = "restored",   [DMV_BOOT_ON_NOT_RESTORED] = "not-restored",
    [DMV_BOOT_ON_COMMIT] = "commit",       [DMV_BOOT_ON_ROLLBACK] = "rollback",
};
_Static_assert(DMV_N_ELEMENTS(event_table) == DMV_BOOT_EVENT_MAX, "an event has no name");

static const char *const reboot_table[] = {
    [DMV_BOOT_REBOOT_LIFELINE] = "lifeline",
    [DMV_BOOT_REBOOT_ALWAYS] = "always",
    [DMV_BOOT_REBOOT_NEVER] = "never",
};
_Static_assert(DMV_N_ELEMENTS(reboot_table) == DMV_BOOT_REBOOT_MAX, "a setting has no name");

static const char *const action_table[] = {"commit", "disarm", "bad", "restore", "arm", "alarm", "reboot"};
_Static_assert(DMV_N_ELEMENTS(action_table) == DMV_BOOT_N_ACTIONS, "an action has no name");

const char *dmv_boot_phase_to_string(DmvBootPhase p)
{
    return p >= 0 && p < DMV_BOOT_PHASE_MAX ? phase_table[p] : "invalid";
}

const char *dmv_boot_event_to_string(DmvBootEventKind k)
{
    return k >= 0 && k < DMV_BOOT_EVENT_MAX ? event_table[k] : "invalid";
}

const char *dmv_boot_reboot_to_string(DmvBootReboot r)
{
    return r >= 0 && r < DMV_BOOT_REBOOT_MAX ? reboot_table[r] : "invalid";
}

const char *dmv_boot_action_to_string(DmvBootAction a)
{
    for (unsigned i = 0; i < DMV_BOOT_N_ACTIONS; i++)
        if ((unsigned)a == 1u << i)
            return action_table[i];
    return "invalid";
}

/* ---- what can be ---- */

bool dmv_boot_id_is_valid(const char *id)
{
    size_t n = strlen(id);

    return n > 0 && n < DMV_BOOT_ID_SIZE && strspn(id, "0123456789abcdef-") == n;
}

static bool is_within(int64_t v, int64_t max)
{
    return v >= 0 && v <= max;
}

static bool has_valid_numbers(const DmvBoot *b)
{
    return is_within(b->generation, DMV_BOOT_NUMBER_MAX) && is_within(b->fallback, DMV_BOOT_NUMBER_MAX) &&
           is_within(b->attempts_max, DMV_BOOT_ATTEMPTS_MAX) && is_within(b->attempts, b->attempts_max) &&
           is_within(b->boots_wanted, DMV_BOOT_BOOTS_MAX) && is_within(b->boots_good, b->boots_wanted) &&
           is_within(b->soak_seconds, DMV_BOOT_SOAK_MAX) && is_within(b->healthy_seconds, b->soak_seconds) &&
           is_within(b->healthy_since, DMV_BOOT_NUMBER_MAX) &&
           is_within(b->failed_rollbacks, DMV_BOOT_ROLLBACKS_MAX) &&
           is_within(b->reboots, DMV_BOOT_REBOOTS_MAX);
}

static bool is_settled(const DmvBoot *b)
{
    return b->generation == b->fallback && !b->one_shot && !b->running && b->boot_id[0] == '\0' &&
           b->attempts_max == 0 && b->boots_wanted == 0 && b->soak_seconds == 0 && b->failed_rollbacks == 0 &&
           b->reboots == 0 && b->reason[0] == '\0';
}

/* The numbers of a trial are those of a trial or of what it is committed to; those of a way back of a way
 * back. */
static bool fits_phase(const DmvBoot *b)
{
    bool no_trial = b->attempts_max == 0 && b->boots_wanted == 0 && b->soak_seconds == 0 && !b->healthy;
    bool may_go_on = b->failed_rollbacks < DMV_BOOT_ROLLBACKS_MAX;

    switch (b->phase) {
    case DMV_BOOT_GOOD:
        return is_settled(b);
    case DMV_BOOT_TRIAL:
        return b->generation != b->fallback && b->attempts_max > 0 && b->boots_wanted > 0 &&
               (b->attempts > 0 || !b->running) && b->failed_rollbacks == 0 && b->reboots == 0 &&
               b->reason[0] == '\0';
    case DMV_BOOT_COMMITTING:
        return true;
    case DMV_BOOT_RESTORING:
        return no_trial && may_go_on && (!b->blamed || b->generation != b->fallback);
    case DMV_BOOT_RETURNED:
        return no_trial && may_go_on && b->generation == b->fallback;
    case DMV_BOOT_STUCK:
        return no_trial && !may_go_on && !b->running;
    case DMV_BOOT_PHASE_MAX:
    case DMV_BOOT_PHASE_INVALID:
        break;
    }
    return false;
}

bool dmv_boot_is_valid(const DmvBoot *b)
{
    bool ids = b->boot_id[0] == '\0' ? !b->running : dmv_boot_id_is_valid(b->boot_id);
    bool back = b->phase == DMV_BOOT_RESTORING || b->phase == DMV_BOOT_RETURNED;

    return has_valid_numbers(b) && ids && (b->one_shot || !b->armed) && (b->running || !b->healthy) &&
           (b->healthy || b->healthy_since == 0) && (back || !b->reboot) &&
           (b->phase == DMV_BOOT_RESTORING || !b->blamed) && fits_phase(b);
}

static bool needs_boot_id(DmvBootEventKind k)
{
    return k == DMV_BOOT_ON_BOOT || k == DMV_BOOT_ON_HEALTHY || k == DMV_BOOT_ON_UNHEALTHY ||
           k == DMV_BOOT_ON_SHUTDOWN;
}

bool dmv_boot_event_is_valid(const DmvBoot *b, const DmvBootEvent *e)
{
    if (e->kind < 0 || e->kind >= DMV_BOOT_EVENT_MAX || e->reboot < 0 || e->reboot >= DMV_BOOT_REBOOT_MAX)
        return false;
    if (e->boot_id ? !dmv_boot_id_is_valid(e->boot_id) : needs_boot_id(e->kind))
        return false;
    if (!is_within(e->generation, DMV_BOOT_NUMBER_MAX) || !is_within(e->mark, DMV_BOOT_NUMBER_MAX) ||
        !is_within(e->undone, DMV_BOOT_NUMBER_MAX) || !is_within(e->now, DMV_BOOT_NUMBER_MAX))
        return false;
    if (e->kind != DMV_BOOT_ON_ACTIVATE)
        return true;
    return e->generation > 0 && e->generation != b->fallback &&
           is_within(e->attempts_max, DMV_BOOT_ATTEMPTS_MAX) &&
           is_within(e->boots_wanted, DMV_BOOT_BOOTS_MAX) && is_within(e->soak_seconds, DMV_BOOT_SOAK_MAX);
}

/* ---- on the disk ---- */

int dmv_boot_to_json(const DmvBoot *b, json_object **ret)
{
    DmvJsonBuilder j = {0};
    json_object *o;

    dmv_jb_object(&j);
    dmv_jb_string(&j, "format", FORMAT);
    dmv_jb_string(&j, "phase", dmv_boot_phase_to_string(b->phase));
    dmv_jb_int(&j, "generation", b->generation);
    dmv_jb_int(&j, "fallback", b->fallback);
    dmv_jb_int(&j, "attempts", b->attempts);
    dmv_jb_int(&j, "attempts_max", b->attempts_max);
    dmv_jb_int(&j, "boots_good", b->boots_good);
    dmv_jb_int(&j, "boots_wanted", b->boots_wanted);
    dmv_jb_int(&j, "soak_seconds", b->soak_seconds);
    dmv_jb_int(&j, "healthy_seconds", b->healthy_seconds);
    dmv_jb_int(&j, "healthy_since", b->healthy_since);
    dmv_jb_bool(&j, "healthy", b->healthy);
    dmv_jb_bool(&j, "one_shot", b->one_shot);
    dmv_jb_bool(&j, "armed", b->armed);
    dmv_jb_bool(&j, "running", b->running);
    dmv_jb_string(&j, "boot_id", b->boot_id);
    dmv_jb_bool(&j, "blamed", b->blamed);
    dmv_jb_bool(&j, "reboot", b->reboot);
    dmv_jb_int(&j, "failed_rollbacks", b->failed_rollbacks);
    dmv_jb_int(&j, "reboots", b->reboots);
    dmv_jb_exact(&j, "reason", b->reason);
    o = dmv_jb_end(&j);
    if (!o)
        return -ENOMEM;
    *ret = o;
    return 0;
}

static int cannot_be(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "%s", why);
}

/* Copies @text into @ret, the rest of which is zero. */
static bool copy_text(const char *text, char *ret, size_t size)
{
    size_t n = strlen(text);

    if (n >= size)
        return false;
    memcpy(ret, text, n);
    return true;
}

static int check_read(DmvBoot *b, const char *format, const char *phase, const char *boot_id,
                      const char *reason, DmvError *reterr)
{
    if (strcmp(format, FORMAT) != 0)
        return cannot_be(reterr, "its format is not " FORMAT);
    b->phase = DMV_BOOT_PHASE_INVALID;
    for (int p = 0; p < DMV_BOOT_PHASE_MAX; p++)
        if (strcmp(phase_table[p], phase) == 0)
            b->phase = (DmvBootPhase)p;
    if (b->phase == DMV_BOOT_PHASE_INVALID)
        return cannot_be(reterr, "its phase is not one");
    if (!copy_text(boot_id, b->boot_id, sizeof(b->boot_id)) ||
        !copy_text(reason, b->reason, sizeof(b->reason)))
        return cannot_be(reterr, "a text in it is too long");
    return dmv_boot_is_valid(b) ? 0 : cannot_be(reterr, "what it says cannot be");
}

int dmv_boot_parse(const char *data, size_t size, DmvBoot *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    const char *format = NULL, *phase = NULL, *boot_id = NULL, *reason = NULL;
    DmvBoot b = {0};
    const DmvJsonField fields[] = {
        {"format", DMV_JSON_STRING, DMV_JSON_REQUIRED, &format},
        {"phase", DMV_JSON_STRING, DMV_JSON_REQUIRED, &phase},
        {"generation", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.generation},
        {"fallback", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.fallback},
        {"attempts", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.attempts},
        {"attempts_max", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.attempts_max},
        {"boots_good", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.boots_good},
        {"boots_wanted", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.boots_wanted},
        {"soak_seconds", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.soak_seconds},
        {"healthy_seconds", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.healthy_seconds},
        {"healthy_since", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.healthy_since},
        {"healthy", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &b.healthy},
        {"one_shot", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &b.one_shot},
        {"armed", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &b.armed},
        {"running", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &b.running},
        {"boot_id", DMV_JSON_STRING, DMV_JSON_REQUIRED, &boot_id},
        {"blamed", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &b.blamed},
        {"reboot", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &b.reboot},
        {"failed_rollbacks", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.failed_rollbacks},
        {"reboots", DMV_JSON_INT, DMV_JSON_REQUIRED, &b.reboots},
        {"reason", DMV_JSON_STRING, DMV_JSON_REQUIRED, &reason},
    };
    int r = dmv_json_parse(data, size, &limits, &o, reterr);

    if (r == 0)
        r = dmv_json_read(o, "the boot state", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r == 0)
        r = check_read(&b, format, phase, boot_id, reason, reterr);
    if (r == 0)
        *ret = b;
    return r;
}
