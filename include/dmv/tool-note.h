/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ELF note by which our driver-tool is told from a program that somebody else put in its place. It says
 * who the file claims to be, and proves nothing.
 */
#ifndef DMV_TOOL_NOTE_H
#define DMV_TOOL_NOTE_H

#include <stdint.h>

typedef struct DmvToolNote {
    uint32_t name_size, description_size, type;
    char name[4];
    char description[12];
} DmvToolNote;

#define DMV_TOOL_NOTE_SECTION ".note.dmv"
#define DMV_TOOL_NOTE                                                                                  \
    {                                                                                                  \
        .name_size = 4, .description_size = 12, .type = 1, .name = "dmv", .description = "driver-tool" \
    }

#endif
