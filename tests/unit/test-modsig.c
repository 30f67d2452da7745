/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signatures of modules, as the kernel's sign-file and the openssl program make them: neither is ours.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "../support/scratch.h"
#include "trust/modsig.h"

#define MAGIC "~Module signature appended~\n"
#define MAGIC_SIZE (sizeof(MAGIC) - 1)

static Scratch scratch;
static char sign_file[256];

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    DMV_CLEANUP_FREE char *command = NULL, *script = NULL;
    va_list ap;

    va_start(ap, format);
    assert_true(vasprintf(&command, format, ap) > 0);
    va_end(ap);
    assert_true(asprintf(&script, "cd %s && %s", scratch.path, command) > 0);
    scratch_run("sh", "-c", script, NULL);
}

/* NAME.key, NAME.pem and NAME.der with a subject, a serial number and a kind of key. */
static void make_certificate(const char *name, const char *subject, int serial, const char *key)
{
    shell("openssl req -x509 -new -nodes -batch -sha256 -days 3650 -newkey %s -subj /CN=%s -set_serial %d"
          " -addext basicConstraints=critical,CA:FALSE -addext keyUsage=digitalSignature"
          " -keyout %s.key -out %s.pem 2>/dev/null && openssl x509 -in %s.pem -outform DER -out %s.der",
          key, subject, serial, name, name, name, name);
}

static int setup(void **state)
{
    const Komod mod = {.name = "dmvtest", .version = "1.0"}, other = {.name = "dmvother", .version = "2.0"};
    glob_t tools;

    (void)state;
    scratch_init(&scratch);
    assert_int_equal(glob("/usr/lib/linux-kbuild-*/scripts/sign-file", 0, NULL, &tools), 0);
    (void)snprintf(sign_file, sizeof(sign_file), "%s", tools.gl_pathv[0]);
    globfree(&tools);
    komod_build(&scratch, "mod.ko", &mod);
    komod_build(&scratch, "other.ko", &other);
    make_certificate("good", "good", 1, "rsa:2048");
    make_certificate("ec", "ec", 2, "ec -pkeyopt ec_paramgen_curve:P-256");
    make_certificate("stranger", "stranger", 3, "rsa:2048");
    make_certificate("forged", "good", 1, "rsa:2048"); /* the name and number of "good", another key */
    make_certificate("weak", "weak", 5, "rsa:1024");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_deinit(&scratch);
    return 0;
}

/* A module's bytes that a test may change. */
typedef struct Bytes {
    char *data;
    size_t size;
} Bytes;

static void free_bytes(Bytes *b)
{
    free(b->data);
}
#define BYTES __attribute__((cleanup(free_bytes))) Bytes

static Bytes bytes_of(const char *file)
{
    Bytes b = {0};

    b.data = scratch_read(&scratch, file, &b.size);
    assert_non_null(b.data);
    return b;
}

/* mod.ko signed by sign-file. */
static Bytes signed_by(const char *name, const char *hash, const char *options)
{
    shell("%s %s %s %s.key %s.pem mod.ko signed.ko", sign_file, options, hash, name, name);
    return bytes_of("signed.ko");
}

static void add_certificate(DmvCertificates *c, const char *file, int want)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    BYTES der = bytes_of(file);

    assert_int_equal(dmv_certificates_add(c, der.data, der.size, &e), want);
    assert_int_equal(e.code, want);
}

/* Those of "good" and "ec". */
static DmvCertificates *certificates(void)
{
    DmvCertificates *c = NULL;

    assert_int_equal(dmv_certificates_new(&c), 0);
    add_certificate(c, "good.der", 0);
    add_certificate(c, "ec.der", 0);
    assert_int_equal(dmv_certificates_count(c), 2);
    return c;
}

static int verify(const void *data, size_t size, const char *signer, char **ret_signer)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = certificates();
    DMV_CLEANUP_FREE char *exact = malloc(size ? size : 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, data, size);
    r = dmv_modsig_verify(exact, size, c, signer, ret_signer, &e);
    assert_int_equal(e.code, r);
    assert_int_equal(r != 0, e.why != NULL);
    return r;
}

static void expect(const Bytes *b, int want)
{
    assert_string_equal(dmv_outcome_reason(verify(b->data, b->size, NULL, NULL)), dmv_outcome_reason(want));
}

/* ---- what is accepted ---- */

static void test_accepts(void **state)
{
    static const char *const ways[][3] = {{"good", "sha256", ""}, {"good", "sha384", ""},
                                          {"good", "sha512", ""}, {"good", "sha256", "-k"},
                                          {"ec", "sha256", ""},   {"ec", "sha512", "-k"}};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(ways); i++) {
        BYTES b = signed_by(ways[i][0], ways[i][1], ways[i][2]);

        expect(&b, 0);
    }
}

