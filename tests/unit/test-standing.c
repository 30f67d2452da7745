/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every standing that a module can have, with the reason, how bad it is, and that there is something to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/standing.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char *const owned[] = {(char *)"vendor-ice-1-1.x86_64", NULL};

static DmvInspected bytes_signed(int code, const char *name, const char *key)
{
    return (DmvInspected){.path = (char *)"usr/lib/modules/1/x.ko",
                          .sha256 = (char *)HASH_A,
                          .build_id = (char *)"01",
                          .signature = {.code = code, .name = (char *)name, .key = (char *)key}};
}

static DmvInspected bytes_unsigned(void)
{
    return bytes_signed(DMV_MODULE_UNSIGNED, NULL, NULL);
}

static DmvModuleFile file_in(DmvTree tree)
{
    return (DmvModuleFile){.name = (char *)"ice", .path = (char *)"x/ice.ko", .tree = tree};
}

static void expect(const DmvStandingVerdict *v, DmvStanding standing, const char *severity, int code)
{
    assert_string_equal(dmv_standing_to_string(v->standing), dmv_standing_to_string(standing));
    assert_string_equal(v->severity, severity);
    assert_string_equal(dmv_outcome_reason(v->code), dmv_outcome_reason(code));
    if (strcmp(severity, "ok") != 0) {
        assert_non_null(v->why);
        assert_non_null(v->next);
    }
}

static void judge(const DmvStandingFacts *f, DmvStanding standing, const char *severity, int code)
{
    DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};

    assert_int_equal(dmv_standing_judge(f, &v), 0);
    expect(&v, standing, severity, code);
}

static void test_names(void **state)
{
    (void)state;
    for (DmvStanding s = 0; s < DMV_STANDING_MAX; s++)
        assert_string_not_equal(dmv_standing_to_string(s), "invalid");
    assert_string_equal(dmv_standing_to_string(DMV_STANDING_INVALID), "invalid");
}

static void test_unreadable(void **state)
{
    DmvInspected b = {.path = (char *)"x.ko", .problem = (char *)"no ELF"};
    DmvModuleFile f = file_in(DMV_TREE_KERNEL);
    const DmvPeers none = {0};

    (void)state;
    judge(&(DmvStandingFacts){.file = &f, .bytes = &b, .peers = &none}, DMV_STANDING_UNKNOWN, "error",
          DMV_BROKEN_RELEASE);
}

static void test_release_of_the_store(void **state)
{
    DmvInspected ours = bytes_signed(0, "us", "1"), bad = bytes_signed(DMV_MODULE_BAD_SIGNATURE, "us", "1");
    DmvStandingFacts f = {.bytes = &ours,
                          .voucher = DMV_VOUCHER_STREAM,
                          .in_store = true,
                          .catalogs = true,
                          .release = "a/b@1",
                          .listed = HASH_A};

    (void)state;
    judge(&f, DMV_STANDING_VERIFIED, "ok", 0);
    f.listed = HASH_B; /* a signature does not make up for the catalog */
    judge(&f, DMV_STANDING_ALTERED, "error", DMV_HASH_MISMATCH);
    f.listed = NULL;
    f.approved = "a";
    judge(&f, DMV_STANDING_VERIFIED, "ok", 0);
    f.bytes = &bad;
    judge(&f, DMV_STANDING_ALTERED, "error", DMV_MODULE_BAD_SIGNATURE);
}

/* No catalog has it any more. */
static void test_release_that_was_dropped(void **state)
{
    DmvInspected ours = bytes_signed(0, "us", "1"), b = bytes_unsigned();
    DmvStandingFacts f = {
        .bytes = &ours, .voucher = DMV_VOUCHER_STREAM, .in_store = true, .release = "a/b@1"};

    (void)state;
    judge(&f, DMV_STANDING_VERIFIED, "ok", 0); /* nor anything else: they cannot be read */
    f.catalogs = true;
    judge(&f, DMV_STANDING_VERIFIED, "warning", DMV_NO_SUCH_RELEASE);
    f.voucher = DMV_VOUCHER_KERNEL; /* which is no publisher's */
    judge(&f, DMV_STANDING_UNKNOWN, "warning", DMV_NO_SUCH_RELEASE);
    f.voucher = DMV_VOUCHER_NOBODY;
    f.bytes = &b;
    judge(&f, DMV_STANDING_UNKNOWN, "warning", DMV_NO_SUCH_RELEASE);
}

