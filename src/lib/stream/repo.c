/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An RPM repository as transport. Mirrors are not trusted: what comes from one is compared with a checksum,
 * and a mirror that fails in any way only means that the next one is asked, never that less is checked.
 *
 * repomd.xml is fetched alone first. If the record "dmv" in it is the one that the caller has, that small
 * request was all; otherwise the record is fetched like a package, with a size and a checksum. librepo never
 * gets to fetch records by itself: it does not enforce their size, and it aborts the process for some
 * locations.
 */
#include "repo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "repo-internal.h"

/* What is wanted from whichever mirror gives it. */
typedef struct Wanted {
    bool catalog;
    const char *href; /* of a package */
    uint64_t size;
    const char *sha256; /* of the package, or the known one of the catalog */

    char *path;
    int fd;
    char record_sha256[DMV_SHA256_HEX];
    bool unchanged;
} Wanted;

static void wanted_deinit(Wanted *w)
{
    free(w->path);
    w->fd = dmv_close(w->fd);
}

static void cleanup_result(LrResult **r)
{
    if (*r)
        lr_result_free(*r);
}

static int catalog_from(DmvTransfer *t, Wanted *w, DmvError *reterr)
{
    __attribute__((cleanup(cleanup_result))) LrResult *result = NULL;
    DMV_CLEANUP(dmv_repo_record_deinit) DmvRepoRecord record = {0};
    g_autoptr(GError) error = NULL;
    LrYumRepoMd *md = NULL;
    int r = dmv_transfer_repomd(t, &result, reterr);

    if (r != 0)
        return r;
    if (!lr_result_getinfo(result, &error, LRR_YUM_REPOMD, &md))
        return dmv_repo_bad(reterr, error ? error->message : "repomd.xml cannot be read");
    r = dmv_repo_find_record(md, &record, reterr);
    if (r != 0)
        return r;
    memcpy(w->record_sha256, record.sha256, sizeof(w->record_sha256));
    w->unchanged = dmv_streq(w->sha256, record.sha256);
    if (w->unchanged)
        return 0;
    return dmv_transfer_file(t, record.href, record.size, record.sha256, &w->path, &w->fd, reterr);
}

/* Removes what a failed mirror left: we know the names, librepo makes no others. */
static void forget(const char *folder)
{
    static const char *const names[] = {"file", "repodata/repomd.xml"};
    DMV_CLEANUP_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; fd >= 0 && i < DMV_N_ELEMENTS(names); i++)
        (void)unlinkat(fd, names[i], 0);
    if (fd >= 0)
        (void)unlinkat(fd, "repodata", AT_REMOVEDIR);
    (void)rmdir(folder);
}

static int from_mirror(const DmvRepoOptions *o, size_t i, uint64_t end_usec, Wanted *w, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *into = NULL;
    DmvTransfer t = {.o = o, .url = o->urls[i], .end_usec = end_usec};
    int r = dmv_repo_check_url(t.url, reterr);

    if (r != 0)
        return r;
    if (asprintf(&into, "%s/%zu", o->folder, i) < 0)
        return into = NULL, -ENOMEM;
    if (mkdir(into, 0700) < 0)
        return dmv_error_set(reterr, -errno, NULL, NULL, "cannot make %s: %s", into, strerror(errno));
    t.into = into;
    r = w->catalog ? catalog_from(&t, w, reterr)
                   : dmv_transfer_file(&t, w->href, w->size, w->sha256, &w->path, &w->fd, reterr);
    if (r != 0 || w->unchanged || !w->catalog) /* a package lives on in its descriptor */
        forget(into);
    return r;
}

/* The first mirror's refusal is the result; what the others said is added to it. */
static void remember(DmvError *first, DmvError *e, const char *url, int code)
{
    DMV_CLEANUP_TEXT DmvText why = {0};

    if (e->code != code)
        dmv_error_set(e, code, NULL, NULL, "%s", dmv_error_words(NULL, code));
    if (code != DMV_STREAM_BAD_URL) /* says it by itself */
        dmv_error_set_what(e, "the repository %s cannot be used", url);
    if (first->code == 0) {
        dmv_error_move(first, e);
        return;
    }
    dmv_text_appendf(&why, "%s; %s: %s", first->why ? first->why : "?", url, e->why ? e->why : "?");
    if (why.error)
        return;
    free(first->why);
    first->why = DMV_TAKE_PTR(why.data);
}

/* A later mirror helps against what one server does, not against what happens here. */
static bool is_final(int r)
{
    return r <= 0 || r == DMV_CANCELLED;
}

/* Half of the time that is left for each mirror, all of it for the last: a slow one does not starve the
 * others. */
static int from_mirrors(const DmvRepoOptions *o, Wanted *w, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError first = {0};
    uint64_t end = dmv_repo_now_usec() + o->deadline_usec;
    size_t n = dmv_strv_length(o->urls);
    int r =
        n > 0 ? 0
              : dmv_error_set(&first, DMV_STREAM_BAD_URL, "the stream cannot be read", NULL, "it has no URL");

    for (size_t i = 0; i < n; i++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        uint64_t now = dmv_repo_now_usec();
        uint64_t left = now < end ? end - now : 0;

        r = from_mirror(o, i, i + 1 < n ? now + left / 2 : end, w, &e);
        if (r == 0)
            return 0;
        if (is_final(r)) /* what an earlier mirror did is not the reason then */
            dmv_error_clear(&first);
        remember(&first, &e, o->urls[i], r);
        if (is_final(r))
            break;
    }
    r = first.code;
    dmv_error_move(reterr, &first);
    return r;
}

int dmv_repo_fetch_catalog(const DmvRepoOptions *o, const char *known_sha256, char **ret_path,
                           char ret_sha256[65], bool *ret_unchanged, DmvError *reterr)
{
    __attribute__((cleanup(wanted_deinit))) Wanted w = {.catalog = true, .sha256 = known_sha256, .fd = -1};
    int r = from_mirrors(o, &w, reterr);

    if (r != 0)
        return r;
    memcpy(ret_sha256, w.record_sha256, DMV_SHA256_HEX);
    *ret_unchanged = w.unchanged;
    *ret_path = DMV_TAKE_PTR(w.path);
    return 0;
}

int dmv_repo_fetch_package(const DmvRepoOptions *o, const char *href, uint64_t size, const char *sha256,
                           int *ret_fd, DmvError *reterr)
{
    __attribute__((cleanup(wanted_deinit)))
    Wanted w = {.href = href, .size = size, .sha256 = sha256, .fd = -1};
    int r;

    if (!dmv_repo_href_is_valid(href) || size == 0 || !dmv_is_hex(sha256, 64))
        return dmv_error_set(reterr, DMV_STREAM_BAD_URL, "the package cannot be fetched", NULL,
                             "its place in the repository is not a plain path");
    r = from_mirrors(o, &w, reterr);
    if (r != 0)
        return r;
    *ret_fd = DMV_TAKE_FD(w.fd);
    return 0;
}
