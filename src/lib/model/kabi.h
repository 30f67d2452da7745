/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ABI of a kernel: which symbols it exports, with which version (CRC), and whether a module that was
 * built for another kernel would be taken by it.
 *
 * With modversions every exported symbol carries a CRC over its types. A module lists what it needs, and the
 * kernel refuses it where one CRC differs. So a module fits a kernel that it was not built for when its
 * vermagic fits but for the release, and each version it needs is the one that is exported there. Knowing
 * this before the reboot is what this file is for; the bytes come from host/symbols.c.
 *
 * Which release serves which kernel by that rule is decided in fit.h. What is said here of one module holds
 * for bytes that lie on this host: of a release that is only in a catalog the symbols are not known, so it is
 * offered for the kernels that its packages name, and compared with others once it is installed.
 */
#ifndef DMV_MODEL_KABI_H
#define DMV_MODEL_KABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"
#include "model/arena.h"

/* Bytes of a symbol's name without the NUL: KSYM_NAME_LEN of the kernel is 512 since 6.1. */
#define DMV_SYMBOL_NAME_MAX ((size_t)511)

typedef struct DmvSymbol {
    const char *name;
    uint32_t crc;
} DmvSymbol;

/* What one module file needs and exports. */
typedef struct DmvModuleSymbols {
    DmvArena *arena;      /* everything below */
    const char *vermagic; /* NULL where .modinfo has none */
    bool versioned;       /* it says which versions it needs */
    DmvSymbol *needs, *exports;
    size_t n_needs, n_exports;
} DmvModuleSymbols;
void dmv_module_symbols_deinit(DmvModuleSymbols *s);

/* Who says that a symbol has a CRC. */
typedef enum DmvKabiSource {
    DMV_KABI_EXPORT,  /* the kernel or one of its own modules exports it so */
    DMV_KABI_WITNESS, /* one of the kernel's own modules needs it so, which is as good while nobody is known
                         to export it: the kernel would refuse that module otherwise */
    DMV_KABI_FOREIGN, /* a module outside the kernel's own tree exports it so: true while that one is loaded
                       */
} DmvKabiSource;

typedef struct DmvKabi DmvKabi;

/* Return: 0, or -ENOMEM. */
int dmv_kabi_new(DmvKabi **ret);
/* One more owner, each of which calls dmv_kabi_free(). Whoever shares a table only reads it. Return: @k. */
DmvKabi *dmv_kabi_ref(DmvKabi *k);
DmvKabi *dmv_kabi_free(DmvKabi *k);
static inline void dmv_cleanup_kabi(DmvKabi **k)
{
    *k = dmv_kabi_free(*k);
}
#define DMV_CLEANUP_KABI DMV_CLEANUP(dmv_cleanup_kabi)

/**
 * dmv_kabi_symbol_is_valid() - may this be the name of a symbol?
 * @name: bytes without a NUL
 * @size: how many
 *
 * Printable ASCII without blanks, at most DMV_SYMBOL_NAME_MAX bytes, not empty: C names, and what Rust
 * mangles.
 */
bool dmv_kabi_symbol_is_valid(const char *name, size_t size);

/**
 * dmv_kabi_add() - one more symbol
 * @k: the table
 * @name: its name, copied
 * @size: bytes of @name
 * @crc: its version
 * @source: who says so
 * @provider: name of the module that says so, copied; "vmlinux" for the kernel itself; may be NULL
 *
 * A symbol may be added again; the same CRC from the same kind of source counts once, with its first
 * provider.
 *
 * Return: 0; DMV_INVALID_NAME (nothing is added then); -ENOMEM.
 */
int dmv_kabi_add(DmvKabi *k, const char *name, size_t size, uint32_t crc, DmvKabiSource source,
                 const char *provider);
