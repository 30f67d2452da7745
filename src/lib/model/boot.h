/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Boot: what becomes of a generation that was switched to, over the boots that it takes to prove it, and the
 * way back.
 *
 * A machine over plain data. What happens outside (a switch, a boot, a report of health, a shutdown, a word
 * of the admin) is an event; a step takes the stored state and one event, and gives the next state and what
 * has to be done. It has no clock, reads nothing, and does nothing. dmv-boot(7) draws it and has its table,
 * which is the one of boot.c: a test compares them.
 *
 * State before actions. The caller stores the new state first and then does what the step asks for, in the
 * order of the bits; each action can be done again. What is under way (committing, restoring) is a phase
 * that only a report leaves, so after a power cut, or when the same event comes again, the same is asked for
 * again. A boot is known by its id: told twice of one boot, the machine counts one.
 *
 * A switch is asked for on a copy of the state, because it may be refused. It is a transaction of its own:
 * the trees are changed, the new state is stored, the entry is armed, and then it is confirmed. What is found
 * unconfirmed is undone before the next boot is told, and told with it.
 *
 * A rollback goes to a generation that nobody has to prove again; it is looked at in its next boot, and the
 * one that it came from is no way out. An admin's way back from a good generation can as well be a switch to
 * a new one with the earlier intent, which is tried like any other.
 *
 * The one-shot entry. A trial that changes what is in an initrd boots by an entry that the boot loader
 * forgets when it uses it, while the default entry still has the last good initrd. The machine has it armed
 *   - at the switch;
 *   - at a shutdown, when the boot was good and the trial goes on: the host goes down on purpose and in
 *     health, so the next boot is the trial's as well;
 *   - early in a boot, but only while a further attempt is left, and never by default: such a trial has one
 *     attempt unless somebody asked for more.
 * So a host that dies while the trial runs comes back by the last good entry. Nobody knows then why it died,
 * and the driver in question may be the one of the root disk: what it did to the disk is not known either,
 * and a second attempt is no risk to take unasked. With more attempts than one it was asked for, and the
 * bound still holds: every use of the entry needs code of ours that ran since the last one.
 *
 * What it cannot see: a boot that never reaches dmv-boot without a one-shot entry. That is why a change of an
 * initrd wants one; without a boot loader that has it, the switch is the admin's risk.
 */
#ifndef DMV_MODEL_BOOT_H
#define DMV_MODEL_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

#define DMV_BOOT_ATTEMPTS_MAX 10       /* that may be asked for */
#define DMV_BOOT_ATTEMPTS_DEFAULT 2    /* one power cut is no verdict */
#define DMV_BOOT_ATTEMPTS_ONE_SHOT 1   /* the default of a trial with a one-shot entry, see above */
#define DMV_BOOT_BOOTS_MAX 100         /* good boots that may be asked for; the default is 1 */
#define DMV_BOOT_SOAK_MAX (90 * 86400) /* seconds; the default is 0 */
#define DMV_BOOT_ROLLBACKS_MAX 2       /* failures of going back, the last one of which makes it stuck */
#define DMV_BOOT_REBOOTS_MAX 3         /* by itself, from a switch to the next good state */
#define DMV_BOOT_ID_SIZE 37            /* of /proc/sys/kernel/random/boot_id, with a NUL */
#define DMV_BOOT_REASON_SIZE 256       /* bytes, with a NUL */
#define DMV_BOOT_NUMBER_MAX ((int64_t)999999999999999) /* of what is stored: generations, seconds */

typedef enum DmvBootPhase {
    DMV_BOOT_GOOD,       /* the generation in place is committed: nothing is under way */
    DMV_BOOT_TRIAL,      /* it is in place and has to prove itself */
    DMV_BOOT_COMMITTING, /* it has; what makes it the good one is not reported as done */
    DMV_BOOT_RESTORING,  /* the fallback has to be put back; not reported as done */
    DMV_BOOT_RETURNED,   /* the fallback is in place; a boot of it has to show that this helped */
    DMV_BOOT_STUCK,      /* going back failed: nothing more by itself, until an admin acts */
    DMV_BOOT_PHASE_MAX,
    DMV_BOOT_PHASE_INVALID = -1,
} DmvBootPhase;
const char *dmv_boot_phase_to_string(DmvBootPhase p);

