/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Publishing with real, signed modules: every refusal by its exact outcome, and with the whole root as it was
 * before.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "../support/race.h"
#include "../support/snapshot.h"
#include "base/hash.h"
#include "base/text.h"
#include "daemon/apply/publish.h"
#include "host/fs.h"

#define KERNEL "6.1.0-test"
#define STORE "usr/lib/dmv/store"
#define FOLDER STORE "/" KERNEL "/intel-ice/dell/1.0"
#define BUILD_ID "0101010101010101010101010101010101010101"
#define ALIAS "pci:v00008086d00001592sv*sd*bc*sc*i*"

#define INFO(driver, version, kernel, device)                                                          \
    "{\"category\":\"network\",\"name\":\"" driver "\",\"version\":\"" version                         \
    "\",\"variant\":\"dell\",\"kABI\":\"" kernel "\",\"description\":\"d\",\"status\":\"production\"," \
    "\"priority\":50,\"pci_ids\":{\"ice.ko\":[{\"vendor_id\":\"8086\",\"device_id\":\"" device         \
    "\",\"subvendor_id\":\"*\",\"subdevice_id\":\"*\"}]}}"
#define GOOD_INFO INFO("intel-ice", "1.0", KERNEL, "1592")

static Scratch built; /* modules and the certificate, made once */

/* A host, a folder as the fetch worker leaves it, and the request that describes it. */
typedef struct Case {
    Scratch s;
    DmvRoots roots;
    DmvPublishRequest q;
    int source;
} Case;

static char *copy(const char *text)
{
    char *p = strdup(text);

    assert_non_null(p);
    return p;
}

static void set(char **p, const char *text)
{
    assert_int_equal(dmv_set_string(p, text), 0);
}

/* Describes a file of the source as it is now. */
static DmvPublishFile *describe(Case *c, DmvPublishFile *f)
{
    char path[256], hex[DMV_SHA256_HEX];
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size;

    (void)snprintf(path, sizeof(path), "source/%s", f->path);
    data = scratch_read(&c->s, path, &size);
    assert_int_equal(dmv_sha256_hex(data, size, hex), 0);
    f->size = size;
    set(&f->sha256, hex);
    return f;
}

static DmvPublishFile *add_text(Case *c, const char *name, const char *text)
{
    char path[256];
    DmvPublishFile *f = DMV_ARRAY_ADD(c->q.files, c->q.n_files);

    assert_non_null(f);
    (void)snprintf(path, sizeof(path), "source/%s", name);
    scratch_write(&c->s, path, text);
    f->path = copy(name);
    return describe(c, f);
}

static void put_module(Case *c, const char *from, const char *name)
{
    char path[256];
    size_t size;
    DMV_CLEANUP_FREE char *data = scratch_read(&built, from, &size);

    (void)snprintf(path, sizeof(path), "source/%s", name);
    scratch_write_bytes(&c->s, path, data, size);
}

static DmvPublishFile *add_module(Case *c, const char *from, const char *name)
{
    DmvPublishFile *f = DMV_ARRAY_ADD(c->q.files, c->q.n_files);

    assert_non_null(f);
    put_module(c, from, name);
    f->path = copy(name);
    return describe(c, f);
}

static void add_certificate(DmvPublishRequest *q, const char *name)
{
    size_t size;
    DMV_CLEANUP_FREE char *der = scratch_read(&built, name, &size);

    assert_int_equal(dmv_certificates_add(q->certificates, der, size, NULL), 0);
}

