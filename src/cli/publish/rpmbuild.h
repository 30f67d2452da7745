/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One release for one kernel as an RPM: its names, its spec file, rpmbuild. */
#ifndef DMV_PUBLISH_RPMBUILD_H
#define DMV_PUBLISH_RPMBUILD_H

#include <stdint.h>

#include "cli/publish/sidecar.h"

typedef struct DmvRpm {
    char *name;    /* the RPM's Name: one of its own for each driver, variant, version and kernel */
    char *version; /* the release's version as far as RPM allows it */
    int64_t release;
    const char *arch; /* static: "x86_64", "aarch64" */
    char *nevra;      /* NAME-VERSION-RELEASE.ARCH */
} DmvRpm;

void dmv_rpm_deinit(DmvRpm *r);
#define DMV_CLEANUP_RPM DMV_CLEANUP(dmv_rpm_deinit)

/**
 * dmv_rpm_init() - the names of a package
 * @n: the release
 * @kernel: kernel release
 * @release: RPM release, from 1
 * @machine: ELF machine of the modules
 * @ret: filled
 * @reterr: filled on a refusal
 *
 * Mirrors that keep only the newest package of a Name would drop older versions, so that version and kernel
 * are part of it.
 *
 * Return: 0; DMV_MODULE_WRONG_MACHINE for a machine that RPM has no name for here; DMV_INVALID_NAME if
 * the names together are too long for a file; -ENOMEM.
 */
int dmv_rpm_init(const DmvReleaseName *n, const char *kernel, int64_t release, uint16_t machine, DmvRpm *ret,
                 DmvError *reterr);

typedef struct DmvRpmContent {
    const char *prefix;  /* absolute path on a host, below which everything lies */
    const char *folder;  /* absolute path of a folder with everything in it */
    const char *work;    /* absolute path of a private folder for rpmbuild */
    const char *summary; /* for people; may be NULL */
    const char *licence; /* of the modules, as the RPM says it */
    int64_t time;        /* of build and files, seconds since the epoch: rounded to a day */
} DmvRpmContent;

/* The text of the spec file. @ret is owned. Return: 0, -ENOMEM. */
int dmv_rpm_format_spec(const DmvRpm *r, const DmvRpmContent *c, char **ret);

/**
 * dmv_rpm_build() - build the package
 * @ret: absolute path of the RPM, in @c->work, owned by the caller
 *
 * The same names, content and time give the same bytes.
 *
 * Return: 0; DMV_TOOL_FAILED; a negative errno.
 */
int dmv_rpm_build(const DmvRpm *r, const DmvRpmContent *c, char **ret, DmvError *reterr);

#endif
