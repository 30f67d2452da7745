/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plan: what has to happen so that every kernel loads what was asked for, and what the index must say then.
 *
 * For each kernel, each driver that somebody asked about is one unit: the modules of the selected release get
 * a link in the tree of its tier (and one in updates/ for readers of that) and an override line; every other
 * module of the driver gets none of ours and an override line for the kernel's own file. A file of somebody
 * else is never touched: where it occupies the place, the link goes into the next tree, and the override line
 * decides. Drivers that nobody asked about stay as the host has them.
 *
 * The order of the steps keeps every state in between loadable: new links first, then the configuration, then
 * the removals, then one depmod a kernel. Images are built last, of what the new index gives.
 */
#include "model/plan.h"

#include <errno.h>
#include <string.h>

#include "model/depmodconf.h"
#include "model/package-name.h"

#define CONF_PATH "etc/depmod.d/00-dmv.conf"
#define STORE_MARK "dmv/store/"
#define FIRMWARE_DIR "usr/lib/firmware/updates"

static const char *const step_table[] = {
    [DMV_STEP_MKDIR] = "mkdir",   [DMV_STEP_LINK] = "link",     [DMV_STEP_WRITE] = "write",
    [DMV_STEP_UNLINK] = "unlink", [DMV_STEP_REMOVE] = "remove", [DMV_STEP_DEPMOD] = "depmod",
    [DMV_STEP_INITRD] = "initrd",
};
_Static_assert(DMV_N_ELEMENTS(step_table) == DMV_STEP_MAX, "a kind of step has no name");

const char *dmv_step_kind_to_string(DmvStepKind k)
{
    return k >= 0 && k < DMV_STEP_MAX ? step_table[k] : "invalid";
}

void dmv_step_deinit(DmvStep *s)
{
    free(s->path);
    free(s->content);
    free(s->kernel);
    dmv_strv_free(s->modules);
    *s = (DmvStep){.kind = DMV_STEP_INVALID};
}

void dmv_plan_deinit(DmvPlan *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        dmv_step_deinit(&p->steps[i]);
    for (size_t i = 0; i < p->n_predictions; i++) {
        DmvPrediction *x = &p->predictions[i];

        free(x->kernel);
        free(x->module);
        free(x->now);
        free(x->next);
        free(x->now_release);
        free(x->next_release);
    }
    free(p->steps);
    free(p->predictions);
    free(p->conf);
    dmv_strv_free(p->kernels);
    dmv_problems_deinit(&p->problems);
    *p = (DmvPlan){0};
}

/* ---- what shall be ---- */

/* A link that one kernel's trees shall hold, or one below its firmware folder. */
typedef struct Link {
    char *path;   /* relative to the kernel's folder; for firmware relative to its firmware folder */
    char *target; /* relative to the folder of the link */
    char *module; /* kernel's name; NULL for firmware */
    const char *driver;
    char *release; /* DRIVER/VARIANT@VERSION */
    DmvTree tree;
} Link;

/* One kernel while it is planned. */
typedef struct KernelPlan {
    const DmvKernel *kernel;
    char *folder; /* relative to the root */
    Link *links;
    size_t n_links;
    Link *firmware;
    size_t n_firmware;
    bool trees_change; /* links of modules come or go */
    char **exposed;    /* modules of variants in this kernel's folder, sorted; see is_exposed() */
} KernelPlan;

typedef struct Planner {
    const DmvView *view;
    const char *modules_dir;
    DmvPlan *plan;
    DmvDepmodConf conf;
    KernelPlan *kernels;
    size_t n_kernels;
    DmvError *reterr;
} Planner;

static void links_free(Link *links, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(links[i].path);
        free(links[i].target);
        free(links[i].module);
        free(links[i].release);
    }
    free(links);
}

static void planner_deinit(Planner *p)
{
    for (size_t i = 0; i < p->n_kernels; i++) {
        free(p->kernels[i].folder);
        dmv_strv_free(p->kernels[i].exposed);
        links_free(p->kernels[i].links, p->kernels[i].n_links);
        links_free(p->kernels[i].firmware, p->kernels[i].n_firmware);
    }
    free(p->kernels);
    dmv_depmod_conf_deinit(&p->conf);
}

