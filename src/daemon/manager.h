/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager: owns the event loop's objects, the World, the intent and what follows from them. It wires and
 * decides nothing; the decisions are functions of src/lib/model.
 */
#ifndef DMV_DAEMON_MANAGER_H
#define DMV_DAEMON_MANAGER_H

#include <systemd/sd-event.h>

#include "base/jsonbuild.h"
#include "base/settings.h"
#include "dmv/outcome.h"
#include "host/abi.h"
#include "host/observe.h"
#include "model/boot.h"
#include "model/generation.h"
#include "model/health.h"
#include "model/history.h"
#include "model/plan.h"
#include "model/seen.h"
#include "trust/bundle.h"
#include "varlink/varlink.h"

typedef struct DmvManager DmvManager;
typedef struct DmvJob DmvJob;
typedef struct DmvAuthorizer DmvAuthorizer;
typedef struct DmvForecaster DmvForecaster;
struct DmvForecast;
typedef struct DmvOwning DmvOwning;
typedef struct DmvGuestbook DmvGuestbook;
typedef struct DmvInspector DmvInspector;
struct DmvInspection;

/* A configured stream, and what is known of it. */
typedef struct DmvStream {
    DmvStreamConf conf;
    DmvTrustState trust; /* valid when has_trust */
    bool has_trust;
    DmvCatalog *catalog;    /* verified, or NULL */
    char record_sha256[65]; /* checksum of the repomd record that the catalog came from, or "" */
    int64_t refreshed;      /* last refresh that worked, seconds since the epoch, or 0 */
    char *problem; /* why the last refresh did not work, or why there is no catalog; NULL: all is well */
    int problem_code;
    char *damage;   /* what is wrong with the trust that was stored, and what became of it; NULL: nothing */
    bool set_aside; /* one that was damaged lies beside it */
} DmvStream;

/* A file as it was. */
typedef struct DmvFileMark {
    uint64_t inode;
    int64_t size, sec, nsec;
} DmvFileMark;
#define DMV_N_WATCHED 3

/* What was wanted before a rollback that is not in place yet, see staging.h. */
typedef struct DmvWayBack {
    bool set;
    bool staged; /* a generation was */
    DmvIntent intent;
} DmvWayBack;
void dmv_way_back_deinit(DmvWayBack *b);

struct DmvManager {
    sd_event *event;
    VlServer *server;
    VlMonitor *monitor;
    DmvAuthorizer *authorizer; /* NULL: nobody is asked, changes are root's alone */
    DmvHotplug *hotplug;
    sd_event_source *idle_timer;

    DmvRoots roots;
    char *libexec;  /* where the workers are */
    bool transient; /* serves one connection and leaves with it */
    bool leaving;   /* asked to stop: the job that runs is the last */
    bool serving;   /* the recovery is behind us */
    char *listen;   /* path of a socket to make, or NULL: one was passed */
    DmvSettings settings;
    DmvStream *streams; /* sorted by name */
    size_t n_streams;

    /* what is stored */
    DmvIntent intent;
    DmvWayBack before;
    DmvGenerations generations;
    DmvHistory history;
    bool history_unsure; /* what stands in its file is not known: it is read again before the next entry */
    DmvHistoryMark known_entry; /* of it, as of the last time that the intent was stored */
    DmvIntent recorded;         /* the intent that the history knows of */
    DmvBoot boot;               /* what becomes of the generation in place, see boot.h of this room */
    bool has_boot;              /* it is stored: the machine is in charge */
    DmvSeen seen;               /* what the host looked like when all was good, see health.h of this room */
    bool has_seen;              /* it is stored */
    char *seen_problem;         /* why it is not known although it is stored, or NULL */
    char *state_problem;        /* why nothing may be changed, or NULL */
    int claim;                  /* of changing it, see claim.h; or -1 */
    sd_event_source *claim_end;
    DmvFileMark marks[DMV_N_WATCHED]; /* of what was read */

