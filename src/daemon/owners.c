/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owners of adopted modules. A question is remembered by what it was about: the files, with their inodes and
 * times, and the state of the database. As long as that is the same the answer holds.
 */
#include "daemon/owners.h"

#include <errno.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/worker.h"
#include "host/rpmdb.h"
#include "model/adopted.h"

#define WAIT_USEC ((uint64_t)10 * 1000000)
/* As many as the worker takes. */
#define PATHS_MAX 4096

/* What is known of one path. */
typedef struct Answer {
    char *path;
    char **packages;
    bool verified;
} Answer;

typedef struct Waiting {
    VlCall *call;
    json_object *params;
    VlHandler handler;
} Waiting;

struct DmvOwning {
    char *subject;   /* what @answers are about, or what is being asked; NULL: nothing yet */
    bool answered;   /* there is nothing more to wait for: answers, a problem, or both */
    Answer *answers; /* sorted by path */
    size_t n_answers;
    char *problem; /* why owners are missing, or NULL */
    DmvWorker *worker;
    sd_event_source *timer;
    Waiting *waiting;
    size_t n_waiting;
};

static void forget_answers(DmvOwning *o)
{
    for (size_t i = 0; i < o->n_answers; i++) {
        free(o->answers[i].path);
        dmv_strv_free(o->answers[i].packages);
    }
    free(o->answers);
    free(o->problem);
    o->answers = NULL;
    o->n_answers = 0;
    o->problem = NULL;
    o->answered = false;
}

static void stop_asking(DmvOwning *o)
{
    o->worker = dmv_worker_free(o->worker);
    o->timer = sd_event_source_disable_unref(o->timer);
}

DmvOwning *dmv_owning_free(DmvOwning *o)
{
    if (!o)
        return NULL;
    stop_asking(o);
    for (size_t i = 0; i < o->n_waiting; i++) {
        (void)vl_call_unref(o->waiting[i].call);
        json_object_put(o->waiting[i].params);
    }
    free(o->waiting);
    forget_answers(o);
    free(o->subject);
    free(o);
    return NULL;
}

static void set_problem(DmvOwning *o, const char *why)
{
    if (dmv_set_string(&o->problem, why) < 0)
        dmv_log(LOG_ERR, "out of memory");
}

/* ---- what it is about ---- */

typedef int (*EachFile)(DmvManager *m, const char *path, DmvModuleFile *f, void *userdata);

static int for_each_foreign(DmvManager *m, EachFile each, void *userdata)
{
    int r = 0;

    for (size_t k = 0; r == 0 && k < m->world.n_kernels; k++)
        for (size_t i = 0; r == 0 && i < m->world.kernels[k].n_files; i++) {
            DmvModuleFile *f = &m->world.kernels[k].files[i];
            DMV_CLEANUP_FREE char *path = NULL;

            if (!dmv_module_file_is_foreign(f))
                continue;
            path = dmv_roots_kernel_path(&m->roots, m->world.kernels[k].release, f->path);
            r = path ? each(m, path, f, userdata) : -ENOMEM;
        }
    return r;
}

static int describe_file(DmvManager *m, const char *path, DmvModuleFile *f, void *userdata)
{
    (void)m;
    dmv_text_appendf(userdata, "%s %llu %lld %s\n", path, (unsigned long long)f->inode, (long long)f->changed,
                     f->leads_to ? f->leads_to : "");
    return 0;
}

static int collect_path(DmvManager *m, const char *path, DmvModuleFile *f, void *userdata)
{
    char ***paths = userdata;
    int r = dmv_relative_path_is_valid(path) ? dmv_strv_push(paths, path) : 0;

    (void)m;
    if (r == 0 && f->leads_to && dmv_relative_path_is_valid(f->leads_to))
        r = dmv_strv_push(paths, f->leads_to);
    return r;
}

/* Sorted, each once. @ret_more: there are more than can be asked about. */
static int paths_to_ask(DmvManager *m, char ***ret, bool *ret_more)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    size_t n;
    int r = for_each_foreign(m, collect_path, &paths);

    if (r < 0)
        return r;
    dmv_strv_sort_unique(paths);
    n = dmv_strv_length(paths);
    *ret_more = n > PATHS_MAX;
    for (; n > PATHS_MAX; n--) {
        free(paths[n - 1]);
        paths[n - 1] = NULL;
    }
    *ret = DMV_TAKE_PTR(paths);
    return 0;
}

