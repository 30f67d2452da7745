/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What modprobe would do, by libkmod: the same calls that modprobe --show-depends makes, with the settings of
 * the root and never those of this machine.
 *
 * libkmod reads this machine's kernel command line whatever it is told. For another root that says nothing,
 * so blacklists are not left to libkmod: they are applied here, without those that a context with no settings
 * at all has, too. For the running system the command line counts, the next boot has it again.
 */
#include "lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/kmod-internal.h"

#define INDEX_FILE "modules.dep.bin"

/* modprobe.d(5): the first one hides files of the same name in the others. */
static const char *const folders[] = {
    "etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d",
};

typedef struct Search {
    struct kmod_ctx *ctx;
    const char *folder;
    char **blacklist;
} Search;

/* What the callback of one probe fills. */
typedef struct Probe {
    const Search *search;
    struct kmod_module *asked; /* the module that matched */
    DmvLookup *lookup;
    int error;
} Probe;

static inline void cleanup_ctx(struct kmod_ctx **ctx)
{
    if (*ctx)
        (void)kmod_unref(*ctx);
}

/* ---- settings ---- */

static int collect_folders(const DmvRoots *r, char ***ret)
{
    int e = 0;

    for (size_t i = 0; e == 0 && i < DMV_N_ELEMENTS(folders); i++) {
        DMV_CLEANUP_FREE char *path = dmv_roots_path(r, folders[i]);
        struct stat st;

        if (!path)
            return -ENOMEM;
        if (stat(path, &st) == 0)
            e = dmv_strv_push(ret, path);
    }
    return e;
}

static int list_blacklist(struct kmod_ctx *ctx, char ***ret)
{
    struct kmod_config_iter *iter = kmod_config_get_blacklists(ctx);
    int e = iter ? 0 : -ENOMEM;

    while (e == 0 && kmod_config_iter_next(iter))
        e = dmv_strv_push(ret, kmod_config_iter_get_key(iter));
    if (iter)
        kmod_config_iter_free_iter(iter);
    return e;
}

/* What stands in a list of a context without settings came from the command line of this machine's kernel. */
static int drop_command_line(Search *s)
{
    static const char *const nothing[] = {NULL};
    DMV_CLEANUP(cleanup_ctx) struct kmod_ctx *bare = kmod_new(s->folder, nothing);
    DMV_CLEANUP_STRV char **unwanted = NULL;
    int e = bare ? list_blacklist(bare, &unwanted) : -ENOMEM;

    for (char **u = unwanted; e == 0 && u && *u; u++)
        for (char **b = s->blacklist; b && *b; b++)
            if (strcmp(*b, *u) == 0) { /* once for every time it stands there */
                free(*b);
                do
                    b[0] = b[1];
                while (*b++);
                break;
            }
    return e;
}

static int search_init(Search *s, const DmvRoots *r, const char *folder)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    static const char *const nothing[] = {NULL};
    int e = collect_folders(r, &paths);

    if (e < 0)
        return e;
    s->folder = folder;
    /* kmod_new() reads the settings and prints about each bad line before it can be told not to */
    if (setenv("KMOD_LOG", "0", 1) < 0)
        return -errno;
    s->ctx = kmod_new(folder, paths ? (const char *const *)paths : nothing);
    if (!s->ctx)
        return -ENOMEM;
    e = kmod_load_resources(s->ctx);
    if (e == 0)
        e = list_blacklist(s->ctx, &s->blacklist);
    return e == 0 && !r->running ? drop_command_line(s) : e;
}

static void search_deinit(Search *s)
{
    if (s->ctx)
        (void)kmod_unref(s->ctx);
    s->blacklist = dmv_strv_free(s->blacklist);
}

/* ---- one key ---- */

static bool is_there(const DmvLookup *l, const char *module)
{
    for (size_t i = 0; i < l->n_actions; i++)
        if (strcmp(l->actions[i].module, module) == 0)
            return true;
    return false;
}

static void note_missing(Probe *p, const char *name)
{
    if (!p->lookup->problem && asprintf(&p->lookup->problem, "there is no module %s", name) < 0) {
        p->lookup->problem = NULL;
        p->error = -ENOMEM;
    }
}

