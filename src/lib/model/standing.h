/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Standing: what is known for certain about one module file, copy in an image, or loaded module, and what to
 * do about it. The one place that says which module is a finding. No I/O.
 */
#ifndef DMV_MODEL_STANDING_H
#define DMV_MODEL_STANDING_H

#include "model/inspection.h"
#include "model/module-policy.h"
#include "model/world.h"

typedef enum DmvStanding {
    DMV_STANDING_VERIFIED, /* one of ours has signed it, and no catalog says otherwise */
    DMV_STANDING_INBOX,    /* the kernel's own, like all others of that kernel */
    DMV_STANDING_ADOPTED,  /* somebody else's, who is known: a package, or a signer that the site named */
    DMV_STANDING_UNSIGNED, /* nobody vouches for it */
    DMV_STANDING_FOREIGN,  /* somebody vouches for it whom nobody here knows */
    DMV_STANDING_ALTERED,  /* its bytes are not those that were vouched for */
    DMV_STANDING_REVOKED,  /* who has published it has withdrawn it */
    DMV_STANDING_UNKNOWN,  /* it could not be found out */
    DMV_STANDING_MAX,
    DMV_STANDING_INVALID = -1,
} DmvStanding;
/* As in the interface: "verified", "inbox", ... */
const char *dmv_standing_to_string(DmvStanding s);

/* A verdict on one module. All strings but @why are static. */
typedef struct DmvStandingVerdict {
    DmvStanding standing;
    int code;             /* reason of a finding; 0: there is none */
    const char *severity; /* "ok", "warning" or "error" */
    char *why;            /* for a person, owned; NULL: there is nothing to say */
    const char *next;     /* what to do about it, or NULL */
} DmvStandingVerdict;
void dmv_standing_verdict_deinit(DmvStandingVerdict *v);
#define DMV_CLEANUP_STANDING DMV_CLEANUP(dmv_standing_verdict_deinit)

/* Whose certificate made a signature. */
typedef enum DmvVoucher {
    DMV_VOUCHER_NOBODY, /* nobody's here */
    DMV_VOUCHER_STREAM, /* of those that may sign modules of releases */
    DMV_VOUCHER_KERNEL, /* of those that the site named for kernels and its own modules; releases may not have
                           it */
} DmvVoucher;

/* How the modules of a kernel's own folder are signed: what most of them say. */
typedef struct DmvPeers {
    size_t n;               /* modules of the folder that could be read */
    size_t n_alike;         /* with the signature of @name and @key */
    const char *name, *key; /* of the signer that most of them name; both NULL: most are not signed */
} DmvPeers;

/* Do nearly all modules of the folder name one signer? Then one that does not is no module of that build. */
bool dmv_peers_are_signed(const DmvPeers *p);

/**
 * dmv_peers_find() - the signer that most modules name
 * @items: borrowed, and so are the strings in @ret; those that could not be read do not count
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_peers_find(const DmvInspected *const *items, size_t n, DmvPeers *ret);

/* Everything that counts for one file of a tree. Borrowed. */
typedef struct DmvStandingFacts {
    const DmvModuleFile *file; /* NULL: of a release that lies in no tree */
    const DmvInspected *bytes;
    DmvVoucher voucher;  /* of @bytes->signature */
    const char *release; /* the release that the file is, DRIVER/VARIANT@VERSION, or NULL */
    bool in_store;       /* it is one of the store */
    const char *listed; /* SHA-256 that a catalog has for it; NULL: none lists that release for that kernel */
    const char *approved; /* a release of a catalog that has these bytes, or NULL */
    const char
        *revoked; /* why a catalog has withdrawn that release, or every release with these bytes; NULL */
    const DmvPeers *peers;
    bool managed;  /* somebody asked about its driver */
    bool in_use;   /* of the store: the intent means it, for a kernel at least */
    bool catalogs; /* there are catalogs that could list it */
} DmvStandingFacts;

/* Return: 0 or -ENOMEM. */
int dmv_standing_judge(const DmvStandingFacts *f, DmvStandingVerdict *ret);

/**
 * dmv_standing_judge_kernel() - a finding where the running kernel would not load it
 * @standing: of the file
 * @ret: standing as given; code 0 unless the kernel refuses it
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_standing_judge_kernel(const DmvModulePolicy *p, const DmvSignature *s, DmvStanding standing,
                              DmvStandingVerdict *ret);

/**
 * dmv_standing_judge_copy() - a copy in an image
 * @copy: the copy
 * @files: files of the tree of the same kernel, of the module of that name
 * @standings: of them
 * @approved: a release of a catalog that has the bytes of the copy, or NULL
 *
 * The same bytes as a file of the tree: the same standing, and no finding of its own. The same build-id
 * with other bytes: what stripping leaves, which no tool does to a module that is signed.
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_standing_judge_copy(const DmvInspected *copy, const DmvInspected *const *files,
                            const DmvStanding *standings, size_t n, const char *approved,
                            DmvStandingVerdict *ret);

/**
 * dmv_standing_judge_loaded() - a loaded module
 * @l: as the kernel says it
 * @files, @standings, @n: files of the trees of the running kernel and of the store, of that module
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_standing_judge_loaded(const DmvLoaded *l, const DmvInspected *const *files,
                              const DmvStanding *standings, size_t n, DmvStandingVerdict *ret);

#endif
