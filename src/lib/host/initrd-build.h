/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Builds an initrd image with the tool of the distribution: mkinitramfs(8) of initramfs-tools, or dracut(8).
 */
#ifndef DMV_HOST_INITRD_BUILD_H
#define DMV_HOST_INITRD_BUILD_H

#include "dmv/outcome.h"
#include "host/roots.h"
#include "model/initrd.h"

/* Where the tools put what they collect, relative to the root: one place, so that what a killed one leaves
 * behind is found. */
#define DMV_INITRD_BUILD_DIR DMV_STATE_DIR "/initrd-build"

/* The program that makes images of that maker in this root, absolute below the root, NULL if there is none. A
 * static string. */
const char *dmv_initrd_builder(const DmvRoots *r, DmvInitrdMaker maker);

/**
 * dmv_initrd_build() - build the image of a kernel
 * @r: the roots; under another root than the running system the tool runs in it, by chroot(2)
 * @maker: whose tool
 * @kver: kernel release
 * @path: file to make, relative to the root; nothing is there yet
 * @reterr: filled on a refusal, may be NULL; holds the last lines that the tool said
 *
 * With the tool's own configuration of the root. Takes 5 to 60 s; after 15 minutes it is killed.
 *
 * Return: 0; DMV_TOOL_FAILED if there is no tool, it fails or makes nothing; DMV_NO_SPACE or DMV_READ_ONLY if
 * it says that this is why; a negative errno.
 */
int dmv_initrd_build(const DmvRoots *r, DmvInitrdMaker maker, const char *kver, const char *path,
                     DmvError *reterr);

/* Removes what a tool has left behind. Return: 1 if there was something, 0, or a negative errno. */
int dmv_initrd_build_clean(const DmvRoots *r);

#endif
