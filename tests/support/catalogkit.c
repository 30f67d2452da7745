/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Catalogs made in memory. */
#include "catalogkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trustkit.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void add_package(DmvText *t, const CatalogRelease *r, const char *kernel)
{
    const char *package = r->package ? r->package : "p";

    dmv_text_appendf(
        t,
        "{\"kernel\":\"%s\",\"rpm\":{\"name\":\"%s\",\"nevra\":\"%s-%s-1.x86_64\",\"href\":\"p.rpm\","
        "\"size\":1000,\"sha256\":\"" SHA "\"},\"unpacked\":20,\"files\":["
        "{\"path\":\"info.json\",\"size\":10,\"sha256\":\"" SHA "\"},"
        "{\"path\":\"%s.ko\",\"size\":10,\"sha256\":\"" SHA "\"",
        kernel, package, package, r->version, r->module ? r->module : "ice");
    if (r->build_id)
        dmv_text_appendf(t, ",\"build_id\":\"%s\"", r->build_id);
    dmv_text_append(t, "}]}");
}

static void add_release(DmvText *t, const CatalogRelease *r)
{
    dmv_text_appendf(
        t,
        "{\"driver\":\"%s\",\"variant\":\"%s\",\"version\":\"%s\",\"sequence\":%d,\"type\":\"network\","
        "\"tier\":\"%s\",\"status\":\"beta\",\"priority\":50,%s"
        "\"pci_ids\":{\"%s.ko\":[{\"vendor_id\":\"%04x\",\"device_id\":\"%04x\","
        "\"subvendor_id\":\"*\",\"subdevice_id\":\"*\"}]},\"packages\":[",
        r->driver, r->variant, r->version, r->sequence, r->tier ? r->tier : "alternate",
        r->extra ? r->extra : "", r->module ? r->module : "ice", r->vendor, r->device);
    for (size_t i = 0; r->kernels[i]; i++) {
        dmv_text_append(t, i ? "," : "");
        add_package(t, r, r->kernels[i]);
    }
    dmv_text_append(t, "]}");
}

DmvCatalog *catalog_of(const char *stream, const CatalogRelease *releases, size_t n)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_FREE char *payload = NULL;
    DmvCatalog *c = NULL;
    int r;

    dmv_text_append(&t, "[");
    for (size_t i = 0; i < n; i++) {
        dmv_text_append(&t, i ? "," : "");
        add_release(&t, &releases[i]);
    }
    dmv_text_append(&t, "]");
    if (t.error)
        abort();
    payload = trust_catalog(1, stream, NULL, t.data);
    r = dmv_catalog_parse(payload, strlen(payload), &c, &e);
    if (r != 0) {
        (void)fprintf(stderr, "the catalog is refused: %s\n%s\n", e.why ? e.why : "-", payload);
        abort();
    }
    return c;
}
