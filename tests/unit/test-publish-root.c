/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Roots and their chain, judged by the verifier that hosts use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/text.h"
#include "cli/publish/keyfile.h"
#include "cli/publish/rootfile.h"
#include "cli/publish/seal.h"
#include "host/fs.h"
#include "trust/bundle.h"

#define STREAM "test"
#define NOW INT64_C(1790000000)

static void open_publisher(const Scratch *s, DmvPublisher *p)
{
    assert_int_equal(dmv_publisher_create(s->path, p, NULL), 0);
    assert_int_equal(dmv_set_string(&p->stream, STREAM), 0);
    assert_int_equal(dmv_fs_mkdirs(p->fd, DMV_PUBLISH_KEYS, 0700), 0);
}

/* @n new keys for a role, kept in @keys. */
static void add_keys(DmvRootfile *r, DmvRootRole *role, size_t n, int threshold, DmvSignkeys *keys)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(dmv_signkey_generate("ed25519", keys, NULL), 0);
        assert_int_equal(dmv_rootfile_add_key(r, role, &keys->items[keys->n - 1]), 0);
    }
    role->threshold = threshold;
}

static void make_first(const DmvPublisher *p, DmvRootfile *r, DmvSignkeys *root_keys,
                       DmvSignkeys *catalog_keys)
{
    *r = (DmvRootfile){.version = 1, .expires = NOW + 86400};
    add_keys(r, &r->root, 3, 2, root_keys);
    add_keys(r, &r->catalog, 2, 1, catalog_keys);
    assert_int_equal(dmv_rootfile_save(p, r, NULL, root_keys, NULL), 0);
}

static void copy(const DmvRootfile *from, DmvRootfile *ret)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;

    assert_int_equal(dmv_rootfile_format(from, &text, &size), 0);
    assert_int_equal(dmv_rootfile_parse(text, size, ret, NULL), 0);
    ret->version = from->version + 1;
}

/* What a host that trusts @first makes of the history and a catalog signed by @keys. */
static int judge(const DmvPublisher *p, json_object *first, const DmvSignkeys *keys)
{
    static const char catalog[] =
        "{\"_type\":\"catalog\",\"spec\":1,\"version\":1,\"issued\":\"2026-09-21T00:00:00Z\",\"expires\":"
        "\"2027-01-01T00:00:00Z\",\"stream\":\"" STREAM "\",\"releases\":[]}";
    DMV_CLEANUP_TRUST_STATE DmvTrustState before = {0};
    DMV_CLEANUP_BUNDLE DmvBundleResult result = {0};
    DMV_CLEANUP_JSON json_object *bundle = json_object_new_object(), *roots = NULL, *envelope = NULL;
    DMV_CLEANUP_FREE char *text = NULL, *root = NULL;
    size_t size = 0, root_size = 0;

    assert_int_equal(dmv_rootfile_history(p, &roots, NULL), 0);
    assert_int_equal(dmv_seal(DMV_CATALOG_TYPE, catalog, sizeof(catalog) - 1, keys, NULL, &envelope, NULL),
                     0);
    assert_int_equal(dmv_json_add_string(bundle, "format", "dmv-bundle-1"), 0);
    assert_int_equal(dmv_json_add(bundle, "roots", json_object_get(roots)), 0);
    assert_int_equal(dmv_json_add(bundle, "catalog", json_object_get(envelope)), 0);
    assert_int_equal(dmv_json_format(bundle, &text, &size), 0);
    assert_int_equal(dmv_json_format(first, &root, &root_size), 0);
    assert_int_equal(dmv_trust_state_from_root(root, root_size, &before, NULL), 0);
    return dmv_bundle_verify(text, size, &before, STREAM, NOW, false, &result, NULL);
}

