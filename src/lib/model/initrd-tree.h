/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The members of an initrd image that matter for drivers, while it is read, and what follows from them once
 * all are known: links inside the image are followed inside the image.
 */
#ifndef DMV_MODEL_INITRD_TREE_H
#define DMV_MODEL_INITRD_TREE_H

#include "model/cpio.h"
#include "model/initrd.h"

/* As PATH_MAX of the kernel, with the NUL. */
#define DMV_INITRD_NAME_MAX ((size_t)4096)
#define DMV_INITRD_DEPTH_MAX 64
/* Names that are kept, in bytes: of modules, links and settings, a tenth of this in the richest image. */
#define DMV_INITRD_NAMES_MAX ((size_t)32 * 1024 * 1024)
/* Problems that are listed one by one. */
#define DMV_INITRD_PROBLEMS_MAX 256

typedef enum DmvInitrdKind {
    DMV_INITRD_LINK,
    DMV_INITRD_MODULE,
    DMV_INITRD_INDEX,    /* modules.dep.bin */
    DMV_INITRD_SETTINGS, /* a file of modprobe.d */
    DMV_INITRD_KIND_MAX,
    DMV_INITRD_KIND_INVALID = -1, /* of no interest */
} DmvInitrdKind;

typedef struct DmvInitrdMember {
    char *path; /* relative to the root of the image, without "." and empty components */
    DmvInitrdKind kind;
    size_t order;     /* a later member replaces an earlier one of the same path */
    char *target;     /* of a link */
    char *build_id;   /* of a module */
    char *sha256;     /* of a module, uncompressed; NULL unless it was asked for */
    uint64_t size;    /* of a module, uncompressed */
    char **blacklist; /* of a file of modprobe.d */
    bool unusable;    /* a module that is none; the problem has been said */
    /* hard links: the same file under several names, the content stands with one of them only */
    size_t archive;
    DmvCpioHeader header;
} DmvInitrdMember;

typedef struct DmvInitrdTree {
    DmvInitrdMember *members;
    size_t n_members;
    DmvInitrdMaker maker;
    size_t names_size; /* bytes of all names that are kept */
    DmvProblems problems;
} DmvInitrdTree;

void dmv_initrd_tree_deinit(DmvInitrdTree *t);
#define DMV_CLEANUP_INITRD_TREE DMV_CLEANUP(dmv_initrd_tree_deinit)

/* Adds to the problems, and counts only once there are DMV_INITRD_PROBLEMS_MAX. Return: 0, or -ENOMEM. */
int dmv_initrd_tree_problem(DmvInitrdTree *t, const char *path, int code, const char *why);

/**
 * dmv_initrd_path_clean() - the name of a member as a path below the root of the image
 * @name: as in the header; a leading slash, "." and empty components mean nothing to the kernel either
 * @ret: DMV_INITRD_NAME_MAX bytes
 *
 * Return: 0; DMV_INVALID_NAME for "..", control characters, too long or nothing left; DMV_TOO_DEEP above
 * DMV_INITRD_DEPTH_MAX components.
 */
int dmv_initrd_path_clean(const char *name, char *ret);

/* What a member is for drivers, by its clean path and the mode in its header. */
DmvInitrdKind dmv_initrd_kind(const char *path, uint32_t mode);

/**
 * dmv_initrd_tree_add() - keep a member
 * @t: the tree
 * @kind: what it is
 * @path: clean
 * @ret: the member, to be filled; valid until the next call
 *
 * Return: 0; DMV_TOO_LARGE above DMV_INITRD_NAMES_MAX; -ENOMEM.
 */
int dmv_initrd_tree_add(DmvInitrdTree *t, DmvInitrdKind kind, const char *path, DmvInitrdMember **ret);

/* The names after "blacklist" in a file of modprobe.d, as the kernel spells them. Return: 0, or -ENOMEM. */
int dmv_initrd_blacklist_parse(const char *text, size_t size, char ***ret);

/**
 * dmv_initrd_tree_finish() - what the members say together
 * @t: all members; changed and to be freed afterwards
 * @ret: must be empty before; free with dmv_initrd_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_initrd_tree_finish(DmvInitrdTree *t, DmvInitrd *ret);

#endif
