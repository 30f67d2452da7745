/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ELF notes, read and written as bytes.
 *
 * The bytes come from files that anybody may have made and from the running kernel, so every length is
 * checked against what is left before it is used. A record of a kind that is not known is passed over:
 * vendors add some.
 */
#include "note.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define VALUE_MAX ((size_t)255)
#define BUILD_ID_MAX ((size_t)64)
#define ALIGNED(n) (((n) + 3) & ~(size_t)3)

static const char vendor_name[] = "XenServer";
enum { NOTE_VARIANT = 1, NOTE_VERSION = 2, NOTE_RELEASE = 3 };

typedef struct Record {
    const char *name, *desc;
    size_t name_size, desc_size;
    uint32_t type;
} Record;

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Cuts @want bytes and their padding off the front; the padding of the last field may be missing. */
static const char *cut(const uint8_t **p, size_t *left, size_t want)
{
    const char *at = (const char *)*p;
    size_t padded;

    if (want > *left)
        return NULL;
    padded = ALIGNED(want);
    if (padded > *left)
        padded = *left;
    *p += padded;
    *left -= padded;
    return at;
}

/* Return: 1 with a record; 0 at the end; -EBADMSG for a record that does not fit. */
static int next_record(const uint8_t **p, size_t *left, Record *ret)
{
    uint32_t head[3];

    if (*left < sizeof(head))
        return all_zero(*p, *left) ? 0 : -EBADMSG;
    memcpy(head, *p, sizeof(head));
    *p += sizeof(head);
    *left -= sizeof(head);
    *ret = (Record){.name_size = le32toh(head[0]), .desc_size = le32toh(head[1]), .type = le32toh(head[2])};
    ret->name = cut(p, left, ret->name_size);
    ret->desc = ret->name ? cut(p, left, ret->desc_size) : NULL;
    return ret->desc ? 1 : -EBADMSG;
}

/* The vendor's generator leaves the NUL out of the name's size, others count it. */
static bool is_vendor_record(const Record *r)
{
    size_t n = sizeof(vendor_name) - 1;

    return (r->name_size == n || (r->name_size == n + 1 && r->name[n] == '\0')) &&
           memcmp(r->name, vendor_name, n) == 0;
}

static int take_value(const Record *r, char **value)
{
    DMV_CLEANUP_FREE char *clean = NULL;

    if (r->desc_size < 2 || r->desc_size > VALUE_MAX + 1 || r->desc[r->desc_size - 1] != '\0' ||
        strlen(r->desc) == 0)
        return DMV_MALFORMED;
    clean = dmv_sanitize(r->desc);
    if (!clean)
        return -ENOMEM;
    if (*value) /* several objects of one module may carry the note, but they have to agree */
        return strcmp(*value, clean) == 0 ? 0 : DMV_MALFORMED;
    *value = DMV_TAKE_PTR(clean);
    return 0;
}

static int take_record(const Record *r, DmvNote *note)
{
    if (!is_vendor_record(r))
        return 0;
    switch (r->type) {
    case NOTE_VARIANT:
        return take_value(r, &note->variant);
    case NOTE_VERSION:
        return take_value(r, &note->version);
    case NOTE_RELEASE:
        return take_value(r, &note->release);
    default:
        return 0;
    }
}

int dmv_note_parse(const void *data, size_t size, DmvNote *ret)
{
    DMV_CLEANUP(dmv_note_deinit) DmvNote note = {0};
    const uint8_t *p = data;
    Record record;
    int r;

    while ((r = next_record(&p, &size, &record)) > 0) {
        int taken = take_record(&record, &note);

        if (taken != 0)
            return taken;
    }
    if (r < 0)
        return DMV_MALFORMED;
    *ret = note;
    note = (DmvNote){0};
    return 0;
}

void dmv_note_deinit(DmvNote *n)
{
    free(n->variant);
    free(n->version);
    free(n->release);
    *n = (DmvNote){0};
}

int dmv_build_id_parse(const void *data, size_t size, char **ret_hex)
{
    const uint8_t *p = data;
    Record record;

    while (next_record(&p, &size, &record) > 0) {
        char *hex;

        if (record.type != NT_GNU_BUILD_ID || record.name_size != sizeof(ELF_NOTE_GNU) ||
            memcmp(record.name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) != 0)
            continue;
        if (record.desc_size == 0 || record.desc_size > BUILD_ID_MAX)
            return DMV_MALFORMED;
        hex = malloc(2 * record.desc_size + 1);
        if (!hex)
            return -ENOMEM;
        dmv_hex((const uint8_t *)record.desc, record.desc_size, hex);
        *ret_hex = hex;
        return 0;
    }
    return DMV_MALFORMED;
}

/* ---- writing ---- */

static void append_padded(DmvText *t, const void *data, size_t size)
{
    static const char zeros[4];

    dmv_text_append_bytes(t, data, size);
    dmv_text_append_bytes(t, zeros, ALIGNED(size) - size);
}

static int append_record(DmvText *t, uint32_t type, const char *value)
{
    uint32_t head[3];

    if (!value)
        return 0;
    if (!value[0] || strlen(value) > VALUE_MAX)
        return -EINVAL;
    head[0] = htole32((uint32_t)sizeof(vendor_name));
    head[1] = htole32((uint32_t)strlen(value) + 1);
    head[2] = htole32(type);
    dmv_text_append_bytes(t, head, sizeof(head));
    append_padded(t, vendor_name, sizeof(vendor_name));
    append_padded(t, value, strlen(value) + 1);
    return 0;
}

int dmv_note_format(const DmvNote *n, void **ret, size_t *ret_size)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    char *bytes = NULL;
    int r = append_record(&t, NOTE_VARIANT, n->variant);

    if (r == 0)
        r = append_record(&t, NOTE_VERSION, n->version);
    if (r == 0)
        r = append_record(&t, NOTE_RELEASE, n->release);
    if (r == 0)
        r = dmv_text_take(&t, &bytes, ret_size);
    if (r == 0)
        *ret = bytes;
    return r;
}
