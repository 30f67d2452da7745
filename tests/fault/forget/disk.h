/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filesystem in memory of which it is known what has reached the disk: objects as they were, the changes in
 * their order, and which of these must have lasted.
 */
#ifndef FORGET_DISK_H
#define FORGET_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "log.h"

typedef struct Object Object;

typedef struct Name {
    char *name;
    Object *object;
} Name;

typedef struct Names {
    Name *items;
    size_t n;
} Names;

typedef struct Meta {
    mode_t mode; /* with the type */
    uid_t uid;
    gid_t gid;
} Meta;

typedef struct Bytes {
    char *data;
    size_t size;
    int64_t mtime; /* nanoseconds since the epoch */
} Bytes;

struct Object {
    uint64_t inode; /* as the processes saw it */
    Meta then, now; /* on the disk before the first change; in memory */
    Names on_disk;  /* of a folder, before the first change */
    Names names;    /* of a folder, in memory */
    Bytes synced;   /* of a file: what a sync has made last */
    Bytes data;     /* of a file, in memory */
    bool dirty;     /* the two may differ */
    char *target;   /* of a link */
    char *written;  /* where crash.c has put it, if it has */
};

/* A name of a folder that a change sets or takes away. */
typedef struct Effect {
    Object *folder;
    char *name;
    Object *object; /* NULL: away */
} Effect;

/* One change of names, or of the attributes of one object. */
typedef struct Change {
    Effect effects[2]; /* those that have a folder */
    Object *object;    /* whose attributes */
    Meta meta;
    bool lasts; /* a sync has made it last */
} Change;

/* Which changes the disk may have without which others. */
typedef enum Order {
    ORDER_JOURNAL, /* all in one order, as a journal keeps it; a sync of anything makes all before it last */
    ORDER_FOLDER,  /* those of one folder in their order, folders and files independent of each other */
    ORDER_NAME,    /* only those of one name, or that move one object, in their order */
    ORDER_MAX,
} Order;

typedef struct Disk {
    Order order;
    Object *root;
    Object **objects;
    size_t n_objects;
    Change *changes;
    size_t n_changes;
    Object **handles; /* by number */
    size_t n_handles;
} Disk;

/* Reads what lies in @folder as what is on the disk. Return: 0, or a negative errno. */
int disk_load(const char *folder, Order order, Disk *ret);
void disk_deinit(Disk *d);

/**
 * disk_play() - does again what was done
 * @n_changes: after so many changes the power fails
 *
 * Return: how many changes were done; or -EINVAL if the log does not belong to the folder, -ENOMEM.
 */
long disk_play(Disk *d, const RecordLog *log, size_t n_changes);

Object *names_get(const Names *n, const char *name);
/* @object: NULL takes it away. Return: 0, or -ENOMEM. */
int names_set(Names *n, const char *name, Object *object);

#endif
