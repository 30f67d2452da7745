/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Members of an image, and where its links lead.
 *
 * The kernel unpacks the members one after another, through links that are there already. So paths are made
 * canonical by the image's own links first (Debian's "lib" leads to "usr/lib"), and the last member of a path
 * wins.
 */
#include "model/initrd-tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

/* As the kernel counts them, path_resolution(7). */
#define MAX_LINKS 40
#define INDEX "modules.dep.bin"

/* Where modprobe.d(5) looks, first one first: a file hides those of the same name further down. */
static const char *const settings_folders[] = {"etc/modprobe.d/", "run/modprobe.d/",
                                               "usr/local/lib/modprobe.d/", "usr/lib/modprobe.d/",
                                               "lib/modprobe.d/"};
static const char *const modules_folders[] = {"usr/lib/modules/", "lib/modules/"};
/* As in a kernel's folder on the disk: build trees, and releases that count by their links only. */
static const char *const left_out[] = {"build/", "source/", "dmv/", "xenserver/"};

void dmv_initrd_tree_deinit(DmvInitrdTree *t)
{
    for (size_t i = 0; i < t->n_members; i++) {
        DmvInitrdMember *m = &t->members[i];

        free(m->path);
        free(m->target);
        free(m->build_id);
        free(m->sha256);
        dmv_strv_free(m->blacklist);
    }
    free(t->members);
    dmv_problems_deinit(&t->problems);
    *t = (DmvInitrdTree){0};
}

/* An image without its problem would be one that can be judged. */
static int add_problem(DmvInitrdTree *t, const char *path, int code, const char *why)
{
    size_t n = t->problems.n;

    (void)dmv_problem_add(&t->problems, path, code, "%s", why);
    return t->problems.n == n || t->problems.items[n].code == -ENOMEM ? -ENOMEM : 0;
}

int dmv_initrd_tree_problem(DmvInitrdTree *t, const char *path, int code, const char *why)
{
    DMV_CLEANUP_FREE char *clean = NULL;

    if (code == -ENOMEM)
        return -ENOMEM;
    if (t->problems.n > DMV_INITRD_PROBLEMS_MAX)
        return 0;
    if (t->problems.n == DMV_INITRD_PROBLEMS_MAX)
        return add_problem(t, "further members", code, "there are more problems than are listed");
    clean = dmv_sanitize(path);
    if (!clean)
        return -ENOMEM;
    return add_problem(t, clean, code, why);
}

/* ---- one member ---- */

int dmv_initrd_path_clean(const char *name, char *ret)
{
    size_t size = 0;
    unsigned depth = 0;

    for (const char *s = name; *s;) {
        size_t n = strcspn(s, "/");

        if (n == 2 && memcmp(s, "..", 2) == 0)
            return DMV_INVALID_NAME;
        if (n > 0 && !(n == 1 && s[0] == '.')) {
            if (++depth > DMV_INITRD_DEPTH_MAX)
                return DMV_TOO_DEEP;
            if (size + n + 2 > DMV_INITRD_NAME_MAX)
                return DMV_INVALID_NAME;
            if (size > 0)
                ret[size++] = '/';
            memcpy(ret + size, s, n);
            size += n;
        }
        s += n + strspn(s + n, "/");
    }
    ret[size] = '\0';
    for (const char *s = ret; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return DMV_INVALID_NAME;
    return size > 0 ? 0 : DMV_INVALID_NAME;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_module_file(const char *path)
{
    char name[65];

    return dmv_module_name_from_file(base_of(path), name, sizeof(name));
}

/* The rank of the modprobe.d that a path lies directly in, -1 if in none. */
static int settings_rank(const char *path)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(settings_folders); i++)
        if (dmv_starts_with(path, settings_folders[i]) && !strchr(path + strlen(settings_folders[i]), '/') &&
            dmv_ends_with(path, ".conf"))
            return (int)i;
    return -1;
}

DmvInitrdKind dmv_initrd_kind(const char *path, uint32_t mode)
{
    if (S_ISLNK(mode))
        return DMV_INITRD_LINK;
    if (!S_ISREG(mode))
        return DMV_INITRD_KIND_INVALID;
    if (is_module_file(path))
        return DMV_INITRD_MODULE;
    if (strcmp(base_of(path), INDEX) == 0)
        return DMV_INITRD_INDEX;
    return settings_rank(path) >= 0 ? DMV_INITRD_SETTINGS : DMV_INITRD_KIND_INVALID;
}

