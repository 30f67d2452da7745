/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shadow of a kernel's folder.
 *
 * Links and not copies or mounts: 4,000 of them are made in the time of a few reads, they need no privilege
 * and no space, and depmod follows them. The scratch folder is locked as long as its maker lives: what is not
 * locked was left behind, by a process that was killed, and goes when the next one comes.
 */
#include "shadow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/depmod.h"
#include "host/fs.h"

#define PREFIX "shadow-"
#define NAMES_MAX 1000
#define MAX_DEPTH 32
/* Where the shadow's kernels are; lib is a link to usr/lib, so that depmod finds them whatever it was built
 * for. */
#define SHADOW_MODULES "usr/lib/modules"
#define SHADOW_CONF "etc/depmod.d"

struct DmvShadow {
    const DmvRoots *roots;
    char *kver;
    char *scratch; /* relative to the root */
    int fd;        /* of the scratch folder, holds its lock */
    int kernel;    /* of the shadow's kernel folder */
    char *base;    /* absolute path of the scratch folder */
    char *folder;  /* absolute path of the shadow's kernel folder */
    char *conf;    /* absolute path of the folder that stands for etc/depmod.d */
    char **dangling;
    bool backwards; /* this filesystem lists what was made last first */
    unsigned flags;
};

static const char *const of_the_kernel[] = {"modules.order", "modules.builtin", "modules.builtin.modinfo"};
static const char *const variants[] = DMV_VARIANT_FOLDERS;
/* depmod passes over these at any depth */
static const char *const build_trees[] = {"build", "source"};

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, list[i]) == 0)
            return true;
    return false;
}

static char *join(const char *folder, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s%s%s", folder, folder[0] ? "/" : "", name) < 0 ? NULL : path;
}

/* A folder with those above it. Not by dmv_fs_mkdirs(): nothing here has to outlive a power cut, and waiting
 * for the disk would take longer than everything else. */