    /* what is observed, and what follows */
    DmvWorld world;
    DmvAbiCache *abi_cache;
    DmvSource *sources; /* of the streams that have a catalog */
    size_t n_sources;
    DmvView view;
    DmvPlan plan;
    DmvError plan_error;       /* why there is no plan; code 0: there is one */
    DmvForecaster *forecaster; /* of the plan, see forecast.h; NULL until somebody asks */
    DmvProblems config_problems;
    DmvHealth health;        /* as it was judged last */
    DmvInspector *inspector; /* of the modules, see inspector.h; NULL until somebody asks */
    DmvGuestbook *guestbook; /* of the guests, see guests.h; NULL until somebody asks */
    DmvOwning *owning;       /* who owns the adopted modules; NULL: nobody asked yet */

    DmvJob *job; /* the one changing job, or NULL */
};

/**
 * dmv_manager_new() - read settings and state, look at the host, register every method
 * @event: the loop
 * @roots: taken over
 * @transient: leave when the last connection is gone
 * @listen: path of a socket to make and listen on, or NULL: one was passed by a service manager
 *
 * Return: 0, or a negative errno.
 */
int dmv_manager_new(sd_event *event, DmvRoots *roots, bool transient, const char *listen, DmvManager **ret);
DmvManager *dmv_manager_free(DmvManager *m);
static inline void dmv_cleanup_manager(DmvManager **m)
{
    *m = dmv_manager_free(*m);
}

/* First undoes what a crash has left behind, then serves. Return: 0 or a negative errno. */
int dmv_manager_start(DmvManager *m);

/* Observe, resolve and plan anew. Return: 0 or a negative errno. */
int dmv_manager_look(DmvManager *m);
/* Reads what is stored once more, since another daemon has changed it, and looks. Return: as
 * dmv_manager_look(). */
int dmv_manager_reload(DmvManager *m);
/* Was all seen that a plan stands on? Return: 0, or the negative errno that kept something from being read.
 */
int dmv_manager_check_sight(const DmvManager *m, DmvError *reterr);
/* Resolve and plan anew, over the same World. Return: 0 or a negative errno. */
int dmv_manager_think(DmvManager *m);
/* A copy of the intent becomes the intent, in memory and on the disk; the plan is made anew and staged or, if
 * there is nothing to do, not. On failure everything is as before. Return: 0, an outcome, or a negative
 * errno. */
int dmv_manager_set_intent(DmvManager *m, const DmvIntent *intent, DmvError *reterr);

/* How a change shall take effect, and what may be lost by it. */
typedef struct DmvConsent {
    bool now;             /* at once: no boot comes in between that could fail */
    bool accept_lifeline; /* although a lifeline is touched */
    bool accept_guests;   /* although guests that run are affected */
} DmvConsent;
/* The same, unless dmv_manager_check_plan() refuses the plan that follows. */
int dmv_manager_ask_intent(DmvManager *m, const DmvIntent *intent, const DmvConsent *consent,
                           DmvError *reterr);
/* May the plan be carried out, by its modules (enforce=yes) and by what it may cost? Return: 0,
 * DMV_UNVERIFIED, DMV_LIFELINE, DMV_GUESTS_AFFECTED, a negative errno. The guests are those of the last look
 * (dmv_guests_wait()). */
int dmv_manager_check_plan(const DmvManager *m, const DmvConsent *consent, DmvError *reterr);

/* Seconds since the epoch. */
int64_t dmv_manager_now(void);
/* Microseconds of CLOCK_MONOTONIC. */
uint64_t dmv_manager_monotonic(void);
/* Tells the subscribers. @object and @outcome may be NULL. */
void dmv_manager_publish(DmvManager *m, const char *type, const char *object, const char *outcome);
/* Leaves when the job that runs has ended, at once if there is none or it has changed nothing yet. */
void dmv_manager_stop(DmvManager *m);
/* Leaves, or makes ready to leave, when nobody needs the daemon. */
void dmv_manager_check_idle(DmvManager *m);

/* state.c: what is stored below var/lib/dmv. Its history is in record.c. */
int dmv_state_load(DmvManager *m);
/* As if nothing had been read. */
void dmv_state_deinit(DmvManager *m);
int dmv_state_save(DmvManager *m);
int dmv_state_save_generation(DmvManager *m, const DmvGeneration *g);
/* The generation in place is good, and that is stored. Return: 0, DMV_NO_SUCH_GENERATION if nothing was
 * activated yet, a negative errno. */
int dmv_state_commit(DmvManager *m);
/* Stores what becomes the boot state; the manager's own stays. Return: 0 or a negative errno. */
int dmv_state_save_boot(DmvManager *m, const DmvBoot *b);
/* Stores what the host looked like when all was good; the manager's own stays. Return: 0 or a negative errno.
 */