/* The certificate of its signer was taken away: what could not be installed today. */
static void test_release_of_a_removed_key(void **state)
{
    DmvInspected stranger = bytes_signed(DMV_MODULE_UNKNOWN_SIGNER, "them", "7"), b = bytes_unsigned();
    DmvInspected site = bytes_signed(0, "site", "8");
    DmvStandingFacts f = {
        .bytes = &stranger, .in_store = true, .catalogs = true, .release = "a/b@1", .listed = HASH_A};

    (void)state;
    judge(&f, DMV_STANDING_FOREIGN, "warning", DMV_MODULE_UNKNOWN_SIGNER);
    f.in_use = true;
    judge(&f, DMV_STANDING_FOREIGN, "error", DMV_MODULE_UNKNOWN_SIGNER);
    f.bytes = &site;
    f.voucher = DMV_VOUCHER_KERNEL;
    judge(&f, DMV_STANDING_FOREIGN, "error", DMV_MODULE_UNKNOWN_SIGNER);
    f.bytes = &b;
    f.voucher = DMV_VOUCHER_NOBODY;
    judge(&f, DMV_STANDING_UNSIGNED, "error", DMV_MODULE_UNSIGNED);
}

/* Whatever hash and signature say: an approval that was withdrawn is none. */
static void test_revoked(void **state)
{
    DmvInspected ours = bytes_signed(0, "us", "1");
    DmvModuleFile file = file_in(DMV_TREE_UPDATES);
    DmvStandingFacts f = {.bytes = &ours,
                          .voucher = DMV_VOUCHER_STREAM,
                          .in_store = true,
                          .catalogs = true,
                          .release = "a/b@1",
                          .listed = HASH_A,
                          .revoked = "eats packets"};

    (void)state;
    judge(&f, DMV_STANDING_REVOKED, "warning", DMV_REVOKED);
    f.in_use = true;
    judge(&f, DMV_STANDING_REVOKED, "error", DMV_REVOKED);
    f.listed = NULL;
    judge(&f, DMV_STANDING_REVOKED, "error", DMV_REVOKED);
    f.listed = HASH_B;
    judge(&f, DMV_STANDING_ALTERED, "error", DMV_HASH_MISMATCH);
    f = (DmvStandingFacts){
        .file = &file, .bytes = &ours, .voucher = DMV_VOUCHER_STREAM, .revoked = "eats packets"};
    judge(&f, DMV_STANDING_REVOKED, "warning", DMV_REVOKED);
    f.managed = true;
    judge(&f, DMV_STANDING_REVOKED, "error", DMV_REVOKED);
}

static void test_files_of_others(void **state)
{
    DmvInspected b = bytes_unsigned(), stranger = bytes_signed(DMV_MODULE_UNKNOWN_SIGNER, "them", "7");
    DmvInspected known = bytes_signed(0, "site", "8"), weak = bytes_signed(DMV_MODULE_WEAK_HASH, "them", "7");
    DmvInspected bad = bytes_signed(DMV_MODULE_BAD_SIGNATURE, "site", "8");
    const DmvTree trees[] = {DMV_TREE_UPDATES, DMV_TREE_OVERRIDE, DMV_TREE_EXTRA, DMV_TREE_WEAK};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(trees); i++) {
        DmvModuleFile file = file_in(trees[i]);
        DmvStandingFacts f = {.file = &file, .bytes = &b};

        judge(&f, DMV_STANDING_UNSIGNED, "warning", DMV_MODULE_UNSIGNED);
        f.managed = true;
        judge(&f, DMV_STANDING_UNSIGNED, "error", DMV_MODULE_UNSIGNED);
        f.bytes = &stranger;
        judge(&f, DMV_STANDING_FOREIGN, "error", DMV_MODULE_UNKNOWN_SIGNER);
        f.bytes = &weak;
        judge(&f, DMV_STANDING_FOREIGN, "error", DMV_MODULE_WEAK_HASH);
        f.bytes = &bad;
        judge(&f, DMV_STANDING_ALTERED, "error", DMV_MODULE_BAD_SIGNATURE);
        f.bytes = &known;
        f.voucher = DMV_VOUCHER_KERNEL;
        judge(&f, DMV_STANDING_ADOPTED, "ok", 0);
        f.voucher = DMV_VOUCHER_STREAM;
        judge(&f, DMV_STANDING_VERIFIED, "ok", 0);
    }
}

