/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream from nothing, and everything in it judged by the code that hosts judge it with. gpg, rpmbuild,
 * rpmsign, createrepo_c and modifyrepo_c are the real ones.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "base/text.h"
#include "cli/publish/command.h"
#include "host/fs.h"
#include "model/catalog.h"
#include "model/info.h"
#include "trust/bundle.h"
#include "trust/modsig.h"
#include "trust/package/rpm.h"

#define STREAM "test-stream"
#define K1 "6.1.0-50-test"
#define K2 "6.1.0-56-test"
#define E1000E_ALIAS "pci:v00008086d000010D3sv*sd*bc*sc*i*"
#define CLASS_ALIAS "pci:v*d*sv*sd*bc02sc00i*"

static Scratch s; /* one stream for all tests, which go on from each other */

static const char *stream_dir(void)
{
    return scratch_path(&s, "stream");
}

/* dmv-publish COMMAND <the stream's folder> ... */
static int publish(const char *command, ...)
{
    char *argv[32] = {(char *)"dmv-publish", (char *)(uintptr_t)command, (char *)(uintptr_t)stream_dir()};
    int argc = 3;
    va_list ap;

    va_start(ap, command);
    while (argc < 31 && (argv[argc] = va_arg(ap, char *)))
        argc++;
    va_end(ap);
    return dmv_publish_main(argc, argv);
}

static void build_module(const char *path, const char *kernel, const char *version, const char *variant,
                         int id)
{
    DMV_CLEANUP_FREE char *vermagic = NULL;

    assert_true(asprintf(&vermagic, "%s SMP preempt mod_unload modversions ", kernel) > 0);
    komod_build(&s, path,
                &(Komod){.name = "e1000e",
                         .version = version,
                         .vermagic = vermagic,
                         .aliases = {E1000E_ALIAS, CLASS_ALIAS},
                         .note_variant = variant,
                         .note_version = version,
                         .build_id = (unsigned char)id});
}

static int make_stream(void **state)
{
    (void)state;
    scratch_init(&s);
    build_module("generic/" K1 "/e1000e.ko", K1, "3.8.7", "generic", 1);
    build_module("generic/" K2 "/e1000e.ko", K2, "3.8.7", "generic", 2);
    build_module("dell/e1000e.ko", K2, "3.8.8", "dell", 3);
    build_module("bare/e1000e.ko", K2, "3.9.0", "bare", 4);
    scratch_write(&s, "fw.bin", "firmware");
    return publish("init", "--stream", STREAM, NULL);
}

static int drop_stream(void **state)
{
    (void)state;
    scratch_deinit(&s);
    return 0;
}

