/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record "dmv" of a repomd.xml that librepo has parsed: who wrote it is not known, so what it says is a
 * place below the repository, a checksum and a size, or it is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "repo-internal.h"

#define RECORD "dmv"

void dmv_repo_record_deinit(DmvRepoRecord *r)
{
    free(r->href);
    *r = (DmvRepoRecord){0};
}

int dmv_repo_bad(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_STREAM_BAD_REPOSITORY, NULL,
                         "make the repository again with dmv-publish", "%s", why);
}

/* NULL if the record can be fetched, else what is wrong with it. */
static const char *judge_record(const LrYumRepoMdRecord *r)
{
    if (r->location_base)
        return "the record \"dmv\" points to another server";
    if (!r->location_href || !dmv_repo_href_is_valid(r->location_href))
        return "the record \"dmv\" has no path below the repository";
    if (!dmv_streq(r->checksum_type, "sha256") || !r->checksum || !dmv_is_hex(r->checksum, 64))
        return "the record \"dmv\" has no SHA-256 checksum";
    if (r->checksum_open)
        return "the record \"dmv\" is compressed; it has to be added with modifyrepo_c --no-compress";
    return r->size < 0 ? "the record \"dmv\" has a size below 0" : NULL;
}

int dmv_repo_find_record(const LrYumRepoMd *md, DmvRepoRecord *ret, DmvError *reterr)
{
    const LrYumRepoMdRecord *found = NULL;
    const char *why;

    for (const GSList *i = md ? md->records : NULL; i; i = i->next) {
        const LrYumRepoMdRecord *r = i->data;

        if (!dmv_streq(r->type, RECORD))
            continue;
        if (found)
            return dmv_repo_bad(reterr, "there are two records \"dmv\"");
        found = r;
    }
    if (!found)
        return dmv_error_set(reterr, DMV_STREAM_NO_CATALOG, NULL,
                             "the publisher adds the catalog with dmv-publish",
                             "it is a repository, but without a record \"dmv\"");
    why = judge_record(found);
    if (why)
        return dmv_repo_bad(reterr, why);
    ret->href = strdup(found->location_href);
    if (!ret->href)
        return -ENOMEM;
    memcpy(ret->sha256, found->checksum, sizeof(ret->sha256));
    ret->size = (uint64_t)found->size;
    return 0;
}
