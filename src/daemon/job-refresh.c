/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * refresh: one stream after the other through one fetch worker each; a stream that fails is noted and does
 * not stop the next.
 */
#include <errno.h>
#include <string.h>

#include "daemon/job.h"
#include "daemon/log.h"
#include "host/fs.h"

typedef struct Refresh {
    size_t next; /* index of the stream in hand, plus one */
    char *only;  /* name of the one stream, or NULL: all that are enabled */
    bool allow_stale;
    char **before; /* names of releases */
    size_t n_tried;
    bool changed;   /* a catalog was replaced */
    DmvError first; /* of the first stream that failed */
} Refresh;

static void refresh_free(void *data)
{
    Refresh *x = data;

    free(x->only);
    dmv_strv_free(x->before);
    dmv_error_clear(&x->first);
    free(x);
}

/* Sorted. Filled in place: there may be 100,000 of them. */
static int release_names(const DmvManager *m, char ***ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    size_t total = 0, n = 0;

    for (size_t s = 0; s < m->n_streams; s++)
        total += m->streams[s].catalog ? m->streams[s].catalog->n_releases : 0;
    names = calloc(total + 1, sizeof(*names));
    if (!names)
        return -ENOMEM;
    for (size_t s = 0; s < m->n_streams; s++)
        for (size_t i = 0; m->streams[s].catalog && i < m->streams[s].catalog->n_releases; i++) {
            const DmvRelease *x = &m->streams[s].catalog->releases[i];

            if (asprintf(&names[n], "%s/%s@%s", x->driver, x->variant, x->version) < 0) {
                names[n] = NULL;
                return -ENOMEM;
            }
            n++;
        }
    dmv_strv_sort(names);
    *ret = DMV_TAKE_PTR(names);
    return 0;
}

/* Strings of the sorted list @a that are not in the sorted list @b. */
static json_object *difference(char *const *a, char *const *b)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (; a && *a; a++) {
        while (b && *b && strcmp(*b, *a) < 0)
            b++;
        if (!b || !*b || strcmp(*b, *a) != 0)
            dmv_jb_add_string(&list, *a);
    }
    return dmv_jb_end(&list);
}

/* Modules that a new catalog names are asked for in the indexes too; without one everything is as it was. */
static int look_again(DmvJob *j, char ***ret_names)
{
    Refresh *x = j->data;
    int r;

    if (!x->changed && x->first.code == 0)
        return dmv_strv_copy(x->before, ret_names);
    r = dmv_manager_look(j->m);
    return r == 0 ? release_names(j->m, ret_names) : r;
}

static void finish(DmvJob *j)
{
    Refresh *x = j->data;
    DmvManager *m = j->m;
    DMV_CLEANUP_STRV char **after = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJsonBuilder b = {0};

    if (look_again(j, &after) < 0)
        (void)dmv_error_set(&e, -ENOMEM, NULL, NULL, NULL);
    else if (x->first.code != 0)
        dmv_error_move(&e, &x->first);
    else if (x->n_tried == 0)
        (void)dmv_error_set(&e, DMV_NO_SUCH_STREAM, "cannot refresh",
                            "put a stream into /etc/dmv/streams.d, see dmv.conf(5)", "there is no stream");
    if (e.code != 0) {
        dmv_job_finish(j, &e, NULL, -1);
        return;
    }
    dmv_jb_object(&b);
    dmv_jb_value(&b, "streams", dmv_streams_render(m));
    dmv_jb_value(&b, "added", difference(after, x->before));
    dmv_jb_value(&b, "removed", difference(x->before, after));
    dmv_manager_publish(m, "catalog_refreshed", x->only, NULL);
    dmv_job_finish(j, NULL, dmv_jb_end(&b), -1);
}

static void next_stream(DmvJob *j);

static void stream_failed(DmvJob *j, DmvStream *s, int code, DmvError *e)
{
    Refresh *x = j->data;

    e->code = code;
    if (!e->why)
        (void)dmv_error_set(e, code, NULL, NULL, "%s", dmv_error_words(NULL, code));
    (void)dmv_error_set_what(e, "cannot refresh stream %s", s->conf.name);
    dmv_log_event(LOG_WARNING, DMV_MESSAGE_CATALOG_REFUSED, "refresh", s->conf.name, code, "stream %s: %s",
                  s->conf.name, e->why);
    if (dmv_stream_note(j->m, s, code, e->why) < 0)
        dmv_log(LOG_ERR, "out of memory");
    if (x->first.code == 0)
        dmv_error_move(&x->first, e);
}

int dmv_fetch_read_bundle(const DmvManager *m, int fd, char **ret, size_t *ret_size, DmvError *reterr)
{
    int r = dmv_fs_read_fd(fd, m->settings.max_catalog, ret, ret_size);

    if (r == -EFBIG)
        return dmv_error_set(reterr, DMV_TOO_LARGE, NULL, NULL, "the catalog is larger than %llu bytes",
                             (unsigned long long)m->settings.max_catalog);
    if (r == -EINVAL || r == -EISDIR) /* whoever sent a socket might keep us waiting for its end */
        return dmv_error_set(reterr, DMV_WORKER_FAILED, NULL, NULL, "the fetch worker sent no file");
    return r;
}