static void test_chain(void **state)
{
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    DMV_CLEANUP_ROOTFILE DmvRootfile one = {0}, two = {0}, three = {0}, newest = {0};
    DMV_CLEANUP_SIGNKEYS DmvSignkeys roots = {0}, catalog = {0}, fresh = {0};
    DMV_CLEANUP_JSON json_object *history = NULL;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    open_publisher(&s, &p);
    make_first(&p, &one, &roots, &catalog);
    assert_int_equal(dmv_rootfile_history(&p, &history, NULL), 0);

    copy(&one, &two);
    assert_int_equal(dmv_signkey_generate("ecdsa-sha2-nistp256", &roots, NULL), 0);
    assert_int_equal(dmv_rootfile_replace_key(&two, &two.root, 2, &roots.items[3], NULL), 0);
    assert_int_equal(dmv_rootfile_save(&p, &two, &one, &roots, NULL), 0);
    assert_int_equal(judge(&p, json_object_array_get_idx(history, 0), &catalog), 0);

    copy(&two, &three);
    assert_int_equal(dmv_signkey_generate("ed25519", &fresh, NULL), 0);
    assert_int_equal(dmv_rootfile_replace_key(&three, &three.catalog, 1, &fresh.items[0], NULL), 0);
    assert_int_equal(dmv_signkey_generate("ed25519", &fresh, NULL), 0);
    assert_int_equal(dmv_rootfile_replace_key(&three, &three.catalog, 2, &fresh.items[1], NULL), 0);
    assert_int_equal(dmv_rootfile_save(&p, &three, &two, &roots, NULL), 0);
    assert_int_equal(judge(&p, json_object_array_get_idx(history, 0), &fresh), 0);
    /* the keys that were replaced sign nothing any more */
    assert_int_equal(judge(&p, json_object_array_get_idx(history, 0), &catalog), DMV_BELOW_THRESHOLD);

    assert_int_equal(dmv_rootfile_newest(&p, &newest, NULL), 0);
    assert_int_equal(newest.version, 3);
    assert_string_equal(newest.root.ids[1], roots.items[3].id);
    /* a key that no role names is not in the root */
    assert_false(json_object_object_get_ex(newest.keys, catalog.items[0].id, NULL));
}

static void test_too_few_old_keys(void **state)
{
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    DMV_CLEANUP_ROOTFILE DmvRootfile one = {0}, two = {0};
    DMV_CLEANUP_SIGNKEYS DmvSignkeys roots = {0}, catalog = {0}, others = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    open_publisher(&s, &p);
    make_first(&p, &one, &roots, &catalog);
    two = (DmvRootfile){.version = 2, .expires = NOW + 86400};
    add_keys(&two, &two.root, 3, 2, &others);
    add_keys(&two, &two.catalog, 1, 1, &others);
    assert_int_equal(dmv_rootfile_save(&p, &two, &one, &others, &e), DMV_ROOT_OLD_KEYS);
    /* one key of the old root is too few as well: two of three have to sign */
    assert_int_equal(dmv_keyfile_save(&p, "root", &roots.items[0], NULL), 0);
    assert_int_equal(dmv_keyfile_load(&p, "root", NULL, &others, NULL), 0);
    assert_int_equal(dmv_rootfile_save(&p, &two, &one, &others, &e), DMV_ROOT_OLD_KEYS);
    assert_int_equal(dmv_rootfile_save(&p, &two, &one, &roots, &e), DMV_ROOT_NEW_KEYS);
    assert_non_null(strstr(e.next, "--keys"));
}

static void test_refusals(void **state)
{
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    DMV_CLEANUP_ROOTFILE DmvRootfile one = {0}, none = {0};
    DMV_CLEANUP_SIGNKEYS DmvSignkeys roots = {0}, catalog = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    open_publisher(&s, &p);
    assert_int_equal(dmv_rootfile_newest(&p, &none, &e), DMV_NO_ROOT);
    make_first(&p, &one, &roots, &catalog);
    assert_int_equal(dmv_rootfile_replace_key(&one, &one.root, 0, &roots.items[0], &e), DMV_INVALID_REQUEST);
    assert_int_equal(dmv_rootfile_replace_key(&one, &one.root, 4, &roots.items[0], &e), DMV_INVALID_REQUEST);
    assert_int_equal(dmv_rootfile_parse("{}", 2, &none, &e), DMV_MALFORMED);
    scratch_write(&s, "roots/1.json", "{\"payload\":");
    assert_int_equal(dmv_rootfile_newest(&p, &none, &e), DMV_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_too_few_old_keys),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