/* Everything but the files. */
static void case_init_empty(Case *c)
{
    *c = (Case){0};
    scratch_init(&c->s);
    scratch_mkdir(&c->s, "root/usr/lib/modules/" KERNEL "/updates");
    scratch_mkdir(&c->s, "source");
    assert_int_equal(dmv_roots_init(&c->roots, scratch_path(&c->s, "root"), NULL, NULL), 0);
    c->source = openat(c->s.fd, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(c->source >= 0);
    c->q.driver = copy("intel-ice");
    c->q.variant = copy("dell");
    c->q.version = copy("1.0");
    c->q.kernel = copy(KERNEL);
    c->q.require_signature = true;
    assert_int_equal(dmv_certificates_new(&c->q.certificates), 0);
    add_certificate(&c->q, "good.der");
}

static void case_init(Case *c)
{
    case_init_empty(c);
    (void)add_text(c, "info.json", GOOD_INFO);
    set(&add_module(c, "signed.ko", "ice.ko")->build_id, BUILD_ID);
    (void)add_text(c, "firmware/intel/ice/ddp.bin", "firmware\n");
}

static void case_deinit(Case *c)
{
    assert_int_equal(close(c->source), 0);
    dmv_publish_request_deinit(&c->q);
    dmv_roots_deinit(&c->roots);
    scratch_deinit(&c->s);
}
#define CASE __attribute__((cleanup(case_deinit))) Case

static void assert_published(Case *c)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_publish(&c->roots, c->source, &c->q, &folder, &e);

    if (r != 0)
        fail_msg("%s: %s: %s", dmv_outcome_reason(r), e.what ? e.what : "", e.why ? e.why : "");
    assert_string_equal(folder, FOLDER);
}

static void assert_refused(Case *c, int outcome)
{
    DMV_CLEANUP_FREE char *before = snapshot(&c->s, "root"), *folder = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    assert_int_equal(dmv_publish(&c->roots, c->source, &c->q, &folder, &e), outcome);
    assert_null(folder);
    assert_int_equal(e.code, outcome);
    assert_non_null(e.why);
    snapshot_assert_same(&c->s, "root", before);
}