/* What is stored. {0} is a host before dmv. Everything is plain data: a copy is `=`. */
typedef struct DmvBoot {
    DmvBootPhase phase;
    int64_t generation; /* in place; while restoring the one that is left */
    int64_t fallback;   /* the last good one, or what an admin named; of a good phase: the same */

    /* of the trial */
    int64_t attempts; /* boots without a good end so far, with the one that runs */
    int64_t attempts_max;
    int64_t boots_good; /* that ended in order after a good report, in a row */
    int64_t boots_wanted;
    int64_t soak_seconds;    /* in good health that are wanted */
    int64_t healthy_seconds; /* of the boots in boots_good, at most soak_seconds */
    int64_t healthy_since;   /* in the boot that runs, on its own clock */
    bool healthy;            /* a good report came in the boot that runs */
    bool one_shot;           /* it boots by a one-shot entry; kept until the phase is good */
    bool armed;              /* that entry is reported to be armed */

    bool running; /* boot_id is a boot of what is (or, while restoring, will be) in place, not yet over */
    char boot_id[DMV_BOOT_ID_SIZE]; /* the last one that counted; "" before */

    /* of the way back */
    bool blamed; /* the generation that is left is to be marked bad */
    bool reboot; /* by itself, once the fallback is back; stays set until the next boot */
    int64_t failed_rollbacks;
    int64_t reboots;
    char reason[DMV_BOOT_REASON_SIZE]; /* why it went back, or is stuck */
} DmvBoot;

typedef enum DmvBootEventKind {
    DMV_BOOT_ON_ACTIVATE,      /* a staged generation is being switched to */
    DMV_BOOT_ON_BOOT,          /* early in a boot: what now? */
    DMV_BOOT_ON_HEALTHY,       /* a report of health */
    DMV_BOOT_ON_UNHEALTHY,     /* as well */
    DMV_BOOT_ON_SHUTDOWN,      /* the host goes down in order */
    DMV_BOOT_ON_ARMED,         /* DMV_BOOT_DO_ARM was done */
    DMV_BOOT_ON_COMMITTED,     /* DMV_BOOT_DO_COMMIT was done */
    DMV_BOOT_ON_NOT_COMMITTED, /* it failed */
    DMV_BOOT_ON_RESTORED,      /* DMV_BOOT_DO_RESTORE, and what came before it, was done */
    DMV_BOOT_ON_NOT_RESTORED,  /* it failed, once more with every such event */
    DMV_BOOT_ON_COMMIT,        /* the admin says that it is good */
    DMV_BOOT_ON_ROLLBACK,      /* the admin names a generation to go back to */
    DMV_BOOT_EVENT_MAX,
    DMV_BOOT_EVENT_INVALID = -1,
} DmvBootEventKind;
const char *dmv_boot_event_to_string(DmvBootEventKind k);

/* When the host may be rebooted by itself: a setting of the host. */
typedef enum DmvBootReboot {
    DMV_BOOT_REBOOT_LIFELINE, /* when a lifeline is lost */
    DMV_BOOT_REBOOT_ALWAYS,   /* after every way back that a report of bad health began */
    DMV_BOOT_REBOOT_NEVER,
    DMV_BOOT_REBOOT_MAX,
    DMV_BOOT_REBOOT_INVALID = -1,
} DmvBootReboot;
const char *dmv_boot_reboot_to_string(DmvBootReboot r);

typedef struct DmvBootEvent {
    DmvBootEventKind kind;
    const char *boot_id; /* of the boot that runs; NULL: there is none (an image). Boot, both kinds of health
                            and shutdown need it */
    int64_t generation; /* activate: that is switched to; rollback: that is gone back to, 0 is the host before
                           dmv */
    int64_t mark;       /* boot: dmv.generation= of the kernel's command line, 0 if it has none */
    int64_t now;        /* healthy, shutdown: seconds on a clock that never goes back during a boot, such as
                           CLOCK_BOOTTIME */
    const char *reason; /* unhealthy, not-restored, rollback; may be NULL */

    /* activate. 0 asks for the default of the three. */
    int64_t attempts_max, boots_wanted, soak_seconds;
    bool one_shot; /* some initrd differs from the fallback's, and the boot loader has one-shot entries */
    bool admin;    /* somebody asks for it now; false: the shutdown does, for what was staged before */

    int64_t undone;       /* boot: the generation whose switch was found unfinished and was undone; 0: none */
    bool lifeline_lost;   /* unhealthy */
    DmvBootReboot reboot; /* unhealthy: the setting */
} DmvBootEvent;

