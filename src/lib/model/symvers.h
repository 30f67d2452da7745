/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Module.symvers, the list that a kernel's build leaves of all symbols it exports
 * (Documentation/kbuild/modules.rst of the kernel). Distributions ship it as /boot/symvers-KVER.gz or with
 * the headers.
 *
 * One line a symbol, columns parted by one TAB: CRC, symbol, module, kind of export, and since 5.4 the
 * namespace. In 5.4 and 5.5 the namespace came third.
 */
#ifndef DMV_MODEL_SYMVERS_H
#define DMV_MODEL_SYMVERS_H

#include "model/kabi.h"

/**
 * dmv_symvers_parse() - read such a list
 * @data: its text
 * @size: bytes
 * @ret: the table, complete, without a vermagic; owned by the caller
 * @reterr: says which line, may be NULL
 *
 * Return: 0; DMV_EMPTY; DMV_MALFORMED for any line that is not as described, a last line without its end, or
 * a symbol with two CRCs; -ENOMEM.
 */
int dmv_symvers_parse(const char *data, size_t size, DmvKabi **ret, DmvError *reterr);

#endif
