/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an installed kernel exports: its symvers file and its tree of modules. See symbols.h.
 *
 * Debian's kernel package has no symvers file (the headers have), so the tree has to do: what its own modules
 * export is there to read, and what they need of the kernel's image is what that exports, or they could not
 * be loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/symbols.h"
#include "host/unpack.h"
#include "model/symvers.h"

/* Debian's has 1.7 MB. */
#define SYMVERS_MAX ((size_t)64 * 1024 * 1024)

/* A module that says no vermagic, or another kernel's, is passed over; not all of a broken tree is tried. */
#define VERMAGIC_TRIES 16

/* Where a symvers file may lie. */
#define SYMVERS_PLACES 10

typedef struct Pass {
    const DmvRoots *roots;
    const DmvKernel *kernel;
    DmvKabi *kabi;
    DmvProblems *problems;
} Pass;

/* ---- the symvers file ---- */

static int unpack_symvers(char **text, size_t *size)
{
    void *plain = NULL;
    size_t n = 0;
    int r;

    if (!dmv_unpack_is_compressed(*text, *size))
        return 0;
    r = dmv_unpack(*text, *size, SYMVERS_MAX, &plain, &n);
    if (r != 0)
        return r;
    free(*text);
    *text = plain;
    *size = n;
    return 0;
}

/* Links count as in a chroot: build/ is an absolute one. Return: 0, an outcome, or a negative errno. */
static int read_symvers(const DmvRoots *r, const char *path, DmvKabi **ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *resolved = NULL, *text = NULL;
    bool exists = false;
    size_t size = 0;
    int x = dmv_fs_resolve(r->fd, path, &resolved, &exists);

    if (x == 0)
        x = exists ? dmv_fs_read_file(r->fd, resolved, SYMVERS_MAX, &text, &size) : -ENOENT;
    if (x == 0)
        x = unpack_symvers(&text, &size);
    if (x > 0)
        return dmv_error_set(reterr, x, NULL, NULL, "it cannot be unpacked");
    return x < 0 ? x : dmv_symvers_parse(text, size, ret, reterr);
}

/* Return: 0, and @ret unless the file is not there or cannot be used; -ENOMEM. */
static int try_symvers(const Pass *p, char *path, DmvKabi **ret, char **ret_source)
{
    DMV_CLEANUP_FREE char *owned = path;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int x = path ? read_symvers(p->roots, path, ret, &e) : -ENOMEM;

    if (x == 0)
        *ret_source = DMV_TAKE_PTR(owned);
    else if (x != -ENOENT && x != -ENOTDIR && x != -ENOMEM)
        (void)dmv_problem_add(p->problems, path, x, "%s",
                              x > 0 && e.why ? e.why : strerror(x < 0 ? -x : EIO));
    return x == -ENOMEM ? x : 0;
}

/* The place of number @i, relative to the root; the places are tried in this order. */
static char *symvers_path(const DmvRoots *r, const char *kernel, size_t i)
{
    static const char *const boot[] = {".gz", ".xz", ".zst", ""};
    static const char *const folder[] = {"symvers.gz", "symvers.xz",           "symvers.zst",
                                         "symvers",    "build/Module.symvers", "Module.symvers"};
    char *path = NULL;

    _Static_assert(DMV_N_ELEMENTS(boot) + DMV_N_ELEMENTS(folder) == SYMVERS_PLACES, "a place is not tried");
    if (i >= DMV_N_ELEMENTS(boot))
        return dmv_roots_kernel_path(r, kernel, folder[i - DMV_N_ELEMENTS(boot)]);
    return asprintf(&path, "boot/symvers-%s%s", kernel, boot[i]) < 0 ? NULL : path;
}

static int find_symvers(const Pass *p, DmvKabi **ret, char **ret_source)
{
    int x = 0;

    for (size_t i = 0; x == 0 && !*ret && i < SYMVERS_PLACES; i++)
        x = try_symvers(p, symvers_path(p->roots, p->kernel->release, i), ret, ret_source);
    return x;
}

/* ---- the tree ---- */

/* Is the module built for this very kernel? */
static bool is_of_kernel(const Pass *p, const DmvModuleSymbols *m)
{
    size_t n = strlen(p->kernel->release);

    return m->vermagic && strncmp(m->vermagic, p->kernel->release, n) == 0 && m->vermagic[n] == ' ';
}

static int add_symbols(const Pass *p, const DmvModuleFile *f, const DmvModuleSymbols *m)
{
    int x = 0;

    if (f->tree != DMV_TREE_KERNEL)
        return dmv_kabi_add_exports(p->kabi, m, DMV_KABI_FOREIGN, f->name);
    if (!is_of_kernel(p, m))
        return 0;
    if (!dmv_kabi_vermagic(p->kabi))
        x = dmv_kabi_set_vermagic(p->kabi, m->vermagic);
    if (x == 0 && !dmv_kabi_is_complete(p->kabi))
        x = dmv_kabi_add_exports(p->kabi, m, DMV_KABI_EXPORT, f->name);
    if (x == 0 && !dmv_kabi_is_complete(p->kabi))
        x = dmv_kabi_add_witness(p->kabi, m, f->name);
    return x;
}