/* The relative target for a link at @link that leads to @to; both relative to the root. */
static char *relative_target(const char *link, const char *to)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    size_t common = 0;
    char *ret = NULL;

    for (size_t i = 0; link[i] && link[i] == to[i]; i++)
        if (link[i] == '/')
            common = i + 1;
    for (const char *s = link + common; (s = strchr(s, '/')); s++)
        dmv_text_append(&t, "../");
    dmv_text_append(&t, to + common);
    return dmv_text_take(&t, &ret, NULL) == 0 ? ret : NULL;
}

static const DmvModuleFile *file_in_tree(const DmvKernel *k, const char *module, DmvTree tree, bool ours)
{
    for (size_t i = 0; i < k->n_files; i++)
        if (k->files[i].tree == tree && k->files[i].ours == ours &&
            dmv_module_name_equal(k->files[i].name, module))
            return &k->files[i];
    return NULL;
}

static const DmvModuleFile *kernels_own(const DmvKernel *k, const char *module)
{
    return file_in_tree(k, module, DMV_TREE_KERNEL, false);
}

static DmvTree tree_of_tier(const char *tier)
{
    DmvTier t = dmv_tier_from_string(tier);

    return t == DMV_TIER_INVALID ? DMV_TREE_UPDATES : dmv_tier_tree(t);
}

/* The tier's tree, or the next one where nobody else's file of that module lies. */
static DmvTree free_tree(const DmvKernel *k, const char *module, DmvTree wanted)
{
    static const DmvTree others[] = {DMV_TREE_OVERRIDE, DMV_TREE_UPDATES, DMV_TREE_EXTRA};

    if (!file_in_tree(k, module, wanted, false))
        return wanted;
    for (size_t i = 0; i < DMV_N_ELEMENTS(others); i++)
        if (!file_in_tree(k, module, others[i], false))
            return others[i];
    return DMV_TREE_INVALID;
}

static Link *find_link(Link *links, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(links[i].path, path) == 0)
            return &links[i];
    return NULL;
}

static const Link *link_of_module(const KernelPlan *k, const char *module)
{
    for (size_t i = 0; i < k->n_links; i++)
        if (dmv_module_name_equal(k->links[i].module, module))
            return &k->links[i];
    return NULL;
}

static int fill_link(Link *l, const char *root_path, const DmvInstalled *x, const char *file,
                     const char *subfolder)
{
    DMV_CLEANUP_FREE char *to = NULL;

    if (asprintf(&to, "%s/%s%s", x->folder, subfolder, file) < 0) {
        to = NULL;
        return -ENOMEM;
    }
    l->driver = x->driver;
    l->target = relative_target(root_path, to);
    if (asprintf(&l->release, "%s/%s@%s", x->driver, x->variant, x->version) < 0)
        l->release = NULL;
    return l->target && l->release ? 0 : -ENOMEM;
}

static int add_link(KernelPlan *k, const DmvInstalled *x, const char *file, const char *module, DmvTree tree)
{
    const char *slash = strrchr(file, '/');
    DMV_CLEANUP_FREE char *root_path = NULL;
    Link *l = DMV_ARRAY_ADD(k->links, k->n_links);

    if (!l)
        return -ENOMEM;
    if (asprintf(&l->path, "%s/%s", dmv_tree_to_string(tree), slash ? slash + 1 : file) < 0) {
        l->path = NULL;
        return -ENOMEM;
    }
    l->tree = tree;
    if (dmv_set_string(&l->module, module) < 0 || asprintf(&root_path, "%s/%s", k->folder, l->path) < 0) {
        root_path = NULL;
        return -ENOMEM;
    }
    return fill_link(l, root_path, x, file, "");
}

/* The link that counts comes first. A second one shows the selection to those who only look into updates/, as
 * the tools of XenServer hosts do. */