int dmv_initrd_tree_add(DmvInitrdTree *t, DmvInitrdKind kind, const char *path, DmvInitrdMember **ret)
{
    DmvInitrdMember *m;

    t->names_size += strlen(path) + 1;
    if (t->names_size > DMV_INITRD_NAMES_MAX)
        return DMV_TOO_LARGE;
    m = DMV_ARRAY_ADD(t->members, t->n_members);
    if (!m || dmv_set_string(&m->path, path) < 0)
        return -ENOMEM;
    m->kind = kind;
    m->order = t->n_members;
    *ret = m;
    return 0;
}

int dmv_initrd_blacklist_parse(const char *text, size_t size, char ***ret)
{
    DMV_CLEANUP_STRV char **list = NULL;
    DMV_CLEANUP_FREE char *copy = strndup(text, size);
    char *rest = copy, *line;
    int r = copy ? 0 : -ENOMEM;

    while (r == 0 && (line = strsep(&rest, "\n"))) {
        char *words = line, *word, *name;

        words += strspn(words, " \t");
        word = strsep(&words, " \t");
        if (!words || strcmp(word, "blacklist") != 0)
            continue;
        name = words + strspn(words, " \t");
        name[strcspn(name, " \t\r")] = '\0';
        if (!dmv_module_name_is_valid(name))
            continue;
        for (char *s = name; *s; s++)
            if (*s == '-')
                *s = '_';
        r = dmv_strv_push_unique(&list, name);
    }
    if (r == 0)
        *ret = DMV_TAKE_PTR(list);
    return r;
}

/* ---- all members ---- */

static int compare_members(const void *a, const void *b)
{
    const DmvInitrdMember *x = a, *y = b;
    int r = strcmp(x->path, y->path);

    return r ? r : (x->order > y->order) - (x->order < y->order);
}

static void sort(DmvInitrdTree *t)
{
    if (t->n_members > 1)
        qsort(t->members, t->n_members, sizeof(*t->members), compare_members);
}

static bool is_last_of_path(const DmvInitrdTree *t, size_t i)
{
    return i + 1 == t->n_members || strcmp(t->members[i].path, t->members[i + 1].path) != 0;
}

/* The member of a path that counts; the tree is sorted. */
static const DmvInitrdMember *find(const DmvInitrdTree *t, const char *path)
{
    size_t low = 0, high = t->n_members;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(t->members[middle].path, path) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && strcmp(t->members[low - 1].path, path) == 0 ? &t->members[low - 1] : NULL;
}

static bool put_before(char *rest, const char *target)
{
    size_t n = strlen(target), size = strlen(rest);

    if (n + 1 + size + 1 > 2 * DMV_INITRD_NAME_MAX)
        return false;
    memmove(rest + n + 1, rest, size + 1);
    memcpy(rest, target, n);
    rest[n] = '/';
    return true;
}

static void drop_last(char *path)
{
    char *slash = strrchr(path, '/');

    *(slash ? slash : path) = '\0';
}

/* Follows the image's own links; ".." stops at its root. Return: false for a loop or a path that is too long.
 */
static bool resolve(const DmvInitrdTree *t, const char *path, char done[DMV_INITRD_NAME_MAX])
{
    char rest[2 * DMV_INITRD_NAME_MAX];
    unsigned links = 0;

    done[0] = rest[0] = '\0';
    if (!put_before(rest, path))
        return false;
    while (rest[0]) {
        const size_t n = strcspn(rest, "/"), size = strlen(done);
        const DmvInitrdMember *m;
        char part[DMV_INITRD_NAME_MAX];

        if (n >= sizeof(part) || size + n + 2 > DMV_INITRD_NAME_MAX)
            return false;
        memcpy(part, rest, n);
        part[n] = '\0';
        memmove(rest, rest + n + strspn(rest + n, "/"), strlen(rest + n + strspn(rest + n, "/")) + 1);
        if (n == 0 || strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            drop_last(done);
            continue;
        }
        if (size > 0)
            done[size] = '/';
        memcpy(done + size + (size > 0), part, n + 1);
        m = find(t, done);
        if (!m || m->kind != DMV_INITRD_LINK)
            continue;
        if (++links > MAX_LINKS || !put_before(rest, m->target))
            return false;
        done[m->target[0] == '/' ? 0 : size] = '\0';
    }
    return true;
}

