/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all verbs of dmvctl have in common: read the command line, connect, call, show, and end with the
 * status that says how it went. A verb itself is a row of data and two functions (verb.h).
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/agent.h"
#include "cli/call.h"
#include "cli/progress.h"
#include "cli/reply.h"
#include "cli/screen.h"
#include "remote.h"

#define SECONDS ((uint64_t)1000000)
#define TIMEOUT_READ (150 * SECONDS) /* longer than two rounds of questions to the channels of a Xen host */
#define TIMEOUT_PASSWORD (360 * SECONDS) /* longer than dmvd waits for polkit */
#define TIMEOUT_JOB (1200 * SECONDS) /* downloads, depmod and what builds an image may be silent for long */

typedef struct Run {
    const DmvArguments *arguments;
    const DmvScreen *screen;
    DmvConnection connection;
    DmvProgress progress;
    pid_t agent; /* asks for passwords, 0: nobody needed one */
    int status;  /* of the first call that did not end well */
} Run;

static int usage(const DmvScreen *s, DmvError *e, int code)
{
    DMV_CLEANUP_FAILURE DmvFailure f = {0};

    dmv_failure_set(&f, code, e);
    dmv_failure_print(&f, s);
    return dmv_failure_exit(&f);
}

/* A refused command line has no mode yet; an error must be JSON all the same if that was asked for anywhere.
 */
static DmvOutputMode mode_of(int argc, char **argv, DmvOutputMode parsed)
{
    for (int i = 1; i < argc && parsed == DMV_OUTPUT_TEXT && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-j") == 0 || strncmp(argv[i], "--json", strlen("--json")) == 0)
            parsed = strcmp(argv[i], "--json=pretty") == 0 ? DMV_OUTPUT_JSON_PRETTY : DMV_OUTPUT_JSON;
    return parsed;
}

static uint64_t timeout_of(const DmvArguments *a)
{
    if (a->timeout != UINT64_MAX)
        return a->timeout * SECONDS;
    if (a->verb->flags & DMV_VERB_STREAM)
        return 0;
    return a->verb->flags & DMV_VERB_JOB ? TIMEOUT_JOB : TIMEOUT_READ;
}

/* Shows one reply as text or JSON. */
static int show(Run *run, json_object *reply)
{
    const DmvVerb *verb = run->arguments->verb;
    int r = 0;

    if (verb->filter)
        r = verb->filter(run->arguments, reply);
    if (r < 0)
        return r;
    if (run->screen->mode != DMV_OUTPUT_TEXT)
        return dmv_screen_json(run->screen, reply);
    r = dmv_reply_sanitize(reply);
    return r < 0 ? r : verb->render(run->screen, run->arguments, reply);
}

static int on_partial(json_object *reply, void *userdata)
{
    Run *run = userdata;
    int r;

    if (!(run->arguments->verb->flags & DMV_VERB_STREAM))
        return dmv_progress_show(&run->progress, dmv_reply_object(reply, "job"));
    r = show(run, reply);
    return r < 0 ? r : dmv_screen_flush(run->screen);
}

static void set_what(DmvFailure *f, const DmvVerb *verb, const char *object)
{
    if (f->error.what)
        return;
    if (asprintf(&f->error.what, "cannot %s%s%s", verb->name, object ? " " : "", object ? object : "") < 0)
        f->error.what = NULL;
}

static int make_request(const DmvArguments *a, const char *object, json_object **ret, DmvFailure *reterr)
{
    DMV_CLEANUP_JSON json_object *params = json_object_new_object();
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = params ? 0 : -ENOMEM;

    if (r == 0 && a->verb->request)
        r = a->verb->request(a, object, params, &e);
    if (r != 0)
        return dmv_failure_set(reterr, r, &e);
    *ret = DMV_TAKE_PTR(params);
    return 0;
}

/* O_NONBLOCK: a FIFO must not make us wait for its other end. What kind of file it is judges the daemon. */
static int open_file(const DmvVerb *verb, const char *path, int *ret, DmvFailure *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (!(verb->flags & DMV_VERB_FILE))
        return 0;
    *ret = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*ret >= 0)
        return 0;
    (void)dmv_error_set(&e, errno == EACCES ? DMV_DENIED : DMV_NO_SUCH_OBJECT, NULL, NULL, "%s",
                        strerror(errno));
    return dmv_failure_set(reterr, e.code, &e);
}

/* Is somebody there who can type, and does nothing read what we print? */
static bool may_ask_for_password(const Run *run)
{
    return run->screen->mode == DMV_OUTPUT_TEXT && run->screen->err_tty && isatty(STDIN_FILENO);
}

/* From here on calls may wait for a password. */
static void begin_asking(Run *run)
{
    uint64_t timeout = timeout_of(run->arguments);

    if (run->arguments->timeout == UINT64_MAX && timeout > 0 && timeout < TIMEOUT_PASSWORD)
        vl_client_set_timeout(run->connection.client, TIMEOUT_PASSWORD);
    run->agent = dmv_agent_start(&run->connection.old_mask);
}

/* The call; and once more if all that it takes is a password, since nothing was done the first time. */
static int call_method(Run *run, json_object *params, int fd, json_object **ret, DmvFailure *reterr)
{
    const DmvVerb *verb = run->arguments->verb;
    DmvCallNotify notify = verb->flags & (DMV_VERB_JOB | DMV_VERB_STREAM) ? on_partial : NULL;
    int r =
        dmv_call_fd(&run->connection, verb->method, json_object_get(params), fd, notify, run, ret, reterr);

    if (r != DMV_AUTHENTICATION_REQUIRED || !may_ask_for_password(run))
        return r;
    dmv_failure_clear(reterr);
    if (run->agent == 0)
        begin_asking(run);
    r = dmv_json_add_bool(params, "allowInteractiveAuthentication", true);
    if (r < 0)
        return dmv_failure_set(reterr, r, NULL);
    return dmv_call_fd(&run->connection, verb->method, json_object_get(params), fd, notify, run, ret, reterr);
}

