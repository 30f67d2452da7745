/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may vouch for a module on this host, and what the catalogs say of its bytes: what a standing
 * (model/standing.h) is judged by, besides the bytes.
 */
#ifndef DMV_DAEMON_VOUCHERS_H
#define DMV_DAEMON_VOUCHERS_H

#include "daemon/manager.h"
#include "model/standing.h"
#include "trust/modsig.h"

typedef struct DmvVouchers {
    DmvCertificates *stream; /* may sign modules of releases: those of every stream */
    DmvCertificates *kernel; /* named by the site for kernels and its own modules */
    DmvCertificates *all;    /* both */
    char **texts;            /* both, in base64 */
    DmvProblems problems;    /* certificates that cannot be used */
} DmvVouchers;
void dmv_vouchers_deinit(DmvVouchers *v);
#define DMV_CLEANUP_VOUCHERS DMV_CLEANUP(dmv_vouchers_deinit)

/* @ret: must be empty before. Return: 0 or a negative errno. */
int dmv_vouchers_load(const DmvManager *m, DmvVouchers *ret);

/**
 * dmv_vouchers_judge_installed() - the standing of a module of an installed release
 * @x, @file: the release, and the module's file in its folder
 * @bytes: what it is
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_vouchers_judge_installed(const DmvVouchers *v, const DmvManager *m, const DmvInstalled *x,
                                 const char *file, const DmvInspected *bytes, DmvStandingVerdict *ret);

/* The same for a file in a tree that is no link to a release. @peers: of its kernel. */
int dmv_vouchers_judge_file(const DmvVouchers *v, const DmvManager *m, const DmvModuleFile *f,
                            const DmvPeers *peers, const DmvInspected *bytes, DmvStandingVerdict *ret);

/* The driver of a release of a catalog, not revoked, that has a file with this SHA-256, or NULL. */
const char *dmv_vouchers_approved(const DmvManager *m, const char *sha256);

/**
 * dmv_vouchers_enforce() - may the plan be carried out, by what its modules are?
 *
 * Reads the few files that it is about. Without enforce=yes nothing is read.
 *
 * Return: 0; DMV_UNVERIFIED naming the first file that is not verified; a negative errno.
 */
int dmv_vouchers_enforce(const DmvManager *m, DmvError *reterr);

#endif