/* Return: 0, whatever the file is like; -ENOMEM. */
static int take_file(const Pass *p, const DmvModuleFile *f)
{
    DMV_CLEANUP_FREE char *path = dmv_roots_kernel_path(p->roots, p->kernel->release, f->path);
    DMV_CLEANUP(dmv_module_symbols_deinit) DmvModuleSymbols m = {0};
    DMV_CLEANUP_FREE char *resolved = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    DMV_CLEANUP_ERROR DmvError e = {0};
    bool exists = true;
    int x = path ? 0 : -ENOMEM;

    if (x == 0 && f->target)
        x = dmv_fs_resolve(p->roots->fd, path, &resolved, &exists);
    if (x == 0) {
        fd = exists ? dmv_fs_open(p->roots->fd, resolved ? resolved : path, O_RDONLY | O_NONBLOCK, 0)
                    : -ENOENT;
        x = fd < 0 ? fd : dmv_symbols_read(fd, &m, &e);
    }
    if (x == 0)
        x = add_symbols(p, f, &m);
    if (x != 0 && x != -ENOMEM)
        (void)dmv_problem_add(p->problems, path, x, "its symbols cannot be read: %s",
                              x > 0 && e.why ? e.why : strerror(x < 0 ? -x : EIO));
    return x == -ENOMEM ? x : 0;
}

static int take_tree(const Pass *p)
{
    unsigned tries = VERMAGIC_TRIES;
    int x = 0;

    for (size_t i = 0; x == 0 && i < p->kernel->n_files; i++) {
        const DmvModuleFile *f = &p->kernel->files[i];

        if (f->dangling || f->ours)
            continue; /* whoever observed the kernel said so; of ours, see symbols.h */
        if (f->tree == DMV_TREE_KERNEL && dmv_kabi_is_complete(p->kabi)) {
            if (dmv_kabi_vermagic(p->kabi) || tries == 0)
                continue;
            tries--;
        }
        x = take_file(p, f);
    }
    return x;
}

int dmv_symbols_kernel(const DmvRoots *r, const DmvKernel *k, DmvKabi **ret, char **ret_source,
                       DmvProblems *problems)
{
    DMV_CLEANUP_KABI DmvKabi *kabi = NULL;
    DMV_CLEANUP_FREE char *source = NULL;
    Pass p = {.roots = r, .kernel = k, .problems = problems};
    int x = find_symvers(&p, &kabi, &source);

    if (x == 0 && !kabi)
        x = dmv_kabi_new(&kabi);
    p.kabi = kabi;
    if (x == 0)
        x = take_tree(&p);
    if (x < 0)
        return x;
    *ret = DMV_TAKE_PTR(kabi);
    if (ret_source)
        *ret_source = DMV_TAKE_PTR(source);
    return 0;
}

/* ---- the stamp ---- */

static void stamp_file(const DmvRoots *r, const char *path, DmvText *t)
{
    struct stat st;

    if (fstatat(r->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    dmv_text_appendf(t, "%s %ju %ju %ju %jd.%09ld %jd.%09ld\n", path, (uintmax_t)st.st_dev,
                     (uintmax_t)st.st_ino, (uintmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec, (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* A file, or the link and what it leads to below the root. Takes @path over. */
static int stamp(const DmvRoots *r, char *path, bool is_link, DmvText *t)
{
    DMV_CLEANUP_FREE char *owned = path, *resolved = NULL;
    bool exists = false;
    int x = owned ? 0 : -ENOMEM;

    if (x == 0 && is_link)
        x = dmv_fs_resolve(r->fd, owned, &resolved, &exists);
    if (x == -ENOMEM)
        return x;
    stamp_file(r, owned, t);
    if (resolved && exists)
        stamp_file(r, resolved, t);
    return t->error;
}

int dmv_symbols_stamp(const DmvRoots *r, const DmvKernel *k, char ret[DMV_SHA256_HEX], bool *ret_symvers)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    unsigned own = 0;
    bool symvers;
    int x = 0;

    for (size_t i = 0; x == 0 && i < SYMVERS_PLACES; i++)
        x = stamp(r, symvers_path(r, k->release, i), true, &t);
    symvers = t.size > 0;
    for (size_t i = 0; x == 0 && i < k->n_files; i++) {
        const DmvModuleFile *f = &k->files[i];

        if (f->ours || (symvers && f->tree == DMV_TREE_KERNEL && own++ >= VERMAGIC_TRIES))
            continue;
        x = stamp(r, dmv_roots_kernel_path(r, k->release, f->path), f->target != NULL, &t);
    }
    if (x == 0)
        x = dmv_sha256_hex(t.data ? t.data : "", t.size, ret);
    if (x == 0)
        *ret_symvers = symvers;
    return x;
}