int dmv_state_save_seen(DmvManager *m, const DmvSeen *s);
void dmv_state_forget_generation(DmvManager *m, int64_t number);
/* record.c */
/* Reads the history; the intent is known. Return: 0 (a history that is broken is none that stops anything),
 * or -ENOMEM (nothing is changed then). */
int dmv_record_load(DmvManager *m);
/* The entry that the history has to have from now on, for what is stored beside it. */
const DmvHistoryMark *dmv_record_mark(const DmvManager *m);
/* Path of a part of it. */
const char *dmv_record_path(DmvHistoryPart part);
/* Appends to the history, with what has become of the intent since the entry before; a failure is logged,
 * never returned: what happened has happened. @generation -1: none. */
void dmv_state_record(DmvManager *m, int64_t uid, const char *action, const char *object, int code,
                      const char *detail, const char *because, int64_t generation);

/* streams.c: settings, streams, trust anchors, catalogs. */
int dmv_streams_load(DmvManager *m);
/* What is trusted and offered, once more; the settings stay. Nothing may borrow from a catalog. */
int dmv_streams_reload(DmvManager *m);
void dmv_streams_free(DmvManager *m);
/* After a start: a catalog that a daemon which died has left on its way gets its name if it is trusted, else
 * it goes. A failure is logged. */
void dmv_streams_settle(DmvManager *m);
DmvStream *dmv_streams_find(const DmvManager *m, const char *name);
/* Is it known whose word counts for a stream? Return: 0; DMV_NO_ROOT. */
int dmv_stream_check_trust(const DmvStream *s, DmvError *reterr);
/* Judges the bytes of a bundle, stores what became trusted, and puts the catalog in place. Return: 0, an
 * outcome, -errno. */
int dmv_stream_accept(DmvManager *m, DmvStream *s, const char *data, size_t size, bool allow_stale,
                      const char *record_sha256, DmvError *reterr);
/* Notes that a refresh worked, also when it brought nothing new. Return: 0 or -ENOMEM. */
int dmv_stream_set_refreshed(DmvManager *m, DmvStream *s);
int dmv_stream_note(DmvManager *m, DmvStream *s, int code, const char *why);
/* Has the catalog of a stream expired, by the time that bundles are judged by? It must have one. */
bool dmv_stream_is_stale(const DmvStream *s);
json_object *dmv_streams_render(const DmvManager *m);
/* Trust anchors for packages and modules: armoured certificates as text, DER certificates in base64. */
int dmv_stream_rpm_keys(const DmvManager *m, const char *stream, char ***ret);
int dmv_stream_module_certificates(const DmvManager *m, const char *stream, char ***ret);
/* DER certificates in base64 that the site named for kernels and its own modules: what they signed is known,
 * and may not be a release by that. */
int dmv_stream_kernel_certificates(const DmvManager *m, char ***ret);

/* methods-*.c */
int dmv_methods_bind_read(DmvManager *m);
int dmv_methods_bind_change(DmvManager *m);
/* Answers with an error of io.dmv.Manager. @e may be changed. Return: 0. */
int dmv_reply_error(VlCall *call, DmvError *e);
/* Answers with the finished object; -ENOMEM if it is NULL. */
int dmv_reply(VlCall *call, json_object *reply);

/* why.c */
/* Is the object a device? Only then the forecast says something about it. */
bool dmv_why_is_device(const DmvManager *m, const char *object);
/* @f: the forecast of the plan, NULL: there is none. */
json_object *dmv_why_render(DmvManager *m, const char *object, const struct DmvForecast *f, DmvError *reterr,
                            int *ret_code);
/* audit.c */
/* The answer to Verify(). @i: what the modules are, NULL with @problem: why that is not known. NULL for lack
 * of memory. */
json_object *dmv_audit_verify(DmvManager *m, const struct DmvInspection *i, const char *problem);
json_object *dmv_audit_doctor(DmvManager *m, bool *ret_clean);
/* audit-kernel.c */
json_object *dmv_audit_kernel(DmvManager *m, const char *kernel, bool *ret_clean);
/* why.c, for one release */
json_object *dmv_why_not_render(DmvManager *m, const char *release, DmvError *reterr, int *ret_code);

#endif