static int make_folders(int at, const char *path)
{
    DMV_CLEANUP_FREE char *part = strdup(path);

    if (!part)
        return -ENOMEM;
    for (char *slash = part; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdirat(at, part, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return mkdirat(at, part, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* ---- the tree ---- */

static int link_to(const DmvShadow *s, int at, const char *name, const char *to)
{
    DMV_CLEANUP_FREE char *target = dmv_roots_path(s->roots, to);

    if (!target)
        return -ENOMEM;
    return symlinkat(target, at, name) < 0 ? -errno : 0;
}

/* One folder of the tree and its shadow. */
typedef struct Folder {
    const char *path; /* relative to the kernel's folder */
    int from, to;
    unsigned depth; /* below the kernel's folder */
} Folder;

static int copy_file(const DmvShadow *s, const Folder *f, const char *path, const char *name)
{
    DMV_CLEANUP_FREE char *in_root = dmv_roots_kernel_path(s->roots, s->kver, path);

    return in_root ? link_to(s, f->to, name, in_root) : -ENOMEM;
}

/* A link of the tree: to the same file or folder, and nowhere if that is where it leads. */
static int copy_link(DmvShadow *s, const Folder *f, const char *path, const char *name)
{
    DMV_CLEANUP_FREE char *in_root = dmv_roots_kernel_path(s->roots, s->kver, path);
    DMV_CLEANUP_FREE char *resolved = NULL;
    bool exists = false;
    struct stat st;
    int r = in_root ? dmv_fs_resolve(s->roots->fd, in_root, &resolved, &exists) : -ENOMEM;

    if (r == -ENOMEM)
        return r;
    if (r < 0 || !exists)
        return strstr(name, ".ko") ? dmv_strv_push(&s->dangling, path) : 0;
    if (fstatat(s->roots->fd, resolved, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode) && !strstr(name, ".ko"))
        return 0;
    return link_to(s, f->to, name, resolved);
}

static int copy_folder(DmvShadow *s, const Folder *f);

static int copy_subfolder(DmvShadow *s, const Folder *f, const char *path, const char *name)
{
    Folder below = {.path = path, .depth = f->depth + 1};
    DMV_CLEANUP_CLOSE int from = -1, to = -1;

    if (below.depth > MAX_DEPTH)
        return -ELOOP;
    from = openat(f->from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 || mkdirat(f->to, name, 0700) < 0)
        return -errno;
    to = openat(f->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return -errno;
    below.from = from;
    below.to = to;
    return copy_folder(s, &below);
}

static bool is_left_out(const DmvShadow *s, const Folder *f, const char *name)
{
    return is_one_of(name, build_trees, DMV_N_ELEMENTS(build_trees)) ||
           (f->depth == 0 && (s->flags & DMV_SHADOW_NO_VARIANTS) &&
            is_one_of(name, variants, DMV_N_ELEMENTS(variants)));
}

static bool is_wanted_file(const Folder *f, const char *name)
{
    return strstr(name, ".ko") ||
           (f->depth == 0 && is_one_of(name, of_the_kernel, DMV_N_ELEMENTS(of_the_kernel)));
}

static int copy_entry(DmvShadow *s, const Folder *f, const DmvFsEntry *e)
{
    DMV_CLEANUP_FREE char *path = NULL;

    if (is_left_out(s, f, e->name) || e->kind == DMV_FS_ELSE)
        return 0;
    path = join(f->path, e->name);
    if (!path)
        return -ENOMEM;
    if (e->kind == DMV_FS_FILE)
        return is_wanted_file(f, e->name) ? copy_file(s, f, path, e->name) : 0;
    return e->kind == DMV_FS_LINK ? copy_link(s, f, path, e->name) : copy_subfolder(s, f, path, e->name);
}

static int copy_folder(DmvShadow *s, const Folder *f)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list_unsorted(f->from, ".", &entries, &n);

    for (size_t i = 0; r == 0 && i < n; i++)
        r = copy_entry(s, f, &entries[s->backwards ? n - 1 - i : i]);
    dmv_fs_entries_free(entries, n);
    return r;
}

/* Some filesystems list a folder in the order in which it was filled (and some backwards), some by a hash of
 * the names, which is the same in the shadow if it lies on the same filesystem. */
static int find_direction(DmvShadow *s)
{
    static const char *const probes[] = {"1", "2", "3", "4"};
    const size_t n_probes = DMV_N_ELEMENTS(probes);
    DmvFsEntry *entries = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    size_t n = 0;
    bool backwards = true;
    int r = make_folders(s->fd, "probe");

    if (r == 0)
        fd = openat(s->fd, "probe", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (r == 0 && fd < 0)
        r = -errno;
    for (size_t i = 0; r == 0 && i < n_probes; i++)
        r = symlinkat("probe", fd, probes[i]) < 0 ? -errno : 0;
    if (r == 0)
        r = dmv_fs_list_unsorted(fd, ".", &entries, &n);
    for (size_t i = 0; r == 0 && i < n; i++)
        backwards = backwards && n == n_probes && strcmp(entries[i].name, probes[n - 1 - i]) == 0;
    dmv_fs_entries_free(entries, n);
    s->backwards = backwards;
    return r;
}

static int fill_kernel(DmvShadow *s)
{
    DMV_CLEANUP_FREE char *in_root = dmv_roots_kernel_path(s->roots, s->kver, NULL);
    DMV_CLEANUP_FREE char *in_shadow = join(SHADOW_MODULES, s->kver);
    Folder top = {.path = ""};
    DMV_CLEANUP_CLOSE int from = -1;
    int r = in_root && in_shadow ? make_folders(s->fd, in_shadow) : -ENOMEM;

    if (r == 0 && symlinkat("usr/lib", s->fd, "lib") < 0)
        r = -errno;
    if (r < 0)
        return r;
    from = dmv_fs_open(s->roots->fd, in_root, O_RDONLY | O_DIRECTORY, 0);
    if (from < 0)
        return from;
    s->kernel = dmv_fs_open(s->fd, in_shadow, O_RDONLY | O_DIRECTORY, 0);
    if (s->kernel < 0)
        return s->kernel;
    top.from = from;
    top.to = s->kernel;
    s->folder = join(s->base, in_shadow);
    if (!s->folder)
        return -ENOMEM;
    r = find_direction(s);
    return r < 0 ? r : copy_folder(s, &top);
}

/* ---- depmod's settings ---- */

static int fill_conf(DmvShadow *s)
{
    DmvFsEntry *entries = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    size_t n = 0;
    int r = make_folders(s->fd, SHADOW_CONF);

    if (r == 0)
        r = dmv_fs_list(s->roots->fd, DMV_DEPMOD_DIR, &entries, &n);
    if (r == -ENOENT)
        r = 0;
    if (r == 0)
        fd = dmv_fs_open(s->fd, SHADOW_CONF, O_RDONLY | O_DIRECTORY, 0);
    if (r == 0 && fd < 0)
        r = fd;
    for (size_t i = 0; r == 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *path = join(DMV_DEPMOD_DIR, entries[i].name);

        r = path ? link_to(s, fd, entries[i].name, path) : -ENOMEM;
    }
    dmv_fs_entries_free(entries, n);
    if (r == 0) {
        s->conf = join(s->base, SHADOW_CONF);
        r = s->conf ? 0 : -ENOMEM;
    }
    return r;
}

int dmv_shadow_set_conf(DmvShadow *s, const char *text)
{
    static const char path[] = DMV_DEPMOD_CONF;
    DMV_CLEANUP_CLOSE int fd = -1;

    if (unlinkat(s->fd, path, 0) < 0 && errno != ENOENT)
        return -errno;
    if (!text)
        return 0;
    fd = openat(s->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : dmv_fs_write_all(fd, text, strlen(text));
}

/* ---- changes ---- */

static void forget_dangling(DmvShadow *s, const char *path)
{
    char **to = s->dangling;

    for (char **from = s->dangling; from && *from; from++) {
        if (strcmp(*from, path) == 0)
            free(*from);
        else
            *to++ = *from;
    }
    if (to)
        *to = NULL;
}

int dmv_shadow_unlink(DmvShadow *s, const char *path)
{
    DMV_CLEANUP_FREE char *parent = strdup(path);
    DMV_CLEANUP_CLOSE int fd = -1;
    char *slash = parent ? strrchr(parent, '/') : NULL;

    if (!parent)
        return -ENOMEM;
    if (!dmv_relative_path_is_valid(path) || !slash)
        return -EINVAL;
    *slash = '\0';
    forget_dangling(s, path);
    fd = dmv_fs_open_nolinks(s->kernel, parent, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    return unlinkat(fd, slash + 1, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int dmv_shadow_link(DmvShadow *s, const char *path, const char *to)
{
    DMV_CLEANUP_FREE char *parent = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    int r = dmv_relative_path_is_valid(to) ? dmv_shadow_unlink(s, path) : -EINVAL;

    if (r < 0)
        return r;
    parent = strndup(path, (size_t)(strrchr(path, '/') - path));
    r = parent ? make_folders(s->kernel, parent) : -ENOMEM;
    if (r < 0)
        return r;
    fd = dmv_fs_open_nolinks(s->kernel, parent, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? fd : link_to(s, fd, strrchr(path, '/') + 1, to);
}

int dmv_shadow_index(DmvShadow *s, DmvError *reterr)
{
    return dmv_depmod_run(s->roots, s->base, s->conf, s->kver, reterr);
}

const char *dmv_shadow_folder(const DmvShadow *s)
{
    return s->folder;
}

const char *dmv_shadow_dangling(const DmvShadow *s)
{
    return s->dangling ? s->dangling[0] : NULL;
}

/* ---- life ---- */

/* Return: a descriptor that holds the lock of a scratch folder whose maker is gone; below 0: it is not one.
 */
static int lock_left(const DmvRoots *r, const char *path, const DmvFsEntry *e)
{
    DMV_CLEANUP_CLOSE int fd = -1;

    if (e->kind != DMV_FS_FOLDER || !dmv_starts_with(e->name, PREFIX))
        return -ENOENT;
    fd = dmv_fs_open_nolinks(r->fd, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    return DMV_TAKE_FD(fd);
}

/* Return: whether there is one that a process that is gone has left. */
static bool find_left(const DmvRoots *r, const char *place, bool remove)
{
    DmvFsEntry *entries = NULL;
    bool found = false;
    size_t n = 0;

    if (dmv_fs_list(r->fd, place, &entries, &n) < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        DMV_CLEANUP_FREE char *path = join(place, entries[i].name);
        DMV_CLEANUP_CLOSE int fd = path ? lock_left(r, path, &entries[i]) : -ENOMEM;

        found = found || fd >= 0;
        if (fd >= 0 && remove)
            (void)dmv_fs_remove_tree(r->fd, path);
    }
    dmv_fs_entries_free(entries, n);
    return found;
}

void dmv_shadow_clean(const DmvRoots *r, const char *place)
{
    (void)find_left(r, place ? place : DMV_RUN_DIR, true);
}

bool dmv_shadow_is_left(const DmvRoots *r, const char *place)
{
    return find_left(r, place ? place : DMV_RUN_DIR, false);
}

/* Return: 0; -EEXIST if the name is taken, or was taken away before it could be locked; another errno. */
static int make_scratch(DmvShadow *s, const char *place, int place_fd, unsigned number)
{
    char name[64];
    struct stat st;
    int r = 0;

    (void)snprintf(name, sizeof(name), PREFIX "%d-%u", (int)getpid(), number);
    if (mkdirat(place_fd, name, 0700) < 0)
        return -errno;
    s->fd = openat(place_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (s->fd < 0)
        r = errno == ENOENT ? -EEXIST : -errno;
    else if (flock(s->fd, LOCK_EX | LOCK_NB) < 0 || fstat(s->fd, &st) < 0)
        r = errno == EWOULDBLOCK ? -EEXIST : -errno;
    else if (st.st_nlink == 0)
        r = -EEXIST;
    if (r < 0) {
        s->fd = dmv_close(s->fd);
        if (r != -EEXIST) /* nobody has taken it away */
            (void)unlinkat(place_fd, name, AT_REMOVEDIR);
        return r;
    }
    s->scratch = join(place, name);
    s->base = s->scratch ? dmv_roots_path(s->roots, s->scratch) : NULL;
    return s->base ? 0 : -ENOMEM;
}

static int fill(DmvShadow *s, const char *place)
{
    DMV_CLEANUP_CLOSE int fd = -1;
    int r = dmv_fs_mkdirs(s->roots->fd, place, 0755);

    if (r < 0)
        return r;
    dmv_shadow_clean(s->roots, place);
    fd = dmv_fs_open(s->roots->fd, place, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    r = -EEXIST;
    for (unsigned i = 0; r == -EEXIST && i < NAMES_MAX; i++)
        r = make_scratch(s, place, fd, i);
    if (r == 0)
        r = fill_kernel(s);
    return r < 0 ? r : fill_conf(s);
}

int dmv_shadow_new(const DmvRoots *r, const char *place, const char *kver, unsigned flags, DmvShadow **ret)
{
    DMV_CLEANUP_SHADOW DmvShadow *s = NULL;
    int e;

    if (!dmv_kernel_name_is_valid(kver))
        return -EINVAL;
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = (DmvShadow){.roots = r, .fd = -1, .kernel = -1, .flags = flags};
    if (dmv_set_string(&s->kver, kver) < 0)
        return -ENOMEM;
    e = fill(s, place ? place : DMV_RUN_DIR);
    if (e < 0)
        return e;
    *ret = DMV_TAKE_PTR(s);
    return 0;
}

DmvShadow *dmv_shadow_free(DmvShadow *s)
{
    if (!s)
        return NULL;
    if (s->scratch) /* what cannot be removed now is removed by the next one */
        (void)dmv_fs_remove_tree(s->roots->fd, s->scratch);
    (void)dmv_close(s->kernel);
    (void)dmv_close(s->fd);
    free(s->kver);
    free(s->scratch);
    free(s->base);
    free(s->folder);
    free(s->conf);
    dmv_strv_free(s->dangling);
    free(s);
    return NULL;
}
