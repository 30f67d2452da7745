/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Symbol versions, from module files and from what distributions ship beside a kernel: the bytes behind
 * model/kabi.h.
 */
#ifndef DMV_HOST_SYMBOLS_H
#define DMV_HOST_SYMBOLS_H

#include "base/hash.h"
#include "host/roots.h"
#include "model/kabi.h"
#include "model/world.h"

/**
 * dmv_symbols_parse() - what a module needs and exports
 * @data: an uncompressed module
 * @size: bytes
 * @ret: filled; free with dmv_module_symbols_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Read are the needed versions (__version_ext_crcs and __version_ext_names where they are, as the kernel does
 * since 6.14, else __versions), the exported ones (symbols __crc_*: absolute, or the place of the CRC in a
 * section) and the first vermagic of .modinfo. Both classes and both byte orders.
 *
 * Return: 0; DMV_MODULE_NOT_ELF, DMV_TOO_LARGE, DMV_MALFORMED; a negative errno.
 */
int dmv_symbols_parse(const void *data, size_t size, DmvModuleSymbols *ret, DmvError *reterr);

/* The same from a file, which may be compressed. Of one that is not only what is needed is read. */
int dmv_symbols_read(int fd, DmvModuleSymbols *ret, DmvError *reterr);

/**
 * dmv_symbols_kernel() - what an installed kernel exports
 * @r: the root
 * @k: the kernel, with its files (dmv_observe_kernels())
 * @ret: the table, owned by the caller
 * @ret_source: path of the symvers file that was used, relative to the root, owned; NULL if there was none;
 * may be NULL
 * @problems: what could not be read is added to it
 *
 * The first of these that can be read: boot/symvers-KVER and symvers in the kernel's folder (.gz, .xz, .zst
 * or plain), build/Module.symvers and Module.symvers there. With it the table is complete, and of the
 * kernel's own modules only as many are read as it takes to learn the vermagic. Without it all of them are
 * read, in one pass, for what they export and what they need. Modules outside the kernel's own tree are read
 * in both cases, but for those that our own links lead to: which release is linked is a matter of the plan.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_symbols_kernel(const DmvRoots *r, const DmvKernel *k, DmvKabi **ret, char **ret_source,
                       DmvProblems *problems);

/**
 * dmv_symbols_stamp() - what a table comes from
 * @r: the root
 * @k: the kernel, with its files
 * @ret: a hash over the identity (inode, size, times) of every file that dmv_symbols_kernel() reads
 * @ret_symvers: there is a symvers file, and @ret holds only what is read beside one: it says nothing about a
 * table that came from the tree because none of them could be used
 *
 * As long as it is the same, so is the table. Costs one stat(2) a file.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_symbols_stamp(const DmvRoots *r, const DmvKernel *k, char ret[DMV_SHA256_HEX], bool *ret_symvers);

#endif