/* One call and its screen. Return: 0, or nonzero with @reterr. */
static int call_once(Run *run, const char *object, DmvFailure *reterr)
{
    const DmvVerb *verb = run->arguments->verb;
    DMV_CLEANUP_JSON json_object *params = NULL, *reply = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    r = make_request(run->arguments, object, &params, reterr);
    if (r == 0)
        r = open_file(verb, object, &fd, reterr);
    if (r == 0)
        r = call_method(run, params, fd, &reply, reterr);
    dmv_progress_end(&run->progress);
    if (r == DMV_CANCELLED && verb->flags & DMV_VERB_STREAM) {
        dmv_failure_clear(reterr); /* there is no other way to end it */
        return 0;
    }
    if (r != 0) {
        set_what(reterr, verb, object);
        return r;
    }
    r = show(run, reply);
    if (r < 0)
        return dmv_failure_set(reterr, r, NULL);
    if (verb->status && run->status == DMV_EXIT_OK)
        run->status = verb->status(run->arguments, reply);
    return 0;
}

static void note_failure(Run *run, const DmvFailure *f)
{
    dmv_failure_print(f, run->screen);
    if (run->status == DMV_EXIT_OK)
        run->status = dmv_failure_exit(f);
}

/* One object that fails does not keep the others from being tried; a lost connection does. */
static void call_all(Run *run, DmvFailure *reterr)
{
    const DmvArguments *a = run->arguments;
    bool each = a->verb->flags & DMV_VERB_EACH;
    size_t n = each ? dmv_strv_length(a->objects) : 1;

    for (size_t i = 0; i < n; i++) {
        int r = call_once(run, dmv_arguments_object(a, i), reterr);

        if (r == DMV_UNREACHABLE || r == DMV_CANCELLED)
            return;
        if (r != 0)
            note_failure(run, reterr);
        dmv_failure_clear(reterr);
    }
}

/* What the command line asks for must make sense before a daemon is bothered, or started. */
static int check_requests(const DmvArguments *a, DmvFailure *reterr)
{
    size_t n = a->verb->flags & DMV_VERB_EACH ? dmv_strv_length(a->objects) : 1;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        DMV_CLEANUP_JSON json_object *params = NULL;

        r = make_request(a, dmv_arguments_object(a, i), &params, reterr);
        if (r != 0)
            set_what(reterr, a->verb, dmv_arguments_object(a, i));
    }
    return r;
}

static int connect_and_call(Run *run)
{
    const DmvArguments *a = run->arguments;
    DmvConnectOptions o = {.root = a->root,
                           .sysfs = a->sysfs,
                           .procfs = a->procfs,
                           .address = a->address,
                           .timeout_usec = timeout_of(a)};
    DMV_CLEANUP_FAILURE DmvFailure f = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = check_requests(a, &f);

    if (r == 0) {
        r = dmv_connect(&o, &run->connection, &e);
        if (r != 0)
            dmv_failure_set(&f, r, &e);
        else
            call_all(run, &f);
    }
    dmv_agent_stop(run->agent);
    r = dmv_connection_close(&run->connection, &e);
    /* how the daemon that was started ended says more than that its connection broke */
    if (r != 0 && (f.error.code == 0 || f.error.code == DMV_UNREACHABLE))
        dmv_failure_set(&f, r, &e);
    if (f.error.code != 0)
        note_failure(run, &f);
    return run->status;
}

static int run_verb(const DmvArguments *a, const DmvScreen *s)
{
    Run run = {.arguments = a, .screen = s, .connection = DMV_CONNECTION_NULL, .progress = {.screen = s}};
    int r;

    if (a->verb->method)
        return connect_and_call(&run);
    r = a->verb->render(s, a, NULL);
    return r < 0 ? usage(s, NULL, r) : r;
}

static int finish(const DmvScreen *s, int status)
{
    int r = dmv_screen_flush(s);

    if (r == 0)
        return status;
    (void)fprintf(s->err, "%s: cannot write the output: %s\n", s->program,
                  r == -ENODATA ? "it is not complete" : strerror(-r));
    return status == DMV_EXIT_OK ? DMV_EXIT_FAILED : status;
}

static int dispatch(DmvArguments *a, DmvScreen *s)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r;

    if (a->help) {
        dmv_verb_print_help(a->named ? a->verb : NULL, s->out);
        return DMV_EXIT_OK;
    }
    if (a->version)
        return run_verb(&(DmvArguments){.verb = &dmv_verb_version}, s);
    if (a->host) {
        r = dmv_remote_run(a, s->out_tty && s->err_tty, &e);
        return usage(s, &e, r);
    }
    dmv_arguments_environment(a);
    if (a->verb->flags & DMV_VERB_STREAM && s->mode == DMV_OUTPUT_JSON_PRETTY && a->mode == DMV_OUTPUT_JSON)
        s->mode = DMV_OUTPUT_JSON_SHORT;
    return run_verb(a, s);
}

int dmv_run(int argc, char **argv, const DmvVerb *const verbs[])
{
    DMV_CLEANUP_ARGUMENTS DmvArguments a = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvOutputMode mode;
    DmvScreen s;
    int r = dmv_arguments_parse(argc, argv, verbs, &a, &e);

    mode = r == 0 ? a.mode : mode_of(argc, argv, a.mode);
    dmv_screen_init(&s, "dmvctl", mode, a.color);
    r = r != 0 ? usage(&s, &e, r) : dispatch(&a, &s);
    return finish(&s, r);
}
