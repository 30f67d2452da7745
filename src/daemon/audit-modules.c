/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify, the modules: every file that a tree holds, every module of an installed release, every copy in an
 * image and every module that is loaded gets its standing (model/standing.h), and a finding where that is
 * none to be left so. Good ones are counted and not listed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/audit.h"
#include "daemon/inspector.h"
#include "daemon/vouchers.h"

/* Findings of one reason that are listed for one kernel. Where a whole tree is not as it should be, the first
 * of them say so. */
#define LISTED_MAX 32

/* A file that was inspected, and what came of it. */
typedef struct Judged {
    const DmvInspected *bytes;
    DmvStanding standing; /* DMV_STANDING_INVALID: not judged yet */
} Judged;

typedef struct ModuleAudit {
    DmvAudit *audit;
    const DmvManager *m;
    const DmvInspection *inspection;
    Judged *files; /* sorted by path */
    size_t n_files;
    DmvVouchers vouchers;
    DmvModulePolicy policy;
    size_t counts[DMV_STANDING_MAX];
    size_t listed[DMV_OUTCOME_MAX]; /* of the kernel that is looked at */
} ModuleAudit;

static void audit_deinit(ModuleAudit *x)
{
    free(x->files);
    dmv_vouchers_deinit(&x->vouchers);
    dmv_module_policy_deinit(&x->policy);
}

/* ---- what was inspected ---- */

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const Judged *)a)->bytes->path, ((const Judged *)b)->bytes->path);
}

static int sort_files(ModuleAudit *x)
{
    x->files = calloc(x->inspection->n_files + 1, sizeof(*x->files));
    if (!x->files)
        return -ENOMEM;
    x->n_files = x->inspection->n_files;
    for (size_t i = 0; i < x->n_files; i++)
        x->files[i] = (Judged){.bytes = &x->inspection->files[i], .standing = DMV_STANDING_INVALID};
    qsort(x->files, x->n_files, sizeof(*x->files), compare_files);
    return 0;
}

/* NULL: the file came after the question. Takes @path over. */
static Judged *find_file(ModuleAudit *x, char *path)
{
    DMV_CLEANUP_FREE char *owned = path;
    const DmvInspected key_bytes = {.path = owned};
    const Judged key = {.bytes = &key_bytes};

    return owned ? bsearch(&key, x->files, x->n_files, sizeof(key), compare_files) : NULL;
}

static Judged *file_of_kernel(ModuleAudit *x, const DmvKernel *k, const DmvModuleFile *f)
{
    const DmvInstalled *release = f->dangling ? NULL : dmv_file_release(&x->m->world, k, f);
    const char *slash = strrchr(f->path, '/');

    if (f->dangling)
        return NULL;
    if (!release)
        return find_file(x, dmv_roots_kernel_path(&x->m->roots, k->release, f->path));
    for (size_t i = 0; i < release->n_modules; i++) {
        const char *file = release->modules[i].file, *last = strrchr(file, '/');

        if (strcmp(last ? last + 1 : file, slash ? slash + 1 : f->path) == 0)
            return find_file(x, dmv_inspection_path(release, file));
    }
    return NULL;
}

/* ---- findings ---- */

static void find(ModuleAudit *x, const char *object, const DmvStandingVerdict *v)
{
    if (v->code > 0 && v->code < DMV_OUTCOME_MAX && ++x->listed[v->code] > LISTED_MAX)
        return;
    dmv_audit_find_module(x->audit, object, v);
}

/* After a kernel: how many were not listed. */
static void find_rest(ModuleAudit *x, const char *object)
{
    for (size_t c = 0; c < DMV_OUTCOME_MAX; c++) {
        if (x->listed[c] > LISTED_MAX)
            dmv_audit_find(x->audit, "warning", object, (int)c, "what the others say",
                           "and %zu more like these", x->listed[c] - LISTED_MAX);
        x->listed[c] = 0;
    }
}

static void settle(ModuleAudit *x, Judged *j, const char *object, const DmvStandingVerdict *v)
{
    j->standing = v->standing;
    x->counts[v->standing]++;
    find(x, object, v);
}

/* ---- installed releases ---- */