static int want_module(Planner *p, KernelPlan *k, const DmvInstalled *x, const char *file)
{
    const Link *taken;
    char module[65];
    DmvTree tree;
    int r;

    if (!dmv_module_name_from_file(file, module, sizeof(module)))
        return 0;
    taken = link_of_module(k, module);
    if (taken)
        return dmv_error_set(p->reterr, DMV_CONFLICT, "cannot plan", "deselect one of the two",
                             "%s and %s both bring the module %s", taken->release, x->driver, module);
    tree = free_tree(k->kernel, module, tree_of_tier(x->tier));
    if (tree == DMV_TREE_INVALID)
        return dmv_error_set(
            p->reterr, DMV_CONFLICT, "cannot plan", "remove one of these files or their packages",
            "updates/, override/ and extra/ of kernel %s all hold a module %s of somebody else",
            k->kernel->release, module);
    r = add_link(k, x, file, module, tree);
    if (r == 0 && tree != DMV_TREE_UPDATES && !file_in_tree(k->kernel, module, DMV_TREE_UPDATES, false))
        r = add_link(k, x, file, module, DMV_TREE_UPDATES);
    return r;
}

static int want_firmware(Planner *p, KernelPlan *k, const DmvInstalled *x, const char *file)
{
    DMV_CLEANUP_FREE char *root_path = NULL;
    const Link *taken = find_link(k->firmware, k->n_firmware, file);
    Link *l;

    if (taken)
        return dmv_error_set(p->reterr, DMV_CONFLICT, "cannot plan", "deselect one of the two",
                             "%s and %s both bring the firmware %s", taken->release, x->driver, file);
    l = DMV_ARRAY_ADD(k->firmware, k->n_firmware);
    if (!l || dmv_set_string(&l->path, file) < 0 ||
        asprintf(&root_path, "%s/%s/%s", FIRMWARE_DIR, k->kernel->release, file) < 0) {
        root_path = NULL;
        return -ENOMEM;
    }
    return fill_link(l, root_path, x, file, "firmware/");
}

static int want_target(Planner *p, KernelPlan *k, const DmvTarget *t)
{
    const DmvInstalled *x = t->installed;
    int r = 0;

    for (size_t i = 0; x && r == 0 && i < x->n_modules; i++)
        r = want_module(p, k, x, x->modules[i].file);
    for (char **f = x ? x->firmware : NULL; r == 0 && f && *f; f++)
        r = want_firmware(p, k, x, *f);
    return r;
}

/* What is asked for was revoked: the plan leaves it all the same, and that is said with it. */
static void repeat_revoked(DmvPlan *plan, const DmvViewDriver *d)
{
    for (size_t i = 0; i < d->problems.n; i++)
        if (d->problems.items[i].code == DMV_REVOKED)
            (void)dmv_problem_add(&plan->problems, d->problems.items[i].object, DMV_REVOKED, "%s",
                                  d->problems.items[i].why);
}

static int want_everything(Planner *p)
{
    const DmvView *v = p->view;
    int r = 0;

    for (size_t d = 0; r == 0 && d < v->n_drivers; d++) {
        for (size_t t = 0; r == 0 && t < v->drivers[d].n_targets; t++) {
            const DmvTarget *target = &v->drivers[d].targets[t];

            for (size_t k = 0; k < p->n_kernels; k++)
                if (p->kernels[k].kernel == target->kernel)
                    r = want_target(p, &p->kernels[k], target);
            if (r == 0 && target->problem)
                (void)dmv_problem_add(&p->plan->problems, v->drivers[d].name, target->code, "%s",
                                      target->problem);
        }
        repeat_revoked(p->plan, &v->drivers[d]);
    }
    return r;
}

/* ---- which file wins ---- */

static bool leads_to_store(const DmvModuleFile *f)
{
    return f->target && strstr(f->target, STORE_MARK) != NULL;
}

/* Links of ours that the plan does not want: into the store always, into an adopted folder only where
 * somebody asked about the driver, and whatever leads nowhere. Only in the trees that dmv makes links in:
 * what leads to a release from elsewhere is somebody else's. */
static bool goes_away(const Planner *p, const KernelPlan *k, const DmvModuleFile *f)
{
    bool in_tree = f->tree == DMV_TREE_UPDATES || f->tree == DMV_TREE_OVERRIDE || f->tree == DMV_TREE_EXTRA;

    if (!f->ours || !in_tree || find_link(k->links, k->n_links, f->path))
        return false;
    return f->dangling || leads_to_store(f) || dmv_view_manager(p->view, f->name) != NULL;
}

static bool is_left(const Planner *p, const KernelPlan *k, const DmvModuleFile *f, const char *module)
{
    return !f->dangling && dmv_module_name_equal(f->name, module) && !goes_away(p, k, f);
}

