/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packages made with the real rpmbuild, gpg and rpmsign (tests/support/make-rpms.sh): good ones are unpacked,
 * and every hostile one is refused with its own reason and leaves nothing behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/shell.h"
#include "base/hash.h"
#include "base/text.h"
#include "trust/package/rpm.h"

#define N_FILES 3

typedef struct Fixture {
    char *dir;
    DmvPackageKeys *keys;
    DmvCatalogFile files[N_FILES];
    DmvPackage package;
} Fixture;

static char *path_of(const Fixture *f, const char *name)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%s", f->dir, name) > 0);
    return path;
}

static char *read_all(const char *path, size_t *ret_size)
{
    FILE *f = fopen(path, "re");
    char *data = calloc(1, 300000);

    assert_non_null(f);
    assert_non_null(data);
    *ret_size = fread(data, 1, 299999, f);
    fclose(f);
    return data;
}

static int add_key_at(const Fixture *f, DmvPackageKeys *k, const char *name, int64_t now, DmvError *e)
{
    char *path = path_of(f, name);
    size_t size;
    char *data = read_all(path, &size);
    int r = dmv_package_keys_add(k, data, size, now, e);

    free(data);
    free(path);
    return r;
}

static int add_key(const Fixture *f, DmvPackageKeys *k, const char *name, DmvError *e)
{
    return add_key_at(f, k, name, time(NULL), e);
}