static int audit_installed(ModuleAudit *x)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < x->m->world.n_installed; i++) {
        const DmvInstalled *release = &x->m->world.installed[i];

        for (size_t k = 0; r == 0 && k < release->n_modules; k++) {
            DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};
            const char *file = release->modules[k].file;
            Judged *j = find_file(x, dmv_inspection_path(release, file));

            if (!j)
                continue;
            r = dmv_vouchers_judge_installed(&x->vouchers, x->m, release, file, j->bytes, &v);
            if (r == 0)
                settle(x, j, j->bytes->path, &v);
        }
    }
    find_rest(x, "installed releases");
    return r;
}

/* ---- trees ---- */

static int find_peers(ModuleAudit *x, const DmvKernel *k, DmvPeers *ret)
{
    DMV_CLEANUP_FREE const DmvInspected **own = calloc(k->n_files + 1, sizeof(*own));
    size_t n = 0;

    if (!own)
        return -ENOMEM;
    for (size_t i = 0; i < k->n_files; i++) {
        const Judged *j = k->files[i].tree == DMV_TREE_KERNEL ? file_of_kernel(x, k, &k->files[i]) : NULL;

        if (j)
            own[n++] = j->bytes;
    }
    return dmv_peers_find(own, n, ret);
}

/* What the running kernel would say of a file that it could be given. */
static int ask_kernel(ModuleAudit *x, const Judged *j, const char *object)
{
    DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};
    int r =
        j->bytes->problem ? 0 : dmv_standing_judge_kernel(&x->policy, &j->bytes->signature, j->standing, &v);

    if (r == 0)
        find(x, object, &v);
    return r;
}

static int audit_file(ModuleAudit *x, const DmvKernel *k, const DmvModuleFile *f, const DmvPeers *peers)
{
    DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};
    DMV_CLEANUP_FREE char *object = NULL;
    Judged *j = file_of_kernel(x, k, f);
    int r = 0;

    if (!j)
        return 0;
    if (asprintf(&object, "%s/%s", k->release, f->path) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    if (j->standing == DMV_STANDING_INVALID) {
        r = dmv_vouchers_judge_file(&x->vouchers, x->m, f, peers, j->bytes, &v);
        if (r == 0)
            settle(x, j, object, &v);
    }
    return r == 0 && k->running ? ask_kernel(x, j, object) : r;
}

static int audit_kernel(ModuleAudit *x, const DmvKernel *k)
{
    DmvPeers peers = {0};
    int r = find_peers(x, k, &peers);

    for (size_t i = 0; r == 0 && i < k->n_files; i++)
        r = audit_file(x, k, &k->files[i], &peers);
    find_rest(x, k->release);
    return r;
}

/* ---- those of one name ---- */

/* The files that a module of this name could be. */
typedef struct Candidates {
    const DmvInspected **files;
    DmvStanding *standings;
    size_t n;
} Candidates;

static void candidates_deinit(Candidates *c)
{
    free(c->files);
    free(c->standings);
}

static int add_candidate(Candidates *c, const Judged *j)
{
    size_t n = c->n;
    DmvStanding *s;
    const DmvInspected **f;

    if (!j || j->standing == DMV_STANDING_INVALID)
        return 0;
    s = DMV_ARRAY_ADD(c->standings, n);
    f = s ? DMV_ARRAY_ADD(c->files, c->n) : NULL;
    if (!f)
        return -ENOMEM;
    *s = j->standing;
    *f = j->bytes;
    return 0;
}

static int add_tree_candidates(ModuleAudit *x, const DmvKernel *k, const char *module, Candidates *c)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < k->n_files; i++)
        if (dmv_module_name_equal(k->files[i].name, module))
            r = add_candidate(c, file_of_kernel(x, k, &k->files[i]));
    return r;
}

static int add_release_candidates(ModuleAudit *x, const char *module, Candidates *c)
{
    const DmvWorld *w = &x->m->world;
    char name[65];
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_installed; i++)
        for (size_t k = 0; r == 0 && k < w->installed[i].n_modules; k++) {
            const char *file = w->installed[i].modules[k].file;

            if (dmv_module_name_from_file(file, name, sizeof(name)) && dmv_module_name_equal(name, module))
                r = add_candidate(c, find_file(x, dmv_inspection_path(&w->installed[i], file)));
        }
    return r;
}

/* ---- images ---- */

static bool has_bytes(const Candidates *c, const char *sha256)
{
    for (size_t i = 0; i < c->n; i++)
        if (dmv_streq(c->files[i]->sha256, sha256))
            return true;
    return false;
}

