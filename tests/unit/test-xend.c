/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs of xend: its configuration and the kernel's list of sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dmv/outcome.h"
#include "model/xend.h"

static int parse(const char *text, DmvXendConf *c)
{
    return dmv_xend_conf_parse(text, strlen(text), c);
}

static void assert_conf(const char *text, bool unix_server, bool http_server, unsigned port)
{
    DmvXendConf c = {0};

    assert_int_equal(parse(text, &c), 0);
    assert_int_equal(c.unix_server, unix_server);
    assert_int_equal(c.http_server, http_server);
    assert_int_equal(c.port, port);
}

static void test_settings(void **state)
{
    (void)state;
    assert_conf("", false, false, 8000);
    assert_conf("# -*- sh -*-\n#(xend-http-server yes)\n(xend-unix-server yes)\n", true, false, 8000);
    assert_conf("(xend-http-server yes)(xend-port            8001)", false, true, 8001);
    assert_conf("(xend-http-server 'yes') # because\n(xend-relocation-hosts-allow '^localhost$ ^a\\'b$')\n",
                false, true, 8000);
    assert_conf("(xend-http-server yes)\n(xend-http-server no)\n", false, false, 8000);
    assert_conf("(network-script (xend-http-server yes))", false, false, 8000);
    assert_conf("((xend-http-server yes))", false, false, 8000);
    assert_conf("(xend-http-server yes please)", false, false, 8000);
    assert_conf("(xend-http-server (x) yes)", false, false, 8000);
    assert_conf("xend-http-server yes", false, false, 8000);
    assert_conf("(xend-http-server \"yes\")", false, true, 8000);
    assert_conf("(xend-http-servers-of-a-name-that-is-far-longer-than-any-setting-has-one-of yes)", false,
                false, 8000);
}

static void test_malformed(void **state)
{
    static const char *const odd[] = {
        "(xend-http-server yes", ")", "(a b))", "('a", "(\"", "(xend-port 99999)", "(xend-port x)", "('a\\"};
    DmvXendConf c = {.http_server = true, .port = 7};

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_int_equal(parse(odd[i], &c), DMV_MALFORMED);
    assert_true(c.http_server && c.port == 7); /* not touched */
    assert_int_equal(dmv_xend_conf_parse("(a \0b)", 6, &c), 0);
}

#define HEADING \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000     0        0 22174 1 0000000000000000 100 0 0 10 0\n"

static bool listens(const char *text, unsigned port)
{
    return dmv_tcp_listens(text, strlen(text), (uint16_t)port);
}

static void test_sockets(void **state)
{
    static const char v4[] =
        HEADING "   0: 00000000:1F40 00000000:0000 0A" REST "   1: 0100007F:1F41 00000000:0000 0A" REST
                "   2: 0100007F:1F42 0100007F:9C40 01" REST;
    static const char v6[] =
        HEADING "   0: 00000000000000000000000000000000:1F43 00000000000000000000000000000000:0000 0A" REST;

    (void)state;
    assert_true(listens(v4, 8000));
    assert_true(listens(v4, 8001));  /* at the loopback's address */
    assert_false(listens(v4, 8002)); /* a connection */
    assert_false(listens(v4, 8003));
    assert_true(listens(v6, 8003));
    assert_false(listens("", 8000));
    assert_false(listens("   0: 00000000:1F40 00000000:0000", 8000));
    assert_false(listens("   0: 1F40 00000000:0000 0A", 8000));
    assert_false(listens("x\n\n:::\n", 8000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_sockets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