static void test_init(void **state)
{
    static const char *const secrets[] = {"stream/keys/module.pem"};
    struct stat st;

    (void)state;
    assert_int_equal(stat(scratch_path(&s, "stream/keys"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    for (size_t i = 0; i < DMV_N_ELEMENTS(secrets); i++) {
        assert_int_equal(stat(scratch_path(&s, secrets[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    assert_int_equal(publish("init", NULL), DMV_EXIT_USAGE);
}

static void test_release(void **state)
{
    DMV_CLEANUP_FREE char *firmware = NULL;

    (void)state;
    assert_true(asprintf(&firmware, "%s=intel/e1000e.bin", scratch_path(&s, "fw.bin")) > 0);
    assert_int_equal(publish("release", "--driver", "intel-e1000e", "--variant", "generic", "--type",
                             "network", "--module", scratch_path(&s, "generic/" K1 "/e1000e.ko"),
                             "--recommended", NULL),
                     0);
    assert_int_equal(publish("release", "--driver", "intel-e1000e", "--variant", "generic", "--module",
                             scratch_path(&s, "generic/" K2 "/e1000e.ko"), NULL),
                     0);
    assert_int_equal(publish("release", "--driver", "intel-e1000e", "--variant", "dell", "--module",
                             scratch_path(&s, "dell/e1000e.ko"), "--firmware", firmware, "--dmi",
                             "Dell*:PowerEdge*", "--tier", "alternate", "--trial-boots", "2", "--trial-hours",
                             "24", NULL),
                     0);
    assert_int_equal(publish("release", "--driver", "intel-e1000e", "--variant", "bare", "--module",
                             scratch_path(&s, "bare/e1000e.ko"), "--no-sign-module", "--no-sign-rpm", NULL),
                     0);
}

static void test_release_refusals(void **state)
{
    const char *const module = "generic/" K1 "/e1000e.ko";

    (void)state;
    scratch_run("cp", scratch_path(&s, module), scratch_path(&s, "other.ko"), NULL);
    /* the same bytes' name again; a module under another name; another kernel; no module; nothing at all */
    assert_int_equal(publish("release", "--driver", "intel-e1000e", "--variant", "generic", "--module",
                             scratch_path(&s, module), NULL),
                     DMV_EXIT_USAGE);
    assert_int_equal(
        publish("release", "--driver", "d", "--variant", "v", "--module", scratch_path(&s, "other.ko"), NULL),
        DMV_EXIT_VERIFICATION);
    assert_int_equal(publish("release", "--driver", "d", "--variant", "v", "--kernel", K2, "--module",
                             scratch_path(&s, module), NULL),
                     DMV_EXIT_VERIFICATION);
    assert_int_equal(
        publish("release", "--driver", "d", "--variant", "v", "--module", scratch_path(&s, "fw.bin"), NULL),
        DMV_EXIT_VERIFICATION);
    assert_int_equal(
        publish("release", "--driver", "d", "--variant", "v", "--module", scratch_path(&s, "none.ko"), NULL),
        DMV_EXIT_FAILED);
    assert_int_equal(
        publish("release", "--driver", "../d", "--variant", "v", "--module", scratch_path(&s, module), NULL),
        DMV_EXIT_USAGE);
    assert_int_equal(publish("release", "--driver", "d", "--variant", "v", NULL), DMV_EXIT_USAGE);
    /* none of them left anything behind */
    assert_int_equal(access(scratch_path(&s, "stream/releases/d@v@3.8.7.json"), F_OK), -1);
}

/* ---- what a host makes of it ---- */

/* Judges the bundle with what a host trusts, and moves that on. */
static DmvCatalog *judge_bundle(DmvTrustState *trusted, int64_t want_root)
{
    DMV_CLEANUP_BUNDLE DmvBundleResult result = {0};
    DMV_CLEANUP_FREE char *bundle = NULL;
    DmvCatalog *catalog = NULL;
    size_t size = 0;

    bundle = scratch_read(&s, "stream/bundle.json", &size);
    assert_int_equal(
        dmv_bundle_verify(bundle, size, trusted, STREAM, dmv_publish_now(), false, &result, NULL), 0);
    assert_int_equal(result.state.root_version, want_root);
    assert_int_equal(dmv_catalog_parse(result.catalog, result.catalog_size, &catalog, NULL), 0);
    dmv_trust_state_deinit(trusted);
    *trusted = result.state;
    result.state = (DmvTrustState){0};
    return catalog;
}

static DmvTrustState read_root(void)
{
    DMV_CLEANUP_FREE char *root = NULL;
    DmvTrustState trusted = {0};
    size_t size = 0;

    root = scratch_read(&s, "stream/trust/root.json", &size);
    assert_int_equal(dmv_trust_state_from_root(root, size, &trusted, NULL), 0);
    return trusted;
}

/* The only file of a folder below trust/. */
static char *read_only_file(const char *folder, size_t *ret_size)
{
    DmvFsEntry *entries = NULL;
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n = 0;

    assert_int_equal(dmv_fs_list(fd, folder, &entries, &n), 0);
    assert_int_equal(n, 1);
    assert_true(asprintf(&path, "%s/%s", folder, entries[0].name) > 0);
    dmv_fs_entries_free(entries, n);
    return scratch_read(&s, path, ret_size);
}

static DmvPackageKeys *make_keyring(void)
{
    DMV_CLEANUP_FREE char *key = NULL;
    DmvPackageKeys *k = NULL;
    size_t size = 0;

    key = read_only_file("stream/trust/rpm", &size);
    assert_int_equal(dmv_package_keys_new(&k), 0);
    assert_int_equal(dmv_package_keys_add(k, key, size, time(NULL), NULL), 0);
    return k;
}

static DmvCertificates *make_certificates(void)
{
    DMV_CLEANUP_FREE char *der = NULL;
    DmvCertificates *c = NULL;
    size_t size = 0;

    der = read_only_file("stream/trust/modules", &size);
    assert_int_equal(dmv_certificates_new(&c), 0);
    assert_int_equal(dmv_certificates_add(c, der, size, NULL), 0);
    return c;
}

/* Hash, signature, header, payload: all that the fetch worker does, into <scratch>/unpacked. */
static int unpack(const DmvRelease *r, const DmvPackage *p, const DmvPackageKeys *k)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int fd = -1, dir = -1;
    char hex[DMV_SHA256_HEX];
    uint64_t size = 0;

    scratch_run("rm", "-rf", scratch_path(&s, "unpacked"), NULL);
    scratch_mkdir(&s, "unpacked");
    dir = open(scratch_path(&s, "unpacked"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(asprintf(&path, "%s/repo/%s", stream_dir(), p->href) > 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(dmv_fs_copy_hashed(fd, -1, 1 << 20, hex, &size), 0);
    assert_string_equal(hex, p->sha256);
    assert_int_equal(size, p->size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return dmv_rpm_unpack(fd, k, r->driver, r->variant, p, dir, NULL);
}

static int judge_module(const DmvPackage *p, const DmvCertificates *c)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;

    data = scratch_read(&s, "unpacked/e1000e.ko", &size);
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i].path, "e1000e.ko") == 0)
            return dmv_modsig_verify(data, size, c, p->files[i].signer, NULL, NULL);
    return -1;
}

static void test_signed_packages(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState trusted = {0};
    DMV_CLEANUP_CATALOG DmvCatalog *catalog = NULL;
    DmvPackageKeys *k;
    DmvCertificates *c;
    size_t n = 0;

    (void)state;
    assert_int_equal(publish("publish", NULL), 0);
    trusted = read_root();
    catalog = judge_bundle(&trusted, 1);
    k = make_keyring();
    c = make_certificates();
    assert_int_equal(catalog->n_releases, 3);
    for (size_t i = 0; i < catalog->n_releases; i++)
        for (size_t j = 0; j < catalog->releases[i].n_packages; j++) {
            const DmvRelease *r = &catalog->releases[i];

            if (strcmp(r->variant, "bare") == 0)
                continue;
            assert_int_equal(unpack(r, &r->packages[j], k), 0);
            assert_int_equal(judge_module(&r->packages[j], c), 0);
            n++;
        }
    assert_int_equal(n, 3);
    dmv_certificates_free(c);
    dmv_package_keys_free(k);
}

static void test_unsigned_package(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState trusted = read_root();
    DMV_CLEANUP_CATALOG DmvCatalog *catalog = judge_bundle(&trusted, 1);
    DmvPackageKeys *k = make_keyring();
    DmvCertificates *c = make_certificates();
    const DmvRelease *r = dmv_catalog_release(catalog, "intel-e1000e", "bare", "3.9.0");
    DMV_CLEANUP_FREE char *module = NULL;
    size_t size = 0;

    (void)state;
    assert_non_null(r);
    assert_null(r->packages[0].signer);
    assert_int_equal(unpack(r, &r->packages[0], k), DMV_RPM_UNSIGNED);
    module = scratch_read(&s, "bare/e1000e.ko", &size);
    assert_int_equal(dmv_modsig_verify(module, size, c, NULL, NULL, NULL), DMV_MODULE_UNSIGNED);
    dmv_certificates_free(c);
    dmv_package_keys_free(k);
}

static void test_catalog_says_what_was_said(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState trusted = read_root();
    DMV_CLEANUP_CATALOG DmvCatalog *catalog = judge_bundle(&trusted, 1);
    const DmvRelease *generic = dmv_catalog_release(catalog, "intel-e1000e", "generic", "3.8.7");
    const DmvRelease *dell = dmv_catalog_release(catalog, "intel-e1000e", "dell", "3.8.8");
    const DmvPackage *p;

    (void)state;
    assert_int_equal(catalog->version, 1);
    assert_int_equal(catalog->expires - catalog->issued, 190 * 86400);
    assert_non_null(generic);
    assert_non_null(dell);
    assert_true(generic->recommended);
    assert_int_equal(generic->n_packages, 2);
    assert_int_equal(generic->sequence, 1);
    assert_int_equal(dell->sequence, 2);
    assert_string_equal(dell->type, "network");
    assert_string_equal(dell->tier, "alternate");
    assert_int_equal(generic->trial_boots, 0);
    assert_int_equal(generic->trial_hours, 0);
    assert_int_equal(dell->trial_boots, 2);
    assert_int_equal(dell->trial_hours, 24);
    assert_string_equal(dell->dmi[0].vendor, "Dell*");
    assert_string_equal(dell->dmi[0].product, "PowerEdge*");
    assert_int_equal(dell->n_ids, 1);
    assert_int_equal(dell->ids[0].n_ids, 1);
    assert_int_equal(dell->ids[0].ids[0].device, 0x10d3);
    assert_string_equal(dell->ids[0].aliases[0], CLASS_ALIAS);
    p = dmv_release_package(dell, K2);
    assert_non_null(p);
    assert_null(dmv_release_package(dell, K1));
    assert_string_equal(p->name, "dmv-intel-e1000e-dell-3.8.8-k" K2);
    assert_int_equal(p->n_files, 3);
    assert_string_equal(p->files[0].build_id, "0303030303030303030303030303030303030303");
}

static void test_info(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState trusted = read_root();
    DMV_CLEANUP_CATALOG DmvCatalog *catalog = judge_bundle(&trusted, 1);
    const DmvRelease *dell = dmv_catalog_release(catalog, "intel-e1000e", "dell", "3.8.8");
    DmvPackageKeys *k = make_keyring();
    DmvInstalled i = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(unpack(dell, &dell->packages[0], k), 0);
    assert_int_equal(access(scratch_path(&s, "unpacked/firmware/intel/e1000e.bin"), F_OK), 0);
    text = scratch_read(&s, "unpacked/info.json", &size);
    assert_int_equal(dmv_info_parse(text, size, &i, NULL), 0);
    assert_string_equal(i.driver, "intel-e1000e");
    assert_string_equal(i.variant, "dell");
    assert_string_equal(i.version, "3.8.8");
    assert_string_equal(i.type, "network");
    assert_string_equal(i.kabi, K2);
    assert_string_equal(i.tier, "alternate");
    assert_int_equal(i.n_ids, 1);
    assert_int_equal(i.ids[0].ids[0].vendor, 0x8086);
    assert_string_equal(i.ids[0].aliases[0], CLASS_ALIAS);
    dmv_installed_deinit(&i);
    dmv_package_keys_free(k);
}

static void test_changed_package(void **state)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_TRUST_STATE DmvTrustState trusted = read_root();
    DMV_CLEANUP_CATALOG DmvCatalog *catalog = judge_bundle(&trusted, 1);
    DMV_CLEANUP_FCLOSE FILE *f = NULL;
    const DmvRelease *bare = dmv_catalog_release(catalog, "intel-e1000e", "bare", "3.9.0");

    (void)state;
    assert_true(asprintf(&path, "%s/repo/%s", stream_dir(), bare->packages[0].href) > 0);
    f = fopen(path, "a");
    assert_non_null(f);
    assert_int_equal(fputc('x', f), 'x');
    assert_int_equal(fflush(f), 0);
    assert_int_equal(publish("catalog", NULL), DMV_EXIT_VERIFICATION);
    assert_int_equal(publish("catalog", "--rehash", NULL), 0);
}

static void test_judgements(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState trusted = read_root();
    DMV_CLEANUP_CATALOG DmvCatalog *catalog = NULL;
    const DmvRelease *r;

    (void)state;
    assert_int_equal(publish("revoke", "intel-e1000e/generic@3.8.7", NULL), DMV_EXIT_USAGE);
    assert_int_equal(publish("revoke", "intel-e1000e/generic@9", "--reason", "x", NULL), DMV_EXIT_NOT_FOUND);
    assert_int_equal(publish("revoke", "intel-e1000e/generic@3.8.7", "--reason", "drops packets", NULL), 0);
    assert_int_equal(publish("recommend", "intel-e1000e/bare@3.9.0", NULL), 0);
    assert_int_equal(publish("publish", "--rehash", NULL), 0);
    catalog = judge_bundle(&trusted, 1);
    assert_int_equal(catalog->version, 3);
    r = dmv_catalog_release(catalog, "intel-e1000e", "generic", "3.8.7");
    assert_string_equal(r->revoked, "drops packets");
    assert_false(r->recommended);
    assert_true(dmv_catalog_release(catalog, "intel-e1000e", "bare", "3.9.0")->recommended);
    /* one recommendation for a kind of machine */
    assert_int_equal(publish("recommend", "intel-e1000e/generic@3.8.7", NULL), 0);
    assert_int_equal(publish("revoke", "intel-e1000e/generic@3.8.7", "--undo", NULL), 0);
    assert_int_equal(publish("publish", "--rehash", NULL), 0);
    dmv_catalog_free(catalog);
    catalog = judge_bundle(&trusted, 1);
    assert_false(dmv_catalog_release(catalog, "intel-e1000e", "bare", "3.9.0")->recommended);
    assert_null(dmv_catalog_release(catalog, "intel-e1000e", "generic", "3.8.7")->revoked);
}

static void test_rotation(void **state)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState old_host = read_root(), new_host = {0};
    DmvCatalog *catalog = NULL;

    (void)state;
    assert_int_equal(publish("root", "--replace-root-key", "2", NULL), 0);
    assert_int_equal(publish("root", "--replace-catalog-key", "--expires", "100", NULL), 0);
    /* the catalog that the old keys signed is no longer worth anything */
    assert_int_equal(publish("publish", NULL), 0);
    catalog = judge_bundle(&old_host, 3);
    catalog = dmv_catalog_free(catalog);
    new_host = read_root();
    assert_int_equal(new_host.root_version, 3);
    catalog = judge_bundle(&new_host, 3);
    dmv_catalog_free(catalog);
    assert_int_equal(publish("root", "--replace-root-key", "4", NULL), DMV_EXIT_USAGE);
}

static void test_keys_at_another_place(void **state)
{
    (void)state;
    assert_int_equal(publish("root", "--catalog-threshold", "2", NULL), 0);
    scratch_mkdir(&s, "safe");
    scratch_run("sh", "-c", "cd \"$0\" && mv keys/root.* keys/catalog.* ../safe/", stream_dir(), NULL);
    assert_int_equal(publish("root", NULL), DMV_EXIT_VERIFICATION);
    assert_int_equal(publish("publish", NULL), DMV_EXIT_VERIFICATION);
    assert_int_equal(publish("root", "--keys", scratch_path(&s, "safe"), NULL), 0);
    assert_int_equal(publish("publish", "--keys", scratch_path(&s, "safe"), NULL), 0);
}

static void test_rerelease(void **state)
{
    (void)state;
    assert_int_equal(publish("release", "--driver", "intel-e1000e", "--variant", "bare", "--release", "2",
                             "--module", scratch_path(&s, "bare/e1000e.ko"), NULL),
                     0);
    assert_int_equal(access(scratch_path(&s, "stream/repo/Packages/dmv-intel-e1000e-bare-3.9.0-k" K2
                                             "-3.9.0-1.x86_64.rpm"),
                            F_OK),
                     -1);
    assert_int_equal(access(scratch_path(&s, "stream/repo/Packages/dmv-intel-e1000e-bare-3.9.0-k" K2
                                             "-3.9.0-2.x86_64.rpm"),
                            F_OK),
                     0);
    assert_int_equal(publish("publish", "--keys", scratch_path(&s, "safe"), NULL), 0);
}

static void test_other_folders(void **state)
{
    char *open_none[] = {(char *)"dmv-publish", (char *)"publish", (char *)(uintptr_t)s.path, NULL};
    char *none[] = {(char *)"dmv-publish", NULL};
    char *unknown[] = {(char *)"dmv-publish", (char *)"nonsense", NULL};
    char *percent[] = {(char *)"dmv-publish", (char *)"init",
                       (char *)(uintptr_t)scratch_path(&s, "100%{nil}"), NULL};
    char *scheme[] = {(char *)"dmv-publish", (char *)"init", (char *)(uintptr_t)scratch_path(&s, "x"),
                      (char *)"--scheme",    (char *)"rsa",  NULL};

    (void)state;
    assert_int_equal(dmv_publish_main(3, open_none), DMV_EXIT_NOT_FOUND);
    assert_int_equal(dmv_publish_main(1, none), DMV_EXIT_USAGE);
    assert_int_equal(dmv_publish_main(2, unknown), DMV_EXIT_USAGE);
    assert_int_equal(dmv_publish_main(3, percent), DMV_EXIT_USAGE);
    assert_int_equal(dmv_publish_main(5, scheme), DMV_EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_release_refusals),
        cmocka_unit_test(test_signed_packages),
        cmocka_unit_test(test_unsigned_package),
        cmocka_unit_test(test_catalog_says_what_was_said),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_changed_package),
        cmocka_unit_test(test_judgements),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_keys_at_another_place),
        cmocka_unit_test(test_rerelease),
        cmocka_unit_test(test_other_folders),
    };

    return cmocka_run_group_tests(tests, make_stream, drop_stream);
}
