/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From what was done and what was synced to one of the trees that may be found after a reboot. See crash.h.
 */
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"

typedef struct Dice {
    uint64_t state;
} Dice;

/* splitmix64 */
static uint64_t roll(Dice *d, uint64_t sides)
{
    uint64_t z = (d->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % sides;
}

/* ---- which changes are there ---- */

static bool share_name(const Effect *a, const Effect *b)
{
    return a->folder && a->folder == b->folder && strcmp(a->name, b->name) == 0;
}

static bool share_effect(Order order, const Effect *a, const Effect *b)
{
    if (!a->folder || !b->folder)
        return false;
    return order == ORDER_FOLDER ? a->folder == b->folder
                                 : share_name(a, b) || (a->object && a->object == b->object);
}

/* May the later of the two not be there without the earlier one? */
static bool depend(Order order, const Change *a, const Change *b)
{
    if (order == ORDER_JOURNAL || (a->object && a->object == b->object))
        return true;
    for (size_t i = 0; i < 4; i++)
        if (share_effect(order, &a->effects[i / 2], &b->effects[i % 2]))
            return true;
    return false;
}

/* What lasts makes that last without which it cannot be. */
static void close_under_order(Disk *d)
{
    for (size_t later = d->n_changes; later-- > 0;)
        for (size_t i = 0; d->changes[later].lasts && i < later; i++)
            if (depend(d->order, &d->changes[i], &d->changes[later]))
                d->changes[i].lasts = true;
}

/* From here on `lasts` says what is there. One time in four nothing of what need not be there is, one time in
 * four all of it. */
static void choose_changes(Disk *d, Dice *dice)
{
    DMV_CLEANUP_FREE const Change **lost = calloc(d->n_changes + 1, sizeof(Change *));
    uint64_t kept_of_8 = (const uint64_t[]){0, 8, 1 + roll(dice, 7), 1 + roll(dice, 7)}[roll(dice, 4)];
    size_t n_lost = 0;

    close_under_order(d);
    for (size_t i = 0; lost && i < d->n_changes; i++) {
        Change *c = &d->changes[i];
        bool possible = true;

        if (c->lasts)
            continue;
        for (size_t k = 0; possible && k < n_lost; k++)
            possible = !depend(d->order, lost[k], c);
        c->lasts = possible && roll(dice, 8) < kept_of_8;
        if (!c->lasts)
            lost[n_lost++] = c;
    }
}

static int apply_changes(Disk *d)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < d->n_changes; i++) {
        const Change *c = &d->changes[i];

        if (!c->lasts)
            continue;
        if (c->object)
            c->object->then = c->meta;
        for (size_t k = 0; r == 0 && k < 2; k++)
            if (c->effects[k].folder)
                r = names_set(&c->effects[k].folder->on_disk, c->effects[k].name, c->effects[k].object);
    }
    return r;
}

/* ---- what is in a file ---- */

static size_t common_prefix(const Bytes *a, const Bytes *b)
{
    size_t n = 0;

    while (n < a->size && n < b->size && a->data[n] == b->data[n])
        n++;
    return n;
}

/* Leaves in o->data what is there. */
static void choose_data(Object *o, Dice *dice)
{
    size_t same = common_prefix(&o->synced, &o->data), cut = same;
    uint64_t way = roll(dice, 4);

    if (!o->dirty || way == 0) /* all of it */
        return;
    if (o->data.size > same)
        cut += roll(dice, o->data.size - same + 1);
    if (way == 1) { /* torn */
        o->data.size = cut;
    } else if (way == 2) { /* its length, not its bytes */
        if (o->data.size > cut)
            memset(o->data.data + cut, 0, o->data.size - cut);
    } else {
        Bytes written = o->data;

        o->data = o->synced;
        o->synced = written;
    }
}

/* ---- the tree ---- */

static int put_object(Object *o, const char *path, Dice *dice, FILE *inodes);

static int put_folder(Object *o, const char *path, Dice *dice, FILE *inodes)
{
    int r = mkdir(path, 0700) < 0 ? -errno : 0;

    for (size_t i = 0; r == 0 && i < o->on_disk.n; i++) {
        DMV_CLEANUP_FREE char *child = NULL;

        if (asprintf(&child, "%s/%s", path, o->on_disk.items[i].name) < 0) {
            child = NULL;
            return -ENOMEM;
        }
        r = put_object(o->on_disk.items[i].object, child, dice, inodes);
    }
    return r;
}

static int put_file(Object *o, const char *path, Dice *dice)
{
    DMV_CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    choose_data(o, dice);
    r = o->data.size > 0 ? dmv_fs_write_all(fd, o->data.data, o->data.size) : 0;
    return r;
}

static int put_meta(const Object *o, const char *path, FILE *inodes)
{
    const int64_t second = 1000000000;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {o->data.mtime / second, o->data.mtime % second}};
    struct stat st;

    if (lchown(path, o->then.uid, o->then.gid) < 0 ||
        (!S_ISLNK(o->then.mode) && chmod(path, o->then.mode & 07777) < 0) ||
        (S_ISREG(o->then.mode) && utimensat(AT_FDCWD, path, times, 0) < 0) || lstat(path, &st) < 0)
        return -errno;
    return fprintf(inodes, "%llu %llu\n", (unsigned long long)st.st_ino, (unsigned long long)o->inode) < 0
               ? -EIO
               : 0;
}

static int put_object(Object *o, const char *path, Dice *dice, FILE *inodes)
{
    int r;

    if (o->written)
        return link(o->written, path) < 0 ? -errno : 0;
    if (S_ISDIR(o->then.mode))
        r = put_folder(o, path, dice, inodes);
    else if (S_ISLNK(o->then.mode))
        r = symlink(o->target, path) < 0 ? -errno : 0;
    else
        r = put_file(o, path, dice);
    if (r == 0)
        r = dmv_set_string(&o->written, path);
    return r == 0 ? put_meta(o, path, inodes) : r;
}

int crash(Disk *d, uint64_t seed, const char *out, const char *inodes)
{
    Dice dice = {.state = seed * UINT64_C(0x9e3779b97f4a7c15) + d->n_changes * 64 + (uint64_t)d->order};
    FILE *file = fopen(inodes, "we");
    int r = file ? 0 : -errno;

    if (r == 0) {
        choose_changes(d, &dice);
        r = apply_changes(d);
    }
    if (r == 0)
        r = put_object(d->root, out, &dice, file);
    if (file && fclose(file) != 0 && r == 0)
        r = -errno;
    return r;
}