/* The path that a member has once the links above it are followed. */
static int canonical_path(const DmvInitrdTree *t, const char *path, char **ret)
{
    const char *base = base_of(path);
    DMV_CLEANUP_FREE char *folder = strndup(path, (size_t)(base - path));
    char done[DMV_INITRD_NAME_MAX];

    if (!folder)
        return -ENOMEM;
    if (!resolve(t, folder, done))
        return -ELOOP;
    if (asprintf(ret, "%s%s%s", done, done[0] ? "/" : "", base) < 0) {
        *ret = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* All paths at once, because each is found by those of the links as the image has them. */
static int make_canonical(DmvInitrdTree *t)
{
    DMV_CLEANUP_STRV char **paths = calloc(t->n_members + 1, sizeof(*paths));

    if (!paths)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_members; i++) {
        int r = canonical_path(t, t->members[i].path, &paths[i]);

        if (r == -ELOOP) {
            r = dmv_initrd_tree_problem(t, t->members[i].path, r,
                                        "its folder is a link that cannot be followed");
            if (r == 0)
                r = dmv_set_string(&paths[i], t->members[i].path);
        }
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < t->n_members; i++) {
        free(t->members[i].path);
        t->members[i].path = DMV_TAKE_PTR(paths[i]);
    }
    sort(t);
    return 0;
}

static int compare_inodes(const void *a, const void *b)
{
    const DmvInitrdMember *x = *(DmvInitrdMember *const *)a, *y = *(DmvInitrdMember *const *)b;
    const uint64_t left[] = {x->archive, x->header.dev_major, x->header.dev_minor, x->header.ino};
    const uint64_t right[] = {y->archive, y->header.dev_major, y->header.dev_minor, y->header.ino};

    for (size_t i = 0; i < DMV_N_ELEMENTS(left); i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

/* What is known of the one name that has the content, for the other names of the same file. */
static int share_one_file(DmvInitrdMember **names, size_t n)
{
    const DmvInitrdMember *with_content = NULL;
    int r = 0;

    for (size_t i = 0; i < n; i++)
        if (names[i]->header.size > 0)
            with_content = names[i];
    for (size_t i = 0; r == 0 && with_content && i < n; i++) {
        if (names[i]->header.size > 0)
            continue;
        names[i]->size = with_content->size;
        names[i]->unusable = with_content->unusable;
        r = dmv_set_string(&names[i]->build_id, with_content->build_id);
        if (r == 0)
            r = dmv_set_string(&names[i]->sha256, with_content->sha256);
    }
    return r;
}

static int share_hard_links(DmvInitrdTree *t)
{
    DMV_CLEANUP_FREE DmvInitrdMember **names = calloc(t->n_members + 1, sizeof(*names));
    size_t n = 0;
    int r = 0;

    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_members; i++)
        if (t->members[i].kind == DMV_INITRD_MODULE && t->members[i].header.n_links > 1)
            names[n++] = &t->members[i];
    if (n > 1)
        qsort(names, n, sizeof(*names), compare_inodes);
    for (size_t i = 0, end; r == 0 && i < n; i = end) {
        for (end = i + 1; end < n && compare_inodes(&names[i], &names[end]) == 0;)
            end++;
        r = share_one_file(names + i, end - i);
    }
    return r;
}

/* ---- modules ---- */

/* Splits "usr/lib/modules/KVER/REST". Return: false if a path lies elsewhere, or in what is left out. */
static bool split_path(const char *path, char kernel[128], const char **ret_rest)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(modules_folders); i++) {
        const char *s = path + strlen(modules_folders[i]);
        size_t n;

        if (!dmv_starts_with(path, modules_folders[i]))
            continue;
        n = strcspn(s, "/");
        if (n == 0 || n >= 128 || s[n] != '/')
            return false;
        memcpy(kernel, s, n);
        kernel[n] = '\0';
        *ret_rest = s + n + 1;
        for (size_t k = 0; k < DMV_N_ELEMENTS(left_out); k++)
            if (dmv_starts_with(*ret_rest, left_out[k]))
                return false;
        return dmv_kernel_name_is_valid(kernel);
    }
    return false;
}