static void test_publish(void **state)
{
    CASE c;
    DMV_CLEANUP_FREE char *after = NULL, *text = NULL;
    struct stat st;

    (void)state;
    case_init(&c);
    (void)umask(077);
    assert_published(&c);
    (void)umask(022);
    after = snapshot(&c.s, "root");
    assert_null(strstr(after, ".staging-"));
    text = scratch_read(&c.s, "root/" FOLDER "/info.json", NULL);
    assert_string_equal(text, GOOD_INFO);
    assert_int_equal(fstatat(c.s.fd, "root/" FOLDER "/ice.ko", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    assert_int_equal(fstatat(c.s.fd, "root/" FOLDER "/firmware/intel/ice/ddp.bin", &st, AT_SYMLINK_NOFOLLOW),
                     0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    /* again, even when the source is gone: nothing to do */
    assert_int_equal(unlinkat(c.s.fd, "source/ice.ko", 0), 0);
    assert_published(&c);
    snapshot_assert_same(&c.s, "root", after);
}

static void test_names_and_limits(void **state)
{
    static const char *const bad[] = {"../x", "", "a/b", ".hidden", "a b", "-x"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        for (int which = 0; which < 4; which++) {
            CASE c;
            DMV_CLEANUP_FREE char *folder = NULL;

            case_init(&c);
            set(which == 0   ? &c.q.driver
                : which == 1 ? &c.q.variant
                : which == 2 ? &c.q.version
                             : &c.q.kernel,
                bad[i]);
            assert_int_equal(dmv_publish(&c.roots, c.source, &c.q, &folder, NULL), DMV_INVALID_NAME);
            assert_int_equal(dmv_unpublish(&c.roots, c.q.driver, c.q.variant, c.q.version, c.q.kernel, NULL),
                             DMV_INVALID_NAME);
        }
}

static void test_bad_requests(void **state)
{
    static const char *const paths[] = {"../x", "/etc/passwd", "a/../b", "a//b", "", "a/", "a\nb"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(paths); i++) {
        CASE c;

        case_init(&c);
        set(&c.q.files[1].path, paths[i]);
        assert_refused(&c, DMV_INVALID_REQUEST);
    }
    for (int which = 0; which < 5; which++) {
        CASE c;
        size_t n;

        case_init(&c);
        n = c.q.n_files;
        if (which == 0)
            c.q.files[1].size = 0;
        else if (which == 1)
            c.q.files[1].size = UINT64_MAX;
        else if (which == 2)
            set(&c.q.files[1].sha256, "abc");
        else if (which == 3)
            set(&c.q.files[1].path, "info.json");
        else
            c.q.n_files = 0;
        assert_refused(&c, DMV_INVALID_REQUEST);
        c.q.n_files = n;
    }
}

static void test_bytes(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    c.q.files[2].size++;
    assert_refused(&c, DMV_SIZE_MISMATCH);
    c.q.files[2].size--;
    scratch_write(&c.s, "source/firmware/intel/ice/ddp.bin", "firmwarE\n");
    assert_refused(&c, DMV_HASH_MISMATCH);
    scratch_write(&c.s, "source/firmware/intel/ice/ddp.bin", "firmware\nand more\n");
    assert_refused(&c, DMV_SIZE_MISMATCH);
    assert_int_equal(unlinkat(c.s.fd, "source/firmware/intel/ice/ddp.bin", 0), 0);
    assert_refused(&c, DMV_RPM_MISSING_FILE);
    scratch_link(&c.s, "source/firmware/intel/ice/ddp.bin", "/etc/passwd");
    assert_refused(&c, DMV_RPM_BAD_FILE);
    assert_int_equal(unlinkat(c.s.fd, "source/firmware/intel/ice/ddp.bin", 0), 0);
    assert_int_equal(mkfifoat(c.s.fd, "source/firmware/intel/ice/ddp.bin", 0600), 0);
    assert_refused(&c, DMV_RPM_BAD_FILE);
    assert_int_equal(unlinkat(c.s.fd, "source/firmware/intel/ice/ddp.bin", 0), 0);
    scratch_mkdir(&c.s, "source/firmware/intel/ice/ddp.bin");
    assert_refused(&c, DMV_RPM_BAD_FILE);
}

/* A folder on the way that is a link, inside the source and out of it. */
static void test_linked_folder(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    scratch_run("mv", scratch_path(&c.s, "source/firmware"), scratch_path(&c.s, "elsewhere"), NULL);
    scratch_link(&c.s, "source/firmware", "../elsewhere");
    assert_refused(&c, DMV_RPM_BAD_FILE);
    scratch_run("mv", scratch_path(&c.s, "elsewhere"), scratch_path(&c.s, "source/inside"), NULL);
    assert_int_equal(unlinkat(c.s.fd, "source/firmware", 0), 0);
    scratch_link(&c.s, "source/firmware", "inside");
    assert_refused(&c, DMV_RPM_BAD_FILE);
}

static const struct {
    const char *module;
    int outcome;
} wrong_modules[] = {
    {"unsigned.ko", DMV_MODULE_UNSIGNED},     {"evil.ko", DMV_MODULE_UNKNOWN_SIGNER},
    {"flipped.ko", DMV_MODULE_BAD_SIGNATURE}, {"footer.ko", DMV_MODULE_BAD_FOOTER},
    {"text.ko", DMV_MODULE_NOT_ELF},          {"machine.ko", DMV_MODULE_WRONG_MACHINE},
    {"name.ko", DMV_MODULE_WRONG_NAME},       {"vermagic.ko", DMV_MODULE_WRONG_VERMAGIC},
    {"prefix.ko", DMV_MODULE_WRONG_VERMAGIC}, {"buildid.ko", DMV_MODULE_WRONG_BUILD_ID},
    {"noid.ko", DMV_MODULE_WRONG_BUILD_ID},   {"aliases.ko", DMV_MODULE_WRONG_ALIASES},
};

/* The catalog describes exactly these bytes, and they are still not what a release may hold. */
static void test_modules(void **state)
{
    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(wrong_modules); i++) {
        CASE c;

        case_init(&c);
        put_module(&c, wrong_modules[i].module, "ice.ko");
        (void)describe(&c, &c.q.files[1]);
        assert_refused(&c, wrong_modules[i].outcome);
    }
}

static void test_compressed_module(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    set(&c.q.files[1].path, "ice.ko.xz");
    put_module(&c, "signed.ko", "ice.ko.xz");
    (void)describe(&c, &c.q.files[1]);
    assert_refused(&c, DMV_MODULE_NOT_ELF);
}

/* A sparse one: whoever reads it all has read 128 MiB and a byte. */
static void test_huge_module(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    assert_int_equal(truncate(scratch_path(&c.s, "source/ice.ko"), (128 << 20) + 1), 0);
    (void)describe(&c, &c.q.files[1]);
    assert_refused(&c, DMV_TOO_LARGE);
}

static void test_signer(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    set(&c.q.files[1].signer, "00112233445566778899aabbccddeeff00112233");
    assert_refused(&c, DMV_MODULE_UNKNOWN_SIGNER);
    set(&c.q.files[1].signer, NULL);
    c.q.certificates = dmv_certificates_free(c.q.certificates);
    assert_refused(&c, DMV_MODULE_UNKNOWN_SIGNER);
}

/* Where the site does not ask for signatures, none is needed; a broken one is still refused. */
static void test_signature_not_required(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    c.q.require_signature = false;
    put_module(&c, "flipped.ko", "ice.ko");
    (void)describe(&c, &c.q.files[1]);
    assert_refused(&c, DMV_MODULE_BAD_SIGNATURE);
    put_module(&c, "unsigned.ko", "ice.ko");
    (void)describe(&c, &c.q.files[1]);
    assert_published(&c);
}

static void test_info(void **state)
{
    static const struct {
        const char *text;
        int outcome;
    } cases[] = {
        {INFO("other", "1.0", KERNEL, "1592"), DMV_RELEASE_MISMATCH},
        {INFO("intel-ice", "2.0", KERNEL, "1592"), DMV_RELEASE_MISMATCH},
        {INFO("intel-ice", "1.0", "6.2.0-test", "1592"), DMV_RELEASE_MISMATCH},
        {INFO("intel-ice", "1.0", KERNEL, "1593"), DMV_MODULE_WRONG_ALIASES},
        {INFO("intel-ice", "1.0", KERNEL, "*"), DMV_MODULE_WRONG_ALIASES},
        {"{\"name\":", DMV_MALFORMED},
        {"[]", DMV_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        CASE c;

        case_init(&c);
        scratch_write(&c.s, "source/info.json", "");
        assert_int_equal(unlinkat(c.s.fd, "source/info.json", 0), 0);
        scratch_write(&c.s, "source/info.json", cases[i].text);
        (void)describe(&c, &c.q.files[0]);
        assert_refused(&c, cases[i].outcome);
    }
}

static void test_no_info(void **state)
{
    CASE c;

    (void)state;
    case_init_empty(&c);
    (void)add_module(&c, "signed.ko", "ice.ko");
    assert_refused(&c, DMV_RELEASE_MISMATCH);
}

static void test_other_content_is_there(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    assert_published(&c);
    scratch_write(&c.s, "root/" FOLDER "/extra.txt", "x");
    assert_refused(&c, DMV_CONFLICT);
    assert_int_equal(unlinkat(c.s.fd, "root/" FOLDER "/extra.txt", 0), 0);
    assert_published(&c);
    scratch_write(&c.s, "root/" FOLDER "/firmware/intel/ice/ddp.bin", "firmwarE\n");
    assert_refused(&c, DMV_CONFLICT);
}

/* Somebody has put a link where the store shall be. */
static void test_planted_store(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    scratch_mkdir(&c.s, "root/victim");
    scratch_mkdir(&c.s, "root/" STORE "/" KERNEL);
    scratch_link(&c.s, "root/" STORE "/" KERNEL "/intel-ice", "../../../../../victim");
    assert_refused(&c, -ELOOP);
}

/* Publishes again and again; @link is what a folder on the way is exchanged for meanwhile. */
static int publish_much(Case *c)
{
    size_t met[2] = {0};

    for (size_t n = 0; n < 5000 && (n < 200 || !met[0] || !met[1]); n++) {
        DMV_CLEANUP_FREE char *folder = NULL;
        int r = dmv_publish(&c->roots, c->source, &c->q, &folder, NULL);
        bool found = false;

        met[r != 0]++;
        (void)dmv_unpublish(&c->roots, c->q.driver, c->q.variant, c->q.version, c->q.kernel, NULL);
        /* and what a process that died has left */
        for (int i = 0; i < 10; i++) {
            (void)dmv_fs_mkdirs(c->roots.fd, STORE "/" KERNEL "/intel-ice/empty", 0755);
            (void)dmv_publish_clean(&c->roots, &found);
        }
    }
    return met[0] && met[1] ? 0 : 1;
}

/* A folder of the store that becomes a link and a folder again all the time leads nowhere, by openat2(2) and
 * without it: nothing is written or removed where the link points. */
static void test_race(void **state)
{
    static const char *const targets[] = {"../../../../../outside", "../../../../outside"};

    (void)state;
    for (size_t i = 0; i < 4 * DMV_N_ELEMENTS(targets); i++) {
        DMV_CLEANUP_FREE char *before = NULL;
        pid_t swapping, publishing;
        int status;
        CASE c;

        case_init(&c);
        scratch_write(&c.s, "root/" STORE "/" KERNEL "/intel-ice/other/1.0/ice.ko",
                      "so that the folder stays");
        if (i % 4 < 2) { /* with a release to remove there, and with room for one to come */
            scratch_write(&c.s, "outside/intel-ice/dell/1.0/ice.ko", "not ours");
            scratch_write(&c.s, "root/outside/intel-ice/dell/1.0/ice.ko", "not ours");
        }
        scratch_mkdir(&c.s, "outside/intel-ice/empty");
        scratch_mkdir(&c.s, "root/outside/intel-ice/empty");
        scratch_link(&c.s, "link", targets[i / 4]);
        before = snapshot(&c.s, "root/outside");
        swapping = race_start(c.s.fd, "root/" STORE "/" KERNEL, "link");
        publishing = fork();
        assert_true(publishing >= 0);
        if (publishing == 0)
            _exit(i % 2 && race_without_openat2() < 0 ? 2 : publish_much(&c));
        assert_int_equal(waitpid(publishing, &status, 0), publishing);
        race_stop(swapping);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        snapshot_assert_same(&c.s, "root/outside", before);
        snapshot_assert_same(&c.s, "outside", before);
    }
}

static void test_no_space(void **state)
{
    CASE c;
    DMV_CLEANUP_FREE char *before = NULL, *folder = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    case_init(&c);
    scratch_mkdir(&c.s, "root/" STORE);
    assert_int_equal(mount("tmpfs", scratch_path(&c.s, "root/" STORE), "tmpfs", 0, "size=256k"), 0);
    before = snapshot(&c.s, "root");
    assert_int_equal(dmv_publish(&c.roots, c.source, &c.q, &folder, &e), DMV_NO_SPACE);
    assert_non_null(strstr(e.why, "bytes"));
    snapshot_assert_same(&c.s, "root", before);
    assert_int_equal(umount(scratch_path(&c.s, "root/" STORE)), 0);
}

/* What the count of free bytes did not say: there is no room for one more file. */
static void test_no_room_for_files(void **state)
{
    CASE c;
    DMV_CLEANUP_FREE char *before = NULL, *folder = NULL;

    (void)state;
    case_init(&c);
    scratch_mkdir(&c.s, "root/" STORE);
    assert_int_equal(mount("tmpfs", scratch_path(&c.s, "root/" STORE), "tmpfs", 0, "size=8m,nr_inodes=4"), 0);
    before = snapshot(&c.s, "root");
    assert_int_equal(dmv_publish(&c.roots, c.source, &c.q, &folder, NULL), DMV_NO_SPACE);
    snapshot_assert_same(&c.s, "root", before);
    assert_int_equal(umount(scratch_path(&c.s, "root/" STORE)), 0);
}

/* No rename leads from where the worker finds the files into the store. */
static void test_store_on_another_filesystem(void **state)
{
    CASE c;

    (void)state;
    case_init(&c);
    scratch_mkdir(&c.s, "root/" STORE);
    assert_int_equal(mount("tmpfs", scratch_path(&c.s, "root/" STORE), "tmpfs", 0, "size=8m"), 0);
    assert_published(&c);
    assert_int_equal(umount(scratch_path(&c.s, "root/" STORE)), 0);
}

static int unpublish(Case *c)
{
    return dmv_unpublish(&c->roots, c->q.driver, c->q.variant, c->q.version, c->q.kernel, NULL);
}

static void test_unpublish(void **state)
{
    CASE c;
    DMV_CLEANUP_FREE char *before = NULL, *linked = NULL, *after = NULL;

    (void)state;
    case_init(&c);
    scratch_mkdir(&c.s, "root/" STORE);
    before = snapshot(&c.s, "root");
    assert_int_equal(unpublish(&c), DMV_NOT_INSTALLED);
    assert_published(&c);
    scratch_link(&c.s, "root/usr/lib/modules/" KERNEL "/updates/ice.ko",
                 "../../../dmv/store/" KERNEL "/intel-ice/dell/1.0/ice.ko");
    linked = snapshot(&c.s, "root");
    assert_int_equal(unpublish(&c), DMV_IN_USE);
    snapshot_assert_same(&c.s, "root", linked);
    assert_int_equal(unlinkat(c.s.fd, "root/usr/lib/modules/" KERNEL "/updates/ice.ko", 0), 0);
    scratch_link(&c.s, "root/usr/lib/firmware/updates/" KERNEL "/intel/ice/ddp.bin",
                 "../../../../../dmv/store/" KERNEL "/intel-ice/dell/1.0/firmware/intel/ice/ddp.bin");
    assert_int_equal(unpublish(&c), DMV_IN_USE);
    scratch_run("rm", "-r", scratch_path(&c.s, "root/usr/lib/firmware"), NULL);
    assert_int_equal(unpublish(&c), 0);
    snapshot_assert_same(&c.s, "root", before);
    after = snapshot(&c.s, "root");
    assert_null(strstr(after, ".removed-"));
}

/* Another version keeps the folders above it. */
static void test_unpublish_one_of_two(void **state)
{
    CASE c;
    struct stat st;

    (void)state;
    case_init(&c);
    assert_published(&c);
    scratch_write(&c.s, "root/" STORE "/" KERNEL "/intel-ice/dell/0.9/info.json", "{}");
    assert_int_equal(unpublish(&c), 0);
    assert_int_equal(fstatat(c.s.fd, "root/" STORE "/" KERNEL "/intel-ice/dell/0.9/info.json", &st, 0), 0);
}

static void test_clean(void **state)
{
    CASE c;
    DMV_CLEANUP_FREE char *good = NULL;
    bool found = true;

    (void)state;
    case_init(&c);
    assert_int_equal(dmv_publish_clean(&c.roots, &found), 0);
    assert_false(found);
    assert_published(&c);
    good = snapshot(&c.s, "root");
    assert_int_equal(dmv_publish_clean(&c.roots, &found), 0);
    assert_false(found);
    scratch_write(&c.s, "root/" STORE "/.staging-0123456789abcdef/sub/ice.ko", "half");
    scratch_write(&c.s, "root/" STORE "/.removed-0123456789abcdef/ice.ko", "half");
    scratch_mkdir(&c.s, "root/" STORE "/6.9.0/other/variant");
    assert_int_equal(dmv_publish_clean(&c.roots, &found), 0);
    assert_true(found);
    snapshot_assert_same(&c.s, "root", good);
}

/* ---- what the tests are made of ---- */

static void make_key(const char *name)
{
    char key[64], certificate[64], der[64], subject[64];

    (void)snprintf(key, sizeof(key), "%s.key", name);
    (void)snprintf(certificate, sizeof(certificate), "%s.pem", name);
    (void)snprintf(der, sizeof(der), "%s.der", name);
    (void)snprintf(subject, sizeof(subject), "/O=dmv test/CN=%s", name);
    scratch_run("openssl", "req", "-new", "-nodes", "-sha256", "-days", "36500", "-batch", "-x509", "-newkey",
                "rsa:2048", "-subj", subject, "-keyout", scratch_path(&built, key), "-out",
                scratch_path(&built, certificate), NULL);
    scratch_run("openssl", "x509", "-in", scratch_path(&built, certificate), "-outform", "DER", "-out",
                scratch_path(&built, der), NULL);
}

static void sign(const char *module, const char *name)
{
    char key[64], certificate[64];
    glob_t tools = {0};

    (void)snprintf(key, sizeof(key), "%s.key", name);
    (void)snprintf(certificate, sizeof(certificate), "%s.pem", name);
    assert_int_equal(glob("/usr/lib/linux-kbuild-*/scripts/sign-file", 0, NULL, &tools), 0);
    scratch_run(tools.gl_pathv[0], "sha256", scratch_path(&built, key), scratch_path(&built, certificate),
                scratch_path(&built, module), NULL);
    globfree(&tools);
}

/* A copy with one byte changed; a negative offset counts from the end. */
static void alter(const char *from, const char *to, long offset, char value)
{
    size_t size;
    DMV_CLEANUP_FREE char *data = scratch_read(&built, from, &size);
    size_t at = offset < 0 ? size - (size_t)-offset : (size_t)offset;

    assert_true(at < size && data[at] != value);
    data[at] = value;
    scratch_write_bytes(&built, to, data, size);
}

static int build_modules(void **state)
{
    static const struct {
        const char *file;
        Komod module;
    } modules[] = {
        {"signed.ko", {.name = "ice", .aliases = {ALIAS}, .build_id = 1}},
        {"name.ko", {.name = "ixgbe", .aliases = {ALIAS}, .build_id = 1}},
        {"vermagic.ko", {.name = "ice", .vermagic = "6.2.0-test SMP ", .aliases = {ALIAS}, .build_id = 1}},
        {"prefix.ko", {.name = "ice", .vermagic = "6.1.0-test2 SMP ", .aliases = {ALIAS}, .build_id = 1}},
        {"buildid.ko", {.name = "ice", .aliases = {ALIAS}, .build_id = 2}},
        {"noid.ko", {.name = "ice", .aliases = {ALIAS}}},
        {"aliases.ko", {.name = "ice", .aliases = {"pci:v00008086d00001593sv*sd*bc*sc*i*"}, .build_id = 1}},
    };

    (void)state;
    scratch_init(&built);
    make_key("good");
    make_key("evil");
    for (size_t i = 0; i < DMV_N_ELEMENTS(modules); i++)
        komod_build(&built, modules[i].file, &modules[i].module);
    scratch_run("cp", scratch_path(&built, "signed.ko"), scratch_path(&built, "unsigned.ko"), NULL);
    scratch_run("cp", scratch_path(&built, "signed.ko"), scratch_path(&built, "evil.ko"), NULL);
    alter("signed.ko", "machine.ko", offsetof(Elf64_Ehdr, e_machine), EM_S390);
    scratch_write(&built, "text.ko", "this is no module\n");
    for (size_t i = 0; i < DMV_N_ELEMENTS(modules); i++)
        sign(modules[i].file, "good");
    sign("machine.ko", "good");
    sign("text.ko", "good");
    sign("evil.ko", "evil");
    alter("signed.ko", "flipped.ko", 100, 0x55);
    alter("signed.ko", "footer.ko", -32, 0x55); /* first byte of the signature's size */
    /* mounts of the tests of a full disk are nobody else's */
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    return 0;
}

static int remove_modules(void **state)
{
    (void)state;
    scratch_deinit(&built);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_names_and_limits),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_linked_folder),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_compressed_module),
        cmocka_unit_test(test_huge_module),
        cmocka_unit_test(test_signer),
        cmocka_unit_test(test_signature_not_required),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_no_info),
        cmocka_unit_test(test_other_content_is_there),
        cmocka_unit_test(test_planted_store),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_no_room_for_files),
        cmocka_unit_test(test_store_on_another_filesystem),
        cmocka_unit_test(test_unpublish),
        cmocka_unit_test(test_unpublish_one_of_two),
        cmocka_unit_test(test_clean),
    };

    return cmocka_run_group_tests(tests, build_modules, remove_modules);
}
