/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guest worker says: written and read, and what no honest worker says is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/guest-reply.h"

#define REPLY(guests, problems) "{\"state\":\"ok\",\"guests\":[" guests "],\"problems\":[" problems "]}"
#define GUEST(rest) "{\"name\":\"a\",\"state\":\"defined\",\"devices\":[]" rest "}"
#define DEVICE(kind, what) \
    "{\"name\":\"a\",\"state\":\"defined\",\"devices\":[{\"kind\":\"" kind "\",\"what\":\"" what "\"}]}"

static int read_text(const char *text, DmvGuests *ret, DmvError *e)
{
    static const DmvJsonLimits limits = {.size = 1 << 20, .depth = 8, .nodes = 100000};
    DMV_CLEANUP_JSON json_object *o = NULL;

    assert_int_equal(dmv_json_parse(text, strlen(text), &limits, &o, NULL), 0);
    return dmv_guest_reply_read(o, DMV_CHANNEL_LIBVIRT, ret, e);
}

static void test_round_trip(void **state)
{
    DmvGuestDevice devices[] = {
        {.kind = DMV_BACKING_BLOCK, .what = (char *)"/dev/vg/a", .target = (char *)"xvda"},
        {.kind = DMV_BACKING_OTHER, .what = (char *)"network x"}};
    DmvGuest guests[] = {{.name = (char *)"a",
                          .uuid = (char *)"4dea22b3-1d52-d8f3-2516-782e98ab3fa0",
                          .id = 7,
                          .state = DMV_GUEST_RUNNING,
                          .type = (char *)"pv",
                          .boot = (char *)"kernel /boot/vmlinuz",
                          .devices = devices,
                          .n_devices = 2},
                         {.name = (char *)"b", .id = -1, .state = DMV_GUEST_DEFINED}};
    DmvProblem problems[] = {
        {.object = (char *)"etc/xen/c", .why = (char *)"no name", .code = DMV_MALFORMED}};
    DmvGuests g = {.items = guests, .n = 2, .problems = {problems, 1}};
    DMV_CLEANUP_GUESTS DmvGuests copy = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;

    (void)state;
    g.channels[DMV_CHANNEL_XENSTORE] =
        (DmvChannel){.state = DMV_CHANNEL_OK, .gave = (char *)"2 guests", .why = (char *)"as far as it goes"};
    o = dmv_guest_reply_render(&g, DMV_CHANNEL_XENSTORE);
    assert_non_null(o);
    assert_int_equal(dmv_guest_reply_read(o, DMV_CHANNEL_XENSTORE, &copy, NULL), 0);
    assert_int_equal(copy.channels[DMV_CHANNEL_XENSTORE].state, DMV_CHANNEL_OK);
    assert_string_equal(copy.channels[DMV_CHANNEL_XENSTORE].gave, "2 guests");
    assert_string_equal(copy.channels[DMV_CHANNEL_XENSTORE].why, "as far as it goes");
    assert_int_equal(copy.n, 2);
    assert_string_equal(copy.items[0].name, "a");
    assert_string_equal(copy.items[0].uuid, guests[0].uuid);
    assert_int_equal(copy.items[0].id, 7);
    assert_int_equal(copy.items[0].state, DMV_GUEST_RUNNING);
    assert_string_equal(copy.items[0].type, "pv");
    assert_string_equal(copy.items[0].boot, "kernel /boot/vmlinuz");
    assert_int_equal(copy.items[0].channels, 1u << DMV_CHANNEL_XENSTORE);
    assert_int_equal(copy.items[0].n_devices, 2);
    assert_int_equal(copy.items[0].devices[0].kind, DMV_BACKING_BLOCK);
    assert_string_equal(copy.items[0].devices[0].what, "/dev/vg/a");
    assert_string_equal(copy.items[0].devices[0].target, "xvda");
    assert_null(copy.items[0].devices[1].target);
    assert_int_equal(copy.items[1].id, -1);
    assert_null(copy.items[1].uuid);
    assert_int_equal(copy.problems.n, 1);
    assert_int_equal(copy.problems.items[0].code, DMV_MALFORMED);
    assert_string_equal(copy.problems.items[0].object, "etc/xen/c");
    assert_string_equal(copy.problems.items[0].why, "no name");
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[]", "object"},
        {"{\"state\":\"ok\",\"guests\":[]}", "problems"},
        {"{\"state\":\"good\",\"guests\":[],\"problems\":[]}", "the channel is in no known state"},
        {REPLY("7", ""), "object"},
        {REPLY("{\"name\":\"\",\"state\":\"defined\",\"devices\":[]}", ""), "name"},
        {REPLY("{\"name\":\"a\\u0007\",\"state\":\"defined\",\"devices\":[]}", ""), "not printable"},
        {REPLY("{\"name\":\"a\",\"state\":\"on\",\"devices\":[]}", ""), "no known state"},
        {REPLY(GUEST(",\"uuid\":\"4dea22b31d52d8f32516782e98ab3fa0\""), ""), "UUID"},
        {REPLY(GUEST(",\"uuid\":\"00000000-0000-0000-0000-000000000000\""), ""), "UUID"},
        {REPLY(GUEST(",\"id\":0"), ""), "number"},
        {REPLY(GUEST(",\"id\":-2"), ""), "number"},
        {REPLY(GUEST(",\"more\":1"), ""), "more"},
        {REPLY(DEVICE("interface", "../../x"), ""), "what cannot be"},
        {REPLY(DEVICE("pci", "03:00.0"), ""), "what cannot be"},
        {REPLY(DEVICE("file", "x"), ""), "what cannot be"},
        {REPLY(DEVICE("disk", "/x"), ""), "what cannot be"},
        {REPLY(DEVICE("block", "/dev/\\u001b[2J"), ""), "not printable"},
        {REPLY("", "{\"object\":\"x\",\"reason\":\"failed\"}"), "why"},
        {REPLY("", "{\"object\":\"x\\n\",\"reason\":\"failed\",\"why\":\"\"}"), "not printable"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_GUESTS DmvGuests g = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(read_text(cases[i].text, &g, &e), DMV_MALFORMED);
        assert_non_null(strstr(e.why, cases[i].why));
        assert_int_equal(g.n, 0);
    }
}