static int setup(void **state)
{
    static const char *const paths[N_FILES] = {"a.ko", "info.json", "firmware/x/y.bin"};
    static const char *const keys[] = {"good.asc", "ed.asc", "subkey.asc", "old-subkey.asc"};
    char template[] = "/tmp/dmv-test-rpm.XXXXXX";
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_non_null(mkdtemp(template));
    f->dir = strdup(template);
    *state = f;
    assert_non_null(getenv("DMV_SOURCE"));
    assert_int_equal(shell("bash '%s/tests/support/make-rpms.sh' '%s'", getenv("DMV_SOURCE"), f->dir), 0);
    for (size_t i = 0; i < N_FILES; i++) {
        char *path, *relative, *data;
        size_t size;

        assert_true(asprintf(&relative, "contents/%s", paths[i]) > 0);
        path = path_of(f, relative);
        data = read_all(path, &size);
        f->files[i].path = (char *)paths[i];
        f->files[i].size = size;
        assert_int_equal(dmv_sha256_hex(data, size, f->files[i].sha256), 0);
        f->package.unpacked += size;
        free(data);
        free(path);
        free(relative);
    }
    f->package.kernel = (char *)"6.1.0-test";
    f->package.nevra = (char *)"dmv-test-1.0-1.noarch";
    f->package.files = f->files;
    f->package.n_files = N_FILES;
    assert_int_equal(dmv_package_keys_new(&f->keys), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(keys); i++)
        assert_int_equal(add_key(f, f->keys, keys[i], NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_package_keys_free(f->keys);
    assert_int_equal(shell("rm -rf '%s'", f->dir), 0);
    free(f->dir);
    free(f);
    return 0;
}

/* Unpacks into DIR/out, which is made anew. */
static int unpack(const Fixture *f, const char *name, const DmvPackageKeys *k, const DmvPackage *p,
                  DmvError *e)
{
    DMV_CLEANUP_CLOSE int fd = -1, dirfd = -1;
    char *rpm, *out = path_of(f, "out");
    int r;

    assert_true(asprintf(&rpm, "%s/rpms/%s", f->dir, name) > 0);
    assert_int_equal(shell("rm -rf '%s' && mkdir '%s'", out, out), 0);
    fd = open(rpm, O_RDONLY | O_CLOEXEC);
    dirfd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0 && dirfd >= 0);
    r = dmv_rpm_unpack(fd, k, "test", "generic", p, dirfd, e);
    free(rpm);
    free(out);
    return r;
}

static void assert_out_is_empty(const Fixture *f)
{
    assert_int_equal(shell("test -z \"$(ls -A '%s/out')\"", f->dir), 0);
}

static void assert_no_scriptlet_ran(const Fixture *f)
{
    assert_int_equal(shell("test ! -e '%s/scriptlet-ran'", f->dir), 0);
}

static void test_good(void **state)
{
    static const char *const good[] = {"good", "ed", "subkey", "xz", "zstd", "usr", "owner", "scriptlet"};
    const Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(good); i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r = unpack(f, good[i], f->keys, &f->package, &e);

        if (r != 0)
            print_error("%s: %s\n", good[i], e.why);
        assert_int_equal(r, 0);
        assert_int_equal(shell("diff -r '%s/out' '%s/contents'", f->dir, f->dir), 0);
        assert_int_equal(shell("test -z \"$(find '%s/out' -type f ! -perm 0644)\"", f->dir), 0);
    }
    assert_no_scriptlet_ran(f);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name;
        const char *reason;
    } table[] = {
        {"unsigned", "rpm-unsigned"},
        {"delsign", "rpm-unsigned"},
        {"evil", "rpm-no-key"},
        {"old-subkey", "rpm-no-key"},
        {"sha1", "rpm-weak-signature"},
        {"header-bit", "rpm-bad-signature"},
        {"payload-bit", "rpm-bad-signature"},
        {"truncated", "rpm-bad-signature"},
        {"trailing", "rpm-bad-signature"},
        {"grafted", "rpm-bad-signature"},
        {"noise-gz", "rpm-bad-signature"},
        {"cut-header", "rpm-unreadable"},
        {"nothing", "rpm-unreadable"},
        {"noise", "rpm-unreadable"},
        {"source", "rpm-source-package"},
        {"nevra", "rpm-wrong-nevra"},
        {"bzip2", "rpm-payload-format"},
        {"uncompressed", "rpm-payload-format"},
        {"not-cpio", "rpm-payload-format"},
        {"many", "rpm-too-many-files"},
        {"bomb", "rpm-too-large"},
        {"big-link", "rpm-too-large"},
        {"outside", "rpm-bad-path"},
        {"sibling", "rpm-bad-path"},
        {"above", "rpm-bad-path"},
        {"traversal", "rpm-bad-path"},
        {"not-ascii", "rpm-bad-path"},
        {"suid", "rpm-bad-file"},
        {"caps", "rpm-bad-file"},
        {"ghost", "rpm-bad-file"},
        {"device", "rpm-bad-file"},
        {"fifo", "rpm-bad-file"},
        {"symlink", "rpm-bad-file"},
        {"hardlink", "rpm-bad-file"},
        {"md5", "rpm-bad-file"},
        {"extra", "rpm-extra-file"},
        {"missing", "rpm-missing-file"},
        {"empty-list", "rpm-missing-file"},
        {"size", "size-mismatch"},
        {"content", "hash-mismatch"},
    };
    const Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(table); i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r = unpack(f, table[i].name, f->keys, &f->package, &e);

        if (strcmp(dmv_outcome_reason(r), table[i].reason) != 0)
            print_error("%s: %s\n", table[i].name, e.why);
        assert_string_equal(dmv_outcome_reason(r), table[i].reason);
        assert_int_equal(e.code, r);
        assert_non_null(strstr(e.what, "dmv-test-1.0-1.noarch"));
        assert_non_null(e.why);
        assert_non_null(e.next);
        assert_out_is_empty(f);
    }
    assert_no_scriptlet_ran(f);
}

/* Signed by a publisher whose header and payload say different things. */
static void test_lies(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvCatalogFile files[N_FILES];
    DmvPackage p = f->package;

    assert_string_equal(dmv_outcome_reason(unpack(f, "payload-missing", f->keys, &p, &e)),
                        "rpm-missing-file");
    assert_string_equal(dmv_outcome_reason(unpack(f, "payload-extra", f->keys, &p, &e)), "rpm-extra-file");
    assert_string_equal(dmv_outcome_reason(unpack(f, "payload-noise", f->keys, &p, &e)),
                        "rpm-payload-format");
    memcpy(files, f->files, sizeof(files));
    p.files = files;
    memset(files[0].sha256, '0', 64);
    assert_string_equal(dmv_outcome_reason(unpack(f, "lying-digest", f->keys, &p, &e)), "hash-mismatch");
    memcpy(files, f->files, sizeof(files));
    files[0].size--;
    p.unpacked--;
    assert_string_equal(dmv_outcome_reason(unpack(f, "lying-size", f->keys, &p, &e)), "hash-mismatch");
}