static void test_signer(void **state)
{
    BYTES b = signed_by("good", "sha256", "");
    BYTES text = {0};
    DMV_CLEANUP_FREE char *signer = NULL;

    (void)state;
    assert_int_equal(verify(b.data, b.size, NULL, &signer), 0);
    /* what the openssl program calls it, without its colons and in lower case */
    shell("openssl x509 -in good.pem -noout -ext subjectKeyIdentifier | tail -1 | tr -d ': \\n' | tr A-F a-f "
          "> skid");
    text = bytes_of("skid");
    assert_int_equal(strlen(signer), text.size);
    assert_memory_equal(signer, text.data, text.size);
    assert_int_equal(verify(b.data, b.size, signer, NULL), 0);
    signer[0] = signer[0] == '0' ? '1' : '0';
    assert_int_equal(verify(b.data, b.size, signer, NULL), DMV_MODULE_UNKNOWN_SIGNER);
    assert_int_equal(verify(b.data, b.size, "", NULL), DMV_MODULE_UNKNOWN_SIGNER);
}

/* mod.ko, a CMS made by the openssl program, the footer, the mark. */
static Bytes with_cms(const char *cms_options)
{
    Bytes b = {0};
    BYTES module = bytes_of("mod.ko");
    BYTES cms = {0};
    unsigned char *footer;

    shell("openssl cms -sign -binary -outform DER -in mod.ko -out cms.der %s", cms_options);
    cms = bytes_of("cms.der");
    b.size = module.size + cms.size + 12 + MAGIC_SIZE;
    b.data = calloc(1, b.size);
    assert_non_null(b.data);
    memcpy(b.data, module.data, module.size);
    memcpy(b.data + module.size, cms.data, cms.size);
    footer = (unsigned char *)b.data + module.size + cms.size;
    footer[2] = 2;
    footer[10] = (unsigned char)(cms.size >> 8);
    footer[11] = (unsigned char)cms.size;
    memcpy(footer + 12, MAGIC, MAGIC_SIZE);
    return b;
}

static void test_accepts_openssl_cms(void **state)
{
    BYTES plain = with_cms("-nocerts -noattr -md sha256 -signer good.pem -inkey good.key");
    BYTES skid = with_cms("-nocerts -noattr -md sha512 -keyid -signer ec.pem -inkey ec.key");

    (void)state;
    expect(&plain, 0);
    expect(&skid, 0);
}

/* The outer signature counts, the inner one has become a part of what it covers. */
static void test_signed_again(void **state)
{
    BYTES inner = signed_by("stranger", "sha256", "");
    BYTES outer = {0};

    (void)state;
    expect(&inner, DMV_MODULE_UNKNOWN_SIGNER);
    shell("cp signed.ko inner.ko && %s sha256 good.key good.pem inner.ko twice.ko", sign_file);
    outer = bytes_of("twice.ko");
    expect(&outer, 0);
}

/* ---- row 46 ---- */

static void test_unsigned(void **state)
{
    BYTES b = bytes_of("mod.ko"), xz = {0}, newline = signed_by("good", "sha256", "");
    const Bytes empty = {(char *)(uintptr_t) "", 0};

    (void)state;
    expect(&b, DMV_MODULE_UNSIGNED);
    expect(&empty, DMV_MODULE_UNSIGNED);
    shell("%s sha256 good.key good.pem mod.ko s.ko && xz -kf s.ko", sign_file);
    xz = bytes_of("s.ko.xz");
    expect(&xz, DMV_MODULE_UNSIGNED);
    /* what follows the mark is no part of a module */
    newline.data = realloc(newline.data, newline.size + 1);
    assert_non_null(newline.data);
    newline.data[newline.size++] = '\n';
    expect(&newline, DMV_MODULE_UNSIGNED);
}

static void test_wrong_signers(void **state)
{
    BYTES stranger = signed_by("stranger", "sha256", ""), forged = signed_by("forged", "sha256", "");
    BYTES forged_skid = signed_by("forged", "sha256", "-k");

    (void)state;
    expect(&stranger, DMV_MODULE_UNKNOWN_SIGNER);
    expect(&forged, DMV_MODULE_BAD_SIGNATURE);
    expect(&forged_skid, DMV_MODULE_UNKNOWN_SIGNER);
}

static void test_bit_flips(void **state)
{
    BYTES b = signed_by("good", "sha256", "");
    BYTES module = bytes_of("mod.ko");
    size_t n_free = 0;

    (void)state;
    for (size_t at = 0; at < module.size; at += 97) {
        b.data[at] ^= 1;
        expect(&b, DMV_MODULE_BAD_SIGNATURE);
        b.data[at] ^= 1;
    }
    expect(&b, 0);
    /* all that is left open: two version numbers and the type of an empty parameter, which say nothing */
    for (size_t at = module.size; at < b.size; at++) {
        b.data[at] ^= 1;
        if (verify(b.data, b.size, NULL, NULL) == 0) {
            n_free++;
            assert_true(b.size - at > 256 + 12 + MAGIC_SIZE); /* never in the signature itself or behind it */
        }
        b.data[at] ^= 1;
    }
    assert_true(n_free <= 3);
}

