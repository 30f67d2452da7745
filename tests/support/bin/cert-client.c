/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's side of org.varlink.certification, against any server of it.
 *
 * Usage: cert-client ADDRESS; ends with 0 if the server says at the end that all was right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "varlink/varlink.h"

#define CERTIFICATION "org.varlink.certification."

typedef struct Answers {
    json_object *last;    /* what the last reply held */
    json_object *strings; /* of all replies to a call with `more` */
} Answers;

static int on_reply(const char *error, json_object *params, bool continues, void *userdata)
{
    Answers *a = userdata;
    json_object *string;

    (void)continues;
    if (error) {
        (void)fprintf(stderr, "%s %s\n", error, json_object_to_json_string(params));
        return -EPROTO;
    }
    if (json_object_object_get_ex(params, "string", &string) && a->strings)
        json_object_array_add(a->strings, json_object_get(string));
    json_object_put(a->last);
    a->last = json_object_get(params);
    return 0;
}

/* Calls a method with the last answer and the client's id. */
static int call(VlClient *c, const char *name, const char *id, unsigned flags, Answers *a)
{
    DMV_CLEANUP_JSON json_object *params = json_object_get(a->last);
    DMV_CLEANUP_TEXT DmvText method = {0};
    int r;

    dmv_text_appendf(&method, CERTIFICATION "%s", name);
    r = dmv_json_add_string(params, "client_id", id);
    if (r == 0)
        r = vl_client_call(c, method.data, DMV_TAKE_PTR(params), NULL, 0, flags, on_reply, a);
    if (r < 0)
        (void)fprintf(stderr, "%s: %s\n", name, strerror(-r));
    return r;
}

static int run_tests(VlClient *c, const char *id, Answers *a)
{
    int r = 0;

    for (unsigned i = 1; i <= 9 && r == 0; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "Test%02u", i);
        r = call(c, name, id, 0, a);
    }
    if (r < 0)
        return r;
    a->strings = json_object_new_array();
    r = call(c, "Test10", id, VL_CALL_MORE, a);
    if (r < 0)
        return r;
    json_object_put(a->last);
    a->last = json_object_new_object();
    r = dmv_json_add(a->last, "last_more_replies", DMV_TAKE_PTR(a->strings));
    if (r == 0)
        r = call(c, "Test11", id, VL_CALL_ONEWAY, a);
    if (r < 0)
        return r;
    json_object_put(a->last);
    a->last = json_object_new_object();
    return call(c, "End", id, 0, a);
}

static int run(const char *address, Answers *a)
{
    DMV_CLEANUP(vl_cleanup_client) VlClient *c = NULL;
    DMV_CLEANUP_FREE char *id = NULL;
    int r;

    r = vl_client_connect(address, &c);
    if (r < 0)
        return r;
    vl_client_set_timeout(c, UINT64_C(10) * 1000 * 1000);
    r = vl_client_call(c, CERTIFICATION "Start", NULL, NULL, 0, 0, on_reply, a);
    if (r < 0)
        return r;
    r = dmv_set_string(&id, json_object_get_string(json_object_object_get(a->last, "client_id")));
    if (r < 0)
        return r;
    json_object_put(a->last);
    a->last = json_object_new_object();
    r = run_tests(c, id, a);
    if (r < 0)
        return r;
    return json_object_get_boolean(json_object_object_get(a->last, "all_ok")) ? 0 : -EPROTO;
}

int main(int argc, char *argv[])
{
    Answers a = {0};
    int r;

    if (argc != 2)
        return 2;
    r = run(argv[1], &a);
    json_object_put(a.last);
    json_object_put(a.strings);
    (void)printf("%s\n", r == 0 ? "all_ok" : strerror(-r));
    return r != 0;
}