/* What depmod would take for a module for which no override line decides, after the plan: the search order of
 * 00-dmv.conf over the files that stay. */
static const DmvModuleFile *best_of_others(const Planner *p, const KernelPlan *k, const char *module)
{
    static const DmvTree order[] = {DMV_TREE_OVERRIDE, DMV_TREE_UPDATES, DMV_TREE_EXTRA,
                                    DMV_TREE_KERNEL,   DMV_TREE_OTHER,   DMV_TREE_WEAK};

    for (size_t o = 0; o < DMV_N_ELEMENTS(order); o++)
        for (size_t i = 0; i < k->kernel->n_files; i++)
            if (k->kernel->files[i].tree == order[o] && is_left(p, k, &k->kernel->files[i], module))
                return &k->kernel->files[i];
    return NULL;
}

static bool has_several_left(const Planner *p, const KernelPlan *k, const char *module)
{
    size_t n = 0;

    for (size_t i = 0; i < k->kernel->n_files; i++)
        n += is_left(p, k, &k->kernel->files[i], module);
    return n > 1;
}

/* depmod compares an override line with the path of the file: the module is named as its file is, "nvme-core"
 * and not "nvme_core". A file at the top of the kernel's folder lies in no folder that a line could name. */
static int add_override(Planner *p, const KernelPlan *k, const char *path)
{
    const char *slash = strrchr(path, '/'), *suffix;
    DMV_CLEANUP_FREE char *subdir = NULL, *name = NULL;

    if (!slash)
        return 0;
    suffix = strstr(slash + 1, ".ko");
    subdir = strndup(path, (size_t)(slash - path));
    name = suffix ? strndup(slash + 1, (size_t)(suffix - slash - 1)) : strdup(slash + 1);
    return subdir && name ? dmv_depmod_conf_add(&p->conf, name, k->kernel->release, subdir) : -ENOMEM;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A depmod without `exclude` sees variants, selected or not, and ranks them like the kernel's own modules. */
static bool is_exposed(const KernelPlan *k, const char *module)
{
    size_t n = dmv_strv_length(k->exposed);

    return n > 0 && bsearch(&module, k->exposed, n, sizeof(char *), compare_names) != NULL;
}

static int predict(Planner *p, const KernelPlan *k, const char *module)
{
    const DmvWorld *w = p->view->facts.world;
    const Link *link = link_of_module(k, module);
    const DmvModuleFile *own = dmv_view_manager(p->view, module) ? kernels_own(k->kernel, module) : NULL;
    const DmvModuleFile *file = own ? own : best_of_others(p, k, module);
    const DmvIndexEntry *now = dmv_kernel_index(k->kernel, module);
    DmvPrediction *x = DMV_ARRAY_ADD(p->plan->predictions, p->plan->n_predictions);
    int r;

    if (!x || dmv_set_string(&x->kernel, k->kernel->release) < 0 || dmv_set_string(&x->module, module) < 0 ||
        dmv_set_string(&x->now, now ? now->path : NULL) < 0 ||
        dmv_set_string(&x->next, link   ? link->path
                                 : file ? file->path
                                        : NULL) < 0)
        return -ENOMEM;
    r = dmv_release_of_path(w, k->kernel, x->now, &x->now_release);
    if (r == 0 && link)
        r = dmv_set_string(&x->next_release, link->release);
    else if (r == 0)
        r = dmv_release_of_path(w, k->kernel, x->next, &x->next_release);
    x->changed = !dmv_streq(x->now, x->next) || !dmv_streq(x->now_release, x->next_release);
    x->open = !dmv_view_manager(p->view, module) && !is_exposed(k, module) && has_several_left(p, k, module);
    if (r == 0 && (link || own || (file && is_exposed(k, module))))
        r = add_override(p, k, link ? link->path : file->path);
    return r;
}

static int find_exposed(const DmvWorld *w, KernelPlan *k)
{
    char name[65];
    int r = 0;

    for (size_t i = 0; r == 0 && !w->depmod_excludes && i < w->n_installed; i++) {
        const DmvInstalled *x = &w->installed[i];

        for (size_t m = 0; r == 0 && m < x->n_modules; m++)
            if (x->origin != DMV_ORIGIN_STORE && strcmp(x->kernel, k->kernel->release) == 0 &&
                dmv_module_name_from_file(x->modules[m].file, name, sizeof(name)))
                r = dmv_strv_push(&k->exposed, name);
    }
    dmv_strv_sort_unique(k->exposed);
    return r;
}

static int managed_modules(const DmvView *v, char ***ret)
{
    int r = 0;

    for (size_t d = 0; r == 0 && d < v->n_drivers; d++)
        for (size_t m = 0; r == 0 && v->drivers[d].selection && m < v->drivers[d].n_modules; m++)
            r = dmv_strv_push(ret, v->drivers[d].modules[m].name);
    return r;
}

/* Those that dmv has decided about until now: by a line of 00-dmv.conf, or by a link that goes. Where nobody
 * asks about them any more, the kernel's own file has to come back. */
static int decided_modules(const Planner *p, const KernelPlan *k, char ***ret)
{
    int r = dmv_depmod_conf_modules(p->view->facts.world->depmod_conf, k->kernel->release, ret);

    for (size_t i = 0; r == 0 && i < k->kernel->n_files; i++)
        if (goes_away(p, k, &k->kernel->files[i]))
            r = dmv_strv_push(ret, k->kernel->files[i].name);
    return r;
}

/* What somebody asks about or has asked about, and what depmod would take by itself. */
static int predict_kernel(Planner *p, KernelPlan *k)
{
    DMV_CLEANUP_STRV char **modules = NULL;
    int r = managed_modules(p->view, &modules);

    if (r == 0)
        r = decided_modules(p, k, &modules);
    if (r == 0)
        r = find_exposed(p->view->facts.world, k);
    for (char **m = k->exposed; r == 0 && m && *m; m++)
        r = dmv_strv_push(&modules, *m);
    dmv_strv_sort_unique(modules);
    for (char **m = modules; r == 0 && m && *m; m++)
        r = predict(p, k, *m);
    return r;
}

static int predict_everything(Planner *p)
{
    int r = 0;

    for (size_t k = 0; r == 0 && k < p->n_kernels; k++)
        r = predict_kernel(p, &p->kernels[k]);
    return r;
}

/* ---- steps ---- */

static int add_step(DmvPlan *plan, DmvStepKind kind, const char *kernel, const char *content,
                    const char *folder, const char *path)
{
    DmvStep *s = DMV_ARRAY_ADD(plan->steps, plan->n_steps);

    if (!s || dmv_set_string(&s->kernel, kernel) < 0 || dmv_set_string(&s->content, content) < 0)
        return -ENOMEM;
    s->kind = kind;
    if (folder && asprintf(&s->path, "%s/%s", folder, path) < 0) {
        s->path = NULL;
        return -ENOMEM;
    }
    return 0;
}

static bool tree_is_there(const DmvKernel *k, DmvTree tree)
{
    for (size_t i = 0; i < k->n_files; i++)
        if (k->files[i].tree == tree)
            return true;
    return false;
}

static int step_links(Planner *p, KernelPlan *k)
{
    int r = 0;

    for (DmvTree tree = 0; r == 0 && tree < DMV_TREE_KERNEL; tree++)
        for (size_t i = 0; i < k->n_links; i++)
            if (k->links[i].tree == tree && !tree_is_there(k->kernel, tree)) {
                r = add_step(p->plan, DMV_STEP_MKDIR, k->kernel->release, NULL, k->folder,
                             dmv_tree_to_string(tree));
                break;
            }
    for (size_t i = 0; r == 0 && i < k->n_links; i++) {
        const Link *l = &k->links[i];
        const DmvModuleFile *there = file_in_tree(k->kernel, l->module, l->tree, true);

        if (there && strcmp(there->path, l->path) == 0 && dmv_streq(there->target, l->target) &&
            !there->dangling)
            continue;
        k->trees_change = true;
        r = add_step(p->plan, DMV_STEP_LINK, k->kernel->release, l->target, k->folder, l->path);
    }
    return r;
}

static int firmware_folder(const KernelPlan *k, char **ret)
{
    if (asprintf(ret, "%s/%s", FIRMWARE_DIR, k->kernel->release) < 0) {
        *ret = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* The folders of a firmware link, from the top; those that are there already cost nothing when they are made
 * again. */
static int step_firmware_folders(Planner *p, const KernelPlan *k, const char *folder, const char *path)
{
    int r = 0;

    for (const char *s = path; r == 0 && (s = strchr(s, '/')); s++) {
        DMV_CLEANUP_FREE char *part = strndup(path, (size_t)(s - path));

        r = part ? add_step(p->plan, DMV_STEP_MKDIR, k->kernel->release, NULL, folder, part) : -ENOMEM;
    }
    return r;
}

static const DmvFirmwareLink *firmware_link_there(const DmvKernel *k, const char *path)
{
    for (size_t i = 0; i < k->n_firmware; i++)
        if (strcmp(k->firmware[i].path, path) == 0)
            return &k->firmware[i];
    return NULL;
}

static int step_firmware(Planner *p, KernelPlan *k)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    bool made = false;
    int r = firmware_folder(k, &folder);

    for (size_t i = 0; r == 0 && i < k->n_firmware; i++) {
        const Link *l = &k->firmware[i];
        const DmvFirmwareLink *there = firmware_link_there(k->kernel, l->path);

        if (there && strcmp(there->target, l->target) == 0)
            continue;
        if (!made)
            r = add_step(p->plan, DMV_STEP_MKDIR, k->kernel->release, NULL, FIRMWARE_DIR, k->kernel->release);
        made = true;
        if (r == 0)
            r = step_firmware_folders(p, k, folder, l->path);
        if (r == 0)
            r = add_step(p->plan, DMV_STEP_LINK, k->kernel->release, l->target, folder, l->path);
    }
    return r;
}

static int step_removals(Planner *p, KernelPlan *k)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    int r = firmware_folder(k, &folder);

    for (size_t i = 0; r == 0 && i < k->kernel->n_files; i++) {
        const DmvModuleFile *f = &k->kernel->files[i];

        if (!goes_away(p, k, f))
            continue;
        k->trees_change = true;
        r = add_step(p->plan, DMV_STEP_UNLINK, k->kernel->release, NULL, k->folder, f->path);
    }
    for (size_t i = 0; r == 0 && i < k->kernel->n_firmware; i++) {
        const DmvFirmwareLink *f = &k->kernel->firmware[i];

        if (strstr(f->target, STORE_MARK) && !find_link(k->firmware, k->n_firmware, f->path))
            r = add_step(p->plan, DMV_STEP_UNLINK, k->kernel->release, NULL, folder, f->path);
    }
    return r;
}

/* With nothing asked for there is no file of ours: the vendor's, of the same name below /usr/lib, counts
 * again. Unless there are variants that this depmod cannot be told to leave out: then it takes our lines. */
static int step_conf(Planner *p)
{
    const char *before = p->view->facts.world->depmod_conf;
    int r = 0;

    if (p->view->facts.intent->n > 0 || p->conf.n > 0) {
        p->conf.excludes = p->view->facts.world->depmod_excludes;
        r = dmv_depmod_conf_format(&p->conf, &p->plan->conf);
    }
    if (r < 0 || dmv_streq(before, p->plan->conf))
        return r;
    r = add_step(p->plan, p->plan->conf ? DMV_STEP_WRITE : DMV_STEP_REMOVE, NULL, p->plan->conf, NULL, NULL);
    return r == 0 ? dmv_set_string(&p->plan->steps[p->plan->n_steps - 1].path, CONF_PATH) : r;
}

static bool index_is_wrong(const DmvPlan *plan, const char *kernel)
{
    for (size_t i = 0; i < plan->n_predictions; i++)
        if (strcmp(plan->predictions[i].kernel, kernel) == 0 && !plan->predictions[i].open &&
            !dmv_streq(plan->predictions[i].now, plan->predictions[i].next))
            return true;
    return false;
}

/* Of modules that nobody manages, too: modprobe would fail, where another file would do. */
static bool index_has_gone_files(const DmvKernel *k)
{
    for (size_t i = 0; i < k->n_index; i++)
        if (k->index[i].gone)
            return true;
    return false;
}

static int step_depmod(Planner *p)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < p->n_kernels; i++) {
        const char *kernel = p->kernels[i].kernel->release;
        int differs = dmv_depmod_conf_differs(p->view->facts.world->depmod_conf, p->plan->conf, kernel);

        if (differs < 0)
            return differs;
        if (!p->kernels[i].trees_change && !differs && !index_is_wrong(p->plan, kernel) &&
            !index_has_gone_files(p->kernels[i].kernel))
            continue;
        r = dmv_strv_push(&p->plan->kernels, kernel);
        if (r == 0)
            r = add_step(p->plan, DMV_STEP_DEPMOD, kernel, NULL, NULL, NULL);
    }
    return r;
}

