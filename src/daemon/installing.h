/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A release into the store, for one kernel after the other: what the jobs install and import share. The fetch
 * worker gets, verifies and unpacks a package; the apply worker compares everything with the catalog again
 * and publishes. Either all kernels get it or none.
 */
#ifndef DMV_DAEMON_INSTALLING_H
#define DMV_DAEMON_INSTALLING_H

#include "daemon/job.h"

/* @e: NULL when it is installed; what kept it from being installed, which may be moved out. */
typedef void (*DmvInstallingDone)(DmvJob *j, DmvError *e);

typedef struct DmvInstalling {
    const DmvStream *stream;
    char *driver, *variant, *version, *name;
    char **kernels;    /* to install for */
    size_t at;         /* the one in hand */
    int disk;          /* a driver disk, borrowed, that packages are on; -1: they are fetched */
    char **paths;      /* on the disk, one a kernel */
    bool after_others; /* the job has installed some already: it goes on when the client goes away */
    char **certificates, **keys;
    size_t undo; /* published ones still to be withdrawn after a failure */
    DmvError failure;
    DmvInstallingDone done;
} DmvInstalling;

/**
 * dmv_installing_new() - make ready to install a release
 * @r: of the View; copied
 * @s: the stream that its packages come from
 * @ret: free with dmv_installing_free(); kernels and paths are still to be filled
 *
 * Return: 0, or a negative errno: -ENOMEM, or keys that cannot be read.
 */
int dmv_installing_new(const DmvManager *m, const DmvViewRelease *r, const DmvStream *s, DmvInstalling **ret);
DmvInstalling *dmv_installing_free(DmvInstalling *x);
DMV_DEFINE_CLEANUP(DmvInstalling *, dmv_cleanup_installing, dmv_installing_free);

/* Kernels that the release has a package for and is not installed for yet. Return: 0, -ENOMEM. */
int dmv_installing_kernels(const DmvViewRelease *r, char ***ret);

/* Begins. @x is the job's from then on, as j->installing, and @done is called once, maybe before this
 * returns. */
void dmv_installing_start(DmvJob *j, DmvInstalling *x, DmvInstallingDone done);

#endif
