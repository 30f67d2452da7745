/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small real ELF modules for tests, made by the compiler: .modinfo, a build-id, and .note.XenServer when
 * asked for. */
#ifndef DMV_TESTS_KOMOD_H
#define DMV_TESTS_KOMOD_H

#include "scratch.h"

typedef struct Komod {
    const char *name;     /* "ice" */
    const char *version;  /* NULL: none */
    const char *vermagic; /* NULL: "6.1.0-test SMP mod_unload " */
    const char *aliases[8];
    const char *depends;  /* "" when NULL */
    const char *firmware; /* one file, or NULL */
    const char *note_variant,
        *note_version;      /* .note.XenServer, namesz 9 as the vendor's generator writes it */
    const char *needs[4];   /* symbols of __versions, each "NAME=CRC" */
    unsigned char build_id; /* every one of its 20 bytes; 0: no note */
} Komod;

/* Compiles @k to <scratch>/<path>. Failures end the test. */
void komod_build(const Scratch *s, const char *path, const Komod *k);
/* Signs <scratch>/<path> in place with a fresh key, by the kernel's own sign-file. */
void komod_sign(const Scratch *s, const char *path, const char *common_name);

#endif