/* In the order in which they are done. */
typedef enum DmvBootAction {
    DMV_BOOT_DO_COMMIT = 1 << 0,  /* mark the generation good, make its initrds those of the default entry */
    DMV_BOOT_DO_DISARM = 1 << 1,  /* take back the one-shot entry */
    DMV_BOOT_DO_BAD = 1 << 2,     /* mark the generation bad, with the state's reason */
    DMV_BOOT_DO_RESTORE = 1 << 3, /* put the fallback in place: trees, indexes, initrds */
    DMV_BOOT_DO_ARM = 1 << 4,     /* arm the one-shot entry for the generation */
    DMV_BOOT_DO_ALARM = 1 << 5,   /* tell the admin, loudly */
    DMV_BOOT_DO_REBOOT = 1 << 6,
} DmvBootAction;
#define DMV_BOOT_N_ACTIONS 7u
const char *dmv_boot_action_to_string(DmvBootAction a);

typedef struct DmvBootActions {
    unsigned set;       /* of DmvBootAction; 0: go on, there is nothing to do */
    int64_t generation; /* of commit, bad and arm */
    int64_t fallback;   /* of restore */
    int64_t wait;       /* seconds after which a further report of health would end the soak; 0: none would in
                           this boot, or none is needed */
} DmvBootActions;

/* One row of the table. The first one that fits decides. */
typedef struct DmvBootTransition {
    DmvBootPhase from;
    DmvBootEventKind event;
    const char *when;                                       /* for a person; "" always */
    bool (*guard)(const DmvBoot *b, const DmvBootEvent *e); /* NULL: always */
    void (*effect)(DmvBoot *b, const DmvBootEvent *e);      /* on everything but the phase; may be NULL */
    DmvBootPhase to;
    unsigned actions; /* arm, disarm and bad are left out where there is nothing to arm, disarm or mark */
    int outcome;      /* of a refusal, which changes nothing */
} DmvBootTransition;
const DmvBootTransition *dmv_boot_transitions(size_t *ret_n);
/* The row that decides, or NULL: the phase does not expect the event. Both have to be valid. */
const DmvBootTransition *dmv_boot_match(const DmvBoot *b, const DmvBootEvent *e);

/**
 * dmv_boot_step() - one event
 * @b: the state, changed on success only
 * @e: what happened
 * @ret: what to do now; touched on success only
 *
 * Return: 0; DMV_BUSY if what is under way has to end first; DMV_STUCK for the switch of a shutdown while an
 * admin is waited for; DMV_NOTHING_TO_ROLL_BACK if that generation is in place; DMV_WORLD_MOVED for a report
 * of something that was not asked for; DMV_INVALID_REQUEST for an event whose data cannot be.
 */
int dmv_boot_step(DmvBoot *b, const DmvBootEvent *e, DmvBootActions *ret);

/* 1 to 36 lower-case hexadecimal digits and dashes, as the kernel writes them or without the dashes. */
bool dmv_boot_id_is_valid(const char *id);
/* Can this state be? Every step leads from such a state to such a state. */
bool dmv_boot_is_valid(const DmvBoot *b);
/* Can this happen in that state, by its data alone? */
bool dmv_boot_event_is_valid(const DmvBoot *b, const DmvBootEvent *e);

/* The state as it is stored. Return: 0, or -ENOMEM. */
int dmv_boot_to_json(const DmvBoot *b, json_object **ret);

/**
 * dmv_boot_parse() - read a stored state
 * @data: the bytes, need not end in a NUL
 * @size: how many, at most 4096
 * @ret: the state
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP; DMV_MALFORMED if it is not the JSON that
 * dmv_boot_to_json() makes, or says what cannot be; -ENOMEM.
 */
int dmv_boot_parse(const char *data, size_t size, DmvBoot *ret, DmvError *reterr);

#endif
