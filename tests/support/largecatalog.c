/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A large catalog for measurements. See largecatalog.h. */
#include "largecatalog.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/text.h"

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "largecatalog: %s failed\n", what);
    abort();
}

DmvPciId large_catalog_id(size_t i, size_t k)
{
    uint32_t driver = (uint32_t)(i / LARGE_CATALOG_VERSIONS);

    /* a few vendors with many devices each */
    return (DmvPciId){.vendor = 0x1000 + driver % 16,
                      .device = (driver / 16 * LARGE_CATALOG_IDS + (uint32_t)k) & 0xffff,
                      .subvendor = DMV_PCI_ANY,
                      .subdevice = DMV_PCI_ANY};
}

/* A hash of a running number: looks like one to a compressor and to a parser. */
static void append_hex(DmvText *t, size_t seed)
{
    char hex[DMV_SHA256_HEX];

    need(dmv_sha256_hex(&seed, sizeof(seed), hex) == 0, "sha256");
    dmv_text_append(t, hex);
}

static void append_file(DmvText *t, const char *comma, const char *path, size_t seed, bool module)
{
    dmv_text_appendf(t, "%s{\"path\":\"%s\",\"size\":%zu,\"sha256\":\"", comma, path, seed % 900000 + 1000);
    append_hex(t, seed);
    dmv_text_append(t, "\"");
    if (module)
        dmv_text_appendf(t, ",\"build_id\":\"%040zx\",\"signer\":\"%040x\"", seed, 0x5eed);
    dmv_text_append(t, "}");
}

static void append_release(DmvText *t, size_t i)
{
    size_t driver = i / LARGE_CATALOG_VERSIONS, version = i % LARGE_CATALOG_VERSIONS;

    dmv_text_appendf(
        t,
        "%s{\"driver\":\"vendor-driver%zu\",\"variant\":\"generic\",\"version\":\"3.%zu.7\",\"sequence\":%zu,"
        "\"type\":\"network\",\"tier\":\"supported\",\"status\":\"production\",\"priority\":50,"
        "\"description\":\"Ethernet driver of vendor %zu\",\"pci_ids\":{\"driver%zu.ko\":[",
        i ? "," : "", driver, version, version, driver, driver);
    for (size_t k = 0; k < LARGE_CATALOG_IDS; k++)
        dmv_text_appendf(t,
                         "%s{\"vendor_id\":\"%04x\",\"device_id\":\"%04x\",\"subvendor_id\":\"*\","
                         "\"subdevice_id\":\"*\"}",
                         k ? "," : "", large_catalog_id(i, k).vendor, large_catalog_id(i, k).device);
    dmv_text_appendf(
        t,
        "]},\"packages\":[{\"kernel\":\"6.1.0-50-amd64\",\"rpm\":{\"name\":\"dmv-vendor-driver%zu-3.%zu.7\","
        "\"nevra\":\"dmv-vendor-driver%zu-3.%zu.7-1.x86_64\",\"href\":\"Packages/"
        "d%zu-%zu.rpm\",\"size\":4711,"
        "\"sha256\":\"",
        driver, version, driver, version, driver, version);
    append_hex(t, i);
    dmv_text_append(t, "\",\"signer\":\"00112233445566aa\"},\"unpacked\":9000000,\"files\":[");
    append_file(t, "", "driver.ko", i * 3, true);
    append_file(t, ",", "info.json", i * 3 + 1, false);
    append_file(t, ",", "firmware/vendor/image.bin", i * 3 + 2, false);
    dmv_text_append(t, "]}]}");
}

char *large_catalog_releases(size_t n)
{
    DmvText t = {0};
    char *s = NULL;

    dmv_text_append(&t, "[");
    for (size_t i = 0; i < n; i++)
        append_release(&t, i);
    dmv_text_append(&t, "]");
    need(dmv_text_take(&t, &s, NULL) == 0, "memory");
    return s;
}
