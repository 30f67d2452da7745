/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is read before or beside a signature: envelopes, roots, trust states, floors, bundles. A state or a
 * floor that is taken can be written and says the same when it is read again; nothing that a fuzzer makes is
 * ever trusted.
 */
#include <string.h>

#include "fuzz.h"
#include "trust/bundle.h"
#include "trust/floor.h"
#include "trust/root.h"

/* A root with one Ed25519 key for both roles. Its private half was never kept. */
static const char root[] =
    "{\"_type\":\"root\",\"spec\":1,\"version\":1,\"expires\":\"2099-01-01T00:00:00Z\",\"keys\":{"
    "\"6c6e9ff58a8dad2d81cb31d3e25e5c5e2b9f61f8c5b9e7518003de8c154310bc\":"
    "{\"scheme\":\"ed25519\",\"spki\":\"MCowBQYDK2VwAyEAQszhpRSTpigp+bs3Slgpjr9buIQu1P+BPufTyoS/"
    "JzQ=\"}},\"roles\":{"
    "\"root\":{\"keyids\":[\"6c6e9ff58a8dad2d81cb31d3e25e5c5e2b9f61f8c5b9e7518003de8c154310bc\"],"
    "\"threshold\":1},\"catalog\":{\"keyids\":["
    "\"6c6e9ff58a8dad2d81cb31d3e25e5c5e2b9f61f8c5b9e7518003de8c154310bc\"],\"threshold\":1}}}";

static void try_envelope(const char *data, size_t size)
{
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *payload = NULL;
    size_t n = 0;

    if (dmv_envelope_parse(data, size, DMV_CATALOG_TYPE, 1u << 20, &e, &error) != 0) {
        must(!e.pae && !e.signatures && error.why != NULL);
        return;
    }
    must(e.payload + e.payload_size == e.pae + e.pae_size && e.pae[e.pae_size] == '\0');
    must(dmv_envelope_verify(&e, NULL, 0, 1, NULL) == DMV_BELOW_THRESHOLD);
    dmv_envelope_take_payload(&e, &payload, &n);
    must(payload[n] == '\0');
}

static void try_root(const char *data, size_t size)
{
    DMV_CLEANUP_ROOT DmvRoot r = {0};
    DMV_CLEANUP_TRUST_STATE DmvTrustState s = {0};
    DMV_CLEANUP_ERROR DmvError error = {0};

    if (dmv_root_parse(data, size, &r, &error) == 0)
        must(r.version > 0 && r.root.threshold > 0 && r.root.threshold <= r.root.n_keys &&
             r.catalog.threshold > 0);
    else
        must(r.n_keys == 0 && error.why != NULL);
    if (dmv_trust_state_from_root(data, size, &s, NULL) == 0)
        must(s.root && s.root_version > 0);
}

static void try_state(const char *data, size_t size)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState first = {0}, second = {0};
    DMV_CLEANUP_FREE char *text = NULL, *again = NULL;
    size_t text_size, again_size;

    if (dmv_trust_state_parse(data, size, &first, NULL) != 0)
        return;
    must(dmv_trust_state_format(&first, &text, &text_size) == 0);
    must(dmv_trust_state_parse(text, text_size, &second, NULL) == 0);
    must(dmv_trust_state_format(&second, &again, &again_size) == 0);
    must(text_size == again_size && memcmp(text, again, text_size) == 0);
}

static void try_floor(const char *data, size_t size)
{
    DMV_CLEANUP_FLOOR DmvTrustFloor first = {0}, second = {0};
    DMV_CLEANUP_TRUST_STATE DmvTrustState before = {0}, after = {0};
    DMV_CLEANUP_FREE char *text = NULL, *again = NULL;
    size_t text_size, again_size;

    if (dmv_trust_floor_parse(data, size, &first, NULL) != 0)
        return;
    must(dmv_trust_floor_format(&first, &text, &text_size) == 0);
    must(dmv_trust_floor_parse(text, text_size, &second, NULL) == 0);
    must(dmv_trust_floor_format(&second, &again, &again_size) == 0);
    must(text_size == again_size && memcmp(text, again, text_size) == 0);
    must(dmv_trust_state_from_root(root, strlen(root), &before, NULL) == 0);
    must(dmv_trust_state_from_root(root, strlen(root), &after, NULL) == 0);
    dmv_trust_floor_apply(&first, "s", &after);
    must(after.catalog_floor >= before.catalog_floor && after.clock_floor >= before.clock_floor);
    must(after.catalog_version == before.catalog_version);
}

static void try_bundle(const char *data, size_t size)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState before = {0};
    DMV_CLEANUP_BUNDLE DmvBundleResult result = {0};
    DMV_CLEANUP_ERROR DmvError error = {0};

    must(dmv_trust_state_from_root(root, strlen(root), &before, NULL) == 0);
    must(dmv_bundle_verify(data, size, &before, "s", 1, false, &result, &error) != 0);
    must(!result.catalog && !result.root_moved && error.why != NULL);
    must(result.state.root_version == 1 && strcmp(result.state.root, root) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    try_envelope(text, size);
    try_root(text, size);
    try_state(text, size);
    try_floor(text, size);
    try_bundle(text, size);
    return 0;
}
