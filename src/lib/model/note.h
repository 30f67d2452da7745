/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ELF notes of a module: the vendor's variant note and the build-id.
 *
 * Section .note.XenServer holds records {u32 namesz, u32 descsz, u32 type} + name + desc, each padded to 4
 * bytes; type 1 is the variant, 2 the version, 3 the release. The vendor's generator writes namesz 9 (no
 * NUL), others 10.
 */
#ifndef DMV_MODEL_NOTE_H
#define DMV_MODEL_NOTE_H

#include <stddef.h>

#include "dmv/outcome.h"

typedef struct DmvNote {
    char *variant, *version, *release; /* NULL where the record is missing */
} DmvNote;

/* Bytes of a .note.XenServer section. Return: 0; DMV_MALFORMED (what was read before stays out); -ENOMEM. */
int dmv_note_parse(const void *data, size_t size, DmvNote *ret);
void dmv_note_deinit(DmvNote *n);
/* Bytes of a .note.gnu.build-id section to lower-case hex. Return: 0; DMV_MALFORMED; -ENOMEM. */
int dmv_build_id_parse(const void *data, size_t size, char **ret_hex);
/* The section that says this, little endian, namesz 10. Return: 0; -EINVAL above 255 bytes a value; -ENOMEM.
 */
int dmv_note_format(const DmvNote *n, void **ret, size_t *ret_size);

#endif
