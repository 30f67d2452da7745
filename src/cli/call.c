/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call, and what a failed one means.
 *
 * Errors come from four places: the daemon refuses (io.dmv.Manager.*), the protocol does
 * (org.varlink.service.*), the connection breaks, or the user stops it. All four become the same thing: an
 * outcome, words, and what to do next.
 */
#include "call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "dmv/interface.h"
#include "reply.h"

#define SERVICE "org.varlink.service."

typedef struct Pending {
    DmvCallNotify notify;
    void *userdata;
    json_object *reply; /* the last one */
    char *error;
} Pending;

void dmv_failure_clear(DmvFailure *f)
{
    dmv_error_clear(&f->error);
    free(f->id);
    free(f->reason);
    *f = (DmvFailure){0};
}

int dmv_failure_set(DmvFailure *f, int code, DmvError *error)
{
    dmv_failure_clear(f);
    dmv_error_move(&f->error, error);
    f->error.code = code;
    if (code < 0 && !f->error.why)
        f->error.why = strdup(strerror(-code));
    if (asprintf(&f->id, "%s.%s", DMV_INTERFACE, dmv_outcome_varlink_error(code)) < 0)
        f->id = NULL;
    f->reason = strdup(dmv_outcome_reason(code));
    return code;
}

/* A reason code that this tool does not know still has a Varlink error that says of what kind it is. */
static int outcome_of(const char *id, const char *reason)
{
    static const struct {
        const char *error;
        int code;
    } kinds[] = {
        {"NoSuchObject", DMV_NO_SUCH_OBJECT},
        {"InvalidRequest", DMV_INVALID_REQUEST},
        {"Denied", DMV_DENIED},
        {"Refused", DMV_CONFLICT},
        {"VerificationFailed", DMV_MALFORMED},
        {"StreamUnavailable", DMV_STREAM_UNREACHABLE},
        {"Unreachable", DMV_UNREACHABLE},
        {"Busy", DMV_BUSY},
        {"NoSpace", DMV_NO_SPACE},
    };
    int code = dmv_outcome_from_reason(reason);

    if (code != DMV_FAILED && code != DMV_OK)
        return code;
    for (size_t i = 0; i < DMV_N_ELEMENTS(kinds); i++)
        if (dmv_ends_with(id, kinds[i].error))
            return kinds[i].code;
    return DMV_FAILED;
}

static int set_service(DmvFailure *f, const char *id, json_object *params)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *name = id + strlen(SERVICE), *field = dmv_reply_string_or(params, "parameter", "?");
    int code = DMV_UNREACHABLE;

    if (strcmp(name, "PermissionDenied") == 0)
        code = dmv_error_set(&e, DMV_DENIED, NULL, "run this as root", "only root may do that");
    else if (strcmp(name, "InvalidParameter") == 0)
        code = dmv_error_set(&e, DMV_INVALID_REQUEST, NULL, "dmvctl describe shows the daemon's version",
                             "the daemon does not take the parameter '%s' like that", field);
    else
        dmv_error_set(&e, code, NULL,
                      "dmvctl describe shows the daemon's version; restart dmvd after an update",
                      "the daemon does not know this call (%s)", name);
    dmv_failure_set(f, code, &e);
    free(f->id);
    f->id = strdup(id);
    return code;
}

static int set_remote(DmvFailure *f, const char *id, json_object *params)
{
    const char *reason = dmv_reply_string(params, "reason"), *why = dmv_reply_string(params, "why");
    const char *what = dmv_reply_string(params, "what"), *next = dmv_reply_string(params, "next");

    if (dmv_starts_with(id, SERVICE))
        return set_service(f, id, params);
    dmv_failure_clear(f);
    f->error = (DmvError){
        .code = outcome_of(id, reason),
        .what = what ? strdup(what) : NULL,
        .why = strdup(why ? why : id),
        .next = next ? strdup(next) : NULL,
    };
    f->id = strdup(id);
    f->reason = strdup(reason ? reason : dmv_outcome_reason(f->error.code));
    return f->error.code;
}