/* Which images there are, and what is in them, only the worker knows: it passes over a kernel without any
 * that holds one of these modules. */
static int step_initrds(Planner *p)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < p->n_kernels; i++) {
        const char *kernel = p->kernels[i].kernel->release;
        DMV_CLEANUP_STRV char **modules = NULL;

        for (size_t x = 0; r == 0 && x < p->plan->n_predictions; x++)
            if (p->plan->predictions[x].changed && strcmp(p->plan->predictions[x].kernel, kernel) == 0)
                r = dmv_strv_push(&modules, p->plan->predictions[x].module);
        if (r < 0 || !modules)
            continue;
        r = add_step(p->plan, DMV_STEP_INITRD, kernel, NULL, NULL, NULL);
        if (r == 0)
            p->plan->steps[p->plan->n_steps - 1].modules = DMV_TAKE_PTR(modules);
    }
    return r;
}

static int collect_kernels(Planner *p)
{
    const DmvWorld *w = p->view->facts.world;

    for (size_t i = 0; i < w->n_kernels; i++) {
        KernelPlan *k;

        if (!dmv_kernel_is_usable(&w->kernels[i]))
            continue;
        k = DMV_ARRAY_ADD(p->kernels, p->n_kernels);
        if (!k || asprintf(&k->folder, "%s/%s", p->modules_dir, w->kernels[i].release) < 0)
            return -ENOMEM;
        k->kernel = &w->kernels[i];
    }
    return 0;
}

