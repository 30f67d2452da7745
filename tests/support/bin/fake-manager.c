/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real Varlink server of io.dmv.Manager that answers from files: the screens, exit statuses and messages of
 * the command line tools are tested against it without a host to manage.
 *
 * The answer to METHOD is $FAKE_REPLIES/METHOD.json: an array of replies, all but the last with "continues".
 *   {"parameters": {...}}                       a reply
 *   {"error": "io.dmv...", "parameters": {...}}  an error
 *   {"hang": true}                              no reply: the call is kept until the client goes away
 *   {"exit": N}                                 the daemon dies with that status
 * Every call is written to $FAKE_LOG as a line: METHOD PARAMETERS.
 *
 *   fake-manager --socket PATH     listens there until it is killed
 *   fake-manager [OPTIONS]         serves the descriptor that was passed; like dmvd, ends with the
 * connection. The options are written to $FAKE_LOG, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "dmv/interface.h"
#include "varlink/varlink.h"

static const char *const methods[] = {
    "Describe",      "ListDevices", "ListDrivers", "Show",        "Why",
    "Status",        "Refresh",     "Install",     "Import",      "Remove",
    "Select",        "Deselect",    "Undo",        "Pin",         "Unpin",
    "Plan",          "Activate",    "Rollback",    "Commit",      "ListGenerations",
    "History",       "Verify",      "Doctor",      "CheckKernel", "Rescan",
    "Monitor",       "Boot",        "Health",      "WhyNot",      "StopGuests",
    "RestoreGuests", "Impact",
};

static VlCall *kept; /* never answered */

static void log_line(const char *a, const char *b)
{
    const char *path = getenv("FAKE_LOG");
    DMV_CLEANUP_FCLOSE FILE *f = path ? fopen(path, "ae") : NULL;

    if (f)
        (void)fprintf(f, "%s %s\n", a, b);
}

static json_object *load(const char *method)
{
    DMV_CLEANUP_FREE char *path = NULL;

    if (asprintf(&path, "%s/%s.json", getenv("FAKE_REPLIES"), method) < 0)
        path = NULL;
    return path ? json_object_from_file(path) : NULL;
}

static json_object *member(json_object *o, const char *key)
{
    return json_object_get(json_object_object_get(o, key));
}

static void log_call(const char *method, json_object *params)
{
    DMV_CLEANUP_FREE char *text = NULL;

    if (dmv_json_format(params, &text, NULL) == 0)
        log_line(method, text);
}

static int answer(VlCall *call, json_object *reply, bool last)
{
    json_object *error = json_object_object_get(reply, "error");

    if (json_object_object_get(reply, "exit"))
        _exit(json_object_get_int(json_object_object_get(reply, "exit")));
    if (json_object_object_get(reply, "hang")) {
        kept = vl_call_ref(call);
        return 0;
    }
    if (error)
        return vl_call_error(call, json_object_get_string(error), member(reply, "parameters"));
    if (last)
        return vl_call_reply(call, member(reply, "parameters"));
    if (!vl_call_wants_more(call))
        return 0;
    return vl_call_notify(call, member(reply, "parameters"));
}

static int on_call(VlCall *call, json_object *params, void *userdata)
{
    const char *method = userdata;
    DMV_CLEANUP_JSON json_object *replies = load(method);
    size_t n = replies ? json_object_array_length(replies) : 0;
    int r = 0;

    log_call(method, params);
    if (n == 0)
        return vl_call_error(call, "org.varlink.service.MethodNotImplemented", NULL);
    for (size_t i = 0; i < n && r >= 0; i++)
        r = answer(call, json_object_array_get_idx(replies, i), i + 1 == n);
    return 0;
}

static void on_connections(unsigned n, void *userdata)
{
    if (n == 0)
        (void)sd_event_exit(userdata, 0);
}

static int make_server(sd_event *event, VlServer **ret)
{
    static const VlConfig config = {
        .vendor = "dmv", .product = "fake", .version = "0", .url = "https://example.org/"};
    int r = vl_server_new(event, &config, ret);

    if (r == 0)
        r = vl_server_add_interface(*ret, dmv_interface_manager);
    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(methods); i++) {
        DMV_CLEANUP_FREE char *name = NULL;

        if (asprintf(&name, "%s.%s", DMV_INTERFACE, methods[i]) < 0)
            return -ENOMEM;
        r = vl_server_bind(*ret, name, on_call, 0, (void *)methods[i]);
    }
    return r == 0 ? vl_server_check(*ret) : r;
}

static int serve(VlServer *server, sd_event *event, int argc, char **argv)
{
    int r;

    if (argc == 3 && strcmp(argv[1], "--socket") == 0) {
        r = vl_server_listen(server, argv[2], 0600);
        return r < 0 ? r : sd_event_loop(event);
    }
    for (int i = 1; i < argc; i++)
        log_line("option", argv[i]);
    vl_server_on_connections(server, on_connections, event);
    r = vl_server_listen_auto(server);
    if (r <= 0)
        return r < 0 ? r : -ENOTCONN;
    return sd_event_loop(event);
}

int main(int argc, char **argv)
{
    sd_event *event = NULL;
    VlServer *server = NULL;
    int r = sd_event_new(&event);

    if (r >= 0)
        r = make_server(event, &server);
    if (r >= 0)
        r = serve(server, event, argc, argv);
    if (r < 0)
        (void)fprintf(stderr, "fake-manager: %s\n", strerror(-r));
    kept = kept ? vl_call_unref(kept) : NULL;
    (void)vl_server_free(server);
    (void)sd_event_unref(event);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
