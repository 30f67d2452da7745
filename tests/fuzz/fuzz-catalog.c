/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A catalog that is taken is in order, can be looked up, and its index agrees with its ids. */
#include <string.h>

#include "fuzz.h"
#include "model/catalog.h"

static bool fits(const DmvRelease *r, const DmvDevice *d)
{
    for (size_t i = 0; i < r->n_ids; i++)
        if (dmv_module_ids_match(&r->ids[i], d))
            return true;
    return false;
}

static void ask_for(const DmvCatalog *c, const DmvDevice *d)
{
    DMV_CLEANUP_FREE size_t *keys = NULL;
    size_t n = 0, at = 0;

    must(dmv_matcher_find(c->matcher, d, &keys, &n) == 0);
    for (size_t i = 0; i < c->n_releases; i++) {
        bool found = at < n && keys[at] == i;

        must(found == fits(&c->releases[i], d));
        at += found;
    }
    must(at == n);
}

static void check_release(const DmvCatalog *c, const DmvRelease *r)
{
    char modalias[] = "pci:v00008086d000010D3sv00001028sd0000A01Fbc02sc00i00";
    DmvDevice d = {
        .vendor = 0x8086, .device = 0x10d3, .subvendor = 0x1028, .subdevice = 0xa01f, .modalias = modalias};

    must(dmv_catalog_release(c, r->driver, r->variant, r->version) == r);
    must(dmv_name_is_valid(r->driver) && dmv_name_is_valid(r->variant) && dmv_name_is_valid(r->version));
    must(r->trial_boots >= 0 && r->trial_boots <= DMV_CATALOG_TRIAL_BOOTS_MAX);
    must(r->trial_hours >= 0 && r->trial_hours <= DMV_CATALOG_TRIAL_HOURS_MAX);
    for (size_t i = 0; i < r->n_packages; i++) {
        must(dmv_release_package(r, r->packages[i].kernel) == &r->packages[i]);
        must(dmv_relative_path_is_valid(r->packages[i].href) && r->packages[i].n_files > 0);
        for (size_t k = 0; k < r->packages[i].n_files; k++)
            must(dmv_relative_path_is_valid(r->packages[i].files[k].path));
    }
    ask_for(c, &d);
    if (r->n_ids > 0 && r->ids[0].n_ids > 0) {
        d.vendor = (uint16_t)r->ids[0].ids[0].vendor;
        d.device = (uint16_t)r->ids[0].ids[0].device;
        ask_for(c, &d);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (dmv_catalog_parse((const char *)data, size, &c, &e) != 0) {
        must(!c && e.why != NULL);
        return 0;
    }
    must(c->version > 0 && dmv_name_is_valid(c->stream));
    for (size_t i = 0; i < c->n_releases; i++)
        check_release(c, &c->releases[i]);
    return 0;
}