/* The signature of one module behind another. */
static void test_graft(void **state)
{
    BYTES b = signed_by("good", "sha256", ""), module = bytes_of("mod.ko"), other = bytes_of("other.ko"),
          graft = {0};
    size_t tail = b.size - module.size;

    (void)state;
    graft.size = other.size + tail;
    graft.data = malloc(graft.size);
    assert_non_null(graft.data);
    memcpy(graft.data, other.data, other.size);
    memcpy(graft.data + other.size, b.data + module.size, tail);
    expect(&graft, DMV_MODULE_BAD_SIGNATURE);
}

/* Code behind a good signature, and the same footer once more. */
static void test_double_footer(void **state)
{
    BYTES b = signed_by("good", "sha256", ""), twice = {0}, module = bytes_of("mod.ko");
    size_t tail = b.size - module.size;

    (void)state;
    twice.size = b.size + tail;
    twice.data = malloc(twice.size);
    assert_non_null(twice.data);
    memcpy(twice.data, b.data, b.size);
    memcpy(twice.data + b.size, b.data + module.size, tail);
    expect(&twice, DMV_MODULE_BAD_SIGNATURE);
    /* the footer alone */
    twice.size = b.size + 12 + MAGIC_SIZE;
    memcpy(twice.data + b.size, b.data + b.size - 12 - MAGIC_SIZE, 12 + MAGIC_SIZE);
    expect(&twice, DMV_MODULE_BAD_CMS);
}

/* ---- row 47 ---- */

static void set_sig_len(Bytes *b, uint32_t n)
{
    unsigned char *p = (unsigned char *)b->data + b->size - MAGIC_SIZE - 4;

    p[0] = (unsigned char)(n >> 24);
    p[1] = (unsigned char)(n >> 16);
    p[2] = (unsigned char)(n >> 8);
    p[3] = (unsigned char)n;
}

static void test_sizes(void **state)
{
    BYTES b = signed_by("good", "sha256", ""), module = bytes_of("mod.ko");
    size_t cms = b.size - module.size - 12 - MAGIC_SIZE;
    const uint32_t bad[] = {0,
                            1u << 31,
                            UINT32_MAX,
                            UINT32_MAX - 39,
                            65537,
                            (uint32_t)b.size,
                            (uint32_t)(b.size - MAGIC_SIZE - 12)};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        set_sig_len(&b, bad[i]);
        expect(&b, DMV_MODULE_BAD_FOOTER);
    }
    set_sig_len(&b, (uint32_t)cms + 1); /* begins in the module */
    expect(&b, DMV_MODULE_BAD_CMS);
    set_sig_len(&b, (uint32_t)cms - 1);
    expect(&b, DMV_MODULE_BAD_CMS);
    set_sig_len(&b, (uint32_t)cms);
    expect(&b, 0);
}

static void test_footer_fields(void **state)
{
    BYTES b = signed_by("good", "sha256", "");
    unsigned char *footer = (unsigned char *)b.data + b.size - MAGIC_SIZE - 12;

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        footer[i] ^= 1;
        expect(&b, DMV_MODULE_BAD_FOOTER);
        footer[i] ^= 1;
    }
    expect(&b, 0);
}

/* Only the mark, and files too short for a footer. */
static void test_short_files(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 12; n++) {
        char data[12 + MAGIC_SIZE] = {0};
        const Bytes b = {data, n + MAGIC_SIZE};

        memcpy(data + n, MAGIC, MAGIC_SIZE);
        expect(&b, DMV_MODULE_BAD_FOOTER);
    }
}

static void test_trailing_bytes(void **state)
{
    BYTES b = signed_by("good", "sha256", "");
    size_t tail = 12 + MAGIC_SIZE, cms = 0;
    BYTES module = bytes_of("mod.ko");

    (void)state;
    cms = b.size - module.size - tail;
    b.data = realloc(b.data, b.size + 1);
    assert_non_null(b.data);
    memmove(b.data + b.size - tail + 1, b.data + b.size - tail, tail);
    b.size++;
    b.data[b.size - tail - 1] = 0;
    set_sig_len(&b, (uint32_t)cms + 1);
    expect(&b, DMV_MODULE_BAD_CMS);
    memset(b.data + module.size, 0x30, cms);
    expect(&b, DMV_MODULE_BAD_CMS);
    memset(b.data + module.size, 0, cms);
    expect(&b, DMV_MODULE_BAD_CMS);
}

