/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command lines by a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "cli/publish/args.h"

typedef struct Parsed {
    bool flag, done;
    const char *string;
    int64_t number;
    char **list, **maybe;
    const char *operands[2];
} Parsed;

static int parse(Parsed *p, DmvError *e, ...)
{
    const DmvArg args[] = {
        {"flag", DMV_ARG_FLAG, &p->flag, NULL, "a flag"},
        {"string", DMV_ARG_STRING, &p->string, "S", "a string"},
        {"number", DMV_ARG_INT, &p->number, "N", "a number"},
        {"list", DMV_ARG_LIST, &p->list, "L", "a list"},
        {"maybe", DMV_ARG_MAYBE, &p->maybe, "M", "maybe one"},
    };
    const DmvArgsSpec spec = {"test", "A B", 2, args, DMV_N_ELEMENTS(args)};
    char *argv[16] = {(char *)"test"};
    int argc = 1;
    va_list ap;

    va_start(ap, e);
    while (argc < 15 && (argv[argc] = va_arg(ap, char *)))
        argc++;
    va_end(ap);
    return dmv_args_parse(&spec, argc, argv, p->operands, &p->done, e);
}

static void deinit(Parsed *p)
{
    dmv_strv_free(p->list);
    dmv_strv_free(p->maybe);
}
#define PARSED __attribute__((cleanup(deinit))) Parsed

static void test_everything(void **state)
{
    PARSED p = {0};

    (void)state;
    assert_int_equal(parse(&p, NULL, "--flag", "a", "--string", "s", "--number=12", "--list", "x", "b",
                           "--list=y", "--maybe", "--maybe=3", NULL),
                     0);
    assert_true(p.flag);
    assert_string_equal(p.string, "s");
    assert_int_equal(p.number, 12);
    assert_int_equal(dmv_strv_length(p.list), 2);
    assert_string_equal(p.list[1], "y");
    assert_string_equal(p.maybe[0], "");
    assert_string_equal(p.maybe[1], "3");
    assert_string_equal(p.operands[0], "a");
    assert_string_equal(p.operands[1], "b");
    assert_false(p.done);
}

static void assert_refused(const char *a, const char *b, const char *c, const char *word)
{
    PARSED p = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    assert_int_equal(parse(&p, &e, a, b, c, NULL), DMV_INVALID_REQUEST);
    assert_non_null(strstr(e.why, word));
    assert_string_equal(e.next, "see dmv-publish test --help");
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused("a", NULL, NULL, "missing");
    assert_refused("a", "b", "c", "more than");
    assert_refused("--nope", "a", "b", "--nope");
    assert_refused("a", "b", "--string", "--string");
    assert_refused("a", "b", "--number=x", "x");
    assert_refused("a", "b", "--number=-1", "-1");
    assert_refused("a", "b", "--number=99999999999", "99999999999");
    assert_refused("a", "b", "--flag=1", "--flag=1");
}

static void test_help(void **state)
{
    PARSED p = {0};

    (void)state;
    assert_int_equal(parse(&p, NULL, "--help", NULL), 0);
    assert_true(p.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