static void on_action(struct kmod_module *m, bool install, const char *options, void *userdata)
{
    Probe *p = userdata;
    const char *name = kmod_module_get_name(m);
    DmvAction *a;

    (void)options;
    if (p->error < 0 || is_there(p->lookup, name))
        return;
    /* an alias of modprobe.d for a module that is not there */
    if (!install && !kmod_module_get_path(m) && kmod_module_get_initstate(m) != KMOD_MODULE_BUILTIN) {
        note_missing(p, name);
        return;
    }
    a = DMV_ARRAY_ADD(p->lookup->actions, p->lookup->n_actions);
    if (!a || dmv_set_string(&a->module, name) < 0 ||
        dmv_set_string(&a->path, dmv_kmod_relative_path(p->search->folder, kmod_module_get_path(m))) < 0 ||
        dmv_set_string(&a->install, install ? kmod_module_get_install_commands(m) : NULL) < 0) {
        p->error = -ENOMEM;
        return;
    }
    a->direct = strcmp(name, kmod_module_get_name(p->asked)) == 0;
}

static Probe *current_probe; /* libkmod's print_action has no userdata */

static void print_action(struct kmod_module *m, bool install, const char *options)
{
    on_action(m, install, options, current_probe);
}

static void append_names(DmvText *t, const char *word, const struct kmod_list *list)
{
    const struct kmod_list *item;

    if (list)
        dmv_text_appendf(t, " %s:", word);
    kmod_list_foreach(item, list)
    {
        DMV_CLEANUP(dmv_cleanup_kmod_module) struct kmod_module *m = kmod_module_get_module(item);

        dmv_text_appendf(t, " %s", kmod_module_get_name(m));
    }
}

static int note_softdeps(const struct kmod_module *m, DmvLookup *l)
{
    DMV_CLEANUP(dmv_cleanup_kmod_list) struct kmod_list *pre = NULL;
    DMV_CLEANUP(dmv_cleanup_kmod_list) struct kmod_list *post = NULL;
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_FREE char *line = NULL;
    int e = kmod_module_get_softdeps(m, &pre, &post);

    if (e < 0 || (!pre && !post))
        return e == -ENOMEM ? e : 0;
    dmv_text_append(&t, kmod_module_get_name(m));
    append_names(&t, "pre", pre);
    append_names(&t, "post", post);
    e = dmv_text_take(&t, &line, NULL);
    return e < 0 ? e : dmv_strv_push_unique(&l->softdeps, line);
}

static int probe(const Search *s, struct kmod_module *m, DmvLookup *l)
{
    Probe p = {.search = s, .asked = m, .lookup = l};
    int e = note_softdeps(m, l);

    if (e < 0)
        return e;
    current_probe = &p;
    e = kmod_module_probe_insert_module(m, KMOD_PROBE_IGNORE_LOADED | KMOD_PROBE_DRY_RUN, NULL, NULL, NULL,
                                        print_action);
    current_probe = NULL;
    if (p.error < 0)
        return p.error;
    if (e < 0 && !l->problem && asprintf(&l->problem, "%s: %s", kmod_module_get_name(m), strerror(-e)) < 0) {
        l->problem = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int look_up(const Search *s, const char *key, DmvLookup *l)
{
    DMV_CLEANUP(dmv_cleanup_kmod_list) struct kmod_list *list = NULL;
    bool alias = strchr(key, ':') != NULL;
    struct kmod_list *item;
    int e = kmod_module_new_from_lookup(s->ctx, key, &list);

    if (e == -ENOMEM)
        return e;
    if (e < 0 && e != -ENOSYS && e != -ENOENT)
        return dmv_set_string(&l->problem, strerror(-e));
    e = 0;
    kmod_list_foreach(item, list)
    {
        DMV_CLEANUP(dmv_cleanup_kmod_module) struct kmod_module *m = kmod_module_get_module(item);
        const char *name = kmod_module_get_name(m);

        if (e == 0 && alias && dmv_strv_contains(s->blacklist, name))
            e = dmv_strv_push_unique(&l->blacklisted, name);
        else if (e == 0)
            e = probe(s, m, l);
    }
    return e;
}

int dmv_lookup(const DmvRoots *r, const char *folder, char *const *keys, DmvLookups *ret)
{
    DMV_CLEANUP(search_deinit) Search s = {0};
    DMV_CLEANUP_LOOKUPS DmvLookups all = {0};
    DMV_CLEANUP_FREE char *index = NULL;
    struct stat st;
    int e = 0;

    if (asprintf(&index, "%s/%s", folder, INDEX_FILE) < 0) {
        index = NULL;
        return -ENOMEM;
    }
    if (stat(index, &st) < 0)
        return -errno;
    e = search_init(&s, r, folder);
    for (; e == 0 && keys && *keys; keys++) {
        DmvLookup *l = DMV_ARRAY_ADD(all.items, all.n);

        e = l ? dmv_set_string(&l->key, *keys) : -ENOMEM;
        if (e == 0)
            e = look_up(&s, *keys, l);
    }
    if (e < 0)
        return e;
    dmv_lookups_sort(&all);
    *ret = all;
    all = (DmvLookups){0};
    return 0;
}
