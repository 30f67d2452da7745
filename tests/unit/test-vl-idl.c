/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "varlink/idl.h"

extern const char vl_interface_service[];
extern const char dmv_interface_manager[];
extern const char dmv_interface_fetch[];
extern const char dmv_interface_apply[];

#define HEAD "interface a.b\n"

/* From a heap copy of exactly that size, so that a sanitizer sees a read beyond it. */
static int parse(const char *text, size_t size, VlInterface **ret, DmvError *e)
{
    DMV_CLEANUP_FREE char *copy = malloc(size ? size : 1);

    memcpy(copy, text, size);
    return vl_interface_parse(copy, size, ret, e);
}

static void test_takes(void **state)
{
    static const char *const good[] = {
        HEAD,
        "interface a.b",
        "# c\n\ninterface\torg.example-x.y--z # d\n# e",
        HEAD "type T (a: bool, b: int, c: float, d: string, e: object, f: any)",
        HEAD
        "type T (a: ?bool,b:[]int,c:[string]float,d:?[]string,e:[][]int,f:[string][]T,g:[]?T,h:?[string]?T)",
        HEAD "type T ()",
        HEAD "type T (a: (), b: (x: (y: int)), c: [string]())",
        HEAD "type E (one)\ntype F (one, two_three, four5)",
        HEAD "method M()->()",
        HEAD "method M ( ) -> ( )",
        HEAD "method M(a: int, b: (one, two)) -> (c: T)\ntype T (x: ?T)\nerror E (y: T)",
        HEAD "# doc\ntype T (\n  # field\n  a: int, # behind\n  b: int # last\n  # end\n)\n",
        HEAD "error E()",
        HEAD "type Int (a: int)\ntype T2 (a: Int)",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++) {
        DMV_CLEANUP(vl_cleanup_interface) VlInterface *iface = NULL;
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r = parse(good[i], strlen(good[i]), &iface, &e);

        if (r != 0)
            print_error("%s\n%s\n", good[i], e.why);
        assert_int_equal(r, 0);
        assert_non_null(iface);
    }
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "interface",
        "interface ",
        "interface\n",
        "interfacea.b",
        "Interface a.b",
        "interface a",
        "interface a.",
        "interface .a",
        "interface a..b",
        "interface 1.a",
        "interface a.-b",
        "interface a-.b",
        "interface a.b-",
        "interface a.b_c",
        "interface a.b;",
        "method M() -> ()",
        HEAD "x",
        HEAD "Method M() -> ()",
        HEAD "method",
        HEAD "method M",
        HEAD "method m() -> ()",
        HEAD "method M_x() -> ()",
        HEAD "method M()",
        HEAD "method M() ->",
        HEAD "method M() - > ()",
        HEAD "method M() -> (",
        HEAD "method M() -> T",
        HEAD "method M(one, two) -> ()",
        HEAD "method M() -> (one)",
        HEAD "method M(?a: int) -> ()",
        HEAD "type T",
        HEAD "type T int",
        HEAD "type T []int",
        HEAD "type T ?(a: int)",
        HEAD "type T (a)x",
        HEAD "type T (a: int",
        HEAD "type T (a: int,)",
        HEAD "type T (,)",
        HEAD "type T (a int)",
        HEAD "type T (a: int b: int)",
        HEAD "type T (a:)",
        HEAD "type T (a: ??int)",
        HEAD "type T (a: ?)",
        HEAD "type T (a: [])",
        HEAD "type T (a: [int]int)",
        HEAD "type T (a: [ ]int)",
        HEAD "type T (a: integer)",
        HEAD "type T (a: int, a: int)",
        HEAD "type T (one, one)",
        HEAD "type T (a: int, b)",
        HEAD "type T (a, b: int)",
        HEAD "type T (a_: int)",
        HEAD "type T (_a: int)",
        HEAD "type T (a__b: int)",
        HEAD "type T (a-b: int)",
        HEAD "type T (1a: int)",
        HEAD "type T (a: Missing)",
        HEAD "type T (a: M)\nmethod M() -> ()",
        HEAD "type T (a: E)\nerror E ()",
        HEAD "type T ()\ntype T ()",
        HEAD "type T ()\nmethod T() -> ()",
        HEAD "method M() -> ()\nerror M ()",
        HEAD "error E",
        HEAD "error E int",
        HEAD "error E (one, two)",
        "interface a.b\r\n",
        HEAD "type T (a: int)\r\n",
        HEAD "type\rT ()",
        HEAD "\xff",
        HEAD "type T (a: int) }",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        VlInterface *iface = NULL;
        int r = parse(bad[i], strlen(bad[i]), &iface, NULL);

        if (r != DMV_MALFORMED)
            print_error("%s\n", bad[i]);
        assert_int_equal(r, DMV_MALFORMED);
        assert_null(iface);
    }
    {
        VlInterface *iface = NULL;

        assert_int_equal(parse("interface a.b\0", 14, &iface, NULL), DMV_MALFORMED);
        assert_int_equal(parse("", 0, &iface, NULL), DMV_EMPTY);
    }
}

