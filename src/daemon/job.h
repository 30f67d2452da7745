/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: work that takes longer than an answer. One at a time; a second is told who holds the place and what
 * it is doing. A job talks to workers and never blocks the loop; the call that started it only watches.
 */
#ifndef DMV_DAEMON_JOB_H
#define DMV_DAEMON_JOB_H

#include "daemon/manager.h"
#include "daemon/worker.h"

struct DmvJob {
    DmvManager *m;
    const char *action; /* "install", ... */
    char *object;
    char *phase;
    int64_t done, total; /* -1: unknown */
    char *because;
    int64_t uid;
    VlCall *call;         /* NULL: nobody watches */
    uint64_t last_notify; /* CLOCK_MONOTONIC, microseconds */
    bool can_cancel;      /* nothing was changed yet: the client's going away ends the job */
    bool changes_trees;   /* what the trees hold is between two states */
    bool only_looks;      /* a dry run, or leftovers go: the history says nothing of it */
    DmvWorker *fetch, *apply;
    struct DmvInstalling *installing; /* of install and import: the release in hand, see installing.h */
    struct {
        unsigned left; /* of DmvBootAction */
        int64_t generation;
        void (*done)(struct DmvJob *j, int code, DmvError *e);
    } trial;    /* see dmv_job_call_trial() */
    void *data; /* the job's own */
    void (*free_data)(void *data);
};

/* Is the place free, and may anything be changed? Return: 0; DMV_BUSY naming the job that runs;
 * DMV_STATE_BROKEN. */
int dmv_job_check_place(const DmvManager *m, DmvError *reterr);

/**
 * dmv_job_new() - take the place
 * @call: who asked, or NULL
 * @action: static string
 *
 * Return: 0; DMV_BUSY naming the job that runs; DMV_STATE_BROKEN; -ENOMEM.
 */
int dmv_job_new(DmvManager *m, VlCall *call, const char *action, const char *object, DmvJob **ret,
                DmvError *reterr);

/* Drops a job without a word to anybody; its workers undo what is not confirmed. */
DmvJob *dmv_job_free(DmvJob *j);

/* Where the job is. @phase NULL: unchanged. Notifies at most ten times a second. */
void dmv_job_progress(DmvJob *j, const char *phase, int64_t done, int64_t total);

/* Ends the job: history, answer, event. @reply is taken over and may be NULL on failure; @e may be NULL on
 * success. */
void dmv_job_finish(DmvJob *j, DmvError *e, json_object *reply, int64_t generation);

json_object *dmv_job_render(const DmvJob *j);

/* Where to fetch from and within which limits, for the fetch worker. A new value, or NULL for lack of memory.
 */
json_object *dmv_fetch_source(const DmvManager *m, const DmvStream *s, uint64_t max_bytes);
/* Microseconds that a transfer may take. */
int64_t dmv_fetch_deadline(const DmvManager *m);
/* Reads the bundle that a fetch worker handed over. Return: 0, DMV_TOO_LARGE, DMV_WORKER_FAILED, a negative
 * errno. */
int dmv_fetch_read_bundle(const DmvManager *m, int fd, char **ret, size_t *ret_size, DmvError *reterr);

/* The jobs. Each returns 0 when it took over answering, an outcome or a negative errno before it has done
 * anything. */
int dmv_job_refresh(DmvManager *m, VlCall *call, const char *stream, bool allow_stale, DmvError *reterr);
int dmv_job_install(DmvManager *m, VlCall *call, const DmvViewRelease *r, DmvError *reterr);
/* @disk: a driver disk, open for reading; taken over, also on failure. */
int dmv_job_import(DmvManager *m, VlCall *call, int disk, bool any_hardware, bool dry_run, DmvError *reterr);
int dmv_job_remove(DmvManager *m, VlCall *call, const DmvViewRelease *r, DmvError *reterr);

/* How the answer to an applying job looks, once it has worked. @changed: something was applied. */
typedef json_object *(*DmvApplyReply)(DmvManager *m, bool changed, char *const *kernels, void *userdata);
/* Applies the plan: worker, verification, confirmation or undo. @userdata is freed with free() at the end. */
int dmv_job_apply(DmvManager *m, VlCall *call, const char *action, const char *object, const char *because,
                  DmvApplyReply reply, void *userdata, DmvError *reterr);
/* What the boot machine asks for after an event. */
typedef struct DmvBootTask {
    const char *action;     /* static string */
    DmvBootActions actions; /* as dmv_boot_tell() has left them */
    bool drop_staged;       /* restore: what waits for the next reboot is not wanted any more */
    bool shutdown;          /* the host goes down: if nothing is restored, what was staged is switched to */
    DmvApplyReply reply;
    void *userdata; /* freed with free() at the end */
} DmvBootTask;
/* Has the worker do its part, then puts the fallback in place, and reports to the machine what came of it. */
int dmv_job_boot(DmvManager *m, VlCall *call, const DmvBootTask *t, DmvError *reterr);

/* Has the worker of a job do what of @actions is for it (something is), and calls @done, with
 * @code 0 or what was refused. Return: 0, or what kept the worker from being asked: @done is not called then.
 */
typedef void (*DmvTrialDone)(DmvJob *j, int code, DmvError *e);
int dmv_job_call_trial(DmvJob *j, const DmvBootActions *actions, DmvTrialDone done, DmvError *reterr);
/* Is there a transaction that nobody has confirmed or undone? */
bool dmv_job_has_journal(const DmvManager *m);
/* Is there such a transaction, or something that a worker has left? */
bool dmv_job_recovery_is_due(const DmvManager *m);
/* Undoes what a crash has left behind; @done is called at the end, whatever comes of it. */
int dmv_job_recover(DmvManager *m, void (*done)(DmvManager *m));

#endif