static int set_broken(DmvFailure *f, const DmvConnection *c, int r)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *journal = c->child ? "its messages are above" : "journalctl -u dmvd says why";
    int code = DMV_UNREACHABLE;

    if (r == -ECANCELED)
        code = dmv_error_set(
            &e, DMV_CANCELLED, NULL, "dmvctl history says what came of it",
            "stopped; what has begun to change the host is finished or undone, all else is given up");
    else if (r == -ETIMEDOUT)
        dmv_error_set(&e, code, NULL, "dmvctl status, or a longer --timeout", "the daemon does not answer");
    else if (r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN)
        dmv_error_set(&e, code, NULL, journal, "the daemon closed the connection without an answer");
    else if (r == -EBADMSG)
        dmv_error_set(&e, code, NULL, "check --address", "what answers at %s does not speak Varlink",
                      c->address);
    else
        dmv_error_set(&e, code, NULL, journal, "%s", strerror(-r));
    return dmv_failure_set(f, code, &e);
}

static int on_reply(const char *error, json_object *params, bool continues, void *userdata)
{
    Pending *p = userdata;

    if (!error && continues)
        return p->notify ? p->notify(params, p->userdata) : 0;
    p->error = error ? strdup(error) : NULL;
    if (error && !p->error)
        return -ENOMEM;
    p->reply = json_object_get(params);
    return 0;
}

int dmv_call(DmvConnection *c, const char *method, json_object *params, DmvCallNotify notify, void *userdata,
             json_object **ret, DmvFailure *reterr)
{
    return dmv_call_fd(c, method, params, -1, notify, userdata, ret, reterr);
}

int dmv_call_fd(DmvConnection *c, const char *method, json_object *params, int fd, DmvCallNotify notify,
                void *userdata, json_object **ret, DmvFailure *reterr)
{
    DMV_CLEANUP_JSON json_object *reply = NULL;
    DMV_CLEANUP_FREE char *qualified = NULL, *error = NULL;
    Pending p = {.notify = notify, .userdata = userdata};
    int r;

    if (asprintf(&qualified, "%s.%s", DMV_INTERFACE, method) < 0) {
        qualified = NULL;
        if (params)
            json_object_put(params);
        return dmv_failure_set(reterr, -ENOMEM, NULL);
    }
    r = vl_client_call(c->client, qualified, params, &fd, fd >= 0 ? 1 : 0, notify ? VL_CALL_MORE : 0,
                       on_reply, &p);
    reply = p.reply;
    error = p.error;
    if (r < 0)
        return r == -ENOMEM ? dmv_failure_set(reterr, r, NULL) : set_broken(reterr, c, r);
    if (error)
        return set_remote(reterr, error, reply);
    *ret = DMV_TAKE_PTR(reply);
    return 0;
}

int dmv_failure_exit(const DmvFailure *f)
{
    return dmv_outcome_exit_status(f->error.code);
}

json_object *dmv_failure_to_json(const DmvFailure *f)
{
    DMV_CLEANUP_JSON json_object *top = json_object_new_object(), *inner = json_object_new_object();
    int r;

    if (!top || !inner)
        return NULL;
    r = dmv_json_add_string(inner, "id", f->id);
    if (r == 0)
        r = dmv_json_add_string(inner, "reason", f->reason);
    if (r == 0)
        r = dmv_json_add_string(inner, "what", f->error.what);
    if (r == 0)
        r = dmv_json_add_string(inner, "why", f->error.why);
    if (r == 0)
        r = dmv_json_add_string(inner, "next", f->error.next);
    if (r == 0)
        r = dmv_json_add_int(inner, "exit", dmv_failure_exit(f));
    if (r == 0)
        r = dmv_json_add(top, "error", DMV_TAKE_PTR(inner));
    return r == 0 ? DMV_TAKE_PTR(top) : NULL;
}

static void print_text(const DmvFailure *f, const DmvScreen *s)
{
    DMV_CLEANUP_FREE char *what = f->error.what ? dmv_sanitize(f->error.what) : NULL;
    DMV_CLEANUP_FREE char *why = f->error.why ? dmv_sanitize(f->error.why) : NULL;
    DMV_CLEANUP_FREE char *next = f->error.next ? dmv_sanitize(f->error.next) : NULL;

    (void)fprintf(s->err, "%s: %s%s%s\n", s->program, what ? what : "", what && why ? ": " : "",
                  why ? why : "");
    if (next)
        (void)fprintf(s->err, "  next: %s\n", next);
}

void dmv_failure_print(const DmvFailure *f, const DmvScreen *s)
{
    DMV_CLEANUP_JSON json_object *o = s->mode == DMV_OUTPUT_TEXT ? NULL : dmv_failure_to_json(f);

    (void)fflush(s->out);
    if (!o || dmv_screen_json(s, o) < 0)
        print_text(f, s);
}
