/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One bounded transfer by librepo. librepo has no maximum size, its low-speed limit lets a server drip for
 * ever just above it, and its errors are sentences: so size, deadline and lowest speed are judged here, in
 * the progress callback that curl calls about once a second even when nothing comes, and the reason is known
 * without reading messages. RLIMIT_FSIZE stands behind that.
 *
 * Every run and every mirror gets a handle and a folder of its own: librepo refuses a folder that was used,
 * and its own fallback between mirrors could not tell one mirror's error from the other's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "repo-internal.h"

#define SECOND ((uint64_t)1000 * 1000)
#define CONNECT_SEC 15L
/* curl's own low-speed limit and the kernel's file limit come a little later than ours, so that ours gives
 * the reason */
#define LATER_SEC 5L
#define LATER_BYTES ((uint64_t)1024 * 1024)
/* a filesystem with less than this has no room for what failed to be written */
#define FULL_BYTES ((uint64_t)64 * 1024)

DMV_DEFINE_CLEANUP(LrHandle *, cleanup_handle, lr_handle_free);
DMV_DEFINE_CLEANUP(LrPackageTarget *, cleanup_target, lr_packagetarget_free);
DMV_DEFINE_CLEANUP(DmvHash *, cleanup_hash, dmv_hash_free);

uint64_t dmv_repo_now_usec(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec / 1000;
}

static int judge_time(DmvTransfer *t)
{
    uint64_t now = dmv_repo_now_usec();
    uint64_t span = (uint64_t)t->o->low_speed_sec * SECOND;

    if (now >= t->end_usec)
        return DMV_STREAM_TIMEOUT;
    if (span == 0 || now - t->window_usec < span)
        return 0;
    if (t->done - t->window_done < t->o->low_speed * t->o->low_speed_sec)
        return DMV_STREAM_TIMEOUT;
    t->window_usec = now;
    t->window_done = t->done;
    return 0;
}

/* librepo's callback; @total is 0 when the server does not say. */
static int on_progress(void *userdata, double total, double done)
{
    DmvTransfer *t = userdata;

    t->total = total > 0 ? (uint64_t)total : 0;
    if (done > (double)t->done)
        t->done = (uint64_t)done;
    if (t->outcome == 0 && t->total > t->o->max_bytes)
        t->outcome = DMV_TOO_LARGE;
    if (t->outcome == 0 && t->done > t->max)
        t->outcome = t->too_long;
    if (t->outcome == 0)
        t->outcome = judge_time(t);
    if (t->outcome == 0 && t->report && t->o->progress &&
        t->o->progress(t->done, t->total, t->o->userdata) < 0)
        t->outcome = DMV_CANCELLED;
    return t->outcome == 0 ? LR_CB_OK : LR_CB_ERROR;
}

static void transfer_begin(DmvTransfer *t, uint64_t max, int too_long, bool report)
{
    t->max = max;
    t->too_long = too_long;
    t->report = report;
    t->total = t->done = t->window_done = 0;
    t->window_usec = dmv_repo_now_usec();
    t->outcome = 0;
}

/* What a failed transfer means. @said: librepo's words. */
static int transfer_failed(const DmvTransfer *t, int code, const char *said, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(said ? said : "unknown error");
    struct statvfs fs;

    if (t->outcome == DMV_STREAM_TIMEOUT)
        return dmv_error_set(reterr, t->outcome, NULL, NULL,
                             "the server is silent or too slow (%llu bytes so far)",
                             (unsigned long long)t->done);
    if (t->outcome == DMV_CANCELLED)
        return dmv_error_set(reterr, t->outcome, NULL, NULL, "it was cancelled");
    if (t->outcome != 0)
        return dmv_error_set(reterr, t->outcome, NULL, NULL, "the server sends more than %llu bytes",
                             (unsigned long long)t->max);
    if (statvfs(t->into, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BYTES)
        return dmv_error_set(reterr, -ENOSPC, NULL, NULL, "the filesystem of %s is full", t->into);
    if (code == LRE_REPOMDXML || code == LRE_REPOMD || code == LRE_XMLPARSER || code == LRE_MLXML)
        return dmv_error_set(reterr, DMV_STREAM_BAD_REPOSITORY, NULL, NULL, "%s",
                             clean ? clean : "bad repomd.xml");
    return dmv_error_set(reterr, DMV_STREAM_UNREACHABLE, NULL, NULL, "%s", clean ? clean : "unknown error");
}

/* The kernel's stop for an endless file, only as long as the transfer lasts. False: not ours to change (a
 * filter of system calls), then the unit has a limit. */
static bool limit_files(uint64_t max, struct rlimit *saved)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, saved) < 0)
        return false;
    limit = *saved;
    if (limit.rlim_cur > max + LATER_BYTES)
        limit.rlim_cur = max + LATER_BYTES;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static void unlimit_files(bool limited, const struct rlimit *saved)
{
    if (limited)
        (void)setrlimit(RLIMIT_FSIZE, saved);
}