static void test_owned_by_a_package(void **state)
{
    DmvInspected b = bytes_unsigned();
    DmvModuleFile file = file_in(DMV_TREE_UPDATES);
    DmvStandingFacts f = {.file = &file, .bytes = &b};

    (void)state;
    file.packages = (char **)owned;
    file.owner_known = file.verified = true;
    judge(&f, DMV_STANDING_ADOPTED, "ok", 0);
    file.verified = false; /* the database's own record is broken */
    judge(&f, DMV_STANDING_UNSIGNED, "warning", DMV_MODULE_UNSIGNED);
    file.verified = true;
    file.owner_known = false;
    judge(&f, DMV_STANDING_UNSIGNED, "warning", DMV_MODULE_UNSIGNED);
    f.approved = "ice"; /* a catalog alone does not make up for a signature */
    judge(&f, DMV_STANDING_UNSIGNED, "warning", DMV_MODULE_UNSIGNED);
}

static void test_adopted_variant(void **state)
{
    DmvInspected b = bytes_unsigned();
    DmvModuleFile link = file_in(DMV_TREE_UPDATES);
    DmvStandingFacts f = {.bytes = &b, .release = "a/b@1"};

    (void)state;
    judge(&f, DMV_STANDING_ADOPTED, "ok", 0);
    link.ours = true;
    f.file = &link;
    judge(&f, DMV_STANDING_ADOPTED, "ok", 0);
}

static void find_peers(DmvInspected *items, size_t n, DmvPeers *ret)
{
    const DmvInspected *list[64] = {NULL};

    for (size_t i = 0; i < n; i++)
        list[i] = &items[i];
    assert_int_equal(dmv_peers_find(list, n, ret), 0);
}

static void test_peers(void **state)
{
    DmvInspected items[20];
    DmvPeers p = {0};

    (void)state;
    find_peers(items, 0, &p);
    assert_false(dmv_peers_are_signed(&p));
    for (size_t i = 0; i < 20; i++)
        items[i] = bytes_signed(DMV_MODULE_UNKNOWN_SIGNER, "Debian", "42");
    items[3] = bytes_unsigned();
    items[7] = bytes_signed(DMV_MODULE_UNKNOWN_SIGNER, "Debian", "43");
    find_peers(items, 20, &p);
    assert_int_equal(p.n, 20);
    assert_int_equal(p.n_alike, 18);
    assert_string_equal(p.key, "42");
    assert_true(dmv_peers_are_signed(&p));
    items[8] = bytes_unsigned(); /* 17 of 20 are too few */
    find_peers(items, 20, &p);
    assert_false(dmv_peers_are_signed(&p));
    items[8] = (DmvInspected){.path = (char *)"x", .problem = (char *)"gone"};
    find_peers(items, 20, &p);
    assert_int_equal(p.n, 19);
}

static void test_the_kernels_own(void **state)
{
    DmvInspected b = bytes_unsigned(), same = bytes_signed(DMV_MODULE_UNKNOWN_SIGNER, "Debian", "42");
    DmvInspected other = bytes_signed(DMV_MODULE_UNKNOWN_SIGNER, "Debian", "43");
    DmvInspected broken = bytes_signed(DMV_MODULE_BAD_FOOTER, NULL, NULL);
    DmvInspected bad = bytes_signed(DMV_MODULE_BAD_SIGNATURE, "Debian", "42");
    const DmvPeers none = {.n = 4000}, peers = {.n = 4000, .n_alike = 3999, .name = "Debian", .key = "42"};
    DmvModuleFile file = file_in(DMV_TREE_KERNEL);
    DmvStandingFacts f = {.file = &file, .bytes = &b, .peers = &none};

    (void)state;
    judge(&f, DMV_STANDING_INBOX, "ok", 0); /* nothing is signed there */
    f.peers = &peers;
    judge(&f, DMV_STANDING_UNSIGNED, "error", DMV_MODULE_UNSIGNED);
    f.bytes = &same;
    judge(&f, DMV_STANDING_INBOX, "ok", 0);
    f.bytes = &other;
    judge(&f, DMV_STANDING_FOREIGN, "error", DMV_MODULE_UNKNOWN_SIGNER);
    f.bytes = &broken;
    judge(&f, DMV_STANDING_FOREIGN, "error", DMV_MODULE_UNKNOWN_SIGNER);
    f.bytes = &bad; /* with the certificate of the kernel at hand */
    judge(&f, DMV_STANDING_ALTERED, "error", DMV_MODULE_BAD_SIGNATURE);
    file.tree = DMV_TREE_OTHER; /* depmod ranks it like the kernel's own */
    f.bytes = &b;
    judge(&f, DMV_STANDING_UNSIGNED, "error", DMV_MODULE_UNSIGNED);
}

