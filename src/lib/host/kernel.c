/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernels that are installed, and every module file of each: what depmod would find, and what it would
 * trip over.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"

#define MAX_DEPTH 32
#define OSRELEASE_MAX ((size_t)256)

/* One of these tells a kernel's folder from what a headers package or a removed kernel leaves behind. */
static const char *const kernel_signs[] = {"modules.dep.bin", "modules.dep", "modules.builtin",
                                           "modules.order", "kernel"};
/* At the top of a kernel's folder: not of this kernel (build trees), or releases, which are observed by
 * store.c. */
static const char *const left_out[] = {"build", "source", "dmv", "xenserver"};

typedef struct Walk {
    const DmvRoots *roots;
    DmvWorld *world;
    DmvKernel *kernel;
    const char *adopted[2]; /* where adopted releases of this kernel lie, relative to the root */
} Walk;

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, list[i]) == 0)
            return true;
    return false;
}

static int add_problem(const Walk *walk, const char *path, int code, const char *why)
{
    DMV_CLEANUP_FREE char *object = dmv_roots_kernel_path(walk->roots, walk->kernel->release, path);

    if (!object || code == -ENOMEM)
        return -ENOMEM;
    (void)dmv_problem_add(&walk->world->problems, object, code, "%s", why);
    return 0;
}

static bool lies_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* A link: where it points, whether that is there, and whether it is a release of ours or an adopted one. */
static int follow_link(const Walk *walk, DmvModuleFile *f)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(walk->roots, walk->kernel->release, f->path);
    DMV_CLEANUP_FREE char *resolved = NULL;
    bool exists = false;
    int r;

    if (!path)
        return -ENOMEM;
    r = dmv_fs_read_link(walk->roots->fd, path, &f->target);
    if (r == 0)
        r = dmv_fs_resolve(walk->roots->fd, path, &resolved, &exists);
    f->dangling = r < 0 || !exists;
    if (r < 0)
        return add_problem(walk, f->path, r, "this link cannot be followed");
    f->ours = lies_in(resolved, DMV_STORE_DIR) || lies_in(resolved, walk->adopted[0]) ||
              lies_in(resolved, walk->adopted[1]);
    if (!f->ours)
        f->leads_to = DMV_TAKE_PTR(resolved);
    return 0;
}