static void test_limits(void **state)
{
    DMV_CLEANUP_FREE char *large = malloc(VL_IDL_SIZE_MAX + 1);
    VlInterface *iface = NULL;

    (void)state;
    memset(large, '\n', VL_IDL_SIZE_MAX + 1);
    memcpy(large, HEAD, strlen(HEAD));
    assert_int_equal(parse(large, VL_IDL_SIZE_MAX + 1, &iface, NULL), DMV_TOO_LARGE);
    assert_int_equal(parse(large, VL_IDL_SIZE_MAX, &iface, NULL), 0);
    iface = vl_interface_free(iface);
    for (unsigned depth = VL_IDL_DEPTH_MAX - 1; depth <= VL_IDL_DEPTH_MAX; depth++) {
        DMV_CLEANUP_TEXT DmvText t = {0};

        dmv_text_append(&t, HEAD "type T (a: ");
        for (unsigned i = 0; i < depth - 1; i++)
            dmv_text_append(&t, "[]");
        dmv_text_append(&t, "int)");
        assert_int_equal(parse(t.data, t.size, &iface, NULL), depth < VL_IDL_DEPTH_MAX ? 0 : DMV_TOO_DEEP);
        iface = vl_interface_free(iface);
    }
}

static void test_error_has_the_line(void **state)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    VlInterface *iface = NULL;

    (void)state;
    assert_int_equal(parse(HEAD "\ntype T (a: int,\n b)", strlen(HEAD) + 21, &iface, &e), DMV_MALFORMED);
    assert_string_equal(e.why, "line 4: a field needs a type, a value of an enum has none");
}

static void test_more_comments(void **state)
{
    static const char text[] = HEAD "# [Requires 'more' flag]\nmethod A() -> ()\n"
                                    "# doc\n# [Supports 'more' flag]\n\nmethod B() -> ()\n"
                                    "# [Requires 'more' flag]\n# later\nmethod C() -> ()\n"
                                    "method D() -> () # [Requires 'more' flag]\nmethod E() -> ()\n"
                                    "# [Requires 'more' flag]\ntype T ()\nmethod F() -> ()\n"
                                    "#[Requires 'more' flag]\nmethod G() -> ()\n";
    static const struct {
        const char *name;
        bool requires, supports;
    } want[] = {{"A", true, true},   {"B", false, true},  {"C", false, false},
                {"D", false, false}, {"F", false, false}, {"G", false, false}};
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *iface = NULL;

    (void)state;
    assert_int_equal(parse(text, sizeof(text) - 1, &iface, NULL), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(want); i++) {
        const VlSymbol *s = vl_interface_find(iface, VL_SYMBOL_METHOD, want[i].name);

        assert_non_null(s);
        assert_int_equal(s->requires_more, want[i].requires);
        assert_int_equal(s->supports_more, want[i].supports);
    }
    assert_null(vl_interface_find(iface, VL_SYMBOL_METHOD, "T"));
    assert_non_null(vl_interface_find(iface, VL_SYMBOL_TYPE, "T"));
}

