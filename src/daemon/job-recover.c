/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a crash, a power cut or a worker that died has left behind is undone by the apply worker before
 * anything else. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/claim.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/shared/leftovers.h"

typedef struct Recovery {
    void (*done)(DmvManager *m);
} Recovery;

bool dmv_job_has_journal(const DmvManager *m)
{
    struct stat st;

    return fstatat(m->roots.fd, DMV_JOURNAL_PATH, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A change that was interrupted is on the disk as long as its journal is. Leftovers are in nobody's way. */
static void note_failure(DmvManager *m, const DmvError *e, int code)
{
    if (!dmv_job_has_journal(m))
        dmv_log(LOG_WARNING, "what a worker has left stays, ignoring: %s", dmv_error_words(e, code));
    else if (!m->state_problem &&
             asprintf(&m->state_problem, "an interrupted transaction could not be undone: %s",
                      dmv_error_words(e, code)) < 0)
        m->state_problem = NULL;
}

static void on_recovered(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    const Recovery *x = j->data;
    DmvManager *m = j->m;
    void (*done)(DmvManager * m) = x->done;
    const char *outcome = NULL;
    int64_t generation = -1;
    const DmvJsonField fields[] = {{"outcome", DMV_JSON_STRING, DMV_JSON_REQUIRED, &outcome},
                                   {"generation", DMV_JSON_INT, 0, &generation}};

    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code == 0)
        code = dmv_worker_read(params, fields, DMV_N_ELEMENTS(fields), e);
    e->code = code;
    if (code == 0 && strcmp(outcome, "undone") == 0) /* "ok" alone would be read as if it was done */
        (void)dmv_error_set(e, 0, NULL, NULL, "what was interrupted is undone: every file is as before it");
    if (code == 0 && !j->only_looks)
        dmv_log_event(LOG_NOTICE, DMV_MESSAGE_CHANGE_UNDONE, "recover", NULL, DMV_UNDONE,
                      "an interrupted transaction was found: %s", outcome);
    else if (code != 0 && code != DMV_BUSY) /* who is still at work undoes it himself */
        note_failure(m, e, code);
    dmv_job_finish(j, e, json_object_new_object(), generation);
    done(m);
}

bool dmv_job_recovery_is_due(const DmvManager *m)
{
    return dmv_job_has_journal(m) || dmv_leftovers_exist(&m->roots);
}

int dmv_job_recover(DmvManager *m, void (*done)(DmvManager *m))
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJob *j;
    Recovery *x;
    int r = dmv_claim_lock(m, &e);

    if (r == 0)
        r = dmv_job_new(m, NULL, "recover", NULL, &j, &e);
    /* the state says that nothing may be changed, and an undo changes; or the one that is at work is alive */
    if (r == DMV_STATE_BROKEN || (r == DMV_BUSY && !m->job)) {
        done(m);
        return 0;
    }
    if (r != 0)
        return r < 0 ? r : -EBUSY;
    j->changes_trees = true;
    j->only_looks = !dmv_job_has_journal(m); /* leftovers: nothing that the history knows of */
    x = j->data = calloc(1, sizeof(*x));
    if (x) {
        x->done = done;
        j->free_data = free;
    }
    r = x ? dmv_worker_new(m, DMV_WORKER_APPLY, &j->apply, &e) : -ENOMEM;
    if (r == 0)
        r = dmv_worker_call(j->apply, "Recover", json_object_new_object(), -1, false, on_recovered, j);
    if (r == 0)
        return 0;
    note_failure(m, &e, r);
    e.code = r;
    dmv_job_finish(j, &e, NULL, -1);
    done(m);
    return 0;
}