/* Adds what a module exports. Return: as dmv_kabi_add(). */
int dmv_kabi_add_exports(DmvKabi *k, const DmvModuleSymbols *m, DmvKabiSource source, const char *provider);
/* Adds what one of the kernel's own modules needs, as a witness. Return: as dmv_kabi_add(). */
int dmv_kabi_add_witness(DmvKabi *k, const DmvModuleSymbols *m, const char *provider);

/* The vermagic of the kernel, copied; NULL: unknown. Return: 0, or -ENOMEM. */
int dmv_kabi_set_vermagic(DmvKabi *k, const char *vermagic);
const char *dmv_kabi_vermagic(const DmvKabi *k);
/* Complete: a symbol of the kernel that is not in the table does not exist. Not so by default. */
void dmv_kabi_set_complete(DmvKabi *k, bool complete);
bool dmv_kabi_is_complete(const DmvKabi *k);
/* Names in the table. */
size_t dmv_kabi_size(const DmvKabi *k);

/**
 * dmv_kabi_find() - the version of a symbol
 * @k: the table
 * @name: the symbol
 * @ret_crc: its CRC, that of an export before that of a witness before that of a foreign module; may be NULL
 * @ret_provider: who says so, borrowed, may be set to NULL; may be NULL
 *
 * Return: true if the symbol is known.
 */
bool dmv_kabi_find(const DmvKabi *k, const char *name, uint32_t *ret_crc, const char **ret_provider);

/**
 * dmv_vermagic_fits() - the rule of the kernel (same_magic() in kernel/module/version.c)
 * @module: vermagic of the module, NULL never fits
 * @kernel: vermagic of the kernel, NULL never fits
 * @versioned: the module says which symbol versions it needs
 *
 * With symbol versions, and a kernel that looks at them ("modversions" is one of its words), the first word
 * (the release) may differ and the rest has to be equal byte by byte. Otherwise all of it has to be.
 */
bool dmv_vermagic_fits(const char *module, const char *kernel, bool versioned);
/* Is "modversions" one of its words? NULL has none. */
bool dmv_vermagic_has_modversions(const char *vermagic);

/* One symbol that speaks against a module. Everything is borrowed from what was checked. */
typedef struct DmvKabiFinding {
    int outcome; /* DMV_MODULE_OTHER_SYMBOL, DMV_MODULE_MISSING_SYMBOL, DMV_KERNEL_ABI_UNKNOWN */
    const char *symbol;
    uint32_t wants, has;  /* @has of DMV_MODULE_OTHER_SYMBOL only */
    const char *provider; /* whose @has is, or NULL */
} DmvKabiFinding;

typedef struct DmvKabiReport {
    DmvKabiFinding *findings; /* in the module's order */
    size_t n_findings;
    const char **relies; /* modules outside the kernel's own tree that it needs as they are, each once */
    size_t n_relies;
} DmvKabiReport;
void dmv_kabi_report_deinit(DmvKabiReport *r);

/**
 * dmv_kabi_check() - would this kernel take that module?
 * @m: the module
 * @own: what the modules of the same release export to one another, or NULL; counts before @kernel
 * @kernel: the kernel
 * @ret: every symbol that does not fit, and what a "yes" relies on; filled for every outcome, free with
 *       dmv_kabi_report_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * The vermagic is looked at first, then all symbols. Where a kernel does without modversions, its vermagic
 * alone decides.
 *
 * Return: 0: it fits; DMV_MODULE_WRONG_VERMAGIC; DMV_MODULE_OTHER_SYMBOL if one version at least is another
 * one; else DMV_MODULE_MISSING_SYMBOL if the kernel has not got one; else DMV_KERNEL_ABI_UNKNOWN if what is
 * known of the kernel (or what the module says) is not enough to tell; -ENOMEM.
 */
int dmv_kabi_check(const DmvModuleSymbols *m, const DmvKabi *own, const DmvKabi *kernel, DmvKabiReport *ret,
                   DmvError *reterr);

#endif
