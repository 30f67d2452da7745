/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Headers of the cpio format "newc". See cpio.h. */
#include "model/cpio.h"

#include <string.h>

#include "dmv/outcome.h"

#define MAGIC_SIZE 6
#define FIELD_SIZE 8
#define ALIGNMENT 4

/* In the order of the header. */
enum {
    FIELD_INO,
    FIELD_MODE,
    FIELD_UID,
    FIELD_GID,
    FIELD_N_LINKS,
    FIELD_MTIME,
    FIELD_SIZE_OF_BODY,
    FIELD_DEV_MAJOR,
    FIELD_DEV_MINOR,
    FIELD_RDEV_MAJOR,
    FIELD_RDEV_MINOR,
    FIELD_SIZE_OF_NAME,
    FIELD_CHECKSUM,
    N_FIELDS,
};
_Static_assert(MAGIC_SIZE + N_FIELDS * FIELD_SIZE == DMV_CPIO_HEADER, "fields fill the header");

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int dmv_cpio_header_parse(const char *bytes, DmvCpioHeader *ret)
{
    uint32_t fields[N_FIELDS] = {0};

    if (memcmp(bytes, "070701", MAGIC_SIZE) != 0 && memcmp(bytes, "070702", MAGIC_SIZE) != 0)
        return DMV_MALFORMED;
    for (size_t i = 0; i < (size_t)N_FIELDS * FIELD_SIZE; i++) {
        int d = digit(bytes[MAGIC_SIZE + i]);

        if (d < 0)
            return DMV_MALFORMED;
        fields[i / FIELD_SIZE] = fields[i / FIELD_SIZE] << 4 | (uint32_t)d;
    }
    *ret = (DmvCpioHeader){
        .ino = fields[FIELD_INO],
        .mode = fields[FIELD_MODE],
        .n_links = fields[FIELD_N_LINKS],
        .dev_major = fields[FIELD_DEV_MAJOR],
        .dev_minor = fields[FIELD_DEV_MINOR],
        .size = fields[FIELD_SIZE_OF_BODY],
        .name_size = fields[FIELD_SIZE_OF_NAME],
    };
    return 0;
}

static size_t padding(uint64_t n)
{
    return (size_t)(-n & (ALIGNMENT - 1));
}

size_t dmv_cpio_name_padding(const DmvCpioHeader *h)
{
    return padding((uint64_t)DMV_CPIO_HEADER + h->name_size);
}

size_t dmv_cpio_body_padding(const DmvCpioHeader *h)
{
    return padding(h->size);
}
