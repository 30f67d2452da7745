/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "base/hash.h"
#include "base/text.h"
#include "daemon/apply/journal.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static DmvJournalEntry *add_entry(DmvJournal *j, const char *path, DmvImageKind kind, const char *data)
{
    DmvJournalEntry *e = DMV_ARRAY_ADD(j->entries, j->n_entries);

    assert_non_null(e);
    assert_int_equal(dmv_set_string(&e->path, path), 0);
    e->before.kind = kind;
    assert_int_equal(dmv_set_string(&e->before.data, data), 0);
    e->before.size = data ? strlen(data) : 0;
    e->before.mode = kind == DMV_IMAGE_FILE ? 0640 : 0;
    return e;
}

static void fill(DmvJournal *j)
{
    DmvJournalKernel *k;
    DmvJournalInitrd *i;

    j->state = DMV_JOURNAL_APPLIED;
    j->generation = 17;
    (void)add_entry(j, "usr/lib/modules/6.1.0/updates", DMV_IMAGE_ABSENT, NULL);
    (void)add_entry(j, "usr/lib/modules/6.1.0/updates/a.ko", DMV_IMAGE_LINK, "../\xff/b.ko");
    (void)add_entry(j, "etc/depmod.d/00-dmv.conf", DMV_IMAGE_FILE, "search updates\n\x01");
    (void)add_entry(j, "usr/lib/modules/6.1.0/extra", DMV_IMAGE_FOLDER, NULL);
    k = DMV_ARRAY_ADD(j->kernels, j->n_kernels);
    assert_non_null(k);
    assert_int_equal(dmv_set_string(&k->release, "6.1.0"), 0);
    assert_int_equal(dmv_set_string(&k->stamp, "1:2:3"), 0);
    assert_int_equal(dmv_strv_push(&k->index, "modules.dep"), 0);
    assert_int_equal(dmv_set_string(&k->print, DIGITS), 0);
    k->old_inode = 12;
    k->new_inode = UINT64_MAX;
    k = DMV_ARRAY_ADD(j->kernels, j->n_kernels);
    assert_non_null(k);
    assert_int_equal(dmv_set_string(&k->release, "6.2.0"), 0);
    i = DMV_ARRAY_ADD(j->initrds, j->n_initrds);
    assert_non_null(i);
    assert_int_equal(dmv_set_string(&i->path, "boot/initrd.img-6.1.0"), 0);
    assert_int_equal(dmv_set_string(&i->kernel, "6.1.0"), 0);
}

static void assert_filled(const DmvJournal *j)
{
    assert_int_equal(j->state, DMV_JOURNAL_APPLIED);
    assert_int_equal(j->generation, 17);
    assert_int_equal(j->n_entries, 4);
    assert_int_equal(j->entries[0].before.kind, DMV_IMAGE_ABSENT);
    assert_null(j->entries[0].before.data);
    assert_string_equal(j->entries[1].before.data, "../\xff/b.ko");
    assert_string_equal(j->entries[2].before.data, "search updates\n\x01");
    assert_int_equal(j->entries[2].before.mode, 0640);
    assert_int_equal(j->entries[3].before.kind, DMV_IMAGE_FOLDER);
    assert_int_equal(j->n_kernels, 2);
    assert_string_equal(j->kernels[0].index[0], "modules.dep");
    assert_string_equal(j->kernels[0].stamp, "1:2:3");
    assert_int_equal(j->kernels[0].old_inode, 12);
    assert_int_equal(j->kernels[0].new_inode, UINT64_MAX);
    assert_string_equal(j->kernels[0].print, DIGITS);
    assert_int_equal(dmv_strv_length(j->kernels[1].index), 0);
    assert_null(j->kernels[1].print);
    assert_string_equal(j->kernels[1].stamp, "");
    assert_int_equal(j->n_initrds, 1);
    assert_string_equal(j->initrds[0].path, "boot/initrd.img-6.1.0");
    assert_string_equal(j->initrds[0].kernel, "6.1.0");
}

static void test_round_trip(void **state)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0}, back = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size;

    (void)state;
    fill(&j);
    assert_int_equal(dmv_journal_format(&j, &text, &size), 0);
    assert_int_equal(dmv_journal_parse(text, size, &back, NULL), 0);
    assert_filled(&back);
    assert_non_null(dmv_journal_find(&back, "etc/depmod.d/00-dmv.conf"));
    assert_null(dmv_journal_find(&back, "etc/depmod.d"));
}

/* Whatever is cut off or altered, it is refused and not half believed. */
static void test_torn(void **state)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size;

    (void)state;
    fill(&j);
    assert_int_equal(dmv_journal_format(&j, &text, &size), 0);
    for (size_t n = 0; n < size; n++) {
        DMV_CLEANUP_JOURNAL DmvJournal back = {0};
        int r = dmv_journal_parse(text, n, &back, NULL);

        assert_int_equal(r, n == 0 ? DMV_EMPTY : DMV_MALFORMED);
        assert_int_equal(back.n_entries, 0);
    }
    for (size_t n = 0; n < size; n++) {
        DMV_CLEANUP_JOURNAL DmvJournal back = {0};
        char was = text[n];
        int r;

        text[n] = '5';
        if (was == '5')
            text[n] = '6';
        r = dmv_journal_parse(text, size, &back, NULL);
        assert_true(r == DMV_MALFORMED || r == DMV_HASH_MISMATCH);
        text[n] = was;
    }
}