/* What tells a foreign file from another one that takes its place. @fd is its folder. */
static void identify(DmvModuleFile *f, int fd)
{
    struct stat st;

    if (fstatat(fd, strrchr(f->path, '/') + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    f->inode = st.st_ino;
    f->changed = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
}

static int add_file(const Walk *walk, int fd, const char *path, const char *name, bool is_link)
{
    DmvModuleFile *f = DMV_ARRAY_ADD(walk->kernel->files, walk->kernel->n_files);
    int r;

    if (!f || dmv_set_string(&f->name, name) < 0 || dmv_set_string(&f->path, path) < 0)
        return -ENOMEM;
    f->tree = dmv_tree_of_path(path);
    r = is_link ? follow_link(walk, f) : 0;
    if (r == 0 && dmv_module_file_is_foreign(f))
        identify(f, fd);
    return r;
}

static int walk_folder(const Walk *walk, int fd, const char *path, unsigned depth);

static int walk_entry(const Walk *walk, int fd, const char *folder, const DmvFsEntry *entry, unsigned depth)
{
    DMV_CLEANUP_FREE char *path = NULL;
    char name[128];

    if (asprintf(&path, "%s%s%s", folder, folder[0] ? "/" : "", entry->name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (entry->kind == DMV_FS_FOLDER) {
        DMV_CLEANUP_CLOSE int child = -1;

        if (!folder[0] && is_one_of(entry->name, left_out, DMV_N_ELEMENTS(left_out)))
            return 0;
        child = openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return child < 0 ? add_problem(walk, path, -errno, "this folder cannot be read")
                         : walk_folder(walk, child, path, depth - 1);
    }
    if (!strstr(entry->name, ".ko"))
        return 0;
    if (dmv_module_name_from_file(entry->name, name, sizeof(name)) && entry->kind != DMV_FS_ELSE)
        return add_file(walk, fd, path, name, entry->kind == DMV_FS_LINK);
    if (dmv_ends_with(entry->name, ".ko"))
        return add_problem(walk, path, DMV_INVALID_NAME,
                           "this is neither a file nor a link with a module's name");
    return 0;
}

static int walk_folder(const Walk *walk, int fd, const char *path, unsigned depth)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = depth == 0 ? -ELOOP : dmv_fs_list_open(fd, &entries, &n);

    if (r < 0)
        return add_problem(walk, path, r, "this folder cannot be listed");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = walk_entry(walk, fd, path, &entries[i], depth);
    dmv_fs_entries_free(entries, n);
    return r;
}

static bool is_kernel(int fd)
{
    struct stat st;

    for (size_t i = 0; i < DMV_N_ELEMENTS(kernel_signs); i++)
        if (fstatat(fd, kernel_signs[i], &st, 0) == 0)
            return true;
    return false;
}

static int fill_kernel(const DmvRoots *r, int fd, DmvKernel *k, DmvWorld *w)
{
    DMV_CLEANUP_FREE char *dmv = dmv_roots_kernel_path(r, k->release, "dmv");
    DMV_CLEANUP_FREE char *xenserver = dmv_roots_kernel_path(r, k->release, "xenserver");
    const Walk walk = {.roots = r, .world = w, .kernel = k, .adopted = {dmv, xenserver}};
    struct stat st;

    if (!dmv || !xenserver)
        return -ENOMEM;
    k->running = dmv_streq(k->release, w->running_kernel);
    k->has_index = fstatat(fd, "modules.dep.bin", &st, 0) == 0;
    return walk_folder(&walk, fd, "", MAX_DEPTH);
}

int dmv_observe_kernel(const DmvRoots *r, const char *release, DmvWorld *w)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(r, release, NULL);
    DMV_CLEANUP_CLOSE int fd = -1;
    DmvKernel *k;

    if (!path)
        return -ENOMEM;
    fd = dmv_fs_open(r->fd, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        (void)dmv_problem_add(&w->problems, path, fd, "this kernel is left out: %s", strerror(-fd));
        return 0;
    }
    if (!is_kernel(fd))
        return 0;
    if (!dmv_kernel_name_is_valid(release)) {
        (void)dmv_problem_add(&w->problems, path, DMV_INVALID_NAME, "this is no name of a kernel release");
        return 0;
    }
    k = DMV_ARRAY_ADD(w->kernels, w->n_kernels);
    if (!k || dmv_set_string(&k->release, release) < 0)
        return -ENOMEM;
    return fill_kernel(r, fd, k, w);
}

/* Under another root nothing runs, unless a procfs was named that says so. */
static int observe_running(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP_CLOSE int procfs = r->procfs ? open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    DMV_CLEANUP_FREE char *text = NULL;
    struct utsname uts;
    size_t n;

    if (uname(&uts) < 0)
        return -errno;
    if (dmv_set_string(&w->machine, uts.machine) < 0)
        return -ENOMEM;
    if (procfs >= 0 && dmv_fs_read_file(procfs, "sys/kernel/osrelease", OSRELEASE_MAX, &text, &n) == 0) {
        text[strcspn(text, "\n")] = '\0';
        if (dmv_kernel_name_is_valid(text))
            return dmv_set_string(&w->running_kernel, text);
        (void)dmv_problem_add(&w->problems, "sys/kernel/osrelease", DMV_INVALID_NAME,
                              "this is no name of a kernel release");
        return 0;
    }
    return r->running ? dmv_set_string(&w->running_kernel, uts.release) : 0;
}

int dmv_observe_kernels(const DmvRoots *r, DmvWorld *w)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int e = observe_running(r, w);

    if (e < 0)
        return e;
    e = dmv_fs_list(r->fd, r->modules, &entries, &n);
    if (e == -ENOENT)
        return 0;
    if (e < 0 && e != -ENOMEM) {
        (void)dmv_problem_add(&w->problems, r->modules, e, "the kernels cannot be listed: %s", strerror(-e));
        return 0;
    }
    for (size_t i = 0; e == 0 && i < n; i++) /* a hidden folder is no kernel to any tool */
        if (entries[i].kind == DMV_FS_FOLDER && entries[i].name[0] != '.')
            e = dmv_observe_kernel(r, entries[i].name, w);
    dmv_fs_entries_free(entries, n);
    return e;
}