/* ---- row 48 ---- */

static void test_weak_hash(void **state)
{
    BYTES b = signed_by("good", "sha1", ""),
          cms = with_cms("-nocerts -noattr -md sha224 -signer good.pem -inkey good.key");

    (void)state;
    expect(&b, DMV_MODULE_WEAK_HASH);
    expect(&cms, DMV_MODULE_WEAK_HASH);
}

static void test_profile(void **state)
{
    static const char *const bad[] = {
        "-noattr -md sha256 -signer good.pem -inkey good.key",                    /* certificate inside */
        "-nocerts -md sha256 -signer good.pem -inkey good.key",                   /* attributes */
        "-nocerts -noattr -md sha256 -nodetach -signer good.pem -inkey good.key", /* content inside */
        "-nocerts -noattr -md sha256 -econtent_type 1.2.3.4 -signer good.pem -inkey good.key",       /* other
                                                                                                        content */
        "-nocerts -noattr -md sha256 -signer good.pem -inkey good.key -signer ec.pem -inkey ec.key", /* two
                                                                                                        signers
                                                                                                      */
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        BYTES b = with_cms(bad[i]);

        expect(&b, DMV_MODULE_BAD_CMS);
    }
}

/* Another kind of CMS altogether. */
static void test_not_signed_data(void **state)
{
    BYTES b = with_cms("-nocerts -noattr -md sha256 -signer good.pem -inkey good.key"), cms = {0};
    BYTES module = bytes_of("mod.ko");
    size_t tail = 12 + MAGIC_SIZE;

    (void)state;
    shell("echo x | openssl cms -data_create -outform DER -out data.der");
    cms = bytes_of("data.der");
    memmove(b.data + module.size + cms.size, b.data + b.size - tail, tail);
    memcpy(b.data + module.size, cms.data, cms.size);
    b.size = module.size + cms.size + tail;
    set_sig_len(&b, (uint32_t)cms.size);
    expect(&b, DMV_MODULE_BAD_CMS);
}

/* ---- certificates ---- */

static void test_certificates(void **state)
{
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = NULL;
    BYTES der = bytes_of("good.der");

    (void)state;
    assert_int_equal(dmv_certificates_new(&c), 0);
    add_certificate(c, "good.pem", DMV_BAD_KEY);
    add_certificate(c, "weak.der", DMV_BAD_KEY);
    add_certificate(c, "mod.ko", DMV_BAD_KEY);
    shell("cat good.der ec.der > both.der");
    add_certificate(c, "both.der", DMV_BAD_KEY);
    shell(
        "openssl req -x509 -new -nodes -batch -newkey rsa:2048 -subj /CN=x -addext subjectKeyIdentifier=none"
        " -keyout x.key -out x.pem 2>/dev/null && openssl x509 -in x.pem -outform DER -out noskid.der");
    add_certificate(c, "noskid.der", DMV_BAD_KEY);
    assert_int_equal(dmv_certificates_add(c, "", 0, NULL), DMV_BAD_KEY);
    for (size_t n = 1; n < der.size; n++)
        assert_int_equal(dmv_certificates_add(c, der.data, n, NULL), DMV_BAD_KEY);
    assert_int_equal(dmv_certificates_count(c), 0);
}

/* No certificate at all: what is malformed is still called so, and what is fine has no signer. */
static void test_no_certificates(void **state)
{
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = NULL;
    BYTES b = signed_by("good", "sha256", ""), weak = signed_by("good", "sha1", "");

    (void)state;
    assert_int_equal(dmv_certificates_new(&c), 0);
    assert_int_equal(dmv_modsig_verify(b.data, b.size, c, NULL, NULL, NULL), DMV_MODULE_UNKNOWN_SIGNER);
    assert_int_equal(dmv_modsig_verify(weak.data, weak.size, c, NULL, NULL, NULL), DMV_MODULE_WEAK_HASH);
}

/* Two of our certificates with the same issuer and number: either may have signed. */
static void test_ambiguous_signer(void **state)
{
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = NULL;
    BYTES b = signed_by("forged", "sha256", "");

    (void)state;
    assert_int_equal(dmv_certificates_new(&c), 0);
    add_certificate(c, "good.der", 0);
    add_certificate(c, "forged.der", 0);
    assert_int_equal(dmv_modsig_verify(b.data, b.size, c, NULL, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_signer),
        cmocka_unit_test(test_accepts_openssl_cms),
        cmocka_unit_test(test_signed_again),
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_wrong_signers),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_graft),
        cmocka_unit_test(test_double_footer),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_footer_fields),
        cmocka_unit_test(test_short_files),
        cmocka_unit_test(test_trailing_bytes),
        cmocka_unit_test(test_weak_hash),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_not_signed_data),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_no_certificates),
        cmocka_unit_test(test_ambiguous_signer),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
