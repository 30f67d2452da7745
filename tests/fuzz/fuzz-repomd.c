/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a repomd.xml says, a line for each record and a tab between its members: whatever it is, what is taken
 * is one place below the repository with a checksum. The same bytes as a URL: one that is taken has a host
 * and no credentials. The XML itself is librepo's to parse, in a process that may die of it.
 */
#include <string.h>

#include "fuzz.h"
#include "stream/repo-internal.h"

enum { TYPE, HREF, BASE, CHECKSUM_TYPE, CHECKSUM, OPEN_CHECKSUM, SIZE, N_MEMBERS };

/* The next of the texts that @separator parts, NULL for one that is empty. */
static char *next_text(char **text, char separator)
{
    char *begin = *text, *end = begin ? strchr(begin, separator) : NULL;

    *text = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return begin && begin[0] ? begin : NULL;
}

static GSList *add_record(GSList *records, char *line)
{
    LrYumRepoMdRecord *r = g_new0(LrYumRepoMdRecord, 1);
    char *members[N_MEMBERS];

    for (int i = 0; i < N_MEMBERS; i++)
        members[i] = next_text(&line, '\t');
    r->type = members[TYPE];
    r->location_href = members[HREF];
    r->location_base = members[BASE];
    r->checksum_type = members[CHECKSUM_TYPE];
    r->checksum = members[CHECKSUM];
    r->checksum_open = members[OPEN_CHECKSUM];
    r->size = members[SIZE] ? strtoll(members[SIZE], NULL, 10) : 0;
    return g_slist_prepend(records, r);
}

static void try_records(char *text)
{
    DMV_CLEANUP(dmv_repo_record_deinit) DmvRepoRecord record = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    LrYumRepoMd md = {0};
    int r;

    while (text) {
        char *line = next_text(&text, '\n');

        if (line)
            md.records = add_record(md.records, line);
    }
    r = dmv_repo_find_record(&md, &record, &e);
    if (r == 0)
        must(dmv_repo_href_is_valid(record.href) && record.href[0] != '/' && !strstr(record.href, "/../") &&
             dmv_is_hex(record.sha256, 64) && record.size <= INT64_MAX);
    else
        must(r > 0 && e.why != NULL && !record.href);
    g_slist_free_full(md.records, g_free);
}

static void try_url(const char *url)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (dmv_repo_check_url(url, &e) != 0) {
        must(e.code == DMV_STREAM_BAD_URL && e.why != NULL);
        return;
    }
    must(dmv_starts_with(url, "http://") || dmv_starts_with(url, "https://") ||
         dmv_starts_with(url, "file:///"));
    must(!strpbrk(url, " \t\r\n?#"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_FREE char *text = strndup((const char *)data, size);

    must(text != NULL);
    try_url(text);
    try_records(text);
    return 0;
}
