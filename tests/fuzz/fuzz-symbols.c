/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The symbol versions of a module from anywhere: refused with a reason, or all of them usable. */
#include <string.h>

#include "fuzz.h"
#include "host/symbols.h"

static void check(const DmvSymbol *symbols, size_t n)
{
    for (size_t i = 0; i < n; i++)
        must(dmv_kabi_symbol_is_valid(symbols[i].name, strlen(symbols[i].name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_module_symbols_deinit) DmvModuleSymbols m = {0};
    DMV_CLEANUP(dmv_kabi_report_deinit) DmvKabiReport report = {0};
    DMV_CLEANUP_KABI DmvKabi *kernel = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_symbols_parse(data, size, &m, &e);

    must(r >= 0);
    if (r > 0) {
        must(e.code == r && e.why && !m.arena);
        return 0;
    }
    check(m.needs, m.n_needs);
    check(m.exports, m.n_exports);
    /* a kernel that is just what the module needs */
    must(dmv_kabi_new(&kernel) == 0 && dmv_kabi_set_vermagic(kernel, m.vermagic) == 0);
    must(dmv_kabi_add_witness(kernel, &m, "module") == 0);
    r = dmv_kabi_check(&m, NULL, kernel, &report, NULL);
    must(m.vermagic && (m.versioned || !dmv_vermagic_has_modversions(m.vermagic))
             ? r == 0
             : r == DMV_KERNEL_ABI_UNKNOWN);
    return 0;
}
