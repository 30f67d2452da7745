/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Module.symvers. See symvers.h. */
#include "symvers.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

#define MIN_COLUMNS 3 /* before 2.6.18 there was no kind of export */
#define MAX_COLUMNS 5
#define PROVIDER_MAX 1024

typedef struct Column {
    const char *text;
    size_t size;
} Column;

/* Return: how many columns, or MAX_COLUMNS + 1 if there are more. */
static size_t split(const char *line, size_t size, Column columns[MAX_COLUMNS])
{
    size_t n = 0;

    for (;;) {
        const char *tab = memchr(line, '\t', size);
        size_t width = tab ? (size_t)(tab - line) : size;

        if (n == MAX_COLUMNS)
            return n + 1;
        columns[n++] = (Column){line, width};
        if (!tab)
            return n;
        line += width + 1;
        size -= width + 1;
    }
}

/* "0x" and up to 16 digits: old kernels wrote 64 bits, of which 32 count. */
static bool parse_crc(const Column *c, uint32_t *ret)
{
    uint64_t value = 0;

    if (c->size < 3 || c->size > 18 || c->text[0] != '0' || c->text[1] != 'x')
        return false;
    for (size_t i = 2; i < c->size; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, c->text[i], 16);

        if (!digit)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *ret = (uint32_t)value;
    return value <= UINT32_MAX;
}

/* The module as it calls itself: "net/vmw_vsock/vsock" is vsock. */
static bool parse_provider(const Column *columns, size_t n, char ret[PROVIDER_MAX])
{
    static const char kind[] = "EXPORT_";
    bool namespace_third = n == MAX_COLUMNS && columns[4].size >= sizeof(kind) - 1 &&
                           memcmp(columns[4].text, kind, sizeof(kind) - 1) == 0;
    const Column *c = &columns[namespace_third ? 3 : 2];
    const char *slash = memrchr(c->text, '/', c->size);
    const char *name = slash ? slash + 1 : c->text;
    size_t size = c->size - (size_t)(name - c->text);

    if (size == 0 || size >= PROVIDER_MAX || !dmv_kabi_symbol_is_valid(c->text, c->size))
        return false;
    memcpy(ret, name, size);
    ret[size] = '\0';
    return true;
}

/* Return: 0, DMV_MALFORMED, -ENOMEM. */
static int parse_line(const char *line, size_t size, DmvKabi *k)
{
    Column columns[MAX_COLUMNS];
    size_t n = split(line, size, columns);
    char provider[PROVIDER_MAX], name[DMV_SYMBOL_NAME_MAX + 1];
    uint32_t crc, known;

    if (n < MIN_COLUMNS || n > MAX_COLUMNS || !parse_crc(&columns[0], &crc) ||
        !dmv_kabi_symbol_is_valid(columns[1].text, columns[1].size) || !parse_provider(columns, n, provider))
        return DMV_MALFORMED;
    memcpy(name, columns[1].text, columns[1].size);
    name[columns[1].size] = '\0';
    if (dmv_kabi_find(k, name, &known, NULL))
        return known == crc ? 0 : DMV_MALFORMED;
    return dmv_kabi_add(k, name, columns[1].size, crc, DMV_KABI_EXPORT, provider);
}

int dmv_symvers_parse(const char *data, size_t size, DmvKabi **ret, DmvError *reterr)
{
    static const char what[] = "the list of exported symbols cannot be used";
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    int r = dmv_kabi_new(&k);

    if (size == 0)
        return dmv_error_set(reterr, DMV_EMPTY, what, NULL, "it is empty");
    for (size_t line = 1; r == 0 && size > 0; line++) {
        const char *end = memchr(data, '\n', size);

        r = end ? parse_line(data, (size_t)(end - data), k) : DMV_MALFORMED;
        if (r > 0)
            return dmv_error_set(reterr, r, what, NULL, "line %zu is malformed", line);
        if (r < 0)
            break;
        size -= (size_t)(end - data) + 1;
        data = end + 1;
    }
    if (r < 0)
        return r;
    dmv_kabi_set_complete(k, true);
    *ret = DMV_TAKE_PTR(k);
    return 0;
}
