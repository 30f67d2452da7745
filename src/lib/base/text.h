/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text, lists of text, and growing arrays: the few things that every room needs.
 */
#ifndef DMV_BASE_TEXT_H
#define DMV_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

/* A text that grows. {0} is empty and ready. After a failed append it stays failed, so that callers check
 * once. */
typedef struct DmvText {
    char *data; /* NUL-terminated once anything was appended */
    size_t size, allocated;
    int error; /* 0 or -ENOMEM */
} DmvText;

void dmv_text_append(DmvText *t, const char *s);
void dmv_text_append_bytes(DmvText *t, const void *data, size_t size);
void dmv_text_appendf(DmvText *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * dmv_text_take() - the finished text
 * @t: the text; empty again afterwards
 * @ret: where to put it, owned by the caller
 * @ret_size: its length without the NUL, may be NULL
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_text_take(DmvText *t, char **ret, size_t *ret_size);
void dmv_text_deinit(DmvText *t);
#define DMV_CLEANUP_TEXT DMV_CLEANUP(dmv_text_deinit)

/* A formatted text, owned by the caller; NULL for lack of memory. For functions that take a format
 * themselves. */
char *dmv_vformat(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

/* A NULL-terminated list of strings; NULL is an empty list. */
size_t dmv_strv_length(char *const *v);
bool dmv_strv_contains(char *const *v, const char *s);
/* Have two lists a string in common? */
bool dmv_strv_meet(char *const *a, char *const *b);
/* Appends a copy of @s. Return: 0, or -ENOMEM. */
int dmv_strv_push(char ***v, const char *s);
/* Appends a copy of @s unless it is there already. Return: 0, or -ENOMEM. */
int dmv_strv_push_unique(char ***v, const char *s);
/* The same for a text that is formatted. Return: 0, or -ENOMEM. */
int dmv_strv_pushf_unique(char ***v, const char *format, ...) __attribute__((format(printf, 2, 3)));
int dmv_strv_copy(char *const *v, char ***ret);
void dmv_strv_sort(char **v);
/* Sorts, and frees what stands there twice. */
void dmv_strv_sort_unique(char **v);
char **dmv_strv_free(char **v);
static inline void dmv_cleanup_strv(char ***v)
{
    *v = dmv_strv_free(*v);
}
#define DMV_CLEANUP_STRV DMV_CLEANUP(dmv_cleanup_strv)

/**
 * dmv_array_grow() - make room for one more element, zeroed
 * @items: pointer to the array's pointer
 * @n: pointer to the number of elements; incremented on success
 * @size: size of one element in bytes
 *
 * The array grows in powers of two, so appending is amortised constant.
 *
 * Return: the new element, or NULL for lack of memory (nothing is changed then).
 */
void *dmv_array_grow(void *items, size_t *n, size_t size);

#define DMV_ARRAY_ADD(array, n) ((__typeof__(array))dmv_array_grow(&(array), &(n), sizeof(*(array))))

/* strcmp() with NULL before everything. */
int dmv_strcmp0(const char *a, const char *b);
static inline bool dmv_streq(const char *a, const char *b)
{
    return dmv_strcmp0(a, b) == 0;
}
/* strcmp() for kernel releases and versions: runs of digits count as numbers, so 6.1.0-9 comes
 * before 6.1.0-10; what only differs in leading zeros is ordered as text. */
int dmv_compare_releases(const char *a, const char *b);
bool dmv_starts_with(const char *s, const char *prefix);
bool dmv_ends_with(const char *s, const char *suffix);

/* Sets *@p to a copy of @s (NULL clears). Return: 0, or -ENOMEM (nothing is changed then). */
int dmv_set_string(char **p, const char *s);

/**
 * dmv_name_is_valid() - may this be the name of a driver, a variant, a version or a stream?
 *
 * `[A-Za-z0-9][A-Za-z0-9_.+~-]{0,63}`: safe as a component of a path, in a file of depmod and in a line of a
 * table.
 */
bool dmv_name_is_valid(const char *s);

/* The same for the release string of a kernel, which may hold up to 127 characters. */
bool dmv_kernel_name_is_valid(const char *s);

/* `[A-Za-z0-9_][A-Za-z0-9_-]{0,63}`: the name of a kernel module. */
bool dmv_module_name_is_valid(const char *s);

/**
 * dmv_relative_path_is_valid() - is this a plain relative path below some folder?
 *
 * Not empty, at most 1024 bytes, printable ASCII without backslash, no empty component, no "." or "..", no
 * leading or trailing slash.
 */
bool dmv_relative_path_is_valid(const char *s);

/**
 * dmv_module_name_from_file() - the kernel's name of a module file
 * @path: a path such as "updates/snd-hda.ko.xz"
 * @name: receives "snd_hda" (dashes become underscores)
 * @size: size of @name in bytes
 *
 * Return: true, or false if this is no .ko, .ko.gz, .ko.xz or .ko.zst or the name does not fit.
 */
bool dmv_module_name_from_file(const char *path, char *name, size_t size);

/* Like strcmp() for names of modules: '-' and '_' are the same. */
bool dmv_module_name_equal(const char *a, const char *b);

/* Writes 2 x @n lower-case hex digits and a NUL. */
void dmv_hex(const uint8_t *data, size_t n, char *ret);
bool dmv_is_hex(const char *s, size_t length);

/* A copy of @s with everything that is not printable UTF-8 replaced by '?'; for text from sysfs, modules,
 * tools. */
char *dmv_sanitize(const char *s);

/* Parses a decimal number without sign, blanks or leading zeros. Return: 0, -EINVAL, or -ERANGE above @max.
 */
int dmv_parse_u64(const char *s, uint64_t max, uint64_t *ret);

/**
 * dmv_parse_time() - a time written exactly as YYYY-MM-DDTHH:MM:SSZ
 * @s: the text
 * @ret: seconds since the epoch, UTC
 *
 * Return: 0, or -EINVAL for any other form or an impossible date.
 */
int dmv_parse_time(const char *s, int64_t *ret);
/* Writes that form. @ret holds 21 bytes. */
void dmv_format_time(int64_t t, char ret[21]);

/* Human size such as "1.4 MiB". @ret holds 16 bytes. */
void dmv_format_bytes(uint64_t n, char ret[16]);

#endif
