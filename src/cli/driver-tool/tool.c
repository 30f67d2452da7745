/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * driver-tool: three questions to the daemon, in the words of a XenServer host.
 *
 * The callers run it at any time: in an installer's chroot, where nothing else of dmv runs, and at every
 * start of the toolstack. So it starts a daemon of its own where there is none. It never picks among what is
 * there: the listing and the selection ask the same function which release a variant stands for.
 */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonbuild.h"
#include "cli/call.h"
#include "cli/reply.h"
#include "cli/screen.h"
#include "listing.h"
#include "request.h"

#define SECONDS ((uint64_t)1000000)
#define TIMEOUT (1200 * SECONDS) /* depmod and what builds an image may be silent for long */

static const char help[] = "driver-tool -l\n"
                           "driver-tool -s -n DRIVER -v VARIANT\n"
                           "driver-tool -d DRIVER\n"
                           "\n"
                           "Driver multi-versioning, as the tools of a XenServer host call it. People have\n"
                           "dmvctl(1).\n"
                           "\n"
                           "  -l             list drivers and their variants as JSON\n"
                           "  -s             select a variant; the next modprobe takes it\n"
                           "  -d DRIVER      go back to the kernel's own driver\n"
                           "  -n DRIVER      name of the driver\n"
                           "  -v VARIANT     name of the variant\n"
                           "  -h             this text\n"
                           "  -V             the version\n";

typedef struct Tool {
    const DmvToolRequest *request;
    const DmvScreen *screen;
    DmvConnection connection;
} Tool;

static int print(const DmvScreen *s, json_object *o, FILE *out)
{
    DMV_CLEANUP_JSON json_object *owned = o;
    DmvScreen to = *s;

    to.out = out;
    return owned ? dmv_screen_json(&to, owned) : -ENOMEM;
}

/* ---- what the host has ---- */

/* Both replies, safe to print. */
static int ask(Tool *t, json_object **ret_drivers, json_object **ret_host, DmvFailure *reterr)
{
    DMV_CLEANUP_JSON json_object *drivers = NULL, *host = NULL, *params = json_object_new_object(),
                                 *of_host = json_object_new_object();
    int r = params && of_host ? dmv_json_add_bool(params, "installed", true) : -ENOMEM;

    /* a toolstack that starts waits neither for an RPM database nor for libvirt */
    if (r == 0)
        r = dmv_json_add_bool(params, "owners", false);
    if (r == 0)
        r = dmv_json_add_bool(of_host, "channels", false);
    if (r == 0)
        r = dmv_call(&t->connection, "ListDrivers", DMV_TAKE_PTR(params), NULL, NULL, &drivers, reterr);
    if (r == 0)
        r = dmv_call(&t->connection, "Describe", DMV_TAKE_PTR(of_host), NULL, NULL, &host, reterr);
    if (r == 0)
        r = dmv_reply_sanitize(drivers);
    if (r != 0)
        return r;
    *ret_drivers = DMV_TAKE_PTR(drivers);
    *ret_host = DMV_TAKE_PTR(host);
    return 0;
}

static void print_problems(const DmvScreen *s, json_object *listing)
{
    for (size_t i = 0; i < dmv_reply_count(listing, "dmv:problems"); i++) {
        json_object *p = dmv_reply_at(listing, "dmv:problems", i);

        (void)fprintf(s->err, "%s: %s: %s\n", s->program, dmv_reply_string_or(p, "object", ""),
                      dmv_reply_string_or(p, "why", ""));
    }
}

static int list(Tool *t, DmvFailure *reterr)
{
    DMV_CLEANUP_JSON json_object *drivers = NULL, *host = NULL, *listing = NULL;
    int r = ask(t, &drivers, &host, reterr);

    if (r != 0)
        return r;
    listing = dmv_listing_make(drivers, host);
    if (!listing)
        return -ENOMEM;
    print_problems(t->screen, listing);
    return print(t->screen, DMV_TAKE_PTR(listing), t->screen->out);
}

/* ---- changes ---- */

static int call_change(Tool *t, const char *method, const char *key, const char *object, DmvFailure *reterr)
{
    DMV_CLEANUP_JSON json_object *reply = NULL;
    DmvJsonBuilder b = {0};
    json_object *params;

    dmv_jb_object(&b);
    dmv_jb_exact(&b, key, object);
    dmv_jb_bool(&b, "now", true);
    /* an installer loads the module in the next moment, and a toolstack has no one to ask */
    dmv_jb_bool(&b, "acceptLifeline", true);
    dmv_jb_bool(&b, "acceptGuests", true);
    dmv_jb_string(&b, "because", "driver-tool");
    params = dmv_jb_end(&b);
    return params ? dmv_call(&t->connection, method, params, NULL, NULL, &reply, reterr) : -ENOMEM;
}