/* What lists may hold is bounded, whatever the size of a message may be. */
static void test_too_many(void **state)
{
    const char *const item[] = {"{\"name\":\"a\",\"state\":\"defined\",\"devices\":[]}",
                                "{\"object\":\"\",\"reason\":\"ok\",\"why\":\"\"}",
                                "{\"kind\":\"other\",\"what\":\"a\"}"};
    const char *const around[][2] = {
        {"{\"state\":\"ok\",\"problems\":[],\"guests\":[", "]}"},
        {"{\"state\":\"ok\",\"guests\":[],\"problems\":[", "]}"},
        {"{\"state\":\"ok\",\"problems\":[],\"guests\":[{\"name\":\"a\",\"state\":\"defined\",\"devices\":[",
         "]}]}"}};
    const size_t most[] = {DMV_GUESTS_MAX, DMV_GUESTS_MAX, DMV_GUEST_DEVICES_MAX};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(item); i++)
        for (size_t n = most[i]; n <= most[i] + 1; n++) {
            DMV_CLEANUP_GUESTS DmvGuests g = {0};
            DMV_CLEANUP_TEXT DmvText t = {0};

            dmv_text_append(&t, around[i][0]);
            for (size_t k = 0; k < n; k++)
                dmv_text_appendf(&t, "%s%s", k ? "," : "", item[i]);
            dmv_text_append(&t, around[i][1]);
            assert_int_equal(t.error, 0);
            assert_int_equal(read_text(t.data, &g, NULL), n > most[i] ? DMV_TOO_LARGE : 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
