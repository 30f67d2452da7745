/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files in /etc/xen. libvirt's page of its Xen driver warns of other files there: the driver took each for a
 * guest. So a name decides first, and what is then no configuration is a problem of that file only.
 */
#include "guest/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/fs.h"

/* Links that are made here are started with the host. */
#define AUTO_DIR DMV_GUEST_CONFIG_DIR "/auto"

/* Which files were read, by what makes them the same. */
typedef struct Seen {
    dev_t device;
    ino_t inode;
} Seen;

typedef struct Reading {
    int root;
    DmvGuestConfigs *configs;
    Seen *seen;
    size_t n_seen;
} Reading;

void dmv_guest_configs_deinit(DmvGuestConfigs *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].path);
        free(c->items[i].text);
    }
    free(c->items);
    dmv_problems_deinit(&c->problems);
    *c = (DmvGuestConfigs){0};
}

bool dmv_guest_config_is_one(const char *name)
{
    static const char *const others[] = {"README", "cpupool"};
    const char *dot = strchr(name, '.');

    for (size_t i = 0; i < DMV_N_ELEMENTS(others); i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    if (name[0] == '.' || name[0] == '#' || dmv_ends_with(name, "~"))
        return false;
    return !dot || dmv_ends_with(name, ".cfg");
}

/* ---- reading ---- */

/* Return: 0 if it is new; 1 if it was read before; -ENOMEM. */
static int see(Reading *x, const struct stat *st)
{
    Seen *s;

    for (size_t i = 0; i < x->n_seen; i++)
        if (x->seen[i].device == st->st_dev && x->seen[i].inode == st->st_ino)
            return 1;
    s = DMV_ARRAY_ADD(x->seen, x->n_seen);
    if (!s)
        return -ENOMEM;
    *s = (Seen){st->st_dev, st->st_ino};
    return 0;
}

/* As a process of that root would see it: links count from there. */
static int open_file(const Reading *x, const char *path, struct stat *st)
{
    DMV_CLEANUP_FREE char *place = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    bool exists = false;
    int r = dmv_fs_resolve(x->root, path, &place, &exists);

    if (r < 0 || !exists)
        return r < 0 ? r : -ENOENT;
    /* a FIFO must not make it wait */
    fd = dmv_fs_open_nolinks(x->root, place, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, st) < 0)
        return -errno;
    return S_ISREG(st->st_mode) ? DMV_TAKE_FD(fd) : -EINVAL;
}

static int add_text(Reading *x, const char *shown, char *text)
{
    DMV_CLEANUP_FREE char *owned = text;
    DmvGuestConfig *c = DMV_ARRAY_ADD(x->configs->items, x->configs->n);

    if (!c || dmv_set_string(&c->path, shown) < 0)
        return -ENOMEM;
    c->text = DMV_TAKE_PTR(owned);
    return 0;
}

static int add_problem(Reading *x, const char *shown, int code, const char *why)
{
    (void)dmv_problem_add(&x->configs->problems, shown, code, "%s", why);
    return 0;
}

static const char *words_of(int r)
{
    return r == -EINVAL ? "it is no file" : r == -EFBIG ? "it is too large" : strerror(-r);
}

static int read_file(Reading *x, const char *path, const char *shown)
{
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    struct stat st;
    size_t size = 0;
    int r;

    fd = open_file(x, path, &st);
    if (fd < 0)
        return fd == -ENOMEM ? fd : add_problem(x, shown, fd, words_of(fd));
    r = see(x, &st);
    if (r != 0)
        return r < 0 ? r : 0;
    r = dmv_fs_read_fd(fd, DMV_GUEST_CONFIG_MAX_BYTES, &text, &size);
    if (r < 0)
        return r == -ENOMEM ? r : add_problem(x, shown, r == -EFBIG ? DMV_TOO_LARGE : r, words_of(r));
    if (size == 0)
        return add_problem(x, shown, DMV_EMPTY, "it is empty");
    if (strlen(text) != size)
        return add_problem(x, shown, DMV_MALFORMED, "it has a NUL in it");
    return add_text(x, shown, DMV_TAKE_PTR(text));
}

static int read_entry(Reading *x, const char *folder, const DmvFsEntry *e)
{
    DMV_CLEANUP_FREE char *path = NULL, *shown = NULL;

    /* a link may lead to a file: that is seen when it is opened */
    if (e->kind == DMV_FS_FOLDER || !dmv_guest_config_is_one(e->name))
        return 0;
    if (asprintf(&path, "%s/%s", folder, e->name) < 0)
        return path = NULL, -ENOMEM;
    shown = dmv_sanitize(path);
    if (!shown)
        return -ENOMEM;
    if (x->configs->n + x->configs->problems.n >= DMV_GUESTS_MAX)
        return DMV_TOO_LARGE;
    return read_file(x, path, shown);
}

static int read_folder(Reading *x, const char *folder)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(x->root, folder, &entries, &n);

    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_entry(x, folder, &entries[i]);
    dmv_fs_entries_free(entries, n);
    if (r != DMV_TOO_LARGE)
        return r;
    (void)dmv_problem_add(&x->configs->problems, folder, r, "it has more than %d files", DMV_GUESTS_MAX);
    return 0;
}

int dmv_guest_configs_read(int root, DmvGuestConfigs *ret)
{
    Reading x = {.root = root, .configs = ret};
    int r = read_folder(&x, DMV_GUEST_CONFIG_DIR), e = 0;

    if (r == 0)
        e = read_folder(&x, AUTO_DIR);
    free(x.seen);
    if (e == -ENOENT || e == -ENOTDIR)
        e = 0;
    return r < 0 ? r : e;
}

/* ---- converting ---- */

static int add_guest(DmvGuests *g, DmvGuest *x)
{
    DmvGuest *place = DMV_ARRAY_ADD(g->items, g->n);

    if (!place)
        return -ENOMEM;
    x->channels = 1u << DMV_CHANNEL_CONFIG;
    *place = *x;
    *x = (DmvGuest){0};
    return 0;
}

int dmv_guest_configs_convert(DmvGuestConfigs *c, DmvGuestConvert convert, void *userdata, DmvGuests *ret)
{
    DmvChannel *channel = &ret->channels[DMV_CHANNEL_CONFIG];
    int r = 0;

    ret->problems = c->problems;
    c->problems = (DmvProblems){0};
    for (size_t i = 0; r == 0 && i < c->n; i++) {
        DMV_CLEANUP_GUEST DmvGuest x = {.id = -1};
        DMV_CLEANUP_ERROR DmvError e = {0};
        int code = convert(c->items[i].text, &x, userdata, &e);

        if (code == 0)
            r = add_guest(ret, &x);
        else if (code == -ENOMEM)
            r = code;
        else
            (void)dmv_problem_add(&ret->problems, c->items[i].path, code, "%s", dmv_error_words(&e, code));
    }
    free(channel->gave);
    channel->gave = NULL;
    if (r == 0 && asprintf(&channel->gave, "%zu of %zu files in /%s", ret->n, ret->n + ret->problems.n,
                           DMV_GUEST_CONFIG_DIR) < 0)
        channel->gave = NULL, r = -ENOMEM;
    return r;
}