static void test_what_the_kernel_says(void **state)
{
    const DmvModulePolicy strict = {.known = true, .checks = true, .sig_enforce = true};
    const DmvModulePolicy lax = {.known = true, .checks = true};
    const DmvSignature none = {.code = DMV_MODULE_UNSIGNED};
    DMV_CLEANUP_STANDING DmvStandingVerdict refused = {0}, taken = {0};

    (void)state;
    assert_int_equal(dmv_standing_judge_kernel(&strict, &none, DMV_STANDING_ADOPTED, &refused), 0);
    expect(&refused, DMV_STANDING_ADOPTED, "error", DMV_MODULE_KERNEL_REFUSES);
    assert_int_equal(dmv_standing_judge_kernel(&lax, &none, DMV_STANDING_ADOPTED, &taken), 0);
    expect(&taken, DMV_STANDING_ADOPTED, "ok", 0);
}

static void judge_copy(const DmvInspected *copy, const DmvInspected *file, const char *approved,
                       DmvStanding standing, const char *severity, int code)
{
    const DmvStanding standings[] = {DMV_STANDING_ADOPTED};
    DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};

    assert_int_equal(dmv_standing_judge_copy(copy, &file, standings, file ? 1 : 0, approved, &v), 0);
    expect(&v, standing, severity, code);
}

static void test_copies(void **state)
{
    DmvInspected copy = bytes_unsigned(), file = bytes_unsigned();
    DmvInspected broken = {.path = (char *)"x", .problem = (char *)"no ELF"};

    (void)state;
    judge_copy(&copy, &file, NULL, DMV_STANDING_ADOPTED, "ok", 0);
    judge_copy(&broken, &file, NULL, DMV_STANDING_UNKNOWN, "warning", DMV_MALFORMED);
    file.sha256 = (char *)HASH_B; /* the same build, stripped */
    judge_copy(&copy, &file, NULL, DMV_STANDING_ADOPTED, "ok", 0);
    file.signature.code = DMV_MODULE_UNKNOWN_SIGNER; /* which nothing strips */
    judge_copy(&copy, &file, NULL, DMV_STANDING_ALTERED, "error", DMV_HASH_MISMATCH);
    file.build_id = (char *)"02";
    judge_copy(&copy, &file, NULL, DMV_STANDING_UNKNOWN, "warning", DMV_IMAGE_DIFFERS);
    copy.build_id = file.build_id = NULL; /* two that have none are not the same for that */
    judge_copy(&copy, &file, NULL, DMV_STANDING_UNKNOWN, "warning", DMV_IMAGE_DIFFERS);
    judge_copy(&copy, NULL, NULL, DMV_STANDING_UNKNOWN, "warning", DMV_IMAGE_DIFFERS);
    judge_copy(&copy, &file, "ice", DMV_STANDING_VERIFIED, "ok", 0);
}

static void judge_loaded(const char *build_id, const char *taint, DmvStanding standing, const char *severity,
                         int code)
{
    const DmvInspected file = bytes_unsigned(), *const files[] = {&file};
    const DmvStanding standings[] = {DMV_STANDING_VERIFIED};
    const DmvLoaded l = {.name = (char *)"ice", .build_id = (char *)build_id, .taint = (char *)taint};
    DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};

    assert_int_equal(dmv_standing_judge_loaded(&l, files, standings, 1, &v), 0);
    expect(&v, standing, severity, code);
}

static void test_loaded(void **state)
{
    (void)state;
    judge_loaded("01", "OE", DMV_STANDING_VERIFIED, "ok", 0);
    judge_loaded("02", NULL, DMV_STANDING_INBOX, "ok", 0); /* the kernel's package was updated */
    judge_loaded("02", "P", DMV_STANDING_INBOX, "ok", 0);
    judge_loaded("02", "O", DMV_STANDING_UNKNOWN, "warning", DMV_MODULE_NOT_ON_DISK);
    judge_loaded("02", "OE", DMV_STANDING_UNSIGNED, "warning", DMV_MODULE_NOT_ON_DISK);
    judge_loaded("02", "F", DMV_STANDING_UNKNOWN, "warning", DMV_MODULE_NOT_ON_DISK);
    judge_loaded(NULL, "OE", DMV_STANDING_UNSIGNED, "warning", DMV_MODULE_NOT_ON_DISK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_release_of_the_store),
        cmocka_unit_test(test_release_that_was_dropped),
        cmocka_unit_test(test_release_of_a_removed_key),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_files_of_others),
        cmocka_unit_test(test_owned_by_a_package),
        cmocka_unit_test(test_adopted_variant),
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_the_kernels_own),
        cmocka_unit_test(test_what_the_kernel_says),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