/* Bodies with a right checksum and wrong content. */
static int parse_body(const char *body)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0};
    DMV_CLEANUP(dmv_text_deinit) DmvText text = {0};
    char hex[DMV_SHA256_HEX];

    assert_int_equal(dmv_sha256_hex(body, strlen(body), hex), 0);
    dmv_text_appendf(&text, "{\"journal\":%s,\"sha256\":\"%s\"}", body, hex);
    assert_int_equal(text.error, 0);
    return dmv_journal_parse(text.data, text.size, &j, NULL);
}

#define BODY(spec, state, entries, kernels)                                             \
    "{\"spec\":" spec ",\"state\":\"" state "\",\"generation\":1,\"entries\":[" entries \
    "],\"kernels\":[" kernels "]}"
#define ENTRY(path, kind, more) "{\"path\":\"" path "\",\"kind\":\"" kind "\"" more ",\"mode\":0}"

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(parse_body(BODY("1", "applying", "", "")), 0);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("a/b", "link", ",\"data\":\"6162\""), "")), 0);
    assert_int_equal(parse_body(BODY("0", "applying", "", "")), DMV_UNKNOWN_SPEC);
    assert_int_equal(parse_body(BODY("3", "applying", "", "")), DMV_UNKNOWN_SPEC);
    assert_int_equal(parse_body(BODY("1", "done", "", "")), DMV_MALFORMED);
    assert_int_equal(parse_body("[]"), DMV_MALFORMED);
    assert_int_equal(parse_body("{\"spec\":1}"), DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", "7", "")), DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("../x", "absent", ""), "")), DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("/etc/x", "absent", ""), "")), DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("a/b", "socket", ""), "")), DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("a/b", "link", ""), "")), DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("a/b", "absent", ",\"data\":\"61\""), "")),
                     DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("a/b", "link", ",\"data\":\"6\""), "")),
                     DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("a/b", "link", ",\"data\":\"zz\""), "")),
                     DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("1", "applying", ENTRY("a/b", "link", ",\"data\":\"6100\""), "")),
                     DMV_MALFORMED);
    assert_int_equal(
        parse_body(BODY("1", "applying", ENTRY("a/b", "absent", "") "," ENTRY("a/b", "absent", ""), "")),
        DMV_MALFORMED);
    assert_int_equal(
        parse_body(BODY("1", "applying", "", "{\"release\":\"../x\",\"index\":[],\"stamp\":\"\"}")),
        DMV_MALFORMED);
    assert_int_equal(
        parse_body(BODY("1", "applying", "", "{\"release\":\"6.1\",\"index\":[\"../x\"],\"stamp\":\"\"}")),
        DMV_MALFORMED);
}

#define KERNEL(more) "{\"release\":\"6.1\",\"index\":[],\"stamp\":\"\"" more "}"

/* A journal says all of an exchange or nothing. */
static void test_exchanges(void **state)
{
    (void)state;
    assert_int_equal(parse_body(BODY("2", "applying", "", KERNEL(""))), 0);
    assert_int_equal(parse_body(BODY("2", "applying", "",
                                     KERNEL(",\"old\":\"1\",\"new\":\"2\",\"print\":\"" DIGITS "\""))),
                     0);
    assert_int_equal(parse_body(BODY("2", "applying", "", KERNEL(",\"print\":\"" DIGITS "\""))),
                     DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("2", "applying", "",
                                     KERNEL(",\"old\":\"x\",\"new\":\"2\",\"print\":\"" DIGITS "\""))),
                     DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("2", "applying", "",
                                     KERNEL(",\"old\":\"1\",\"new\":\"2\",\"print\":\"" DIGITS "0\""))),
                     DMV_MALFORMED);
    assert_int_equal(
        parse_body(BODY("2", "applying", "", KERNEL(",\"old\":\"1\",\"new\":\"2\",\"print\":\"\""))),
        DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("2", "applying", "", KERNEL(",\"old\":\"1\",\"new\":\"2\""))),
                     DMV_MALFORMED);
    assert_int_equal(parse_body(BODY("2", "applying", "", KERNEL(",\"new\":\"2\""))), DMV_MALFORMED);
}

static void test_on_the_disk(void **state)
{
    SCRATCH s = {0};
    DMV_CLEANUP_JOURNAL DmvJournal j = {0}, back = {0};
    struct stat st;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "var/lib");
    fill(&j);
    assert_int_equal(dmv_journal_load(s.fd, &back, NULL), DMV_NO_SUCH_OBJECT);
    assert_int_equal(dmv_journal_save(s.fd, &j), 0);
    assert_int_equal(fstatat(s.fd, DMV_JOURNAL_PATH, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(dmv_journal_load(s.fd, &back, NULL), 0);
    assert_filled(&back);
    assert_int_equal(dmv_journal_remove(s.fd), 0);
    assert_int_equal(dmv_journal_remove(s.fd), 0);
    assert_int_equal(fstatat(s.fd, DMV_JOURNAL_PATH, &st, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_torn),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_on_the_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