/* What xapi's own stand-in for this program prints. */
static int print_done(const Tool *t)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "driver", t->request->driver);
    dmv_jb_string(&b, "variant", t->request->variant);
    dmv_jb_int(&b, "exit", 0);
    return print(t->screen, dmv_jb_end(&b), t->screen->out);
}

static int select_variant(Tool *t, DmvFailure *reterr)
{
    DMV_CLEANUP_JSON json_object *drivers = NULL, *host = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *release = NULL;
    int r = ask(t, &drivers, &host, reterr);

    if (r != 0)
        return r;
    r = dmv_listing_release(drivers, host, t->request->driver, t->request->variant, &release, &e);
    if (r != 0)
        return dmv_failure_set(reterr, r, &e);
    r = call_change(t, "Select", "object", release, reterr);
    return r == 0 ? print_done(t) : r;
}

static int deselect(Tool *t, DmvFailure *reterr)
{
    int r = call_change(t, "Deselect", "driver", t->request->driver, reterr);

    return r == 0 ? print_done(t) : r;
}

/* ---- the program ---- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* The same variables as for dmvctl. */
static DmvConnectOptions options(void)
{
    DmvConnectOptions o = {.root = environment("DMV_ROOT"),
                           .sysfs = environment("DMV_SYSFS"),
                           .procfs = environment("DMV_PROCFS"),
                           .or_start = true,
                           .timeout_usec = TIMEOUT};

    if (!o.root && !o.sysfs && !o.procfs)
        o.address = environment("DMV_ADDRESS");
    return o;
}

static int act(Tool *t, DmvFailure *reterr)
{
    switch (t->request->action) {
    case DMV_TOOL_LIST:
        return list(t, reterr);
    case DMV_TOOL_SELECT:
        return select_variant(t, reterr);
    case DMV_TOOL_DESELECT:
        return deselect(t, reterr);
    case DMV_TOOL_NONE:
    case DMV_TOOL_HELP:
    case DMV_TOOL_VERSION:
        break;
    }
    return -EINVAL;
}

static int connect_and_act(const DmvToolRequest *q, const DmvScreen *s, DmvFailure *reterr)
{
    Tool t = {.request = q, .screen = s, .connection = DMV_CONNECTION_NULL};
    const DmvConnectOptions o = options();
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_connect(&o, &t.connection, &e), ended;

    r = r != 0 ? dmv_failure_set(reterr, r, &e) : act(&t, reterr);
    if (r != 0 && reterr->error.code == 0)
        dmv_failure_set(reterr, r, NULL);
    ended = dmv_connection_close(&t.connection, &e);
    /* how the daemon that was started ended says more than that its connection broke */
    if (ended != 0 && r == DMV_UNREACHABLE)
        dmv_failure_set(reterr, ended, &e);
    return r;
}

static int run(const DmvToolRequest *q, const DmvScreen *s)
{
    DMV_CLEANUP_FAILURE DmvFailure f = {0};

    if (connect_and_act(q, s, &f) == 0)
        return DMV_EXIT_OK;
    if (!f.error.what)
        f.error.what = q->driver ? strdup(q->driver) : strdup("cannot list the drivers");
    dmv_failure_print(&f, &(DmvScreen){.out = s->err, .err = s->err, .program = s->program});
    (void)print(s, dmv_tool_error(dmv_tool_errno(f.error.code)), s->out);
    return DMV_EXIT_FAILED;
}

int dmv_driver_tool(int argc, char **argv)
{
    DmvToolRequest q = {0};
    DmvScreen s;
    int status = DMV_EXIT_OK;

    dmv_screen_init(&s, "driver-tool", DMV_OUTPUT_JSON, DMV_COLOR_NEVER);
    if (dmv_tool_request_parse(argc, argv, &q) < 0) {
        (void)print(&s, dmv_tool_error(EINVAL), s.err);
        return DMV_EXIT_FAILED;
    }
    if (q.action == DMV_TOOL_HELP)
        (void)fputs(help, s.out);
    else if (q.action == DMV_TOOL_VERSION)
        (void)fputs("driver-tool " DMV_VERSION "\n", s.out);
    else
        status = run(&q, &s);
    return dmv_screen_flush(&s) == 0 ? status : DMV_EXIT_FAILED;
}
