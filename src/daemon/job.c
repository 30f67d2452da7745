/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: the one place for work that changes something and takes its time.
 */
#include "daemon/job.h"

#include <errno.h>

#include "daemon/claim.h"
#include "daemon/installing.h"
#include "daemon/log.h"

/* Progress is told at most this often; the last word always is. */
#define NOTIFY_INTERVAL_USEC 100000

DmvJob *dmv_job_free(DmvJob *j)
{
    if (!j)
        return NULL;
    if (j->m->job == j)
        j->m->job = NULL;
    (void)dmv_worker_free(j->fetch);
    (void)dmv_worker_free(j->apply);
    (void)dmv_installing_free(j->installing);
    if (j->free_data)
        j->free_data(j->data);
    (void)(j->call ? vl_call_unref(j->call) : NULL);
    free(j->object);
    free(j->phase);
    free(j->because);
    dmv_claim_drop(j->m);
    free(j);
    return NULL;
}

/* The client went away. What has changed nothing yet ends; the rest goes on and is found in the history. */
static void on_cancel(VlCall *call, void *userdata)
{
    DmvJob *j = userdata;

    (void)call;
    if (j->can_cancel) {
        DMV_CLEANUP_ERROR DmvError e = {0};

        (void)dmv_error_set(&e, DMV_CANCELLED, NULL, NULL, "the client went away");
        dmv_job_finish(j, &e, NULL, -1);
        return;
    }
    j->call = vl_call_unref(j->call);
}

int dmv_job_check_place(const DmvManager *m, DmvError *reterr)
{
    if (m->job)
        return dmv_error_set(reterr, DMV_BUSY, NULL, "try again when it is done; dmvctl status shows it",
                             "another job is running: %s %s (%s)", m->job->action,
                             m->job->object ? m->job->object : "",
                             m->job->phase ? m->job->phase : "starting");
    if (m->state_problem)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, "dmvctl doctor", "%s", m->state_problem);
    return 0;
}

int dmv_job_new(DmvManager *m, VlCall *call, const char *action, const char *object, DmvJob **ret,
                DmvError *reterr)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};
    DmvJob *j;
    int r = dmv_job_check_place(m, reterr);

    if (r != 0)
        return r;
    j = calloc(1, sizeof(*j));
    if (!j || dmv_set_string(&j->object, object) < 0) {
        free(j);
        return -ENOMEM;
    }
    j->m = m;
    j->action = action;
    j->done = j->total = -1;
    j->uid = -1;
    if (call) {
        const VlPeerInfo *peer = vl_call_peer(call);

        j->call = vl_call_ref(call);
        j->uid = peer->known ? (int64_t)peer->uid : -1;
        vl_call_set_hooks(call, &hooks, j);
    }
    m->job = j;
    dmv_manager_check_idle(m);
    dmv_manager_publish(m, "job_started", object, NULL);
    *ret = j;
    return 0;
}

json_object *dmv_job_render(const DmvJob *j)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "action", j->action);
    dmv_jb_string(&b, "object", j->object);
    dmv_jb_string(&b, "phase", j->phase ? j->phase : "start");
    if (j->done >= 0)
        dmv_jb_int(&b, "done", j->done);
    if (j->total > 0)
        dmv_jb_int(&b, "total", j->total);
    return dmv_jb_end(&b);
}

static void notify_call(DmvJob *j)
{
    DmvJsonBuilder b = {0};
    json_object *reply;

    if (!j->call || !vl_call_wants_more(j->call))
        return;
    dmv_jb_object(&b);
    dmv_jb_value(&b, "job", dmv_job_render(j));
    reply = dmv_jb_end(&b);
    if (reply && vl_call_notify(j->call, reply) < 0)
        dmv_log(LOG_DEBUG, "progress of %s is not read", j->action);
}

void dmv_job_progress(DmvJob *j, const char *phase, int64_t done, int64_t total)
{
    uint64_t now = dmv_manager_monotonic();
    bool news = phase && !dmv_streq(phase, j->phase);

    if (news && dmv_set_string(&j->phase, phase) < 0)
        return;
    j->done = done;
    j->total = total;
    if (!news && now - j->last_notify < NOTIFY_INTERVAL_USEC)
        return;
    j->last_notify = now;
    notify_call(j);
    dmv_manager_publish(j->m, "job_progress", j->object, NULL);
}

void dmv_job_finish(DmvJob *j, DmvError *e, json_object *reply, int64_t generation)
{
    DmvManager *m = j->m;
    DmvError none = {0};
    int code = e ? e->code : 0;
    VlCall *call = j->call;

    if (code == 0 && !reply) {
        code = -ENOMEM;
        none.code = code;
        e = &none;
    }
    if (!j->only_looks)
        dmv_state_record(m, j->uid, j->action, j->object, code, e ? e->why : NULL, j->because, generation);
    if (code != 0)
        dmv_log(LOG_INFO, "%s %s: %s", j->action, j->object ? j->object : "",
                e->why ? e->why : dmv_outcome_reason(code));
    dmv_manager_publish(m, "job_finished", j->object, dmv_outcome_reason(code));
    j->call = NULL;
    if (call) {
        vl_call_set_hooks(call, NULL, NULL);
        if (code == 0)
            (void)vl_call_reply(call, reply);
        else
            (void)dmv_reply_error(call, e);
        (void)vl_call_unref(call);
    } else if (reply) {
        json_object_put(reply);
    }
    if (code != 0 && call && reply)
        json_object_put(reply);
    (void)dmv_job_free(j);
    dmv_manager_check_idle(m);
}