/* The same good package against a catalog that says something else. */
static void test_other_catalog(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvCatalogFile files[N_FILES + 1] = {0};
    DmvPackage p = f->package;

    memcpy(files, f->files, sizeof(f->files));
    p.files = files;
    files[1].sha256[0] = files[1].sha256[0] == '0' ? '1' : '0';
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), DMV_HASH_MISMATCH);
    memcpy(files, f->files, sizeof(f->files));
    files[2].size++;
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), DMV_SIZE_MISMATCH);
    files[2].size--;
    p.unpacked++;
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), DMV_SIZE_MISMATCH);
    p.unpacked -= 2;
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), DMV_RPM_TOO_LARGE);
    p = f->package;
    p.files = files;
    files[N_FILES] = (DmvCatalogFile){.path = (char *)"b.ko", .size = 1};
    p.n_files = N_FILES + 1;
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), DMV_RPM_MISSING_FILE);
    p = f->package;
    p.kernel = (char *)"6.1.0-other";
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), DMV_RPM_BAD_PATH);
    p.kernel = (char *)"../x";
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), -EINVAL);
}

/* A file that cannot be written is an error of this host, not a refusal. */
static void test_no_room(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};
    struct rlimit saved, little;
    int r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
    little = saved;
    little.rlim_cur = 20000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    r = unpack(f, "good", f->keys, &f->package, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
    assert_int_equal(r, -EFBIG);
    assert_non_null(strstr(e.why, "a.ko"));
}

/*
 * One bit of a good package changed, 150 times: what is accepted all the same (padding, bytes that nothing
 * covers) unpacks to exactly the approved files.
 */
static void test_mutations(void **state)
{
    const Fixture *f = *state;
    char *good = path_of(f, "rpms/good"), *mutant = path_of(f, "rpms/mutant");
    unsigned n_accepted = 0;
    size_t size;
    char *data = read_all(good, &size);

    srand(2);
    for (int i = 0; i < 150; i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        size_t at = (size_t)rand() % (i % 2 ? size : 8000); /* every other one in the headers */
        char old = data[at];
        FILE *file = fopen(mutant, "we");
        int r;

        data[at] = (char)(old ^ (1 << rand() % 8));
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        r = unpack(f, "mutant", f->keys, &f->package, &e);
        assert_true(r >= 0);
        if (r > 0)
            assert_out_is_empty(f);
        else
            assert_int_equal(shell("diff -r '%s/out' '%s/contents'", f->dir, f->dir), 0);
        n_accepted += r == 0;
        data[at] = old;
    }
    assert_true(n_accepted < 75);
    free(data);
    free(good);
    free(mutant);
}

static void test_signer(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvPackage p = f->package;
    DmvPackageKeys *none = NULL;
    char id[17] = "", *command;
    FILE *pipe;

    assert_true(asprintf(&command,
                         "gpg --homedir '%s/gnupg-good' --list-keys --with-colons 2> /dev/null | awk -F: "
                         "'/^pub/ { print $5 }'",
                         f->dir) > 0);
    pipe = popen(command, "re");
    free(command);
    assert_non_null(pipe);
    assert_int_equal(fread(id, 1, 16, pipe), 16);
    pclose(pipe);
    p.signer = id; /* gpg writes it in capitals */
    assert_int_equal(unpack(f, "good", f->keys, &p, &e), 0);
    assert_int_equal(unpack(f, "ed", f->keys, &p, &e), DMV_RPM_WRONG_SIGNER);
    assert_out_is_empty(f);
    assert_int_equal(dmv_package_keys_new(&none), 0);
    assert_int_equal(unpack(f, "good", none, &p, &e), DMV_RPM_NO_KEY);
    dmv_package_keys_free(none);
}

static void test_key_files(void **state)
{
    static const char *const bad[] = {
        "binary.pgp",  "two-blocks.asc",   "both.asc",    "secret.asc",         "short.asc",
        "revoked.asc", "no-signature.asc", "damaged.asc", "contents/info.json", "rpms/good"};
    const Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvPackageKeys *k = NULL;

    assert_int_equal(dmv_package_keys_new(&k), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        int r = add_key(f, k, bad[i], &e);

        if (r != DMV_RPM_BAD_KEY_FILE)
            print_error("%s\n", bad[i]);
        assert_int_equal(r, DMV_RPM_BAD_KEY_FILE);
        assert_non_null(e.why);
    }
    assert_int_equal(dmv_package_keys_add(k, "", 0, 0, &e), DMV_RPM_BAD_KEY_FILE);
    /* nothing of all that is in the keyring */
    assert_int_equal(unpack(f, "good", k, &f->package, &e), DMV_RPM_NO_KEY);
    /* the same key twice is fine */
    assert_int_equal(add_key(f, k, "good.asc", &e), 0);
    assert_int_equal(add_key(f, k, "good.asc", &e), 0);
    assert_int_equal(unpack(f, "good", k, &f->package, &e), 0);
    dmv_package_keys_free(k);
}

