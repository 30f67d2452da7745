/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What processes did to a filesystem, done again in memory. See disk.h. */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"

#define FILE_MAX ((size_t)256 << 20)

/* ---- names and objects ---- */

Object *names_get(const Names *n, const char *name)
{
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->items[i].name, name) == 0)
            return n->items[i].object;
    return NULL;
}

int names_set(Names *n, const char *name, Object *object)
{
    Name *fresh;

    for (size_t i = 0; i < n->n; i++) {
        if (strcmp(n->items[i].name, name) != 0)
            continue;
        n->items[i].object = object;
        if (!object) {
            free(n->items[i].name);
            n->items[i] = n->items[--n->n];
        }
        return 0;
    }
    if (!object)
        return 0;
    fresh = DMV_ARRAY_ADD(n->items, n->n);
    if (!fresh)
        return -ENOMEM;
    fresh->object = object;
    return dmv_set_string(&fresh->name, name);
}

static void names_deinit(Names *n)
{
    for (size_t i = 0; i < n->n; i++)
        free(n->items[i].name);
    free(n->items);
}

static int bytes_copy(const Bytes *from, Bytes *to)
{
    char *data = malloc(from->size + 1);

    if (!data)
        return -ENOMEM;
    if (from->size > 0)
        memcpy(data, from->data, from->size);
    free(to->data);
    *to = (Bytes){data, from->size, from->mtime};
    return 0;
}

static int bytes_resize(Bytes *b, size_t size)
{
    char *data = size > FILE_MAX ? NULL : realloc(b->data, size + 1);

    if (!data)
        return -ENOMEM;
    if (size > b->size)
        memset(data + b->size, 0, size - b->size);
    *b = (Bytes){data, size, b->mtime};
    return 0;
}

static Object *new_object(Disk *d, uint64_t inode, Meta meta)
{
    Object *o = calloc(1, sizeof(*o)), **place = o ? DMV_ARRAY_ADD(d->objects, d->n_objects) : NULL;

    if (!place) {
        free(o);
        return NULL;
    }
    *place = o;
    o->inode = inode;
    o->then = o->now = meta;
    return o;
}

void disk_deinit(Disk *d)
{
    for (size_t i = 0; i < d->n_objects; i++) {
        Object *o = d->objects[i];

        names_deinit(&o->on_disk);
        names_deinit(&o->names);
        free(o->synced.data);
        free(o->data.data);
        free(o->target);
        free(o->written);
        free(o);
    }
    for (size_t i = 0; i < d->n_changes; i++) {
        free(d->changes[i].effects[0].name);
        free(d->changes[i].effects[1].name);
    }
    free(d->objects);
    free(d->changes);
    free(d->handles);
    *d = (Disk){0};
}

/* ---- what is there before ---- */

static int load_object(Disk *d, int folder, const char *name, Object **ret);

static int load_folder(Disk *d, int fd, Object *o)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(fd, ".", &entries, &n);

    for (size_t i = 0; r == 0 && i < n; i++) {
        Object *child = NULL;

        r = load_object(d, fd, entries[i].name, &child);
        if (r == 0)
            r = names_set(&o->on_disk, entries[i].name, child);
        if (r == 0)
            r = names_set(&o->names, entries[i].name, child);
    }
    dmv_fs_entries_free(entries, n);
    return r;
}

static int load_file(int fd, Object *o)
{
    int r = dmv_fs_read_fd(fd, FILE_MAX, &o->data.data, &o->data.size);

    return r == 0 ? bytes_copy(&o->data, &o->synced) : r;
}

static int load_object(Disk *d, int folder, const char *name, Object **ret)
{
    DMV_CLEANUP_CLOSE int fd = -1;
    struct stat st;
    Object *o = NULL;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    for (size_t i = 0; i < d->n_objects; i++) /* another name of it */
        if (d->objects[i]->inode == st.st_ino) {
            *ret = d->objects[i];
            return 0;
        }
    o = new_object(d, st.st_ino, (Meta){st.st_mode, st.st_uid, st.st_gid});
    if (!o)
        return -ENOMEM;
    o->data.mtime = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    *ret = o;
    if (S_ISLNK(st.st_mode))
        return dmv_fs_read_link(folder, name, &o->target);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return -EINVAL;
    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? load_folder(d, fd, o) : load_file(fd, o);
}