static bool set_numbers(LrHandle *h, const DmvRepoOptions *o, GError **error)
{
    const struct {
        LrHandleOption option;
        long value;
    } table[] = {
        {LRO_REPOTYPE, LR_YUMREPO},
        {LRO_CHECKSUM, 1},
        {LRO_SSLVERIFYPEER, 1},
        {LRO_SSLVERIFYHOST, 1},
        {LRO_FASTESTMIRROR, 0},
        {LRO_CONNECTTIMEOUT, CONNECT_SEC},
        {LRO_LOWSPEEDLIMIT, (long)o->low_speed},
        {LRO_LOWSPEEDTIME, (long)o->low_speed_sec + LATER_SEC},
        {LRO_MAXMIRRORTRIES, 1},
        {LRO_ALLOWEDMIRRORFAILURES, 1},
        {LRO_MAXPARALLELDOWNLOADS, 1},
    };

    for (size_t i = 0; i < DMV_N_ELEMENTS(table); i++)
        if (!lr_handle_setopt(h, error, table[i].option, table[i].value))
            return false;
    return true;
}

static bool set_texts(LrHandle *h, const DmvTransfer *t, GError **error)
{
    char *urls[] = {(char *)t->url, NULL};
    char *records[] = {NULL}; /* none: repomd.xml alone */

    return lr_handle_setopt(h, error, LRO_URLS, urls) && lr_handle_setopt(h, error, LRO_YUMDLIST, records) &&
           lr_handle_setopt(h, error, LRO_DESTDIR, t->into) &&
           lr_handle_setopt(h, error, LRO_USERAGENT, "dmv") &&
           lr_handle_setopt(h, error, LRO_PROXY, "") && /* none, whatever the environment says */
           (!t->o->ca_file || lr_handle_setopt(h, error, LRO_SSLCACERT, t->o->ca_file));
}

/* librepo prints warnings with what a server sent; the errors that matter come back to us. */
static void drop_log(const char *domain, GLogLevelFlags level, const char *message, void *userdata)
{
    (void)domain;
    (void)level;
    (void)message;
    (void)userdata;
}

static void initialise(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    g_log_set_handler("librepo", G_LOG_LEVEL_MASK, drop_log, NULL);
    lr_global_init();
}

static int handle_new(DmvTransfer *t, LrHandle **ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_handle) LrHandle *h = NULL;
    g_autoptr(GError) error = NULL;

    initialise();
    h = lr_handle_init();
    if (!set_numbers(h, t->o, &error) || !set_texts(h, t, &error) ||
        !lr_handle_setopt(h, &error, LRO_PROGRESSCB, on_progress) ||
        !lr_handle_setopt(h, &error, LRO_PROGRESSDATA, t))
        return dmv_error_set(reterr, -EINVAL, NULL, NULL, "librepo: %s", error ? error->message : "?");
    *ret = DMV_TAKE_PTR(h);
    return 0;
}

int dmv_transfer_repomd(DmvTransfer *t, LrResult **ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_handle) LrHandle *h = NULL;
    g_autoptr(GError) error = NULL;
    struct rlimit saved;
    bool limited;
    LrResult *result;
    gboolean ok;
    int r;

    r = dmv_repo_check_local(t->url, "repodata/repomd.xml", reterr);
    if (r == 0)
        r = handle_new(t, &h, reterr);
    if (r != 0)
        return r;
    transfer_begin(t, t->o->max_bytes < DMV_REPOMD_MAX ? t->o->max_bytes : DMV_REPOMD_MAX, DMV_TOO_LARGE,
                   false);
    result = lr_result_init();
    limited = limit_files(t->max, &saved);
    ok = lr_handle_perform(h, result, &error);
    unlimit_files(limited, &saved);
    if (!ok) {
        lr_result_free(result);
        return transfer_failed(t, error ? error->code : 0, error ? error->message : NULL, reterr);
    }
    *ret = result;
    return 0;
}