/* A keyring of these files at that time, and a package that one of them may have signed: accepted, or refused
 * because the key has ended then. @end: NULL if it has not. */
static void check_ends(const Fixture *f, const char *const *files, int64_t now, const char *package,
                       const char *end)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvPackageKeys *k = NULL;

    assert_int_equal(dmv_package_keys_new(&k), 0);
    for (; *files; files++)
        assert_int_equal(add_key_at(f, k, *files, now, &e), 0);
    assert_int_equal(unpack(f, package, k, &f->package, &e), end ? DMV_RPM_NO_KEY : 0);
    if (end) {
        assert_non_null(strstr(e.why, "expired on"));
        assert_non_null(strstr(e.why, end));
        assert_non_null(strstr(e.next, "renewed"));
    }
    dmv_package_keys_free(k);
}

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Until the last second before its end a certificate counts, by the time that is passed; what somebody else
 * says of it does not matter, and others do not end with it. */
static void test_key_ends(void **state)
{
    const int64_t end = 1577836800 + 86400; /* 2020-01-02T00:00:00Z */
    const Fixture *f = *state;

    check_ends(f, FILES("expired.asc"), end - 1, "expired", NULL);
    check_ends(f, FILES("expired.asc"), end, "expired", "2020-01-02T00:00:00Z");
    check_ends(f, FILES("certified.asc"), end, "expired", "2020-01-02T00:00:00Z");
    check_ends(f, FILES("expired.asc", "good.asc"), end, "good", NULL);
    check_ends(f, FILES("expired.asc", "good.asc"), end, "expired", "2020-01-02T00:00:00Z");
}

/* A certificate that was renewed counts, also beside the one before; one whose end was set later does not. */
static void test_key_is_renewed(void **state)
{
    const int64_t now = time(NULL);
    const Fixture *f = *state;

    check_ends(f, FILES("renewed.asc"), now, "expired", NULL);
    check_ends(f, FILES("expired.asc", "renewed.asc"), now, "expired", NULL);
    check_ends(f, FILES("lasting.asc"), now, "lasting", NULL);
    check_ends(f, FILES("cut-short.asc"), now, "lasting", "2020-01-04T00:00:00Z");
}

/* A subkey counts until its own end, whatever the certificate's is. */
static void test_subkey_ends(void **state)
{
    const Fixture *f = *state;

    check_ends(f, FILES("old-subkey.asc"), 1577836800, "old-subkey", NULL);
    check_ends(f, FILES("old-subkey.asc"), time(NULL), "old-subkey", "2020-01-02T00:00:00Z");
}

/* Whatever stands in the packets of a certificate, it is judged and not trusted to be well-formed. */
static void test_key_mutations(void **state)
{
    const Fixture *f = *state;
    char *path = path_of(f, "good.asc");
    size_t size;
    char *data = read_all(path, &size);

    srand(1);
    for (int i = 0; i < 500; i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        size_t at = (size_t)rand() % size;
        char old = data[at];
        DmvPackageKeys *k = NULL;
        int r;

        data[at] = (char)('A' + rand() % 26);
        assert_int_equal(dmv_package_keys_new(&k), 0);
        r = dmv_package_keys_add(k, data, size, time(NULL), &e);
        assert_true(r == 0 || r == DMV_RPM_BAD_KEY_FILE);
        dmv_package_keys_free(k);
        data[at] = old;
    }
    free(data);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lies),        cmocka_unit_test(test_other_catalog),
        cmocka_unit_test(test_no_room),     cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_signer),      cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_key_ends),    cmocka_unit_test(test_key_is_renewed),
        cmocka_unit_test(test_subkey_ends), cmocka_unit_test(test_key_mutations),
    };

    (void)signal(SIGXFSZ, SIG_IGN);
    dmv_crypto_init();
    return cmocka_run_group_tests(tests, setup, teardown);
}
