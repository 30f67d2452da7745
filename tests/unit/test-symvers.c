/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Module.symvers: the real one of the installed headers, the older layouts, and what is none. */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/symvers.h"

static int parse(const char *text, DmvKabi **ret, DmvError *e)
{
    return dmv_symvers_parse(text, strlen(text), ret, e);
}

/* Every line of the real file, read once more by other means. */
static void test_real(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    DMV_CLEANUP_FCLOSE FILE *f = NULL;
    DMV_CLEANUP_FREE char *data = malloc((size_t)16 << 20);
    char name[600];
    glob_t files = {0};
    size_t size, lines = 0;
    uint32_t crc;

    (void)state;
    if (glob("/usr/src/linux-headers-*/Module.symvers", 0, NULL, &files) != 0)
        assert_int_equal(glob("/usr/src/kernels/*/Module.symvers", 0, NULL, &files), 0);
    f = fopen(files.gl_pathv[0], "re");
    globfree(&files);
    assert_non_null(f);
    assert_non_null(data);
    size = fread(data, 1, (size_t)16 << 20, f);
    assert_int_equal(dmv_symvers_parse(data, size, &k, NULL), 0);
    rewind(f);
    while (fscanf(f, "0x%" SCNx32 " %599s%*[^\n]\n", &crc, name) == 2) {
        uint32_t known = ~crc;

        assert_true(dmv_kabi_find(k, name, &known, NULL));
        assert_int_equal(known, crc);
        lines++;
    }
    assert_true(lines > 10000);
    assert_int_equal(dmv_kabi_size(k), lines);
    assert_true(dmv_kabi_is_complete(k));
    assert_null(dmv_kabi_vermagic(k));
    /* cut anywhere it is refused: the end of a line is missing, or it would be another list */
    DMV_CLEANUP_KABI DmvKabi *cut = NULL;
    assert_int_equal(dmv_symvers_parse(data, size - 1, &cut, NULL), DMV_MALFORMED);
}

static void test_layouts(void **state)
{
    static const struct {
        const char *line, *provider;
    } cases[] = {
        {"0x0000002a\tsymbol\tvmlinux\n", "vmlinux"},
        {"0x0000002a\tsymbol\tvmlinux\tEXPORT_SYMBOL\n", "vmlinux"},
        {"0x0000002a\tsymbol\tdrivers/net/ethernet/intel/ice/ice\tEXPORT_SYMBOL_GPL\t\n", "ice"},
        {"0x0000002a\tsymbol\tnet/vmw_vsock/vsock\tEXPORT_SYMBOL_GPL\tNS\n", "vsock"},
        /* 5.4 and 5.5 */
        {"0x0000002a\tsymbol\t\tnet/vmw_vsock/vsock\tEXPORT_SYMBOL_GPL\n", "vsock"},
        {"0x0000002a\tsymbol\tNS\tvmlinux\tEXPORT_SYMBOL_GPL\n", "vmlinux"},
        /* 64 bits wide */
        {"0x000000000000002a\tsymbol\tvmlinux\tEXPORT_SYMBOL\n", "vmlinux"},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_KABI DmvKabi *k = NULL;
        const char *provider = NULL;
        uint32_t crc = 0;

        if (parse(cases[i].line, &k, NULL) != 0)
            fail_msg("%s", cases[i].line);
        assert_true(dmv_kabi_find(k, "symbol", &crc, &provider));
        assert_int_equal(crc, 42);
        assert_string_equal(provider, cases[i].provider);
    }
}

static void test_malformed(void **state)
{
    static const char *const cases[] = {
        "\n",
        "0x0000002a\tsymbol\tvmlinux",
        "0x0000002a symbol vmlinux\n",
        "0x0000002a\tsymbol\n",
        "0x0000002a\t\tvmlinux\n",
        "0x0000002a\tsymbol\t\n",
        "0x0000002a\tsymbol\tfolder/\n",
        "0x0000002a\tsym bol\tvmlinux\n",
        "0x0000002a\tsymbol\tvm linux\n",
        "0x\tsymbol\tvmlinux\n",
        "2a\tsymbol\tvmlinux\n",
        "0X2a\tsymbol\tvmlinux\n",
        "0x2A\tsymbol\tvmlinux\n",
        "0x2g\tsymbol\tvmlinux\n",
        "0x-2\tsymbol\tvmlinux\n",
        "0x100000000\tsymbol\tvmlinux\n",
        "0x0000000000000002a\tsymbol\tvmlinux\n",
        "0x2a\tsymbol\tvmlinux\tEXPORT_SYMBOL\t\tmore\n",
        "0x2a\tsymbol\tvmlinux\r\n",
        "0x2a\tsymbol\tvmlinux\n\n",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_KABI DmvKabi *k = NULL;

        if (parse(cases[i], &k, NULL) != DMV_MALFORMED)
            fail_msg("'%s' is taken", cases[i]);
        assert_null(k);
    }
}

static void test_says_which_line(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    assert_int_equal(parse("0x1\ta\tvmlinux\n0x2\tb\tvmlinux\n0x3\ta\tvmlinux\n", &k, &e), DMV_MALFORMED);
    assert_string_equal(e.why, "line 3 is malformed");
    assert_int_equal(dmv_symvers_parse("", 0, &k, &e), DMV_EMPTY);
    assert_int_equal(dmv_symvers_parse("0x1\ta\0b\tvmlinux\n", 17, &k, &e), DMV_MALFORMED);
    /* the same twice says nothing new */
    assert_int_equal(parse("0x1\ta\tvmlinux\n0x1\ta\tvmlinux\n", &k, &e), 0);
    assert_int_equal(dmv_kabi_size(k), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_says_which_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