int disk_load(const char *folder, Order order, Disk *ret)
{
    Disk d = {.order = order};
    int r = load_object(&d, AT_FDCWD, folder, &d.root);

    if (r < 0) {
        disk_deinit(&d);
        return r;
    }
    *ret = d;
    return 0;
}

/* ---- changes ---- */

/* Return: the object; NULL if there is none. @ret_folder and @ret_name: where its name is, may be NULL. */
static Object *find(const Disk *d, const char *path, Object **ret_folder, const char **ret_name)
{
    Object *o = d->root, *folder = NULL;
    const char *name = path;

    if (strcmp(path, ".") == 0)
        return o;
    for (;;) {
        size_t n = strcspn(path, "/");
        DMV_CLEANUP_FREE char *part = strndup(path, n);

        folder = o;
        name = path;
        o = folder && part ? names_get(&folder->names, part) : NULL;
        if (!path[n])
            break;
        path += n + 1;
    }
    if (ret_folder)
        *ret_folder = folder;
    if (ret_name)
        *ret_name = name;
    return o;
}

static Change *new_change(Disk *d)
{
    return DMV_ARRAY_ADD(d->changes, d->n_changes);
}

static int set_name(Change *c, int which, Object *folder, const char *name, Object *object)
{
    if (!folder)
        return -EINVAL;
    c->effects[which].folder = folder;
    c->effects[which].object = object;
    if (dmv_set_string(&c->effects[which].name, name) < 0)
        return -ENOMEM;
    return names_set(&folder->names, name, object);
}

static int open_handle(Disk *d, uint64_t number, Object *o)
{
    while (d->n_handles <= number)
        if (!DMV_ARRAY_ADD(d->handles, d->n_handles))
            return -ENOMEM;
    d->handles[number] = o;
    return 0;
}

static int make(Disk *d, const Record *r, mode_t type)
{
    Object *folder = NULL, *o;
    const char *name = NULL;
    Change *c = new_change(d);

    (void)find(d, r->path, &folder, &name);
    o = new_object(d, r->inode, (Meta){type | (mode_t)(r->value & 07777), r->uid, r->gid});
    if (!c || !o || (r->other && dmv_set_string(&o->target, r->other) < 0))
        return -ENOMEM;
    if (r->handle && open_handle(d, r->handle, o) < 0)
        return -ENOMEM;
    o->data.mtime = r->mtime;
    return set_name(c, 0, folder, name, o);
}

static int play_rename(Disk *d, const Record *r)
{
    Object *from = NULL, *to = NULL;
    const char *from_name = NULL, *to_name = NULL;
    Object *moved = find(d, r->path, &from, &from_name), *there = find(d, r->other, &to, &to_name);
    Change *c = new_change(d);
    int result;

    if (!c || !moved)
        return c ? -EINVAL : -ENOMEM;
    if (moved == there && !(r->value & RENAME_EXCHANGE)) /* two names of one file: rename(2) does nothing */
        return 0;
    result = set_name(c, 0, from, from_name, r->value & RENAME_EXCHANGE ? there : NULL);
    return result == 0 ? set_name(c, 1, to, to_name, moved) : result;
}

static int play_link(Disk *d, const Record *r)
{
    Object *o = find(d, r->path, NULL, NULL), *folder = NULL;
    const char *name = NULL;
    Change *c = new_change(d);

    (void)find(d, r->other, &folder, &name);
    if (!c || !o)
        return c ? -EINVAL : -ENOMEM;
    return set_name(c, 0, folder, name, o);
}