static const char types[] =
    HEAD "type Mode (one, two)\n"
         "type Inner (a: int, mode: ?Mode)\n"
         "type All (b: ?bool, i: ?int, f: ?float, s: ?string, o: ?object, x: ?any, m: ?Mode,"
         " in: ?Inner, list: ?[]Inner, map: ?[string]int, set: ?[string](), opt: ?[]?int,"
         " deep: ?[][string][]Mode, r: ?All)\n"
         "type One (n: int)\n"
         "type Any (x: any)\n";

/* Return: what vl_type_validate() returns; @ret_where as it is there. */
static int validate(const char *type, const char *value, char **ret_where)
{
    const DmvJsonLimits limits = {.size = 10000, .depth = 32, .nodes = 1000, .wide_integers = true};
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *iface = NULL;
    DMV_CLEANUP_JSON json_object *o = NULL;

    assert_int_equal(parse(types, sizeof(types) - 1, &iface, NULL), 0);
    assert_int_equal(dmv_json_parse(value, strlen(value), &limits, &o, NULL), 0);
    return vl_type_validate(vl_interface_find(iface, VL_SYMBOL_TYPE, type)->type, o, ret_where);
}

static void test_valid_values(void **state)
{
    static const struct {
        const char *type, *value;
    } rows[] = {
        {"All", "{}"},
        {"All", "{\"b\":null,\"i\":null,\"f\":null,\"s\":null,\"o\":null,\"x\":null,\"m\":null,\"in\":null}"},
        {"All", "{\"b\":true,\"i\":-9223372036854775808,\"f\":1.5,\"s\":\"\",\"o\":{\"any\":[1]},\"x\":[],"
                "\"m\":\"two\"}"},
        {"All", "{\"f\":3}"},
        {"All", "{\"f\":99999999999999999999}"},
        {"All", "{\"in\":{\"a\":1},\"list\":[],\"map\":{},\"set\":{\"a\":{}},\"opt\":[null,1]}"},
        {"All",
         "{\"list\":[{\"a\":1,\"mode\":\"one\"},{\"a\":2,\"mode\":null}],\"deep\":[{\"k\":[\"one\"]},{}]}"},
        {"All", "{\"r\":{\"r\":{\"r\":{\"i\":1}}}}"},
        {"One", "{\"n\":1}"},
        {"Any", "{\"x\":false}"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++)
        assert_int_equal(validate(rows[i].type, rows[i].value, NULL), 0);
}

static void test_invalid_values(void **state)
{
    static const struct {
        const char *type, *value, *where;
    } rows[] = {
        {"One", "null", ""},
        {"One", "[]", ""},
        {"One", "{}", "n"},
        {"One", "{\"n\":null}", "n"},
        {"One", "{\"n\":\"1\"}", "n"},
        {"One", "{\"n\":1.0}", "n"},
        {"One", "{\"n\":1e2}", "n"},
        {"One", "{\"n\":9223372036854775808}", "n"},
        {"One", "{\"n\":true}", "n"},
        {"One", "{\"n\":1,\"m\":2}", "m"},
        {"Any", "{\"x\":null}", "x"},
        {"All", "{\"b\":0}", "b"},
        {"All", "{\"b\":\"true\"}", "b"},
        {"All", "{\"s\":1}", "s"},
        {"All", "{\"f\":\"1\"}", "f"},
        {"All", "{\"o\":[]}", "o"},
        {"All", "{\"m\":\"three\"}", "m"},
        {"All", "{\"m\":\"\"}", "m"},
        {"All", "{\"m\":1}", "m"},
        {"All", "{\"in\":{\"mode\":\"one\"}}", "in.a"},
        {"All", "{\"in\":{\"a\":1,\"zz\":1}}", "in.zz"},
        {"All", "{\"list\":{}}", "list"},
        {"All", "{\"list\":[{\"a\":1},{\"a\":1,\"mode\":\"x\"}]}", "list[1].mode"},
        {"All", "{\"list\":[null]}", "list[0]"},
        {"All", "{\"map\":{\"k y\":\"x\"}}", "map.k y"},
        {"All", "{\"map\":[]}", "map"},
        {"All", "{\"set\":{\"a\":{\"b\":1}}}", "set.a.b"},
        {"All", "{\"set\":{\"a\":null}}", "set.a"},
        {"All", "{\"opt\":[1,2,\"3\"]}", "opt[2]"},
        {"All", "{\"deep\":[{},{\"k\":[\"one\",\"none\"]}]}", "deep[1].k[1]"},
        {"All", "{\"r\":{\"r\":{\"i\":\"1\"}}}", "r.r.i"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(rows); i++) {
        DMV_CLEANUP_FREE char *where = NULL;

        assert_int_equal(validate(rows[i].type, rows[i].value, &where), 1);
        assert_string_equal(where, rows[i].where);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(vl_qualified_name_is_valid("io.dmv.Manager.List"));
    assert_true(vl_qualified_name_is_valid("a.b.C"));
    assert_false(vl_qualified_name_is_valid(NULL));
    assert_false(vl_qualified_name_is_valid(""));
    assert_false(vl_qualified_name_is_valid("a.C"));
    assert_false(vl_qualified_name_is_valid("a.b.c"));
    assert_false(vl_qualified_name_is_valid("a.b."));
    assert_false(vl_qualified_name_is_valid("a.b.C\"x"));
    assert_false(vl_qualified_name_is_valid(".b.C"));
}

/* What is shipped keeps to what every parser that is around understands (one of them refuses anything else).
 */
static bool is_simple(const VlType *t)
{
    const VlType *element = t->element;

    if ((t->kind == VL_KIND_STRUCT && t->n_fields == 0) || (t->kind == VL_KIND_ENUM && t->n_fields < 2))
        return false;
    if (t->kind == VL_KIND_ANY || (element && (element->element || element->nullable || !is_simple(element))))
        return false;
    for (size_t i = 0; i < t->n_fields; i++)
        if (t->fields[i].type && !is_simple(t->fields[i].type))
            return false;
    return true;
}

static bool fields_are_simple(const VlType *t)
{
    return t->n_fields == 0 || is_simple(t);
}

static void test_shipped_interfaces(void **state)
{
    const char *const shipped[] = {vl_interface_service, dmv_interface_manager, dmv_interface_fetch,
                                   dmv_interface_apply};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(shipped); i++) {
        DMV_CLEANUP(vl_cleanup_interface) VlInterface *iface = NULL;
        DMV_CLEANUP_ERROR DmvError e = {0};

        if (parse(shipped[i], strlen(shipped[i]), &iface, &e) != 0)
            print_error("%.40s: %s\n", shipped[i], e.why);
        assert_non_null(iface);
        assert_null(strchr(shipped[i], '\r'));
        for (size_t k = 0; k < iface->n_symbols; k++) {
            const VlSymbol *s = &iface->symbols[k];
            bool simple = s->kind == VL_SYMBOL_TYPE ? is_simple(s->type) : fields_are_simple(s->type);

            if (!simple || (s->out && !fields_are_simple(s->out)))
                print_error("%s.%s\n", iface->name, s->name);
            assert_true(simple && (!s->out || fields_are_simple(s->out)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_error_has_the_line),
        cmocka_unit_test(test_more_comments),
        cmocka_unit_test(test_valid_values),
        cmocka_unit_test(test_invalid_values),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_shipped_interfaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
