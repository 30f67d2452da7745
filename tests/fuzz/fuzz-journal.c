/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of a transaction: refused with a reason, or it names only paths below the root and is written
 * again as it was. The checksum is put to an input that is an object without one: no fuzzer finds it.
 */
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "daemon/apply/journal.h"
#include "fuzz.h"

static void try_journal(const char *data, size_t size)
{
    DMV_CLEANUP_JOURNAL DmvJournal j = {0}, copy = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *text = NULL, *again = NULL;
    size_t text_size = 0, again_size = 0;

    if (dmv_journal_parse(data, size, &j, &e) != 0) {
        must(e.why != NULL && j.n_entries == 0 && j.n_kernels == 0 && j.n_initrds == 0);
        return;
    }
    for (size_t i = 0; i < j.n_entries; i++)
        must(dmv_relative_path_is_valid(j.entries[i].path) &&
             dmv_journal_find(&j, j.entries[i].path) == &j.entries[i]);
    for (size_t i = 0; i < j.n_kernels; i++)
        must(dmv_kernel_name_is_valid(j.kernels[i].release) &&
             (j.kernels[i].print || (j.kernels[i].old_inode == 0 && j.kernels[i].new_inode == 0)));
    for (size_t i = 0; i < j.n_initrds; i++)
        must(dmv_relative_path_is_valid(j.initrds[i].path));
    must(dmv_journal_format(&j, &text, &text_size) == 0);
    must(dmv_journal_parse(text, text_size, &copy, NULL) == 0);
    must(dmv_journal_format(&copy, &again, &again_size) == 0);
    must(text_size == again_size && memcmp(text, again, text_size) == 0);
}

/* Return: the journal with this body, owned; NULL if that is no JSON object. */
static char *seal(const char *data, size_t size)
{
    static const DmvJsonLimits limits = {
        .size = 1 << 20, .depth = 8, .nodes = 100000, .plain_integers = true};
    DMV_CLEANUP_JSON json_object *body = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    char hex[DMV_SHA256_HEX], *sealed = NULL;
    size_t n = 0;

    if (dmv_json_parse(data, size, &limits, &body, NULL) != 0 ||
        json_object_get_type(body) != json_type_object || dmv_json_format(body, &text, &n) != 0)
        return NULL;
    must(dmv_sha256_hex(text, n, hex) == 0);
    must(asprintf(&sealed, "{\"journal\":%s,\"sha256\":\"%s\"}", text, hex) > 0);
    return sealed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_FREE char *sealed = seal((const char *)data, size);

    try_journal((const char *)data, size);
    if (sealed)
        try_journal(sealed, strlen(sealed));
    return 0;
}