/* @ret: NULL without adopted modules. @ret_db: {-1} and @e where there is no database. */
static int find_subject(DmvManager *m, char **ret, DmvRpmdb *ret_db, DmvError *e)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    int r = for_each_foreign(m, describe_file, &t);

    *ret = NULL;
    if (r < 0 || t.size == 0)
        return r;
    r = dmv_rpmdb_find(&m->roots, ret_db, e);
    if (r < 0)
        return r;
    dmv_text_append(&t, r == 0 ? ret_db->identity : e->why ? e->why : "no database");
    return dmv_text_take(&t, ret, NULL);
}

/* ---- from the answers to the World ---- */

static int compare_answers(const void *a, const void *b)
{
    return strcmp(((const Answer *)a)->path, ((const Answer *)b)->path);
}

static const Answer *answer_for(const DmvOwning *o, const char *path)
{
    const Answer key = {.path = (char *)path};

    return path && o->n_answers > 0 ? bsearch(&key, o->answers, o->n_answers, sizeof(key), compare_answers)
                                    : NULL;
}

/* A link that no package owns was made by a tool: there the file that it leads to counts. */
static int own_file(DmvManager *m, const char *path, DmvModuleFile *f, void *userdata)
{
    const DmvOwning *o = userdata;
    const Answer *a = answer_for(o, path), *end = answer_for(o, f->leads_to);

    (void)m;
    if (!a || (!a->packages && end))
        a = end;
    f->packages = dmv_strv_free(f->packages);
    f->owner_known = a && (a->packages || !o->problem);
    f->verified = a && a->verified;
    return a ? dmv_strv_copy(a->packages, &f->packages) : 0;
}

static int tell_world(DmvManager *m)
{
    int r = for_each_foreign(m, own_file, m->owning);

    if (r == 0)
        r = dmv_view_adopt(&m->view, m->plan_error.code == 0 ? &m->plan : NULL);
    if (r == 0)
        dmv_view_offer(&m->view);
    return r;
}

/* ---- asking ---- */

static void answer_waiting(DmvManager *m, Waiting *w)
{
    int r = w->handler(w->call, w->params, m);

    if (r < 0) {
        DMV_CLEANUP_ERROR DmvError e = {.code = r};

        (void)dmv_reply_error(w->call, &e);
    }
    (void)vl_call_unref(w->call);
    json_object_put(w->params);
}

/* The worker goes, whatever came of it, and everybody who waits is served. */
static void finish(DmvManager *m, const char *problem)
{
    DmvOwning *o = m->owning;
    Waiting *waiting = DMV_TAKE_PTR(o->waiting);
    size_t n = o->n_waiting;

    o->n_waiting = 0;
    stop_asking(o);
    o->answered = true;
    if (problem)
        set_problem(o, problem);
    if (tell_world(m) < 0)
        dmv_log(LOG_ERR, "out of memory");
    for (size_t i = 0; i < n; i++)
        answer_waiting(m, &waiting[i]);
    free(waiting);
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    finish(userdata, "the answer takes too long");
    return 0;
}

static const char *nevra_of(json_object *packages, int64_t i, bool *ret_verified)
{
    const char *nevra = NULL;
    const DmvJsonField fields[] = {{"nevra", DMV_JSON_STRING, DMV_JSON_REQUIRED, &nevra},
                                   {"verified", DMV_JSON_BOOL, DMV_JSON_REQUIRED, ret_verified}};
    json_object *p = i >= 0 && i < (int64_t)json_object_array_length(packages)
                         ? json_object_array_get_idx(packages, (size_t)i)
                         : NULL;

    return p && dmv_json_read(p, "package", fields, DMV_N_ELEMENTS(fields), true, NULL) == 0 ? nevra : NULL;
}

/* Return: 0; DMV_WORKER_FAILED for an index that leads nowhere; -ENOMEM. */
static int read_owner(DmvOwning *o, json_object *owner, json_object *packages)
{
    int64_t path = -1, package = -1;
    const DmvJsonField fields[] = {{"path", DMV_JSON_INT, DMV_JSON_REQUIRED, &path},
                                   {"package", DMV_JSON_INT, DMV_JSON_REQUIRED, &package}};
    bool verified = false;
    const char *nevra;
    Answer *a;

    if (dmv_json_read(owner, "owner", fields, DMV_N_ELEMENTS(fields), true, NULL) != 0)
        return DMV_WORKER_FAILED;
    nevra = nevra_of(packages, package, &verified);
    if (!nevra || path < 0 || (size_t)path >= o->n_answers)
        return DMV_WORKER_FAILED;
    a = &o->answers[path];
    a->verified = verified && (a->verified || !a->packages);
    return dmv_strv_push(&a->packages, nevra);
}