static int audit_copy(ModuleAudit *x, const DmvInspectedImage *image, const DmvKernel *k,
                      const DmvInspected *copy)
{
    __attribute__((cleanup(candidates_deinit))) Candidates c = {0};
    DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};
    DMV_CLEANUP_FREE char *object = NULL;
    const char *approved = NULL;
    char module[65];
    int r;

    if (!dmv_module_name_from_file(copy->path, module, sizeof(module)))
        return 0;
    if (asprintf(&object, "%s: %s", image->path, copy->path) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    r = add_tree_candidates(x, k, module, &c);
    if (r == 0)
        r = add_release_candidates(x, module, &c);
    if (r == 0 && !has_bytes(&c, copy->sha256)) /* catalogs are long */
        approved = dmv_vouchers_approved(x->m, copy->sha256);
    if (r == 0)
        r = dmv_standing_judge_copy(copy, c.files, c.standings, c.n, approved, &v);
    if (r == 0)
        find(x, object, &v);
    return r;
}

static int audit_image(ModuleAudit *x, const DmvInspectedImage *image)
{
    const DmvKernel *k = dmv_world_kernel(&x->m->world, image->kernel);
    int r = 0;

    if (image->problem)
        dmv_audit_find(x->audit, "warning", image->path, DMV_MALFORMED, "build the image again",
                       "what this image of kernel %s holds is not known: %s", image->kernel, image->problem);
    for (size_t i = 0; k && r == 0 && i < image->n_copies; i++)
        r = audit_copy(x, image, k, &image->copies[i]);
    find_rest(x, image->path);
    return r;
}

/* ---- what is loaded ---- */

static int audit_loaded(ModuleAudit *x, const DmvKernel *running, const DmvLoaded *l)
{
    __attribute__((cleanup(candidates_deinit))) Candidates c = {0};
    DMV_CLEANUP_STANDING DmvStandingVerdict v = {0};
    DMV_CLEANUP_FREE char *object = NULL;
    int r = running ? add_tree_candidates(x, running, l->name, &c) : 0;

    if (asprintf(&object, "loaded module %s", l->name) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    if (r == 0)
        r = add_release_candidates(x, l->name, &c);
    if (r == 0)
        r = dmv_standing_judge_loaded(l, c.files, c.standings, c.n, &v);
    if (r == 0)
        find(x, object, &v);
    return r;
}

static int audit_running(ModuleAudit *x)
{
    const DmvWorld *w = &x->m->world;
    const DmvKernel *k = w->running_kernel ? dmv_world_kernel(w, w->running_kernel) : NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_loaded; i++)
        r = audit_loaded(x, k, &w->loaded[i]);
    find_rest(x, "loaded modules");
    return r;
}

/* ---- all of it ---- */

static json_object *render_counts(const ModuleAudit *x)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (DmvStanding s = 0; s < DMV_STANDING_MAX; s++) {
        DmvJsonBuilder b = {0};

        if (x->counts[s] == 0)
            continue;
        dmv_jb_object(&b);
        dmv_jb_string(&b, "standing", dmv_standing_to_string(s));
        dmv_jb_int(&b, "count", (int64_t)x->counts[s]);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static void find_bad_certificates(ModuleAudit *x)
{
    const DmvProblems *p = &x->vouchers.problems;

    for (size_t i = 0; i < p->n; i++)
        dmv_audit_find(x->audit, "error", p->items[i].object, p->items[i].code, "see dmv.conf(5)", "%s",
                       p->items[i].why);
}

int dmv_audit_modules(DmvAudit *a, const DmvManager *m, const DmvInspection *i, DmvJsonBuilder *reply)
{
    __attribute__((cleanup(audit_deinit))) ModuleAudit x = {.audit = a, .m = m, .inspection = i};
    int r = sort_files(&x);

    if (r == 0)
        r = dmv_vouchers_load(m, &x.vouchers);
    if (r == 0)
        r = dmv_observe_module_policy(&m->roots, &x.policy);
    if (r < 0)
        return r;
    find_bad_certificates(&x);
    r = audit_installed(&x);
    for (size_t k = 0; r == 0 && k < m->world.n_kernels; k++)
        r = audit_kernel(&x, &m->world.kernels[k]);
    for (size_t k = 0; r == 0 && k < i->n_images; k++)
        r = audit_image(&x, &i->images[k]);
    if (r == 0)
        r = audit_running(&x);
    if (r < 0)
        return r;
    dmv_jb_value(reply, "modules", render_counts(&x));
    if (x.policy.known)
        dmv_jb_value(reply, "kernelPolicy", dmv_module_policy_render(&x.policy));
    return 0;
}