/* The file that a module's name leads to, NULL if it is not in the image. */
static const DmvInitrdMember *file_of(const DmvInitrdTree *t, const DmvInitrdMember *m)
{
    char done[DMV_INITRD_NAME_MAX];
    const DmvInitrdMember *file;

    if (m->kind == DMV_INITRD_MODULE)
        return m;
    if (!resolve(t, m->path, done))
        return NULL;
    file = find(t, done);
    return file && file->kind == DMV_INITRD_MODULE ? file : NULL;
}

static int add_module(DmvInitrdTree *t, const DmvInitrdMember *m, DmvInitrd *i)
{
    const DmvInitrdMember *file;
    char kernel[128], name[65];
    const char *rest;
    DmvInitrdModule *x;

    if (!split_path(m->path, kernel, &rest) || !dmv_module_name_from_file(base_of(rest), name, sizeof(name)))
        return 0;
    file = file_of(t, m);
    if (!file)
        return dmv_initrd_tree_problem(t, m->path, -ENOENT, "this link leads to no module in the image");
    if (file->unusable)
        return 0;
    x = DMV_ARRAY_ADD(i->modules, i->n_modules);
    if (!x || dmv_set_string(&x->name, name) < 0 || dmv_set_string(&x->path, rest) < 0 ||
        dmv_set_string(&x->kernel, kernel) < 0 || dmv_set_string(&x->build_id, file->build_id) < 0 ||
        dmv_set_string(&x->sha256, file->sha256) < 0)
        return -ENOMEM;
    x->size = file->size;
    return 0;
}

static bool has_index(const DmvInitrdTree *t, const char *kernel)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(modules_folders); i++) {
        char path[sizeof("usr/lib/modules/") + 128 + sizeof("/" INDEX)];
        const DmvInitrdMember *m;

        (void)snprintf(path, sizeof(path), "%s%s/" INDEX, modules_folders[i], kernel);
        m = find(t, path);
        if (m && m->kind == DMV_INITRD_INDEX)
            return true;
    }
    return false;
}

static bool has_indexes(const DmvInitrdTree *t, const DmvInitrd *i)
{
    for (size_t m = 0; m < i->n_modules; m++)
        if ((m == 0 || strcmp(i->modules[m].kernel, i->modules[m - 1].kernel) != 0) &&
            !has_index(t, i->modules[m].kernel))
            return false;
    return i->n_modules > 0;
}

/* Is there a file of the same name in a folder that counts more? */
static bool is_hidden(const DmvInitrdTree *t, const char *path, int rank)
{
    for (int i = 0; i < rank; i++) {
        char other[DMV_INITRD_NAME_MAX + 32];

        (void)snprintf(other, sizeof(other), "%s%s", settings_folders[i], base_of(path));
        if (find(t, other))
            return true;
    }
    return false;
}

static int add_blacklist(const DmvInitrdTree *t, const DmvInitrdMember *m, DmvInitrd *i)
{
    int rank = settings_rank(m->path), r = 0;

    if (rank < 0 || is_hidden(t, m->path, rank))
        return 0;
    for (char **name = m->blacklist; r == 0 && name && *name; name++)
        r = dmv_strv_push_unique(&i->blacklist, *name);
    return r;
}

int dmv_initrd_tree_finish(DmvInitrdTree *t, DmvInitrd *ret)
{
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    int r;

    sort(t);
    r = make_canonical(t);
    if (r == 0)
        r = share_hard_links(t);
    for (size_t m = 0; r == 0 && m < t->n_members; m++) {
        if (!is_last_of_path(t, m))
            continue;
        if (t->members[m].kind == DMV_INITRD_SETTINGS)
            r = add_blacklist(t, &t->members[m], &i);
        else
            r = add_module(t, &t->members[m], &i);
    }
    if (r == 0)
        r = dmv_initrd_finish(&i);
    if (r < 0)
        return r;
    i.maker = t->maker;
    i.has_index = has_indexes(t, &i);
    i.problems = t->problems;
    t->problems = (DmvProblems){0};
    *ret = i;
    i = (DmvInitrd){0};
    return 0;
}