static int read_answer(DmvOwning *o, json_object *params, DmvError *e)
{
    json_object *packages = NULL, *owners = NULL;
    const char *problem = NULL;
    const DmvJsonField fields[] = {{"packages", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &packages},
                                   {"owners", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &owners},
                                   {"problem", DMV_JSON_STRING, 0, &problem}};
    int r = dmv_worker_read(params, fields, DMV_N_ELEMENTS(fields), e);

    for (size_t i = 0; r == 0 && i < json_object_array_length(owners); i++)
        r = read_owner(o, json_object_array_get_idx(owners, i), packages);
    if (r == 0 && problem)
        set_problem(o, problem);
    return r;
}

static void on_owners(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                      DmvError *e)
{
    DmvManager *m = userdata;

    (void)fds;
    (void)n_fds;
    if (continues)
        return;
    if (code == 0)
        code = read_answer(m->owning, params, e);
    finish(m, code == 0 ? NULL : e->why ? e->why : "the fetch worker answered nonsense");
}

/* The paths become the answers, still empty. */
static int prepare_answers(DmvOwning *o, char *const *paths)
{
    for (; paths && *paths; paths++) {
        Answer *a = DMV_ARRAY_ADD(o->answers, o->n_answers);

        if (!a || dmv_set_string(&a->path, *paths) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int ask(DmvManager *m, const DmvRpmdb *db, DmvError *e)
{
    DmvOwning *o = m->owning;
    DMV_CLEANUP_STRV char **paths = NULL;
    DmvJsonBuilder b = {0};
    bool more = false;
    int r = paths_to_ask(m, &paths, &more);

    if (r == 0)
        r = prepare_answers(o, paths);
    if (r == 0 && more)
        set_problem(o, "there are more files than are asked about");
    if (r == 0)
        r = dmv_worker_new(m, DMV_WORKER_FETCH, &o->worker, e);
    if (r == 0)
        r = sd_event_add_time_relative(m->event, &o->timer, CLOCK_MONOTONIC, WAIT_USEC, 0, on_late, m);
    if (r != 0)
        return r;
    dmv_jb_object(&b);
    dmv_jb_exact_strv(&b, "paths", paths);
    return dmv_worker_call(o->worker, "FindOwners", dmv_jb_end(&b), db->fd, false, on_owners, m);
}

/* Begins the question if it is another one than the last. Return: 0 to wait, 1 to go on, -ENOMEM. */
static int begin(DmvManager *m)
{
    DmvOwning *o = m->owning;
    __attribute__((cleanup(dmv_rpmdb_deinit))) DmvRpmdb db = DMV_RPMDB_NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *subject = NULL;
    int r;

    if (o->worker)
        return 0;
    r = find_subject(m, &subject, &db, &e);
    if (r < 0 || !subject)
        return r < 0 ? r : 1;
    if (o->answered && dmv_streq(o->subject, subject))
        return 1;
    forget_answers(o);
    free(o->subject);
    o->subject = DMV_TAKE_PTR(subject);
    r = db.fd < 0 ? DMV_OWNERS_UNKNOWN : ask(m, &db, &e);
    if (r == 0)
        return 0;
    finish(m, dmv_error_words(&e, r));
    return 1;
}

bool dmv_owners_wait(DmvManager *m, VlCall *call, json_object *params, VlHandler handler)
{
    Waiting *w;
    int r;

    if (!m->owning)
        m->owning = calloc(1, sizeof(*m->owning));
    r = m->owning ? begin(m) : -ENOMEM;
    if (r < 0)
        dmv_log(LOG_ERR, "out of memory");
    if (r != 0)
        return false;
    w = DMV_ARRAY_ADD(m->owning->waiting, m->owning->n_waiting);
    if (!w)
        return false;
    *w = (Waiting){.call = vl_call_ref(call), .params = json_object_get(params), .handler = handler};
    return true;
}

int dmv_owners_keep(DmvManager *m)
{
    DmvOwning *o = m->owning;
    __attribute__((cleanup(dmv_rpmdb_deinit))) DmvRpmdb db = DMV_RPMDB_NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *subject = NULL;
    int r;

    if (!o || !o->answered)
        return 0;
    r = find_subject(m, &subject, &db, &e);
    if (r < 0)
        return r;
    if (!o->problem && dmv_streq(o->subject, subject))
        return tell_world(m);
    forget_answers(o);
    return 0;
}

void dmv_owners_problem(const DmvManager *m, DmvProblems *to)
{
    if (m->owning && m->owning->problem)
        (void)dmv_problem_add(to, "RPM database", DMV_OWNERS_UNKNOWN,
                              "who owns files of the trees is not known: %s", m->owning->problem);
}