/* librepo's downloader of packages: any file by its path below the mirror. */
static int download(DmvTransfer *t, const char *href, const char *path, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_handle) LrHandle *h = NULL;
    DMV_CLEANUP(cleanup_target) LrPackageTarget *target = NULL;
    g_autoptr(GError) error = NULL;
    struct rlimit saved;
    bool limited;
    GSList list = {0};
    gboolean ok;
    int r = handle_new(t, &h, reterr);

    if (r != 0)
        return r;
    /* neither size nor checksum for librepo: both are compared on the descriptor that is handed on */
    target = lr_packagetarget_new(h, href, path, LR_CHECKSUM_UNKNOWN, NULL, 0, NULL, FALSE, on_progress, t,
                                  &error);
    if (!target)
        return transfer_failed(t, error ? error->code : 0, error ? error->message : NULL, reterr);
    list.data = target;
    limited = limit_files(t->max, &saved);
    ok = lr_download_packages(&list, LR_PACKAGEDOWNLOAD_FAILFAST, &error);
    unlimit_files(limited, &saved);
    if (ok && !target->err)
        return 0;
    return transfer_failed(t, error ? error->code : 0,
                           target->err ? target->err
                           : error     ? error->message
                                       : NULL,
                           reterr);
}

static int hash_file(int fd, uint64_t *ret_size, char hex[DMV_SHA256_HEX])
{
    DMV_CLEANUP(cleanup_hash) DmvHash *hash = NULL;
    char buffer[64 * 1024];
    int r = dmv_hash_new(&hash);
    ssize_t n = 0;

    *ret_size = 0;
    while (r == 0 && (n = pread(fd, buffer, sizeof(buffer), (off_t)*ret_size)) > 0) {
        *ret_size += (uint64_t)n;
        r = dmv_hash_update(hash, buffer, (size_t)n);
    }
    if (r == 0 && n < 0)
        return -errno;
    return r == 0 ? dmv_hash_final(hash, hex) : r;
}

static int compare(int fd, uint64_t size, const char *sha256, DmvError *reterr)
{
    char hex[DMV_SHA256_HEX];
    uint64_t got;
    int r = hash_file(fd, &got, hex);

    if (r < 0)
        return r;
    if (size > 0 && got != size)
        return dmv_error_set(reterr, DMV_SIZE_MISMATCH, NULL, NULL, "it has %llu bytes instead of %llu",
                             (unsigned long long)got, (unsigned long long)size);
    if (strcmp(hex, sha256) != 0)
        return dmv_error_set(reterr, DMV_HASH_MISMATCH, NULL, NULL, "its SHA-256 is %s instead of %s", hex,
                             sha256);
    return 0;
}

int dmv_transfer_file(DmvTransfer *t, const char *href, uint64_t size, const char *sha256, char **ret_path,
                      int *ret_fd, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    if (size > t->o->max_bytes)
        return dmv_error_set(reterr, DMV_TOO_LARGE, NULL, NULL, "%s has %llu bytes, at most %llu are taken",
                             href, (unsigned long long)size, (unsigned long long)t->o->max_bytes);
    r = dmv_repo_check_local(t->url, href, reterr);
    if (r != 0)
        return r;
    if (asprintf(&path, "%s/file", t->into) < 0)
        return path = NULL, -ENOMEM;
    transfer_begin(t, size > 0 ? size : t->o->max_bytes, size > 0 ? DMV_SIZE_MISMATCH : DMV_TOO_LARGE, true);
    r = download(t, href, path, reterr);
    if (r == 0) {
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : compare(fd, size, sha256, reterr);
    }
    if (r != 0)
        return r;
    *ret_path = DMV_TAKE_PTR(path);
    *ret_fd = DMV_TAKE_FD(fd);
    return 0;
}