static int accept_file(DmvJob *j, DmvStream *s, int fd, const char *record, DmvError *e)
{
    Refresh *x = j->data;
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int64_t version = s->catalog ? s->catalog->version : 0;
    int r;

    dmv_job_progress(j, "verify", -1, -1);
    r = dmv_fetch_read_bundle(j->m, fd, &data, &size, e);
    if (r == 0)
        r = dmv_stream_accept(j->m, s, data, size, x->allow_stale, record, e);
    if (r == 0 && s->catalog->version != version)
        dmv_log_event(LOG_INFO, DMV_MESSAGE_CATALOG_ACCEPTED, "refresh", s->conf.name, 0,
                      "stream %s: catalog %lld accepted", s->conf.name, (long long)s->catalog->version);
    return r;
}

static void on_fetched(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                       bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    Refresh *x = j->data;
    DmvStream *s = &j->m->streams[x->next - 1];
    int64_t done = -1, total = -1;
    const char *record = NULL;
    bool unchanged = false;
    const DmvJsonField fields[] = {
        {"done", DMV_JSON_INT, 0, &done},
        {"total", DMV_JSON_INT, 0, &total},
        {"sha256", DMV_JSON_STRING, 0, &record},
        {"unchanged", DMV_JSON_BOOL, 0, &unchanged},
    };

    if (code == 0)
        code = dmv_worker_read(params, fields, DMV_N_ELEMENTS(fields), e);
    if (code == 0 && continues) {
        dmv_job_progress(j, "download", done, total);
        return;
    }
    j->can_cancel = false;
    if (code == 0 && !unchanged && n_fds < 1)
        code = dmv_error_set(e, DMV_WORKER_FAILED, NULL, NULL, "the fetch worker sent no catalog");
    if (code == 0 && unchanged) {
        code = dmv_stream_set_refreshed(j->m, s);
    } else if (code == 0) {
        code = accept_file(j, s, fds[0], record, e);
        x->changed = x->changed || code == 0;
    }
    if (code != 0)
        stream_failed(j, s, code, e);
    j->fetch = dmv_worker_free(j->fetch);
    next_stream(j);
}

int64_t dmv_fetch_deadline(const DmvManager *m)
{
    return (int64_t)(m->settings.fetch_timeout * 1000000);
}

json_object *dmv_fetch_source(const DmvManager *m, const DmvStream *s, uint64_t max_bytes)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_strv(&b, "urls", s->conf.urls);
    dmv_jb_string(&b, "caFile", s->conf.ca);
    dmv_jb_int(&b, "maxBytes", (int64_t)max_bytes);
    dmv_jb_int(&b, "deadline", dmv_fetch_deadline(m));
    return dmv_jb_end(&b);
}

/* A record is only "known" while its catalog, and the root that this one hangs on, are good: else the bundle
 * is fetched and judged again, and the refresh ends as one that brings something new. */
static int ask(DmvJob *j, DmvStream *s, DmvError *e)
{
    DmvJsonBuilder b = {0};
    bool known = s->catalog && s->record_sha256[0] && s->problem_code == 0 && !s->damage &&
                 dmv_trust_state_check(&s->trust, s->catalog->expires, dmv_manager_now(), NULL) == 0;
    int r = dmv_stream_check_trust(s, e);

    if (r != 0)
        return r;
    if (!s->conf.urls)
        return dmv_error_set(e, DMV_STREAM_BAD_URL, NULL, "dmvctl import a driver disk of it",
                             "it has url=none");
    r = dmv_worker_new(j->m, DMV_WORKER_FETCH, &j->fetch, e);
    if (r != 0)
        return r;
    dmv_jb_object(&b);
    dmv_jb_value(&b, "source", dmv_fetch_source(j->m, s, j->m->settings.max_catalog));
    dmv_jb_string(&b, "knownSha256", known ? s->record_sha256 : NULL);
    return dmv_worker_call(j->fetch, "FetchCatalog", dmv_jb_end(&b), -1, true, on_fetched, j);
}

static void next_stream(DmvJob *j)
{
    Refresh *x = j->data;
    DmvManager *m = j->m;

    while (x->next < m->n_streams) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        DmvStream *s = &m->streams[x->next++];
        int r;

        if (x->only ? strcmp(x->only, s->conf.name) != 0 : !s->conf.enabled)
            continue;
        x->n_tried++;
        if (!x->only && !s->conf.urls)
            continue;
        j->can_cancel = true;
        dmv_job_progress(j, "download", -1, -1);
        r = ask(j, s, &e);
        if (r == 0)
            return;
        stream_failed(j, s, r, &e);
        j->fetch = dmv_worker_free(j->fetch);
    }
    j->can_cancel = false;
    finish(j);
}

int dmv_job_refresh(DmvManager *m, VlCall *call, const char *stream, bool allow_stale, DmvError *reterr)
{
    Refresh *x;
    DmvJob *j;
    int r;

    if (stream && !dmv_streams_find(m, stream))
        return dmv_error_set(reterr, DMV_NO_SUCH_STREAM, "cannot refresh", "dmvctl status lists the streams",
                             "there is no stream \"%s\"", stream);
    r = dmv_job_new(m, call, "refresh", stream, &j, reterr);
    if (r != 0)
        return r;
    x = calloc(1, sizeof(*x));
    j->data = x;
    j->free_data = refresh_free;
    if (!x || dmv_set_string(&x->only, stream) < 0 || release_names(m, &x->before) < 0) {
        DMV_CLEANUP_ERROR DmvError e = {.code = -ENOMEM};

        j->free_data = x ? refresh_free : NULL;
        dmv_job_finish(j, &e, NULL, -1);
        return 0;
    }
    x->allow_stale = allow_stale;
    next_stream(j);
    return 0;
}