int dmv_plan(const DmvView *v, const char *modules_dir, DmvPlan *ret, DmvError *reterr)
{
    DMV_CLEANUP_PLAN DmvPlan plan = {0};
    __attribute__((cleanup(planner_deinit)))
    Planner p = {.view = v, .modules_dir = modules_dir, .plan = &plan, .reterr = reterr};
    int r = collect_kernels(&p);

    if (r == 0)
        r = want_everything(&p);
    if (r == 0)
        r = predict_everything(&p);
    for (size_t i = 0; r == 0 && i < p.n_kernels; i++)
        r = step_links(&p, &p.kernels[i]);
    for (size_t i = 0; r == 0 && i < p.n_kernels; i++)
        r = step_firmware(&p, &p.kernels[i]);
    if (r == 0)
        r = step_conf(&p);
    for (size_t i = 0; r == 0 && i < p.n_kernels; i++)
        r = step_removals(&p, &p.kernels[i]);
    if (r == 0)
        r = step_depmod(&p);
    if (r == 0)
        r = step_initrds(&p);
    if (r != 0)
        return r;
    *ret = plan;
    plan = (DmvPlan){0};
    return 0;
}

/* Where depmod chooses, any file that is there is as predicted. */
static bool is_as_predicted(const DmvPrediction *x, const DmvIndexEntry *e)
{
    if (x->open)
        return e && e->path && !e->gone;
    return dmv_streq(e ? e->path : NULL, x->next);
}

int dmv_plan_check(const DmvPlan *p, const DmvWorld *after, DmvError *reterr)
{
    for (size_t i = 0; i < p->n_predictions; i++) {
        const DmvPrediction *x = &p->predictions[i];
        const DmvKernel *k = dmv_world_kernel(after, x->kernel);
        const DmvIndexEntry *e = k ? dmv_kernel_index(k, x->module) : NULL;

        if (!k)
            return dmv_error_set(reterr, DMV_PREDICTION_FAILED, NULL, "dmvctl rescan", "kernel %s has gone",
                                 x->kernel);
        if (!is_as_predicted(x, e))
            return dmv_error_set(
                reterr, DMV_PREDICTION_FAILED, NULL, "dmvctl doctor names the files that compete",
                "for kernel %s the index gives %s for module %s, and not %s", x->kernel,
                e && e->path ? e->path : "nothing", x->module, x->next ? x->next : "nothing");
    }
    return 0;
}