static int play_remove(Disk *d, const Record *r)
{
    Object *folder = NULL;
    const char *name = NULL;
    Change *c = new_change(d);

    if (!c || !find(d, r->path, &folder, &name))
        return c ? -EINVAL : -ENOMEM;
    return set_name(c, 0, folder, name, NULL);
}

static int play_attributes(Disk *d, const Record *r)
{
    Object *o = find(d, r->path, NULL, NULL);
    Change *c = new_change(d);

    if (!c || !o)
        return c ? -EINVAL : -ENOMEM;
    if (r->kind == RECORD_CHMOD)
        o->now.mode = (o->now.mode & S_IFMT) | (mode_t)r->value;
    else
        o->now.uid = r->uid, o->now.gid = r->gid;
    c->object = o;
    c->meta = o->now;
    return 0;
}

static int play_data(Disk *d, const Record *r)
{
    Object *o = r->path                    ? find(d, r->path, NULL, NULL)
                : r->handle < d->n_handles ? d->handles[r->handle]
                                           : NULL;
    size_t end = (size_t)r->value + (r->kind == RECORD_WRITE ? r->data_size : 0);
    int result = o ? 0 : -EINVAL;

    if (result == 0 && (r->kind == RECORD_SIZE || (r->kind == RECORD_WRITE && end > o->data.size)))
        result = bytes_resize(&o->data, end);
    if (result == 0 && r->kind == RECORD_WRITE)
        memcpy(o->data.data + r->value, r->data, r->data_size);
    if (result == 0) {
        o->data.mtime = r->mtime;
        o->dirty = true;
    }
    return result;
}

static bool concerns(const Change *c, const Object *o)
{
    return c->object == o || c->effects[0].folder == o || c->effects[1].folder == o;
}

static int play_sync(Disk *d, const Record *r)
{
    Object *o = r->handle < d->n_handles ? d->handles[r->handle] : NULL;

    if (!o)
        return -EINVAL;
    for (size_t i = 0; i < d->n_changes; i++)
        if (d->order == ORDER_JOURNAL || concerns(&d->changes[i], o))
            d->changes[i].lasts = true;
    o->dirty = false;
    return S_ISREG(o->now.mode) ? bytes_copy(&o->data, &o->synced) : 0;
}

/* The folder that was loaded is a copy, with other numbers. */
static int play_there(Disk *d, const Record *r)
{
    Object *o = find(d, r->path, NULL, NULL);

    if (!o)
        return -EINVAL;
    o->inode = r->inode;
    return 0;
}

static int play(Disk *d, const Record *r)
{
    switch ((RecordKind)r->kind) {
    case RECORD_THERE:
        return play_there(d, r);
    case RECORD_OPEN:
        return open_handle(d, r->handle, find(d, r->path, NULL, NULL));
    case RECORD_SYNC:
        return play_sync(d, r);
    case RECORD_CREATE:
        return make(d, r, S_IFREG);
    case RECORD_MKDIR:
        return make(d, r, S_IFDIR);
    case RECORD_SYMLINK:
        return make(d, r, S_IFLNK);
    case RECORD_LINK:
        return play_link(d, r);
    case RECORD_UNLINK:
    case RECORD_RMDIR:
        return play_remove(d, r);
    case RECORD_RENAME:
        return play_rename(d, r);
    case RECORD_WRITE:
    case RECORD_SIZE:
    case RECORD_TIMES:
        return play_data(d, r);
    case RECORD_CHMOD:
    case RECORD_CHOWN:
        return play_attributes(d, r);
    case RECORD_MARK:
        return 0;
    case RECORD_MAX:
    default:
        return -EINVAL;
    }
}

long disk_play(Disk *d, const RecordLog *log, size_t n_changes)
{
    size_t done = 0;

    for (size_t i = 0; i < log->n; i++) {
        int r;

        if (log->items[i].kind >= RECORD_FIRST_CHANGE && done == n_changes)
            break;
        r = play(d, &log->items[i]);
        if (r < 0)
            return r;
        done += log->items[i].kind >= RECORD_FIRST_CHANGE;
    }
    return (long)done;
}
